"""Reports of days, weeks and months: what their owner reads, when they come, and that they come once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from huracan import hookimpl
from huracan.cli.main import main
from huracan.clock import FixedClock
from huracan.context import Context, RunInfo
from huracan.errors import StopRequested, UsageError
from huracan.paths import write_json
from huracan.store import BreakerEvent, HealthResult, RunState, Store, Trade
from huracan.testing import make_context as build_context
from huracan.testing import stand_in
from huracan.types import CheckState, Event, Message, Outcome, ReportSection, Severity
from huracan_email.letter import make_letter
from huracan_email.settings import EmailSettings
from huracan_maintenance.report import run as daily_report
from huracan_reports import periods_document
from huracan_reports.chat import report as chat
from huracan_reports.made import Made
from huracan_reports.pdf import missing
from huracan_reports.periods import Kind, Period
from huracan_reports.periods_job import run
from huracan_reports.periods_write import write_period
from huracan_telegram.render import draft_of
from library_rows import fill_library, made_models

MONDAY = date(2024, 1, 1)
"""The day after week 52 of 2023, and the first of a month: both reports are due."""
WEEK, MONTH = "2023-W52", "2023-12"
COINS = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT", "ADA-USDT")
NO_FILES = {"reports": {"pdf": False, "picture": False}}


def at(day: date, hour: int = 6) -> datetime:
    return datetime.combine(day, time(hour), UTC)


@pytest.fixture
def reporting(make_context: Callable[..., Context]) -> Callable[..., Context]:
    """Build a context in a run of the pipeline maintenance of a day."""

    def build(settings: dict[str, Any] | None = None, day: date = MONDAY, **options: Any) -> Context:
        plugins = ("maintenance", "reports")
        context = make_context(NO_FILES if settings is None else settings, plugins=plugins, **options)
        return begin(context, day)

    return build


@pytest.fixture
def december(reporting: Callable[..., Context], workspace: Path, december_folder: Path) -> Callable[..., Context]:
    """Build a context as ``reporting`` does, in a workspace that a December filled."""

    def build(settings: dict[str, Any] | None = None, day: date = MONDAY, **options: Any) -> Context:
        shutil.copytree(december_folder, workspace, dirs_exist_ok=True)
        return reporting(settings, day, **options)

    return build


@pytest.fixture(scope="module")
def december_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace that ``a_december`` leaves: made once, and copied for each test."""
    folder = tmp_path_factory.mktemp("december") / "work"
    context = build_context(folder, NO_FILES, plugins=("maintenance", "reports"))
    a_december(context)
    context.store.close()
    return folder


def begin(context: Context, day: date) -> Context:
    row = context.store.ledger.begin_run("maintenance", day, at(day), at(day))
    run_info = RunInfo(row.run_id, row.pipeline, row.run_date, row.as_of, "period-reports")
    return replace(context, run=run_info, clock=FixedClock(at(day)))


def nights(context: Context, last: date = date(2023, 12, 31), count: int = 7) -> None:
    """Let a nightly run of each of the last days stand in the ledger; the last but one failed."""
    for back in range(count):
        day = last - timedelta(days=back)
        row = context.store.ledger.begin_run("nightly", day, at(day, 2), at(day, 2))
        context.store.ledger.begin_job(row.run_id, "train", at(day, 2))
        bad = back == 1
        state = RunState.FAILED if bad else RunState.DONE
        error = "no candles <b>at all</b>\nTraceback" if bad else ""
        context.store.ledger.end_job(row.run_id, "train", state, at(day, 3), error=error)
        context.store.ledger.end_run(row.run_id, state, "", at(day, 3))


def crown(workspace: Path, symbol: str, *listed: tuple[str, str, str | None]) -> None:
    """Write the history of a coin's champions: (model, since, until)."""
    told = [
        {"model_id": model, "model_path": f"models/{model}", "sha256": "0" * 64, "as_of": "", "since": since,
         "until": until, "came": "passed every gate", "went": "is too old" if until else None}
        for model, since, until in listed
    ]  # fmt: skip
    write_json(workspace / f"champions/history/{symbol}.json", {"schema": 1, "symbol": symbol, "reigns": told})


