"""Choosing a weight and a threshold on questions, and judging the choice on others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rag.config import Settings, load_settings
from rag.errors import ConfigError
from rag.evaluation.gold import Gold, GoldSet
from rag.evaluation.markdown import tuning_markdown
from rag.evaluation.record import Record
from rag.evaluation.tune import FOLDS, Choice, Tuning, choose, fold_of, tune, write_choice
from tests.evaluation.making import record

WAS = Choice(0.05, 0.4)


def answerable(i: int, confidence: float, *, right: bool, mrr: float = 1.0) -> Record:
    return record(str(i), confidence=confidence, sure_right=right, measures={"mrr@10": mrr})


def unanswerable(i: int, confidence: float) -> Record:
    return record(str(i), confidence=confidence, sure_right=False, answerable=False)


def chosen(runs: dict[float, list[Record]], cost: float = 1.0) -> Tuning:
    count = len(next(iter(runs.values())))
    return choose(runs, np.arange(count) % FOLDS, WAS, cost=cost)


def test_the_threshold_goes_where_right_and_unanswerable_part() -> None:
    records = [answerable(i, 0.72, right=True) for i in range(30)]
    records += [unanswerable(i, 0.58) for i in range(30)]
    found = chosen({0.05: records})
    assert found.chosen == Choice(0.05, 0.6)
    # As it was, all 60 are answered: 30 right, 30 wrong. Now all are right.
    assert (found.as_was.score, found.held_out.score) == (0.0, 1.0)
    assert (found.as_was.rejection, found.held_out.rejection) == (0.0, 1.0)
    assert found.held_out.accepted == 1.0
    assert found.helps
    assert found.p < 0.001


def test_a_wrong_answer_that_costs_nothing_is_given() -> None:
    records = [answerable(i, 0.5, right=i % 4 == 0) for i in range(40)]
    assert chosen({0.05: records}, cost=0.0).chosen.threshold <= 0.5
    assert chosen({0.05: records}, cost=1.0).chosen.threshold > 0.5


def test_the_weight_that_ranks_best_is_chosen_and_one_as_good_is_not() -> None:
    same = [answerable(i, 0.9, right=True, mrr=0.5) for i in range(20)]
    better = [replace(one, measures={"mrr@10": 0.6}) for one in same]
    alike = [replace(one, measures={"mrr@10": 0.5001}) for one in same]
    assert chosen({0.05: same, 0.2: better}).chosen.dense_weight == 0.2
    unchanged = chosen({0.05: same, 0.2: alike})
    assert unchanged.chosen == WAS
    assert not unchanged.helps


def test_what_fits_only_its_own_questions_is_not_taken_for_better() -> None:
    # Noise: confidence says nothing, so a threshold that fits four folds misses the fifth.
    chance = np.random.default_rng(0)
    drawn = chance.random((60, 2))
    records = [answerable(i, float(a), right=bool(b < 0.55)) for i, (a, b) in enumerate(drawn)]
    found = chosen({0.05: records})
    assert found.fitted.score >= found.held_out.score


def test_questions_about_one_passage_are_in_one_fold() -> None:
    assert fold_of(Gold("1", "?", documents=("a",))) == fold_of(Gold("2", "!", documents=("a",)))
    folds = {fold_of(Gold(str(i), "?")) for i in range(50)}
    assert folds == set(range(FOLDS))


def test_too_few_questions_are_refused() -> None:
    few = GoldSet("few", tuple(Gold(str(i), "?", answers=("x",)) for i in range(5)))
    with pytest.raises(ConfigError, match="too few"):
        tune(lambda _: pytest.fail("nothing is run"), Settings(), [few])


# the settings file


def tuning(weight: float, threshold: float) -> Tuning:
    records = [answerable(i, 0.72, right=True) for i in range(10)]
    return replace(chosen({0.05: records}), chosen=Choice(weight, threshold))


def test_the_values_are_written_with_their_origin_and_all_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "rag.toml"
    path.write_text("# ours\n[retrieval]\ntop_k = 5 # five\ndense_weight = 0.3\n", encoding="utf-8")
    write_choice(path, tuning(0.2, 0.55), "tuned on s")
    assert path.read_text(encoding="utf-8") == (
        "# ours\n[retrieval]\ntop_k = 5 # five\ndense_weight = 0.2 # tuned on s\n"
        "\n[answering]\nthreshold = 0.55 # tuned on s\n"
    )
    settings = load_settings(path)
    assert (settings.retrieval.dense_weight, settings.answering.threshold) == (0.2, 0.55)


def test_a_file_is_begun_where_there_is_none_and_a_broken_one_is_left(tmp_path: Path) -> None:
    path = tmp_path / "rag.toml"
    write_choice(path, tuning(0.2, 0.55), "tuned")
    assert "threshold = 0.55" in path.read_text(encoding="utf-8")
    path.write_text("nonsense", encoding="utf-8")
    with pytest.raises(ConfigError, match="not readable as TOML"):
        write_choice(path, tuning(0.2, 0.55), "tuned")
    assert path.read_text(encoding="utf-8") == "nonsense"


def test_the_figures_are_shown_before_and_after() -> None:
    text = tuning_markdown(tuning(0.2, 0.55), "en")
    assert "| retrieval.dense_weight | 0.05 | 0.2 |" in text
    assert "Difference in score on unseen questions: +0.000" in text
    assert "未见题目" in tuning_markdown(tuning(0.2, 0.55), "zh")
