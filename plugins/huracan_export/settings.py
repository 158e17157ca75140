"""The section ``export``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from huracan.config import Section

__all__ = ["ExportSettings"]


class ExportSettings(Section):
    """In which formats tables are written after each night, and which exports are left out."""

    formats: tuple[Literal["csv", "json", "jsonl", "parquet"], ...] = Field(
        ("csv",), min_length=1, description="Formats of every table: csv, json, jsonl (an object a line), parquet."
    )
    skip: tuple[str, ...] = Field((), description="Exports that are not written, by name: [trade_history, learning_*].")

    @field_validator("formats")
    @classmethod
    def _each_once(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(formats))
