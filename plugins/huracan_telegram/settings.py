"""The section ``telegram``."""

from __future__ import annotations

from pydantic import Field, SecretStr

from huracan.config import Section

__all__ = ["TelegramSettings"]


class TelegramSettings(Section):
    """A bot that tells the owner what happens, and takes commands."""

    token: SecretStr = Field(SecretStr(""), description="What @BotFather gave you; empty: no Telegram.")
    chats: tuple[int, ...] = Field(
        (), description="Ids of the chats that are written to; `huracan telegram find-chat` shows them."
    )
    allowed_users: tuple[int, ...] = Field(
        (), description="Ids of the users whose commands are obeyed; all others get no answer."
    )
    base_url: str = Field(
        "https://api.telegram.org",
        pattern="^https?://[^/]+$",
        description="Where the Bot API is; for a server of your own.",
    )
    timeout_seconds: float = Field(20.0, gt=0, le=60, description="Longest silence of one request, seconds.")
    poll_seconds: int = Field(25, ge=1, le=50, description="How long one question for new commands waits, seconds.")
    per_second_in_chat: float = Field(
        1.0, gt=0, le=1000, description="Messages a second to one private chat; Telegram allows about 1."
    )
    per_minute_in_group: float = Field(
        18.0, gt=0, le=60000, description="Messages a minute to one group; Telegram allows about 20."
    )
    per_second: float = Field(
        25.0, gt=0, le=1000, description="Messages a second to all chats together; Telegram allows about 30."
    )
    command_seconds: float = Field(
        60.0, gt=0, le=3600, description="How long a command may take until you are told that it is still at work."
    )
    confirm_seconds: float = Field(
        60.0, gt=0, le=3600, description="How long you may think before a button that confirms is worth nothing."
    )
    stale_seconds: float = Field(
        600.0, gt=0, le=86400,
        description="A command that changes something and waited longer, because nobody listened, is not done.",
    )  # fmt: skip
