"""The widget in a real browser, on pages of another origin than the product's."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import CHROMIUM, MISSING, chromium
from tests.serving import hostpages
from tests.serving.hostpages import HostPages, Scripted, frame, script_tag, send, strict_policy

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

if not CHROMIUM.exists():
    pytest.skip(MISSING, allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
expect.set_options(timeout=15_000)  # on a busy machine too

DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "reduced_motion": "reduce",  # it is measured as soon as it is open
}
DOCS = Path(__file__).parents[2] / "docs"
POSTS = "龙泉驿区建了多少党员先锋岗?"
ELSEWHERE = "双流区建了多少党员先锋岗?"
HOSTILE = """---
title: "\u202e<script>window.owned=1</script>蓝溪村<img src=x onerror='window.owned=2'>"
date: 2025-03-01
url: "javascript:window.owned=3"
---

蓝溪村在2025年修了37座石桥<img src="http://192.0.2.1/x.png" onerror="window.owned=4">。

蓝溪村的门票是\u202e12\u202c元\u200b，见[这里](javascript:window.owned=5)。

<div style="position:fixed;inset:0;background:red;z-index:2147483647">盖住</div>
"""

Visit = Callable[..., "Chat"]


class Chat:
    """One widget on an open page, handled as a person would."""

    def __init__(self, page: Page, number: int = 0, frame: Any = None) -> None:
        self.page = page
        self.element = (frame or page).locator("wenyuan-chat").nth(number)
        self.launcher = self.element.locator(".launch")
        self.panel = self.element.get_by_role("dialog")
        self.box = self.element.locator("textarea")
        self.log = self.element.get_by_role("log")
        self.last = self.element.locator(".turn").last
        self.error = self.element.locator(".error")
        self.go = self.element.locator(".go")

    def open(self) -> Chat:
        self.launcher.click()
        expect(self.panel).to_be_visible()
        return self

    def ask(self, question: str) -> Locator:
        """The finished turn: it has been answered, declined or failed."""
        turns = self.element.locator(".turn")
        before = turns.count()
        self.box.fill(question)
        self.box.press("Enter")
        turn = turns.nth(before)
        turn.locator(".acts, .error").wait_for()
        return turn


@pytest.fixture(scope="module")
def host() -> Iterator[HostPages]:
    """A site whose origin is on the product's list."""
    pages = HostPages("")
    with hostpages.listening(pages.serve) as port:
        pages.origin = f"http://localhost:{port}"
        yield pages


