"""``huracan plugins check``: the rules of the test kit, asked of a plugin as it is installed here."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, show_json
from huracan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from huracan.testing.matrix import Checked
    from huracan.testing.rules import RuleResult

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this sub-command."""
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON instead of a table")
    parser.add_argument("name", metavar="NAME", help="a plugin of `huracan plugins`")
    parser.add_argument(
        "--skip", action="append", default=[], metavar="RULE=REASON",
        help="do not ask this rule, and say why not, as `P4=\"needs numpy in a hook\"`; repeatable",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Ask every rule, print how each went, and return 3 where one is broken."""
    _require(arguments.name)
    checked = _check(arguments, _reasons(arguments.skip))
    code = ExitCode.PARTLY_FAILED if any(_broken(each) for each in checked) else ExitCode.DONE
    if arguments.json:
        show_json({"plugin": arguments.name, "exit_code": int(code), "checked": [_as_json(each) for each in checked]})
    else:
        _print(console(arguments), arguments.name, checked)
    return int(code)


def _require(name: str) -> None:
    """Raise UsageError for a name that no plugin has, or more than one."""
    from huracan.plugin.installed import installed
    from huracan.settings_sources import nearest

    names = [each.name for each in installed()]
    if name not in names:
        raise UsageError(f"no plugin {name!r} is installed{nearest(name, names)}")
    if names.count(name) > 1:
        raise UsageError(f"{names.count(name)} plugins are called {name!r}; remove one (`huracan plugins` names both)")


def _reasons(given: Sequence[str]) -> dict[str, str]:
    reasons = {}
    for each in given:
        rule, equals, why = each.partition("=")
        if not (rule.strip() and equals and why.strip()):
            raise UsageError(
                f"--skip {each!r} has no reason; write --skip {rule.strip() or 'P4'}='why it is not asked'"
            )
        reasons[rule.strip()] = why.strip()
    return reasons


def _check(arguments: argparse.Namespace, reasons: Mapping[str, str]) -> list[Checked]:
    from huracan.testing.matrix import check_all

    found = []
    screen = console(arguments, stderr=True)
    try:
        with screen.status(f"plugin {arguments.name}: its rules are asked") as status:
            for each in check_all(arguments.name, skip=reasons):
                found.append(each)
                status.update(f"{each.subject} was checked")
    except ValueError as error:
        if not str(error).startswith("no such rule"):
            raise
        raise UsageError(f"--skip: {error}; the rules have names like P4, see docs/reference/testing.md") from None
    return found


def _broken(checked: Checked) -> int:
    return sum(bool(each.failed) for each in checked.results)


# ------------------------------------------------------------------------------------------------------------- showing


def _stands(result: RuleResult) -> tuple[str, str]:
    """Return how a rule went, in a word, and why."""
    if result.failed:
        return "failed", result.failed
    return ("skipped", result.skipped) if result.skipped else ("ok", "")


def _as_json(checked: Checked) -> dict[str, Any]:
    rules = []
    for each in checked.results:
        state, why = _stands(each)
        rules.append({"rule": each.rule, "title": each.title, "state": state, "why": why or None})
    return {"subject": checked.subject, "skipped": checked.skipped or None, "rules": rules}


def _print(screen: Console, name: str, checked: Sequence[Checked]) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table, state

    for each in checked:
        if each.skipped:
            screen.print(Text.assemble((each.subject, "bold"), "  ", state("skipped"), f"  {each.skipped}"))
            screen.print()
            continue
        table = make_table(("rule", "state", "what must hold", "why"), wide="why", title=each.subject)
        for result in each.results:
            word, why = _stands(result)
            table.add_row(result.rule, state(word), result.title, Text(why, style="red" if result.failed else ""))
        screen.print(table)
        screen.print()
    results = [result for each in checked for result in each.results]
    broken = sum(map(_broken, checked))
    skipped = sum(bool(each.skipped) for each in results) + sum(bool(each.skipped) for each in checked)
    line = f"plugin {name}: {len(results)} rules of {len(checked)} things, {broken} broken, {skipped} skipped"
    screen.print(Text(line, style="bold red" if broken else "bold green"))
