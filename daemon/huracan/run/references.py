"""Resolves references ``"package.module:function"`` to the function they name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from huracan.errors import PluginError

__all__ = ["resolve"]


def resolve(reference: str, owner: str) -> Callable[..., Any]:
    """Import what ``reference`` names. Raises PluginError naming ``owner`` (``job train``) where that does not work."""
    module_name, colon, name = reference.partition(":")
    if not (module_name and colon and name):
        raise PluginError(f"{owner}: {reference!r} is no reference of the form package.module:function")
    try:
        function = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"{owner}: {reference} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(function):
        raise PluginError(f"{owner}: {reference} is no function")
    return function  # type: ignore[no-any-return]
