"""``check_notifier``: what every alert channel must do, as numbered rules. For tests of plugins that bring one.

====  ==============================================================================================================
rule  what must hold
====  ==============================================================================================================
N1    a message arrives, with the title of its event in it
N2    of a digest every event arrives, the oldest first
N3    odd text arrives: accents, other scripts, emoji, markup, control characters, no title, new lines
N4    a very long message arrives, whole or shortened, and raises nothing
N5    fields of every JSON kind, deep and many, are borne
N6    ``deliver`` returns a receipt (text) or None; a channel that edits returns one
N7    the grown version of a message is taken: in its place where the channel edits, by itself elsewhere
N8    a message that may have arrived before is taken, under the same key
N9    what is refused for good raises DeliveryError, ``permanent``
N10   where the other side is away, DeliveryError is raised, not ``permanent``
N11   where the other side hangs, DeliveryError is raised within the limit, not ``permanent``
N12   where the other side asks to wait, DeliveryError says how long (``retry_after``)
N13   no secret stands in errors, in what caused them, in logs, or in what arrives
N14   once the other side is well again, the same message arrives
N15   without settings ``is_set`` is False, and True with them
N16   ``check`` says how the channel is, with a hint where it is not well, and sends nothing
N17   the message and its events are left as they were
====  ==============================================================================================================
"""

from __future__ import annotations

import copy
import logging
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from huracan.context import Context
from huracan.errors import DeliveryError
from huracan.testing.limits import TooSlowError, within
from huracan.testing.rules import BrokenRuleError, NotAskedError, Rule, RuleResult, ask_rules, assert_rules
from huracan.types import CheckResult, CheckState, Event, Message, Notifier, Severity

__all__ = ["OtherSide", "assert_notifier", "check_notifier"]

_NOW = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)
_ODD_TITLES = (
    "Größe – размер – 大小 – 🚨", "<b>5 < 6 & 7 > 6</b> *a* _b_ [c](d) `e`", "one\ttab and\r\na line",
    "\x07\x1b[31mred", "", "' OR 1=1; --", "{title} %s ${HOME} $(id)",
)  # fmt: skip
_LONG = 400


@dataclass(frozen=True, slots=True)
class OtherSide:
    """What a channel speaks to, in the hands of a test: a server on loopback, a program, a file.

    ``context`` has settings that lead there, ``unset`` none. ``received`` returns the texts that arrived, the oldest
    first, edits in their place. The others make it refuse for good, be away, say nothing, or ask to wait that many
    seconds; ``recover`` makes it well again. None: it cannot, and the rule is skipped with a reason. ``secrets`` are
    what must never be seen, ``kind`` is an event's that the channel is for.
    """

    context: Context
    unset: Context
    received: Callable[[], Sequence[str]]
    recover: Callable[[], None] = lambda: None
    refuse: Callable[[], None] | None = None
    go_away: Callable[[], None] | None = None
    hang: Callable[[], None] | None = None
    ask_to_wait: Callable[[float], None] | None = None
    secrets: Sequence[str] = ()
    kind: str = "test"
    fields: Mapping[str, Any] | None = None
    """What each event holds besides; a channel may know from it where to send to."""
    seconds: float = 20.0


def check_notifier(notifier: Notifier, side: OtherSide, *, skip: Mapping[str, str] | None = None) -> list[RuleResult]:
    """Hold a channel against every rule; ``skip`` names those that are not asked, each with a reason."""
    return ask_rules(_rules(_Check(notifier, side)), skip)


def assert_notifier(notifier: Notifier, side: OtherSide, *, skip: Mapping[str, str] | None = None) -> None:
    """Fail with every broken rule in one message."""
    assert_rules(f"notifier {notifier.name}", check_notifier(notifier, side, skip=skip))


def _rules(check: _Check) -> Iterator[Rule]:
    with _Listening() as check.log:
        yield "N1", "arrives", check.arrives
        yield "N2", "digest", check.digest
        yield "N3", "odd text", check.odd_text
        yield "N4", "long text", check.long_text
        yield "N5", "fields", check.fields
        yield "N6", "receipt", check.receipt
        yield "N7", "grown version", check.grown
        yield "N8", "repeated", check.repeated
        yield "N9", "refused for good", check.refused
        yield "N10", "away", check.away
        yield "N11", "hangs", check.hangs
        yield "N12", "asked to wait", check.asked_to_wait
        yield "N13", "secrets", check.secrets
        yield "N14", "well again", check.well_again
        yield "N15", "is set", check.is_set
        yield "N16", "check", check.check
        yield "N17", "writes nothing into the message", check.writes_nothing


