"""A short run of tests/torture.py; a long one is `python -m tests.torture --rounds 1000`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fcntl", reason="forks and SIGKILL need a POSIX system")
KILLS = 200


@pytest.mark.slow
def test_a_build_killed_at_any_moment_leaves_the_old_or_the_new_state() -> None:
    # A process of its own: it forks, and must have no threads when it does.
    run = subprocess.run(
        [sys.executable, "-m", "tests.torture", "--rounds", str(KILLS)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{KILLS} kills" in run.stdout
    old, new = (int(re.findall(rf"{state} (\d+)", run.stdout)[0]) for state in ("old", "new"))
    assert old > KILLS // 4
    assert new > KILLS // 50
