"""The service ``telegram``: asks for what people write, and proves by each question that came back that it listens.

What was taken is on disk before Telegram may forget it (the next question confirms it), and before anything is done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from huracan.context import Context
from huracan.errors import DeliveryError, HuracanError
from huracan.types import Severity
from huracan_telegram.answering import NO, YES, Answers
from huracan_telegram.client import Client, ConflictError, Update
from huracan_telegram.settings import TelegramSettings
from huracan_telegram.state import Inbox, Strangers, Taken, new_chats

__all__ = ["Listener", "run"]

TELL_STRANGERS_EVERY = timedelta(hours=1)
LONGEST_PAUSE = 60.0
CONNECT_ANEW_AFTER = 5
"""Failures in a row after which the connection itself is made anew."""
FIRST_PAUSE = 0.5
REST = 30.0
MOST_WORDS = 50
MOST_USERS = 20


def run(context: Context) -> None:
    """Listen until stopped."""
    settings = context.settings.section(TelegramSettings)
    if not settings.token.get_secret_value() or not settings.allowed_users:
        _rest(context, "telegram.token" if not settings.token.get_secret_value() else "telegram.allowed_users")
    listener = Listener(context)
    try:
        listener.begin()
        while True:
            listener.turn()
    finally:
        listener.end()


def _rest(context: Context, missing: str) -> None:
    """Stay idle: a service that ended would be started again and again."""
    while True:
        context.progress.step(f"{missing} is not set: no commands by Telegram")
        time.sleep(REST)


class Listener:
    """The loop of the service. It gives a sign of life when a question came back, whatever the answer."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings.section(TelegramSettings)
        self._client = Client(self._settings)
        self._answers = Answers(context, lambda: self._client)
        self._failures, self._in_conflict = 0, False
        self._menu_shown, self._name = False, ""
        self._notes: dict[str, str] = {}

    def begin(self) -> None:
        """Go on with what an earlier process left."""
        if self._answers.inbox.taken:
            self._context.log.info("telegram: %d commands were not answered yet", len(self._answers.inbox.taken))
        self._answers.work()

    def turn(self) -> None:
        """Ask once for what people write, and begin what they say."""
        try:
            self._show_menu()
            first = self._answers.inbox.next_number(self._context.clock.now())
            updates = self._client.updates(first, self._settings.poll_seconds)
        except ConflictError as error:
            self._conflict(error)
        except DeliveryError as error:
            self._failed(error)
        except Exception as error:
            # An answer that the library cannot read: who ended for it would end for it again and again.
            self._context.log.exception("telegram: an answer could not be read")
            self._failed(DeliveryError(f"an answer could not be read ({type(error).__name__})"))
        else:
            self._failures, self._in_conflict = 0, False
            self._take(updates)
            self._answers.work()
            self._tell_of_strangers()
            self._context.progress.step(f"listens; {len(self._answers.inbox.taken)} commands at work")

    def end(self) -> None:
        """Leave; what is not answered by then is by the next process."""
        self._answers.leave()
        self._client.close()

    # --------------------------------------------------------------------------------------------------------- taking

    def _take(self, updates: Sequence[Update]) -> None:
        if not updates:
            return
        offset, now = max(each.number for each in updates) + 1, self._context.clock.now()

        def change(inbox: Inbox) -> Inbox:
            known, first = {each.number for each in inbox.taken}, inbox.next_number(now)
            for update in updates:
                if update.number >= first and update.number not in known:
                    inbox = self._taken(inbox, update)
            return replace(inbox, offset=offset, heard_at=now)

        self._answers.change(change)
        # In a thread of its own: many buttons and a slow network would be a long silence.
        threading.Thread(target=self._stop_waiting, args=(updates,), name="buttons", daemon=True).start()

    def _taken(self, inbox: Inbox, update: Update) -> Inbox:
        """Return the inbox with what one update asks for."""
        if not self._is_allowed(update):
            return replace(inbox, strangers=inbox.strangers.and_one(update.user))
        assert update.user is not None
        assert update.chat is not None
        if update.query is not None and update.text.startswith((YES, NO)):
            return self._confirmed(inbox, update)
        words = _words(update.text, self._name, by_button=update.query is not None)
        if not words:
            return inbox
        taken = Taken(
            update.number, update.user, update.chat, words, update.time or self._context.clock.now(),
            by_button=update.query is not None,
        )  # fmt: skip
        return replace(inbox, taken=(*inbox.taken, taken))

    def _confirmed(self, inbox: Inbox, update: Update) -> Inbox:
        """Turn a button that was pressed in time, by who asked, into the command; it is worth something once."""
        assert update.user is not None
        assert update.query is not None
        pending = inbox.pending.get(update.text.partition(":")[2])
        now = self._context.clock.now()
        if pending is None:
            self._notes[update.query] = "This was answered already, or is too old."
            return inbox
        if pending.user != update.user:
            self._notes[update.query] = "Only who asked can answer."
            return inbox
        inbox = inbox.answered(pending.nonce, now)
        if update.text.startswith(NO):
            self._notes[update.query] = "Not done."
            return inbox
        if now > pending.expires:
            self._notes[update.query] = "Too late: say it again."
            return inbox
        taken = Taken(update.number, update.user, pending.chat, pending.words, now, confirmed=True)
        return replace(inbox, taken=(*inbox.taken, taken))

    def _is_allowed(self, update: Update) -> bool:
        """Obey a user of the settings, in the private chat with the bot or in a chat of the settings."""
        if update.user not in self._settings.allowed_users or update.chat is None:
            return False
        known = {*self._settings.chats, *new_chats(self._context.paths).values()}
        return update.chat == update.user or update.chat in known

    def _stop_waiting(self, updates: Iterable[Update]) -> None:
        """End the little clock on the buttons that were pressed, and say what became of them."""
        for update in updates:
            if update.query is not None and self._is_allowed(update):
                try:
                    self._client.answer_press(update.query, self._notes.pop(update.query, ""))
                except HuracanError as error:
                    self._context.log.debug("telegram: a button goes on waiting: %s", error)

    # -------------------------------------------------------------------------------------------------------- troubles

    def _conflict(self, error: ConflictError) -> None:
        if not self._in_conflict:
            self._in_conflict = True
            self._context.emit(
                "telegram.conflict", Severity.ERROR,
                "somebody else takes the commands of this Telegram bot; they do not arrive here",
                detail=str(error),
                hint="stop the other program, or delete the webhook, or give each a bot of its own (`huracan doctor`)",
            )  # fmt: skip
        self._pause("somebody else takes the commands of this bot", None)

    def _failed(self, error: DeliveryError) -> None:
        if self._failures == 0:
            self._context.log.warning("telegram: no commands at the moment: %s", error)
        self._pause(str(error), error.retry_after)
        if self._failures % CONNECT_ANEW_AFTER == 0:
            old, self._client = self._client, Client(self._settings)
            old.close()

    def _pause(self, why: str, seconds: float | None) -> None:
        self._failures += 1
        # Commands that were taken before go on: the network may carry answers while questions fail.
        self._answers.work()
        left = seconds or min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures - 1, 10))
        while left > 0:  # what Telegram asks for is kept to the end: who does not is banned for longer
            time.sleep(min(LONGEST_PAUSE, left))
            left -= LONGEST_PAUSE
            self._context.progress.step(f"{why}; tried {self._failures} times")

    def _tell_of_strangers(self) -> None:
        """Tell how often others wrote, at most once an hour; they themselves hear nothing."""
        strangers, now = self._answers.inbox.strangers, self._context.clock.now()
        told_at = strangers.told_at
        # One that is to come was noted by a clock that was set back since.
        if not strangers.count or (told_at is not None and told_at <= now < told_at + TELL_STRANGERS_EVERY):
            return
        count = strangers.count
        self._context.emit(
            "telegram.stranger", Severity.WARNING,
            f"{count} message{'s' * (count != 1)} to the Telegram bot from others than telegram.allowed_users",
            count=count, users=list(strangers.users[:MOST_USERS]),
        )  # fmt: skip
        # After the event: a kill between the two tells it twice rather than never.
        self._answers.change(lambda inbox: replace(inbox, strangers=Strangers(told_at=now)))

    def _show_menu(self) -> None:
        """Tell Telegram the commands, and learn the bot's own name, once."""
        if self._menu_shown:
            return
        self._name = self._client.me().removeprefix("@").lower()
        try:
            self._client.set_commands({each.name: each.help for each in self._answers.commands.values()})
        except DeliveryError as error:
            if not error.permanent:
                raise
            self._context.log.warning("telegram: the menu of commands was not taken: %s", error)
        self._menu_shown = True
        self._context.progress.step("the menu is shown")


def _words(text: str, name: str, *, by_button: bool) -> tuple[str, ...]:
    """Return a command and its arguments; nothing for what is no command, or one for another bot of a group."""
    words = text.split()
    if not words or not (by_button or words[0].startswith("/")):
        return ()
    command, _, addressed = words[0].removeprefix("/").lower().partition("@")
    if addressed and addressed != name:
        return ()
    return ("help" if command == "start" else command, *words[1:MOST_WORDS])
