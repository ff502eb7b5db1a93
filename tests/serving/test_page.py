"""The page in a real browser: what a person asks, reads and must not be harmed by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.serving.conftest import Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

CHROMIUM = Path("/usr/bin/chromium")
if not CHROMIUM.exists():
    pytest.skip("apt-get install chromium fonts-noto-cjk", allow_module_level=True)
pytest.importorskip("playwright")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
VIEWS: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "dark phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}
POSTS = "龙泉驿区建了多少党员先锋岗?"


@pytest.fixture(scope="module")  # its event loop must not outlive these tests
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture
def view() -> str:
    return "desk"


@pytest.fixture
def page(browser: Browser, served: Served, view: str) -> Iterator[Page]:
    """The page, open; its requests and the errors of its scripts are judged at the end."""
    context = browser.new_context(**VIEWS[view])
    page = context.new_page()
    page.set_default_timeout(15_000)
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(served.url)
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
    replies = page.locator('[data-testid="bot"] .wy-answer')
    before = replies.count()
    box(page).fill(question)
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
    expect(box(page)).to_have_value("")
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
