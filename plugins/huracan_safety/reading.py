"""Reads closed trades from JSON lines or CSV: all rows of a file are good, or each bad one is named by its line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from huracan.errors import ExitCode, HuracanError
from huracan.store import Trade
from huracan_safety.symbols import Symbol

__all__ = ["BadRowsError", "TradeRow", "read_trades"]

CLOCKS_APART = timedelta(minutes=5)
"""How far the clock of the trading process may be ahead of this one."""
MOST_NAMED = 20


class BadRowsError(HuracanError):
    """Rows that cannot be taken; the text has one line for each, and nothing of their file was stored."""

    exit_code = ExitCode.PARTLY_FAILED

    def __init__(self, lines: list[str]) -> None:
        more = [f"and {len(lines) - MOST_NAMED} more rows"] if len(lines) > MOST_NAMED else []
        super().__init__("\n".join([*lines[:MOST_NAMED], *more, "nothing of this file was stored"]))
        self.lines = lines


class TradeRow(BaseModel):
    """A closed trade as it is reported; keys that are not known are left alone."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False, coerce_numbers_to_str=True
    )

    id: str = Field(min_length=1, max_length=200, description="Name of the trade, one of a kind for ever.")
    symbol: Symbol = Field(description="BASE-QUOTE, as BTC-USDT.")
    side: Literal["long", "short"] = Field(description="Which way the position was.")
    opened_at: datetime = Field(description="ISO instant; without an offset it is UTC.")
    closed_at: datetime = Field(description="ISO instant, not before opened_at and not to come.")
    quantity: float = Field(gt=0, description="Size in base units.")
    entry: float = Field(gt=0, description="Average price at which it was opened, quote currency.")
    exit: float = Field(gt=0, description="Average price at which it was closed, quote currency.")
    fees: float = Field(description="All that was paid, funding too, quote currency; less than zero for rebates.")
    net_pnl: float = Field(description="Result after fees, quote currency.")
    equity_after: float = Field(description="Equity of the whole account after this trade, quote currency.")
    source: Literal["live", "paper", "simulated"] = Field(description="Whether money was at stake.")
    strategy: str = Field("", max_length=200, description="Who decided: a model's id or any name; may be left out.")

    @field_validator("id", "strategy")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not name.isprintable():  # databases and terminals each take some of these for something else
            raise ValueError("holds a character that cannot be printed")
        return name

    @field_validator("opened_at", "closed_at")
    @classmethod
    def _in_utc(cls, moment: datetime) -> datetime:
        try:
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except OverflowError:
            raise ValueError("is no instant that a calendar has in UTC") from None

    @model_validator(mode="after")
    def _closes_after_it_opens(self) -> Self:
        if self.closed_at < self.opened_at:
            raise ValueError("closed_at is before opened_at")
        return self


def read_trades(content: bytes, name: str, now: datetime) -> list[Trade]:
    """Return the trades of a file named ``name``. Raises BadRowsError with one line for each row that is wrong."""
    trades: dict[str, Trade] = {}
    problems = []
    for line, row in _rows(content):
        found = row if isinstance(row, str) else _trade(row, now)
        if isinstance(found, Trade) and trades.setdefault(found.id, found) != found:
            found = f"id: {found.id!r} stands above with other values"
        if isinstance(found, str):
            problems.append(f"{name}:{line}: {found}")
    if problems:
        raise BadRowsError(problems)
    return list(trades.values())


def _rows(content: bytes) -> Iterator[tuple[int, Mapping[Any, Any] | str]]:
    """Yield the number of each line with its row, or with what is wrong with it."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield content[: error.start].count(b"\n") + 1, "is not UTF-8 text"
        return
    yield from _json_rows(text) if text.lstrip().startswith(("{", "[")) else _csv_rows(text)


def _json_rows(text: str) -> Iterator[tuple[int, Mapping[Any, Any] | str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            yield number, "is not JSON; write one object on each line"
            continue
        yield number, value if isinstance(value, dict) else "is not a JSON object"


def _csv_rows(text: str) -> Iterator[tuple[int, Mapping[Any, Any] | str]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        wanted = (name for name, each in TradeRow.model_fields.items() if each.is_required())
        missing = [name for name in wanted if name not in (reader.fieldnames or ())]
        if missing and reader.fieldnames:
            yield 1, f"has no column {', '.join(missing)}; the first line names the columns"
            return
        for row in reader:
            yield reader.line_num, {key: value for key, value in row.items() if value is not None}
    except csv.Error as error:
        yield reader.line_num, f"is not CSV: {error}"


def _trade(row: Mapping[Any, Any], now: datetime) -> Trade | str:
    try:
        found = TradeRow.model_validate(row)
    except ValidationError as error:
        return _mistakes(error)
    if found.closed_at > now + CLOCKS_APART:
        return f"closed_at: {found.closed_at:%Y-%m-%d %H:%M:%S}Z is to come; set the clock of one of both machines"
    return Trade(**found.model_dump())


def _mistakes(error: ValidationError) -> str:
    """Return all that is wrong with a row as one line."""
    missing, texts = [], []
    for mistake in error.errors(include_input=False, include_url=False):
        name, text = ".".join(map(str, mistake["loc"])), str(mistake["msg"]).removeprefix("Value error, ")
        if mistake["type"] == "missing":
            missing.append(name)
        else:
            texts.append(": ".join(filter(None, [name, text[:1].lower() + text[1:]])))
    absent = [f"has no {', '.join(missing)}"] if missing else []
    return "; ".join([*absent, *texts])
