"""Does what the owner says: each command in a thread of its own, one that acts at most once, and notes who asked."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from huracan.audit_spool import lay_down_action
from huracan.context import Context
from huracan.errors import DeliveryError, HuracanError
from huracan.masking import json_safe, mask
from huracan.run.references import resolve
from huracan.store import AuditEntry
from huracan.types import ChatCommand, ChatReply
from huracan_telegram.channel import Post
from huracan_telegram.client import Client
from huracan_telegram.render import Draft, reply_draft
from huracan_telegram.settings import TelegramSettings
from huracan_telegram.state import Inbox, Pending, Taken
from huracan_telegram.texts import Piece

__all__ = ["NO", "YES", "Answers"]

YES, NO = "!yes:", "!no:"
"""What the data of a confirming button begins with."""
MOST_AT_ONCE = 8
MOST_TRIES = 6
LEAVE_SECONDS = 5.0


class Answers:
    """Holds the inbox and works it off. Every change of the inbox is on disk before what it stands for is done."""

    def __init__(self, context: Context, client: Callable[[], Client]) -> None:
        self._context, self._client = context, client
        self._settings = context.settings.section(TelegramSettings)
        self._commands: Mapping[str, ChatCommand] = context.plugins.chat_commands()
        self._inbox = Inbox.read(context.paths)
        self._lock = threading.RLock()
        self._working: dict[int, threading.Thread] = {}
        self._posting: tuple[Client, Post] | None = None

    @property
    def inbox(self) -> Inbox:
        return self._inbox

    @property
    def commands(self) -> Mapping[str, ChatCommand]:
        return self._commands

    def change(self, change: Callable[[Inbox], Inbox]) -> None:
        """Change the inbox, on disk first. A disk that takes nothing is told in the log, and stops nobody: who cannot
        write has all the more to say."""
        with self._lock:
            changed = change(self._inbox)
            if changed == self._inbox:
                return
            try:
                changed.write(self._context.paths)
            except (HuracanError, OSError) as error:
                self._context.log.error(
                    "telegram: the inbox is not on disk, a kill now may do a command twice: %s", error
                )
            self._inbox = changed

    def work(self) -> None:
        """Begin what is taken and not at work yet; reading commands wait where many are at work, others do not."""
        with self._lock:
            for taken in self._inbox.taken:
                command = self._commands.get(taken.words[0])
                waits = len(self._working) >= MOST_AT_ONCE and not (command and command.acts)
                if taken.number in self._working or waits:
                    continue
                thread = threading.Thread(target=self._guarded, args=(taken,), name=f"/{taken.words[0]}", daemon=True)
                self._working[taken.number] = thread
                thread.start()

    def leave(self) -> None:
        """Wait a little for what is at work."""
        end = time.monotonic() + LEAVE_SECONDS
        for thread in list(self._working.values()):
            thread.join(max(0.0, end - time.monotonic()))

    # --------------------------------------------------------------------------------------------------- one command

    def _guarded(self, taken: Taken) -> None:
        try:
            self._answer(taken)
        except Exception:
            self._context.log.exception("telegram: /%s was not answered", taken.words[0])
        finally:
            with self._lock:
                self._working.pop(taken.number, None)
                self.change(lambda inbox: inbox.without(taken.number))

    def _answer(self, taken: Taken) -> None:
        name, arguments = taken.words[0], taken.words[1:]
        command = self._commands.get(name)
        age = self._context.clock.now() - taken.time
        if command is None:
            self._say(taken.chat, f"There is no /{name}. /help shows what there is.")
        elif command.acts and taken.begun:
            self._audit(taken, "unknown")
            text = f"I was ended while I did /{' '.join(taken.words)}: it may be done, or not. /status shows it."
            self._say(taken.chat, text, (("Status", "status"),))
        elif command.acts and age > timedelta(seconds=self._settings.stale_seconds) and not self._asks(taken, command):
            self._audit(taken, "too old")
            text = (
                f"/{' '.join(taken.words)} is {_span(age)} old: nobody listened then, and it is not done. Say it again."
            )
            self._say(taken.chat, text)
        elif self._asks(taken, command):
            self._ask(taken, command)
        else:
            self._do(taken, command, arguments)

    def _asks(self, taken: Taken, command: ChatCommand) -> bool:
        """Say whether a command asks before it is done; then its age does no harm: where this machine's clock is wrong
        every order looks old, and /kill has to be possible all the same."""
        # A button says nothing of when it was pressed, and is hit by accident: what it would change asks first.
        return (command.confirm or (command.acts and taken.by_button)) and not taken.confirmed

    def _do(self, taken: Taken, command: ChatCommand, arguments: Sequence[str]) -> None:
        if command.acts:
            begun = replace(taken, begun=True)
            self.change(lambda inbox: replace(
                inbox, taken=tuple(begun if each.number == taken.number else each for each in inbox.taken)
            ))  # fmt: skip
        seconds = self._settings.command_seconds
        slow = threading.Timer(seconds, self._say, (taken.chat, f"/{command.name} takes longer than {seconds:g} s …"))
        slow.daemon = True
        slow.start()
        try:
            reply, outcome = self._run(command, arguments)
        finally:
            slow.cancel()
        self._audit(taken, outcome)
        self._send(taken.chat, reply_draft(reply))

    def _run(self, command: ChatCommand, arguments: Sequence[str]) -> tuple[ChatReply, str]:
        try:
            reply = resolve(command.run, f"chat command {command.name}")(self._context, tuple(arguments))
        except HuracanError as error:
            return ChatReply(f"❌ {error}"), f"refused: {error}"
        except BaseException as error:
            # Not Exception: of one that calls sys.exit nobody would hear, and what it did stood nowhere.
            self._context.log.exception("telegram: /%s raised", command.name)
            text = f"❌ /{command.name} failed: {type(error).__name__}. That is a bug; the log says more."
            return ChatReply(text, buttons=(("Log", "logs"),)), f"failed: {type(error).__name__}"
        if not isinstance(reply, ChatReply):
            return ChatReply(
                f"❌ /{command.name} returned {type(reply).__name__}, not ChatReply"
            ), "failed: no ChatReply"
        return reply, "done"

    def _ask(self, taken: Taken, command: ChatCommand) -> None:
        """Ask before it is done; the buttons are worth something for a while, and for who asked alone."""
        seconds = self._settings.confirm_seconds
        nonce = secrets.token_urlsafe(9)
        now = self._context.clock.now()
        pending = Pending(nonce, taken.user, taken.chat, taken.words, now + timedelta(seconds=seconds))
        self.change(lambda inbox: inbox.asking(pending, now))
        text = f"Really /{' '.join(taken.words)}?"
        buttons = (("Yes, do it", f"{YES}{nonce}"), ("No", f"{NO}{nonce}"))
        self._say(taken.chat, f"{text}\n{command.help}\nThe buttons work for {seconds:g} s.", buttons)
        self._audit(taken, "asked to confirm")

    # -------------------------------------------------------------------------------------------------------- telling

    def _say(self, chat: int, text: str, buttons: tuple[tuple[str, str], ...] = ()) -> None:
        self._send(chat, Draft((Piece(text),), buttons))

    def _send(self, chat: int, draft: Draft) -> None:
        """Send an answer, trying again for about a minute; then it is in the log alone."""
        for number in range(MOST_TRIES):
            try:
                self._post().draft(chat, draft)
                return
            except DeliveryError as error:
                if error.permanent or number == MOST_TRIES - 1:
                    self._context.log.error("telegram: an answer did not arrive: %s", error)
                    return
                time.sleep(error.retry_after or 2.0**number)

    def _post(self) -> Post:
        """Return what posts by the connection of now; it keeps the pace over all answers."""
        with self._lock:
            client = self._client()
            if self._posting is None or self._posting[0] is not client:
                self._posting = client, Post(self._context, client)
            return self._posting[1]

    def _audit(self, taken: Taken, outcome: str) -> None:
        """Write down who asked for what and how it ended; where the store is away, as a file until it is back."""
        now, words = self._context.clock.now(), " ".join(taken.words)
        self._context.log.info("telegram: user %d: /%s: %s", taken.user, words, outcome)
        arguments = {"words": list(taken.words[1:]), "chat": taken.chat}
        entry = AuditEntry(now, str(taken.user), "telegram", taken.words[0], arguments, outcome)
        try:
            self._context.store.audit.add(entry)
        except Exception as error:  # noqa: BLE001 - whatever keeps the table from taking it, the file does
            self._context.log.warning("telegram: the audit table did not take /%s: %s", words, error)
            kept = lay_down_action(
                self._context.paths.state, now, entry.actor, entry.via, mask(entry.action),
                json_safe(arguments), mask(outcome),
            )  # fmt: skip
            if not kept:
                self._context.log.error("telegram: /%s by %s is in no audit but this", words, entry.actor)


def _span(age: timedelta) -> str:
    minutes = round(age.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
