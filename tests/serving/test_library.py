"""File names that uploads may have, and ratings kept on disk."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.assembly import LiveAssistant
from rag.config import IndexSettings, ServerSettings, Settings
from rag.errors import StorageError
from rag.serving.feedback import FeedbackStore, Given
from rag.serving.library import Library, Upload, safe_name
from rag.stores import compaction
from rag.types import Answer, Citation, DocumentInfo, Turn

INFO = DocumentInfo("id1", "蓝溪村", "docs/a.md")
CITATION = Citation(1, INFO, 0, 10, "修了37座石桥。")


def answer(*, answered: bool = True) -> Answer:
    return Answer(
        question="修了几座?",
        query="蓝溪村修了几座?",
        answered=answered,
        text="37座。原文：“修了37座石桥。”[1]" if answered else "没有。",
        short_answer="37座" if answered else None,
        confidence=0.9,
        reason=None if answered else "low_confidence",
        citations=(CITATION,) if answered else (),
        hits=(),
        generator="extractive",
    )


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("报告.docx", "报告.docx"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\王\\通知.pdf", "通知.pdf"),
        (".hidden.md", "hidden.md"),
        ("~$lock.docx", "$lock.docx"),
        ("a\x00b\u202egnp.md", "abgnp.md"),
        ("noextension", None),
        (".md", None),
        ("", None),
        ("..", None),
    ],
)
def test_a_name_keeps_what_does_no_harm(given_name: str, kept: str | None) -> None:
    assert safe_name(given_name) == kept


@given(st.text(max_size=400))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    kept = safe_name(f"{name}.md")
    if kept is not None:
        assert os.sep not in kept
        assert Path(kept).name == kept
        assert len(kept.encode()) <= 255
        assert not kept.startswith((".", "~"))


def test_a_liked_answer_is_a_gold_question_as_it_stands(tmp_path: Path) -> None:
    store = FeedbackStore(tmp_path / "index" / "feedback.sqlite")
    history = (Turn("蓝溪村在哪里?", "在山里。"),)
    store.add(Given("a1", answer(), history, {"page": "首页"}), "up", "")
    (candidate,) = store.candidates()
    assert candidate["question"] == "修了几座?"
    assert candidate["history"] == [{"question": "蓝溪村在哪里?", "answer": "在山里。"}]
    assert candidate["answers"] == ["37座"]
    assert candidate["evidence"] == ["修了37座石桥。"]
    assert candidate["documents"] == ["id1"]
    assert candidate["answerable"] is True
    json.dumps(candidate)


def test_a_liked_refusal_is_an_unanswerable_question(tmp_path: Path) -> None:
    store = FeedbackStore(tmp_path / "feedback.sqlite")
    store.add(Given("a1", answer(answered=False)), "up", "")
    (candidate,) = store.candidates()
    assert (candidate["answerable"], candidate["answers"]) == (False, [])


@pytest.mark.parametrize("answered", [True, False])
def test_a_disliked_answer_is_to_be_corrected(tmp_path: Path, answered: bool) -> None:
    store = FeedbackStore(tmp_path / "feedback.sqlite")
    store.add(Given("a1", answer(answered=answered)), "down", "应为38座")
    (candidate,) = store.candidates()
    assert (candidate["answerable"], candidate["answers"]) == (True, [])
    assert str(candidate["note"]).startswith("应为38座 | to correct")


def test_a_second_rating_replaces_the_first(tmp_path: Path) -> None:
    store = FeedbackStore(tmp_path / "feedback.sqlite")
    store.add(Given("a1", answer()), "up", "")
    store.add(Given("a1", answer()), "down", "")
    assert [candidate["tags"] for candidate in store.candidates()] == [["feedback", "down"]]


def test_without_ratings_there_are_no_candidates(tmp_path: Path) -> None:
    assert list(FeedbackStore(tmp_path / "feedback.sqlite").candidates()) == []


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "feedback.sqlite"
    path.write_bytes(b"not a database, but long enough to be looked at as one" * 20)
    store = FeedbackStore(path)
    with pytest.raises(StorageError, match=r"feedback\.sqlite"):
        list(store.candidates())
    with pytest.raises(StorageError, match=r"feedback\.sqlite"):
        store.add(Given("a1", answer()), "up", "")


def test_an_upload_that_makes_an_index_large_has_it_compacted_while_answers_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "BASE_FROM", 1)
    settings = Settings(
        index=IndexSettings(dir=tmp_path / "index"),
        server=ServerSettings(upload_dir=tmp_path / "docs"),
    )
    uploads = []
    for number in range(3):
        path = tmp_path / f"{number}.md"
        path.write_text(f"# 水库\n\n第{number}号水库在2023年加固了{number}.5公里堤坝。", "utf-8")
        uploads.append(Upload(path.name, path))
    live = LiveAssistant(settings)
    outcomes = Library(settings, live).add(uploads)
    assert [outcome.error for outcome in outcomes] == [None] * 3
    first = live.get()
    for thread in threading.enumerate():
        if thread.name == "index compaction":
            thread.join(60)
    live.refresh()
    assert live.get().stats().snapshot > first.stats().snapshot
    assert len(list(tmp_path.glob("index/generations/*/base/vectors.faiss"))) == 1
    question = "第2号水库加固了多少公里堤坝?"
    assert first.ask(question).short_answer == live.get().ask(question).short_answer == "2.5公里"
