"""Telegram's HTML as its servers read it: which tags there are, how they nest, how long the text is without them.

Source: core.telegram.org/bots/api#html-style. The wording of the errors is that of the real server.
"""

from __future__ import annotations

import html
import re

__all__ = ["EntityError", "parse_html", "utf16_length"]

_TAGS = {
    "b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "span", "tg-spoiler", "a", "code", "pre", "blockquote",
    "tg-emoji",
}  # fmt: skip
_TOKEN = re.compile(r"<(/?)([a-zA-Z-]*)([^>]*)>|<|&(#?\w+);|&")
_KNOWN_NAMES = {"lt", "gt", "amp", "quot"}


class EntityError(Exception):
    """What the server says of text that it cannot parse."""


def utf16_length(text: str) -> int:
    """Return the length as Telegram counts it: in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def parse_html(text: str) -> str:
    """Return the text without its tags. Raises EntityError as the server answers."""
    out: list[str] = []
    open_tags: list[str] = []
    at = 0
    for token in _TOKEN.finditer(text):
        out.append(text[at : token.start()])
        at = token.end()
        closing, name, rest, entity = token.group(1), token.group(2), token.group(3), token.group(4)
        if token.group() == "<":
            raise EntityError(f"Unclosed start tag at byte offset {token.start()}")
        if token.group().startswith("&"):
            known = entity is not None and (entity in _KNOWN_NAMES or entity.startswith("#"))
            out.append(html.unescape(token.group()) if known else token.group())
        elif closing:
            if not open_tags or open_tags.pop() != name.lower():
                raise EntityError(f'Unmatched end tag at byte offset {token.start()}, found "</{name}>"')
        else:
            _check(name.lower(), rest, token.start())
            open_tags.append(name.lower())
    out.append(text[at:])
    if open_tags:
        raise EntityError(f'Can\'t find end tag corresponding to start tag "{open_tags[-1]}"')
    return "".join(out)


def _check(name: str, rest: str, offset: int) -> None:
    if name not in _TAGS:
        raise EntityError(f'Unsupported start tag "{name}" at byte offset {offset}')
    if rest.strip() and "=" not in rest and not (name == "blockquote" and rest.strip() == "expandable"):
        raise EntityError(f'Expected equal sign in declaration of an attribute of the tag "{name}"')
