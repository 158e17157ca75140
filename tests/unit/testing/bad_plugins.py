"""Plugins made of functions that break one rule of check_plugin each: how they are made, the rule, and its words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field, SecretStr

from huracan import hookimpl
from huracan.config import Section
from huracan.testing import stand_in
from huracan.types import (
    BackupSource,
    ChatCommand,
    ChatReply,
    Check,
    CheckResult,
    CheckState,
    Column,
    ColumnKind,
    Command,
    Export,
    FeatureSet,
    FileExport,
    Gate,
    Job,
    Notifier,
    RemoteType,
    ReportSection,
    Resources,
    Service,
    SettingsSection,
    TableExport,
    UniverseRule,
)

__all__ = ["CHAT", "CHECK", "FEATURES", "JOB", "SERVICE", "STAND_INS", "TABLE", "Wanted", "look", "plugin"]


def plugin(**hooks: Any) -> Any:
    """A stand-in that declares its API; each hook is a list of values, or a function."""

    def asked(answer: Any) -> Any:
        return hookimpl(lambda: answer() if callable(answer) else answer)

    return stand_in("strange", HURACAN_API=2, **{f"huracan_{name}": asked(answer) for name, answer in hooks.items()})


def fine(context: Any) -> None:
    return None


def ok(_: Any) -> CheckResult:
    return CheckResult(CheckState.OK, "well")


def look(context: Any, words: Any) -> Any:
    return ChatReply("seen")


def perhaps(context: Any) -> Any:
    return "perhaps"


def raising(context: Any, words: Any) -> ChatReply:
    raise KeyError("x")


def text(context: Any, words: Any) -> Any:
    return "seen"


def hang(*_: Any) -> Any:
    time.sleep(2.0)


def configure(parser: Any) -> None:
    parser.add_argument("--deep")


def run(arguments: Any) -> int:
    return 0


NO_FUNCTION: Any = "judge"
one_argument: Any = fine
HERE = "unit.testing.bad_plugins"
JOB = Job("tidy", f"{HERE}:fine", "tidies up", pipeline="strange")
SERVICE = Service("watch", f"{HERE}:fine", "watches")
CHECK = Check("mood", ok)
TABLE = TableExport(
    "moods", "moods by day", (Column("mood", ColumnKind.TEXT, "how it is"),), lambda c, s: [[("good",)]]
)
FEATURES = FeatureSet("strange", 1, ("strange_range",), 0, lambda given: {"strange_range": given.candles.close})
CHAT = ChatCommand("mood", "how it is", f"{HERE}:look")


class Plain(BaseModel):
    """Takes everything."""

    greeting: str = Field("hello", description="What it says.")


class Bare(Section):
    """Says nothing about its field."""

    greeting: str = "hello"


class Silent(Section):
    greeting: str = Field("hello", description="What it says.")


class Nested(Section):
    """Holds one that says nothing."""

    inner: dict[str, Bare] = Field(default_factory=dict, description="By name.")


class Wanted(Section):
    """A section."""

    greeting: str = Field("hello", description="What it says.")


class Wanting(Section):
    """Wants a setting."""

    greeting: str = Field(description="What it says.")


class Telling(Section):
    """Keeps its token as text."""

    api_token: str = Field("", description="What is secret.")


class Known(Section):
    """Has a secret that everybody knows."""

    token: SecretStr = Field(SecretStr("admin"), description="What is secret.")


class Nameless(Section):
    """A remote store without a name."""

    path: str = Field("", description="Where.")


class Astray(Section):
    """Names a field that is not there."""

    written_paths: ClassVar[tuple[str, ...]] = ("folder",)
    name: Literal["stars"] = Field("stars", description="Its name.")


def section(model: type) -> Any:
    return plugin(settings=[SettingsSection("strange", model)])


def others_order() -> Any:
    counter = iter(range(100))
    return plugin(jobs=lambda: [replace(JOB, name=f"tidy-{next(counter)}")])


def bad_rows(_: Any, __: Any) -> Iterator[list[tuple[str, ...]]]:
    yield [("good", "one too many")]


def take_away(context: Any, folder: Any) -> None:
    context.paths.champions.rmdir()


def _raise(error: BaseException) -> Any:
    def act(*_: Any) -> Any:
        raise error

    return act


STAND_INS: dict[str, tuple[Callable[[], Any], str, str]] = {
    "another type": (lambda: plugin(jobs=[SERVICE]), "P9", "huracan_jobs answers with Service, not Job"),
    "no list": (lambda: plugin(jobs=lambda: None), "P9", "huracan_jobs raises TypeError"),
    "a generator": (lambda: plugin(jobs=lambda: {JOB.name: JOB}), "P9", "huracan_jobs answers with "),
    "a bare export": (lambda: plugin(exports=[Export("moods", "m")]), "P9", "not TableExport or FileExport"),
    "a hook that raises": (lambda: plugin(jobs=_raise(OSError("no"))), "P9", "huracan_jobs raises OSError: no"),
    "a hook that exits": (lambda: plugin(jobs=_raise(SystemExit(1))), "P9", "SystemExit(1)"),
    "other names each time": (others_order, "P10", "has another name when it is asked again"),
    "a hook that hangs": (lambda: plugin(jobs=hang), "P11", "huracan_jobs: no answer within 0.5 s"),
    "a name no unit has": (lambda: plugin(jobs=[replace(JOB, name="tidy up")]), "P12", "job 'tidy up': its name"),
    "a pipeline no unit has": (lambda: plugin(jobs=[replace(JOB, pipeline="a/b")]), "P12", "its pipeline 'a/b'"),
    "a section in capitals": (lambda: plugin(settings=[SettingsSection("Strange", Wanted)]), "P12", "small letters"),
    "a chat command with a dash": (lambda: plugin(chat_commands=[replace(CHAT, name="a-b")]), "P12", "underscores"),
    "an odd column": (lambda: plugin(features=[replace(FEATURES, columns=("a b",))]), "P12", "'a b' cannot be"),
    "a job of ours": (
        lambda: plugin(jobs=[replace(JOB, name="train")]),
        "P13",
        "job train is taken by plugin training",
    ),
    "a name twice": (lambda: plugin(services=[SERVICE, SERVICE]), "P13", "is taken by another one of its own"),
    "a command of the core": (
        lambda: plugin(commands=[Command("run", "runs", "huracan.cli.run")]),
        "P13",
        "is taken by Huracan itself",
    ),
    "a section of the core": (lambda: plugin(settings=[SettingsSection("jobs", Wanted)]), "P13", "Huracan itself"),
    "a column of ours": (
        lambda: plugin(features=[replace(FEATURES, columns=("rsi_14",))]),
        "P13",
        "feature rsi_14 is taken by plugin features",
    ),
    "its own name": (
        lambda: stand_in("training", HURACAN_API=2, huracan_jobs=hookimpl(lambda: [JOB])),
        "P13",
        "called",
    ),
    "no description": (
        lambda: plugin(jobs=[replace(JOB, description=" ")]),
        "P14",
        "job tidy: its description is empty",
    ),
    "no meaning": (
        lambda: plugin(exports=[replace(TABLE, columns=(Column("mood", ColumnKind.TEXT, ""),))]),
        "P14",
        "meaning of mood",
    ),
    "two lines": (lambda: plugin(chat_commands=[replace(CHAT, help="a\nb")]), "P14", "no single line"),
    "no such module": (lambda: plugin(jobs=[replace(JOB, run="nowhere.work:run")]), "P15", "ModuleNotFoundError"),
    "no reference": (lambda: plugin(services=[replace(SERVICE, run="work.run")]), "P15", "no reference of the form"),
    "too few arguments": (
        lambda: plugin(chat_commands=[replace(CHAT, run=f"{HERE}:fine")]),
        "P16",
        "cannot be called with 2 arguments",
    ),
    "no function": (lambda: plugin(gates=[Gate("mood", NO_FUNCTION)]), "P16", "gate mood: its judge is str"),
    "a rule of one argument": (lambda: plugin(universe_rules=[UniverseRule("mood", one_argument)]), "P16", "its veto"),
    "settings that thaw": (lambda: section(Plain), "P17", "Plain is not frozen; derive it from"),
    "settings without words": (lambda: section(Silent), "P17", "Silent has no docstring"),
    "a field without words": (lambda: section(Nested), "P17", "strange.inner: greeting has no description"),
    "settings that want": (lambda: section(Wanting), "P18", "without any setting greeting is refused"),
    "a choice without name": (
        lambda: plugin(remotes=[RemoteType("stars", Nameless, look)]),
        "P18",
        'need a field name: Literal["stars"]',
    ),
    "a token in the open": (lambda: section(Telling), "P19", "api_token is a secret by its name"),
    "a token that all know": (lambda: section(Known), "P19", "the secret token has a default"),
    "a field that is not there": (
        lambda: plugin(remotes=[RemoteType("stars", Astray, look)]),
        "P20",
        "written_paths names folder",
    ),
    "a job without end": (lambda: plugin(jobs=[replace(JOB, time_limit=float("inf"))]), "P21", "its time_limit is inf"),
    "no memory": (
        lambda: plugin(jobs=[replace(JOB, resources=Resources(memory_mib=1))]),
        "P21",
        "it gets 1 MiB of memory",
    ),
    "a service at once": (
        lambda: plugin(services=[replace(SERVICE, restart_delay=0.0)]),
        "P21",
        "started again after 0",
    ),
    "after nobody": (lambda: plugin(jobs=[replace(JOB, after=("trian",))]), "P22", "comes after trian, which neither"),
    "after another night": (
        lambda: plugin(jobs=[replace(JOB, after=("train",))]),
        "P22",
        "train, which is one of nightly",
    ),
    "after itself": (
        lambda: plugin(jobs=[replace(JOB, after=("b",)), replace(JOB, name="b", after=("tidy",))]),
        "P22",
        "wait for each",
    ),
    "an option without words": (
        lambda: plugin(commands=[Command("mood", "the mood", HERE)]),
        "P23",
        "nothing about --deep",
    ),
    "a check that hangs": (lambda: plugin(checks=[replace(CHECK, run=hang)]), "P24", "no answer within 0.5 s"),
    "a check that raises": (lambda: plugin(checks=[replace(CHECK, run=_raise(OSError("x")))]), "P24", "raises OSError"),
    "a check without hint": (
        lambda: plugin(checks=[replace(CHECK, run=lambda _: CheckResult(CheckState.FAILED, "away"))]),
        "P24",
        "says failed (away) and not how to mend it",
    ),
    "a table that is none": (lambda: plugin(exports=[replace(TABLE, batches=bad_rows)]), "P25", "export moods: E3"),
    "a file that is none": (
        lambda: plugin(exports=[FileExport("mood", "the mood", "t t", lambda c, p, s: p.write_text("x"))]),
        "P25",
        "suffix",
    ),
    "asking about looking": (lambda: plugin(chat_commands=[replace(CHAT, confirm=True)]), "P26", "say acts=True"),
    "a chat command that raises": (
        lambda: plugin(chat_commands=[replace(CHAT, run=f"{HERE}:raising")]),
        "P26",
        "raises KeyError",
    ),
    "a chat command of text": (
        lambda: plugin(chat_commands=[replace(CHAT, run=f"{HERE}:text")]),
        "P26",
        "answers with str, not ChatReply",
    ),
    "a channel that may be set": (
        lambda: plugin(notifiers=[Notifier("pager", look, is_set=perhaps)]),
        "P27",
        "is_set answers with",
    ),
    "a channel of no kinds": (lambda: plugin(notifiers=[Notifier("pager", look, kinds=())]), "P27", "its kinds are ()"),
    "a section that is no JSON": (
        lambda: plugin(report_sections=[ReportSection("mood", lambda c, d: {"mood": np.float64("nan")})]),
        "P28",
        "no JSON",
    ),
    "a section that raises": (
        lambda: plugin(report_sections=[ReportSection("mood", _raise(ZeroDivisionError()))]),
        "P28",
        "ZeroDivisionError",
    ),
    "a backup that takes away": (
        lambda: plugin(
            backup_sources=[BackupSource("mood", lambda c, f: c.paths.workspace.joinpath("huracan.db").unlink())]
        ),
        "P28",
        "takes huracan.db away",
    ),
}
