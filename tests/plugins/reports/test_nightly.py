"""The report of a night: every coin and figure is there, whatever became of it, and nothing comes from outside."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from huracan.cli.main import main
from huracan.errors import StopRequested, UsageError
from huracan.market import risk
from huracan.paths import sha256_of, write_atomically, write_bytes
from huracan.types import Message, Outcome, Severity
from huracan_email.letter import make_letter
from huracan_email.settings import EmailSettings
from huracan_reports import chat, made, pdf
from huracan_reports.analysis import COLUMNS
from huracan_reports.job import run
from huracan_reports.night import read_night
from huracan_reports.nightly import write_nightly
from huracan_telegram.render import draft_of
from library_rows import LAST_NIGHT

VOID = {"meta", "circle", "path", "br", "link", "img", "input", "hr"}
HOSTILE = "<script>alert('x')</script>\"&<b>"


class Page(HTMLParser):
    """Reads a page as a browser does, and raises where a tag is closed that is not the one that is open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.values: dict[str, list[str]] = {}
        self.said: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            self.values.setdefault(name, []).append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


@pytest.fixture(scope="module")
def three(play_once: Any) -> Any:
    """The night of three coins with its report, for tests that only look at it."""
    played = play_once(coins=3)
    assert run(played.context).outcome is Outcome.DONE
    return played


@pytest.fixture(scope="module")
def uneven(play_once: Any) -> Any:
    """The night of two coins with models, one that failed and one that was skipped."""
    played = play_once(coins=2, failed={"SOL-USDT": "attempt 3: killed"}, skipped={"XRP-USDT": "it has no candles"})
    assert run(played.context).outcome is Outcome.DONE
    return played


@pytest.fixture(scope="module")
def whole(play_once: Any) -> Any:
    """The night of two coins with a report that has PDF and picture."""
    played = play_once(coins=2, whole=True)
    assert run(played.context).outcome is Outcome.DONE
    return played


def page_of(folder: Path) -> Page:
    return Page((folder / "model_comparison.html").read_text("utf-8"))


def document_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "training_report.json").read_text("utf-8"))
    return found


def table_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "performance_analysis.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_page_shows_every_coin_with_every_gate_and_every_chart(three: Any) -> None:
    page = page_of(three.folder)
    for each in three.models:
        symbol = each.model.symbol
        assert page.text.count(symbol) >= 4  # gates, its own part, measures, costs
        for chart in ("Equity", "Drawdown", "Calibration"):
            assert f"{chart} of {symbol}" in page.values["aria-label"]
        assert page.values["title"].count(each.model.gates[0]["sentence"]) == 1
    assert page.values["title"].count("3 is above 2") == 3  # the gate that another plugin brought
    assert {"house rule", "Sharpe"} <= set(page.said)
    assert page.values["aria-label"].count("Equity of equal parts of all coins and of those that passed") == 1


def test_figures_are_those_of_metrics_json_and_the_curve_ends_at_the_net_result(three: Any) -> None:
    played = three
    rows = {row["name"]: row for row in table_of(played.folder) if row["kind"] == "coin"}
    told = {coin["symbol"]: coin for coin in document_of(played.folder)["coins"]}
    night = read_night(played.context, LAST_NIGHT)
    assert night is not None
    for each, coin in zip(played.models, sorted(night.coins, key=lambda coin: coin.rank or 0), strict=True):
        metrics = json.loads((played.context.paths.workspace / each.model.path / "metrics.json").read_text())
        row = rows[each.model.symbol]
        assert told[each.model.symbol]["metrics"] == metrics
        for name in ("sharpe", "net_pnl", "hit_rate", "samples", "deflated_sharpe", "log_loss"):
            assert float(row[name]) == metrics[name]
        assert coin.tested is not None
        assert (1.0 + coin.tested.growth).prod() - 1.0 == pytest.approx(metrics["net_pnl"], rel=1e-9)
        assert sum(bin.count for bin in coin.tested.bins) == metrics["samples"]
    assert f"{played.models[0].performance.sharpe:.2f}".replace("-", "\N{MINUS SIGN}") in page_of(played.folder).text


