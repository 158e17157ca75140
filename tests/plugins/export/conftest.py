"""The context of a night with exports of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from export_toys import AS_OF, only
from huracan.context import Context
from huracan.types import Export


@pytest.fixture
def night(make_context: Callable[..., Context]) -> Callable[..., Context]:
    """Build the context of an export job with the exports given and none of the bundled ones."""

    def build(*exports: Export, formats: Sequence[str] = ("csv",), **options: Any) -> Context:
        settings = {"export": {"formats": list(formats), "skip": options.pop("skip", ())}}
        return make_context(settings, as_of=AS_OF, job="export", plugins=(), extra=only(*exports), **options)

    return build
