"""Any extractive question-answering model as the reader: a tiny BERT made here."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.answering.transformer_reader import TransformerReader
from rag.assembly import reading_of
from rag.config import AnsweringSettings, Settings
from rag.errors import ModelError
from rag.protocols import Reader
from tests import tiny_bert

WORDS = "龙泉驿区建了多少党员先锋岗的书记是谁王小明0123?,。"
PASSAGES = ["龙泉驿区建了200个党员先锋岗。", "书记是王小明。"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("qa") / "tiny"
    tiny_bert.write(path, WORDS, "BertForQuestionAnswering", seed=2)
    return path


@pytest.fixture(scope="module")
def reader(folder: Path) -> TransformerReader:
    return TransformerReader(str(folder))


def test_it_is_a_reader(reader: TransformerReader, folder: Path) -> None:
    usable: Reader = reader
    assert usable.id == str(folder)


def test_spans_are_slices_of_the_passages_best_first(reader: TransformerReader) -> None:
    spans = reader.read("书记是谁?", PASSAGES)
    assert {span.passage for span in spans} == {0, 1}
    for span in spans:
        assert span.text == PASSAGES[span.passage][span.start : span.end] != ""
    assert [s.margin for s in spans] == sorted((s.margin for s in spans), reverse=True)


def test_reading_twice_gives_the_same(reader: TransformerReader) -> None:
    assert reader.read("书记是谁?", PASSAGES) == reader.read("书记是谁?", PASSAGES)


@pytest.mark.parametrize("text", ["", " ", "\n", "?", "王" * 3000, "😀", "abc " * 500])
def test_hostile_text_is_read_without_error(reader: TransformerReader, text: str) -> None:
    for question, passages in ((text, PASSAGES), ("书记是谁?", [text])):
        for span in reader.read(question, passages):
            assert span.text == passages[span.passage][span.start : span.end] != ""


def test_a_long_question_leaves_room_for_text(reader: TransformerReader) -> None:
    assert reader.room("王" * 3000) >= 16


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can't be opened") as refused:
        TransformerReader(str(tmp_path))
    assert "answering.reader" in refused.value.say("zh")


def test_a_name_outside_the_cache_is_refused_without_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    with pytest.raises(ModelError, match="rag models pull"):
        TransformerReader("nobody/no-such-model")


def test_the_setting_opens_it(folder: Path) -> None:
    reading = reading_of(Settings(answering=AnsweringSettings(reader=str(folder))))
    assert reading is not None
    assert reading.reader.id == str(folder)


def test_rules_alone_need_no_reader() -> None:
    assert reading_of(Settings(answering=AnsweringSettings(reader="rules"))) is None
