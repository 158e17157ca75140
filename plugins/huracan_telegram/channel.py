"""The channel ``telegram``: delivers messages to every chat of the settings, each part once as far as can be known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from huracan.context import Context
from huracan.errors import DeliveryError
from huracan.types import CheckResult, Message, Severity
from huracan_telegram.client import (
    BusyError,
    Buttons,
    Client,
    EntitiesError,
    GoneError,
    MigratedError,
    UnchangedError,
)
from huracan_telegram.pace import Pace
from huracan_telegram.render import Attachment, Draft, draft_of, marked
from huracan_telegram.settings import TelegramSettings
from huracan_telegram.state import Delivery, forget_old_deliveries, new_chats, remember_chat, state_folder
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
        self._pace = Pace(state_folder(context.paths), context.log)

    def serve(self, context: Context) -> None:
        """Go on for another context of the same settings: what is told goes where that one sends it."""
        self._context = context

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

    def replace(self, chat: int, message: int, draft: Draft, anew: Draft | None = None) -> int:
        """Put a draft in place of a message; send it, or ``anew``, where that is gone. Returns the message's id."""
        text, buttons = _end_of(draft), rows(draft.buttons)

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
            return self._text(chat, _end_of(anew or draft), buttons)
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
        try:
            return self._at_its_turn(where, act)
        except MigratedError as error:
            # Before it is noted: a kill between the two tells it twice rather than never.
            self._context.emit(
                "telegram.chat-moved", Severity.WARNING,
                f"the Telegram group {chat} has the id {error.chat} now; write that into telegram.chats",
                old=chat, new=error.chat,
            )  # fmt: skip
            self._moved[chat] = error.chat
            remember_chat(self._context.paths, chat, error.chat)
            return self._at_its_turn(error.chat, act)

    def _at_its_turn(self, chat: int, act: Callable[[int], T]) -> T:
        """Keep the pace, and for others what Telegram says of it: it bans bots for a while that do not."""
        each = 60.0 / self._settings.per_minute_in_group if chat < 0 else 1.0 / self._settings.per_second_in_chat
        self._pace.wait(chat, each, 1.0 / self._settings.per_second)
        try:
            return act(chat)
        except BusyError as error:
            self._pace.rest(chat, error.retry_after or 0.0)
            raise


class Channel:
    """What the notifier is made of: connects when the first message comes, and stays connected."""

    def __init__(self) -> None:
        self._client: Client | None = None
        self._post: Post | None = None
        self._made_of: TelegramSettings | None = None
        self._before: Delivery | None = None

    def deliver(self, context: Context, message: Message) -> str | None:
        """Send a message to all chats and return where it stands there, as ``chat:message,...``.

        Raises DeliveryError: permanent where no chat will ever take it.
        """
        settings = context.settings.section(TelegramSettings)
        if not self.is_set(context):
            raise DeliveryError("telegram.token and telegram.chats are not set", permanent=True)
        delivery = self._begun(context, message)
        receipts, refused = self._to_each_chat(context, settings, message, delivery)
        if not receipts:
            delivery.forget()
            raise DeliveryError("; ".join(refused.values()), permanent=True)
        for chat, error in refused.items():
            title = f"the chat {chat} of the channel telegram refuses what the others get: {error}"
            context.emit(
                "alerts.refused", Severity.ERROR, title, channel="telegram", chat=chat,
                hint="let the bot write there (`huracan doctor` says more), or take it out of telegram.chats",
            )  # fmt: skip
        self._before = delivery
        return ",".join(receipts)

    def _begun(self, context: Context, message: Message) -> Delivery:
        """Return what is known of a message. That the one before arrived is noted by now, else it would come again."""
        before, self._before = self._before, None
        if before is not None and before.key == message.key:
            return before
        if before is not None:
            before.forget()
        return Delivery(context.paths, message.key)

    def _to_each_chat(
        self, context: Context, settings: TelegramSettings, message: Message, delivery: Delivery
    ) -> tuple[list[str], dict[int, str]]:
        """Return where a message stands in each chat that took it, and why the others never will."""
        post, draft = self._connected(context, settings), draft_of(context, message)
        first = marked(draft) if message.repeated else draft
        standing, alone = _read_receipt(message.replaces), len(settings.chats) == 1
        receipts, refused = [], {}
        waits: DeliveryError | None = None
        for chat in settings.chats:
            try:
                if chat in standing:  # done twice it looks the same: nobody has to be told
                    sent = post.replace(chat, standing[chat], draft, first)
                else:
                    sent = post.draft(chat, first, delivery, alone=alone)
            except DeliveryError as error:
                if error.permanent:
                    refused[chat] = str(error)
                elif error.retry_after is None:
                    raise
                else:  # that one chat is full for a while is no reason for the others to hear nothing
                    waits = error
            else:
                receipts.append(f"{chat}:{sent}")
        if waits is not None:
            raise waits
        return receipts, refused

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
            forget_old_deliveries(context.paths, context.clock.now())
            self._client = Client(settings)
            self._post, self._made_of = Post(context, self._client), settings
        self._post.serve(context)
        return self._post


def _end_of(draft: Draft) -> Sequence[Piece]:
    """Return the text of a message that is edited, the end of it where there is no room for all."""
    texts = split(draft.pieces, LONGEST - len(LEFT_OUT)) or [[Piece("(no text)")]]
    return texts[0] if len(texts) == 1 else [Piece(LEFT_OUT), *texts[-1]]


def rows(buttons: Sequence[tuple[str, str]], across: int = 3) -> Buttons:
    """Lay buttons out, three in a row."""
    return [buttons[at : at + across] for at in range(0, len(buttons), across)]


def _read_receipt(receipt: str | None) -> dict[int, int]:
    pairs = [part.split(":") for part in (receipt or "").split(",") if part.count(":") == 1]
    return {int(chat): int(message) for chat, message in pairs}
