from __future__ import annotations

import random
from pathlib import Path

import pytest

from rag.training.data import read_corpus
from rag.training.pairs import PairMaker, inflect, read_glosses
from rag.training.vocabulary import build_tokenizer, coherent_strings


@pytest.fixture(scope="module")
def maker(tiny_data: Path) -> PairMaker:
    corpus = read_corpus(tiny_data)
    tokenizer = build_tokenizer(corpus, chinese=60, english=40)
    return PairMaker(corpus, read_glosses(corpus.dictionary), tokenizer, seed=3)


def test_pairs_are_the_same_for_the_same_seed(maker: PairMaker) -> None:
    assert maker.all() == maker.all()


def test_a_question_belongs_to_a_passage_of_training_news(maker: PairMaker) -> None:
    articles = [article.text for article in maker.corpus.news]
    pairs = maker.all()["questions"]
    assert len(pairs) > len(articles)
    assert all(any(passage[-20:] in text for text in articles) for _, passage in pairs)


def test_a_question_in_english_has_no_chinese_left(maker: PairMaker) -> None:
    english = maker.in_english("记者在成都看到铁路", random.Random(1))
    assert english.isascii()
    assert "chengdu" in english


def test_glosses_lose_pointers_remarks_and_measure_words() -> None:
    glosses = read_glosses(
        [("龟", ["variant of 龜|龟[gui1]"]), ("群众", ["the masses (people)", "CL:個|个[ge4]"])]
    )
    assert glosses.english == {"群众": ["the masses"]}


def test_words_with_one_gloss_are_synonyms() -> None:
    glosses = read_glosses([("记者", ["journalist"]), ("新闻记者", ["journalist"])])
    assert glosses.synonyms == {"记者": ["新闻记者"], "新闻记者": ["记者"]}


def test_verbs_are_inflected_by_the_regular_rules() -> None:
    forms = {inflect("to carry out", random.Random(seed)) for seed in range(60)}
    assert forms == {"carry out", "carried out", "carrying out", "carries out"}
    forms = {inflect("to close", random.Random(seed)) for seed in range(60)}
    assert forms == {"close", "closed", "closing", "closes"}


def test_a_string_coheres_when_its_parts_meet_more_than_by_chance() -> None:
    texts = ["蟋蟀的" * 20 + "的的的的" * 500]  # mutual information: log(20 * 2060 / 20 / 20) = 4.6
    found = coherent_strings(texts)
    assert found["蟋蟀"] == 20
    assert "的的" not in found
    assert coherent_strings(texts, known=frozenset({"的的"}))["的的"] > 20


def test_the_vocabulary_knows_words_characters_and_no_punctuation(maker: PairMaker) -> None:
    cut = maker.tokenizer.encode("记者在成都,看到RAILWAY。").tokens
    assert cut[-1] == "railway"
    assert "".join(cut) == "记者在成都看到railway"
    assert "," not in maker.tokenizer.get_vocab()
    assert "。" not in maker.tokenizer.get_vocab()
