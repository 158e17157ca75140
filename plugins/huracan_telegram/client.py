"""The only module that speaks to Telegram: python-telegram-bot behind plain calls, its errors as our own.

A loop in a thread of its own carries the requests, so that any thread may call and every call has a hard limit.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import warnings
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from huracan.errors import DeliveryError, HuracanError
from huracan.masking import mask

if TYPE_CHECKING:
    from huracan_telegram.settings import TelegramSettings

__all__ = [
    "BusyError",
    "Buttons",
    "Client",
    "ConflictError",
    "EntitiesError",
    "GoneError",
    "MigratedError",
    "TokenError",
    "UnchangedError",
    "Update",
]

T = TypeVar("T")
Buttons = Sequence[Sequence[tuple[str, str]]]
"""Rows of (label, data) under a message."""

UPDATES = ["message", "callback_query"]
_NEVER_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout")
NOT_LET_IN = 300.0
"""Seconds until a token that was refused is tried again."""
_GRACE = 15.0
"""Seconds beyond the library's own limits after which a call is given up."""


class TokenError(DeliveryError):
    """The token is wrong or was revoked. Its owner can mend it: what waits is as good as before."""


class BusyError(DeliveryError):
    """Telegram wants to be left alone for ``retry_after`` seconds; who asks sooner is banned for longer."""


class EntitiesError(DeliveryError):
    """Telegram cannot parse the formatting; the same text without any may be taken."""


class UnchangedError(DeliveryError):
    """The message reads so already."""


class GoneError(DeliveryError):
    """The message that is to be edited is not there any more, or may not be edited."""


class MigratedError(DeliveryError):
    """The group became a supergroup: ``chat`` is its new id."""

    def __init__(self, what: str, chat: int) -> None:
        super().__init__(what, permanent=True)
        self.chat = chat


class ConflictError(HuracanError):
    """Somebody else polls with this token, or a webhook is set."""


@dataclass(frozen=True, slots=True)
class Update:
    """What somebody wrote to the bot or pressed (``query`` is then its id, and ``text`` the button's data).

    ``user`` is None where no single person stands behind it (a channel, a forwarded message, another bot).
    """

    number: int
    user: int | None
    name: str
    chat: int | None
    chat_name: str
    text: str
    time: datetime | None
    message: int | None = None
    query: str | None = None


class Client:
    """One bot. Every method raises DeliveryError or one of its kinds; texts of errors hold no token."""

    def __init__(self, settings: TelegramSettings) -> None:
        from telegram import Bot
        from telegram.request import HTTPXRequest
        from telegram.warnings import PTBDeprecationWarning

        # They log every URL, and the token stands in it.
        for name in ("httpx", "httpcore", "telegram"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        # The type of RetryAfter.retry_after changes some day, which it says at every look; here it may be either.
        warnings.filterwarnings("ignore", message=".*retry_after", category=PTBDeprecationWarning)
        self._limit = settings.timeout_seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="telegram", daemon=True)
        self._thread.start()
        base, token = f"{settings.base_url}/bot", settings.token.get_secret_value()

        async def make() -> tuple[Any, list[Any]]:
            requests = [
                HTTPXRequest(4, self._limit, self._limit, self._limit, self._limit, media_write_timeout=60.0)
                for _ in range(2)
            ]
            for request in requests:
                await request.initialize()
            return Bot(token, base_url=base, request=requests[0], get_updates_request=requests[1]), requests

        try:
            self._bot, self._requests = self._call(make())
        except DeliveryError:
            self._stop_loop()
            raise

    # ------------------------------------------------------------------------------------------------------- sending

    def send_text(self, chat: int, text: str, *, html: bool = True, buttons: Buttons = (), silent: bool = False) -> int:
        """Send a message and return its id."""
        sent = self._call(
            self._bot.send_message(
                chat, text, parse_mode="HTML" if html else None, reply_markup=_keyboard(buttons),
                disable_notification=silent, link_preview_options=_no_preview(),
            )
        )  # fmt: skip
        return int(sent.message_id)

    def edit_text(self, chat: int, message: int, text: str, *, html: bool = True, buttons: Buttons = ()) -> None:
        """Replace a message. Raises UnchangedError where it reads so already, GoneError where it cannot be replaced."""
        self._call(
            self._bot.edit_message_text(
                text, chat, message, parse_mode="HTML" if html else None, reply_markup=_keyboard(buttons),
                link_preview_options=_no_preview(),
            )
        )  # fmt: skip

    def send_file(self, chat: int, file: Path, *, picture: bool = False, caption: str = "") -> int:
        """Send a file, or a picture that is shown, and return the message's id."""
        send = self._bot.send_photo if picture else self._bot.send_document
        try:
            with file.open("rb") as content:
                sent = self._call(send(chat, content, caption=caption or None, filename=file.name), self._limit + 60.0)
        except OSError as error:
            raise DeliveryError(f"{file}: cannot be read: {error.strerror}", permanent=True) from None
        return int(sent.message_id)

    def answer_press(self, query: str, text: str = "") -> None:
        """End the waiting of a button that was pressed, with a short note."""
        self._call(self._bot.answer_callback_query(query, text=text or None))

    # ------------------------------------------------------------------------------------------------------- asking

    def updates(self, offset: int, wait: int) -> list[Update]:
        """Wait up to ``wait`` seconds for what people write, from update ``offset`` on.

        Raises ConflictError where somebody else asks with the same token.
        """
        call = self._bot.get_updates(
            offset=offset, timeout=wait, read_timeout=self._limit, allowed_updates=UPDATES, limit=100
        )
        return [_readable(each) for each in self._call(call, wait + self._limit)]

    def me(self) -> str:
        """Return the bot's name, as @huracan_bot."""
        return f"@{self._call(self._bot.get_me()).username}"

    def webhook(self) -> str:
        """Return where updates are sent by somebody else's setting; empty where they can be asked for."""
        return str(self._call(self._bot.get_webhook_info()).url or "")

    def chat_title(self, chat: int) -> str:
        """Return how a chat is called; it raises where the bot may not write to it."""
        found = self._call(self._bot.get_chat(chat))
        return str(found.title or found.full_name or chat)

    def set_commands(self, commands: Mapping[str, str]) -> None:
        """Show these commands, with their help, in the menu beside the text field."""
        self._call(self._bot.set_my_commands(list(commands.items())))

    def close(self) -> None:
        """Close connections."""

        async def shut_down() -> None:
            for request in self._requests:
                await request.shutdown()
            await asyncio.sleep(0)  # what was closed says goodbye in the next round of the loop

        with contextlib.suppress(HuracanError):  # nothing is lost with them
            self._call(shut_down())
        self._stop_loop()

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)
        if not self._thread.is_alive():
            self._loop.close()

    def _call(self, work: Coroutine[Any, Any, T], seconds: float | None = None) -> T:
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:
            work.close()
            raise DeliveryError("this connection to Telegram was closed") from None
        try:
            return future.result((self._limit if seconds is None else seconds) + _GRACE)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise DeliveryError("Telegram does not answer", uncertain=True) from None
        except Exception as error:  # noqa: BLE001 - sorted below; what is none of the library's is raised as it is
            raise _ours(error) from None


