"""Log lines: JSON with run and job, readable on a terminal, whole in the file whoever writes."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
import warnings
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan import logs
from huracan.config import LoggingSettings
from huracan.context import RunInfo

NOW = datetime(2023, 12, 30, 2, tzinfo=UTC)
RUN = RunInfo("nightly-20231230-1", "nightly", date(2023, 12, 30), NOW, "train")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def configured(style: Any = "json", level: Any = "info", stream: io.StringIO | None = None) -> io.StringIO:
    stream = stream or io.StringIO()
    logs.configure(LoggingSettings(level=level), None, style, stream)
    return stream


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_inside_a_run_says_which_run_and_job() -> None:
    stream = configured()
    logs.run_logger(RUN, plugin="training").info("trained %d", 3, extra={"symbol": "SOL-USDT", "sharpe": 0.7})
    [line] = lines(stream.getvalue())
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "info", "message": "trained 3", "logger": "huracan", "run": "nightly-20231230-1", "job": "train",
        "plugin": "training", "symbol": "SOL-USDT", "sharpe": 0.7,
    }  # fmt: skip


def test_a_line_outside_a_run_says_neither() -> None:
    stream = configured()
    logs.run_logger(None).info("hello")
    [line] = lines(stream.getvalue())
    assert set(line) == {"time", "level", "message", "logger"}


def test_what_a_library_stamps_on_every_record_stays_out() -> None:
    """As Ray does from its import on."""
    usual = logging.getLogRecordFactory()

    def stamped(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = usual(*args, **kwargs)
        record.__dict__["_ray_timestamp_ns"] = 1
        return record

    logging.setLogRecordFactory(stamped)
    try:
        stream = configured()
        logs.run_logger(None).info("hello")
    finally:
        logging.setLogRecordFactory(usual)
    [line] = lines(stream.getvalue())
    assert set(line) == {"time", "level", "message", "logger"}


def test_a_librarys_line_inside_a_run_says_which_run_and_job() -> None:
    stream = configured()
    with logs.inside(run="nightly-20231230-1", job="train"), logs.inside(symbol="SOL-USDT"):
        logging.getLogger("some.library").warning("careful")
    logging.getLogger("some.library").warning("outside")
    inside, outside = lines(stream.getvalue())
    assert (inside["run"], inside["job"], inside["symbol"]) == ("nightly-20231230-1", "train", "SOL-USDT")
    assert not {"run", "job", "symbol"} & outside.keys()


def test_an_exception_is_one_field_of_one_line() -> None:
    stream = configured()
    try:
        raise ValueError("no\nsuch coin")
    except ValueError:
        logging.getLogger("x").exception("failed")
    [line] = lines(stream.getvalue())
    assert line["message"] == "failed"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: no\nsuch coin")


def test_lines_under_the_level_are_not_written() -> None:
    stream = configured(level="warning")
    logging.getLogger("x").info("small talk")
    assert stream.getvalue() == ""


def test_warnings_of_libraries_become_lines() -> None:
    stream = configured()
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old thing", FutureWarning, stacklevel=1)
    logging.captureWarnings(False)
    [line] = lines(stream.getvalue())
    assert "FutureWarning: old thing" in line["message"]


def test_configuring_again_replaces_what_was_configured() -> None:
    first, second = configured(), configured()
    logging.getLogger("x").info("hello")
    assert (first.getvalue(), len(lines(second.getvalue()))) == ("", 1)


def test_an_extra_does_not_take_the_place_of_time_or_level() -> None:
    stream = configured()
    logging.getLogger("x").info("hello", extra={"time": "midnight", "level": 3, "logger": "me"})
    [line] = lines(stream.getvalue())
    assert (line["level"], line["logger"]) == ("info", "x")
    assert (line["time_"], line["level_"], line["logger_"]) == ("midnight", 3, "me")


def test_a_line_whose_arguments_do_not_fit_is_still_written() -> None:
    # Formatted here, since pytest's own handler raises for such a line.
    record = logging.makeLogRecord({"msg": "%d coins", "args": ("three",), "levelname": "INFO"})
    line = json.loads(logs._JsonFormatter().format(record))
    assert "%d coins ('three',)" in line["message"]


def test_no_secret_is_written() -> None:
    logs.register_secret('s3cret"ä')
    for style in ("json", "human"):
        stream = configured(style)
        try:
            raise ValueError('s3cret"ä')
        except ValueError:
            logging.getLogger("x").exception('is s3cret"ä', extra={"job": 's3cret"ä', "parts": ['s3cret"ä']})
        assert "s3cret" not in stream.getvalue()
        assert "***" in stream.getvalue()


def test_a_secret_that_is_the_name_of_a_field_leaves_the_line_readable() -> None:
    logs.register_secret("message")
    stream = configured()
    logging.getLogger("x").info("a message")
    [line] = lines(stream.getvalue())
    assert line["message"] == "a ***"


def test_a_person_reads_time_level_where_and_text() -> None:
    stream = configured("human")
    logging.getLogger("x").warning("trained", extra={"job": "train", "symbol": "SOL-USDT", "run": "r"})
    assert re.fullmatch(r"\d\d:\d\d:\d\d warning train SOL-USDT: trained\n", stream.getvalue())


def test_colours_are_for_terminals() -> None:
    plain, terminal = configured("human"), Terminal()
    logging.getLogger("x").error("bad")
    configured("human", stream=terminal)
    logging.getLogger("x").error("bad")
    assert "\x1b" not in plain.getvalue()
    assert terminal.getvalue().startswith("\x1b[31m")


def test_a_text_from_outside_commands_no_terminal() -> None:
    stream = configured("human", stream=Terminal())
    logging.getLogger("x").info("file \x1b[2J\r of \udcff")
    assert "file \\x1b[2J\\x0d of \\udcff" in stream.getvalue()


# ------------------------------------------------------------------------------------------------------------ relay


def test_a_childs_line_is_passed_on_unchanged_in_both_styles(tmp_path: Path) -> None:
    child = configured()
    try:
        raise ValueError("x")
    except ValueError:
        with logs.inside(run="r", job="train"):
            logging.getLogger("huracan.x").exception("trained\n ✓", extra={"symbol": "SOL-USDT", "n": [1, {"a": None}]})
    told = child.getvalue()
    terminal = io.StringIO()
    logs.configure(LoggingSettings(), tmp_path, "human", terminal)
    with logs.inside(run="the parent's own"):
        logs.relay(told)
    assert (tmp_path / logs.LOG_FILE).read_text() == told
    assert " error   train SOL-USDT: trained\n ✓\nTraceback" in terminal.getvalue()


def test_a_childs_line_under_the_level_is_left_out() -> None:
    child = configured(level="debug")
    logging.getLogger("x").debug("detail")
    parent = configured(level="info")
    logs.relay(child.getvalue())
    assert parent.getvalue() == ""


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):", "{", "[]", "null", "3", '{"level": "info"}', "[" * 100_000,
        "\x1b[31m\udcff",
        '{"level": 3, "logger": "x", "message": "m", "time": "2023-12-30T02:00:00Z"}',
        '{"level": "loud", "logger": "x", "message": "m", "time": "2023-12-30T02:00:00Z"}',
        '{"level": "info", "logger": "x", "message": "m", "time": "yesterday"}',
        '{"level": "info", "logger": "x", "message": "m", "time": "0001-01-01T00:00:00"}',
        '{"level": "info", "logger": "x", "message": "m", "time": 3}',
    ],
)  # fmt: skip
def test_what_is_no_line_of_ours_becomes_a_warning_with_its_text(line: str) -> None:
    stream = configured()
    logs.relay(line + "\n")
    [written] = lines(stream.getvalue())
    assert (written["level"], written["logger"]) == ("warning", "huracan.child")
    assert written["message"] == line


def test_an_empty_line_is_left_out() -> None:
    stream = configured()
    logs.relay("\n")
    logs.relay("  ")
    assert stream.getvalue() == ""


@settings(deadline=None)
@given(text=st.text())
def test_whatever_a_child_writes_is_one_line_of_json(text: str) -> None:
    stream = configured()
    logs.relay(text)
    assert stream.getvalue().count("\n") == len(lines(stream.getvalue())) == (1 if text.strip() else 0)


# ------------------------------------------------------------------------------------------------------------- file

WRITE = """
import io, logging, sys
from pathlib import Path
from huracan import logs
from huracan.config import LoggingSettings
logs.configure(LoggingSettings(file_megabytes=1, file_count=10), Path(sys.argv[1]), "json", io.StringIO())
log = logging.getLogger("x")
print("ready", flush=True)
input()
for number in range(1500):
    log.info("line", extra={"writer": sys.argv[2], "number": number, "ballast": "x" * 2000})
