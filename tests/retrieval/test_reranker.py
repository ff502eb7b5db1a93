"""Reranking: what it changes in a search, and any cross-encoder as the one who does it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rag.assembly import reranker_of
from rag.config import RetrievalSettings, Settings
from rag.errors import ModelError
from rag.protocols import PassageStore, Reranker
from rag.retrieval import HybridRetriever
from rag.retrieval.reranker import CrossEncoderReranker
from rag.serving.render import hits_html
from rag.types import Hit
from tests import models
from tests.retrieval.test_hybrid import ARTICLES, BAMBOO, FRUIT, GARDEN, store_of
from tests.support import EMBEDDER

QUESTION = "龙泉驿的党员和水蜜桃"


class Told:
    """Scores passages as it was told; others with 0."""

    id = "told"
    fingerprint = "0"

    def __init__(self, **scores: float) -> None:
        self._scores = scores
        self.asked: list[str] = []

    def scores(self, query: str, passages: Sequence[str]) -> list[float]:
        self.asked = list(passages)
        return [
            next((score for word, score in self._scores.items() if word in passage), 0.0)
            for passage in passages
        ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PassageStore]:
    opened = store_of(tmp_path_factory.mktemp("index"), *ARTICLES)
    yield opened
    opened.close()


def found(store: PassageStore, reranker: Reranker | None, top: int = 20, k: int = 10) -> list[Hit]:
    retriever = HybridRetriever(store, EMBEDDER, reranker=reranker, rerank_top=top)
    return list(retriever.retrieve(QUESTION, top_k=k))


def texts(hits: Sequence[Hit]) -> list[str]:
    return [hit.chunk.text for hit in hits]


def test_the_rerankers_order_counts_and_its_scores_are_told(store: PassageStore) -> None:
    hits = found(store, Told(garden=2.5, 竹编=1.5))
    assert texts(hits)[:2] == [GARDEN.text, BAMBOO.text]
    assert [hit.rerank_score for hit in hits[:3]] == [2.5, 1.5, 0.0]
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))


def test_equal_scores_keep_the_fused_order(store: PassageStore) -> None:
    assert texts(found(store, Told())) == texts(found(store, None))


def test_the_fused_score_and_the_ranks_of_both_searches_stay(store: PassageStore) -> None:
    plain = {hit.chunk.id: hit for hit in found(store, None)}
    for hit in found(store, Told(garden=2.5)):
        before = plain[hit.chunk.id]
        assert hit.score == before.score
        assert (hit.lexical_rank, hit.dense_rank) == (before.lexical_rank, before.dense_rank)


def test_only_the_first_passages_are_read_and_the_others_follow(store: PassageStore) -> None:
    plain, reranker = found(store, None), Told()
    hits = found(store, reranker, top=2)
    assert [text in asked for text, asked in zip(texts(plain), reranker.asked, strict=False)] == [
        True,
        True,
    ]
    assert len(reranker.asked) == 2
    assert texts(hits) == texts(plain)
    assert [hit.rerank_score is None for hit in hits] == [False] * 2 + [True] * (len(hits) - 2)


def test_a_passage_beyond_the_hits_can_be_brought_forward(store: PassageStore) -> None:
    last = found(store, None)[-1]
    assert last.chunk.text not in texts(found(store, None, k=1))
    word = last.chunk.text[:8]
    assert texts(found(store, Told(**{word: 1.0}), k=1)) == [last.chunk.text]


def test_the_title_is_read_with_the_passage(store: PassageStore) -> None:
    reranker = Told()
    found(store, reranker)
    assert any(FRUIT.info.title in text and FRUIT.text in text for text in reranker.asked)


def test_an_empty_question_is_not_read(store: PassageStore) -> None:
    reranker = Told()
    HybridRetriever(store, EMBEDDER, reranker=reranker).retrieve(" ", top_k=3)
    assert reranker.asked == []


def test_json_has_the_score_only_where_there_is_one(store: PassageStore) -> None:
    (first, *_) = found(store, Told(garden=2.5))
    assert json.loads(json.dumps(first.to_dict()))["rerank_score"] == 2.5
    assert "rerank_score" not in found(store, None)[0].to_dict()


def test_the_page_says_the_score_among_the_reasons(store: PassageStore) -> None:
    hits = found(store, Told(garden=2.5))
    assert "reranking score 2.5000" in hits_html(hits[:1], "passages", "en")
    assert "重排得分 2.5000" in hits_html(hits[:1], "passages", "zh")
    assert "重排得分" not in hits_html(found(store, None), "passages", "zh")


# any cross-encoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.cross_encoder(tmp_path_factory.mktemp("rerankers") / "tiny")


@pytest.fixture(scope="module")
def reranker(folder: Path) -> CrossEncoderReranker:
    return CrossEncoderReranker(str(folder), device="cpu")


def test_it_is_a_reranker(reranker: CrossEncoderReranker, folder: Path) -> None:
    usable: Reranker = reranker
    assert usable.id == str(folder)
    assert len(usable.fingerprint) == 16


def test_there_is_one_finite_score_for_each_passage(reranker: CrossEncoderReranker) -> None:
    assert reranker.scores("修了多少座桥?", []) == []
    scores = reranker.scores(
        "修了多少座桥?", ["蓝溪村修了37座石桥。", "", "Green Hill", "桥" * 3000]
    )
    assert len(scores) == 4
    assert all(abs(score) < 1000 for score in scores)


def test_a_score_does_not_depend_on_the_company(reranker: CrossEncoderReranker) -> None:
    passages = [f"蓝溪村修了{i}座石桥。" * (1 + i % 5) for i in range(40)]
    together = reranker.scores("多少?", passages)
    alone = [reranker.scores("多少?", [passage])[0] for passage in passages]
    assert together == pytest.approx(alone, abs=2e-4)
    assert together == reranker.scores("多少?", passages)


def test_equal_passages_get_equal_scores(reranker: CrossEncoderReranker) -> None:
    first, *_, last = reranker.scores(
        "多少?", ["石桥。", "蓝溪村的老人说" * 9, *["桥"] * 20, "石桥。"]
    )
    assert first == last


def test_a_model_with_several_numbers_is_no_reranker(tmp_path: Path) -> None:
    three = models.cross_encoder(tmp_path / "three", labels=3)
    with pytest.raises(ModelError, match="gives 3 numbers") as refused:
        CrossEncoderReranker(str(three))
    assert "retrieval.reranker" in refused.value.zh


def test_a_folder_without_a_model_and_an_unknown_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"set retrieval\.reranker to the folder"):
        CrossEncoderReranker(str(tmp_path))
    with pytest.raises(ModelError, match=r"rag models pull nobody/none.*retrieval\.reranker"):
        CrossEncoderReranker("nobody/none")


def test_damaged_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(
            path.read_bytes()[: 100 if "safetensors" in path.name else None]
        )
    with pytest.raises(ModelError, match="can't be opened"):
        CrossEncoderReranker(str(copy))


def test_the_setting_opens_it_and_none_is_the_default(folder: Path) -> None:
    assert reranker_of(Settings()) is None
    opened = reranker_of(Settings(retrieval=RetrievalSettings(reranker=str(folder))))
    assert opened is not None
    assert opened.id == str(folder)