def _ours(error: Exception) -> Exception:
    from telegram import error as theirs

    text = mask(" ".join(str(error).split()))
    if isinstance(error, theirs.RetryAfter):
        wait: Any = error.retry_after
        seconds = wait.total_seconds() if hasattr(wait, "total_seconds") else float(wait)
        return BusyError(f"Telegram asks to wait: {text}", retry_after=seconds)
    if isinstance(error, theirs.ChatMigrated):
        return MigratedError("the group became a supergroup", int(error.new_chat_id))
    if isinstance(error, theirs.Conflict):
        return ConflictError(text)
    if isinstance(error, theirs.InvalidToken):
        return TokenError("Telegram does not know this token; ask @BotFather for it", retry_after=NOT_LET_IN)
    if isinstance(error, theirs.Forbidden):
        return DeliveryError(f"Telegram refuses: {text}", permanent=True)
    if isinstance(error, theirs.BadRequest):
        return _bad_request(text)
    if isinstance(error, theirs.TelegramError):
        # Without a connection nothing was sent; after that, nobody knows what became of it.
        uncertain = type(error.__cause__).__name__ not in _NEVER_SENT
        return DeliveryError(f"Telegram is away: {text or type(error.__cause__).__name__}", uncertain=uncertain)
    return error


def _bad_request(text: str) -> DeliveryError:
    small = text.lower()
    if "parse entities" in small or "unsupported start tag" in small:
        return EntitiesError(text, permanent=True)
    if "not modified" in small:
        return UnchangedError(text, permanent=True)
    if "message to edit not found" in small or "can't be edited" in small or "message_id_invalid" in small:
        return GoneError(text, permanent=True)
    return DeliveryError(f"Telegram refuses: {text}", permanent=True)


def _readable(update: Any) -> Update:
    """Return an update, one of nobody where it is not made as expected: it must not come back for ever."""
    try:
        return _update(update)
    except Exception:
        logging.getLogger(__name__).exception("an update of Telegram cannot be understood; it is left out")
        return Update(int(update.update_id), None, "", None, "", "", None)


def _update(update: Any) -> Update:
    query, message = update.callback_query, update.message
    if query is not None:
        held = query.message
        chat = held.chat if held is not None else None
        return Update(
            update.update_id, query.from_user.id, _clean(query.from_user.full_name), chat.id if chat else None,
            _title(chat), _clean(query.data or ""), None, held.message_id if held is not None else None, query.id,
        )  # fmt: skip
    if message is None:
        return Update(update.update_id, None, "", None, "", "", None)
    person = message.from_user
    # What was written by somebody else is nobody's order: forwarded, sent in a channel's name or through a bot.
    own = person is not None and not person.is_bot and not (
        message.forward_origin or message.sender_chat or message.via_bot
    )  # fmt: skip
    return Update(
        update.update_id, person.id if own else None, _clean(person.full_name) if person else "", message.chat.id,
        _title(message.chat), _clean(message.text or ""), message.date, message.message_id,
    )  # fmt: skip


def _title(chat: Any) -> str:
    return "" if chat is None else _clean(str(getattr(chat, "title", None) or getattr(chat, "full_name", None) or ""))


def _clean(text: str) -> str:
    """Replace halves of surrogate pairs, which no file and no terminal takes: they must not end who listens."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _keyboard(buttons: Buttons) -> Any:
    if not buttons:
        return None
    from telegram import InlineKeyboardButton, InlineKeyboardMarkup

    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(label, callback_data=data) for label, data in row] for row in buttons]
    )


def _no_preview() -> Any:
    from telegram import LinkPreviewOptions

    return LinkPreviewOptions(is_disabled=True)
