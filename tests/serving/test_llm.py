"""A running server with a language model: every door gives the gated answer with its marks."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest

from tests.answering.llm_server import Exchange, Handler, Server, Steps, fails, in_turn, says
from tests.answering.llm_server import serving as model_serving
from tests.browser import CHROMIUM, MISSING, chromium
from tests.serving.conftest import DOCS, Served, openai_client, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

QUESTION = "龙泉驿区建了多少党员先锋岗?"
TRUE = "龙泉驿区在生产一线设了200余个党员先锋岗和党员示范岗[1]。"
ALSO_TRUE = "产业服务攻坚队和科技创新先锋队合计60余支[1]。"
FALSE = "全区组建了90余支攻坚队[1]。"
DOUBT = "未在文章中找到依据"
HOSTILE = (
    "<script>window.owned=1</script><img src=x onerror='window.owned=2'>",
    "![图](http://192.0.2.1/a.png)",
    "[点这里](http://192.0.2.1/b)[再点](javascript:window.owned=3)。",
    '<form action="http://192.0.2.1/c"><input name=q><button>发送</button></form>'
    '<a href="javascript:window.owned=4">链接</a>',
    "<iframe src='http://192.0.2.1/d'></iframe><style>body{display:none}</style>"
    "<base href='http://192.0.2.1/'><svg onload='window.owned=5'>。",
)
ENDPOINT_LOG = r"(http://127.0.0.1:\d+/v1: the [a-z' ]+\n?)*"  # one line for each failure
SECONDS = 2.0  # within which a call is cancelled whose reader has gone


def begins_and_waits(*pieces: str) -> Handler:
    """Writes these, then nothing; notes when its reader goes."""

    def handle(exchange: Exchange) -> None:
        exchange.start(Content_Type="text/event-stream")
        for piece in pieces:
            exchange.chunk(content=piece)
        exchange.wait_for_the_client_to_go(20)

    return handle


@pytest.fixture(scope="module")
def model() -> Iterator[Server]:
    with model_serving(says(TRUE)) as server:
        yield server


def settings_for(model: Server) -> dict[str, str]:
    return {
        "RAG_GENERATOR__BACKEND": "openai",
        "RAG_GENERATOR__BASE_URL": model.url,
        "RAG_GENERATOR__MODEL": "tiny",
        "RAG_GENERATOR__RETRIES": "0",
        "RAG_SERVER__RATE_LIMIT": "",
    }


@pytest.fixture(scope="module")
def served(model: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("llm")
    shutil.copytree(DOCS, folder / "docs")
    with serving(folder, log=ENDPOINT_LOG, **settings_for(model)) as served:
        yield served
    noted = served.connections.read_text(encoding="utf-8").splitlines()
    assert [line for line in noted if not re.search(r"127\.0\.0\.1|localhost|::1", line)] == []


@pytest.fixture
def llm(model: Server) -> Iterator[Server]:
    """The scripted model, with nothing noted yet; the next test finds it well."""
    model.recorded.requests.clear()
    model.recorded.gone.clear()
    yield model
    model.script = says(TRUE)


@pytest.fixture
def api(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, trust_env=False, timeout=30) as client:
        yield client


def events(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    """The server-sent events of a reply, as they come."""
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


# ------------------------------------------------------------------ the API


def test_an_answer_carries_its_sentences_and_what_supports_them(
    api: httpx.Client, llm: Server
) -> None:
    llm.script = says(TRUE, FALSE)
    answer = api.post("api/ask", json={"question": QUESTION}).json()
    assert answer["answered"]
    assert answer["generator"] == "openai"
    assert answer["answer"].startswith(TRUE)
    assert f"〔{DOUBT}〕" in answer["answer"]
    assert [sentence["supported"] for sentence in answer["sentences"]] == [True, False]
    assert answer["sentences"][1]["unsupported_terms"] == ["90余支"]
    assert answer["citations"][0]["source"] == "docs/longquanyi-pioneer-posts.md"
    assert (answer["citation_precision"], answer["citation_recall"]) == (0.5, 0.5)
    assert "notice" not in answer


def test_a_stream_brings_each_sentence_while_the_model_still_writes(
    api: httpx.Client, llm: Server
) -> None:
    steps = Steps(
        f"{TRUE}产业", f"{ALSO_TRUE.removeprefix('产业')}全区", FALSE.removeprefix("全区")
    )
    llm.script = steps
    seen: list[str] = []
    written_when_seen: list[int] = []
    answer: dict[str, Any] = {}
    with api.stream("POST", "api/ask/stream", json={"question": QUESTION}) as response:
        for name, value in events(response):
            if name in ("hits", "token"):
                written_when_seen.append(steps.at)
                steps.go()
            if name == "token":
                seen.append(value["text"])
            elif name == "answer":
                answer = value
    # The model writes on only once the piece before has been read here.
    assert written_when_seen[:3] == [0, 1, 2]
    assert TRUE in seen[0]
    assert ALSO_TRUE.replace("[1]", "[2]") in seen[1]  # another sentence, another marker
    assert DOUBT in "".join(seen[2:])
    assert "".join(seen) == answer["answer"]
    assert [sentence["supported"] for sentence in answer["sentences"]] == [True, True, False]
    assert answer["citation_recall"] == pytest.approx(2 / 3, abs=0.01)
    assert answer["suggestions"]
    assert len(llm.recorded.requests) == 1  # suggestions cost no call


def test_a_failed_model_gives_a_notice_and_the_quoted_answer(
    api: httpx.Client, llm: Server
) -> None:
    llm.script = in_turn(fails(500), says(TRUE))
    with api.stream("POST", "api/ask/stream", json={"question": QUESTION}) as response:
        answer = dict(events(response))["answer"]
    assert answer["notice"] == "语言模型的服务出错，下面的答案直接摘自文章。"
    assert answer["short_answer"] == "200余个"
    assert answer["generator"] == "extractive"
    assert api.post("api/ask", json={"question": QUESTION}).json()["generator"] == "openai"


def test_the_models_sentinel_is_no_answer(api: httpx.Client, llm: Server) -> None:
    llm.script = says("NOT_IN_", "DOCUMENTS")
    answer = api.post("api/ask", json={"question": QUESTION}).json()
    assert (answer["answered"], answer["reason"]) == (False, "model_declined")
    assert "NOT_IN" not in answer["answer"]
    assert answer["hits"]


def test_a_rewritten_follow_up_is_told(api: httpx.Client, llm: Server) -> None:
    whole = "邛崃市发放了多少惠蓉贷?"
    llm.script = in_turn(says(whole), says("邛崃市发放“惠蓉贷”26.54亿元[1]。"))
    history = [{"question": "龙泉驿区发放了多少惠蓉贷?", "answer": "18亿元。"}]
    answer = api.post("api/ask", json={"question": "那另一个呢?", "history": history}).json()
    assert answer["query"] == whole
    assert "26.54亿元" in answer["answer"]


@pytest.mark.parametrize("pieces", [(), (f"{TRUE}全区",)], ids=["before a word", "in the middle"])
@pytest.mark.parametrize("path", ["api/ask/stream", "api/ask", "v1/chat/completions"])
def test_a_reader_who_goes_away_ends_the_models_work(
    served: Served, llm: Server, path: str, pieces: tuple[str, ...]
) -> None:
    llm.script = begins_and_waits(*pieces)
    body: dict[str, Any] = {"question": QUESTION}
    if path.startswith("v1"):
        body = {"messages": [{"role": "user", "content": QUESTION}]}
    timeout = httpx.Timeout(5, read=1.2)
    with httpx.Client(base_url=served.url, trust_env=False, timeout=timeout) as client:
        if path.endswith("stream"):
            with client.stream("POST", path, json=body) as response:
                found = events(response)
                assert next(found)[0] == "hits"
                if pieces:
                    assert TRUE in next(value for name, value in found if name == "token")["text"]
                else:
                    wait_until(lambda: bool(llm.recorded.requests))
        else:
            with pytest.raises(httpx.ReadTimeout):
                client.post(path, json=body)
    assert llm.recorded.requests
    assert llm.recorded.gone.wait(SECONDS)


def wait_until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)


# ------------------------------------------------------------------ the door of other clients


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai_client(served) as client:
        yield client


def test_a_chat_client_is_streamed_the_marked_text_and_the_answer_beside_it(
    client: openai.OpenAI, llm: Server
) -> None:
    steps = Steps(f"{TRUE}全区", FALSE.removeprefix("全区"))
    llm.script = steps
    steps.go()
    text, extra = "", dict[str, Any]()
    for chunk in client.chat.completions.create(
        model="wenyuan", messages=[{"role": "user", "content": QUESTION}], stream=True
    ):
        extra |= chunk.model_extra or {}
        text += chunk.choices[0].delta.content or ""
        if TRUE in text and steps.at == 1:
            steps.go()  # the first sentence is here before the second is written
    assert steps.at == 2
    assert f"〔{DOUBT}〕" in text
    assert "出处：\n[1] [" in text
    assert [sentence["supported"] for sentence in extra["wenyuan"]["sentences"]] == [True, False]
    assert extra["wenyuan"]["citation_recall"] == 0.5


def test_a_chat_client_that_stops_ends_the_models_work(client: openai.OpenAI, llm: Server) -> None:
    llm.script = begins_and_waits(f"{TRUE}全区")
    stream = client.chat.completions.create(
        model="wenyuan", messages=[{"role": "user", "content": QUESTION}], stream=True
    )
    next(chunk for chunk in stream if chunk.choices[0].delta.content)
    stream.close()
    assert llm.recorded.gone.wait(SECONDS)


# ------------------------------------------------------------------ the chat page


@pytest.fixture(scope="module")  # its event loop must not outlive these tests
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(MISSING)
    pytest.importorskip("playwright")
    with chromium() as browser:
        yield browser


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[Page]:
    """A page; what it asked for elsewhere, ran or complained of is judged at the end."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(15_000)
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    yield page
    assert page.evaluate("window.owned") is None
    context.close()
    here = ("http://127.0.0.1:", "data:", "blob:", "about:")
    assert [one for one in asked if not one.startswith(here)] == []
    assert errors == []


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    with opened(browser, served.url) as page:
        page.locator("#wy-box textarea").wait_for()
        yield page


