"""The pages of what a night leaves for others: exports, the table of its report, JSON documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from huracan import types as values
from huracan.plugin.manager import Plugins
from rendered.parts import NOTE, ROOT, column_table

__all__ = ["analysis_page", "exports_page", "schemas_page"]

EXPORTS_INTRODUCTION = """\
The job `export` writes these after each night to `exports/YYYY-MM-DD/NAME_YYYYMMDD.FORMAT`; `huracan export` writes
them at any time, of any days, to any folder ([how](../how-to/exports.md)). Tables come in every format of
`export.formats`, files in a form of their own. A name with `*` makes a file for each part (coin); a part that is no
plain file name is changed and carries the beginning of its SHA-256.

`performance_summary_YYYYMMDD.json` is the index and is written last: each file with name, format, version, rows,
columns, bytes and SHA-256, and a line for each export that failed
([schema](../../plugins/huracan_export/schemas/performance_summary.schema.json)). While files are being replaced there
is no index; where there is one, what it says is true. A file of an export that failed this time is that of an earlier
write and is not listed. What is no longer kept cannot be exported: a line says so ("trades of 3 models are no longer
kept"), and files that an earlier write made of more stay, and stay listed.

| kind | csv | json, jsonl | parquet |
| --- | --- | --- | --- |
| text | text, marked where it must be (below) | string | String |
| integer | `-12` | number | Int64 |
| number | shortest form that reads back the same | number | Float64 |
| truth | `true`, `false` | `true`, `false` | Boolean |
| date | `2023-12-30` | the same, a string | Date |
| instant | `2023-12-30T04:05:00Z`, microseconds where there are any | the same, a string | Datetime, UTC |
| json | JSON text | the value itself | JSON text, a String |

An empty cell is unknown or undefined (null); so is what is not a finite number. Fractions are fractions, not percent.

- **csv** is RFC 4180: UTF-8 without a byte order mark, a header, CR LF, quotes doubled. Text that begins with `=`,
  `+`, `-`, `@`, a tab, a line end, a full-width form of these, or an apostrophe gets an apostrophe before it, so that
  no spreadsheet runs it; take one leading apostrophe away from text cells to have the original. Other cells are never
  marked.
- **json** is one object: `schema`, `columns` (name, kind, unit) and `rows`, an object each.
- **jsonl** is an object a line; a table without rows is an empty file, the index has its columns.
- **parquet** is compressed with zstd, in groups of up to 20,000 rows.
"""

ANALYSIS_INTRODUCTION = """\
A line for each coin of a night and one for each portfolio of equal parts: all coins, and those that passed every gate.
The form is that of [exports](exports.md) as CSV. What a night's report is and where it lies says
[the report of a night](../how-to/reports.md).
"""

SCHEMAS_INTRODUCTION = """\
What stands in the JSON documents that other programs read; [what lies where](artefacts.md) says which files there
are. The schemas are JSON Schema 2020-12, and tests hold the files of nights to them. A number `schema`, where there is
one, grows when a reader has to know of a change.
"""


def exports_page(plugins: Plugins) -> str:
    """Return every export with the columns of its table."""
    parts = [f"# Exports\n\n{NOTE}\n{EXPORTS_INTRODUCTION}"]
    exports = plugins.exports()
    for name, export in sorted(exports.items()):
        kind = f"File: `{export.suffix}`" if isinstance(export, values.FileExport) else "Table"
        each = ", one for each of its parts" if export.parts else ""
        about = f"{kind}{each}. Version {export.version}. Brought by the plugin `{exports.owners[name]}`."
        if isinstance(export, values.FileExport):
            about += schema_link(exports.owners[name], name.replace("_*", ""))
        parts.append(f"## {name}\n\n{export.description[0].upper()}{export.description[1:]}. {about}\n")
        if isinstance(export, values.TableExport):
            parts.append(column_table(export.columns))
    return "\n".join(parts)


def schema_link(owner: str, document: str) -> str:
    """Return where the JSON Schema of a plugin's document is, empty where it has none."""
    path = f"plugins/huracan_{owner}/schemas/{document}.schema.json"
    return f" Its JSON Schema is [{document}](../../{path})." if (ROOT / path).exists() else ""


def analysis_page() -> str:
    """Return the columns of the table that a night's report has."""
    from huracan_reports.analysis import COLUMNS

    return f"# performance_analysis.csv\n\n{NOTE}\n{ANALYSIS_INTRODUCTION}\n{column_table(COLUMNS)}"


def schemas_page() -> str:
    """Return what each JSON Schema of the bundled plugins says of its document."""
    parts = [f"# JSON documents\n\n{NOTE}\n{SCHEMAS_INTRODUCTION}"]
    found = {path: json.loads(path.read_text("utf-8")) for path in (ROOT / "plugins").glob("*/schemas/*.schema.json")}
    for path, schema in sorted(found.items(), key=lambda each: str(each[1]["title"])):
        link = f"../../{path.relative_to(ROOT).as_posix()}"
        body = schema.get("items", schema)
        kind = "A list; of each entry:" if "items" in schema else "Of the document:"
        rows = "".join(_property_row(name, each, body) for name, each in body.get("properties", {}).items())
        parts.append(
            f"## {schema['title']}\n\n{schema['description']} [{path.name}]({link}). {kind}\n\n"
            f"| field | type | always there | meaning |\n| --- | --- | --- | --- |\n{rows}"
        )
    return "\n".join(parts)


def _property_row(name: str, each: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    kind = each.get("type") or ("one of " + ", ".join(map(str, each["enum"])) if "enum" in each else "")
    if "const" in each:
        kind = f"{each['const']}"
    words = " or ".join(kind) if isinstance(kind, list) else kind
    always = "yes" if name in body.get("required", ()) else ""
    meaning = str(each.get("description", "")).replace("|", "\\|")
    return f"| `{name}` | {words} | {always} | {meaning} |\n"
