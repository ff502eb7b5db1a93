"""A short run of tests/torture.py; a long one is `python -m tests.torture --rounds 1000`."""

from __future__ import annotations

import pytest

from tests.stores.killing import assert_one_of_two_states

pytest.importorskip("fcntl", reason="forks and SIGKILL need a POSIX system")
KILLS = 200


@pytest.mark.slow
def test_a_build_killed_at_any_moment_leaves_the_old_or_the_new_state() -> None:
    assert_one_of_two_states(KILLS)


@pytest.mark.slow
def test_with_a_base_that_is_compacted_in_turn_it_is_the_same() -> None:
    assert_one_of_two_states(KILLS // 2, "--compact")
