"""The Bot API as far as a bot that talks to its owner needs it, with its limits and its errors.

Sources: core.telegram.org/bots/api (getUpdates, making requests, ResponseParameters), core.telegram.org/bots/faq (30
messages a second in all, 20 a minute in a group); the wording of errors is that of the real server.
"""

from __future__ import annotations

import email.parser
import email.policy
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from servers.base import LoopbackServer, Reply, Request, reply_json
from servers.telegram_entities import EntityError, parse_html, utf16_length

__all__ = ["Sent", "TelegramServer"]

BOT_ID = 4242
_LONGEST_TEXT, _LONGEST_CAPTION, _LONGEST_DATA = 4096, 1024, 64


@dataclass
class Sent:
    """A message that the bot sent: what a person reads in it, and what is attached."""

    chat: int
    message_id: int
    text: str
    raw: str = ""
    method: str = "sendMessage"
    buttons: list[list[dict[str, str]]] = field(default_factory=list)
    file_name: str = ""
    file: bytes = b""
    edits: int = 0
    silent: bool = False


class TelegramServer(LoopbackServer):
    """One bot. ``chats`` maps each id that may be written to onto its type (private, group, supergroup)."""

    def __init__(self, token: str = "4242:AAtoken", chats: dict[int, str] | None = None) -> None:
        super().__init__(None)
        self.token = token
        self.chats = dict(chats or {1001: "private"})
        self.blocked: set[int] = set()
        self.migrated: dict[int, int] = {}
        self.sent: list[Sent] = []
        self.commands: list[dict[str, str]] = []
        self.answered: list[dict[str, Any]] = []
        self.webhook = ""
        self.per_second, self.per_minute_in_group = 30, 20
        self.refuse_entities = False
        self.hurry = False
        self._updates: list[dict[str, Any]] = []
        self._next_update, self._next_message = 700_000, 1
        self._arrived = threading.Condition(self.lock)
        self._polls = 0
        self._all: deque[float] = deque()
        self._in_group: dict[int, deque[float]] = {}

    # ------------------------------------------------------------------------------------------------ what people do

    def says(
        self,
        text: str,
        user: int = 77,
        chat: int | None = None,
        *,
        ago: float = 0.0,
        extra: dict[str, Any] | None = None,
    ) -> int:
        """Let a user write; returns the update's id. ``chat`` None is the private chat with that user."""
        where = user if chat is None else chat
        kind = "private" if chat is None else self.chats.get(where, "group")
        with self.lock:
            self._next_message += 1
            message = {
                "message_id": self._next_message, "date": int(time.time() - ago), "text": text, "from": _person(user),
                "chat": _chat(where, kind), **(extra or {}),
            }  # fmt: skip
            return self._arrive({"message": message})

    def presses(self, data: str, user: int = 77, message: Sent | None = None) -> int:
        """Let a user press an inline button, of the last message where none is named."""
        with self.lock:
            message = message or (self.sent[-1] if self.sent else None)
            query: dict[str, Any] = {
                "id": str(len(self.requests)), "from": _person(user), "chat_instance": "1", "data": data,
            }  # fmt: skip
            if message is not None:
                query["message"] = self._message(message)
            return self._arrive({"callback_query": query})

    def text_of(self, chat: int | None = None) -> list[str]:
        """Return what a person reads in a chat, in order."""
        with self.lock:
            return [each.text for each in self.sent if chat is None or each.chat == chat]

    def waits_for(self, found: Callable[[], Any], seconds: float = 10.0) -> Any:
        """Return what ``found`` returns once that is true. Raises AssertionError after ``seconds``."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with self.lock:
                if value := found():
                    return value
            time.sleep(0.02)
        raise AssertionError(f"nothing of the kind within {seconds} s; sent: {self.text_of()[-5:]}")

    @property
    def confirmed(self) -> bool:
        """Whether no update waits any more."""
        return not self._updates

    def _arrive(self, update: dict[str, Any]) -> int:
        self._next_update += 1
        self._updates.append({"update_id": self._next_update, **update})
        self._arrived.notify_all()
        return self._next_update

    # ------------------------------------------------------------------------------------------------------- the API

    def answer(self, request: Request) -> Reply:
        prefix = f"/bot{self.token}/"
        if not request.path.startswith(prefix):
            return _error(401, "Unauthorized") if request.path.startswith("/bot") else _error(404, "Not Found")
        method = request.path.removeprefix(prefix)
        routes: dict[str, Callable[[dict[str, Any], dict[str, Any]], Reply]] = {
            "getMe": lambda *_: _fine(_bot()),
            "getUpdates": self._get_updates,
            "getWebhookInfo": lambda *_: _fine(
                {"url": self.webhook, "has_custom_certificate": False, "pending_update_count": len(self._updates)}
            ),
            "getChat": self._get_chat,
            "sendMessage": self._send_message,
            "editMessageText": self._edit,
            "sendPhoto": self._send_file,
            "sendDocument": self._send_file,
            "answerCallbackQuery": self._answer_callback,
            "setMyCommands": self._set_commands,
        }
        if method not in routes:
            return _error(404, "Not Found")
        given, files = _parameters(request)
        return routes[method]({**given, "_method": method}, files)

    def _get_updates(self, given: dict[str, Any], files: dict[str, Any]) -> Reply:
        if self.webhook:
            return _error(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook first")
        end = time.monotonic() + float(given.get("timeout", 0))
        offset = int(given.get("offset", 0))
        with self._arrived:
            self._polls += 1
            mine = self._polls
            self._arrived.notify_all()
            self._updates = [each for each in self._updates if each["update_id"] >= offset]
            while not self._updates and time.monotonic() < end and not self.hurry:
                self._arrived.wait(min(0.1, max(0.0, end - time.monotonic())))
                if self._polls != mine:
                    return _error(
                        409,
                        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is "
                        "running",
                    )
            return _fine(self._updates[: int(given.get("limit", 100))])

    def _get_chat(self, given: dict[str, Any], files: dict[str, Any]) -> Reply:
        chat = int(given["chat_id"])
        refused = self._no_such_chat(chat)
        if refused is not None:
            return refused
        kind = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": dict.fromkeys(_GIFTS, True)}
        return _fine({**_chat(chat, self.chats[chat]), **kind})

    def _send_message(self, given: dict[str, Any], files: dict[str, Any]) -> Reply:
        with self.lock:
            chat = int(given["chat_id"])
            refused = self._no_such_chat(chat) or self._too_many(chat)
            if refused is not None:
                return refused
            text, problem = self._text(given, "text", _LONGEST_TEXT)
            if problem is not None or not text.strip():
                return problem or _error(400, "Bad Request: message text is empty")
            sent = self._keep(given, Sent(chat, 0, text.strip(), given["text"]))
            return sent if isinstance(sent, Reply) else _fine(self._message(sent))

    def _send_file(self, given: dict[str, Any], files: dict[str, Any]) -> Reply:
        kind = "photo" if given["_method"] == "sendPhoto" else "document"
        with self.lock:
            chat = int(given["chat_id"])
            refused = self._no_such_chat(chat) or self._too_many(chat)
            if refused is not None:
                return refused
            caption, problem = self._text(given, "caption", _LONGEST_CAPTION)
            if problem is not None:
                return problem
            if not files:
                return _error(400, f"Bad Request: there is no {kind} in the request")
            name, content = next(iter(files.values()))
            if not content:
                return _error(400, "Bad Request: file must be non-empty")
            if kind == "photo" and not content.startswith((b"\x89PNG", b"\xff\xd8")):
                return _error(400, "Bad Request: IMAGE_PROCESS_FAILED")
            sent = self._keep(given, Sent(chat, 0, caption, given.get("caption", ""), file_name=name, file=content))
            return sent if isinstance(sent, Reply) else _fine(self._message(sent))

    def _edit(self, given: dict[str, Any], files: dict[str, Any]) -> Reply:
        with self.lock:
            chat = int(given["chat_id"])
            refused = self._no_such_chat(chat)
            if refused is not None:
                return refused
            wanted = int(given["message_id"])
            found = next((each for each in self.sent if (each.chat, each.message_id) == (chat, wanted)), None)
            if found is None:
                return _error(400, "Bad Request: message to edit not found")
            text, problem = self._text(given, "text", _LONGEST_TEXT)
            if problem is not None:
                return problem
            buttons = json.loads(given.get("reply_markup") or "{}").get("inline_keyboard", [])
            if (text.strip(), buttons) == (found.text, found.buttons):
                return _error(
                    400,
                    "Bad Request: message is not modified: specified new message content and reply markup are exactly "
                    "the same as a current content and reply markup of the message",
                )
            found.text, found.raw, found.buttons, found.edits = text.strip(), given["text"], buttons, found.edits + 1
            return _fine(self._message(found))

    def _answer_callback(self, given: dict[str, Any], files: dict[str, Any]) -> Reply:
        with self.lock:
            self.answered.append(given)
        return _fine(True)

    def _set_commands(self, given: dict[str, Any], files: dict[str, Any]) -> Reply:
        with self.lock:
            self.commands = json.loads(given["commands"])
        for each in self.commands:
            if not (each["command"].isidentifier() and each["command"].islower() and len(each["command"]) <= 32):
                return _error(400, "Bad Request: BOT_COMMAND_INVALID")
        return _fine(True)

    # -------------------------------------------------------------------------------------------------------- limits

    def _no_such_chat(self, chat: int) -> Reply | None:
        if chat in self.migrated:
            parameters = {"migrate_to_chat_id": self.migrated[chat]}
            return _error(400, "Bad Request: group chat was upgraded to a supergroup chat", parameters)
        if chat in self.blocked:
            return _error(403, "Forbidden: bot was blocked by the user")
        return None if chat in self.chats else _error(400, "Bad Request: chat not found")

    def _too_many(self, chat: int) -> Reply | None:
        now = time.monotonic()
        group = self._in_group.setdefault(chat, deque()) if chat < 0 else deque()
        for times, span in ((self._all, 1.0), (group, 60.0)):
            while times and times[0] < now - span:
                times.popleft()
        for times, limit, span in ((self._all, self.per_second, 1.0), (group, self.per_minute_in_group, 60.0)):
            if len(times) >= limit:
                seconds = max(1, round(times[0] + span - now + 0.5))
                return _error(429, f"Too Many Requests: retry after {seconds}", {"retry_after": seconds})
        self._all.append(now)
        group.append(now)
        return None

    def _text(self, given: dict[str, Any], name: str, longest: int) -> tuple[str, Reply | None]:
        text = given.get(name, "")
        if given.get("parse_mode") == "HTML":
            try:
                if self.refuse_entities:
                    raise EntityError("Unsupported start tag")
                text = parse_html(text)
            except EntityError as error:
                return "", _error(400, f"Bad Request: can't parse entities: {error}")
        if utf16_length(text) > longest:
            return "", _error(400, f"Bad Request: message{' caption' if name == 'caption' else ''} is too long")
        return text, None

    def _keep(self, given: dict[str, Any], sent: Sent) -> Sent | Reply:
        sent.buttons = json.loads(given.get("reply_markup") or "{}").get("inline_keyboard", [])
        if any(len(each.get("callback_data", "").encode()) > _LONGEST_DATA for row in sent.buttons for each in row):
            return _error(400, "Bad Request: BUTTON_DATA_INVALID")
        self._next_message += 1
        sent.message_id, sent.method = self._next_message, given["_method"]
        sent.silent = str(given.get("disable_notification", "")).lower() == "true"
        self.sent.append(sent)
        return sent

    def _message(self, sent: Sent) -> dict[str, Any]:
        chat = _chat(sent.chat, self.chats.get(sent.chat, "private"))
        return {
            "message_id": sent.message_id,
            "date": int(time.time()),
            "chat": chat,
            "from": _bot(),
            "text": sent.text,
        }


_GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")


def _bot() -> dict[str, Any]:
    return {
        "id": BOT_ID, "is_bot": True, "first_name": "Huracan", "username": "huracan_bot", "can_join_groups": True,
        "can_read_all_group_messages": False, "supports_inline_queries": False,
    }  # fmt: skip


def _person(user: int) -> dict[str, Any]:
    return {"id": user, "is_bot": False, "first_name": f"Person {user}", "language_code": "en"}


def _chat(chat: int, kind: str) -> dict[str, Any]:
    name = {"first_name": f"Person {chat}"} if kind == "private" else {"title": "Traders"}
    return {"id": chat, "type": kind, **name}


def _fine(result: Any) -> Reply:
    return reply_json({"ok": True, "result": result})


def _error(status: int, description: str, parameters: dict[str, Any] | None = None) -> Reply:
    body = {"ok": False, "error_code": status, "description": description}
    return reply_json({**body, "parameters": parameters} if parameters else body, status)


def _parameters(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of a form, url-encoded or multipart, and its files by field as (name, content)."""
    kind = request.headers.get("Content-Type", "")
    if not kind.startswith("multipart/"):
        return dict(parse_qsl(request.body.decode(), keep_blank_values=True)), {}
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
    given, files = {}, {}
    parts: Iterable[Any] = message.iter_parts()
    for part in parts:
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if part.get_filename() is None:
            given[name] = content.decode()
        else:
            files[name] = (part.get_filename(), content)
    return given, files
