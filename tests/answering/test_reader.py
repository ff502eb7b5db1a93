"""The bundled reader's folder and what is read with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from rag.answering.reader import EMBEDDINGS, NETWORK, VOCABULARY, NeuralReader, span_scores
from rag.answering.reading_input import ReadingInput, match_levels
from rag.errors import ModelError
from tests.answering import tiny_reader

PASSAGES = ["龙泉驿区建了200个党员先锋岗。", "邛崃的竹编在石桥村。书记是王小明。"]
HOSTILE = [
    "", " ", "\n\n", "\x00", "\ud800", "?", "𠮷" * 50, "的" * 5000, "a" * 5000,
    "😀👨‍👩‍👧", "ﬁ①㈱ ⼀⻓",
    "龍泉驛區建了多少黨員先鋒崗?", "<s></s><pad>", "e\u0301" * 100,
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reader") / "tiny"
    tiny_reader.build(path)
    return path


@pytest.fixture(scope="module")
def reader(folder: Path) -> NeuralReader:
    return NeuralReader(folder)


def test_a_characters_level_is_the_longest_run_around_it_that_the_other_text_has() -> None:
    # 党员先 is a run of three; 的 alone says nothing, 岗 alone counts 1, marks never do.
    assert match_levels("党员先的岗。", "岗的党员先。") == [3, 3, 3, 0, 1, 0]


def test_a_run_counts_up_to_four() -> None:
    assert match_levels("党员先锋岗", "党员先锋岗") == [4, 4, 4, 4, 4]


def test_what_the_export_computes_is_what_was_trained(tmp_path: Path) -> None:
    import torch

    network = tiny_reader.build(tmp_path / "tiny", seed=3)
    reader = NeuralReader(tmp_path / "tiny")
    made = reader.input.make("龙泉驿区建了多少党员先锋岗?", PASSAGES[0])
    with torch.no_grad():
        rows = [torch.tensor([row]) for row in (made.pieces, made.levels, made.sides)]
        mask = torch.ones_like(rows[0], dtype=torch.bool)
        wanted = network(*rows, mask)[0].numpy()  # type: ignore[operator]
    found = reader.logits(made)
    # Seven bits a weight, four in the frozen layer: close, not equal.
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.99
    assert found.shape == (len(made.pieces), 2)


def test_spans_are_slices_of_the_passages_best_first(reader: NeuralReader) -> None:
    spans = reader.read("龙泉驿区建了多少党员先锋岗?", PASSAGES)
    assert spans
    for span in spans:
        assert span.text == PASSAGES[span.passage][span.start : span.end] != ""
    assert [s.probability for s in spans] == sorted((s.probability for s in spans), reverse=True)
    assert 0.0 < sum(s.probability for s in spans) <= 1.0


def test_offsets_point_into_traditional_and_full_width_text(reader: NeuralReader) -> None:
    passage = "龍泉驛區建了２００個黨員先鋒崗。"
    for span in reader.read("龙泉驿区建了多少党员先锋岗?", [passage]):
        assert span.text == passage[span.start : span.end]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_read_without_error(reader: NeuralReader, text: str) -> None:
    for question, passages in (
        (text, PASSAGES),
        ("谁是书记?", [text, PASSAGES[1]]),
        (text, [text]),
    ):
        for span in reader.read(question, passages):
            assert span.text == passages[span.passage][span.start : span.end] != ""


def test_nothing_is_found_where_there_is_nothing_to_read(reader: NeuralReader) -> None:
    assert reader.read("谁是书记?", []) == []
    assert reader.read("谁是书记?", ["", "\n"]) == []
    assert reader.read("", PASSAGES) == []


def test_reading_twice_gives_the_same(reader: NeuralReader, folder: Path) -> None:
    first = reader.read("谁是书记?", PASSAGES)
    assert reader.read("谁是书记?", PASSAGES) == first
    assert NeuralReader(folder).read("谁是书记?", PASSAGES) == first


def test_room_is_what_the_question_leaves(reader: NeuralReader) -> None:
    # Three pieces hold the sides together; the question has five.
    assert reader.room("谁是书记?") == tiny_reader.LONGEST - 3 - 5
    assert reader.length("谁是书记?") == 6  # and the mark before the next passage


def test_a_span_stays_within_one_passage() -> None:
    # Begin is surest in piece 0, end in piece 2, which belongs to another passage.
    logits = np.array([[0, 0], [0, 0], [5, 0], [0, 1], [0, 5], [0, 0]], dtype=np.float32)
    made = ReadingInput([0] * 6, [0] * 6, [0] * 6, 2, [(0, 1), (1, 2), (3, 4)])
    scores = span_scores(logits, made, np.array([0, 0, 1]))
    assert divmod(int(scores.argmax()), 3) == (0, 1)
    assert scores[0, 1] == 6.0
    assert scores[0, 2] == -np.inf  # another passage
    assert scores[1, 0] == -np.inf  # ends before it begins


@pytest.mark.parametrize("name", [NETWORK, EMBEDDINGS, VOCABULARY])
def test_a_changed_file_is_refused_by_name(folder: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(ModelError, match=f"{name} has changed") as refused:
        NeuralReader(copy)
    assert "answering.reader" in refused.value.say("zh")


@pytest.mark.parametrize("name", [NETWORK, EMBEDDINGS, VOCABULARY, "reader.json"])
def test_a_missing_file_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / name).unlink()
    with pytest.raises(ModelError, match="can't be opened"):
        NeuralReader(copy)


def test_another_format_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    about = json.loads((copy / "reader.json").read_text())
    (copy / "reader.json").write_text(json.dumps(about | {"format": 99}))
    with pytest.raises(ModelError, match="format 99"):
        NeuralReader(copy)
