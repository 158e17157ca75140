"""Declared tables in four formats: an independent reader gets back what went in, in any of them."""

from __future__ import annotations

import csv
import errno
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan.errors import PluginError
from huracan.table_files import FORMATS, json_text, stream_table, unmarked, write_table
from huracan.types import Column, ColumnKind

ALL = (
    Column("text", ColumnKind.TEXT, ""),
    Column("integer", ColumnKind.INTEGER, ""),
    Column("number", ColumnKind.NUMBER, "", "bps"),
    Column("truth", ColumnKind.TRUTH, ""),
    Column("date", ColumnKind.DATE, ""),
    Column("instant", ColumnKind.INSTANT, ""),
    Column("json", ColumnKind.JSON, ""),
)
TEXT = ALL[:1]
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

plain = st.text(st.characters(codec="utf-8"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
texts = st.text(st.characters(codec="utf-8")) | st.sampled_from(DANGEROUS).flatmap(
    lambda mark: st.text(st.characters(codec="utf-8"), max_size=5).map(lambda rest: f"{mark}{rest}")
)
instants = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
whole_rows = st.tuples(
    st.none() | texts,
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(),
    st.none() | st.booleans(),
    st.none() | st.dates(date(1900, 1, 1), date(2200, 1, 1)),
    st.none() | instants,
    st.none() | json_values.filter(lambda value: value is not None),
)


def written(form: str, columns: Sequence[Column], batches: Sequence[Any]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table"
        rows = write_table(path, form, columns, batches)
        assert rows == sum(len(batch) for batch in batches)
        assert [file.name for file in Path(folder).iterdir()] == ["table"]
        return path.read_bytes()


def from_csv(content: bytes) -> list[list[Any]]:
    """Read as the reference says: empty cells are None, one apostrophe of a text is taken away."""
    _, *lines = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
    readers: tuple[Callable[[str], Any], ...] = (
        unmarked, int, float, {"true": True, "false": False}.__getitem__, date.fromisoformat, datetime.fromisoformat,
        json.loads,
    )  # fmt: skip
    return [[read(cell) if cell else None for read, cell in zip(readers, line, strict=True)] for line in lines]


def from_json(rows: Sequence[dict[str, Any]]) -> list[list[Any]]:
    for row in rows:
        assert list(row) == [each.name for each in ALL]
        row["date"] = row["date"] and date.fromisoformat(row["date"])
        row["instant"] = row["instant"] and datetime.fromisoformat(row["instant"])
    return [list(row.values()) for row in rows]


def expected(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [
        [None if isinstance(cell, float) and not abs(cell) < float("inf") else cell for cell in row] for row in rows
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(whole_rows, max_size=6), st.integers(0, 6))
def test_every_format_gives_back_what_was_written(rows: list[tuple[Any, ...]], cut: int) -> None:
    batches = [rows[:cut], rows[cut:]]
    wanted = expected(rows)
    in_csv = [["" if i == 0 and cell is None else cell for i, cell in enumerate(row)] for row in wanted]
    found = [["" if i == 0 and cell is None else cell for i, cell in enumerate(row)]
             for row in from_csv(written("csv", ALL, batches))]  # fmt: skip
    assert found == in_csv, "csv knows no difference between empty text and none"
    lines = written("jsonl", ALL, batches).decode().split("\n")
    assert lines.pop() == ""
    assert from_json([json.loads(line) for line in lines]) == wanted
    assert from_json(json.loads(written("json", ALL, batches))["rows"]) == wanted
    frame = pl.read_parquet(io.BytesIO(written("parquet", ALL, batches)))
    assert [[*row[:6], row[6] and json.loads(row[6])] for row in frame.rows()] == wanted


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, min_size=1, max_size=5))
def test_no_cell_begins_as_a_formula_and_each_can_be_had_back(cells: list[str]) -> None:
    content = written("csv", TEXT, [[(cell,) for cell in cells]]).decode()
    _, *lines = csv.reader(io.StringIO(content, newline=""), strict=True)
    assert not any(cell.startswith(DANGEROUS) for (cell,) in lines)
    assert [unmarked(cell) for (cell,) in lines] == cells


def test_numbers_and_json_are_never_marked() -> None:
    columns = (ALL[1], ALL[2], ALL[6])
    assert written("csv", columns, [[(-3, -1.5e-07, -1)]]).endswith(b"\r\n-3,-1.5e-7,-1\r\n")


def test_csv_is_rfc_4180() -> None:
    content = written("csv", (ALL[0], ALL[2]), [[('say "hi", twice\r\n', 0.1), ("é", None)]])
    assert content == 'text,number\r\n"say ""hi"", twice\r\n",0.1\r\né,\r\n'.encode()


def test_a_table_without_rows_has_its_columns_in_every_format_that_can() -> None:
    names = [each.name for each in ALL]
    assert written("csv", ALL, []) == ",".join(names).encode() + b"\r\n"
    document = json.loads(written("json", ALL, [[]]))
    assert [each["name"] for each in document["columns"]] == names
    assert (document["columns"][2]["unit"], document["rows"]) == ("bps", [])
    assert written("jsonl", ALL, []) == b""
    frame = pl.read_parquet(io.BytesIO(written("parquet", ALL, [])))
    assert (frame.columns, frame.schema["instant"], frame.height) == (names, pl.Datetime("us", "UTC"), 0)


def test_a_row_of_one_empty_cell_is_a_row() -> None:
    lines = list(csv.reader(io.StringIO(written("csv", TEXT, [[(None,), ("",), ("a",)]]).decode(), newline="")))
    assert lines == [["text"], [""], [""], ["a"]]


def test_instants_are_utc_whatever_zone_they_came_in_and_milliseconds_are_instants() -> None:
    column = ALL[5:6]
    here = datetime(2023, 12, 30, 6, 5, tzinfo=timezone(timedelta(hours=2)))
    assert b"2023-12-30T04:05:00Z" in written("csv", column, [[(here,)]])
    assert written("jsonl", column, [[(1703909100123,), (None,)]]) == (
        b'{"instant":"2023-12-30T04:05:00.123Z"}\n{"instant":null}\n'
    )


def test_portions_of_any_size_and_frames_give_the_same_file() -> None:
    rows = [(f"row {i}", i, i / 7, i % 2 == 0, date(2023, 1, 1), None, {"i": i}) for i in range(21_000)]
    frame = pl.DataFrame(
        [(*row[:6], json_text(row[6])) for row in rows[:1000]], orient="row",
        schema=dict.fromkeys([each.name for each in ALL]) | {"instant": pl.Datetime("us", "UTC")},
    )  # fmt: skip
    for form in ("csv", "json", "jsonl"):
        whole = written(form, ALL, [rows])
        assert whole == written(form, ALL, [rows[i : i + 7001] for i in range(0, len(rows), 7001)])
        assert whole == written(form, ALL, [frame, rows[1000:]])
    table = pl.read_parquet(io.BytesIO(written("parquet", ALL, [rows])))
    assert table["integer"].to_list() == list(range(21_000))


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (("a", 1), "rows of 2 cells"),
        (("a", "x", None, None, None, None, None), "column integer holds what is not integer"),
        (("a", 1.5, None, None, None, None, None), "column integer holds what is not integer"),
        (("a", 2**63, None, None, None, None, None), "column integer holds what is not integer"),
        ((5, None, None, None, None, None, None), "column text holds what is not text"),
        ((None, None, "x", None, None, None, None), "column number holds what is not number"),
        ((None, None, None, 1, None, None, None), "column truth holds what is not truth"),
        ((None, None, None, None, datetime(2023, 1, 1, tzinfo=UTC), None, None), "column date holds what is not date"),
        ((None, None, None, None, None, datetime(2023, 1, 1), None), "without a time zone"),  # noqa: DTZ001
        ((None, None, None, None, None, None, {1, 2}), "column json holds what is not json"),
    ],
)
def test_a_row_that_is_not_as_declared_is_refused_by_column(row: tuple[Any, ...], complaint: str) -> None:
    for form in FORMATS:
        with pytest.raises(PluginError, match=complaint):
            written(form, ALL, [[row]])


