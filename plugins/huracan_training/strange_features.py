"""Has feature sets of strangers proved before a night trains: one that looks ahead is left out of its models.

So is one that cannot be computed at all (it raises, hangs, ends its process): the others are trained without it, where
it would have failed every coin. Ours are proved by the tests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from huracan.alerts import tell_of_misdeed
from huracan.context import Context
from huracan.errors import HuracanError
from huracan.paths import read_json, write_json
from huracan.plugin.installed import installed
from huracan.plugin.trial import fingerprint
from huracan.plugin.troubles import take_back
from huracan.types import FeatureSet
from huracan_training.coin import CoinTask
from huracan_training.pool import Ended, Limits, WorkerPool
from huracan_training.proof import PROOF

__all__ = ["leave_out_lookers"]

SECONDS = 120.0
"""What a worker gets to prove one set."""
_MOST_KEPT = 200


def leave_out_lookers(context: Context, greeting: Mapping[str, Any], task: CoinTask) -> None:
    """Prove the sets of strangers on one coin, leave out those that fail, and tell whose they are.

    A set that was proved is not proved again until its plugin, or its version, changes.
    """
    sets = context.plugins.features()
    strange = {name: each for name, each in sets.items() if context.plugins.is_strange(sets.owners[name])}
    file = context.paths.state / "plugins" / "proofs.json"
    proved = set((read_json(file) or {}).get("proved", ()))
    marks = {name: _mark(sets.owners[name], each) for name, each in strange.items()}
    left = [name for name in sorted(strange) if marks[name] not in proved]
    if not left:
        return
    context.progress.step(f"train: looks whether {', '.join(left)} looks ahead")
    for name, wrong in _proved(greeting, task, left):
        owner = sets.owners[name]
        if wrong:
            context.plugins.leave_out_features(name, wrong)
            tell_of_misdeed(context, owner, f"features {name}", f"left out of tonight's models: {wrong}")
        else:
            take_back(context.paths.state, owner, f"features {name}")
        if wrong == "" and marks[name] is not None:
            proved.add(marks[name])
        context.progress.step(f"train: looked at {name}")
    _keep(context, file, sorted(filter(None, proved)))


def _proved(greeting: Mapping[str, Any], task: CoinTask, names: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    limits = Limits(SECONDS, SECONDS, 0, 0.0)
    tasks = [(name, replace(task, work=PROOF + name).to_json()) for name in names]
    with WorkerPool("huracan_training.worker", greeting, 1, limits) as pool:
        for happened in pool.run(tasks):
            if isinstance(happened, Ended):
                yield happened.key, _outcome(happened)


def _outcome(ended: Ended) -> str | None:
    if ended.answer is not None:
        wrong = ended.answer.get("wrong")  # a coin that is skipped proves nothing
        return None if wrong is None else str(wrong)
    if ended.seconds >= SECONDS:
        return f"it hangs: it was still computing after {SECONDS:g} s"
    return f"it cannot be computed: {ended.error}"


def _mark(owner: str, each: FeatureSet) -> str | None:
    """Return what changes when the set may have changed; None for one whose files nobody can see."""
    found = next((entry for entry in installed() if entry.name == owner), None)
    if not isinstance(found, EntryPoint):
        return None
    about = repr((fingerprint(found), each.name, each.version, each.columns, each.warmup))
    return hashlib.sha256(about.encode()).hexdigest()[:32]


def _keep(context: Context, file: Path, proved: Sequence[str]) -> None:
    try:
        write_json(file, {"schema": 1, "proved": list(proved)[-_MOST_KEPT:]}, lasting=False)
    except (OSError, HuracanError) as error:
        context.log.warning("that features were proved cannot be kept: %s", error)
