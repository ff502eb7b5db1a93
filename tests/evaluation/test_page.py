"""The report in a real browser: it reads well at any width, and obeys nothing it shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rag.evaluation import summarise
from rag.evaluation.compare import compare
from rag.evaluation.gate import Check
from rag.evaluation.record import Passage, Quote
from rag.evaluation.report import report_html
from tests.browser import CHROMIUM, MISSING, VIEWS, chromium
from tests.evaluation.making import record, run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

if not CHROMIUM.exists():
    pytest.skip(MISSING, allow_module_level=True)
pytest.importorskip("playwright")

HOSTILE = "</script><script>window.owned=1</script><img src=x onerror=window.owned=1>"
BRIDGE = record(
    "q1", question="蓝溪村修了多少座石桥?", tags=("count",), lang="zh", confidence=0.93,
    measures={"accepted": 1.0, "recall@5": 1.0, "f1": 1.0}, first_rank=1,
    quotes=(Quote("石桥", "docs/bridge.md", "蓝溪村修了37座石桥。", "开头。", "结尾。"),),
    passages=(Passage(1, "d1", "石桥", "蓝溪村修了37座石桥。", wanted=True, lexical_rank=1),),
)  # fmt: skip
WRONG = record(
    "q2", question=HOSTILE, right=False, sure_right=False, short_answer=HOSTILE, tags=(HOSTILE,),
    confidence=0.55, measures={"accepted": 0.0, "recall@5": 0.0, "f1": 0.1}, lang="en",
)  # fmt: skip
DECLINED = record(
    "q3", question="红河村呢?", answerable=False, answered=False, short_answer=None,
    reason="entity_mismatch", confidence=0.1, sure_right=False, measures={"rejection": 1.0},
)  # fmt: skip
MANY = [replace(BRIDGE, id=f"m{i}", question=f"第{i}问") for i in range(150)]


@pytest.fixture(scope="module")  # its event loop must not outlive these tests
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def view() -> str:
    return "desk"


@pytest.fixture
def page(browser: Browser, view: str, tmp_path: Path) -> Iterator[Page]:
    """The report of a run with a comparison and a gate; its requests and errors are judged."""
    after = run("after", BRIDGE, WRONG, DECLINED, *MANY)
    before = run("before", replace(BRIDGE, right=False, short_answer="20座"), WRONG, DECLINED)
    checks = [Check("s", "accepted", 0.9, 0.99, at_most=False)]
    path = tmp_path / "after.html"
    text = report_html(after, summarise(after.records), compare(before, after), checks, "en")
    path.write_text(text, encoding="utf-8")
    context = browser.new_context(**VIEWS[view])
    page = context.new_page()
    page.set_default_timeout(10_000)
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.goto(path.as_uri())
    page.locator(".row").first.wait_for()
    yield page
    context.close()
    assert requests == [path.as_uri()]
    assert errors == []


def shown(page: Page) -> list[str]:
    return page.locator(".row > summary > span:nth-child(2)").all_inner_texts()


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_it_fits_the_screen_in_light_and_dark(page: Page, view: str) -> None:
    for summary in page.locator("section summary").all()[:3]:
        summary.click()
    page.locator(".row > summary").first.click()
    assert page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = max(map(int, colour.removeprefix("rgb(").removesuffix(")").split(",")))
    assert brightness < 60 if "dark" in view else brightness > 200
    assert page.locator("svg").count() == 3


def test_figures_plots_gate_and_comparison_are_there(page: Page) -> None:
    text = page.locator("main").inner_text()
    for words in ("Gate held", "before → after: 3 questions in both", "99.3%", "Calibration"):
        assert words in text
    assert page.locator("svg polyline").get_attribute("points")


def test_a_question_opens_with_its_citation_in_its_passage(page: Page) -> None:
    row = page.locator(".row").first
    row.locator("summary").click()
    inside = row.locator(".inside").inner_text()
    assert row.locator("mark").inner_text() == "蓝溪村修了37座石桥。"
    for words in ("…开头。", "结尾。…", "docs/bridge.md", "20座", "BM25 1", "accepted 1"):
        assert words in inside


def test_questions_are_found_by_words_outcome_tag_and_flip(page: Page) -> None:
    page.fill("input[type=search]", "红河")
    assert shown(page) == ["红河村呢?"]
    page.fill("input[type=search]", "")
    page.select_option("select[name=outcome]", "wrong")
    assert shown(page) == [HOSTILE]
    page.select_option("select[name=outcome]", "")
    page.select_option("select[name=flip]", "gained")
    assert page.locator("#count").inner_text() == "1 of 153 questions"
    assert page.locator(".flip").inner_text() == "became right"
    page.select_option("select[name=lang]", "en")
    assert shown(page) == []


def test_a_long_table_grows_as_one_asks(page: Page) -> None:
    assert page.locator(".row").count() == 100
    page.locator("#more").click()
    assert page.locator(".row").count() == 153
    assert page.locator("#more").is_hidden()


def test_what_articles_and_questions_hold_is_shown_and_not_obeyed(page: Page) -> None:
    page.fill("input[type=search]", "onerror")
    assert shown(page) == [HOSTILE]
    page.locator(".row > summary").click()
    page.wait_for_timeout(200)
    assert page.evaluate("window.owned") is None
    assert page.locator("img").count() == 0


def test_a_page_of_very_many_questions_keeps_the_wrong_ones() -> None:
    records = [replace(BRIDGE, id=str(i)) for i in range(3100)]
    text = report_html(run("many", *records, WRONG), summarise([BRIDGE]), None, (), "zh")
    assert "超出 3000 个的 101 个问题" in text
    assert '"id": "q2"' in text
