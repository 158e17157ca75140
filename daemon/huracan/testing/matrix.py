"""``check_all``: an installed plugin against the whole kit, ``check_plugin`` and the check of each thing it brings.

What cannot be checked without something outside (the other side of a channel, an account) is skipped, and says what it
needs: such a check belongs into the plugin's own tests, where the other side can be played.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.errors import HuracanError
from huracan.plugin.installed import own_plugins
from huracan.testing.plugin_rules.running import DAY
from huracan.testing.plugin_rules.subject import KINDS, Subject, find
from huracan.testing.plugins import check_plugin
from huracan.testing.rules import NotAskedError, RuleResult

__all__ = ["Checked", "check_all"]

ANSWER_SECONDS = 20.0
_BUNDLED = "comes with Huracan itself: the two cannot differ"
_ENTRIES, _BIG = 1000, 16 * 1024 * 1024
"""Smaller than in tests of a store: an owner waits for it."""

_LETTERS: Mapping[str, str] = {
    "huracan_features": "F", "huracan_trainers": "T", "huracan_gates": "G", "huracan_universe_rules": "V",
    "huracan_exports": "E", "huracan_exchanges": "X", "huracan_remotes": "R", "huracan_notifiers": "N",
}  # fmt: skip
"""Hooks whose values have a check of their own, by the letter of its rules."""


@dataclass(frozen=True, slots=True)
class Checked:
    """How the rules of one thing went (``plugin mine``, ``gate cheap``), or why none of them was asked."""

    subject: str
    results: tuple[RuleResult, ...] = ()
    skipped: str = ""


def check_all(plugin: str, *, skip: Mapping[str, str] | None = None) -> Iterator[Checked]:
    """Hold an installed plugin, and each thing that it brings, against every rule; yield what came of each.

    ``skip`` names rules that are not asked, each with a reason. Raises ValueError where none, or more than one, plugin
    has the name, and at the end where a name in ``skip`` is no rule that was asked.
    """
    subject = Subject(find(plugin), ANSWER_SECONDS)
    reasons = {"P8": _BUNDLED} | dict(skip or {}) if subject.is_bundled else dict(skip or {})
    results = check_plugin(plugin, skip=_of_letter(reasons, "P"))
    yield Checked(f"plugin {plugin}", tuple(results))
    letters = {"P"}
    if not any(each.failed for each in results if each.rule in ("P1", "P7", "P11")):
        with ExitStack() as stack:
            matrix = _Matrix(subject, reasons, stack)
            letters |= {_LETTERS[hook] for hook in matrix.hooks()}
            yield from matrix.check()
    if unknown := [rule for rule in reasons if rule[:1] not in letters]:
        raise ValueError(f"no such rule: {', '.join(sorted(unknown))}")


def _of_letter(reasons: Mapping[str, str], letter: str) -> dict[str, str]:
    return {rule: why for rule, why in reasons.items() if rule.startswith(letter)}


@dataclass
class _Matrix:
    """The things that a plugin brings, and what they are checked in."""

    subject: Subject
    skip: Mapping[str, str]
    stack: ExitStack
    _context: Context | None = field(default=None, init=False)

    def hooks(self) -> list[str]:
        """Return the hooks of this plugin whose values have a check."""
        return [hook for hook in _LETTERS if self.subject.of(hook)]

    def check(self) -> Iterator[Checked]:
        checks: Mapping[str, Callable[[Any, Mapping[str, str]], Sequence[RuleResult]]] = {
            "huracan_features": self._features, "huracan_trainers": self._trainer, "huracan_gates": self._gate,
            "huracan_universe_rules": self._universe_rule, "huracan_exports": self._export,
            "huracan_exchanges": self._exchange, "huracan_remotes": self._remote, "huracan_notifiers": self._channel,
        }  # fmt: skip
        for hook in self.hooks():
            for value in self.subject.of(hook):
                who = f"{KINDS[hook]} {value.name}"
                letter = _LETTERS[hook]
                try:
                    results = tuple(checks[hook](value, _of_letter(self.skip, letter)))
                except NotAskedError as error:
                    yield Checked(who, skipped=str(error))
                    continue
                except Exception as error:
                    if str(error).startswith("no such rule"):
                        raise
                    why = f"raised {type(error).__name__}: {error}"
                    results = (RuleResult(f"{letter}0", "can be asked at all", failed=why),)
                yield Checked(who, results)

    def _plugins(self) -> list[str]:
        bundled = [each.name for each in own_plugins()]
        return [*bundled, *([] if self.subject.name in bundled else [self.subject.name])]

    def _folder(self) -> Path:
        return Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="huracan-kit-")))

    def _in_context(self) -> Context:
        """Return the context of an empty workspace, made when it is needed first."""
        if self._context is None:
            from huracan.testing.contexts import make_context

            try:
                self._context = make_context(self._folder() / "work", plugins=self._plugins())
            except HuracanError as error:
                raise NotAskedError(f"needs a context, and none can be made with it: {error}") from None
            self.stack.callback(self._context.store.close)
        return self._context

    # ------------------------------------------------------------------------------------------------ one per kind

    def _features(self, value: Any, skip: Mapping[str, str]) -> Sequence[RuleResult]:
        from huracan.testing.features import check_features

        return check_features(value, skip=skip)

    def _trainer(self, value: Any, skip: Mapping[str, str]) -> Sequence[RuleResult]:
        from huracan.testing.trainers import check_trainer

        return check_trainer(value, skip=skip)

    def _gate(self, value: Any, skip: Mapping[str, str]) -> Sequence[RuleResult]:
        from huracan.testing.judges import check_gate

        return check_gate(value, self._in_context(), skip=skip)

    def _universe_rule(self, value: Any, skip: Mapping[str, str]) -> Sequence[RuleResult]:
        from huracan.testing.judges import check_universe_rule

        return check_universe_rule(value, self._in_context(), skip=skip)

    def _export(self, value: Any, skip: Mapping[str, str]) -> Sequence[RuleResult]:
        from huracan.testing.exports import check_export
        from huracan.types import ExportScope

        return check_export(value, self._in_context(), ExportScope(DAY, DAY), skip=skip)

    def _exchange(self, value: Any, skip: Mapping[str, str]) -> Sequence[RuleResult]:
        from huracan.clock import FixedClock
        from huracan.testing.exchanges import ExchangeCase, check_exchange
        from huracan.testing.outside import NOW, find_symbol

        try:
            symbol = find_symbol(self._plugins(), value.name)
        except NotAskedError as error:
            raise NotAskedError(f"{error}: give check_exchange an ExchangeCase, in the plugin's own tests") from None
        context, settings = self._in_context(), value.settings(name=value.name)
        case = ExchangeCase(lambda now: value.open(replace(context, clock=FixedClock(now)), settings), NOW, symbol)
        return check_exchange(case, skip=skip)

    def _remote(self, value: Any, skip: Mapping[str, str]) -> Sequence[RuleResult]:
        """Check a store that keeps its copies in a folder of this machine, which its settings name, and no other."""
        from huracan.testing.remotes import check_remote_store

        folders = {name: str(self._folder()) for name in getattr(value.settings, "written_paths", ())}
        if not folders:
            raise NotAskedError("needs the other side: play it for check_remote_store, in the plugin's own tests")
        context, settings = self._in_context(), value.settings(name=value.name, **folders)
        return check_remote_store(
            lambda: value.open(context, settings), self._folder(), skip=skip, entries=_ENTRIES, big=_BIG
        )

    def _channel(self, value: Any, skip: Mapping[str, str]) -> Sequence[RuleResult]:
        del value, skip
        raise NotAskedError("needs somebody who receives: give check_notifier an OtherSide, in the plugin's own tests")
