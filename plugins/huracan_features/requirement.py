"""What this plugin cannot do without."""

from __future__ import annotations

import importlib.util

from huracan.context import Context
from huracan.types import CheckResult, CheckState

__all__ = ["check_talib"]


def check_talib(_: Context | None) -> CheckResult:
    """Is TA-Lib installed? It is not imported for the answer, the daemon needs none of it."""
    if importlib.util.find_spec("talib") is None:
        return CheckResult(CheckState.FAILED, "the Python package TA-Lib is missing", "pip install TA-Lib")
    return CheckResult(CheckState.OK, "TA-Lib is installed")
