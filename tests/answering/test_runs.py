"""Runs of characters that two texts share."""

from __future__ import annotations

from rag.answering.runs import match_levels


def test_a_characters_level_is_the_longest_run_around_it_that_the_other_text_has() -> None:
    # 党员先 is a run of three; 的 alone says nothing, 岗 alone counts 1, marks never do.
    assert match_levels("党员先的岗。", "岗的党员先。") == [3, 3, 3, 0, 1, 0]


def test_a_run_counts_up_to_four() -> None:
    assert match_levels("党员先锋岗", "党员先锋岗") == [4, 4, 4, 4, 4]
