from __future__ import annotations

import os
from pathlib import Path

import pytest

from rag.training.data import (
    DISTRACTORS,
    KEPT_OUT_FILES,
    TRAINING_FILES,
    Question,
    kept_out_ids,
    passages,
    read_corpus,
    read_news,
    read_questions,
    shared_articles,
)

SHARED = Path(os.environ.get("WENYUAN_DATA", Path(__file__).parents[3] / "shared" / "data"))
needs_shared_data = pytest.mark.skipif(
    not (SHARED / "news.jsonl.xz").exists(), reason="the shared data is not here"
)


def test_training_opens_its_own_files_and_no_other(
    tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lzma

    opened: list[str] = []
    genuine = lzma.open

    def noted(path: Path, *arguments: str, **options: str) -> object:
        opened.append(path.name)
        return genuine(path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr("rag.training.data.lzma.open", noted)
    read_corpus(tiny_data)
    assert set(opened) == set(TRAINING_FILES)
    assert not [name for name in opened if name.startswith(KEPT_OUT_FILES)]


def test_news_kept_out_is_disjoint_from_training_and_stays_the_same(tiny_data: Path) -> None:
    training, kept_out = read_news(tiny_data)
    assert len(kept_out) == 32
    assert not {article.id for article in training} & {article.id for article in kept_out}
    assert not {article.text for article in training} & {article.text for article in kept_out}
    assert read_news(tiny_data)[1] == kept_out


def test_training_text_is_folded(tiny_data: Path) -> None:
    corpus = read_corpus(tiny_data)
    assert all("専家认为" in article.text for article in corpus.news)
    assert all(zh.endswith("个记者。") for _, zh in corpus.translations)
    assert all(en == en.lower() for en, _ in corpus.translations)


def test_held_out_translations_are_not_trained_on(tiny_data: Path) -> None:
    corpus = read_corpus(tiny_data)
    assert len(corpus.held_out) == 3
    assert not set(corpus.held_out) & set(corpus.translations)


def test_articles_are_shared_when_one_question_is() -> None:
    def question(number: str, title: str) -> Question:
        return Question(number, title, "", "", answerable=True)

    mine = [question("1", "力"), question("2", "力"), question("3", "氧")]
    assert shared_articles(mine, [question("2", "Force")]) == {"力"}


@needs_shared_data
def test_every_article_of_squad2_zh_is_in_xquad_so_none_is_trained_on() -> None:
    squad = read_questions(SHARED / "squad2_zh_dev.jsonl.xz")
    xquad = read_questions(SHARED / "xquad_en.jsonl.xz")
    assert shared_articles(squad, xquad) == {question.title for question in squad}
    assert not any("squad" in name for name in TRAINING_FILES)


def test_twenty_thousand_articles_are_kept_out_whatever_their_order() -> None:
    ids = [f"news-{i:05}" for i in range(46_296)]
    assert len(kept_out_ids(ids)) == DISTRACTORS
    assert kept_out_ids(ids[::-1]) == kept_out_ids(ids)


def test_passages_are_whole_sentences_where_they_fit() -> None:
    assert passages("一二三。四五六。七八九。", size=8) == ["一二三。四五六。", "七八九。"]
    assert passages("一二三四五。", size=4) == ["一二三四", "五。"]
    assert passages("", size=4) == []
