"""Show how long the last nights took."""

from __future__ import annotations

import argparse

from huracan.cli.common import json_option, open_context, positive, show_json

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command; it is called for the help too, and must stay cheap."""
    parser.add_argument("--last", type=positive, default=7, metavar="N", help="how many nights (default: 7)")
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the nights and return the exit code."""
    from huracan_stranger.nights import past_nights

    context = open_context(arguments, create=False)
    with context.store:
        nights = past_nights(context, most=arguments.last)
    if arguments.json:
        show_json({"nights": [night.as_json() for night in nights]})
    else:
        print("\n".join(night.sentence for night in nights) or "No night has ended yet.")
    return 0
