"""The page in a real browser: what a person asks, reads and must not be harmed by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import CHROMIUM, MISSING, VIEWS, chromium
from tests.serving.conftest import ADMIN, Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

if not CHROMIUM.exists():
    pytest.skip(MISSING, allow_module_level=True)
pytest.importorskip("playwright")

POSTS = "龙泉驿区建了多少党员先锋岗?"


@pytest.fixture(scope="module")  # its event loop must not outlive these tests
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def view() -> str:
    return "desk"


@pytest.fixture
def query() -> str:
    """The page's query string."""
    return ""


@pytest.fixture
def page(browser: Browser, served: Served, view: str, query: str) -> Iterator[Page]:
    """The page, open; its requests and the errors of its scripts are judged at the end."""
    context = browser.new_context(**VIEWS[view])
    page = context.new_page()
    page.set_default_timeout(15_000)
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{served.url}?{query}")
    box(page).wait_for()
    yield page
    context.close()
    abroad = [url for url in requests if not url.startswith((served.url, "data:", "blob:"))]
    assert requests
    assert abroad == []
    assert errors == []


def box(page: Page) -> Locator:
    return page.locator("#wy-box textarea")


def ask(page: Page, question: str) -> Locator:
    """Ask by keyboard and give the reply's bubble."""
    replies = page.locator('[data-testid="bot"] .wy-answer:not(.wy-writing)')
    before = replies.count()
    box(page).fill(question)
    page.locator("#wy-box .submit-button").wait_for()  # the answer before is finished
    box(page).press("Enter")
    reply = replies.nth(before)
    reply.wait_for()
    return reply


def sideways(page: Page) -> bool:
    return bool(
        page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )


