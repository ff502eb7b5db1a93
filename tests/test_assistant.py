"""The whole way from a question to its answer, over a real index with the bundled model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from rag.assembly import assistant_of, indexer_of
from rag.assistant import MAX_QUESTION, Assistant
from rag.config import IndexSettings, RetrievalSettings, Settings
from rag.errors import RagError
from rag.types import Answer, Citation, Retrieved, Token, Turn
from tests.answering.articles import write_articles
from tests.support import SHARED

SCHEMA = SHARED / "answer.schema.json"
QUESTIONS = [
    "龙泉驿区建了多少党员先锋岗?",
    "龙泉驿区组建了多少支攻坚队?",
    "龙泉驿区新投放了多少惠蓉贷?",
    "改进了涂装工艺的工程师是谁?",
    "东华村归哪个街道?",
    "东华村有多少家汽车企业?",
    "龙泉驿区的营商服务品牌叫什么名字?",
    "邛崃新投放了多少惠蓉贷?",
    "邛崃减免了多少税费?",
    "邛崃哪几年获评县域经济发展先进县?",
    "檀阴社区的党组织书记是谁?",
    "金桂社区的党组织书记是谁?",
    "安平区图书馆2024年新购图书多少册?",
    "安平區圖書館的館長是誰?",
    "蓝溪村修了几座石桥?",
    "蓝溪村为什么改建石桥?",
    "When did the Harbour Museum open?",
    "What does a ticket for adults cost?",
    "双流区建了多少党员先锋岗?",
    "龙泉驿区和邛崃市分别新投放了多少惠蓉贷?",
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("assistant")
    settings = Settings(index=IndexSettings(dir=folder / "index"))
    indexer_of(settings).index([write_articles(folder / "docs")])
    return settings


@pytest.fixture(scope="module")
def assistant(settings: Settings) -> Iterator[Assistant]:
    assistant = assistant_of(settings)
    yield assistant
    assistant.close()


@pytest.fixture(scope="module")
def schema() -> Any:
    if not SCHEMA.exists():
        pytest.skip(f"{SCHEMA.name} is not beside this checkout")
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


def untimed(answer: Answer) -> Answer:
    return replace(answer, timings_ms={})


@pytest.mark.parametrize("question", [*QUESTIONS, "红烧肉要炖多久才软烂?", ""])
def test_a_streamed_answer_is_the_same_answer(assistant: Assistant, question: str) -> None:
    first, *middle, last = assistant.ask_stream(question)
    assert isinstance(last, Answer)
    assert untimed(last) == untimed(assistant.ask(question))
    assert first == Retrieved(last.query, last.hits)
    assert "".join(event.text for event in middle if isinstance(event, Token)) == last.text
    assert tuple(event for event in middle if isinstance(event, Citation)) == last.citations


@pytest.mark.parametrize(
    "question",
    [
        "龙泉驿区建了多少党员先锋岗?",
        "双流区建了多少党员先锋岗?",
        "红烧肉要炖多久才软烂?",
        "龙泉驿区和双流区分别新投放了多少惠蓉贷?",
        "When did the Harbour Museum open?",
        "",
        "?",
        "石桥\x00在哪里?",
        "石桥\ud800?",
    ],
)
def test_an_answer_is_what_the_schema_says(
    assistant: Assistant, schema: Any, question: str
) -> None:
    jsonschema.validate(assistant.ask(question).to_dict(), schema)


def test_an_answer_as_a_dictionary_is_ready_for_json(assistant: Assistant) -> None:
    answer = assistant.ask("龙泉驿区建了多少党员先锋岗?")
    said = json.loads(json.dumps(answer.to_dict(), ensure_ascii=False))
    assert said["short_answer"] == "200余个"
    assert said["citations"][0]["title"] == "龙泉驿区建强产业链"
    assert said["citations"][0]["date"] == "2025-02-10"


def test_a_question_may_have_the_longest_length_and_no_more(assistant: Assistant) -> None:
    longest = "石桥" * (MAX_QUESTION // 2)
    assert assistant.ask(longest).question == longest
    with pytest.raises(RagError, match=str(MAX_QUESTION + 1)) as raised:
        assistant.ask(longest + "?")
    assert str(MAX_QUESTION) in raised.value.say("zh")


def test_timings_are_parts_of_their_total(assistant: Assistant) -> None:
    timings = assistant.ask("龙泉驿区建了多少党员先锋岗?").timings_ms
    assert set(timings) == {"retrieve", "answer", "total"}
    assert all(value >= 0 for value in timings.values())
    assert timings["retrieve"] + timings["answer"] == pytest.approx(timings["total"], abs=0.01)


@pytest.mark.parametrize("question", QUESTIONS)
def test_hits_are_ranked_from_one_without_repetition(assistant: Assistant, question: str) -> None:
    hits = assistant.ask(question).hits
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert len({hit.chunk.id for hit in hits}) == len(hits)


def test_hits_of_two_places_take_turns(assistant: Assistant) -> None:
    hits = assistant.ask("龙泉驿区和邛崃市分别新投放了多少惠蓉贷?").hits
    assert {hit.document.title for hit in hits[:2]} == {
        "龙泉驿区建强产业链",
        "邛崃市激活县域经济",
    }


def test_as_many_hits_as_configured(settings: Settings) -> None:
    few = Settings(index=settings.index, retrieval=RetrievalSettings(top_k=1))
    assistant = assistant_of(few)
    answer = assistant.ask("龙泉驿区建了多少党员先锋岗?")
    assert len(answer.hits) == 1
    assert answer.short_answer == "200余个"
    assistant.close()


def test_a_hit_is_a_slice_of_its_document(assistant: Assistant) -> None:
    for hit in assistant.ask("龙泉驿区建了多少党员先锋岗?").hits:
        document = assistant.document(hit.document.id)
        assert document is not None
        assert hit.chunk.text == document.text[hit.chunk.start : hit.chunk.end]


@pytest.mark.parametrize(
    ("plain", "other"),
    [
        ("龙泉驿区建了多少党员先锋岗?", "龍泉驛區建了多少黨員先鋒崗？"),
        ("邛崃2024年新投放了多少惠蓉贷?", "邛崃２０２４年新投放了多少惠蓉贷？"),
        ("邛崃减免了多少税费?", "邛崍減免了多少稅費？"),
        ("安平区图书馆2024年新购图书多少册?", "安平區圖書館２０２４年新購圖書多少冊？"),
        ("When did the Harbour Museum open?", "Ｗｈｅｎ ｄｉｄ ｔｈｅ Harbour Museum open？"),
    ],
)
def test_script_and_width_of_a_question_do_not_change_its_answer(
    assistant: Assistant, plain: str, other: str
) -> None:
    short = assistant.ask(plain).short_answer
    assert short
    assert assistant.ask(other).short_answer == short


def test_threads_get_the_answers_that_one_thread_gets(assistant: Assistant) -> None:
    alone = [untimed(assistant.ask(question)) for question in QUESTIONS]

    def ask(offset: int) -> list[Answer]:
        turned = QUESTIONS[offset:] + QUESTIONS[:offset]
        answers = [untimed(assistant.ask(question)) for question in turned]
        return answers[len(answers) - offset :] + answers[: len(answers) - offset]

    with ThreadPoolExecutor(max_workers=4) as threads:
        for answers in threads.map(ask, (0, 5, 10, 15)):
            assert answers == alone


def test_two_fresh_assistants_give_equal_answers(settings: Settings) -> None:
    first, second = assistant_of(settings), assistant_of(settings)
    for question in QUESTIONS:
        assert untimed(first.ask(question)) == untimed(second.ask(question))
    first.close()
    second.close()


@settings_of_hypothesis(max_examples=60, deadline=None)
@given(
    st.text(max_size=80)
    | st.lists(
        st.sampled_from(
            "龙泉驿区 邛崃 和 分别 那 呢 ? ， 多少 谁 2024年 １２ 惠蓉贷 her the 「 ” 他".split()
        ),
        max_size=12,
    ).map("".join)
)
def test_any_text_is_answered_with_exact_quotations_or_declined(
    assistant: Assistant, question: str
) -> None:
    answer = assistant.ask(question, history=[Turn("龙泉驿区新投放了多少惠蓉贷?", "18亿元。")])
    assert answer.answered is bool(answer.citations)
    assert answer.answered is (answer.reason is None)
    for citation in answer.citations:
        document = assistant.document(citation.document.id)
        assert document is not None
        assert citation.quote == document.text[citation.start : citation.end]


def test_half_of_a_surrogate_pair_does_no_harm_in_the_conversation_either(
    assistant: Assistant,
) -> None:
    answer = assistant.ask("那邛崃呢?\ud83d", history=[Turn("\ud83d", "\udc4d")])
    answer.text.encode()


def test_a_question_leaves_no_trace_in_the_next(assistant: Assistant) -> None:
    before = untimed(assistant.ask("那邛崃呢?"))
    assistant.ask("那邛崃呢?", history=[Turn("龙泉驿区新投放了多少惠蓉贷?", "18亿元。")])
    assert untimed(assistant.ask("那邛崃呢?")) == before


def test_the_rewritten_question_is_shown_beside_the_one_asked(assistant: Assistant) -> None:
    history = [Turn("龙泉驿区新投放了多少惠蓉贷?", "18亿元。")]
    answer = assistant.ask("那邛崃呢?", history=history)
    assert answer.question == "那邛崃呢?"
    assert "惠蓉贷" in answer.query
    assert answer.short_answer == "26.54亿元"


def test_an_empty_index_answers_nothing(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    settings = Settings(index=IndexSettings(dir=tmp_path / "index"))
    indexer_of(settings).index([tmp_path / "docs"])
    assistant = assistant_of(settings)
    answer = assistant.ask("蓝溪村修了几座石桥?")
    assert (answer.answered, answer.reason, answer.hits) == (False, "nothing_found", ())
    assistant.close()


def test_a_document_is_found_by_its_id_and_an_unknown_id_is_not(assistant: Assistant) -> None:
    hit = assistant.ask("蓝溪村修了几座石桥?").hits[0]
    document = assistant.document(hit.document.id)
    assert document is not None
    assert document.info.title == "蓝溪村修桥记"
    assert assistant.document("no such id") is None


def test_the_listing_is_of_the_articles(assistant: Assistant) -> None:
    listed, total = assistant.listing(limit=99)
    assert total == assistant.stats().documents == 5
    assert {row.info.title for row in listed} == {
        "龙泉驿区建强产业链",
        "邛崃市激活县域经济",
        "安平區圖書館年報",
        "The Harbour Museum",
        "蓝溪村修桥记",
    }
