"""The channel ``telegram``: delivers messages to every chat of the settings, each part once as far as can be known."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from huracan.context import Context
from huracan.errors import DeliveryError
from huracan.types import CheckResult, Message, Severity
from huracan_telegram.client import Buttons, Client, EntitiesError, GoneError, MigratedError, UnchangedError
from huracan_telegram.render import Attachment, Draft, draft_of
from huracan_telegram.settings import TelegramSettings
from huracan_telegram.state import Delivery, new_chats, remember_chat
from huracan_telegram.texts import LONGEST, Piece, as_html, as_plain, split

__all__ = ["Channel", "Post"]

T = TypeVar("T")
LEFT_OUT = "…\n"
"""What a grown message begins with of which only the end has room."""
LARGEST_FILE = 50_000_000
"""Bytes that a bot may send (core.telegram.org/bots/faq)."""
LARGEST_PICTURE = 10_000_000


class Post:
    """Puts drafts into one chat, at the pace that Telegram allows, and follows a group that moves."""

    def __init__(self, context: Context, client: Client) -> None:
        self._context, self._client = context, client
        self._settings = context.settings.section(TelegramSettings)
        self._moved = new_chats(context.paths)
        self._next: dict[int, float] = {}
        self._lock = threading.Lock()

    def draft(self, chat: int, draft: Draft, delivery: Delivery | None = None, *, alone: bool = True) -> int:
        """Send a draft and return the id of its first message; parts that arrived before are not sent again."""
        texts = split(draft.pieces) or [[Piece("(no text)")]]
        first: int | None = None
        for number, text in enumerate(texts):
            last = number == len(texts) - 1
            keep = not (last and alone and not draft.attachments)
            known = delivery.arrived(chat, number) if delivery else None
            if known is None:
                known = self._text(chat, text, rows(draft.buttons) if last else ())
                if delivery:
                    delivery.note(chat, number, known, keep=keep)
            first = known if first is None else first
        for attachment in draft.attachments:
            if delivery is None or delivery.arrived(chat, attachment.path) is None:
                sent = self._file(chat, attachment)
                if delivery and sent is not None:
                    delivery.note(chat, attachment.path, sent, keep=True)
        assert first is not None
        return first

    def replace(self, chat: int, message: int, draft: Draft) -> int:
        """Put a draft in place of a message; send it anew where that is gone. Returns the message's id."""
        texts = split(draft.pieces, LONGEST - len(LEFT_OUT)) or [[Piece("(no text)")]]
        text = texts[0] if len(texts) == 1 else [Piece(LEFT_OUT), *texts[-1]]
        buttons = rows(draft.buttons)

        def edit(text: str, html: bool) -> Callable[[int], None]:
            return lambda where: self._client.edit_text(where, message, text, html=html, buttons=buttons)

        try:
            try:
                self._paced(chat, edit(as_html(text), True))
            except EntitiesError:
                self._paced(chat, edit(as_plain(text), False))
        except UnchangedError:
            return message
        except GoneError:
            return self._text(chat, text, buttons)
        return message

    def _text(self, chat: int, pieces: Sequence[Piece], buttons: Buttons) -> int:
        try:
            return self._paced(chat, lambda where: self._client.send_text(where, as_html(pieces), buttons=buttons))
        except EntitiesError as error:
            self._context.log.warning("telegram: sent without formatting: %s", error)
            plain = as_plain(pieces)
            return self._paced(chat, lambda where: self._client.send_text(where, plain, html=False, buttons=buttons))

    def _file(self, chat: int, attachment: Attachment) -> int | None:
        """Send a file; one that is gone, too large or refused costs a line of the log, not the message."""
        workspace = self._context.paths.workspace.resolve()
        path = (workspace / attachment.path).resolve()
        if not path.is_relative_to(workspace):
            self._context.log.warning("telegram: %s lies outside of the workspace; not sent", attachment.path)
            return None
        size = path.stat().st_size if path.is_file() else 0
        if not 0 < size <= LARGEST_FILE:
            why = "is not there, or empty" if not size else f"has {size / 1e6:.0f} MB, more than a bot may send"
            self._context.log.warning("telegram: %s %s; not sent", attachment.path, why)
            return None
        if attachment.picture and size <= LARGEST_PICTURE:
            try:
                return self._send(chat, path, picture=True)
            except DeliveryError as error:
                if not error.permanent:
                    raise
                self._context.log.warning("telegram: %s is sent as a file: %s", attachment.path, error)
        try:
            return self._send(chat, path, picture=False)
        except DeliveryError as error:
            if not error.permanent:
                raise
            self._context.log.warning("telegram: %s was not taken: %s", attachment.path, error)
            return None

    def _send(self, chat: int, path: Path, *, picture: bool) -> int:
        return self._paced(chat, lambda where: self._client.send_file(where, path, picture=picture))

    def _paced(self, chat: int, act: Callable[[int], T]) -> T:
        """Act on a chat when its turn has come, and once more where its group has moved."""
        where = self._moved.get(chat, chat)
        self._wait(where)
        try:
            return act(where)
        except MigratedError as error:
            self._moved[chat] = error.chat
            remember_chat(self._context.paths, chat, error.chat)
            self._context.emit(
                "telegram.chat-moved", Severity.WARNING,
                f"the Telegram group {chat} has the id {error.chat} now; write that into telegram.chats",
                old=chat, new=error.chat,
            )  # fmt: skip
            self._wait(error.chat)
            return act(error.chat)

    def _wait(self, chat: int) -> None:
        """Keep the pace: Telegram bans bots for a while that do not."""
        group = chat < 0
        gap = 60.0 / self._settings.per_minute_in_group if group else 1.0 / self._settings.per_second_in_chat
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next.get(chat, now))
            self._next[chat] = turn + gap
        time.sleep(turn - now)