def send(page: Page, question: str = QUESTION) -> Locator:
    """Ask and give the reply, of which nothing may have come yet."""
    before = page.locator('[data-testid="bot"]').count()
    box = page.locator("#wy-box textarea")
    box.fill(question)
    box.press("Enter")
    reply = page.locator('[data-testid="bot"]').nth(before)
    reply.wait_for()
    return reply


def finished(reply: Locator) -> Locator:
    """The reply once all of it is there."""
    reply.locator(".wy-copy").wait_for()
    return reply


def test_the_page_shows_the_text_as_it_grows_and_keeps_what_is_typed(
    page: Page, llm: Server
) -> None:
    from playwright.sync_api import expect

    steps = Steps(f"{TRUE}全区", FALSE.removeprefix("全区"))
    llm.script = steps
    reply = send(page)
    steps.go()
    expect(reply.locator(".wy-writing")).to_contain_text("200余个党员先锋岗")
    assert steps.at == 1
    # The source is known already: its marker leads there before the answer is whole.
    expect(reply.locator(".wy-writing a.wy-marker")).to_have_text("[1]")
    page.locator("#wy-box textarea").type("那邛崃", delay=5)
    steps.go()
    finished(reply)
    expect(reply).to_contain_text("90余支攻坚队")
    assert page.locator("#wy-box textarea").input_value() == "那邛崃"