def document(workspace: Path, kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((workspace / f"reports/{kind}/{name}.json").read_text())
    return found


def page(workspace: Path, kind: str, name: str) -> str:
    return (workspace / f"reports/{kind}/{name}.html").read_text()


def a_december(context: Context, trades: int = 150, *, analysis: bool = False) -> None:
    """Fill the library with nights up to 30 December, and crown the newest models of three coins."""
    workspace = context.paths.workspace
    fill_library(context.store, trades, coins=5, trades_per_model=10, analysis=analysis)
    nights(context)
    for symbol in COINS[:3]:
        before, now = (f"{symbol}/202312{day}_020000Z" for day in (27, 30))
        crown(workspace, symbol, (before, "2023-12-20", "2023-12-28"), (now, "2023-12-28", None))
    crown(workspace, COINS[3], (f"{COINS[3]}/20231220_020000Z", "2023-12-20", "2023-12-29"))


def told(context: Context) -> list[Event]:
    return [each for each in context.store.events.recent() if each.kind == "report.ready"]


class Reader(HTMLParser):
    """Reads a page as a browser does: text, tags that stay open, attributes that lead outside."""

    VOID = frozenset({"meta", "br", "link", "img", "hr", "input", "path", "circle", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.tags: list[str] = []
        self.outside: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.outside += [
            value or "" for name, value in attributes if name in ("src", "href") and value and value[0] != "#"
        ]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "title"):
            self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(word for word in self.words if word)


def test_on_monday_the_first_week_and_month_are_told_with_page_and_figures(
    reporting: Callable[..., Context], workspace: Path
) -> None:
    context = reporting()
    a_december(context, analysis=True)
    result = run(context)
    assert result.outcome is Outcome.DONE
    assert result.summary == f"written: monthly {MONTH}, weekly {WEEK}"
    for kind, name, title in (
        ("weekly", WEEK, "Week 52 of 2023, 25 to 31 December"),
        ("monthly", MONTH, "December 2023"),
    ):
        read = Reader(page(workspace, kind, name))
        assert read.open == []
        assert read.outside == []
        assert "script" not in read.tags
        assert title in read.text
        assert "15 models trained" in read.text
        assert all(coin in read.text for coin in COINS)
        assert document(workspace, kind, name)["whole"] is True
    events = told(context)
    assert [each.title.partition(":")[0] for each in events] == [f"Week {WEEK}", f"Month {MONTH}"]
    for each in events:
        assert all((workspace / file).is_file() for file in each.fields["files"])
        assert each.fields["lines"][0].startswith("simulated on the")


def test_the_figures_are_those_of_the_champions_trades(december: Callable[..., Context], workspace: Path) -> None:
    context = december()
    run(context)
    champions = {f"{symbol}/20231230_020000Z" for symbol in COINS[:3]}
    days: dict[date, float] = {}
    recorded = [each for each in made_models(150, coins=5, trades_per_model=10) if each.model.model_id in champions]
    for model in recorded:
        for trade in model.trades:
            earned = trade.stake * trade.net_bps / 1e4 / len(recorded)
            days[trade.exited_at.date()] = days.get(trade.exited_at.date(), 0.0) + earned
    ours = document(workspace, "weekly", WEEK)["sections"]["portfolio"]["champions"]
    assert len(recorded) == ours["models"] == 3
    assert ours["trades"] == 30
    assert ours["net_pnl"] == pytest.approx(np.prod([1 + each for each in days.values()]) - 1)
    inside = [value for day, value in days.items() if date(2023, 12, 25) <= day <= date(2023, 12, 31)]
    assert ours["net_pnl_in_period"] == pytest.approx(np.prod([1 + each for each in inside]) - 1)
    assert ours["equity"][-1] == pytest.approx(ours["net_pnl"], abs=1e-6)
    both = [trade.mae_bps for model in recorded for trade in model.trades]
    assert ours["excursions"]["mean_mae_bps"] == pytest.approx(np.mean(both))


def test_the_curve_is_called_simulated_and_shown_beside_that_of_all_coins(
    december: Callable[..., Context], workspace: Path
) -> None:
    context = december()
    run(context)
    text = Reader(page(workspace, "weekly", WEEK)).text
    assert "trades on rows that the models had not seen, after costs, not trades that were made" in text
    assert "Champions were chosen by these very results" in text
    assert "all coins of the last night" in text
    curves = [f"fill:none;stroke:var(--{colour})" in page(workspace, "weekly", WEEK) for colour in ("c1", "c2")]
    assert curves == [True, True]
    assert document(workspace, "weekly", WEEK)["sections"]["portfolio"]["all_coins"]["models"] == 5


def test_a_champion_whose_trades_were_cleaned_away_is_named_and_does_not_calm_the_curve(
    december: Callable[..., Context], workspace: Path
) -> None:
    context = december()
    context.store.library.forget(["SOL-USDT/20231230_020000Z"], trades_only=True)
    run(context)
    portfolio = document(workspace, "weekly", WEEK)["sections"]["portfolio"]
    assert portfolio["champions"]["models"] == 2
    assert portfolio["champions"]["missing"] == ["SOL-USDT"]
    assert "not in it, for the library has their trades no more: SOL-USDT" in page(workspace, "weekly", WEEK)


def test_changes_of_champions_are_those_of_the_period_even_when_it_is_told_later(
    december: Callable[..., Context], workspace: Path
) -> None:
    context = december(day=date(2024, 1, 10))
    crown(workspace, "ADA-USDT", ("ADA-USDT/20240105_020000Z", "2024-01-05", None))
    run(context)
    champions = document(workspace, "weekly", WEEK)["sections"]["champions"]
    assert sorted(champions["models"]) == sorted(COINS[:3])
    assert (
        "2023-12-28: BTC-USDT: 20231230_020000Z in place of 20231227_020000Z: passed every gate" in champions["lines"]
    )
    assert "2023-12-29: XRP-USDT: no champion any more: is too old" in champions["lines"]
    assert champions["summary"] == "3 champions at the end, 4 before. Gone: XRP-USDT."
    assert not any("ADA" in line for line in champions["lines"])


def test_a_period_is_told_once(december: Callable[..., Context], workspace: Path) -> None:
    context = december()
    run(context)
    before = (workspace / f"reports/weekly/{WEEK}.html").stat().st_mtime_ns
    again = run(begin(context, MONDAY + timedelta(days=1)))
    assert again.outcome is Outcome.NOTHING_TO_DO
    assert (workspace / f"reports/weekly/{WEEK}.html").stat().st_mtime_ns == before
    assert len(told(context)) == 2


def test_a_report_that_clean_up_took_away_is_not_told_again(december: Callable[..., Context], workspace: Path) -> None:
    context = december()
    ledger = context.store.ledger
    for state, expected in ((RunState.PARTLY_FAILED, Outcome.DONE), (RunState.DONE, Outcome.NOTHING_TO_DO)):
        ledger.begin_job(context.current_run.run_id, "period-reports", at(MONDAY))
        assert run(context).outcome is Outcome.DONE
        ledger.end_job(context.current_run.run_id, "period-reports", state, at(MONDAY))
        for file in (workspace / "reports").glob("*ly/*"):
            file.unlink()
        assert run(begin(context, MONDAY + timedelta(days=1))).outcome is expected
        for file in (workspace / "reports").glob("*ly/*"):
            file.unlink()


def test_missed_weeks_are_made_up_for_and_those_in_which_nothing_ran_are_not(
    reporting: Callable[..., Context], workspace: Path
) -> None:
    context = reporting(day=date(2024, 1, 24))
    nights(context, last=date(2024, 1, 12), count=3)
    nights(context, last=date(2023, 12, 27), count=1)
    assert run(context).summary == f"written: monthly {MONTH}, weekly {WEEK}, weekly 2024-W02"
    assert sorted(path.stem for path in (workspace / "reports/weekly").glob("*.json")) == [WEEK, "2024-W02"]


def test_on_the_first_day_of_an_installation_there_is_nothing_to_tell(reporting: Callable[..., Context]) -> None:
    context = reporting()
    assert run(context).outcome is Outcome.NOTHING_TO_DO
    assert told(context) == []


def test_who_is_killed_after_telling_tells_again_and_nobody_is_never_told(
    december: Callable[..., Context], workspace: Path
) -> None:
    context = december()

    def killed(made: Made) -> None:
        assert made.page.is_file()
        raise StopRequested

    with pytest.raises(StopRequested):
        write_period(context, Period.holding(Kind.WEEKLY, date(2023, 12, 27)), tell=killed)
    assert not (workspace / f"reports/weekly/{WEEK}.json").exists()
    run(context)
    assert len(told(context)) == 2


def test_the_same_period_gives_the_same_bytes(december: Callable[..., Context], workspace: Path) -> None:
    context = december({"reports": {"pdf": missing() is None}})
    week = Period.holding(Kind.WEEKLY, date(2023, 12, 27))
    made, problems = write_period(context, week)
    assert problems == []
    first = {file.name: file.read_bytes() for file in made.folder.iterdir()}
    write_period(begin(context, MONDAY + timedelta(days=2)), week)
    assert {file.name: file.read_bytes() for file in made.folder.iterdir()} == first
    suffixes = {"html", "json", "png"} | ({"pdf"} if missing() is None else set())
    assert {name.partition(".")[2] for name in first} == suffixes
    assert first[f"{WEEK}.png"].startswith(b"\x89PNG")
    if missing() is None:
        assert first[f"{WEEK}.pdf"].startswith(b"%PDF")


def test_a_report_of_a_running_week_says_so_and_is_written_again_when_it_is_over(
    december: Callable[..., Context], workspace: Path
) -> None:
    context = december()
    week = Period.holding(Kind.WEEKLY, date(2023, 12, 27))
    write_period(context, week, whole=False)
    assert "This period is not over yet" in page(workspace, "weekly", WEEK)
    assert f"weekly {WEEK}" in run(context).summary
    assert "This period is not over yet" not in page(workspace, "weekly", WEEK)


def test_what_went_wrong_in_the_week_is_on_the_page_and_on_the_phone(
    reporting: Callable[..., Context], workspace: Path
) -> None:
    context = reporting()
    nights(context)
    store, friday = context.store, at(date(2023, 12, 29))
    store.breakers.add(BreakerEvent(friday, "daily_loss", True, "close-only", -5.2, -5.0, "lost 5.2 % of the equity"))
    store.breakers.add(BreakerEvent(at(date(2024, 1, 1)), "drawdown", True, "kill", -9.0, -8.0, "after the week"))
    store.events.add(Event("backup.done", Severity.INFO, "backup done: 12 files", at(date(2023, 12, 28))))
    store.events.add(Event("backup.failed", Severity.ERROR, "no backup: remote is offline", friday))
    for hour in range(3):
        state = CheckState.FAILED if hour else CheckState.OK
        store.health.add([HealthResult(at(date(2023, 12, 28), hour), "exchange", "monitor", state, 0.1, "no answer")])
    store.trades.record(
        [Trade("t1", "BTC-USDT", "long", friday, friday, 0.1, 40000.0, 40100.0, 1.2, 8.8, 10008.8, "live")], friday
    )
    run(context)
    report = document(workspace, "weekly", WEEK)
    sections = report["sections"]
    assert sections["runs"]["lines"] == ["2023-12-30 train: failed: no candles <b>at all</b>"]
    assert sections["runs"]["summary"] == "7 runs, 1 of them not finished."
    assert sections["breakers"]["lines"] == ["2023-12-29 06:00 daily_loss tripped: lost 5.2 % of the equity"]
    assert (sections["backups"]["done"], sections["backups"]["failed"]) == (1, 1)
    assert sections["health"]["lines"][0].startswith(
        "exchange: 2 failures and 0 warnings in 3 looks, longest outage 60"
    )
    assert sections["trading"]["lines"] == ["live: 1 trade, 1 won, net +8.80"]
    assert sections["trading"]["table"]["rows"] == [["BTC-USDT", "1", "1", "+8.80", "1.20"]]
    (event,) = [each for each in told(context) if WEEK in each.title]
    assert "live: 1 trade, 1 won, net +8.80" in event.fields["lines"]
    assert any(line.startswith("backups: 1 done, 1 failed") for line in event.fields["lines"])
    shown = page(workspace, "weekly", WEEK)
    assert "<b>at all</b>" not in shown
    assert "no candles &lt;b&gt;at all&lt;/b&gt;" in shown


def test_a_name_from_outside_cannot_write_into_the_page(december: Callable[..., Context], workspace: Path) -> None:
    context = december()
    file = workspace / "champions/history/BTC-USDT.json"
    hostile = '<script>alert(1)</script>"><img src=//evil.example>'
    file.write_text(file.read_text().replace("passed every gate", json.dumps(hostile)[1:-1]))
    run(context)
    shown = page(workspace, "weekly", WEEK)
    read = Reader(shown)
    assert "script" not in read.tags
    assert "img" not in read.tags
    assert hostile in read.text.replace("  ", " ")


def test_a_section_that_fails_costs_its_own_part_alone(
    december: Callable[..., Context], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(asked: object) -> None:
        raise RuntimeError("cannot be read")

    context = december()
    monkeypatch.setattr(periods_document, "SECTIONS", {**periods_document.SECTIONS, "health": broken})
    result = run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert f"weekly {WEEK}: section health: RuntimeError: cannot be read" in result.problems
    assert "could not be written: section health: RuntimeError" in Reader(page(workspace, "weekly", WEEK)).text
    assert all(coin in page(workspace, "weekly", WEEK) for coin in COINS)


def test_a_hundred_champions_are_a_small_page(reporting: Callable[..., Context], workspace: Path) -> None:
    context = reporting()
    ids = fill_library(context.store, 400, coins=100, trades_per_model=4, analysis=False)
    nights(context)
    for model_id in ids:
        crown(workspace, model_id.partition("/")[0], (model_id, "2023-12-30", None))
    run(context)
    assert document(workspace, "weekly", WEEK)["sections"]["portfolio"]["champions"]["models"] == 100
    assert (workspace / f"reports/weekly/{WEEK}.html").stat().st_size < 60_000


def test_the_day_gets_a_page_of_its_report_with_sections_of_other_plugins_and_one_message(
    make_context: Callable[..., Context], december: Callable[..., Context], workspace: Path
) -> None:
    def mine(context: Context, day: date) -> dict[str, Any]:
        return {"headline": "all orders filled", "summary": "Orders of <today>.", "lines": ["12 orders"]}

    hook = hookimpl(lambda: [ReportSection("orders", mine)])
    context = december(extra=(stand_in("mine", huracan_report_sections=hook),))
    assert daily_report(context).outcome is Outcome.DONE
    before = (workspace / "reports/daily/2024-01-01.json").read_bytes()
    assert "daily 2024-01-01" in run(context).summary
    read = Reader(page(workspace, "daily", "2024-01-01"))
    assert "Monday, 1 January 2024" in read.text
    assert "Orders of <today>. 12 orders" in read.text
    assert "Equal parts in 3 champions" in read.text
    headings = ["Champions, simulated", "Runs", "Disk", "Orders", "What is coming"]
    places = [read.text.rindex(each) for each in headings]
    assert places == sorted(places)
    assert (workspace / "reports/daily/2024-01-01.json").read_bytes() == before
    recent = context.store.events.recent(least=Severity.DEBUG)
    heard = [each for each in recent if each.kind.startswith("report.") and "2024" in each.title]
    assert [each.severity for each in heard if each.kind == "report.ready"] == [Severity.INFO]
    assert [each.severity for each in heard if each.kind == "report.daily"] == [Severity.DEBUG]


def test_the_command_writes_where_it_is_told_and_the_chat_answers_from_what_is_written(
    december: Callable[..., Context], workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    context = december()
    with pytest.raises(UsageError, match="there is no weekly report yet"):
        chat(context, ["weekly"])
    run(context)
    assert context.plugins.chat_commands()["report"].run == f"{chat.__module__}:{chat.__name__}"
    answer = chat(context, ["weekly"])
    assert answer.text.startswith(f"{WEEK}: simulated portfolio")
    assert answer.file == workspace / f"reports/weekly/{WEEK}.html"
    file = tmp_path / "settings.yaml"
    file.write_text(f"workspace: {workspace}\nreports: {{pdf: false, picture: false}}\n")
    elsewhere = tmp_path / "elsewhere"
    arguments = ["report", "monthly", "--date", "2023-12", "--to", str(elsewhere), "--json"]
    assert main(["-c", str(file), *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["title"].startswith("Month 2023-12: ")
    assert sorted(each.name for each in elsewhere.iterdir()) == ["2023-12.html", "2023-12.json"]
    assert main(["-c", str(file), "report", "daily", "--date", "2023-12-05"]) != 0
    assert "there is no daily report of 2023-12-05" in capsys.readouterr().err


def test_the_letter_and_the_phone_get_the_picture_of_the_curves_and_the_page(
    december: Callable[..., Context], workspace: Path
) -> None:
    context = december({"reports": {"pdf": False}})
    assert daily_report(context).outcome is Outcome.DONE
    run(context)
    events = told(context)
    assert len(events) == 3
    for event in events:
        message = Message(event.title, (event,))
        letter = make_letter(context, EmailSettings(to=("owner@example.org",)), message)
        sent = [(part.get_filename(), part.get_content_type()) for part in letter.iter_attachments()]
        picture, page_file = Path(event.fields["picture"]), Path(*event.fields["files"])
        assert sent == [(picture.name, "image/png"), (page_file.name, "text/html")]
        assert (workspace / picture).read_bytes().startswith(b"\x89PNG")
        draft = draft_of(context, message)
        assert [(each.path, each.picture) for each in draft.attachments] == [
            (str(picture), True), (str(page_file), False)
        ]  # fmt: skip


def test_a_store_without_anything_has_a_report_all_the_same(reporting: Callable[..., Context], workspace: Path) -> None:
    context = reporting()
    made, problems = write_period(context, Period.holding(Kind.MONTHLY, date(2023, 12, 1)))
    assert problems == []
    assert isinstance(context.store, Store)
    assert "Nothing ran." in Reader(page(workspace, "monthly", MONTH)).text
    assert made.picture is None