@pytest.fixture(scope="module")
def product(host: HostPages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `rag serve` under a path prefix, without the slash at its end."""
    folder = tmp_path_factory.mktemp("widget")
    shutil.copytree(DOCS, folder / "docs")
    (folder / "docs" / "hostile.md").write_text(HOSTILE, encoding="utf-8")
    settings = {
        "RAG_SERVER__ALLOWED_ORIGINS": json.dumps([host.origin]),
        "RAG_SERVER__PATH": "/wenyuan",
        "RAG_SERVER__RATE_LIMIT": "",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "rag", "--lang", "en", "serve", "--index", "index", "--port", "0"],
        cwd=folder,
        env=os.environ | settings,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert process.stderr is not None
    said = [process.stderr.readline() for _ in range(3)]
    assert "serving on http://127.0.0.1:" in said[-1], said
    yield said[-1].split()[2].rstrip("/").removesuffix("/wenyuan") + "/wenyuan"
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=30)
    assert "Traceback" not in rest  # a reader who goes away is no failure


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """A stand-in that answers as the test says: slow, broken, refusing."""
    server = Scripted()
    with hostpages.listening(server.serve) as port:
        server.origin = f"http://127.0.0.1:{port}"
        yield server


@pytest.fixture(scope="module")  # its event loop must not outlive these tests
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens an address; what its pages requested and complained of is judged at the end."""
    pages: list[Page] = []
    requests: list[str] = []
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if tells_of_policy(message):
            errors.append(message.text)

    def go(url: str, **view: Any) -> Chat:
        page = browser.new_context(**(DESK | view)).new_page()
        page.set_default_timeout(15_000)
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", note)
        page.goto(url)
        pages.append(page)
        return Chat(page)

    yield go
    owned = [page.evaluate("window.owned") for page in pages if not page.is_closed()]
    for page in pages:
        page.context.close()
    here = ("http://127.0.0.1:", "http://localhost:", "data:", "blob:", "about:")
    assert [url for url in requests if not url.startswith(here)] == []
    assert errors == []
    assert set(owned) <= {None}  # nothing from an article or a question ran


def tells_of_policy(message: ConsoleMessage) -> bool:
    """Whether the browser's console tells of a policy that was broken."""
    return message.type == "error" and (
        "Content Security Policy" in message.text or "Trusted" in message.text
    )


def plain_page(host: HostPages, product: str, attributes: str = "", body: str = "") -> str:
    """A page with the widget, under the strict policy."""
    tag = script_tag(product, attributes)
    return host.add(body + tag, policy=strict_policy(product.removesuffix("/wenyuan")))


def answering(
    text: str = "答。[1]", **changes: object
) -> Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]:
    def answer(request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        hostpages.begin_stream(request)
        send(request, frame("answer", hostpages.an_answer(text, **changes)))

    return answer


def brightness(locator: Locator, name: str = "backgroundColor") -> float:
    """Relative luminance, 0 to 1, of a computed colour."""
    colour = locator.evaluate("(node, name) => getComputedStyle(node)[name]", name)
    parts = [float(part) / 255 for part in colour.partition("(")[2].rstrip(")").split(",")[:3]]
    linear = [((part + 0.055) / 1.055) ** 2.4 if part > 0.04 else part / 12.92 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


# ------------------------------------------------------------------ what it answers


def test_an_answer_leads_to_its_sentence_and_its_article(
    visit: Visit, host: HostPages, product: str
) -> None:
    chat = visit(plain_page(host, product)).open()
    turn = chat.ask(POSTS)
    assert turn.locator(".short").inner_text() == "200余个"
    card = turn.locator(".card")
    assert "龙泉驿区：车间里的党员先锋岗" in card.inner_text()
    assert "2026-11-02" in card.inner_text()
    expect(card.locator("mark")).to_be_hidden()
    turn.locator(".cite").click()
    expect(card.locator("mark")).to_be_in_viewport()
    quote = card.locator("mark").inner_text()
    assert "200余个党员先锋岗和党员示范岗" in quote
    with chat.page.context.expect_page() as opened:
        card.get_by_role("link").click()
    assert opened.value.locator("#cited").inner_text() == quote
    assert opened.value.evaluate("window.opener") is None


def test_a_question_without_an_answer_is_declined_and_shows_the_nearest_passages(
    visit: Visit, host: HostPages, product: str
) -> None:
    turn = visit(plain_page(host, product)).open().ask(ELSEWHERE)
    declined = turn.locator(".declined")
    assert "文章中没有答案" in declined.inner_text()
    assert "双流区" in declined.inner_text()
    assert turn.locator(".short, .card").count() == 0
    passage = turn.locator(".passages li").first
    expect(passage).to_be_hidden()
    turn.locator("summary").click()
    expect(passage).to_be_visible()
    assert "不是回答" in turn.locator("summary").inner_text()
    assert "/documents/" in str(passage.get_by_role("link").get_attribute("href"))


def test_a_follow_up_is_understood_until_a_new_conversation_begins(
    visit: Visit, host: HostPages, product: str
) -> None:
    chat = visit(plain_page(host, product)).open()
    chat.ask("龙泉驿区发放了多少惠蓉贷?")
    turn = chat.ask("那邛崃呢?")
    assert "26.54" in turn.locator(".short").inner_text()
    assert "邛崃" in turn.locator(".searched").inner_text()
    chat.element.get_by_role("button", name="新对话").click()
    expect(chat.element.locator(".turn")).to_have_count(0)
    expect(chat.box).to_be_focused()
    assert "26.54" not in chat.ask("那邛崃呢?").inner_text()


def test_the_questions_it_offers_have_answers(visit: Visit, host: HostPages, product: str) -> None:
    chat = visit(plain_page(host, product)).open()
    offered = chat.element.locator(".chip")
    offered.first.click()
    chat.last.locator(".acts").wait_for()
    expect(chat.last.locator(".card").first).to_be_visible()
    expect(chat.box).to_be_focused()


def test_a_rating_and_its_comment_arrive(visit: Visit, host: HostPages, product: str) -> None:
    chat = visit(plain_page(host, product)).open()
    turn = chat.ask(POSTS)
    thumb = turn.get_by_role("button", name="没有帮助")
    with chat.page.expect_response("**/api/feedback") as first:
        thumb.click()
    assert first.value.status == 204
    expect(thumb).to_have_attribute("aria-pressed", "true")
    turn.locator(".comment input").fill("出处不对")
    with chat.page.expect_response("**/api/feedback") as second:
        turn.locator(".comment input").press("Enter")
    assert second.value.status == 204
    assert "出处不对" in str(second.value.request.post_data)
    expect(turn.locator(".said")).to_have_text("谢谢反馈。")


def test_it_speaks_english_on_an_english_page(visit: Visit, host: HostPages, product: str) -> None:
    chat = visit(host.add(script_tag(product), lang="en")).open()
    turn = chat.ask("How much was issued in Huirong loans in Longquanyi?")
    assert "1.8 billion" in turn.inner_text()
    expect(turn.get_by_role("link", name="Open article").first).to_be_visible()
    expect(chat.box).to_have_attribute("placeholder", "Ask a question")


# ------------------------------------------------------------------ what it asks of a page


def test_nothing_but_the_script_is_requested_before_it_is_opened(
    visit: Visit, host: HostPages, product: str, browser: Browser
) -> None:
    url = plain_page(host, product)
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    chat = Chat(page)
    expect(chat.launcher).to_be_visible()
    page.wait_for_timeout(300)
    assert asked == [url, f"{product}/widget.js"]
    chat.open()
    expect(chat.element.locator(".chip").first).to_be_visible()
    assert {address.partition("?")[0] for address in asked[2:]} == {
        f"{product}/api/widget/token",
        f"{product}/api/suggestions",
    }
    assert page.context.cookies() == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    page.close()


def test_it_fits_in_15_kilobytes() -> None:
    assert len(gzip.compress(hostpages.WIDGET.read_bytes(), 9)) <= 15 * 1024


def test_a_page_that_is_not_on_the_list_is_refused_in_words(visit: Visit, product: str) -> None:
    stranger = HostPages("")
    with hostpages.listening(stranger.serve) as port:
        stranger.origin = f"http://localhost:{port}"
        chat = visit(stranger.add(script_tag(product))).open()
        expect(chat.error).to_contain_text("server.allowed_origins")
        expect(chat.error).to_contain_text(stranger.origin)
        turn = chat.ask(POSTS)
        expect(turn.locator(".error")).to_contain_text(stranger.origin)
        expect(turn.get_by_role("button", name="重试")).to_be_visible()


def test_a_policy_that_forbids_the_server_is_named(browser: Browser, product: str) -> None:
    host = HostPages("")
    server = product.removesuffix("/wenyuan")
    with hostpages.listening(host.serve) as port:
        host.origin = f"http://localhost:{port}"
        policy = f"default-src 'none'; script-src {server}"
        page = browser.new_page()
        page.goto(host.add(script_tag(product), policy=policy))
        chat = Chat(page).open()
        expect(chat.error).to_contain_text(f"connect-src {server}")
        page.close()


def test_a_tag_pasted_twice_gives_one_chat_and_two_corners_give_two(
    visit: Visit, host: HostPages, product: str
) -> None:
    once = visit(plain_page(host, product, body=script_tag(product)))
    expect(once.launcher).to_be_visible()
    assert once.page.locator("wenyuan-chat").count() == 1
    left = script_tag(product, 'data-position="left"')
    twice = visit(plain_page(host, product, body=left))
    expect(twice.page.locator("wenyuan-chat")).to_have_count(2)
    boxes = [twice.page.locator(".launch").nth(number).bounding_box() for number in (0, 1)]
    assert sorted(box["x"] < 640 for box in boxes if box) == [False, True]


def test_two_chats_on_one_page_hold_two_conversations(
    visit: Visit, host: HostPages, product: str
) -> None:
    own = '<wenyuan-chat data-title="甲"></wenyuan-chat>'
    own += '<wenyuan-chat data-title="乙" data-position="left"></wenyuan-chat>'
    first = visit(plain_page(host, product, body=own))
    second = Chat(first.page, 1)
    assert first.page.locator("wenyuan-chat").count() == 2
    first.open().ask(POSTS)
    second.open()
    assert second.element.locator(".turn").count() == 0
    second.ask(ELSEWHERE)
    assert first.element.locator(".turn").count() == 1
    first.page.keyboard.press("Escape")  # closes the one that has the focus
    expect(second.panel).to_be_hidden()
    expect(first.panel).to_be_visible()


def test_it_works_where_storage_is_denied(
    visit: Visit, host: HostPages, scripted: Scripted
) -> None:
    scripted.answer = answering()
    inner = script_tag(scripted.origin).replace('"', "&quot;")
    sandbox = f'<iframe sandbox="allow-scripts" width="600" height="700" srcdoc="{inner}"></iframe>'
    page = visit(host.add(sandbox)).page
    chat = Chat(page, frame=page.frame_locator("iframe")).open()
    expect(chat.ask("问").locator(".card")).to_be_visible()


def test_a_sandboxed_page_without_an_origin_is_refused_in_words(
    visit: Visit, host: HostPages, product: str
) -> None:
    inner = script_tag(product, "data-lang=zh").replace('"', "&quot;")
    sandbox = f'<iframe sandbox="allow-scripts" width="600" height="700" srcdoc="{inner}"></iframe>'
    page = visit(host.add(sandbox)).page
    chat = Chat(page, frame=page.frame_locator("iframe")).open()
    expect(chat.error).to_contain_text("null")


def test_the_page_s_own_styles_and_shortcuts_stay_outside(
    visit: Visit, host: HostPages, product: str
) -> None:
    style = (
        "<style>* {font: 40px serif !important; color: red !important; background: red !important;"
        "letter-spacing: 9px; text-transform: uppercase; direction: rtl; display: block !important}"
        "body {transform: scale(1)}</style><script>addEventListener('keydown', (event) => "
        "{ window.shortcut = event.key; })</script>"
    )
    chat = visit(host.add(style + script_tag(product, "data-theme=light"))).open()
    chat.box.press("a")
    assert chat.page.evaluate("window.shortcut") is None
    shown = chat.log.evaluate(
        "(node) => { const s = getComputedStyle(node); return [s.color, s.fontSize, s.direction,"
        " s.letterSpacing, s.textTransform]; }"
    )
    assert shown == ["rgb(27, 30, 34)", "15px", "ltr", "normal", "none"]
    assert brightness(chat.panel) == pytest.approx(1)


def test_the_chat_page_itself_can_be_framed(visit: Visit, host: HostPages, product: str) -> None:
    server = product.removesuffix("/wenyuan")
    policy = f"{strict_policy(server)}; frame-src {server}"
    url = host.add(script_tag(product, 'data-mode="iframe" data-lang="en"'), policy=policy)
    chat = visit(url)
    assert chat.element.locator("iframe").count() == 0
    chat.open()
    framed = chat.element.locator("iframe")
    assert framed.get_attribute("src") == f"{product}/?lang=en&embed=1"
    expect(framed.content_frame.locator("textarea").first).to_be_visible(timeout=60_000)
    chat.element.get_by_role("button", name="Close").click()
    expect(chat.launcher).to_be_focused()


def test_a_frame_that_the_page_s_policy_forbids_is_named(
    browser: Browser, host: HostPages, product: str
) -> None:
    page = browser.new_page()
    page.goto(plain_page(host, product, 'data-mode="iframe"'))
    chat = Chat(page).open()
    expect(chat.error).to_contain_text(f"frame-src {product.removesuffix('/wenyuan')}")
    page.close()


# ------------------------------------------------------------------ hostile text


def test_a_hostile_article_is_shown_as_text(visit: Visit, host: HostPages, product: str) -> None:
    chat = visit(host.add(script_tag(product)))  # without a policy that would save it
    turn = chat.open().ask("蓝溪村修了多少座石桥?")
    turn.locator(".cite").first.click()
    assert "<script>window.owned=1</script>" in turn.locator(".card").first.inner_text()
    chat.ask("蓝溪村的门票是多少元?").locator("summary, .cite").first.click()
    chat.page.wait_for_timeout(300)
    assert chat.element.locator("img, script, iframe, .text [style]").count() == 0
    links = chat.element.locator("a").all()
    assert links
    assert all(str(link.get_attribute("href")).startswith(f"{product}/") for link in links)
    expect(chat.box).to_be_in_viewport()


def test_an_override_in_a_title_turns_nothing_else_around(
    visit: Visit, host: HostPages, scripted: Scripted
) -> None:
    citation = hostpages.an_answer("")["citations"][0] | {"title": "\u202e题目", "date": "2025-03"}  # type: ignore[index]
    scripted.answer = answering("\u202e答案[1]，\u200b还有[2]", citations=[citation])
    turn = visit(host.add(script_tag(scripted.origin))).open().ask("问")
    title, facts = (
        turn.locator(".name b").bounding_box(),
        turn.locator(".name small").bounding_box(),
    )
    assert title is not None
    assert facts is not None
    assert facts["x"] == pytest.approx(title["x"], abs=1)
    assert turn.locator(".name small").inner_text() == "2025-03 · 第 7 页"
    assert turn.locator(".cite").all_inner_texts() == ["1"]
    assert "[2]" in turn.locator(".body").inner_text()


def test_a_question_is_shown_as_it_was_typed(visit: Visit, host: HostPages, product: str) -> None:
    typed = (
        "<img src=x onerror='window.owned=6'> **蓝溪村** [1] javascript:window.owned=7 \u202e桥?"
    )
    chat = visit(plain_page(host, product)).open()
    turn = chat.ask(typed)
    assert turn.locator(".asked").inner_text() == typed
    assert turn.locator(".asked *").count() == 0


# ------------------------------------------------------------------ screens, keys, readers


def test_on_a_phone_it_fills_the_screen_and_keeps_the_focus(
    visit: Visit, host: HostPages, product: str
) -> None:
    chat = visit(plain_page(host, product, body="<button>外面</button>"), **PHONE).open()
    assert chat.panel.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    expect(chat.panel).to_have_attribute("aria-modal", "true")
    expect(chat.box).not_to_be_focused()  # or the keyboard would hide the greeting
    chat.ask(POSTS).locator(".cite").click()
    expect(chat.box).to_be_in_viewport()
    assert chat.page.evaluate("document.documentElement.scrollWidth") == 390
    assert chat.log.evaluate("(node) => node.scrollWidth <= node.clientWidth")
    for _ in range(25):
        chat.page.keyboard.press("Tab")
        assert chat.page.evaluate("document.activeElement.tagName") == "WENYUAN-CHAT"
    chat.page.keyboard.press("Escape")
    expect(chat.launcher).to_be_focused()


def test_it_can_be_used_by_keyboard_alone(visit: Visit, host: HostPages, product: str) -> None:
    chat = visit(plain_page(host, product))
    press = chat.page.keyboard.press
    press("Tab")
    expect(chat.launcher).to_be_focused()
    press("Enter")
    expect(chat.box).to_be_focused()
    chat.page.keyboard.type(POSTS)
    press("Shift+Enter")
    expect(chat.box).to_have_value(f"{POSTS}\n")
    press("Backspace")
    press("Enter")
    chat.last.locator(".acts").wait_for()
    expect(chat.box).to_be_focused()
    cite = chat.last.locator(".cite")
    for _ in range(20):
        press("Shift+Tab")
        if cite.evaluate("(node) => node === node.getRootNode().activeElement"):
            break
    press("Enter")
    expect(chat.last.locator("mark")).to_be_visible()
    expect(chat.last.locator(".show")).to_be_focused()
    expect(chat.last.locator(".show")).to_have_attribute("aria-expanded", "true")
    press("Escape")
    expect(chat.panel).to_be_hidden()
    expect(chat.launcher).to_be_focused()


def test_focus_returns_to_the_page_s_own_button(
    visit: Visit, host: HostPages, product: str
) -> None:
    own = "<button onclick='wenyuan.open()'>问答</button>"
    chat = visit(host.add(own + script_tag(product)))
    expect(chat.launcher).to_be_visible()
    chat.page.get_by_role("button", name="问答", exact=True).click()
    expect(chat.box).to_be_focused()
    chat.page.keyboard.press("Escape")
    expect(chat.page.get_by_role("button", name="问答", exact=True)).to_be_focused()


def test_enter_does_not_send_while_an_input_method_composes(
    visit: Visit, host: HostPages, scripted: Scripted
) -> None:
    scripted.answer = answering()
    chat = visit(host.add(script_tag(scripted.origin))).open()
    session = chat.page.context.new_cdp_session(chat.page)
    composing = {"text": "shiqiao", "selectionStart": 7, "selectionEnd": 7}
    session.send("Input.imeSetComposition", composing)
    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    session.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **key})
    session.send("Input.dispatchKeyEvent", {"type": "keyUp", **key})
    # Some browsers end the composition first and tell of it only by the number 229.
    late = {"key": "Enter", "keyCode": 229, "bubbles": True}
    chat.box.evaluate(
        "(node, late) => node.dispatchEvent(new KeyboardEvent('keydown', late))", late
    )
    session.send("Input.insertText", {"text": "石桥"})
    chat.page.wait_for_timeout(200)
    assert scripted.asked == []
    expect(chat.box).to_have_value("石桥")
    chat.box.press("Enter")
    chat.last.locator(".acts").wait_for()
    assert [body["question"] for body in scripted.asked] == ["石桥"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark_and_in_any_accent(
    visit: Visit, host: HostPages, scripted: Scripted, scheme: str
) -> None:
    scripted.answer = answering()
    chat = visit(host.add(script_tag(scripted.origin)), color_scheme=scheme).open()
    turn = chat.ask("问")
    chat.box.fill("再问")  # the button that sends is lit
    paper = brightness(chat.panel)
    assert (paper < 0.05) == (scheme == "dark")
    for accent in ("", "#ffd400", "navy", "no colour"):
        chat.element.evaluate("(node, to) => node.setAttribute('data-accent', to)", accent)
        for part in (turn.locator(".body"), turn.get_by_role("link"), turn.locator(".name small")):
            assert contrast(paper, brightness(part, "color")) >= 4.5
        for button, least in ((turn.locator(".cite"), 4.3), (chat.go, 3.9)):
            assert contrast(brightness(button), brightness(button, "color")) >= least


def test_the_theme_can_be_fixed_and_changed(visit: Visit, host: HostPages, product: str) -> None:
    chat = visit(plain_page(host, product, "data-theme=dark data-open data-title=档案问答"))
    expect(chat.panel).to_be_visible()  # opened by its attribute
    assert chat.page.evaluate("document.activeElement.tagName") == "BODY"  # and took no focus
    assert brightness(chat.panel) < 0.05
    expect(chat.panel).to_have_accessible_name("档案问答")
    chat.element.evaluate("(node) => node.setAttribute('data-theme', 'light')")
    assert brightness(chat.panel) > 0.9


def test_a_screen_reader_hears_the_finished_answer_once(
    visit: Visit, host: HostPages, scripted: Scripted
) -> None:
    go_on = Event()

    def slow(request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        hostpages.begin_stream(request)
        send(request, frame("token", {"text": "半句"}))
        go_on.wait(10)
        send(request, frame("answer", hostpages.an_answer("半句话。[1]")))

    scripted.answer = slow
    chat = visit(host.add(script_tag(scripted.origin))).open()
    expect(chat.log).to_have_attribute("aria-live", "polite")
    chat.box.fill("问")
    chat.box.press("Enter")
    expect(chat.last.get_by_text("半句", exact=True)).to_have_attribute("aria-hidden", "true")
    go_on.set()
    expect(chat.last.locator(".body")).to_have_text("半句话。1")
    assert chat.last.locator("[aria-hidden=true]:not(svg)").count() == 0


def test_it_is_not_printed_and_does_not_move_where_motion_is_unwanted(
    visit: Visit, host: HostPages, product: str
) -> None:
    chat = visit(plain_page(host, product), reduced_motion="reduce").open()
    assert chat.panel.evaluate("(node) => getComputedStyle(node).animationName") == "none"
    chat.page.emulate_media(media="print")
    expect(chat.panel).to_be_hidden()
    chat.page.emulate_media(media="screen")
    expect(chat.panel).to_be_visible()


# ------------------------------------------------------------------ when things go wrong


def test_an_answer_is_stopped_and_tried_again(
    visit: Visit, host: HostPages, scripted: Scripted
) -> None:
    never = Event()

    def slow(request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        hostpages.begin_stream(request)
        send(request, frame("token", {"text": "半句"}))
        never.wait(10)

    scripted.answer = slow
    chat = visit(host.add(script_tag(scripted.origin))).open()
    chat.box.fill("问")
    chat.box.press("Enter")
    expect(chat.last).to_contain_text("半句")
    chat.element.get_by_role("button", name="停止").click()
    expect(chat.last).to_contain_text("已停止")
    expect(chat.last).to_contain_text("半句")
    scripted.answer = answering("整句。[1]")
    chat.last.get_by_role("button", name="重试").click()
    expect(chat.last.locator(".body")).to_contain_text("整句。")
    assert chat.element.locator(".turn").count() == 1
    never.set()


def test_a_silent_server_is_given_up_and_can_be_stopped_before(
    visit: Visit, host: HostPages, scripted: Scripted
) -> None:
    url = host.add(script_tag(scripted.origin, "data-suggestions"))
    chat = visit(url)
    chat.page.clock.install()
    chat.page.route("**/api/widget/token", lambda route: None)  # never comes back
    chat.open().box.fill("问")
    chat.box.press("Enter")
    chat.element.get_by_role("button", name="停止").click()
    expect(chat.last).to_contain_text("已停止")
    chat.last.get_by_role("button", name="重试").click()
    expect(chat.element.get_by_role("button", name="停止")).to_be_visible()
    chat.page.clock.fast_forward(61_000)
    expect(chat.error).to_contain_text("连接中断了")


def test_it_does_not_cover_a_phone_unasked(visit: Visit, host: HostPages, product: str) -> None:
    chat = visit(plain_page(host, product, "data-open"), **PHONE)
    expect(chat.launcher).to_be_visible()
    expect(chat.panel).to_be_hidden()


def too_many(request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    error = {"error": {"code": "too_many_questions", "message": "提问过于频繁，请在 7 秒后再试"}}
    hostpages.send_json(request, 429, error, {"Retry-After": "7"})


def busy(request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    hostpages.send_json(request, 503, {"error": {"code": "busy", "message": "服务繁忙"}})


def not_ours(request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    hostpages.reply(request, 502, b"<h1>Bad Gateway</h1>")


def broken_off(request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    hostpages.begin_stream(request)
    send(request, frame("token", {"text": "半句"}))


def failing_midway(request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    broken_off(request, body)
    send(request, frame("error", {"code": "model_failed", "message": "语言模型没有回应"}))


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (too_many, "提问过于频繁，请在 7 秒后再试"),
        (busy, "服务繁忙"),
        (not_ours, "502"),
        (broken_off, "连接中断了"),
        (failing_midway, "语言模型没有回应"),
    ],
)
def test_a_failure_is_said_and_can_be_tried_again(
    visit: Visit,
    host: HostPages,
    scripted: Scripted,
    failure: Callable[[BaseHTTPRequestHandler, dict[str, Any]], None],
    said: str,
) -> None:
    scripted.answer = failure
    chat = visit(host.add(script_tag(scripted.origin))).open()
    turn = chat.ask("问")
    expect(turn.locator(".error")).to_contain_text(said)
    scripted.answer = answering("好了。[1]")
    turn.get_by_role("button", name="重试").click()
    expect(turn.locator(".body")).to_contain_text("好了。")
    assert chat.error.count() == 0
    assert scripted.asked[-1]["history"] == []  # the failed try is no part of the conversation


def test_an_expired_token_is_renewed_unnoticed(
    visit: Visit, host: HostPages, scripted: Scripted
) -> None:
    def expired_once(request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if scripted.tokens == 1:
            error = {"error": {"code": "token_expired", "message": "expired"}}
            hostpages.send_json(request, 401, error)
        else:
            answering()(request, body)

    scripted.answer = expired_once
    chat = visit(host.add(script_tag(scripted.origin))).open()
    expect(chat.ask("问").locator(".card")).to_be_visible()
    assert scripted.tokens == 2


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_stream_cut_anywhere_is_read_whole(
    visit: Visit, host: HostPages, scripted: Scripted, newline: str
) -> None:
    def crumbs(request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        hostpages.begin_stream(request)
        whole = f": waiting{newline}{newline}".encode()
        whole += frame("token", {"text": "桥"}, newline=newline)
        whole += frame("answer", hostpages.an_answer("石桥。[1]\n共三座。"), newline=newline)
        for byte in whole:
            send(request, bytes([byte]))

    scripted.answer = crumbs
    turn = visit(host.add(script_tag(scripted.origin))).open().ask("问")
    assert turn.locator(".body").inner_text().replace("1", "") == "石桥。\n共三座。"


def test_a_sentence_without_support_is_marked(
    visit: Visit, host: HostPages, scripted: Scripted
) -> None:
    sentences = [
        {"text": "有据。", "supported": True, "markers": [1], "unsupported_terms": []},
        {
            "text": "共 (3*) 座桥。",
            "supported": False,
            "markers": [9],
            "unsupported_terms": ["<b>"],
        },
    ]
    text = "有据[1]。共 (3*)\n座[9]桥。[1] 完。"
    scripted.answer = answering(text, sentences=sentences, short_answer="有", notice="模型中断")
    turn = visit(host.add(script_tag(scripted.origin))).open().ask("问")
    assert turn.locator(".unsupported").all_inner_texts() == ["共 (3*)\n座[9]桥。1"]
    assert turn.locator(".flag").inner_text() == "未在所引原文中找到依据 · <b>"
    assert turn.locator(".cite").count() == 2
    assert turn.locator(".body").inner_text().startswith("有据1。")
    assert turn.locator(".body").inner_text().endswith(" 完。")
    assert turn.locator(".short").count() == 0  # the text that was written says it
    expect(turn).to_contain_text("模型中断")


@pytest.mark.parametrize(
    ("answer", "short", "headline", "body"),
    [
        ("37座。原文：“修了37座桥。”[1]", "37座", ["37座"], "原文：“修了37座桥。”1"),
        ("“修了37座桥。”[1]", "修了37座桥", [], "“修了37座桥。”1"),
        ("甲：3。\n乙：4。[1]", "甲：3；乙：4", ["甲：3；乙：4"], "甲：3。\n乙：4。1"),
        ("37 bridges. Source: “…” [1]", "37 bridges", ["37 bridges"], "Source: “…” 1"),
    ],
)
def test_the_short_answer_stands_out_and_is_said_once(
    visit: Visit, host: HostPages, scripted: Scripted,
    answer: str, short: str, headline: list[str], body: str,
) -> None:  # fmt: skip
    scripted.answer = answering(answer, short_answer=short)
    turn = visit(host.add(script_tag(scripted.origin))).open().ask("问")
    assert turn.locator(".short").all_inner_texts() == headline
    assert turn.locator(".body").inner_text() == body


def test_long_texts_stay_within_their_bounds(
    visit: Visit, host: HostPages, scripted: Scripted
) -> None:
    citation = hostpages.an_answer("")["citations"][0] | {"title": "T" * 300, "quote": "字" * 5000}  # type: ignore[index]
    scripted.answer = answering("W" * 3000 + "[1]", citations=[citation])
    chat = visit(host.add(script_tag(scripted.origin))).open()
    turn = chat.ask("Q" * 2000)
    turn.locator(".cite").click()
    assert chat.log.evaluate("(node) => node.scrollWidth <= node.clientWidth")
    heights = [turn.locator(part).bounding_box() for part in (".asked", ".quote")]
    assert all(box is not None and box["height"] < 260 for box in heights)


def test_the_last_six_exchanges_go_with_a_question(
    visit: Visit, host: HostPages, scripted: Scripted
) -> None:
    scripted.answer = answering()
    chat = visit(host.add(script_tag(scripted.origin))).open()
    for number in range(8):
        chat.ask(f"问{number}")
    assert [turn["question"] for turn in scripted.asked[-1]["history"]] == [
        f"问{number}" for number in range(1, 7)
    ]


# ------------------------------------------------------------------ for the page's own scripts


def test_a_page_s_scripts_open_ask_and_listen(
    visit: Visit, host: HostPages, scripted: Scripted
) -> None:
    scripted.answer = answering("答。[1]")
    listen = (
        "<script>window.heard = []; for (const name of "
        "['ready', 'open', 'ask', 'answer', 'error', 'close']) document.addEventListener("
        "`wenyuan:${name}`, (event) => heard.push(name));</script>"
    )
    # The browser takes an element of this id for `window.wenyuan`.
    body = f"{listen}<p id=wenyuan></p>{script_tag(scripted.origin, 'data-suggestions')}"
    chat = visit(host.add(body))
    page = chat.page
    expect(chat.launcher).to_be_visible()
    page.evaluate("wenyuan.setContext({page: '/oa/news', reader: 7})")
    answer = page.evaluate("wenyuan.ask('问')")
    assert answer["answer"] == "答。[1]"
    assert scripted.asked[-1]["context"] == {"page": "/oa/news", "reader": "7"}
    page.evaluate("wenyuan.toggle()")
    expect(chat.panel).to_be_hidden()
    scripted.answer = busy
    page.evaluate("wenyuan.on('error', (event) => { window.code = event.detail.code; })")
    assert page.evaluate("wenyuan.ask('再问')") is None
    assert page.evaluate("code") == "busy"
    page.evaluate("wenyuan.close()")
    heard = ["ready", "open", "ask", "answer", "close", "open", "ask", "error", "close"]
    assert page.evaluate("heard") == heard
    page.evaluate("wenyuan.open(); wenyuan.destroy()")
    assert page.locator("wenyuan-chat").count() == 0
    assert page.evaluate("window.wenyuan?.ask") is None


def test_given_suggestions_are_shown_without_asking_the_server(
    visit: Visit, host: HostPages, scripted: Scripted
) -> None:
    url = host.add(script_tag(scripted.origin, 'data-suggestions="甲?| 乙? |"'))
    chat = visit(url).open()
    assert chat.element.locator(".chip").all_inner_texts() == ["甲?", "乙?"]
    assert scripted.tokens == 0


# ------------------------------------------------------------------ the demonstration page


def test_the_demonstration_shows_it_and_its_line_works_on_another_page(
    visit: Visit, host: HostPages, product: str
) -> None:
    demo = visit(f"{product}/widget/demo?lang=zh")
    demo.page.get_by_label("标题").fill('档案"问答"')
    demo.page.get_by_label("位置").select_option("left")
    expect(demo.open().panel).to_have_accessible_name('档案"问答"')
    assert demo.ask(POSTS).locator(".short").inner_text() == "200余个"
    snippet = demo.page.locator("#snippet").inner_text()
    policy = f"default-src 'none'; {demo.page.locator('#policy').inner_text()}"
    pasted = visit(host.add(snippet, policy=policy))
    assert pasted.open().ask(POSTS).locator(".short").inner_text() == "200余个"
    assert pasted.panel.get_by_role("heading").first.inner_text() == '档案"问答"'


def test_the_demonstration_speaks_both_languages(visit: Visit, product: str) -> None:
    chat = visit(f"{product}/widget/demo?lang=en")
    assert chat.page.get_by_role("heading").first.inner_text() == "Put the chat on a page"
    chat.page.get_by_role("link", name="中文").click()
    assert chat.page.get_by_role("heading").first.inner_text() == "把问答放到网页上"