def equal_parts(models: Any) -> float:
    """Return the compounded result of equal parts of models, made equal again each day."""
    days: dict[str, float] = {}
    for trade in (trade for each in models for trade in each.trades):
        earned = trade.stake * trade.net_bps / 1e4 / len(models)
        days[f"{trade.exited_at:%Y-%m-%d}"] = days.get(f"{trade.exited_at:%Y-%m-%d}", 0.0) + earned
    wealth = 1.0
    for earned in days.values():
        wealth *= 1.0 + earned
    return wealth - 1.0


def test_the_portfolio_is_that_of_the_library(three: Any) -> None:
    told = document_of(three.folder)["portfolio"]["all"]
    assert told["measures"]["net_pnl"] == pytest.approx(equal_parts(three.models), rel=1e-9)
    assert told["measures"]["models"] == 3
    assert told["missing"] == []
    assert len(told["daily_returns"]) == told["measures"]["days"]
    row = next(row for row in table_of(three.folder) if row["name"] == "all coins")
    assert float(row["net_pnl"]) == told["measures"]["net_pnl"]
    assert "not trades that were made" in page_of(three.folder).text


def test_risk_excursions_and_correlations_are_those_of_the_days_and_trades(three: Any) -> None:
    document = document_of(three.folder)
    told, returns = document["portfolio"]["all"]["measures"], np.array(document["portfolio"]["all"]["daily_returns"])
    assert told["omega"] == pytest.approx(returns[returns > 0].sum() / -returns[returns < 0].sum())
    assert told["value_at_risk_5"] == pytest.approx(risk.value_at_risk(returns))
    assert told["expected_shortfall_5"] == pytest.approx(risk.expected_shortfall(returns))
    assert told["tail_ratio"] == pytest.approx(risk.tail_ratio(returns))
    assert told["ulcer_index"] == pytest.approx(risk.ulcer_index(returns), abs=1e-9)
    assert told["trades"] == sum(len(each.trades) for each in three.models)
    every = [trade for each in three.models for trade in each.trades]
    assert told["excursions"]["mean_mae_bps"] == pytest.approx(np.mean([trade.mae_bps for trade in every]))
    assert told["excursions"]["mean_mfe_bps"] == pytest.approx(np.mean([trade.mfe_bps for trade in every]))
    alike = document["portfolio"]["correlations"]
    night = read_night(three.context, LAST_NIGHT)
    assert night is not None
    earned = {coin.symbol: coin.tested.earned for coin in night.coins if coin.tested}
    known = np.corrcoef([earned[name] for name in alike["coins"]])
    assert np.array(alike["values"]) == pytest.approx(known, abs=1e-4)
    assert told["mean_correlation"] == pytest.approx(known[np.tril_indices(3, -1)].mean())
    assert told["closest_pair"][0] == pytest.approx(known[np.tril_indices(3, -1)].max())
    first = next(coin for coin in night.coins if coin.symbol == document["coins"][0]["symbol"])
    assert first.tested is not None
    assert document["coins"][0]["risk"]["longest_underwater_days"] == risk.longest_underwater(first.tested.growth)
    page = page_of(three.folder)
    assert {"Ulcer index", "Omega ratio of daily returns", "Mean adverse excursion, bps", "VaR 5 %"} <= set(page.said)
    assert "Correlation of the coins' daily results" in page.values["aria-label"]


def test_the_table_has_every_measure_of_the_document_and_is_written_as_exports_are(three: Any) -> None:
    rows, document = table_of(three.folder), document_of(three.folder)
    portfolio = next(row for row in rows if row["name"] == "all coins")
    told = document["portfolio"]["all"]["measures"]
    flat = {**told, **told["excursions"], "closest_correlation": told["closest_pair"][0], "samples": told["trades"]}
    for name in ("excursions", "closest_pair", "trades"):
        del flat[name]
    assert {name: float(portfolio[name]) for name in flat} == pytest.approx(flat)
    assert portfolio["closest"] == " and ".join(told["closest_pair"][1:])
    for coin in document["coins"]:
        row = next(row for row in rows if row["name"] == coin["symbol"])
        flat = {**coin["risk"], **coin["risk"]["excursions"]}
        del flat["excursions"], flat["trades"]
        assert {name: float(row[name]) for name in flat} == pytest.approx(flat)
        others = [name for name in document["portfolio"]["correlations"]["coins"] if name != coin["symbol"]]
        assert row["closest"] in others
        assert row["passed"] == ("true" if coin["passed"] else "false")
        assert row["champion"] == ("true" if coin["champion"] else "false")
    raw = (three.folder / "performance_analysis.csv").read_bytes()
    assert raw.split(b"\r\n")[0].decode() == ",".join(each.name for each in COLUMNS)
    assert b"True" not in raw