class _Listening(logging.Handler):
    """Keeps what is logged while a channel is at work, as an owner would see it who wants to see all."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._level = logging.NOTSET

    def emit(self, record: logging.LogRecord) -> None:
        shown = record.getMessage()
        if record.exc_info:
            shown += "".join(traceback.format_exception(*record.exc_info))
        self.lines.append(shown)

    def __enter__(self) -> _Listening:
        self._level = logging.root.level
        logging.root.setLevel(logging.DEBUG)
        logging.root.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.root.removeHandler(self)
        logging.root.setLevel(self._level)


class _Check:
    """The questions, in the order of the table."""

    def __init__(self, notifier: Notifier, side: OtherSide) -> None:
        self._notifier, self._side, self._count = notifier, side, 0
        self._raised: list[DeliveryError] = []
        self.log = _Listening()

    def _event(self, title: str, **fields: Any) -> Event:
        return Event(
            self._side.kind, Severity.ERROR, title, _NOW, {**fields, **(self._side.fields or {})}, "nightly-1", "train"
        )

    def _message(self, *titles: str, **fields: Any) -> Message:
        self._count += 1
        return Message(f"kit-{self._count}", tuple(self._event(title, **fields) for title in titles))

    def _deliver(self, message: Message) -> str | None:
        """Deliver within the limit, twice as long at most; raises what it raises."""
        return within(2 * self._side.seconds, lambda: self._notifier.deliver(self._side.context, message)).value

    def _new(self, message: Message) -> str:
        """Deliver and return what came of it on the other side."""
        before = len(self._side.received())
        self._deliver(message)
        return "\n".join(list(self._side.received())[before:])

    # ---------------------------------------------------------------------------------------------------- arriving

    def arrives(self) -> str | None:
        came = self._new(self._message("the first message"))
        return None if "the first message" in came else f"of the title nothing arrives: {came[:200]!r}"

    def digest(self) -> str | None:
        titles = [f"part {number} of the digest" for number in range(1, 6)]
        came = self._new(self._message(*titles))
        places = [came.find(title) for title in titles]
        if -1 in places:
            return f"{titles[places.index(-1)]!r} does not arrive"
        return None if places == sorted(places) else "events arrive in another order than they happened"

    def odd_text(self) -> str | None:
        for title in _ODD_TITLES:
            try:
                came = self._new(self._message(title))
            except Exception as error:  # noqa: BLE001 - whatever it raises
                return f"the title {title!r} raises {type(error).__name__}: {error}"
            if not came and title:
                return f"of the title {title!r} nothing arrives"
        came = self._new(self._message(_ODD_TITLES[0]))
        missing = [word for word in ("Größe", "размер", "大小", "🚨") if word not in came]
        return f"{missing[0]} arrives as something else: {came[:100]!r}" if missing else None

    def long_text(self) -> str | None:
        came = self._new(self._message("a long one", lines=["word " * 20] * _LONG))
        return None if came else "of a very long message nothing arrives"

    def fields(self) -> str | None:
        deep: Any = "end"
        for _ in range(20):
            deep = {"in": [deep]}
        self._deliver(
            self._message(
                "with fields", nothing=None, truth=True, number=1.5, whole=10**20, text="t", many=list(range(500)),
                empty={}, deep=deep, problems=["a", "b"], summary="s",
            )
        )  # fmt: skip
        return None

    def receipt(self) -> str | None:
        receipt: Any = self._deliver(self._message("for a receipt"))
        if receipt is not None and not isinstance(receipt, str):
            return f"the receipt is {type(receipt).__name__}, no text"
        return "it edits, and returns no receipt" if self._notifier.edits and not receipt else None

    def grown(self) -> str | None:
        first = self._message("still short")
        receipt = self._deliver(first) or "nowhere"
        before = list(self._side.received())
        grown = Message(first.key, (*first.events, self._event("and grown")), replaces=receipt)
        again = self._deliver(grown)
        after = list(self._side.received())
        if not any("and grown" in text for text in after):
            return "the grown version does not arrive"
        if not self._notifier.edits:
            return None
        if len(after) != len(before):
            return "it edits, and the grown version is a message more"
        return None if again else "the grown version has no receipt: it cannot grow further"

    def repeated(self) -> str | None:
        first = self._message("perhaps for the second time")
        came = self._new(replace(first, repeated=True))
        return None if came else "a message that is marked as repeated does not arrive"

    # ------------------------------------------------------------------------------------------------------- errors

    def refused(self) -> str | None:
        raised, _ = self._in_trouble(self._side.refuse, "refuse")
        return None if raised.permanent else f"it says {raised}, and that a later attempt may help"

    def away(self) -> str | None:
        raised, _ = self._in_trouble(self._side.go_away, "go_away")
        return f"it says {raised}, and that no later attempt will help" if raised.permanent else None

    def hangs(self) -> str | None:
        raised, seconds = self._in_trouble(self._side.hang, "hang")
        if seconds > self._side.seconds:
            return f"it waits for {seconds:.0f} s, longer than {self._side.seconds:g} s"
        return f"it says {raised}, and that no later attempt will help" if raised.permanent else None

    def asked_to_wait(self) -> str | None:
        wait = self._side.ask_to_wait
        raised, _ = self._in_trouble(None if wait is None else lambda: wait(7.0), "ask_to_wait")
        if raised.permanent:
            return f"it says {raised}, and that no later attempt will help"
        return None if raised.retry_after == 7.0 else f"asked to wait for 7 s it says {raised.retry_after}"

    def _in_trouble(self, trouble: Callable[[], None] | None, name: str) -> tuple[DeliveryError, float]:
        """Deliver while the other side is in trouble; return what is raised, and after how many seconds.

        Raises BrokenRuleError where that is nothing, or another error.
        """
        if trouble is None:
            raise BrokenRuleError(f"the other side cannot {name}: give it a way, or skip this rule with a reason")
        message = self._message("in trouble")
        trouble()
        began = time.monotonic()
        try:
            self._deliver(message)
        except DeliveryError as error:
            self._raised.append(error)
            return error, time.monotonic() - began
        except TooSlowError as error:
            raise BrokenRuleError(f"{error}, and it goes on waiting") from None
        except Exception as error:  # noqa: BLE001 - whatever it raises
            raise BrokenRuleError(f"it raises {type(error).__name__}({error}), not DeliveryError") from None
        finally:
            self._side.recover()
        raise BrokenRuleError("it raises nothing, and the message counts as delivered")

    def secrets(self) -> str | None:
        if not self._side.secrets:
            raise BrokenRuleError("name its secrets, or skip this rule with a reason")
        places = [("an error", _everything(error)) for error in self._raised]
        places += [("a log line", line) for line in self.log.lines]
        places += [("what arrives", text) for text in self._side.received()]
        for secret in self._side.secrets:
            for where, text in places:
                if secret in text:
                    return f"{where} holds a secret: {text.replace(secret, '(the secret)')[:300]}"
        return None

    def well_again(self) -> str | None:
        trouble = self._side.go_away or self._side.hang or self._side.refuse
        if trouble is None:
            raise NotAskedError("the other side is always well")
        message = self._message("after the trouble")
        trouble()
        try:
            self._deliver(message)
        except DeliveryError:
            pass
        finally:
            self._side.recover()
        came = self._new(replace(message, repeated=True))
        return None if came else "the message that failed does not arrive later"

    # ------------------------------------------------------------------------------------------------------- asking

    def is_set(self) -> str | None:
        ask = self._notifier.is_set
        if ask is None:
            return None
        for context, wanted in ((self._side.context, True), (self._side.unset, False)):
            if (said := within(self._side.seconds, partial(ask, context)).value) is not wanted:
                return f"is_set answers with {said!r} {'with' if wanted else 'without'} settings"
        return None

    def check(self) -> str | None:
        ask = self._notifier.check
        if ask is None:
            return None
        before = len(self._side.received())
        well: Any = within(2 * self._side.seconds, partial(ask, self._side.context)).value
        if not isinstance(well, CheckResult) or well.state is not CheckState.OK:
            return f"of a channel that is well it says {well}"
        if len(self._side.received()) != before:
            return "it sends a message"
        if (trouble := self._side.go_away) is None:
            return None
        trouble()
        try:
            ill = within(2 * self._side.seconds, partial(ask, self._side.context)).value
        finally:
            self._side.recover()
        if ill.state is CheckState.OK:
            return f"of a channel that is away it says {ill.detail!r}, and that all is well"
        return None if ill.hint else "it does not say how to mend it"

    def writes_nothing(self) -> str | None:
        message = self._message("left alone", many=[1, {"a": 2}])
        before = copy.deepcopy(message)
        self._deliver(message)
        return None if message == before else "it changes the message that it gets"


def _everything(error: BaseException) -> str:
    """Return all that a traceback of the error would show, and what stands in its fields."""
    lines = traceback.format_exception(error)
    return "".join(lines) + repr(error) + repr(vars(error))
