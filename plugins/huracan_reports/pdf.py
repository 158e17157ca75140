"""PDF of a page, by WeasyPrint: a library that is not needed by all, with libraries of the system below it."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huracan.types import CheckResult, CheckState
from huracan_reports.page import for_paper

__all__ = ["check_pdf", "missing", "write_pdf"]

NOT_INSTALLED = "WeasyPrint is not installed (the extra pdf)"
HINT = (
    "install the extra pdf (pip install 'huracan-engine[pdf]') and Pango (apt install libpangoft2-1.0-0 "
    "libharfbuzz-subset0), or set reports.pdf to false"
)

EPOCH = "SOURCE_DATE_EPOCH"


def missing() -> str | None:
    """Return in a line why no PDF can be made, None where one can."""
    _hush()
    try:
        with warnings.catch_warnings():
            # Without that library it embeds letters by another one, and says so at each start.
            warnings.filterwarnings("ignore", "HarfBuzz-Subset", DeprecationWarning)
            import weasyprint  # noqa: F401
    except ImportError:
        return NOT_INSTALLED
    except OSError as error:
        return f"WeasyPrint lacks a library of the system: {str(error).splitlines()[0]}"
    return None


def check_pdf(context: Any) -> CheckResult:
    """Say whether reports can be made as PDF."""
    from huracan_reports.settings import ReportsSettings

    if context is not None and not context.settings.section(ReportsSettings).pdf:
        return CheckResult(CheckState.OK, "switched off by reports.pdf")
    why = missing()
    if why is None:
        return CheckResult(CheckState.OK, "reports are made as PDF too")
    if why == NOT_INSTALLED:
        return CheckResult(CheckState.OK, f"reports are made without PDF: {why}")
    return CheckResult(CheckState.WARNING, f"reports are made without PDF: {why}", HINT)


def write_pdf(page: str, path: Path) -> None:
    """Write a page as PDF; the same page gives the same bytes. Nothing is read from outside, whatever the page says."""
    _hush()
    from weasyprint import CSS, HTML
    from weasyprint.text.fonts import FontConfiguration
    from weasyprint.urls import URLFetcher

    fonts = _fonts()

    class FontsOnly(URLFetcher):  # type: ignore[misc]
        """Fetches the letters and nothing else."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            if url not in fonts.values():
                raise ValueError("a report reads nothing from outside")
            return super().fetch(url, headers)

    configuration, fetch = FontConfiguration(), FontsOnly()
    faces = "".join(
        f"@font-face {{ font-family: Report; font-weight: {weight}; src: url('{url}') }}"
        for weight, url in fonts.items()
    )
    style = CSS(string=faces + "body { font-family: Report, sans-serif }", font_config=configuration, url_fetcher=fetch)
    document = HTML(string=for_paper(page), url_fetcher=fetch, base_url=None)
    with _letters_of_no_day():
        document.write_pdf(path, stylesheets=[style], font_config=configuration, pdf_identifier=b"huracan")


@contextmanager
def _letters_of_no_day() -> Iterator[None]:
    """Keep the time of day out of embedded letters: fontTools, in place of HarfBuzz-Subset, would write it there."""
    before = os.environ.get(EPOCH)
    os.environ[EPOCH] = "0"
    try:
        yield
    finally:
        del os.environ[EPOCH]
        if before is not None:
            os.environ[EPOCH] = before


def _hush() -> None:
    """Keep the steps of the library, and what a screen understands and paper does not, out of the night's log."""
    for name in ("weasyprint", "weasyprint.progress", "fontTools"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _fonts() -> dict[str, str]:
    """Return letters by weight that are the same on every machine, one without any font included: matplotlib's."""
    from matplotlib import get_data_path

    folder = Path(get_data_path()) / "fonts" / "ttf"
    return {"400": (folder / "DejaVuSans.ttf").as_uri(), "700": (folder / "DejaVuSans-Bold.ttf").as_uri()}
