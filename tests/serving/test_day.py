"""A whole day of use: indexing, asking, chat, widget, evaluation, all on one machine."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.browser import CHROMIUM, MISSING, chromium
from tests.serving.conftest import ADMIN, DOCS, GUARDED, serving

ROOT = Path(__file__).parents[2]
POSTS = "龙泉驿区建了多少党员先锋岗?"
OA = "https://oa.example.cn"
Rag = Callable[..., str]


def abroad(connections: Path) -> list[str]:
    """What was noted and isn't this machine's: no loopback address, no socket in a folder."""
    lines = connections.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not _at_home(line)]


def _at_home(line: str) -> bool:
    return any(home in line for home in ("127.0.0.1", "localhost", "'::1'")) or line.startswith("/")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(DOCS, tmp_path / "docs")
    return tmp_path


@pytest.fixture
def rag(folder: Path) -> Rag:
    """A command in a process of its own, in the folder; what it prints."""

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, GUARDED, folder / "connections.txt", "--lang", "en", *arguments],
            cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_guard_notices_what_leaves(folder: Path) -> None:
    """Nothing is sent: a datagram socket that is connected only remembers the address."""
    code = (
        f"import runpy, socket, sys; sys.argv = ['guarded', {str(folder / 'c')!r}, '--version']\n"
        f"try: runpy.run_path({str(GUARDED)!r}, run_name='__main__')\nexcept SystemExit: pass\n"
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    )
    subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert abroad(folder / "c") == ["('192.0.2.1', 9)"]


@pytest.mark.skipif(not CHROMIUM.exists(), reason=MISSING)
def test_a_day_of_use_reaches_nothing_outside_this_machine(folder: Path, rag: Rag) -> None:
    rag("index", "docs")
    assert "200余个" in rag("ask", POSTS)
    rag("documents", "list")
    gold = str(ROOT / "eval" / "gold" / "sample.jsonl")
    assert "Recall@5" in rag("eval", gold, "--sample", "5", "--out", "reports")
    rag("backup", "day.tar")
    with serving(
        folder, RAG_SERVER__ADMIN_TOKEN=ADMIN, RAG_SERVER__ALLOWED_ORIGINS=f'["{OA}"]'
    ) as served:
        _ask_in_the_page(served.url)
        _ask_as_the_widget(served.url)
        noted = served.connections
    assert abroad(noted) == []
    assert noted.read_text(encoding="utf-8")  # the server's own address at least
    with socket.socket() as free:  # and nothing is left listening
        free.bind(("127.0.0.1", served.port))


def _ask_in_the_page(url: str) -> None:
    with chromium() as browser:
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        page.get_by_role("textbox").first.fill(POSTS)
        page.keyboard.press("Enter")
        page.get_by_text("200余个").first.wait_for()
        assert [one for one in asked if not one.startswith((url, "data:", "blob:"))] == []


def _ask_as_the_widget(url: str) -> None:
    with httpx.Client(base_url=url, headers={"Origin": OA}, trust_env=False) as client:
        assert client.get("widget.js").status_code == 200
        token = client.post("api/widget/token").json()["token"]
        reply = client.post(
            "api/ask", json={"question": POSTS}, headers={"X-Wenyuan-Token": token}, timeout=60
        )
        assert reply.json()["short_answer"] == "200余个"
