"""What the hooks of this plugin hand out; loaded only by who asks for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, SecretStr

from huracan.config import Section, SettingsPath
from huracan.context import Context
from huracan.market.candles import Candles
from huracan.paths import canonical_json
from huracan.remote.base import RemoteFile, RemoteStore, Sent, Stored, nobody, put_each
from huracan.types import (
    Candidate,
    ChatReply,
    CheckResult,
    CheckState,
    Column,
    ColumnKind,
    ExportScope,
    FeatureInput,
    FittedModel,
    JobResult,
    Market,
    Message,
    Ticker,
    TrainingData,
    Verdict,
)


class StrangerSettings(Section):
    """Settings of the stranger."""

    greeting: str = Field("hello", description="What it says.")
    token: SecretStr = Field(SecretStr(""), description="A secret that must never be seen.")


class StrangerExchangeSettings(Section):
    """An exchange without any market."""

    name: Literal["stranger"]


class StrangerRemoteSettings(Section):
    """A folder of the stranger."""

    name: Literal["stranger"]
    path: SettingsPath = Field(Path("copies"), description="Where it keeps copies.")


def greet(context: Context) -> JobResult:
    greeting = context.settings.section(StrangerSettings).greeting
    context.progress.step(greeting)
    return JobResult(summary=greeting)


def watch(context: Context) -> None:
    context.progress.step("watching")


def check_mood(_: Context | None) -> CheckResult:
    return CheckResult(CheckState.OK, "in a good mood")


class EmptyExchange:
    """An exchange that lists nothing."""

    def __init__(self, context: Context, settings: StrangerExchangeSettings) -> None:
        self.context, self.settings = context, settings

    def markets(self) -> Sequence[Market]:
        return ()

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        return {}

    def candles(self, symbol: str, timeframe: str, since: int, until: int) -> Iterator[Candles]:
        return iter(())

    def problems(self) -> Sequence[str]:
        return ()

    def close(self) -> None:
        """Nothing is open."""


def veto_short_names(_: Context, candidate: Candidate) -> str | None:
    length = len(candidate.market.base)
    return f"its name has {length} letters, fewer than 3" if length < 3 else None


def bar_range(data: FeatureInput) -> Mapping[str, np.ndarray]:
    return {"stranger_range": (data.candles.high - data.candles.low) / data.candles.close}


class Share:
    """Predicts the share of label 1 that it was trained on."""

    def __init__(self, share: float) -> None:
        self.share = share

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.full(len(x), self.share)

    def importance(self) -> Mapping[str, float]:
        return {}

    def dumps(self) -> bytes:
        return canonical_json({"share": self.share})


def fit_share(data: TrainingData, parameters: Mapping[str, Any], seed: int) -> FittedModel:
    return Share(float(data.y.mean()))


def load_share(content: bytes) -> FittedModel:
    return Share(json.loads(content)["share"])


def judge_samples(_: Context, metrics: Mapping[str, Any]) -> Verdict:
    value = float(metrics.get("samples", 0))
    return Verdict("stranger-samples", value, 10, value >= 10, f"{value:g} samples, at least 10 wanted")


def write_greeting(context: Context, path: Path, scope: ExportScope) -> int:
    path.write_text(context.settings.section(StrangerSettings).greeting + "\n", "utf-8")
    return 1


GREETED = (
    Column("name", ColumnKind.TEXT, "who is greeted"),
    Column("greeting", ColumnKind.TEXT, "what is said"),
)


def list_greetings(context: Context, scope: ExportScope) -> Iterator[list[tuple[str, str]]]:
    greeting = context.settings.section(StrangerSettings).greeting
    yield [("Ada", greeting), ("Alan", greeting)]


def write_mood(context: Context, day: date) -> Mapping[str, Any]:
    return {"summary": f"On {day} it says {context.settings.section(StrangerSettings).greeting}."}


def collect_diary(context: Context, folder: Path) -> None:
    (folder / "diary.txt").write_text(context.settings.section(StrangerSettings).greeting, "utf-8")


def restore_diary(context: Context, folder: Path) -> None:
    shutil.copyfile(folder / "diary.txt", context.paths.workspace / "diary.txt")


def append_line(context: Context, message: Message) -> None:
    with (context.paths.workspace / "stranger.txt").open("a", encoding="utf-8") as file:
        file.write("".join(f"{event.title}\n" for event in message.events))


def answer_hello(context: Context, arguments: Sequence[str]) -> ChatReply:
    return ChatReply(f"hello {' '.join(arguments)}".strip())


class FolderRemote:
    """Keeps copies in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def make_folder(self, path: str) -> None:
        (self.root / path).mkdir(parents=True, exist_ok=True)

    @property
    def identity(self) -> str:
        return f"stranger:{self.root}"

    def put(self, source: Path, path: str, sent: Sent = nobody) -> RemoteFile:
        sent(source.stat().st_size)
        shutil.copyfile(source, self.root / path)
        return self._file(path)

    def put_many(self, files: Sequence[tuple[Path, str]], sent: Sent = nobody) -> Iterator[Stored]:
        yield from put_each(self, files, sent)

    def get(self, path: str, target: Path) -> None:
        shutil.copyfile(self.root / path, target)

    def list(self, prefix: str = "") -> Iterator[RemoteFile]:
        for file in sorted(self.root.rglob("*")):
            path = file.relative_to(self.root).as_posix()
            if file.is_file() and path.startswith(prefix):
                yield self._file(path)

    def stat(self, path: str) -> RemoteFile | None:
        return self._file(path) if (self.root / path).is_file() else None

    def delete(self, path: str) -> None:
        (self.root / path).unlink()

    def content_hash(self, source: Path, stored: RemoteFile) -> str | None:
        return None

    def verify(self, source: Path, path: str) -> bool:
        return (self.root / path).read_bytes() == source.read_bytes()

    def close(self) -> None:
        """Nothing is open."""

    def _file(self, path: str) -> RemoteFile:
        facts = (self.root / path).stat()
        return RemoteFile(path, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))


def open_remote(_: Context, settings: StrangerRemoteSettings) -> RemoteStore:
    return FolderRemote(settings.path)
