"""Markers and sentences of a text that comes in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answering.markers import SentenceSplitter, piece_of, with_markers


def cut(*pieces: str) -> list[tuple[str, tuple[int, ...]]]:
    splitter = SentenceSplitter()
    found = [piece for text in pieces for piece in splitter.feed(text)]
    found += splitter.rest()
    return [(piece.text, piece.markers) for piece in found]


@pytest.mark.parametrize(
    ("text", "markers"),
    [
        ("甲[1]。", (1,)),
        ("甲。[1][3]", (1, 3)),
        ("甲【2】。", (2,)),
        ("甲［1，2］。", (1, 2)),
        ("甲[1-3]。", (1, 2, 3)),
        ("A [passage 4].", (4,)),
        ("A [^1].", (1,)),
        ("甲[来源：2]。", (2,)),
        ("甲【3†source】。", (3,)),
        ("甲[1][1]。", (1,)),
        ("甲[99]。", (99,)),
        # What a marker leaves behind is none that nobody has checked.
        ("甲[[2]1]。", (2, 1)),
        ("甲[passage[^1]1]。", (1,)),
    ],
)
def test_markers_of_every_habit_are_read_and_taken_out(text: str, markers: tuple[int, ...]) -> None:
    piece = piece_of(text)
    assert piece.markers == markers
    assert piece.text in ("甲。", "甲", "A.")


@pytest.mark.parametrize(
    "text", ["见[2024]。", "数组a[i]。", "〔1〕号文件。", "甲[1†源。", "甲[1†源[乙]。"]
)
def test_other_brackets_stay(text: str) -> None:
    assert piece_of(text).text == text
    assert piece_of(text).markers == ()


@pytest.mark.parametrize(
    "pieces",
    [
        ("甲有1.5万人[1]。乙有2人[2]。",),
        ("甲有1.5万人[", "1", "]。乙有2", "人[2]。"),
        tuple("甲有1.5万人[1]。乙有2人[2]。"),
    ],
)
def test_sentences_are_the_same_however_the_text_arrives(pieces: tuple[str, ...]) -> None:
    assert cut(*pieces) == [("甲有1.5万人。", (1,)), ("乙有2人。", (2,))]


def test_a_marker_after_the_full_stop_belongs_to_the_sentence_before() -> None:
    assert cut("甲。", "[1]", " [2]乙。") == [("甲。", (1, 2)), ("乙。", ())]


def test_an_english_sentence_ends_at_its_stop_and_not_in_a_figure_or_title() -> None:
    assert cut("Mr. Li has 2.5 acres [1]. He is here. ") == [
        ("Mr. Li has 2.5 acres.", (1,)),
        ("He is here.", ()),
    ]


def test_lines_of_a_list_are_sentences() -> None:
    assert cut("- 甲[1]\n- 乙[2]\n") == [("- 甲", (1,)), ("- 乙", (2,))]


@settings(deadline=None)
@given(st.lists(st.text("甲乙1.。[]2\n -A!？", max_size=8), max_size=12))
def test_nothing_but_markers_is_lost(pieces: list[str]) -> None:
    splitter = SentenceSplitter()
    found = [piece for text in pieces for piece in splitter.feed(text)]
    found += splitter.rest()
    kept = "".join(piece.before + piece.text + piece.after for piece in found)
    whole = piece_of("".join(pieces))
    assert "".join(kept.split()) == "".join((whole.before + whole.text + whole.after).split())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("甲有2人。", "甲有2人[1]。"),
        ("甲有2人", "甲有2人[1]"),
        ("甲说：“好。”", "甲说：“好。”[1]"),
        ("There are 2.", "There are 2 [1]."),
        ("", "[1]"),
    ],
)
def test_markers_stand_before_the_closing_mark(text: str, shown: str) -> None:
    assert with_markers(text, "[1]") == shown
