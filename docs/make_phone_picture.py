"""Renders docs/images/telegram.png: what the owner's phone shows of a night, sent by the real channel to a loopback.

Needs chromium and fonts-noto-color-emoji.
`python docs/make_phone_picture.py WORKSPACE` takes roster and coins of a workspace that had a night.
"""

from __future__ import annotations

import html
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from huracan.context import Context  # noqa: E402
from huracan.testing import make_context  # noqa: E402
from huracan.types import Event, Message, Severity  # noqa: E402
from huracan_telegram.answering import Answers  # noqa: E402
from huracan_telegram.channel import Channel  # noqa: E402
from huracan_telegram.client import Client  # noqa: E402
from huracan_telegram.settings import TelegramSettings  # noqa: E402
from huracan_telegram.state import Taken  # noqa: E402
from servers.telegram import Sent, TelegramServer  # noqa: E402

OWNER = 77
STYLE = """
body { margin: 0; background: #9fb9cf; font: 15px/1.35 "Roboto", "Noto Sans", "DejaVu Sans", sans-serif; }
.phones { display: flex; gap: 14px; padding: 14px; align-items: flex-start; width: max-content; }
.phone { width: 375px; background: #c9dbe8; border-radius: 18px; padding: 10px; box-sizing: border-box; }
.bubble { background: #fff; border-radius: 12px; padding: 7px 10px; margin: 6px 0 2px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.mine { background: #e1ffc7; margin-left: auto; width: max-content; }
pre, code { font: 12.5px/1.35 "Roboto Mono", "DejaVu Sans Mono", monospace; margin: 3px 0; background: #f1f5f8;
  border-radius: 6px; padding: 3px 5px; display: block; white-space: pre-wrap; }
.row { display: flex; gap: 4px; margin: 2px 0; }
.row span { flex: 1; text-align: center; background: #ffffffb0; border-radius: 8px; padding: 6px; font-size: 13px; }
"""


def events_of(context: Context) -> Iterator[tuple[tuple[Event, ...], bool]]:
    """Yield what the night tells: events of each message, and whether it replaces the one before."""
    now = datetime.now(UTC)
    rows = json.loads(context.paths.roster.read_text("utf-8"))[:20]
    yield (
        (Event("run.started", Severity.INFO, f"nightly {now:%Y-%m-%d} starts", now, {"total": 9}),),
        False,
    )
    coins = [
        Event(
            "model.trained", Severity.INFO, "", now, {**{k: row[k] for k in ("sharpe", "hit_rate", "net_pnl")},
            "passed": row["trade_ok"], "done": number, "total": len(rows)}, symbol=row["symbol"],
        )
        for number, row in enumerate(rows, 1)
    ]  # fmt: skip
    lost = rows[len(rows) - 7]["symbol"]
    coins[len(coins) - 7] = Event(
        "model.failed", Severity.ERROR, f"{lost} failed: candles of the last 9 hours are missing", now,
        {"done": len(rows) - 6, "total": len(rows)}, symbol=lost,
    )  # fmt: skip
    yield (coins[0],), False
    yield tuple(coins[: len(coins) - 6]), True
    ended = {"problems": ["train: 1 of 20 coins failed"]}
    yield (Event("run.ended", Severity.WARNING, f"nightly {now:%Y-%m-%d}: 7 champions", now, ended),), False
    failed = "export failed: No space left on device: /var/lib/huracan/exports"
    yield (Event("job.failed", Severity.ERROR, failed, now, {"failed_job": "export"}),), False
    tripped = "the drawdown breaker tripped, trading is stopped: 12.3 % below the peak of 3 Mar, the limit is 12 %"
    yield (Event("breaker.tripped", Severity.ERROR, tripped, now, {}),), False
    backup = {"lines": ["412 MB in 1,204 files, 31 MB new", "copied to dropbox, tested: 12 files restored"]}
    yield (Event("backup.done", Severity.INFO, "backup 2024-01-02 done", now, backup),), False


def bubble(sent: Sent) -> str:
    rows = "".join(
        '<div class="row">' + "".join(f"<span>{html.escape(each['text'])}</span>" for each in row) + "</div>"
        for row in sent.buttons
    )
    return f'<div class="bubble">{sent.raw}</div>{rows}'


def main() -> None:
    workspace = Path(sys.argv[1])
    columns: list[str] = []
    with TelegramServer(chats={OWNER: "private"}) as server, tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, "work")
        shutil.copytree(workspace, copy)
        telegram = {"token": server.token, "chats": [OWNER], "base_url": server.url, "per_second_in_chat": 1000}
        plugins = ("telegram", "training", "universe", "safety", "exchanges", "candles")
        context = make_context(copy, {"telegram": telegram, "exchange": {"name": "simulated"}}, plugins=plugins)
        channel, receipt = Channel(), None
        for number, (events, replaces) in enumerate(events_of(context)):
            receipt = channel.deliver(context, Message(str(number), events, receipt if replaces else None))
        columns.append("".join(bubble(sent) for sent in server.sent[:3]))
        columns.append("".join(bubble(sent) for sent in server.sent[3:]))
        client = Client(context.settings.section(TelegramSettings))
        answers = Answers(context, lambda: client)
        for part in (("status", "jobs", "kill smoke"), ("roster", "coin " + best(context)), ("help", "universe")):
            shown = []
            for words in part:
                before = len(server.sent)
                answers._answer(Taken(1, OWNER, OWNER, tuple(words.split()), datetime.now(UTC)))
                shown.append(f'<div class="bubble mine">/{words}</div>' + "".join(map(bubble, server.sent[before:])))
            columns.append("".join(shown))
        client.close()
        channel.close()
        context.store.close()
    page = f"<meta charset=utf-8><style>{STYLE}</style><div class=phones>"
    page += "".join(f'<div class="phone">{column}</div>' for column in columns) + "</div>"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "page.html")
        source.write_text(page, "utf-8")
        picture = HERE / "images" / "telegram.png"
        subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1960,1010",
             f"--screenshot={picture}", source.as_uri()], check=True, capture_output=True,
        )  # fmt: skip


def best(context: Context) -> str:
    return str(json.loads(context.paths.roster.read_text("utf-8"))[0]["symbol"]).partition("-")[0]


if __name__ == "__main__":
    main()