def test_the_page_needs_nothing_from_outside_and_runs_nothing(three: Any) -> None:
    text = (three.folder / "model_comparison.html").read_text("utf-8")
    page = page_of(three.folder)
    assert not re.search(r"(?i)https?:|//[a-z]|url\(|@import|javascript:|<script|<iframe|<link|<img|<object", text)
    assert not {name for name in page.values if name.startswith("on")}
    assert all(link.startswith("#") for link in page.values["href"])
    assert {link[1:] for link in page.values["href"]} <= set(page.values["id"])
    assert "default-src 'none'" in text


def test_hostile_names_and_reasons_are_text_and_never_markup(play: Any) -> None:
    played = play(
        coins=1, failed={f"A{HOSTILE}": f"broke{HOSTILE}"}, sentence=f"no{HOSTILE}",
        dropped=((f"B{HOSTILE}", f"rule{HOSTILE}", f"why{HOSTILE}"), ("=cmd()-USDT", "odd", "odd")),
    )  # fmt: skip
    run(played.context)
    page = page_of(played.folder)
    assert "script" not in page.tags
    assert "b" in page.tags  # the page's own
    for word in ("A", "broke", "B", "rule", "why"):
        assert f"{word}{HOSTILE}" in page.text
    assert f"no{HOSTILE}" in page.values["title"]


def test_a_coin_without_a_model_is_named_with_its_reason_everywhere(uneven: Any) -> None:
    played = uneven
    text = page_of(played.folder).text
    assert "SOL-USDT failed : attempt 3: killed" in text
    assert "XRP-USDT skipped : it has no candles" in text
    rows = {row["name"]: row for row in table_of(played.folder)}
    assert (rows["SOL-USDT"]["state"], rows["SOL-USDT"]["reason"]) == ("failed", "attempt 3: killed")
    totals = document_of(played.folder)["totals"]
    assert (totals["coins"], totals["trained"], totals["failed"], totals["skipped"]) == (4, 2, 1, 1)
    [event] = played.context.store.events.recent()
    assert "SOL-USDT failed: attempt 3: killed" in event.fields["lines"]


