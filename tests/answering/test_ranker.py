"""The span ranker's candidates, its folder, and what is read with it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from rag.answering.ranker import ABOUT_FILE, WEIGHTS_FILE, SpanRanker, describe, score
from rag.assembly import reader_folder, segment
from rag.errors import ModelError

PASSAGES = ["龙泉驿区建了200个党员先锋岗。", "邛崃的竹编在石桥村。书记是王小明。"]
HOSTILE = [
    "", " ", "\n\n", "\x00", "\ud800", "?", "𠮷" * 50, "的" * 3000, "a" * 3000, "😀👨‍👩‍👧",
    "ﬁ①㈱ ⼀⻓", "龍泉驛區建了多少黨員先鋒崗?", "e\u0301" * 100, "。" * 50,
]  # fmt: skip


def write_folder(folder: Path, *, seed: int = 1) -> Path:
    """Random weights of the right shape."""
    folder.mkdir(parents=True)
    width = describe("谁?", PASSAGES[0], segment).numbers.shape[1]
    chance = np.random.default_rng(seed)
    shapes = [(width, 8), (8,), (8, 4), (4,), (4, 1), (1,)]
    tables = [np.zeros(width), np.ones(width), *(chance.standard_normal(s) for s in shapes)]
    named = {f"layer{i}": table.astype(np.float32) for i, table in enumerate(tables)}
    np.savez(folder / WEIGHTS_FILE, allow_pickle=False, **named)
    digest = hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()
    (folder / ABOUT_FILE).write_text(json.dumps({"format": 1, "sha256": digest}))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("ranker") / "tiny")


@pytest.fixture(scope="module")
def reader(folder: Path) -> SpanRanker:
    return SpanRanker(folder, segment)


def test_candidates_are_runs_of_words_figures_clauses_and_the_sentence() -> None:
    text = "龙泉驿区建了200个党员先锋岗,群众满意。"
    found = {text[a:b] for a, b in describe("龙泉驿区建了多少党员先锋岗?", text, segment).spans}
    assert {"200个", "党员", "群众满意", "龙泉驿区建了200个党员先锋岗"} <= found
    assert "龙泉驿区建了200个党员先锋岗,群众满意" in found
    assert not any(span.endswith(("。", ",")) for span in found)


def test_each_candidate_has_its_row_of_numbers() -> None:
    made = describe("谁是书记?", PASSAGES[1], segment)
    assert made.numbers.shape[0] == len(made.spans) > 0
    assert np.isfinite(made.numbers).all()
    assert describe("谁?", "", segment).spans == []


def test_a_score_is_two_rectified_layers_worked_by_hand() -> None:
    # (3 - 1) / 2 = 1 and (5 - 1) / 4 = 1; 1 + 1 - 3 = -1 becomes 0, 1 - 1 + 1 = 1 stays; 2 * 1 + 5.
    layers = [
        np.array([1, 1]), np.array([2, 4]), np.array([[1, 1], [1, -1]]), np.array([-3, 1]),
        np.array([[7], [2]]), np.array([5]),
    ]  # fmt: skip
    floats = [layer.astype(np.float32) for layer in layers]
    assert score(floats, np.array([[3, 5]], dtype=np.float32)).tolist() == [7.0]


def test_spans_are_slices_of_the_passages_best_first(reader: SpanRanker) -> None:
    spans = reader.read("龙泉驿区建了多少党员先锋岗?", PASSAGES)
    assert spans
    for span in spans:
        assert span.text == PASSAGES[span.passage][span.start : span.end] != ""
    assert [s.probability for s in spans] == sorted((s.probability for s in spans), reverse=True)
    assert 0.0 < sum(s.probability for s in spans) <= 1.0 + 1e-9


def test_offsets_point_into_traditional_and_full_width_text(reader: SpanRanker) -> None:
    passage = "龍泉驛區建了２００個黨員先鋒崗。"
    for span in reader.read("龙泉驿区建了多少党员先锋岗?", [passage]):
        assert span.text == passage[span.start : span.end] != ""


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_read_without_error(reader: SpanRanker, text: str) -> None:
    for question, passages in ((text, PASSAGES), ("谁是书记?", [text, PASSAGES[1]])):
        for span in reader.read(question, passages):
            assert span.text == passages[span.passage][span.start : span.end] != ""


def test_nothing_is_found_where_there_is_nothing_to_read(reader: SpanRanker) -> None:
    assert reader.read("谁是书记?", []) == []
    assert reader.read("谁是书记?", ["", "\n"]) == []
    assert reader.read("", PASSAGES) == []


def test_reading_twice_gives_the_same(reader: SpanRanker, folder: Path) -> None:
    first = reader.read("谁是书记?", PASSAGES)
    assert reader.read("谁是书记?", PASSAGES) == first
    assert SpanRanker(folder, segment).read("谁是书记?", PASSAGES) == first


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "copy")
    data = bytearray((folder / WEIGHTS_FILE).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(data)
    with pytest.raises(ModelError, match="has changed") as refused:
        SpanRanker(folder, segment)
    assert "answering.reader" in refused.value.say("zh")


@pytest.mark.parametrize("name", [WEIGHTS_FILE, ABOUT_FILE])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path / "copy")
    (folder / name).unlink()
    with pytest.raises(ModelError, match="can't be opened"):
        SpanRanker(folder, segment)


def test_another_format_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "copy")
    (folder / ABOUT_FILE).write_text(json.dumps({"format": 99, "sha256": ""}))
    with pytest.raises(ModelError, match="format 99"):
        SpanRanker(folder, segment)


def test_the_bundled_reader_opens_and_fits_its_promise() -> None:
    reader = SpanRanker(reader_folder(), segment)
    spans = reader.read("石桥是哪一年修成的?", ["石桥在1921年修成。桥长六十二步。"])
    assert spans[0].probability > 0.0
    assert sum(path.stat().st_size for path in reader_folder().iterdir()) <= 20_000_000