def test_a_frame_of_other_columns_or_with_broken_json_is_refused() -> None:
    with pytest.raises(PluginError, match=r"has the columns \['other'\], declared are \['text'\]"):
        written("csv", TEXT, [pl.DataFrame({"other": ["a"]})])
    for text in ("{", "NaN", "1,2", ""):
        with pytest.raises(PluginError, match="column json holds what is"):
            written("jsonl", ALL[6:], [pl.DataFrame({"json": [text]})])


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_json_that_a_frame_has_printed_over_several_lines_is_one_row(form: str) -> None:
    values: list[Any] = [{"a": [1, 2], "b": "two\nlines"}, None, ["x", {}]]
    cells = [None if value is None else json.dumps(value, indent=2).replace("\n", end) for value, end in
             zip(values, ("\n", "", "\r\n"), strict=True)]  # fmt: skip
    frame = pl.DataFrame({"integer": [1, 2, 3], "json": cells})
    content = written(form, (ALL[1], ALL[6]), [frame]).decode()
    rows = json.loads(content)["rows"] if form == "json" else [json.loads(line) for line in content.splitlines()]
    assert rows == [{"integer": i + 1, "json": value} for i, value in enumerate(values)]
    assert "\r" not in content


def test_halves_of_surrogate_pairs_are_kept_as_escapes() -> None:
    row = ("a\ud800", None, None, None, None, None, {"k": "b\ud800"})
    (line,) = written("jsonl", ALL, [[row]]).decode().splitlines()
    found = json.loads(line)
    assert (found["text"], found["json"]) == ("a\\ud800", {"k": "b\\ud800"})


