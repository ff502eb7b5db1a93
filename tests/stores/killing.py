"""`tests.torture` in a process of its own: it forks, and must have no threads when it does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def assert_one_of_two_states(kills: int, *options: str) -> None:
    """Kill so many times; each leaves the old state or the new one, and both are seen."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.torture", *options, "--rounds", str(kills)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{kills} kills" in run.stdout
    old, new = (int(re.findall(rf"{state} (\d+)", run.stdout)[0]) for state in ("old", "new"))
    assert old > kills // 4
    assert new > kills // 50