def test_the_page_marks_what_has_no_support_and_leads_to_the_sources(
    page: Page, llm: Server
) -> None:
    from playwright.sync_api import expect

    llm.script = says(TRUE, FALSE)
    reply = finished(send(page))
    doubtful = reply.locator(".wy-unsupported")
    expect(doubtful).to_have_count(1)
    assert "90余支攻坚队" in doubtful.inner_text()
    assert reply.locator(".wy-doubt").inner_text() == f"〔{DOUBT} · 90余支〕"
    assert reply.inner_text().count(DOUBT) == 1
    assert "None" not in reply.inner_text()
    reply.locator("a.wy-marker").first.click()
    article = page.frame_locator("#wy-panel iframe")
    expect(article.locator("mark")).to_contain_text("200余个党员先锋岗")


def test_stop_ends_the_models_work_and_the_conversation_goes_on(page: Page, llm: Server) -> None:
    from playwright.sync_api import expect

    llm.script = begins_and_waits(f"{TRUE}全区")
    stopped = send(page)
    expect(stopped).to_contain_text("200余个党员先锋岗")
    page.locator("button.stop-button").click()
    assert llm.recorded.gone.wait(SECONDS)
    expect(stopped).to_contain_text("200余个党员先锋岗")
    llm.script = says(TRUE)
    page.get_by_role("button", name=re.compile("重试|Retry")).click()
    expect(page.locator('[data-testid="bot"]')).to_have_count(1)
    finished(page.locator('[data-testid="bot"]'))
    assert page.locator('[data-testid="user"]').inner_text().strip() == QUESTION


def test_stop_before_the_first_word_and_a_closed_page_end_the_models_work(
    browser: Browser, served: Served, llm: Server
) -> None:
    llm.script = begins_and_waits()
    with opened(browser, served.url) as page:
        page.locator("#wy-box textarea").wait_for()
        send(page)
        wait_until(lambda: len(llm.recorded.requests) == 1)
        page.locator("button.stop-button").click()
        assert llm.recorded.gone.wait(SECONDS)
        llm.recorded.gone.clear()
        send(page)
        wait_until(lambda: len(llm.recorded.requests) == 2)
    assert llm.recorded.gone.wait(SECONDS)


