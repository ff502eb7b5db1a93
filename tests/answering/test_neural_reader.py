"""The bundled reader: its windows, its network, its folder, and what is read with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from rag.answering.network import gelu
from rag.answering.neural_reader import (
    ABOUT_FILE,
    WEIGHTS_FILE,
    NeuralReader,
    rarity_of,
    spelling,
)
from rag.answering.windows import FEATURES, cut_words, describe
from rag.assembly import bundled_embedder, reader_folder, segment
from rag.errors import ModelError

PASSAGES = ["龙泉驿区建了200个党员先锋岗。", "邛崃的竹编在石桥村。书记是王小明。"]
HOSTILE = [
    "", " ", "\n\n", "\x00", "\ud800", "?", "𠮷" * 50, "的" * 3000, "a" * 3000, "😀👨‍👩‍👧",
    "ﬁ①㈱ ⼀⻓", "龍泉驛區建了多少黨員先鋒崗?", "e\u0301" * 100, "。" * 50,
]  # fmt: skip


def opened(folder: Path) -> NeuralReader:
    return NeuralReader(folder, segment, bundled_embedder().embed_passages)


@pytest.fixture(scope="module")
def reader() -> NeuralReader:
    return opened(reader_folder())


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(reader_folder(), tmp_path / "copy"))


def test_words_are_cut_where_signs_and_patterns_change() -> None:
    text = "abc公司 建了桥"
    whole = [text[a:b] for a, b in cut_words(text, lambda _: [(0, 5), (5, 9)])]
    assert whole == ["abc", "公司", "建了桥"]
    assert [text[a:b] for a, b in cut_words(text, lambda _: [(6, 9)], cuts={8})] == ["建了", "桥"]


def test_each_word_has_its_numbers_and_the_texts_come_after_the_questions() -> None:
    told = describe("谁是书记?", "书记是王小明。", segment, {"书记": 5.5})
    assert told.features.shape == (len(told.words), FEATURES)
    assert "".join(told.words[: told.asked]) == "谁是书记?"
    assert ["书记是王小明。"[a:b] for a, b in told.spans] == told.words[told.asked :]
    at = told.words.index("书记", told.asked)
    # Matched by a run of two of at most four; half as rare as a word can be; in the question too.
    assert told.features[at, :7].tolist() == [0.5, 0.5, 0.5, 0.5, 0.5, 1.0, 0.5]


def test_a_word_is_spelt_by_its_first_three_characters_and_its_last() -> None:
    numbers = {"龙": 2, "泉": 3, "驿": 4, "区": 5}
    assert spelling("龙泉", numbers) == [2, 3, 0, 0]
    assert spelling("龙泉驿某某区", numbers) == [2, 3, 4, 5]
    assert spelling("某", numbers) == [1, 0, 0, 0]


def test_a_word_in_half_of_the_articles_is_a_common_one() -> None:
    assert rarity_of(0, 6000) == pytest.approx(10.876, abs=1e-3)  # ln(6001 / 0.5) * 11 / 9.5
    assert rarity_of(3000, 6000) == pytest.approx(0.802, abs=1e-3)


def test_the_gaussian_unit_is_exact_to_a_millionth() -> None:
    # x * Phi(x), with Phi from a table of the normal distribution.
    x = np.array([-1.0, 0.0, 1.0, 2.0], dtype=np.float32)
    assert gelu(x) == pytest.approx([-0.158655, 0.0, 0.841345, 1.954500], abs=2e-6)


def test_the_answer_of_a_plain_question_is_found(reader: NeuralReader) -> None:
    best = reader.read("石桥是哪一年修成的?", ["石桥在1921年修成。桥长六十二步。"])[0]
    assert "1921" in best.text
    assert best.probability > 0.1
    assert reader.read("书记是谁?", PASSAGES)[0].text == "王小明"


def test_spans_are_slices_of_the_passages_best_first(reader: NeuralReader) -> None:
    spans = reader.read("龙泉驿区建了多少党员先锋岗?", PASSAGES)
    assert spans
    for span in spans:
        assert span.text == PASSAGES[span.passage][span.start : span.end] != ""
    assert [s.probability for s in spans] == sorted((s.probability for s in spans), reverse=True)
    assert 0.0 < sum(s.probability for s in spans) <= 1.0 + 1e-9


def test_offsets_point_into_traditional_and_full_width_text(reader: NeuralReader) -> None:
    passage = "龍泉驛區建了２００個黨員先鋒崗。"
    spans = reader.read("龙泉驿区建了多少党员先锋岗?", [passage])
    assert "２００" in spans[0].text
    assert all(span.text == passage[span.start : span.end] != "" for span in spans)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_read_without_error(reader: NeuralReader, text: str) -> None:
    for question, passages in ((text, PASSAGES), ("谁是书记?", [text, PASSAGES[1]])):
        for span in reader.read(question, passages):
            assert span.text == passages[span.passage][span.start : span.end] != ""


def test_nothing_is_found_where_there_is_nothing_to_read(reader: NeuralReader) -> None:
    assert reader.read("谁是书记?", []) == []
    assert reader.read("谁是书记?", ["", "\n"]) == []
    assert reader.read("", PASSAGES) == []


def test_other_languages_are_left_to_the_rules(reader: NeuralReader) -> None:
    assert reader.read("How many posts are there?", PASSAGES) == []
    assert reader.read("書記はだれですか?", PASSAGES) == []
    assert reader.read("谁是书记?", ["The secretary is Wang Xiaoming."]) == []
    english = "His name is Jian Yunjiu (简云久), an engineer at the works in the village."
    assert reader.read("简云久是做什么的?", [english]) == []


def test_reading_twice_gives_the_same(reader: NeuralReader) -> None:
    first = reader.read("谁是书记?", PASSAGES)
    assert reader.read("谁是书记?", PASSAGES) == first
    assert opened(reader_folder()).read("谁是书记?", PASSAGES) == first


def test_changed_weights_are_refused(copy: Path) -> None:
    data = bytearray((copy / WEIGHTS_FILE).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / WEIGHTS_FILE).write_bytes(data)
    with pytest.raises(ModelError, match="has changed") as refused:
        opened(copy)
    assert "answering.reader" in refused.value.say("zh")


@pytest.mark.parametrize("name", [WEIGHTS_FILE, ABOUT_FILE])
def test_a_missing_file_is_refused(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ModelError, match="can't be opened"):
        opened(copy)


def test_another_format_is_refused(copy: Path) -> None:
    (copy / ABOUT_FILE).write_text(json.dumps({"format": 99, "sha256": ""}))
    with pytest.raises(ModelError, match="format 99"):
        opened(copy)


def test_the_bundled_folder_is_small() -> None:
    assert sum(path.stat().st_size for path in reader_folder().iterdir()) <= 20_000_000