class Channel:
    """What the notifier is made of: connects when the first message comes, and stays connected."""

    def __init__(self) -> None:
        self._client: Client | None = None
        self._post: Post | None = None
        self._made_of: TelegramSettings | None = None

    def deliver(self, context: Context, message: Message) -> str | None:
        """Send a message to all chats and return where it stands there, as ``chat:message,...``.

        Raises DeliveryError: permanent where no chat will ever take it.
        """
        settings = context.settings.section(TelegramSettings)
        if not self.is_set(context):
            raise DeliveryError("telegram.token and telegram.chats are not set", permanent=True)
        post = self._connected(context, settings)
        draft, delivery = draft_of(context, message), Delivery(context.paths, message.key)
        standing = _read_receipt(message.replaces)
        receipts, refused, alone = [], [], len(settings.chats) == 1
        waits: DeliveryError | None = None
        for chat in settings.chats:
            try:
                if chat in standing:
                    sent = post.replace(chat, standing[chat], draft)
                else:
                    sent = post.draft(chat, draft, delivery, alone=alone)
            except DeliveryError as error:
                if error.permanent:
                    refused.append(f"{chat}: {error}")
                elif error.retry_after is None:
                    raise
                else:  # that one chat is full for a while is no reason for the others to hear nothing
                    waits = error
            else:
                receipts.append(f"{chat}:{sent}")
        if waits is not None:
            raise waits
        if not receipts:
            raise DeliveryError("; ".join(refused), permanent=True)
        if refused:
            context.log.error("telegram: a chat did not take a message: %s", "; ".join(refused))
        return ",".join(receipts)

    def is_set(self, context: Context) -> bool:
        """Say whether there is a bot, and somebody to write to."""
        settings = context.settings.section(TelegramSettings)
        return bool(settings.token.get_secret_value() and settings.chats)

    def check(self, context: Context) -> CheckResult:
        """Say how the bot and its chats are, without a message."""
        from huracan_telegram.check import look

        return look(context)

    def close(self) -> None:
        """Close the connections; the next message opens new ones."""
        if self._client is not None:
            self._client.close()
        self._client = self._post = None

    def _connected(self, context: Context, settings: TelegramSettings) -> Post:
        if self._post is None or self._made_of != settings:
            self.close()
            self._client = Client(settings)
            self._post, self._made_of = Post(context, self._client), settings
        return self._post


def rows(buttons: Sequence[tuple[str, str]], across: int = 3) -> Buttons:
    """Lay buttons out, three in a row."""
    return [buttons[at : at + across] for at in range(0, len(buttons), across)]


def _read_receipt(receipt: str | None) -> dict[int, int]:
    pairs = [part.split(":") for part in (receipt or "").split(",") if part.count(":") == 1]
    return {int(chat): int(message) for chat, message in pairs}
