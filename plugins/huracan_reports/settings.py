"""The section ``reports``."""

from __future__ import annotations

from pydantic import Field

from huracan.config import Section

__all__ = ["ReportsSettings"]


class ReportsSettings(Section):
    """What is written about a night, below reports/."""

    pdf: bool = Field(True, description="Make the page as PDF too; needs the extra pdf.")
    picture: bool = Field(True, description="Make equity.png, the picture that goes to the phone.")