"""


def test_processes_that_rotate_one_file_lose_no_line(tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(tmp_path), str(n)], stdin=pipe, stdout=pipe, stderr=pipe)
        for n in range(3)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert (writer.returncode, errors) == (0, b"")
    files = sorted(tmp_path.glob("huracan.jsonl*"))
    assert len(files) >= 9
    written = [line for file in files for line in lines(file.read_text())]
    for writer_number in range(3):
        mine = [line["number"] for line in written if line["writer"] == str(writer_number)]
        assert sorted(mine) == list(range(1500))


def test_old_files_are_thrown_away(tmp_path: Path) -> None:
    logs.configure(LoggingSettings(file_megabytes=1, file_count=2), tmp_path, "json", io.StringIO())
    log = logging.getLogger("huracan.quiet")
    for _ in range(800):
        log.info("x", extra={"ballast": "x" * 5000})
    names = sorted(path.name for path in tmp_path.glob("huracan*"))
    assert names == ["huracan.jsonl", "huracan.jsonl.1", "huracan.jsonl.2"]
    assert all(path.stat().st_size <= 1_010_000 for path in tmp_path.glob("huracan*"))


def test_a_folder_that_cannot_be_written_costs_the_file_alone(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("taken")
    stream = io.StringIO()
    logs.configure(LoggingSettings(), tmp_path / "logs", "json", stream)
    [line] = lines(stream.getvalue())
    assert line["level"] == "warning"
    assert "logs/huracan.jsonl cannot be written (File exists)" in line["message"]


def test_a_coin_that_the_message_begins_with_is_not_named_twice() -> None:
    stream = io.StringIO()
    logs.configure(LoggingSettings(), None, "human", stream)
    logging.getLogger("huracan.x").info("SOL-USDT passed all gates", extra={"job": "train", "symbol": "SOL-USDT"})
    assert stream.getvalue().endswith("info    train: SOL-USDT passed all gates\n")
