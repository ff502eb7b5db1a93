"""What is made of pip-audit's report."""

from __future__ import annotations

from tests.audit import judged

SOUND = {"name": "a", "version": "1", "vulns": []}
HOLE = {"id": "PYSEC-1", "fix_versions": ["3"], "aliases": [], "description": ""}
SKIPPED = {"name": "c", "skip_reason": "Dependency not found"}


def test_a_known_hole_fails_and_is_named() -> None:
    holed = {"name": "b", "version": "2", "vulns": [HOLE]}
    code, lines = judged({"dependencies": [SOUND, holed, SKIPPED]})
    assert code == 1
    assert lines[0] == "b 2: PYSEC-1, mended in 3"


def test_nothing_known_is_told_from_nothing_asked() -> None:
    assert judged({"dependencies": [SOUND, SKIPPED]}) == (
        0,
        ["0 known holes in 1 of 2 dependencies"],
    )
    assert judged({"dependencies": [SKIPPED]})[0] == 2
