"""The health check ``telegram``: is the bot known, may it be asked, can every chat be written to?"""

from __future__ import annotations

from huracan.context import Context
from huracan.errors import DeliveryError
from huracan.types import CheckResult, CheckState
from huracan_telegram.settings import TelegramSettings
from huracan_telegram.state import new_chats

__all__ = ["look"]


def look(context: Context | None) -> CheckResult:
    """Ask Telegram about the bot; nothing is sent."""
    if context is None:
        return CheckResult(CheckState.OK, "asked without settings")
    settings = context.settings.section(TelegramSettings)
    if not settings.token.get_secret_value():
        return CheckResult(CheckState.OK, "not set up (telegram.token is empty)")
    from huracan_telegram.client import Client, TokenError

    client = Client(settings)
    try:
        return _ask(context, settings, client)
    except DeliveryError as error:
        hint = (
            "mend telegram.token"
            if isinstance(error, TokenError)
            else "see whether this machine reaches api.telegram.org"
        )
        return CheckResult(CheckState.FAILED, str(error), hint)
    finally:
        client.close()


def _ask(context: Context, settings: TelegramSettings, client: object) -> CheckResult:
    from huracan_telegram.client import Client

    assert isinstance(client, Client)
    name, webhook = client.me(), client.webhook()
    if webhook and settings.allowed_users:
        hint = "delete it (https://core.telegram.org/bots/api#deletewebhook), or give Huracan a bot of its own"
        return CheckResult(CheckState.FAILED, f"{name} sends its commands to a webhook elsewhere", hint)
    if not settings.chats:
        hint = "`huracan telegram find-chat` shows ids for telegram.chats and telegram.allowed_users"
        return CheckResult(CheckState.WARNING, f"{name} writes to nobody: telegram.chats is empty", hint)
    moved, titles = new_chats(context.paths), []
    for chat in settings.chats:
        try:
            titles.append(client.chat_title(moved.get(chat, chat)))
        except DeliveryError as error:
            if not error.permanent:
                raise
            hint = "write /start to the bot from there, or add it to the group; then its id is right or is not"
            return CheckResult(CheckState.FAILED, f"{name} cannot write to chat {chat}: {error}", hint)
    users = len(settings.allowed_users)
    if old := [chat for chat in settings.chats if chat in moved]:
        told = ", ".join(f"the group {chat} has the id {moved[chat]} now" for chat in old)
        return CheckResult(CheckState.WARNING, f"{name}: {told}", "write that into telegram.chats")
    return CheckResult(
        CheckState.OK, f"{name} writes to {', '.join(titles)} and obeys {users} user{'s' * (users != 1)}"
    )
