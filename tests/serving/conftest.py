"""One server in a process of its own, over the repository's articles and a hostile one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import openai
import pytest

DOCS = Path(__file__).parents[2] / "docs"
HOSTILE = """---
title: "<script>window.owned=1</script>蓝溪村<img src=x onerror='window.owned=2'>"
---

蓝溪村在2025年修了37座石桥<img src="http://192.0.2.1/x.png" onerror="window.owned=3">。

<script>window.owned=4</script>

<div id="cover" style="position:fixed;inset:0;background:red;z-index:99999">盖住</div>

蓝溪村的门票是$$x^2$$元，**粗体** ![图](http://192.0.2.1/y.png)。
"""


ADMIN = "test-admin-token"
GUARDED = Path(__file__).with_name("guarded.py")


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: its address, port, working folder, what it connected to, its process."""

    url: str
    port: int
    folder: Path
    connections: Path
    process: subprocess.Popen[str]


@contextmanager
def serving(folder: Path, *, log: str = "", **environment: str) -> Iterator[Served]:
    """`rag serve` in a process of its own, in a folder with docs/; ended by Ctrl-C.

    `log` is the pattern of all that it may say on the way.
    """
    connections = folder / "connections.txt"
    process = subprocess.Popen(
        [sys.executable, GUARDED, connections, "--lang", "en", "serve", "--index", "index",
         "--port", "0"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
    )  # fmt: skip
    assert process.stderr is not None
    said = ""
    for said in process.stderr:
        if "serving on http://127.0.0.1:" in said:
            break
    assert "serving on http://127.0.0.1:" in said, said
    url = said.split()[2]
    try:
        yield Served(f"{url}/", urlsplit(url).port or 0, folder, connections, process)
    finally:
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=30)
    # Ctrl-C is how a server is stopped: no failure, nothing to say.
    assert process.returncode == 0
    assert re.fullmatch(log, rest.strip()), rest


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(DOCS, folder / "docs")
    (folder / "docs" / "hostile.md").write_text(HOSTILE, encoding="utf-8")
    # Without an index the command builds one from docs/ first.
    with serving(folder, RAG_SERVER__ADMIN_TOKEN=ADMIN, RAG_SERVER__RATE_LIMIT="") as served:
        yield served
    # Not one connection out, from the start to the end.
    noted = served.connections.read_text(encoding="utf-8").splitlines()
    assert [line for line in noted if not re.search(r"127\.0\.0\.1|localhost|::1", line)] == []


def openai_client(served: Served) -> openai.OpenAI:
    """The official client of the server's chat API."""
    return openai.OpenAI(
        base_url=f"{served.url}v1",
        api_key="none needed",
        http_client=openai.DefaultHttpxClient(trust_env=False),
        max_retries=0,
    )
