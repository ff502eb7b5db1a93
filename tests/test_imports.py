"""What a question may cost: which libraries it loads, and that nothing leaves the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ARTICLE = "蓝溪村在2025年修了37座石桥。"
HEAVY = (
    "torch",
    "transformers",
    "langchain_core",
    "langchain_text_splitters",
    "gradio",
    "sentence_transformers",
    "openai",
    "pymilvus",
    "ray",
    "grpc",
)
_PROGRAM = """
import json, socket, sys

reached = []

def watch(event, arguments):
    if event == "socket.connect":
        reached.append(str(arguments[1]))
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        reached.append(str(arguments[0]))

sys.addaudithook(watch)
from rag.cli import main

for command in json.loads(sys.argv[1]):
    try:
        main(command)
    except SystemExit as end:
        assert end.code == 0, end.code
print(json.dumps({"modules": sorted(sys.modules), "reached": reached}))
"""


def run(folder: Path, *commands: list[str]) -> tuple[set[str], list[str]]:
    """Run commands in one new process; its modules and the addresses it looked for."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(commands)],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    return set(result["modules"]), result["reached"]


def test_a_question_loads_no_heavy_library_and_reaches_nothing(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text(ARTICLE, encoding="utf-8")
    index, ask = ["index"], ["ask", "蓝溪村修了多少座石桥?", "--json"]

    _, reached = run(tmp_path, index, ask)
    assert [address for address in reached if "127.0.0.1" not in address] == []

    modules, reached = run(tmp_path, ask)
    assert [name for name in HEAVY if name in modules] == []
    assert reached == []
    assert "model2vec" in modules  # the check would see what is loaded
