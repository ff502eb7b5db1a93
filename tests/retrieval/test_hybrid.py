"""From a query to hits, over a small real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.protocols import PassageStore
from rag.retrieval import HybridRetriever, Lexicon
from rag.retrieval.hybrid import _telling
from rag.stores import LocalBackend
from rag.types import Document, Hit
from tests.support import EMBEDDER, RECIPE, article, indexed

POSTS = article(
    "全区建立党员先锋岗200余个，三百名党员轮流值守。", title="龙泉驿区党建", source="docs/posts.md"
)
BAMBOO = article(
    "这里的竹编远销海外，手艺人一年编出花篮15,000个。", title="邛崃竹编", source="docs/bamboo.md"
)
FRUIT = article(
    "水蜜桃进入采摘季，果园每天接待游客。", title="龙泉驿水蜜桃", source="docs/fruit.md"
)
GARDEN = article(
    "The botanical garden opens at nine and closes at five.",
    title="Garden hours",
    source="docs/garden.md",
)
FIRST = article(
    "成渝列车今起提速，全程只要六十二分钟，旅客排队体验首班车。", title="提速", source="docs/n1.md"
)
REPRINT = article(
    "成渝列车今起提速，全程只要六十二分钟，旅客排队体验首班列车。",
    title="列车提速",
    source="docs/n2.md",
)
ARTICLES = (POSTS, BAMBOO, FRUIT, GARDEN, FIRST, REPRINT)


def store_of(folder: Path, *articles: Document) -> PassageStore:
    backend = LocalBackend(folder, RECIPE)
    with backend.update() as writer:
        for each in articles:
            writer.start_file(each.info.source)
            writer.add(each.info.source, [indexed(each)])
            writer.finish_file(each.info.source, "hash")
        writer.commit()
    return backend.open()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PassageStore]:
    opened = store_of(tmp_path_factory.mktemp("index"), *ARTICLES)
    yield opened
    opened.close()


@pytest.fixture
def retriever(store: PassageStore) -> HybridRetriever:
    return HybridRetriever(store, EMBEDDER)


def sources(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.document.source for hit in hits]


def test_the_passage_that_answers_comes_first(retriever: HybridRetriever) -> None:
    assert retriever.retrieve("建立了多少党员先锋岗?", top_k=3)[0].chunk.text == POSTS.text
    assert retriever.retrieve("水蜜桃的采摘季", top_k=3)[0].chunk.text == FRUIT.text
    assert retriever.retrieve("When does the garden open?", top_k=3)[0].chunk.text == GARDEN.text


def test_ranks_count_from_1_and_scores_never_rise(retriever: HybridRetriever) -> None:
    hits = retriever.retrieve("龙泉驿的党员", top_k=10)
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_hit_explains_why_it_was_found(retriever: HybridRetriever) -> None:
    hit = retriever.retrieve("党员先锋岗", top_k=3)[0]
    assert (hit.lexical_rank, hit.dense_rank) == (1, 1)
    assert hit.lexical_score is not None
    assert hit.lexical_score > 0
    assert hit.dense_score is not None
    assert 0 < hit.dense_score <= 1.0001
    assert hit.matched_terms == ("党员", "员先", "先锋", "锋岗")


def test_a_character_is_named_only_where_no_longer_term_has_it(retriever: HybridRetriever) -> None:
    hit = retriever.retrieve("先锋与党员200", top_k=1)[0]
    assert hit.matched_terms == ("先锋", "党员", "200")
    hit = retriever.retrieve("岗很多", top_k=1)[0]
    assert hit.matched_terms == ("岗",)


def test_an_english_word_matches_as_a_whole(retriever: HybridRetriever) -> None:
    hit = retriever.retrieve("garden pen nine", top_k=1)[0]
    assert hit.matched_terms == ("garden", "nine")  # "pen" stands only inside "opens"


def test_a_passage_that_one_search_missed_has_no_rank_there(retriever: HybridRetriever) -> None:
    hits = retriever.retrieve("党员先锋岗", top_k=10)
    missed = [hit for hit in hits if hit.lexical_rank is None]
    assert missed
    for hit in missed:
        assert hit.lexical_score is None
        assert hit.dense_rank is not None
        assert not {"党员", "先锋"} & set(hit.matched_terms)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("建立了多少黨員先鋒崗", "建立了多少党员先锋岗"),
        ("龍泉驛區有２００個先鋒崗", "龙泉驿区有200个先锋岗"),
        ("１５，０００个花篮", "15000个花篮"),
        ("ＧＡＲＤＥＮ　ＨＯＵＲＳ", "garden hours"),
    ],
)
def test_a_query_in_another_writing_finds_the_same(
    retriever: HybridRetriever, written: str, plain: str
) -> None:
    assert retriever.retrieve(written, top_k=10) == retriever.retrieve(plain, top_k=10)


def test_a_passage_without_the_name_is_found_by_its_title(retriever: HybridRetriever) -> None:
    hit = retriever.retrieve("邛崃", top_k=3)[0]
    assert hit.document == BAMBOO.info
    assert hit.lexical_rank == 1
    assert "邛崃" not in hit.chunk.text
    assert hit.matched_terms == ("邛崃",)


def test_a_reprint_is_shown_once_with_the_other_documents(retriever: HybridRetriever) -> None:
    hits = retriever.retrieve("成渝列车提速全程多少分钟", top_k=10)
    printed = {FIRST.info, REPRINT.info}
    shown = [hit for hit in hits if hit.document in printed]
    assert len(shown) == 1
    assert shown[0].rank == 1
    assert {shown[0].document, *shown[0].duplicates} == printed
    assert all(not hit.duplicates for hit in hits[1:])


@pytest.mark.parametrize("top_k", [1, 2, 3, 5, 100])
def test_at_most_top_k_hits_come_back(retriever: HybridRetriever, top_k: int) -> None:
    hits = retriever.retrieve("龙泉驿的党员和水蜜桃", top_k=top_k)
    assert len(hits) == min(top_k, len(ARTICLES) - 1)  # the reprint isn't shown by itself


def test_reprints_do_not_leave_the_answer_short(tmp_path: Path) -> None:
    copies = [article(FIRST.text, title=f"转载{n}", source=f"docs/r{n}.md") for n in range(2)]
    retriever = HybridRetriever(store_of(tmp_path, FIRST, *copies, FRUIT, BAMBOO), EMBEDDER)
    hits = retriever.retrieve("成渝列车提速", top_k=3)
    assert len(hits) == 3
    assert len(hits[0].duplicates) == 2


def test_a_query_without_words_finds_nothing(retriever: HybridRetriever) -> None:
    assert retriever.retrieve("", top_k=5) == ()
    assert retriever.retrieve("？！…", top_k=5) == ()


def test_a_query_in_unknown_words_finds_no_words(retriever: HybridRetriever) -> None:
    hits = retriever.retrieve("zzz qqq", top_k=5)
    assert all(hit.lexical_rank is None and hit.matched_terms == () for hit in hits)


def test_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    assert HybridRetriever(store_of(tmp_path), EMBEDDER).retrieve("党员", top_k=5) == ()


def test_a_query_is_text_and_never_a_query_language(retriever: HybridRetriever) -> None:
    plain = retriever.retrieve("党员 先锋岗", top_k=3)
    assert retriever.retrieve('+党员 "先锋岗" -', top_k=3)[0].chunk == plain[0].chunk
    assert retriever.retrieve("terms:党员 OR key:[1 TO *]", top_k=3)[0].chunk == plain[0].chunk


def test_without_a_dense_weight_words_alone_decide(store: PassageStore) -> None:
    words = HybridRetriever(store, EMBEDDER, dense_weight=0.0, adaptive=False)
    hits = words.retrieve("党员先锋岗", top_k=10)
    assert sources(hits) == ["docs/posts.md"]


def test_vectors_step_in_where_the_words_cover_little(store: PassageStore) -> None:
    fixed = HybridRetriever(store, EMBEDDER, dense_weight=0.0, adaptive=False)
    adaptive = HybridRetriever(store, EMBEDDER, dense_weight=0.0)
    query = "zebra quagga okapi garden"
    assert all(hit.lexical_rank is not None for hit in fixed.retrieve(query, top_k=10))
    assert any(hit.lexical_rank is None for hit in adaptive.retrieve(query, top_k=10))


def test_more_passages_than_candidates_can_be_asked_for(store: PassageStore) -> None:
    few = HybridRetriever(store, EMBEDDER, candidates=1)
    assert len(few.retrieve("党员先锋岗", top_k=4)) == 4


@pytest.fixture
def lexicon(tmp_path: Path) -> Lexicon:
    path = tmp_path / "lexicon.tsv"
    path.write_text("flower\t花 1.00\nbasket\t花篮 1.00 篮子 0.90\ntrain\t列车 1.00\n", "utf-8")
    return Lexicon(path)


def test_an_english_question_finds_the_passage_that_has_its_words_in_chinese(
    store: PassageStore, lexicon: Lexicon
) -> None:
    question = "How many flower baskets?"
    retriever = HybridRetriever(store, EMBEDDER, lexicon=lexicon)
    assert retriever.retrieve(question, top_k=3)[0].chunk.text == BAMBOO.text
    assert retriever.retrieve("Which train?", top_k=1)[0].chunk.text in {FIRST.text, REPRINT.text}


def test_a_lexicon_changes_nothing_where_words_are_found_or_vectors_are_fixed(
    store: PassageStore, lexicon: Lexicon
) -> None:
    plain = HybridRetriever(store, EMBEDDER)
    helped = HybridRetriever(store, EMBEDDER, lexicon=lexicon)
    for question in ("建立了多少党员先锋岗?", "When does the garden open?", "列车提速"):
        assert helped.retrieve(question, top_k=5) == plain.retrieve(question, top_k=5)
    assert HybridRetriever(store, EMBEDDER, lexicon=lexicon, adaptive=False).retrieve(
        "flower baskets", top_k=5
    ) == HybridRetriever(store, EMBEDDER, adaptive=False).retrieve("flower baskets", top_k=5)


def test_a_small_index_is_searched_for_every_term() -> None:
    assert _telling(["的", "龙泉"], [9_000, 3], 9_999) == ["的", "龙泉"]


def test_a_large_index_is_searched_for_the_rarest_terms() -> None:
    terms = list("甲乙丙丁戊己庚辛")
    # An eighth of 80,000 is 10,000: the first stands in too many passages.
    assert _telling(terms, [10_001, 10_000, 1, 1, 1, 1, 1, 1], 80_000) == terms[1:]
    # Five are left then, too few: better all of them.
    assert _telling(terms, [10_001] * 3 + [1] * 5, 80_000) == terms
    # Six always, more as long as they stand in 200,000 passages together, in the question's order.
    counts = [90_000, 100_000, 110_000, 120_000, 1, 2, 30_000, 40_000]
    assert _telling(terms, counts, 1_000_000) == ["甲", "乙", "戊", "己", "庚", "辛"]
    counts = [90_000, 60_000, 70_000, 1, 1, 2, 20_000, 20_000]
    assert _telling(terms, counts, 1_000_000) == ["乙", "丙", "丁", "戊", "己", "庚", "辛"]