@pytest.mark.parametrize("coins", [0, 1])
def test_a_night_of_no_coin_or_of_one_without_a_trade_has_a_report_like_any_other(play: Any, coins: int) -> None:
    played = play(coins=coins, trades=0, whole=True)
    assert run(played.context).outcome is Outcome.DONE
    page = page_of(played.folder)
    assert "left out 1" in page.text
    assert "USDC-USDT" in page.text
    assert ("no coin was trained" in document_of(played.folder)["headline"]) == (coins == 0)
    assert (played.folder / "model_comparison.pdf").read_bytes().startswith(b"%PDF")
    assert (played.folder / "equity.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_whose_trades_are_not_in_the_library_is_shown_without_curves(play: Any) -> None:
    played = play(coins=2)
    played.context.store.library.forget([played.models[0].model.model_id])
    run(played.context)
    page = page_of(played.folder)
    assert "Its trades are not in the library" in page.text
    assert f"Equity of {played.models[0].model.symbol}" not in page.values["aria-label"]
    assert f"Equity of {played.models[1].model.symbol}" in page.values["aria-label"]


def test_a_hundred_coins_stay_one_page_that_a_phone_opens(play: Any) -> None:
    played = play(coins=100, trades=60)
    run(played.context)
    assert (played.folder / "model_comparison.html").stat().st_size < 2_000_000
    page = page_of(played.folder)
    assert all(f"Equity of {each.model.symbol}" in page.values["aria-label"] for each in played.models)


def test_the_same_night_gives_the_same_bytes_and_the_document_lists_them_last(whole: Any) -> None:
    first = {path.name: sha256_of(path) for path in whole.folder.iterdir()}
    assert sorted(first) == [
        "equity.png", "model_comparison.html", "model_comparison.pdf", "performance_analysis.csv",
        "training_report.json",
    ]  # fmt: skip
    document = document_of(whole.folder)
    assert {each["file"]: each["sha256"] for each in document["files"]} == {
        name: digest for name, digest in first.items() if name != "training_report.json"
    }
    night = read_night(whole.context, LAST_NIGHT)
    assert night is not None
    write_nightly(whole.context, night)
    assert {path.name: sha256_of(path) for path in whole.folder.iterdir()} == first


def test_the_document_keeps_to_its_schema(uneven: Any, three: Any, repository: Path) -> None:
    schema = json.loads((repository / "plugins/huracan_reports/schemas/training_report.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    for played in (uneven, three):
        Draft202012Validator(schema).validate(document_of(played.folder))


def test_the_pdf_has_the_words_of_the_page(whole: Any) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    played = whole
    file = played.folder / "model_comparison.pdf"
    text = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, check=True, text=True).stdout
    assert "Night of 2023-12-30" in text
    assert played.models[0].model.gates[0]["sentence"].split()[0] in text
    assert "Fold by fold" in text


@pytest.mark.parametrize("subset", ["HarfBuzz", "fontTools"])
def test_a_pdf_is_the_same_whenever_it_is_made_and_whoever_embeds_its_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subset: str
) -> None:
    if pdf.missing():
        pytest.skip("no PDF can be made here")
    from weasyprint.pdf import fonts

    if subset == "fontTools":
        monkeypatch.setattr(fonts, "harfbuzz_subset", None)
    elif fonts.harfbuzz_subset is None:
        pytest.skip("HarfBuzz-Subset is not installed")
    for number in (1, 2):
        monkeypatch.setattr("fontTools.misc.timeTools.time.time", lambda day=number * 86_400.0: day)
        pdf.write_pdf("<p>A night", tmp_path / f"{number}.pdf")
    assert sha256_of(tmp_path / "1.pdf") == sha256_of(tmp_path / "2.pdf")
    assert "SOURCE_DATE_EPOCH" not in os.environ


def test_the_jobs_before_the_report_are_shown_though_their_plugins_are_off_by_now(play: Any) -> None:
    context = play(coins=1).context
    for job in ("candles", "backup"):  # long before the report, and after it
        context.store.ledger.begin_job(context.current_run.run_id, job, context.clock.now())
    night = read_night(context, context.current_run.run_date)
    assert night is not None
    assert sorted(row.job for row in night.jobs) == ["candles", "export"]


def test_the_owner_is_told_once_with_lines_picture_and_files_below_the_workspace(whole: Any) -> None:
    played = whole
    [event] = played.context.store.events.recent()
    assert (event.kind, event.severity) == ("report.ready", Severity.INFO)
    assert event.title.startswith("Night of 2023-12-30: 2 of 2 coins trained")
    assert event.fields["picture"] == "reports/nightly/20231230/equity.png"
    for name in (*event.fields["files"], event.fields["picture"]):
        assert (played.context.paths.workspace / name).is_file()
    assert any(line.startswith("Best: ") for line in event.fields["lines"])


def test_the_letter_and_the_phone_get_the_picture_of_the_curves_the_page_and_the_pdf(whole: Any) -> None:
    [event] = whole.context.store.events.recent()
    message = Message("report", (event,))
    letter = make_letter(whole.context, EmailSettings(to=("owner@example.org",)), message)
    sent = {part.get_filename(): part for part in letter.iter_attachments()}
    assert [(name, part.get_content_type()) for name, part in sent.items()] == [
        ("equity.png", "image/png"), ("model_comparison.html", "text/html"), ("model_comparison.pdf", "application/pdf")
    ]  # fmt: skip
    for name in ("equity.png", "model_comparison.pdf"):
        assert sent[name].get_content() == (whole.folder / name).read_bytes()
    draft = draft_of(whole.context, message)
    assert [(each.path, each.picture) for each in draft.attachments] == [
        (event.fields["picture"], True), *((path, False) for path in event.fields["files"])
    ]  # fmt: skip


def test_without_pango_the_report_comes_without_pdf_and_says_how_to_have_it(
    play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = play(coins=1, whole=True)
    write_bytes(played.folder / "model_comparison.pdf", b"%PDF of an earlier report")
    monkeypatch.setattr(pdf, "missing", lambda: "WeasyPrint lacks a library of the system: libpango")
    result = run(played.context)
    assert result.outcome is Outcome.DONE
    assert "no PDF: WeasyPrint lacks a library of the system" in result.summary
    assert not (played.folder / "model_comparison.pdf").exists()
    assert [each["file"] for each in document_of(played.folder)["files"]][-1] == "performance_analysis.csv"
    state = pdf.check_pdf(played.context)
    assert (state.state, "apt install" in state.hint) == ("warning", True)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "weasyprint", None)  # as where the extra was never wanted
    state = pdf.check_pdf(played.context)
    assert (state.state, state.detail) == ("ok", "reports are made without PDF: " + pdf.NOT_INSTALLED)


def test_a_pdf_that_cannot_be_made_costs_nobody_the_page_and_the_message(
    play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = play(coins=1)
    context = replace(played.context, settings=play(coins=0, whole=True).context.settings)

    def broken(page: str, path: Path) -> None:
        path.write_bytes(b"%PDF half")
        raise IndexError("a bug of the library")

    monkeypatch.setattr(pdf, "write_pdf", broken)
    result = run(context)
    assert result.outcome is Outcome.DONE
    assert "no PDF: WeasyPrint failed with IndexError" in result.summary
    assert not list(played.folder.glob("*.pdf"))
    assert context.store.events.recent()[0].kind == "report.ready"


def test_the_command_writes_elsewhere_prints_json_and_refuses_a_night_that_never_was(
    play: Any, tmp_path: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played = play(coins=1)
    played.context.store.close()
    file, there = tmp_path / "settings.yaml", tmp_path / "there"
    file.write_text(f"workspace: {workspace}\nplugins: {{only: [reports]}}\nreports: {{pdf: false, picture: false}}\n")
    assert main(["-c", str(file), "report", "--to", str(there), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["page"]) == there / "model_comparison.html"
    assert (there / "training_report.json").is_file()
    assert not played.folder.exists()
    assert main(["-c", str(file), "report", "nightly", "--date", "2020-01-01"]) == 2
    assert capsys.readouterr().err == (
        "huracan: report: there was no night on 2020-01-01; `huracan history` lists those that were\n"
    )


def test_the_chat_answers_with_the_lines_the_picture_and_the_file(whole: Any) -> None:
    reply = chat.report(whole.context, [])
    assert reply.text.startswith("Night of 2023-12-30: 2 of 2 coins trained")
    assert reply.picture == whole.folder / "equity.png"
    assert reply.file == whole.folder / "model_comparison.pdf"
    assert chat.report(whole.context, ["2023-12-30"]) == reply
    with pytest.raises(UsageError, match="'yesterday' is no date"):
        chat.report(whole.context, ["yesterday"])


def test_the_chat_says_that_there_is_no_report_yet(play: Any) -> None:
    with pytest.raises(UsageError, match="there is no report of 2023-12-30"):
        chat.report(play(coins=0).context, [])


def test_a_report_that_was_killed_before_its_end_is_made_whole_by_the_next(play: Any) -> None:
    played = play(coins=1)
    night = read_night(played.context, LAST_NIGHT)
    assert night is not None
    write_nightly(played.context, night)
    (played.folder / "training_report.json").unlink()
    (played.folder / "model_comparison.html").write_text("half")
    run(played.context)
    assert page_of(played.folder).text
    assert document_of(played.folder)["run_date"] == "2023-12-30"


def test_a_report_that_is_killed_while_it_is_written_anew_has_no_document_that_lies(
    play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = play(coins=1)
    run(played.context)
    writes: list[str] = []

    def killed_at_the_second(path: Path, write: Any) -> None:
        writes.append(path.name)
        if len(writes) == 2:
            raise StopRequested
        write_atomically(path, write)

    monkeypatch.setattr(made, "write_atomically", killed_at_the_second)
    with pytest.raises(StopRequested):
        run(played.context)
    assert writes == ["performance_analysis.csv", "model_comparison.html"]
    assert not (played.folder / "training_report.json").exists()
    monkeypatch.undo()
    run(played.context)
    for each in document_of(played.folder)["files"]:
        assert sha256_of(played.folder / each["file"]) == each["sha256"]


def test_a_coin_whose_trades_were_forgotten_is_named_and_does_not_calm_the_curve(play: Any, repository: Path) -> None:
    played = play(coins=3)
    lost, *others = played.models
    symbol = lost.model.symbol
    played.context.store.library.forget([lost.model.model_id], trades_only=True)
    result = run(played.context)
    assert f"no curves of {symbol}" in result.summary
    document = document_of(played.folder)
    told = document["portfolio"]["all"]
    assert (told["missing"], told["measures"]["models"]) == ([symbol], 2)
    assert told["measures"]["net_pnl"] == pytest.approx(equal_parts(others), rel=1e-9)
    coin = next(each for each in document["coins"] if each["symbol"] == symbol)
    assert (coin["forgotten"], coin["calibration"], coin["exits"], coin["risk"]) == (True, None, None, None)
    assert coin["metrics"]["sharpe"] == lost.performance.sharpe
    assert f"Not in equal parts, for the library does not have their trades: {symbol}" in document["lines"]
    page = page_of(played.folder)
    assert f"Not in these figures, for the library does not have their trades: {symbol}." in page.text
    assert "Its trades are not in the library any more" in page.text
    assert "run journal" not in page.text, "nothing brings back what keep_models let go"
    assert f"Equity of {symbol}" not in page.values["aria-label"]
    row = next(row for row in table_of(played.folder) if row["name"] == symbol)
    assert (row["best_day"], row["omega"], row["mean_mae_bps"]) == ("", "", "")
    schema = json.loads((repository / "plugins/huracan_reports/schemas/training_report.schema.json").read_text())
    Draft202012Validator(schema).validate(document)


def test_a_night_of_which_no_trade_is_left_does_not_say_that_nothing_was_traded(play: Any) -> None:
    played = play(coins=1)
    played.context.store.library.forget([played.models[0].model.model_id], trades_only=True)
    run(played.context)
    page = page_of(played.folder)
    assert "Equal parts of the coins" in page.text
    assert "all 0 coins" not in page.text
    assert "nothing to draw" not in page.text
    assert document_of(played.folder)["portfolio"]["all"]["measures"] == {
        "models": 0, "days": 0, "trades": 0, "trade_hit_rate": None, "excursions": None, "mean_correlation": None,
        "closest_pair": None,
    }  # fmt: skip


def test_the_command_does_not_write_a_poorer_report_over_a_good_one(
    play: Any, tmp_path: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played = play(coins=2)
    run(played.context)
    before = {path.name: sha256_of(path) for path in played.folder.iterdir()}
    lost = played.models[0].model
    played.context.store.library.forget([lost.model_id], trades_only=True)
    played.context.store.close()
    file, there = tmp_path / "settings.yaml", tmp_path / "there"
    file.write_text(f"workspace: {workspace}\nplugins: {{only: [reports]}}\nreports: {{pdf: false, picture: false}}\n")
    assert main(["-c", str(file), "report", "nightly", "--date", "2023-12-30"]) == 2
    assert capsys.readouterr().err == (
        f"huracan: report: that of 2023-12-30 stays as it is, for the trades of {lost.symbol}, which it shows, are no "
        "longer kept (training.library.keep_models); --to FOLDER writes one without them\n"
    )
    assert {path.name: sha256_of(path) for path in played.folder.iterdir()} == before
    assert main(["-c", str(file), "report", "--to", str(there)]) == 0
    assert f"no curves of {lost.symbol}; the library does not have their trades" in capsys.readouterr().out
    assert document_of(there)["portfolio"]["all"]["missing"] == [lost.symbol]
