"""A server goes on while its index is backed up and restored, and follows."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.serving.conftest import DOCS, serving

ARTICLE = "bridge.md"
QUESTION = "青鹭桥全长多少米?"


def rag(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "rag", "--lang", "en", *arguments]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return run.stderr


def test_a_running_server_follows_what_is_restored(tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs")
    (tmp_path / "docs" / ARTICLE).write_text("# 青鹭桥\n\n青鹭桥全长913米。\n", encoding="utf-8")
    rag(tmp_path, "index")
    with serving(tmp_path, RAG_SERVER__RATE_LIMIT="") as served:
        answer = httpx.post(f"{served.url}api/ask", json={"question": QUESTION}).json()
        rating = {"answer_id": answer["answer_id"], "rating": "up", "comment": ""}
        httpx.post(f"{served.url}api/feedback", json=rating).raise_for_status()
        assert "23 articles" in rag(tmp_path, "backup", "day.tar")
        (tmp_path / "docs" / ARTICLE).unlink()
        rag(tmp_path, "index", "--prune")
        assert not answered(served.url, wanted=False)
        assert "the ratings that are here stay" in rag(tmp_path, "restore", "day.tar")
        assert answered(served.url, wanted=True)
        assert "the ratings were restored" in rag(tmp_path, "restore", "day.tar", "--feedback")


def answered(url: str, *, wanted: bool) -> bool:
    """Whether the question is answered, once it is as wanted or ten seconds have passed."""
    end = time.monotonic() + 10
    while True:
        body = {"question": QUESTION}
        found = bool(httpx.post(f"{url}api/ask", json=body, timeout=30).json()["answered"])
        if found == wanted or time.monotonic() > end:
            return found
        time.sleep(0.2)
