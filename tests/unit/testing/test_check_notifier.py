"""Every rule of check_notifier is seen to fail on a channel that breaks it, and to hold for one that does not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from huracan.context import Context
from huracan.errors import DeliveryError
from huracan.testing import OtherSide, assert_notifier, check_notifier
from huracan.types import CheckResult, CheckState, Event, Message, Notifier

SECRET = "hunter2-hunter2"
MakeContext = Callable[..., Context]


@dataclass
class Pager:
    """A channel that keeps every rule, with the other side in itself; others change one thing."""

    arrived: dict[str, str] = field(default_factory=dict)
    trouble: str = ""

    def deliver(self, context: Context, message: Message) -> str | None:
        self.troubled()
        receipt = message.replaces if message.replaces in self.arrived else f"receipt-{len(self.arrived)}"
        assert receipt is not None
        self.arrived[receipt] = "\n".join(event.title or "(no title)" for event in message.events)
        return receipt

    def troubled(self) -> None:
        if self.trouble == "refuse":
            raise DeliveryError("the pager refuses the text", permanent=True)
        if self.trouble == "away":
            raise DeliveryError("the pager is away")
        if self.trouble == "hang":
            time.sleep(0.05)
            raise DeliveryError("the pager does not answer", uncertain=True)
        if self.trouble == "wait":
            raise DeliveryError("the pager is busy", retry_after=7.0)

    def check(self, context: Context) -> CheckResult:
        if self.trouble:
            return CheckResult(CheckState.FAILED, "the pager is away", "look for it")
        return CheckResult(CheckState.OK, "the pager answers")

    def into(self, trouble: str) -> None:
        self.trouble = trouble


def is_set(context: Context) -> bool:
    return context.paths.workspace.name == "set"


@dataclass
class Changed(Pager):
    """Does another thing in ``deliver`` than a good one."""

    act: Callable[..., Any] = Pager.deliver

    def deliver(self, context: Context, message: Message) -> Any:
        return self.act(self, context, message)


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Context, Context]:
    from huracan.testing import make_context

    folder = tmp_path_factory.mktemp("contexts")
    return make_context(folder / "set", plugins=()), make_context(folder / "unset", plugins=())


def side_of(pager: Pager, contexts: tuple[Context, Context], **changed: Any) -> OtherSide:
    side = OtherSide(
        *contexts, received=lambda: list(pager.arrived.values()), recover=lambda: pager.into(""),
        refuse=lambda: pager.into("refuse"), go_away=lambda: pager.into("away"), hang=lambda: pager.into("hang"),
        ask_to_wait=lambda _: pager.into("wait"), secrets=(SECRET,), seconds=1.0,
    )  # fmt: skip
    return replace(side, **changed)


def notifier(pager: Pager, **changed: Any) -> Notifier:
    return replace(Notifier("pager", pager.deliver, edits=True, check=pager.check, is_set=is_set), **changed)


def with_titles(change: Callable[[Pager, list[str]], list[str]]) -> Callable[..., Any]:
    """Deliver other titles than those that there are."""

    def act(self: Pager, context: Context, message: Message) -> Any:
        titles = change(self, [event.title for event in message.events])
        events = tuple(Event("x", each.severity, title, each.time)
                       for each, title in zip(message.events * 9, titles, strict=False))  # fmt: skip
        return Pager.deliver(self, context, replace(message, events=events))

    return act


def in_trouble(**raised: BaseException | None) -> Callable[..., Any]:
    """Raise something else in a trouble; None raises nothing, and loses the message."""

    def act(self: Pager, context: Context, message: Message) -> Any:
        if self.trouble in raised:
            if (error := raised[self.trouble]) is not None:
                raise error
            return "lost"
        return Pager.deliver(self, context, message)

    return act


def refusing_long(self: Pager, context: Context, message: Message) -> Any:
    if len(str(message.events[0].fields)) > 10_000:
        return "lost"
    return Pager.deliver(self, context, message)


def by_fields(self: Pager, context: Context, message: Message) -> Any:
    for value in message.events[0].fields.values():
        if isinstance(value, dict):
            value["in"][0]["in"]
    return Pager.deliver(self, context, message)


def into_logs(self: Pager, context: Context, message: Message) -> Any:
    logging.getLogger("pager").debug("posting to https://%s@pager", SECRET)
    return Pager.deliver(self, context, message)


def ill_cause(self: Pager, context: Context, message: Message) -> Any:
    try:
        self.troubled()
    except DeliveryError as error:
        raise DeliveryError("the pager is in trouble", permanent=error.permanent, retry_after=error.retry_after) from (
            OSError(f"https://{SECRET}@pager")
        )
    return Pager.deliver(self, context, message)


def hanging(self: Pager, context: Context, message: Message) -> Any:
    if self.trouble == "hang":
        time.sleep(1.5)
    return Pager.deliver(self, context, message)


def only_once(self: Pager, context: Context, message: Message) -> Any:
    seen = self.arrived.setdefault("seen", "")
    if message.key in seen.split():
        return "lost"
    self.arrived["seen"] += f" {message.key}"
    return Pager.deliver(self, context, message)


def marking(self: Pager, context: Context, message: Message) -> Any:
    for event in message.events:
        event.fields["told"] = True  # type: ignore[index]
    return Pager.deliver(self, context, message)


def anew(self: Pager, context: Context, message: Message) -> Any:
    return Pager.deliver(self, context, replace(message, replaces=None))


BAD: dict[str, tuple[Callable[..., Any], set[str], str]] = {
    "loses titles": (
        with_titles(lambda _, titles: ["an event"] * len(titles)),
        {"N1", "N2", "N3", "N7"},
        "nothing arrives",
    ),
    "newest first": (with_titles(lambda _, titles: titles[::-1]), {"N2"}, "events arrive in another order"),
    "the first alone": (
        with_titles(lambda _, titles: titles[:1]),
        {"N2", "N7"},
        "'part 2 of the digest' does not arrive",
    ),
    "ASCII alone": (
        with_titles(lambda _, titles: [each.encode("ascii", "ignore").decode() for each in titles]),
        {"N3"},
        "Größe arrives as",
    ),
    "refuses new lines": (
        with_titles(lambda _, titles: [each if "\n" not in each else str(1 / 0) for each in titles]),
        {"N3"},
        "ZeroDivisionError",
    ),
    "loses long ones": (refusing_long, {"N4"}, "of a very long message nothing arrives"),
    "breaks on fields": (by_fields, {"N5"}, "raised"),
    "a number as receipt": (
        lambda self, context, message: int(str(Pager.deliver(self, context, replace(message, replaces=None)))[8:]),
        {"N6", "N7"},
        "the receipt is int",
    ),
    "edits nothing": (anew, {"N7"}, "the grown version is a message more"),
    "loses what is repeated": (
        lambda self, context, message: "lost" if message.repeated else Pager.deliver(self, context, message),
        {"N8", "N14"},
        "marked as repeated does not arrive",
    ),
    "hopes for ever": (in_trouble(refuse=DeliveryError("refused")), {"N9"}, "that a later attempt may help"),
    "raises another error": (
        in_trouble(refuse=OSError("refused")),
        {"N9"},
        "it raises OSError(refused), not DeliveryError",
    ),
    "gives up": (in_trouble(away=DeliveryError("away", permanent=True)), {"N10"}, "no later attempt will help"),
    "swallows": (in_trouble(away=None), {"N10"}, "it raises nothing"),
    "waits": (hanging, {"N11"}, "it waits for 2 s, longer than 1 s"),
    "does not say how long": (in_trouble(wait=DeliveryError("busy", retry_after=1.0)), {"N12"}, "it says 1.0"),
    "secrets in errors": (
        in_trouble(away=DeliveryError(f"https://{SECRET}@pager is away")),
        {"N13"},
        "an error holds a secret",
    ),
    "secrets in causes": (ill_cause, {"N13"}, "an error holds a secret"),
    "secrets in logs": (into_logs, {"N13"}, "a log line holds a secret"),
    "secrets in messages": (
        with_titles(lambda _, titles: [f"{each} {SECRET}" for each in titles]),
        {"N13"},
        "what arrives",
    ),
    "writes into events": (marking, {"N17"}, "changes the message"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_channel_that_breaks_a_rule_is_told_which(name: str, contexts: tuple[Context, Context]) -> None:
    act, rules, words = BAD[name]
    pager = Changed(act=act)
    found = {
        each.rule: each.failed for each in check_notifier(notifier(pager), side_of(pager, contexts)) if each.failed
    }
    assert set(found) == rules, found
    assert words in found[min(rules, key=lambda rule: int(rule[1:]))]


def failing(contexts: tuple[Context, Context], **changed: Any) -> dict[str, str]:
    pager = Pager()
    side = side_of(pager, contexts)
    return {each.rule: each.failed for each in check_notifier(notifier(pager, **changed), side) if each.failed}


def test_a_channel_says_whether_it_is_set_and_how_it_is(contexts: tuple[Context, Context]) -> None:
    assert failing(contexts, is_set=lambda _: True) == {"N15": "is_set answers with True without settings"}
    well = CheckResult(CheckState.OK, "all is well")
    assert failing(contexts, check=lambda _: well) == {
        "N16": "of a channel that is away it says 'all is well', and that all is well"
    }
    ill = CheckResult(CheckState.FAILED, "it is broken", "mend it")
    assert "of a channel that is well it says" in failing(contexts, check=lambda _: ill)["N16"]


def test_a_good_channel_keeps_every_rule_and_all_of_them_are_asked(contexts: tuple[Context, Context]) -> None:
    pager = Pager()
    results = check_notifier(notifier(pager), side_of(pager, contexts))
    assert [each.rule for each in results] == [f"N{number}" for number in range(1, 18)]
    assert [each for each in results if each.failed or each.skipped] == []


def test_what_the_other_side_cannot_do_needs_a_reason(contexts: tuple[Context, Context], tmp_path: Path) -> None:
    pager = Pager()
    side = side_of(pager, contexts, hang=None, secrets=())
    with pytest.raises(AssertionError, match="N11 hangs: the other side cannot hang: give it a way"):
        assert_notifier(notifier(pager), side)
    assert_notifier(notifier(pager), side, skip={"N11": "a pager always answers", "N13": "it has no secrets"})
