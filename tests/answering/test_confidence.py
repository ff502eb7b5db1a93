"""How sure an answer is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rag.answering import Confidence, EvidenceFinder, Question
from rag.answering.confidence import clues_of
from rag.answering.reading import Read
from rag.assembly import bundled_confidence
from rag.errors import ModelError
from tests.answering.articles import hit

Analyse = Callable[[str], Question]


def test_the_formula() -> None:
    confidence = Confidence(-1.0, {"a": 2.0, "b": -0.5})
    assert confidence.of({"a": 1.0, "b": 1.0}) == pytest.approx(1 / (1 + math.exp(-0.5)))
    assert confidence.of({"unknown": 9.0}) == pytest.approx(1 / (1 + math.e))
    assert 0.0 < confidence.of({"a": -1e9}) < confidence.of({"a": 1e9}) < 1.0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"bias": 1}', '{"bias": "x", "weights": {}}'])
def test_weights_that_are_none_are_refused_in_words(tmp_path: Path, text: str) -> None:
    file = tmp_path / "weights.json"
    file.write_text(text)
    with pytest.raises(ModelError, match=r"weights\.json"):
        Confidence.from_file(file)


def test_missing_weights_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.json"):
        Confidence.from_file(tmp_path / "none.json")


def test_every_clue_has_a_weight(analyse: Analyse, finder: EvidenceFinder) -> None:
    question = analyse("蓝溪村修了几座石桥?")
    evidence = finder.find(question, [hit("蓝溪村修了37座石桥。")])
    clues = clues_of(question, evidence, Read(tuple(evidence)))
    assert clues.keys() == bundled_confidence().weights.keys()


def test_what_covers_more_and_is_read_surely_is_surer(
    analyse: Analyse, finder: EvidenceFinder
) -> None:
    question = analyse("蓝溪村修了几座石桥?")
    evidence = finder.find(question, [hit("蓝溪村修了37座石桥。"), hit("别处修了一座木桥。")])

    def sure(around: float, probability: float | None) -> float:
        first = replace(evidence[0], around=around)
        read = Read((first, *evidence[1:]), probability, None if probability is None else 0.0)
        return bundled_confidence().of(clues_of(question, [first, *evidence[1:]], read))

    assert sure(0.3, 0.5) < sure(0.9, 0.5)
    assert sure(0.9, 0.05) < sure(0.9, 0.9)


def test_a_sentence_without_the_figure_asked_for_is_doubtful(
    analyse: Analyse, finder: EvidenceFinder
) -> None:
    question = analyse("蓝溪村修了几座石桥?")
    evidence = finder.find(question, [hit("蓝溪村修了37座石桥。")])
    bare = [replace(evidence[0], short=None)]
    assert clues_of(question, bare, Read(tuple(bare)))["no_figure"] == 1.0
    assert bundled_confidence().of(clues_of(question, bare, Read(tuple(bare)))) < (
        bundled_confidence().of(clues_of(question, evidence, Read(tuple(evidence))))
    )