def test_a_failing_source_leaves_no_part_behind(tmp_path: Path) -> None:
    def source() -> Any:
        yield [("a",)]
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        write_table(tmp_path / "table", "parquet", TEXT, source())
    assert list(tmp_path.iterdir()) == []


def test_a_limit_of_the_system_keeps_its_number(tmp_path: Path) -> None:
    """A full disk is told by its number: here the size that a file may have is at its end."""
    code = (
        "import resource, signal, sys\nfrom pathlib import Path\n"
        "from huracan.table_files import write_table\nfrom huracan.types import Column, ColumnKind\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (9999, 9999))\n"
        "import random\nrows = [(random.random(),) for _ in range(9999)]\n"
        "try:\n    write_table(Path(sys.argv[1]), 'parquet', (Column('n', ColumnKind.NUMBER, ''),), [rows])\n"
        "except OSError as error:\n    print(error.errno)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "table")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{errno.EFBIG}\n"


def test_four_hundred_thousand_rows_take_no_more_memory_than_a_few(tmp_path: Path) -> None:
    code = (
        "import re, sys\nfrom huracan.table_files import write_table\n"
        "from huracan.types import Column, ColumnKind\nfrom pathlib import Path\n"
        "columns = (Column('a', ColumnKind.TEXT, ''), *(Column(f'n{i}', ColumnKind.NUMBER, '') for i in range(9)))\n"
        "rows = [('=text', *(i / 7 + k for k in range(9))) for i in range(10_000)]\n"
        "for form in ('csv', 'jsonl', 'parquet'):\n"
        "    write_table(Path(sys.argv[1]) / form, form, columns, (rows for _ in range(int(sys.argv[2]))))\n"
        # Not ru_maxrss: that of a child counts what its parent had before the child's program began.
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) // 1024)\n"
    )

    def peak(batches: int) -> int:
        command = [sys.executable, "-c", code, str(tmp_path), str(batches)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    few, many = peak(3), peak(40)
    assert many < 300
    assert many < few + 60, f"{few} MiB for 30,000 rows, {many} for 400,000"


def test_a_table_streams_into_what_cannot_seek() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.content = b""

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.content += bytes(data)
            return len(data)

    for form in ("csv", "json", "jsonl"):
        pipe = Pipe()
        stream_table(pipe, form, TEXT, [[("a",)], [("b",)]])  # type: ignore[arg-type]
        assert pipe.content == written(form, TEXT, [[("a",), ("b",)]])
