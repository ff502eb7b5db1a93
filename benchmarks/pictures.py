"""The README's pictures, taken from the running product.

    python -m benchmarks.pictures

Needs Chromium (apt-get install chromium fonts-noto-cjk); writes images/chat.png and widget.png.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.serving import started
from rag.assembly import indexer_of
from rag.config import IndexSettings, Settings

ROOT = Path(__file__).parents[1]
CHROMIUM = "/usr/bin/chromium"
POSTS = "龙泉驿区建了多少党员先锋岗?"


def chat(page: Page, url: str) -> None:
    """The chat page with an answer and its source open."""
    page.goto(f"{url}/?lang=zh")
    box = page.locator("#wy-box textarea")
    box.fill(POSTS)
    box.press("Enter")
    page.locator("button.option").first.wait_for()
    page.locator("a.wy-marker").click()
    page.frame_locator("#wy-panel iframe").locator("mark").wait_for()
    page.wait_for_timeout(600)
    page.screenshot(path=ROOT / "images" / "chat.png")


def widget(page: Page, url: str) -> None:
    """The widget on its demonstration page, with an answer."""
    page.goto(f"{url}/widget/demo?lang=zh")
    page.wait_for_function("window.wenyuan")
    page.evaluate("question => window.wenyuan.ask(question)", POSTS)
    page.wait_for_timeout(1500)
    page.screenshot(path=ROOT / "images" / "widget.png")


def main() -> None:
    """Index the sample articles, serve them, take both pictures."""
    (ROOT / "images").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        index = Path(folder) / "index"
        indexer_of(Settings(index=IndexSettings(dir=index))).index([ROOT / "docs"])
        command = [sys.executable, "-m", "rag", "--lang", "en", "serve", "--index", str(index)]
        with started([*command, "--port", "0"]) as (url, _, _):
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
            )
            for take in (chat, widget):
                view = browser.new_page(viewport={"width": 1200, "height": 720}, locale="zh-CN")
                take(view, url)
            browser.close()


if __name__ == "__main__":
    main()
