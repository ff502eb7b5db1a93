"""Debian's Chromium for tests: never a browser of Playwright's own, and nothing fetched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = Path("/usr/bin/chromium")
MISSING = "apt-get install chromium fonts-noto-cjk"
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_DESK = {"width": 1280, "height": 900}
_PHONE = {"width": 390, "height": 844}
VIEWS: dict[str, dict[str, Any]] = {
    "desk": {"viewport": _DESK},
    "phone": {"viewport": _PHONE, "is_mobile": True, "has_touch": True},
    "dark": {"viewport": _DESK, "color_scheme": "dark"},
    "dark phone": {"viewport": _PHONE, "color_scheme": "dark"},
}


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser. For one module at a time: its event loop must not outlive the module's tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=_ARGUMENTS
        )
        yield browser
        browser.close()