def test_a_question_that_was_stopped_takes_no_rating_from_the_next(page: Page, llm: Server) -> None:
    from playwright.sync_api import expect

    llm.script = begins_and_waits(f"{TRUE}全区")
    expect(send(page)).to_contain_text("200余个党员先锋岗")
    page.locator("button.stop-button").click()
    page.locator("button.submit-button").wait_for()
    llm.script = says(TRUE)
    finished(send(page))
    assert len(llm.recorded.requests) == 2  # what was stopped is no history to be rewritten from
    page.get_by_role("button", name=re.compile("Dislike|不喜欢|踩")).last.click()
    page.get_by_label(re.compile("补充说明|What was good")).wait_for()


def test_the_page_says_that_the_model_failed_and_quotes(page: Page, llm: Server) -> None:
    llm.script = fails(500)
    reply = finished(send(page))
    said = "语言模型的服务出错，下面的答案直接摘自文章。"
    assert reply.locator(".wy-notice").inner_text() == said
    assert reply.locator(".wy-short").inner_text() == "200余个"
    assert "党员先锋岗" in reply.locator(".wy-quote").inner_text()


def test_what_a_model_writes_is_text_and_never_markup(page: Page, llm: Server) -> None:
    llm.script = says(TRUE, *HOSTILE)
    reply = finished(send(page))
    shown = reply.inner_text()
    for part in (
        "<script>window.owned=1</script>",
        "[图](http",
        "](javascript:",
        "<form",
    ):
        assert part in shown
    tags = "script, img, form, input, iframe, style, svg, base, [onerror], [onload]"
    assert reply.locator(tags).count() == 0
    links = reply.locator("a").evaluate_all("links => links.map(link => link.href)")
    assert all("/documents/" in link for link in links)
    page.wait_for_timeout(300)
    assert page.evaluate("window.owned") is None


# ------------------------------------------------------------------ the widget


@pytest.fixture
def widget(browser: Browser, served: Served) -> Iterator[Page]:
    """The widget on the product's own demonstration page, opened."""
    with opened(browser, f"{served.url}widget/demo?lang=zh") as page:
        page.locator("wenyuan-chat .launch").click()
        yield page


def test_the_widget_streams_and_marks_what_has_no_support(widget: Page, llm: Server) -> None:
    from playwright.sync_api import expect

    steps = Steps(f"{TRUE}全区", FALSE.removeprefix("全区"), *HOSTILE)
    llm.script = steps
    widget.locator("wenyuan-chat textarea").fill(QUESTION)
    widget.locator("wenyuan-chat textarea").press("Enter")
    turn = widget.locator("wenyuan-chat .turn")
    steps.go()
    expect(turn.locator(".streaming")).to_contain_text("200余个党员先锋岗")
    assert steps.at == 1
    for _ in steps.pieces:
        steps.go()
    turn.locator(".acts").wait_for()
    assert "90余支攻坚队" in turn.locator(".unsupported").first.inner_text()
    assert "90余支" in turn.locator(".flag").first.inner_text()
    assert DOUBT not in turn.locator(".body").inner_text()  # said once, by the flag
    assert turn.locator("img, script, form, iframe, [onerror]").count() == 0


def test_the_widgets_stop_ends_the_models_work(widget: Page, llm: Server) -> None:
    from playwright.sync_api import expect

    llm.script = begins_and_waits(f"{TRUE}全区")
    widget.locator("wenyuan-chat textarea").fill(QUESTION)
    widget.locator("wenyuan-chat textarea").press("Enter")
    turn = widget.locator("wenyuan-chat .turn")
    expect(turn).to_contain_text("200余个党员先锋岗")
    widget.locator("wenyuan-chat .go").click()
    assert llm.recorded.gone.wait(SECONDS)
    expect(turn).to_contain_text("已停止")


# ------------------------------------------------------------------ the end


def test_a_server_that_is_stopped_waits_for_no_model_and_no_open_page(
    model: Server, llm: Server, served: Served
) -> None:
    llm.script = begins_and_waits(f"{TRUE}全区")
    with (
        serving(served.folder, log=ENDPOINT_LOG, **settings_for(model)) as second,
        httpx.Client(trust_env=False, timeout=30) as client,
        client.stream("GET", f"{second.url}gradio_api/heartbeat/page") as page,
        client.stream("POST", f"{second.url}api/ask/stream", json={"question": QUESTION}) as reply,
    ):
        assert page.status_code == 200  # what an open page holds on to
        found = events(reply)
        next(value for name, value in found if name == "token")
        second.process.send_signal(signal.SIGINT)
        assert [name for name, _ in found][-1] == "answer"
        assert llm.recorded.gone.wait(SECONDS)
        assert second.process.wait(5) == 0