def brightness(page: Page) -> int:
    """Of the page's background, 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return max(map(int, colour.removeprefix("rgb(").removesuffix(")").split(",")))


def test_a_question_is_answered_with_its_sentence_and_source(page: Page) -> None:
    reply = ask(page, POSTS)
    assert reply.locator(".wy-short").inner_text() == "200余个"
    assert "200余个党员先锋岗和党员示范岗" in reply.locator(".wy-quote").inner_text()
    assert "docs/longquanyi-pioneer-posts.md" in reply.locator(".wy-sources").inner_text()
    assert box(page).input_value() == ""


def test_the_send_button_asks_too(page: Page) -> None:
    box(page).fill(POSTS)
    page.locator("button.submit-button").click()
    assert page.locator(".wy-short").inner_text() == "200余个"


def test_a_place_that_no_article_speaks_of_is_declined(page: Page) -> None:
    reply = ask(page, "双流区建了多少党员先锋岗?")
    assert "双流区" in reply.locator(".wy-declined").inner_text()
    assert reply.locator(".wy-short").count() == 0
    reply.locator("summary").click()
    assert reply.locator(".wy-hits li").first.is_visible()


def test_a_follow_up_is_understood(page: Page) -> None:
    ask(page, "龙泉驿区发放了多少惠蓉贷?")
    reply = ask(page, "那邛崃呢?")
    assert "26.54" in reply.locator(".wy-short").inner_text()
    assert "惠蓉" in reply.locator(".wy-quote").first.inner_text()


def test_a_cleared_conversation_is_forgotten(page: Page) -> None:
    ask(page, "龙泉驿区发放了多少惠蓉贷?")
    page.get_by_role("button", name="Clear").click()
    page.locator(".wy-answer").wait_for(state="detached")
    page.wait_for_timeout(500)  # the server hears of it
    reply = ask(page, "那邛崃呢?")
    assert "26.54" not in reply.locator(".wy-short, .wy-declined").inner_text()


def test_an_english_question_gets_an_english_frame(page: Page) -> None:
    reply = ask(page, "How much was issued in Huirong loans in Longquanyi?")
    assert "Sources" in reply.inner_text()
    assert "1.8 billion" in reply.inner_text()


def test_after_an_empty_and_an_over_long_question_the_page_goes_on(page: Page) -> None:
    from playwright.sync_api import expect

    box(page).fill("   ")
    box(page).press("Enter")
    page.wait_for_timeout(300)
    assert page.locator('[data-testid="user"]').count() == 0
    box(page).fill("桥" * 2001)
    box(page).press("Enter")
    page.locator('[data-testid="bot"]', has_text="2000").wait_for()
    expect(box(page)).to_have_value("")
    assert ask(page, POSTS).locator(".wy-short").inner_text() == "200余个"
    assert page.locator('[data-testid="user"]').count() == 2


def test_a_hostile_article_is_shown_and_not_obeyed(page: Page) -> None:
    assert "$$x^2$$" in ask(page, "蓝溪村的门票是多少元?").inner_text()  # no formula either
    reply = ask(page, "蓝溪村修了多少座石桥?")
    reply.locator("summary").click()
    shown = reply.inner_text()
    assert "<script>window.owned=1</script>" in shown  # its title, as it stands
    page.wait_for_timeout(300)
    assert page.evaluate("window.owned") is None
    assert (
        page.locator("#cover, .wy-answer img, .wy-answer script, .wy-answer [style]").count() == 0
    )
    assert ask(page, POSTS).is_visible()


def test_a_question_is_shown_as_it_was_typed(page: Page) -> None:
    typed = "# 蓝溪村 **有** 2*3*4 ![图](http://192.0.2.1/q.png) <b>几</b> $$y$$ 座桥"
    ask(page, typed)
    assert page.locator('[data-testid="user"]').inner_text().strip() == typed


@pytest.mark.parametrize("view", ["desk", "phone", "dark", "dark phone"])
def test_it_fits_the_screen_and_the_question_box_is_in_sight(
    page: Page, view: str, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    assert not sideways(page)
    expect(box(page)).to_be_in_viewport()
    reply = ask(page, POSTS)
    reply.locator("summary").click()
    page.screenshot(path=tmp_path / f"{view}.png")
    assert not sideways(page)
    expect(box(page)).to_be_in_viewport()
    expect(box(page)).to_be_enabled()
    bounds, frame = reply.bounding_box(), page.locator(".bubble-wrap").bounding_box()
    assert bounds is not None
    assert frame is not None
    assert brightness(page) < 60 if "dark" in view else brightness(page) > 200
    assert bounds["x"] >= frame["x"]
    assert bounds["x"] + bounds["width"] <= frame["x"] + frame["width"]


def test_a_marker_opens_the_source_with_its_sentence_in_sight(page: Page) -> None:
    from playwright.sync_api import expect

    reply = ask(page, POSTS)
    reply.locator("a.wy-marker").click()
    panel = page.get_by_role("dialog")
    expect(panel).to_contain_text("龙泉驿区：车间里的党员先锋岗")
    article = page.frame_locator("#wy-panel iframe")
    expect(article.locator("mark")).to_contain_text("200余个党员先锋岗")
    expect(article.locator("mark")).to_be_in_viewport()
    expect(article.locator(".about")).to_contain_text("docs/longquanyi-pioneer-posts.md")
    with page.context.expect_page() as opened:
        panel.get_by_role("link").click()
    assert opened.value.url.endswith("#cited")
    expect(opened.value.locator("mark")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_with_the_keyboard_alone_one_asks_looks_at_the_source_and_comes_back(page: Page) -> None:
    from playwright.sync_api import expect

    expect(box(page)).to_be_focused()
    page.keyboard.type(POSTS)
    page.keyboard.press("Enter")
    marker = page.locator(".wy-answer:not(.wy-writing) a.wy-marker")  # it is drawn anew at the end
    marker.wait_for()
    for _ in range(20):
        page.keyboard.press("Shift+Tab")
        if marker.evaluate("link => link === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("button")).to_be_focused()
    page.keyboard.press("Escape")
    expect(marker).to_be_focused()


def test_enter_ends_a_composition_and_sends_nothing(page: Page) -> None:
    box(page).focus()
    devtools = page.context.new_cdp_session(page)
    devtools.send(
        "Input.imeSetComposition", {"text": "longquan", "selectionStart": 8, "selectionEnd": 8}
    )
    devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": "Enter", "code": "Enter",
                                             "windowsVirtualKeyCode": 229})  # fmt: skip
    devtools.send("Input.insertText", {"text": "龙泉"})
    page.wait_for_timeout(400)
    assert page.locator('[data-testid="user"]').count() == 0
    assert box(page).input_value() == "龙泉"


def test_example_questions_are_the_articles_own_and_lead_to_answers(page: Page) -> None:
    examples = page.locator("#wy-chat button.example")
    examples.first.wait_for()
    assert examples.count() == 4
    examples.first.click()
    page.locator(".wy-answer .wy-sources").wait_for()


def test_a_suggested_question_is_asked_by_a_click(page: Page) -> None:
    ask(page, POSTS)
    option = page.locator("#wy-chat button.option").first
    option.wait_for()
    question = option.inner_text().strip()
    option.click()
    page.locator(".wy-answer").nth(1).wait_for()
    assert page.locator('[data-testid="user"]').nth(1).inner_text().strip() == question


def test_a_question_is_tried_again_in_its_place(page: Page) -> None:
    ask(page, "龙泉驿区发放了多少惠蓉贷?")
    ask(page, "那邛崃呢?")
    page.get_by_role("button", name="Retry").click()
    page.wait_for_timeout(1500)
    assert page.locator(".wy-answer").count() == 2
    assert "26.54" in page.locator(".wy-short").nth(1).inner_text()


def test_what_is_typed_while_an_answer_comes_stays(page: Page) -> None:
    from playwright.sync_api import expect

    box(page).fill(POSTS)
    box(page).press("Enter")
    expect(box(page)).to_have_value("")
    box(page).type("那邛崃", delay=5)
    page.locator(".wy-short").wait_for()
    page.wait_for_timeout(500)
    assert box(page).input_value() == "那邛崃"


def test_a_rating_and_its_comment_are_kept(page: Page, served: Served) -> None:
    from rag.serving.feedback import FILE_NAME, FeedbackStore

    ask(page, POSTS)
    page.get_by_role("button", name="Dislike").click()
    comment = page.get_by_label("What was good or wrong?")
    comment.fill("少了示范岗")
    comment.press("Enter")
    comment.wait_for(state="detached")
    kept = list(FeedbackStore(served.folder / "index" / FILE_NAME).candidates())
    assert any("少了示范岗" in str(candidate.get("note")) for candidate in kept)


def test_an_answer_is_copied_as_text(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, POSTS).get_by_role("button", name="复制").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("200余个\n据2025年初的报道")
    assert "docs/longquanyi-pioneer-posts.md" in copied
    assert "<" not in copied


def test_each_passage_says_why_it_was_found(page: Page) -> None:
    reply = ask(page, POSTS)
    reply.locator("summary").click()
    why = reply.locator(".wy-why").first.inner_text()
    for part in ("词语检索第 1", "语义检索第", "融合得分", "匹配词"):
        assert part in why


@pytest.mark.parametrize(("query", "tab"), [("lang=zh", "文章"), ("lang=en", "Articles")])
def test_the_language_is_chosen_by_the_address(page: Page, query: str, tab: str) -> None:
    page.get_by_role("tab", name=tab).wait_for()
    lang = page.evaluate("document.documentElement.lang")
    assert lang == ("zh-CN" if query == "lang=zh" else "en")


@pytest.mark.parametrize("query", ["embed=1"])
def test_within_another_page_there_is_only_the_conversation(page: Page, query: str) -> None:
    from playwright.sync_api import expect

    expect(page.get_by_role("tab").first).to_be_hidden()
    assert ask(page, POSTS).locator(".wy-short").inner_text() == "200余个"


def test_new_answers_are_announced(page: Page) -> None:
    log = page.get_by_role("log")
    assert log.get_attribute("aria-live") == "polite"
    ask(page, POSTS)
    assert "200余个" in log.inner_text()


@pytest.mark.parametrize("query", ["lang=zh"])
def test_articles_are_uploaded_found_and_removed_in_their_tab(
    page: Page, query: str, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    good, bad = tmp_path / "青石渡口.md", tmp_path / "坏文件.pdf"
    good.write_text("# 青石渡口\n\n青石渡口每天开船12班。\n", encoding="utf-8")
    bad.write_text("not a pdf", encoding="utf-8")
    page.get_by_role("tab", name="文章").click()
    tab = page.frame_locator("iframe.wy-frame")
    tab.locator("#rows tr").first.wait_for()
    tab.locator("#files").set_input_files([good, bad])
    expect(tab.locator("#outcomes .failed")).to_contain_text("管理员")  # no token yet
    tab.locator("#token").fill(ADMIN)
    tab.locator("#files").set_input_files([good, bad])
    expect(tab.locator("#outcomes li")).to_have_count(2)
    expect(tab.locator("#outcomes .failed")).to_contain_text("坏文件.pdf")
    tab.locator("#search").fill("青石")
    expect(tab.locator("#rows tr")).to_have_count(1)
    page.get_by_role("tab", name="提问").click()
    reply = ask(page, "青石渡口每天开船多少班?")
    assert reply.locator(".wy-short").inner_text() == "12班"
    page.get_by_role("tab", name="文章").click()
    page.once("dialog", lambda dialog: dialog.accept())
    tab.locator(".remove").click()
    expect(tab.locator("#rows tr")).to_have_count(0)


@pytest.mark.parametrize("view", ["phone", "dark phone"])
def test_the_articles_fit_a_phone(page: Page, view: str, served: Served) -> None:
    page.goto(f"{served.url}documents")
    page.locator("#rows tr").first.wait_for()
    assert not sideways(page)
    assert brightness(page) < 60 if "dark" in view else brightness(page) > 200
