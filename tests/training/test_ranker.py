from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from rag.answering.ranker import ABOUT_FILE, SpanRanker
from rag.assembly import segment
from rag.training import ranker
from rag.training.ranker import Described, Recipe, Scorer, described, loss, overlaps, train
from tests.training.reading_sets import write_reading_sets

RECIPE = Recipe(made=5, wrong=30, hidden=8, passes=2, questions=8, seed=3)


@pytest.fixture(scope="module")
def data(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(tiny_data, tmp_path_factory.mktemp("reading") / "data"))
    write_reading_sets(folder)
    return folder


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "reader"
    train(data, out, RECIPE)
    return out


def test_an_overlap_is_f1_in_characters_with_the_nearest_answer() -> None:
    # 建了12个石桥: 12个 is the answer; 12 shares two of 2 + 3 characters, twice 2 / 5.
    text = "建了12个石桥"
    assert overlaps([(2, 5), (2, 4), (5, 7)], text, ["12个"]).tolist() == pytest.approx([1, 0.8, 0])


def test_a_question_whose_answer_no_span_comes_near_is_left_out() -> None:
    items = [
        ("有多少石桥?", "成都建了12个石桥。", ["12个"]),
        ("有多少?", "成都很大。", ["没有的话"]),
    ]
    rows = list(described(items, 10, random.Random(1)))
    assert len(rows) == 1
    assert rows[0].overlaps.max() == 1.0


def test_an_answer_met_by_half_alone_never_makes_the_loss_undefined() -> None:
    # The only near span overlaps by exactly one half: nothing could be wanted.
    rows = list(described([("谁?", "石桥", ["石桥是古人修成的那"])], 10, random.Random(1)))
    assert all((row.overlaps > 0.5).any() for row in rows)


def test_the_loss_of_equal_scores_is_the_log_of_their_number() -> None:
    scorer = Scorer(torch.zeros(2), torch.ones(2), 4, 0.0)
    for weight in scorer.parameters():
        torch.nn.init.zeros_(weight)
    row = Described(np.zeros((4, 2), dtype=np.float16), np.array([1, 0, 0, 0], dtype=np.float32))
    assert loss(scorer, [row], 6.0).item() == pytest.approx(np.log(4.0))


def test_the_trained_folder_reads_and_nothing_else_is_left(trained: Path) -> None:
    spans = SpanRanker(trained, segment).read("成都建了多少个石桥?", ["成都在2023年建了12个石桥。"])
    assert np.isfinite([span.probability for span in spans]).all()
    assert [path.name for path in trained.parent.iterdir()] == ["reader"]


def test_a_killed_run_goes_on_and_ends_at_the_same_weights(
    trained: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "reader"
    with monkeypatch.context() as patched:
        patched.setattr(ranker, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            train(data, out, RECIPE)
    train(data, out, RECIPE)
    assert (out / ABOUT_FILE).read_text() == (trained / ABOUT_FILE).read_text()


def test_a_run_of_another_recipe_is_refused(data: Path, tmp_path: Path) -> None:
    work = tmp_path / "reader.work"
    work.mkdir()
    (work / "recipe.json").write_text("{}")
    with pytest.raises(ValueError, match="another recipe"):
        train(data, tmp_path / "reader", RECIPE)
