"""A short form of what `make torture` runs at every place."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.faults.shim import missing


@pytest.mark.timeout(900)  # a minute or two where nothing else runs
@pytest.mark.skipif(bool(missing()), reason=missing() or "-")
@pytest.mark.parametrize(
    "arguments", [("disk", "--places", "1"), ("damage", "--places", "60")], ids=["disk", "damage"]
)
def test_the_index_is_in_the_old_or_the_new_state(arguments: tuple[str, ...]) -> None:
    module, *options = arguments
    done = subprocess.run(
        [sys.executable, "-m", f"tests.faults.{module}", "--seed", "1", *options],
        capture_output=True, text=True, timeout=800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b0 failures in ", done.stdout)
