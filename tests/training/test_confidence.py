"""Fitting the confidence: what it learns, on what, and that nothing is measured on its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.answering import Confidence
from rag.evaluation.gold import Article, Gold, GoldSet
from rag.training.confidence import CLUES, Figures, curve, fitted, out_of_fold, weights_of
from rag.training.confidence_cases import Case, cases_of, held_out
from rag.training.reader_data import Part, split_of


def case(
    around: float, *, right: bool, group: str, answerable: bool = True, tags: tuple[str, ...] = ()
) -> Case:
    clues = dict.fromkeys(CLUES, 0.0) | {"around": around}
    gold = Gold(group, "?", answerable=answerable, tags=tags)
    return Case("sample", group, gold, clues, 0.0, right, 10 * around)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    random = np.random.default_rng(1)
    return [
        case(around, right=bool(random.random() < around), group=f"article {i % 40}")
        for i, around in enumerate(random.random(400))
    ]


def test_the_written_weights_give_the_models_probabilities(cases: list[Case]) -> None:
    model = fitted(cases)
    row: Mapping[str, Any] = weights_of(model)
    confidence = Confidence(row["bias"], row["weights"])
    known = [each.clues for each in cases[:20] if each.clues]
    wanted = model.predict_proba([[clues[name] for name in CLUES] for clues in known])
    found = [confidence.of(clues) for clues in known]
    assert len(found) == 20
    assert found == pytest.approx(list(wanted[:, 1]), abs=1e-3)


def test_what_is_right_oftener_is_surer(cases: list[Case]) -> None:
    figures = Figures.of("made", cases[:200] + _unanswerable(), np.linspace(0, 1, 260))
    assert figures.questions == 260
    found = out_of_fold(cases)
    sure = np.array([each.right for each in cases])[found > 0.7].mean()
    unsure = np.array([each.right for each in cases])[found < 0.3].mean()
    assert sure > 0.6 > 0.4 > unsure


def _unanswerable() -> list[Case]:
    return [case(0.1, right=False, group=f"x{i}", answerable=False) for i in range(60)]


def test_a_case_without_clues_keeps_its_own_confidence(cases: list[Case]) -> None:
    silent = Case("sample", "alone", Gold("q", "?"), None, 0.125, False, 0.0)
    assert out_of_fold([*cases, silent])[-1] == 0.125


def test_shares_are_taken_where_most_of_the_answerable_are_answered() -> None:
    answerable = [case(1.0, right=True, group=str(i)) for i in range(20)]
    near = [
        case(1.0, right=False, group="n", answerable=False, tags=("near-miss", "other-year"))
        for _ in range(4)
    ]
    confidence = np.array([*np.linspace(0.5, 1, 20), 0.1, 0.2, 0.3, 0.99])
    figures = Figures.of("toy", [*answerable, *near], confidence)
    assert (figures.declined, figures.near_miss) == (0.75, 0.75)
    assert figures.other_world is None
    assert figures.declined_by_bm25 == 0.0
    assert figures.row().startswith("| toy | 24 | 0.750 | 0.000 | 0.750 | – | ")
    assert len(list(curve([*answerable, *near], confidence))) == 10


VILLAGES = "松柏梅兰竹菊荷桂枫柳桃李杏梨枣栗茶麻棉稻麦豆瓜藤莲芦苇槐榆桑鹤雁鹰燕鸥鹭龟鹿虎豹狼狐兔"


def reading_set() -> GoldSet:
    articles = [
        Article(f"p{i}", f"title {i // 3}", f"{name}溪村在2025年修了{i + 20}座石桥。")
        for i, name in enumerate(VILLAGES)
    ]
    questions = [
        Gold(f"q{i}", f"{name}溪村修了多少座石桥?", (f"{i + 20}座",), documents=(f"p{i}",))
        for i, name in enumerate(VILLAGES)
    ]
    return GoldSet("drcd_dev", tuple(questions), lambda: iter(articles))


def test_of_the_unseen_paragraphs_some_are_left_out_with_their_answers() -> None:
    whole, kept = reading_set(), held_out(reading_set())
    titles = {article.id: article.title for article in whole.articles()}
    indexed = {article.id for article in kept.articles()}
    assert kept.questions
    assert len(indexed) < len(titles)
    for gold in kept.questions:
        assert split_of("drcd_dev", titles[gold.documents[0]]) is Part.HELD_OUT
        assert gold.answerable == (gold.documents[0] in indexed)
    assert {gold.answerable for gold in kept.questions} == {True, False}


def test_questions_are_really_asked(tmp_path: Path) -> None:
    kept = held_out(reading_set())
    found = list(cases_of(kept, [], tmp_path, reader="rules", limit=None))
    assert [each.gold for each in found] == list(kept.questions)
    right = [each for each in found if each.right]
    assert len(right) > len(found) / 2
    assert all(each.clues and each.clues.keys() == set(CLUES) and each.bm25 > 0 for each in right)
    assert not any(each.right for each in found if not each.gold.answerable)
