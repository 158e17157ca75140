"""Takes the pictures of reports in docs/images: what their pages look like on a screen, on a phone and on paper.

Needs chromium and pdftoppm (poppler-utils). ``python docs/make_report_pictures.py demo/settings.yaml`` shows reports of
a workspace in which nights (``run nightly --as-of DATE``) were played for some days, and ``run maintenance`` after.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops

from huracan.cli.main import main as huracan

IMAGES = Path(__file__).resolve().parent / "images"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
COLOURS = 48
"""Of a picture: letters and lines need no more, and it stays small."""
AIR = 16
"""Pixels that are left below what is shown."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of a page: ``width`` and at most ``height`` pixels of it, or of the part that ``only`` selects."""

    name: str
    kind: str
    width: int
    height: int
    only: str = ""
    dark: bool = False


SHOTS = (
    Shot("report", "nightly", 1000, 1240),
    Shot("report-coin", "nightly", 1000, 1000, only="details[open]"),
    Shot("report-alike", "nightly", 1000, 900, only="#alike, #alike + p, #alike + p + svg"),
    Shot("report-universe", "nightly", 1000, 900, only="#universe, #universe ~ :not(#jobs):not(#jobs ~ *)"),
    Shot("report-phone", "nightly", 390, 1180, dark=True),
    Shot("report-phone-coin", "nightly", 390, 1180, only="details[open]"),
    Shot("report-day", "daily", 1000, 900),
    Shot("report-week", "weekly", 1000, 1180),
)
PAGES = 3
"""Pages of the PDF that are shown."""


def make_reports(settings: Path, folder: Path) -> dict[str, Mapping[str, str]]:
    """Write the newest report of each kind below ``folder``; return its page and files by kind."""
    made = {}
    for kind in ("nightly", "daily", "weekly", "monthly"):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = huracan(["-c", str(settings), "report", kind, "--to", str(folder / kind), "--json"])
        if code == 0:
            made[kind] = json.loads(said.getvalue())
    return made


def take(shot: Shot, page: Path, scratch: Path) -> None:
    """Let chromium show a page, and keep the part of it that is asked for."""
    text = page.read_text("utf-8")
    if shot.only:
        hidden = "main > *, footer { display: none !important }"
        shown = f"{hidden} main > :is({shot.only}) {{ display: revert !important }}"
        text = text.replace("</style>", f"{shown} main {{ padding-top: 8px; padding-bottom: 8px }}</style>", 1)
    scheme = "dark" if shot.dark else "light"
    text = text.replace("(prefers-color-scheme: dark)", "(min-width: 0)" if shot.dark else "(max-width: 0)")
    text = text.replace("color-scheme: light dark", f"color-scheme: {scheme}")
    copy, frame, raw = scratch / f"{shot.name}.html", scratch / f"{shot.name}-frame.html", scratch / f"{shot.name}.png"
    copy.write_text(text, "utf-8")
    # Chromium makes no window as narrow as a phone; a frame in it may be.
    frame.write_text(
        f'<body style="margin:0"><iframe src="{copy.name}" width="{shot.width}" height="{shot.height}" '
        'style="border:0;display:block"></iframe>',
        "utf-8",
    )
    chromium(scratch, f"--window-size={max(shot.width, 800)},{shot.height}", f"--screenshot={raw}", frame.as_uri())
    with Image.open(raw) as whole:
        keep(whole.convert("RGB").crop((0, 0, shot.width, shot.height)), shot.name)


def print_pages(page: Path, scratch: Path) -> None:
    """Let chromium print a page, and show the first pages of it."""
    file = scratch / "printed.pdf"
    chromium(scratch, "--no-pdf-header-footer", f"--print-to-pdf={file}", page.as_uri())
    show_pages(file, "report-print", scratch)


def show_pages(file: Path, name: str, scratch: Path) -> None:
    """Show the first pages of a PDF side by side."""
    subprocess.run(["pdftoppm", "-r", "64", "-l", str(PAGES), "-png", str(file), str(scratch / name)], check=True)
    pages = [Image.open(each).convert("RGB") for each in sorted(scratch.glob(f"{name}-*.png"))]
    gap = 12
    whole = Image.new("RGB", (sum(each.width + gap for each in pages) + gap, pages[0].height + 2 * gap), "#d5d9de")
    for number, each in enumerate(pages):
        whole.paste(each, (gap + number * (each.width + gap), gap))
    save(whole, name)


def chromium(scratch: Path, *arguments: str) -> None:
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        sys.exit("chromium is not installed (apt install chromium)")
    with tempfile.TemporaryDirectory(dir=scratch) as profile:
        command = [program, *FLAGS, f"--user-data-dir={profile}", *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


def keep(picture: Image.Image, name: str) -> None:
    """Save a picture without the empty space at its end."""
    empty = Image.new("RGB", picture.size, picture.getpixel((0, picture.height - 1)))
    box = ImageChops.difference(picture, empty).getbbox()
    end = min(picture.height, box[3] + AIR) if box else picture.height
    save(picture.crop((0, 0, picture.width, end)), name)


def save(picture: Image.Image, name: str) -> None:
    file = IMAGES / f"{name}.png"
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file.name}: {picture.width} x {picture.height}, {file.stat().st_size // 1000} kB")


def main() -> int:
    """Take every picture of which the workspace has a report."""
    settings = Path(sys.argv[1] if len(sys.argv) > 1 else "demo/settings.yaml")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        made = make_reports(settings, scratch)
        for shot in SHOTS:
            if shot.kind in made:
                take(shot, Path(made[shot.kind]["page"]), scratch)
        if "nightly" in made:
            print_pages(Path(made["nightly"]["page"]), scratch)
            pdf = [file for file in made["nightly"]["files"] if file.endswith(".pdf")]
            if pdf:
                show_pages(Path(pdf[0]), "report-pdf", scratch)
    return 0


if __name__ == "__main__":
    sys.exit(main())
