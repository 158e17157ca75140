"""Set Telegram up: ``find-chat`` shows who writes to the bot, with the ids that the settings need.

Write anything to the bot, or to a group that it is in, while this waits. What was written is left for the service.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from huracan.cli.common import console, json_option, load, show_json
from huracan.errors import ExitCode, TryAgainError, UsageError

if TYPE_CHECKING:
    from huracan_telegram.client import Client, Update

__all__ = ["configure", "run"]

_ONE_QUESTION = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-command and its options."""
    commands = parser.add_subparsers(dest="telegram_command", required=True, metavar="COMMAND")
    find = commands.add_parser("find-chat", help="show the ids of who writes to the bot")
    find.add_argument(
        "--seconds", type=float, default=60.0, metavar="N", help="how long to wait for somebody (default: 60)"
    )
    json_option(find)


def run(arguments: argparse.Namespace) -> int:
    """Wait until somebody writes. Raises UsageError without a token, TryAgainError where somebody else listens."""
    from huracan.masking import register_secret
    from huracan_telegram.client import Client, ConflictError
    from huracan_telegram.settings import TelegramSettings

    settings = load(arguments)[0].section(TelegramSettings)
    token = settings.token.get_secret_value()
    if not token:
        raise UsageError("telegram.token is not set: let @BotFather make a bot (/newbot), and write its token there")
    register_secret(token)
    client = Client(settings)
    try:
        name = client.me()
        if not arguments.json:
            print(
                f"Write anything to {name}, or to a group that it is in; waiting {arguments.seconds:g} s ...",
                flush=True,
            )
        found = _listen(client, arguments.seconds)
    except ConflictError as error:
        text = "somebody else listens to this bot (the service telegram of a running daemon, or a webhook)"
        raise TryAgainError(f"{text}: {error}") from None
    finally:
        client.close()
    _show(arguments, found)
    return int(ExitCode.DONE if found else ExitCode.NOTHING_TO_DO)


def _listen(client: Client, seconds: float) -> list[Update]:
    """Return who wrote, each once; nothing is confirmed, so that the service sees it as well."""
    end = time.monotonic() + seconds
    found: dict[tuple[int | None, int | None], Update] = {}
    while time.monotonic() < end:
        wait = max(0, min(_ONE_QUESTION, round(end - time.monotonic())))
        for update in client.updates(0, wait):
            if update.chat is not None:
                found[(update.chat, update.user)] = update
        if found:
            break
    return list(found.values())


def _show(arguments: argparse.Namespace, found: list[Update]) -> None:
    if arguments.json:
        show_json(
            {"found": [{"chat": e.chat, "chat_name": e.chat_name, "user": e.user, "name": e.name} for e in found]}
        )
        return
    if not found:
        print("nobody wrote; in a group, write /start@the_name_of_the_bot")
        return
    from rich.text import Text

    from huracan.cli.tables import make_table

    table = make_table(("chat", "its name", "user", "name"), wide="its name")
    for each in found:
        table.add_row(str(each.chat), Text(each.chat_name), str(each.user or "-"), Text(each.name))
    console(arguments).print(table)
    chats = sorted({each.chat for each in found if each.chat is not None})
    users = sorted({each.user for each in found if each.user is not None})
    print(f"\ntelegram:\n  chats: {chats}\n  allowed_users: {users}")
