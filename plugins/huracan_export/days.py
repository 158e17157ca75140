"""What lies in a scope: its days, and the models of the library."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from huracan.types import ExportScope

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.store import LibraryModel

__all__ = ["instants", "lacking_columns", "lacking_trades", "models_of", "symbols_of"]


def instants(scope: ExportScope) -> tuple[datetime, datetime]:
    """Return where the day before a scope begins and where its last day ends, UTC.

    A night runs in the first hours of its day: most of a day is over only in the next one's export.
    """
    first, last = (datetime.combine(day, time(), UTC) for day in (scope.first, scope.last))
    return first - timedelta(days=1), last + timedelta(days=1)


def models_of(context: Context, scope: ExportScope) -> Iterator[LibraryModel]:
    """Yield the library's models of a scope, and of its part where it has one, by night and id."""
    for day in scope.run_dates():
        models = context.store.library.models(symbol=scope.part or None, run_date=day)
        yield from sorted(models, key=lambda each: each.model_id)


def symbols_of(context: Context, scope: ExportScope) -> set[str]:
    """Return the pairs that have a model of a scope in the library."""
    return {each.symbol for each in models_of(context, scope)}


def lacking_trades(context: Context, scope: ExportScope) -> str:
    """Say of how many models of a scope the trades were forgotten, empty for none."""
    gone = len(context.store.library.forgotten(scope.first, scope.last, scope.part or None))
    return f"trades of {_models(gone)} are no longer kept (training.library.keep_models)" if gone else ""


def lacking_columns(context: Context, scope: ExportScope) -> str:
    """Say of how many models of a scope nothing is known of the columns, empty for none."""
    gone = len(context.store.library.without_features(scope.first, scope.last))
    return f"columns of {_models(gone)} are not in the library (training.library.keep_models)" if gone else ""


def _models(count: int) -> str:
    return f"{count} model{'' if count == 1 else 's'}"
