"""The page on disaster recovery, executed step by step in one shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml


def blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_every_step_of_the_page_works(repository: Path, tmp_path: Path, night: Callable[[str], None]) -> None:
    page = repository / "docs" / "how-to" / "disaster-recovery.md"
    (settings,) = blocks(page, "yaml")
    night("20261119")  # lays a workspace called work
    (tmp_path / "settings.yaml").write_text(settings)
    assert yaml.safe_load(settings)["workspace"] == "work"
    champion = (tmp_path / "work/champions/BTC-USDT.json").read_text()
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "huracan"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m huracan "$@"\n')
    program.chmod(0o755)
    steps = blocks(page, "bash")
    assert len(steps) == 9
    script = "\n".join(f"echo '=== step {number}'\n{step}" for number, step in enumerate(steps, 1))
    environment = {
        **os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "HURACAN_PLUGINS_ONLY": "backup,remote",
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    by_step = done.stdout.split("=== step ")
    assert "copied to disk and tested" in by_step[3]
    assert "every file as it was" in by_step[3]
    assert "workspace/champions/BTC-USDT.json" in by_step[4]
    assert champion in by_step[5]
    assert "came back, each compared with its hash" in by_step[7]
    assert "came back, each compared with its hash" in by_step[8]
    assert (tmp_path / "from-remote/champions/BTC-USDT.json").read_text() == champion
    assert (tmp_path / "old-champion.json").read_text() == champion
    assert (tmp_path / "work/champions/BTC-USDT.json").read_text() == champion
    assert (tmp_path / "work/models/BTC-USDT/20261119_020000Z/model.bin").stat().st_size == 50_000
    assert "AGE-SECRET-KEY" not in done.stdout + done.stderr
