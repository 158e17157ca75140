"""Runs a page of the documents as somebody who follows it: files are written, commands typed, in one shell.

In a block of ``console`` a line with ``$ `` is typed (``> `` goes on with it), and the lines below are what it shows.
There ``...`` stands for any lines and ``…`` for any text within one; spaces count as one, empty lines for nothing, and
where nothing is shown nothing is compared. A command has to end well unless the next one is ``echo $?``. Blocks that
begin with ``# path/to/file`` are files.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from documents import Block

__all__ = ["Typed", "differs", "follow", "typed_in"]

ASK_FOR_CODE = "echo $?"
_BEGIN, _END = "\x1e", "\x1f"


@dataclass(frozen=True)
class Typed:
    """A command of a page: the line of its block, what is typed, and what the page shows below it."""

    line: int
    command: str
    shown: str


def typed_in(block: Block) -> Iterator[Typed]:
    """Yield the commands of a block of ``console``."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        more = 1
        while more < len(lines) and lines[more].startswith("> "):
            more += 1
        command = "\n".join([lines[0], *(line[2:] for line in lines[1:more])])
        yield Typed(block.line, command, "\n".join(lines[more:]).strip())


def follow(
    blocks: Iterable[Block], folder: Path, environment: Mapping[str, str], *, seconds: float
) -> list[tuple[Typed, int, str]]:
    """Follow the blocks in a folder, and return each command with its exit code and what it showed."""
    script, commands = [], []
    for block in blocks:
        if block.file:
            name, text = shlex.quote(block.file), shlex.quote(block.text)
            script.append(f'mkdir -p "$(dirname {name})"; printf %s {text} > {name}')
        for each in typed_in(block) if block.kind == "console" else ():
            commands.append(each)
            # What `echo $?` asks for is the code of the command before it.
            script.append(f"printf '{_BEGIN}'; (exit ${{code:-0}})\n{each.command}\ncode=$?; printf '{_END}%d' $code")
    done = subprocess.run(
        ["bash", "-c", "\n".join(["exec 2>&1", *script])], cwd=folder, env=dict(environment), capture_output=True,
        text=True, check=False, timeout=seconds,
    )  # fmt: skip
    found = re.findall(f"{_BEGIN}(.*?){_END}(\\d+)", done.stdout, flags=re.DOTALL)
    assert len(found) == len(commands), f"the shell ended early:\n{done.stdout}{done.stderr}"
    return [(each, int(code), said) for each, (said, code) in zip(commands, found, strict=True)]


def differs(followed: list[tuple[Typed, int, str]]) -> list[str]:
    """Return a text for each command that ended badly, or showed something else than its page says."""
    found = []
    for number, (each, code, said) in enumerate(followed):
        asked = number + 1 < len(followed) and followed[number + 1][0].command == ASK_FOR_CODE
        if code and not asked:
            found.append(f"line {each.line}: `{each.command}` ended with {code}:\n{said}")
        elif each.shown and not _pattern(each.shown).fullmatch(_plain(said)):
            found.append(f"line {each.line}: `{each.command}` is to show\n{each.shown}\nand showed\n{said}")
    return found


def _plain(text: str) -> str:
    """Return a text with one space for many, without empty lines."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def _pattern(shown: str) -> re.Pattern[str]:
    parts = []
    for line in _plain(shown).splitlines():
        if line == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*?".join(map(re.escape, line.split("…"))) + r"\n")
    return re.compile("".join(parts))
