"""The pages of what plugins rely on: hooks with their values, and what changed of them."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator

from huracan import API_VERSION, OLDEST_API
from huracan import types as values
from huracan.plugin import spec
from huracan.plugin.changes import Release, read_changes, recorded
from huracan.plugin.deprecations import DEPRECATIONS
from huracan.plugin.manager import Plugins
from rendered.parts import NOTE, ROOT, as_markdown

__all__ = ["changes_page", "hooks_page"]

CHANGES_INTRODUCTION = """\
The contract between Huracan and plugins: hooks, the values of `huracan.types`, and what plugins are handed (`Context`,
`Candles`, remote stores). Every change of it stands here with the release and the plugin API that brought it; a test
compares this with the code.

A plugin says which versions it is made for (`HURACAN_API`, [how](../../plugins/README.md#versions)). The number goes up
when something went, changed its meaning or is newly asked for. What only came disturbs nobody.
"""


def hooks_page(plugins: Plugins) -> str:
    """Return every hook with its signature, what its docstring says, its value's fields and its bundled users."""
    parts = [
        f"# Hooks\n\n{NOTE}\n"
        "A plugin is an installed package with an entry point in the group `huracan`; it implements the hooks it\n"
        "needs, each marked with `@hookimpl`.\n"
        "[plugins/README.md](../../plugins/README.md) says what all plugins have in common,\n"
        "[hook-changes.md](hook-changes.md) since when each part is as it is.\n"
    ]
    infos = plugins.infos()
    for name, function in hooks():
        returned = str(inspect.signature(function).return_annotation)
        value = getattr(values, re.sub(r".*\[(\w+)\]", r"\1", returned))
        users = ", ".join(f"`{info.name}`" for info in infos if name in info.hooks)
        parts.append(
            f"## {name}\n\n```python\n{name}() -> {returned}\n```\n\n{as_markdown(function)}\n\n"
            f"[How to write one]({how_to(name)}). Bundled plugins that use it: {users or 'none'}.\n\n"
            + "\n".join(
                f"`{kind.__name__}`: {as_markdown(kind)}\n\n| field | type | default |\n| --- | --- | --- |\n"
                + "".join(_fields(kind))
                for kind in _kinds(value)
            )
        )
    return "\n".join(parts)


def how_to(hook: str) -> str:
    """Return the page that shows how a hook is used, seen from docs/reference: ``huracan_jobs`` has job.md."""
    name = hook.removeprefix("huracan_").replace("_", "-")
    return f"../how-to/plugins/{name if name == 'settings' else name.removesuffix('s')}.md"


def hooks() -> list[tuple[str, Callable[..., object]]]:
    """Return the hooks of spec.py in their order."""
    return [(name, function) for name, function in vars(spec).items() if name.startswith("huracan_")]


def _kinds(value: type) -> list[type]:
    """Return a value's class and those that are made of it; the class that slots=True replaced may still be about."""
    return list(dict.fromkeys(getattr(values, kind.__name__) for kind in (value, *value.__subclasses__())))


def _fields(value: type) -> Iterator[str]:
    for field in dataclasses.fields(value):
        default = "" if field.default is dataclasses.MISSING else f"`{_default(field.default)}`"
        kind = str(field.type).replace("|", "\\|")
        yield f"| `{field.name}` | `{kind}` | {default} |\n"


def _default(default: object) -> str:
    return repr(default.value) if isinstance(default, values.Severity | values.MarketKind) else repr(default)


# ---------------------------------------------------------------------------------------------- changes of the contract


def changes_page() -> str:
    """Return what is deprecated, what each release changed, and since when each part is as it is."""
    releases = read_changes((ROOT / "docs" / "reference" / "hook-changes.yaml").read_text("utf-8"))
    parts = [
        f"# Changes of hooks\n\n{NOTE}\n{CHANGES_INTRODUCTION}\n"
        f"This engine serves plugin API {_served()}.\n\n## Deprecated\n\n{_deprecated()}"
    ]
    parts += [_release(release) for release in reversed(releases[1:])]
    first = releases[0]
    parts.append(f"## {first.release}: plugin API {first.api}\n\n{first.says} What it had is in the last table.\n")
    rows = "".join(
        f"| `{name}` | {_cell(part.form)} | {part.came.release} | {part.changed.release if part.changed else ''} |\n"
        for name, part in sorted(recorded(releases).items(), key=lambda each: _place(each[0]))
    )
    head = "## Every part, and since when\n\n| part | form | came | changed |\n| --- | --- | --- | --- |\n"
    return "\n".join([*parts, head + rows])


def _served() -> str:
    return str(API_VERSION) if OLDEST_API == API_VERSION else f"{OLDEST_API} to {API_VERSION}"


def _deprecated() -> str:
    if not DEPRECATIONS:
        return "Nothing at present.\n"
    rows = (f"| `{each.name}` | {each.since} | plugin API {each.removal} | {each.instead} |\n" for each in DEPRECATIONS)
    return "| what | since | goes with | instead |\n| --- | --- | --- | --- |\n" + "".join(rows)


def _release(release: Release) -> str:
    """Return what a release changed. That a value has more fields is told by the fields that came."""
    rows = [f"| came | `{name}` | {_cell(form)} |\n" for name, form in release.came.items()]
    rows += [f"| changed | `{name}` | {_cell(form)} |\n" for name, form in release.changed.items()]
    rows += [f"| went | `{name}` |  |\n" for name in release.went]
    head = f"## {release.release}: plugin API {release.api}\n\n{release.says}\n"
    return f"{head}\n|  | what | form |\n| --- | --- | --- |\n{''.join(rows)}" if rows else head


def _cell(form: str) -> str:
    escaped = form.replace("|", "\\|")
    return f"`{escaped}`"


def _place(name: str) -> tuple[bool, str]:
    """Hooks first, then values by name."""
    return not name.startswith("huracan_"), name.partition(".")[0]
