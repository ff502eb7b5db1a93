"""Answers by a language model: what is streamed, what stands, and what happens when it fails."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rag.assembly import assistant_of, indexer_of
from rag.assistant import Assistant
from rag.config import GeneratorSettings, IndexSettings, Settings
from rag.types import Answer, Citation, Event, Retrieved, Token, Turn
from tests.answering.articles import write_articles
from tests.answering.llm_server import Exchange, Handler, Server, fails, in_turn, says, serving

QUESTION = "龙泉驿区建了多少党员先锋岗?"
GOOD = "龙泉驿区在生产一线建立了200余个党员先锋岗[1]。"
QUOTED = "龙泉驿区在生产一线建立200余个党员先锋岗。"
MARK = "〔未在文章中找到依据〕"
Asking = Callable[..., Assistant]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("generate")
    settings = Settings(index=IndexSettings(dir=folder / "index"))
    indexer_of(settings).index([write_articles(folder / "docs")])
    return settings


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(says(GOOD)) as server:
        yield server


@pytest.fixture
def asking(settings: Settings, server: Server) -> Iterator[Asking]:
    """An assistant whose model is the scripted server; settings of the generator by name."""
    opened: list[Assistant] = []

    def open_assistant(script: Handler | None = None, **chosen: Any) -> Assistant:
        if script is not None:
            server.script = script
        chosen = {"base_url": server.url, "model": "tiny", "retries": 0, **chosen}
        generator = GeneratorSettings(backend="openai", **chosen)
        opened.append(assistant_of(settings.model_copy(update={"generator": generator})))
        return opened[-1]

    yield open_assistant
    for assistant in opened:
        assistant._generator.close()  # type: ignore[attr-defined]
        assistant.close()


def assert_sound(assistant: Assistant, events: list[Event]) -> Answer:
    """What holds for every streamed answer, whoever wrote it; the answer."""
    answer = events[-1]
    assert isinstance(answer, Answer)
    assert "".join(event.text for event in events if isinstance(event, Token)) == answer.text
    assert tuple(event for event in events if isinstance(event, Citation)) == answer.citations
    assert [citation.marker for citation in answer.citations] == list(
        range(1, len(answer.citations) + 1)
    )
    for citation in answer.citations:
        document = assistant.document(citation.document.id)
        assert document is not None
        assert citation.quote == document.text[citation.start : citation.end]
    assert answer.answered is bool(answer.citations)
    return answer


def ask(assistant: Assistant, question: str = QUESTION, **more: Any) -> Answer:
    return assert_sound(assistant, list(assistant.ask_stream(question, **more)))


def test_a_supported_answer_stands_with_the_exact_sentence_it_rests_on(asking: Asking) -> None:
    answer = ask(asking())
    assert answer.text == GOOD
    assert [citation.quote for citation in answer.citations] == [QUOTED]
    assert answer.short_answer == "200余个"
    assert (answer.generator, answer.notice) == ("openai", None)
    assert (answer.citation_precision, answer.citation_recall) == (1.0, 1.0)
    assert answer.to_dict()["sentences"] == [
        {
            "text": "龙泉驿区在生产一线建立了200余个党员先锋岗。",
            "markers": [1],
            "supported": True,
            "unsupported_terms": [],
        }
    ]


def test_an_invented_figure_is_marked_where_it_stands_and_nothing_is_dropped(
    asking: Asking,
) -> None:
    answer = ask(asking(says(GOOD, "全区组建了90余支攻坚队[1]。", "还有会议[1]。")))
    assert f"全区组建了90余支攻坚队[2]。{MARK}" in answer.text
    assert answer.sentences[1].unsupported_terms == ("90余支",)
    assert "还有会议" in answer.text
    assert answer.citation_recall == pytest.approx(1 / 3)


def test_swapped_districts_are_marked(asking: Asking) -> None:
    question = "龙泉驿区和邛崃市分别新投放了多少惠蓉贷?"
    swapped = "龙泉驿区新投放惠蓉贷26.54亿元[1]。邛崃市新投放惠蓉贷26.54亿元[2]。"
    answer = ask(asking(says(swapped)), question)
    assert [sentence.supported for sentence in answer.sentences] == [False, True]
    assert MARK in answer.text


def test_a_marker_of_no_passage_is_removed_and_the_right_one_put_in(asking: Asking) -> None:
    answer = ask(asking(says("龙泉驿区在生产一线建立了200余个党员先锋岗[99]。")))
    assert answer.text == GOOD
    assert answer.citations[0].quote == QUOTED


@pytest.mark.parametrize("smuggled", ["[[99]1]", "[<|im_end|>1]", "[</s>1]", "[<|eot|>[7]1]"])
def test_what_is_taken_out_of_a_text_leaves_no_marker_behind(asking: Asking, smuggled: str) -> None:
    answer = ask(asking(says(GOOD, f"全区组建了90余支攻坚队{smuggled}。")))
    assert answer.text.endswith(f"全区组建了90余支攻坚队[2]。{MARK}")


def test_markers_are_numbered_in_the_order_of_the_text(asking: Asking) -> None:
    question = "龙泉驿区和邛崃市分别新投放了多少惠蓉贷?"
    text = "邛崃市2024年新投放惠蓉贷26.54亿元[7]。龙泉驿区新投放惠蓉贷18亿元[3]。"
    answer = ask(asking(says(text)), question)
    assert answer.text.index("[1]") < answer.text.index("[2]")
    assert answer.citations[0].document.title == "邛崃市激活县域经济"


def test_the_stream_gives_a_sentence_as_soon_as_it_is_checked(asking: Asking) -> None:
    def slowly(exchange: Exchange) -> None:
        exchange.start(Content_Type="text/event-stream")
        exchange.chunk(content=f"{GOOD}全区")
        time.sleep(0.8)
        exchange.chunk(content="组建60余支产业服务攻坚队[1]。")
        exchange.chunk(reason="stop")

    assistant = asking(slowly)
    started = time.monotonic()
    first = 0.0
    events = []
    for event in assistant.ask_stream(QUESTION):
        events.append(event)
        if isinstance(event, Token) and event.text and not first:
            first = time.monotonic() - started
    assert time.monotonic() - started > 0.8
    assert first < time.monotonic() - started - 0.4
    assert [event.text for event in events if isinstance(event, Token) and event.text] == [
        GOOD,
        "全区组建60余支产业服务攻坚队[2]。",
    ]


def test_a_question_in_english_is_answered_and_marked_in_english(asking: Asking) -> None:
    text = "The Harbour Museum opened in 1998 [1]. Its director is Henry Adams [1]."
    answer = ask(asking(says(text)), "When did the Harbour Museum open?")
    assert answer.text == (
        "The Harbour Museum opened in 1998 [1]. "
        "Its director is Henry Adams. [not supported by the documents]"
    )


def test_the_model_may_decline_and_the_hits_are_shown(asking: Asking) -> None:
    for script in (says("NOT_IN_", "DOCUMENTS"), says("文章没有提到这一点。")):
        answer = ask(asking(script))
        assert (answer.answered, answer.reason) == (False, "model_declined")
        assert answer.short_answer is None
        assert answer.hits
        assert "没有发现" in answer.text


def test_no_call_is_spent_on_a_question_that_the_judge_declines(
    asking: Asking, server: Server
) -> None:
    assert not ask(asking(), "双流区建了多少党员先锋岗?").answered
    assert server.recorded.requests == []


@pytest.mark.parametrize(
    "script",
    [
        says("<think>先看看[1]。", "再想想。</thi", "nk>\n\n", GOOD),
        says("没有开头的思考。龙泉驿区有9个岗位。</think>", GOOD),
        says("<", "thinking>一</thinking>", GOOD),
    ],
)
def test_a_reasoning_block_is_no_part_of_the_answer(asking: Asking, script: Handler) -> None:
    assert ask(asking(script)).text == GOOD


def test_reasoning_fields_are_no_part_of_the_answer_and_keep_the_call_alive(
    asking: Asking,
) -> None:
    def reasons(exchange: Exchange) -> None:
        exchange.start(Content_Type="text/event-stream")
        for _ in range(6):
            exchange.chunk(reasoning_content="嗯，")
            time.sleep(0.15)
        exchange.chunk(content=GOOD)
        exchange.chunk(reason="stop")

    answer = ask(asking(reasons, first_token_timeout_s=0.5, stall_timeout_s=0.5))
    assert answer.text == GOOD


# Failures: each ends in a sentence and the extractive answer, within the limit.


def stalls_before(exchange: Exchange) -> None:
    exchange.start(Content_Type="text/event-stream")
    exchange.wait_for_the_client_to_go(5)


def stalls_after(exchange: Exchange) -> None:
    exchange.start(Content_Type="text/event-stream")
    exchange.chunk(content=f"{GOOD}全区")
    exchange.wait_for_the_client_to_go(5)


def disconnects(exchange: Exchange) -> None:
    exchange.start(Content_Type="text/event-stream", Transfer_Encoding="chunked")
    exchange.raw(b"5\r\ndata:\r\n")
    exchange.cut()


def ends_without_a_word(exchange: Exchange) -> None:
    exchange.start(Content_Type="text/event-stream")
    exchange.chunk(content="龙泉驿区在生产")


def malformed(exchange: Exchange) -> None:
    exchange.start(Content_Type="text/event-stream")
    exchange.raw(b"data: {not json\n\n")


def an_error_event(exchange: Exchange) -> None:
    exchange.start(Content_Type="text/event-stream")
    exchange.raw(b'data: {"error": {"message": "out of memory"}}\n\n')


def a_page(exchange: Exchange) -> None:
    exchange.start(Content_Type="text/html")
    exchange.raw(b"<html>Welcome</html>")


def endless(exchange: Exchange) -> None:
    exchange.start(Content_Type="text/event-stream")
    for _ in range(5000):
        exchange.chunk(content="嗯嗯")


FAILURES = {
    "unauthorized": (fails(401), "不接受密钥"),
    "forbidden": (fails(403), "不接受密钥"),
    "no such model": (fails(404), "没有所设的模型"),
    "rate limit": (fails(429, Retry_After="60"), "请求过多"),
    "server error": (fails(500), "服务出错"),
    "unavailable": (fails(503), "服务出错"),
    "bad request": (fails(400, "context length exceeded"), "拒绝了请求"),
    "stall before the first token": (stalls_before, "没有及时开始"),
    "disconnect": (disconnects, "连接中断"),
    "end in mid-sentence": (ends_without_a_word, "连接中断"),
    "malformed event": (malformed, "无法读取"),
    "error event": (an_error_event, "服务出错"),
    "no stream at all": (a_page, "没有写出内容"),
    "empty completion": (says(""), "没有写出内容"),
    "nothing but reasoning": (says("<think>想啊想"), "没有写出内容"),
    "filtered": (says("龙泉", reason="content_filter"), "过滤器"),
    "endless repetition": (endless, "不断重复"),
    "repeated sentence": (says("会议开得很长。" * 9), "不断重复"),
    "wrong language": (says("The district has 200 posts in all, says it [1]."), "另一种语言"),
    "nothing supported": (says("龙泉驿区有9000个先锋岗[1]。"), "找不到依据"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_ends_in_a_sentence_and_the_articles_own_words(asking: Asking, name: str) -> None:
    script, said = FAILURES[name]
    assistant = asking(script, first_token_timeout_s=0.7, stall_timeout_s=0.7, timeout_s=2)
    started = time.monotonic()
    answer = ask(assistant)
    assert time.monotonic() - started < 4
    assert said in (answer.notice or "")
    assert (answer.notice or "").endswith("直接摘自文章。")
    assert answer.generator == "extractive"
    assert answer.text.startswith("200余个")
    assert answer.to_dict()["notice"] == answer.notice


def test_a_failure_of_an_english_question_is_said_in_english(asking: Asking) -> None:
    answer = ask(asking(fails(401)), "When did the Harbour Museum open?")
    assert answer.notice == (
        "The language model refuses the key; this answer is quoted from the documents instead."
    )


def test_a_refused_connection(asking: Asking) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    answer = ask(asking(base_url=f"http://127.0.0.1:{port}/v1"))
    assert "连接不上" in (answer.notice or "")


def test_an_address_that_does_not_exist(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object, **more: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    answer = ask(asking(base_url="http://llm.invalid/v1"))
    assert "找不到语言模型的地址" in (answer.notice or "")


def test_a_plain_server_at_a_secure_address(asking: Asking, server: Server) -> None:
    answer = ask(asking(base_url=server.url.replace("http:", "https:")))
    assert "加密连接有问题" in (answer.notice or "")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (stalls_after, "中途停住"),
        (lambda exchange: says(GOOD, "全区组建", reason=None)(exchange), "连接中断"),
        (says(GOOD, "会议开得很长。" * 9), "不断重复"),
    ],
)
def test_what_was_written_before_a_failure_stays_and_the_quotation_follows(
    asking: Asking, script: Handler, said: str
) -> None:
    answer = ask(asking(script, stall_timeout_s=0.6))
    assert answer.text.startswith(GOOD)
    assert "（语言模型中断，以下摘自文章。）" in answer.text
    assert answer.text.endswith(f"“{QUOTED}”[1]")
    assert said in (answer.notice or "")
    assert answer.sentences[0].supported


def test_an_answer_takes_no_longer_than_its_limit(asking: Asking) -> None:
    def trickles(exchange: Exchange) -> None:
        exchange.start(Content_Type="text/event-stream")
        for number in range(200):
            exchange.chunk(content=f"第{number}，")
            time.sleep(0.1)

    assistant = asking(trickles, timeout_s=1.2)
    started = time.monotonic()
    answer = ask(assistant)
    assert time.monotonic() - started < 2.5
    assert "用时过长" in (answer.notice or "")


def test_an_answer_that_reached_its_largest_length_says_so(asking: Asking) -> None:
    answer = ask(asking(says(GOOD, "全区组建60余支", reason="length")))
    assert answer.text.startswith(GOOD)
    assert "全区组建60余支" in answer.text
    assert answer.notice == "答案达到长度上限，可能不完整。"


def test_a_rate_limit_that_is_short_is_waited_for(asking: Asking, server: Server) -> None:
    answer = ask(asking(in_turn(fails(429, Retry_After="0.3"), says(GOOD)), retries=1))
    assert answer.text == GOOD
    assert len(server.recorded.requests) == 2


def test_what_has_been_written_is_not_asked_for_again(asking: Asking, server: Server) -> None:
    def breaks(exchange: Exchange) -> None:
        exchange.start(Content_Type="text/event-stream", Transfer_Encoding="chunked")
        exchange.raw(b"5\r\ndata:\r\n")
        exchange.cut()

    ask(asking(in_turn(breaks, says(GOOD)), retries=1))
    assert len(server.recorded.requests) == 2  # nothing had come: worth another try
    server.recorded.requests.clear()
    ask(asking(in_turn(ends_without_a_word, says(GOOD)), retries=1))
    assert len(server.recorded.requests) == 1


def test_an_endpoint_that_keeps_failing_is_left_alone(asking: Asking, server: Server) -> None:
    assistant = asking(fails(500))
    for _ in range(3):
        assert "服务出错" in (ask(assistant).notice or "")
    assert "暂停使用" in (ask(assistant).notice or "")
    assert len(server.recorded.requests) == 3


def test_an_endpoint_that_asked_for_time_is_given_it(asking: Asking, server: Server) -> None:
    assistant = asking(fails(429, Retry_After="60"))
    ask(assistant)
    assert "暂停使用" in (ask(assistant).notice or "")
    assert len(server.recorded.requests) == 1


def test_a_faulty_text_is_no_fault_of_the_endpoint(asking: Asking, server: Server) -> None:
    assistant = asking(says("龙泉驿区有9000个先锋岗[1]。"))
    for _ in range(5):
        ask(assistant)
    assert len(server.recorded.requests) == 5


def test_a_reader_who_goes_away_cancels_the_call(asking: Asking, server: Server) -> None:
    for script in (stalls_before, stalls_after):
        server.recorded.gone.clear()
        stream = asking(script).ask_stream(QUESTION)
        assert isinstance(next(stream), Retrieved)
        for event in stream:
            assert isinstance(event, Token | Citation)
            if server.recorded.running:
                break
        stream.close()  # type: ignore[attr-defined]
        assert server.recorded.gone.wait(2)


def test_while_it_waits_a_stream_gives_an_empty_token_every_second(asking: Asking) -> None:
    stream = asking(stalls_before, first_token_timeout_s=1.5).ask_stream(QUESTION)
    next(stream)
    last = time.monotonic()
    for event in stream:
        assert time.monotonic() - last < 1
        last = time.monotonic()
        if isinstance(event, Answer):
            break


def test_no_more_calls_than_configured_run_at_once(asking: Asking, server: Server) -> None:
    assistant = asking(says(GOOD, pause=0.2), concurrency=2)
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(assistant))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.text for answer in answers] == [GOOD] * 6
    assert server.recorded.most_running == 2


def test_a_follow_up_is_made_whole_by_the_model_and_shown(asking: Asking) -> None:
    script = in_turn(
        says("<think>攻坚队</think>龙泉驿区组建了多少支产业服务攻坚队?"),
        says("全区组建60余支产业服务攻坚队[1]。"),
    )
    history = [Turn(QUESTION, "200余个。")]
    events = list(asking(script).ask_stream("那攻坚队呢?", history=history))
    retrieved = next(event for event in events if isinstance(event, Retrieved))
    assert retrieved.query == "龙泉驿区组建了多少支产业服务攻坚队?"
    answer = events[-1]
    assert isinstance(answer, Answer)
    assert (answer.question, answer.query) == ("那攻坚队呢?", retrieved.query)
    assert "60余支" in answer.text


@pytest.mark.parametrize(
    "script",
    [
        fails(500),
        says("龙泉驿区2031年有多少支攻坚队?"),
        says("What about the teams?"),
        says("好。\n问"),
    ],
)
def test_a_follow_up_that_the_model_fails_at_is_made_whole_by_the_rules(
    asking: Asking, script: Handler
) -> None:
    history = [Turn("龙泉驿区新投放了多少惠蓉贷?", "18亿元。")]
    answer = ask(asking(in_turn(script, says("x"))), "那邛崃呢?", history=history)
    assert "邛崃" in answer.query
    assert "2031" not in answer.query


def test_a_first_question_costs_one_call(asking: Asking, server: Server) -> None:
    ask(asking())
    assert len(server.recorded.requests) == 1
