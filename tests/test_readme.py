"""The README's commands, examples and tables are what the product does."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from rag.config import load_settings, settings_table

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.zh-CN.md")
COMMANDS = set(
    "ask backup bundle doctor documents eval feedback index key models restore serve".split()
)


def _examples() -> list[tuple[str, str, str]]:
    """`(readme, command, expected output)` of every `$ rag ...` in a console block."""
    found = []
    for name in READMES:
        text = (ROOT / name).read_text(encoding="utf-8")
        for block in re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL):
            for command, output in re.findall(r"^\$ (rag .*)\n((?:(?!\$ ).*\n)*)", block, re.M):
                found.append((name, command, output))
    return found


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme") / "index"
    _run(f"rag index docs --index {folder}")
    return folder


def _run(command: str) -> str:
    shell = command.replace("rag ", f"{sys.executable} -m rag ", 1)
    run = subprocess.run(shell, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    return run.stdout


@pytest.mark.parametrize(("readme", "command", "output"), _examples())
def test_an_example_prints_what_the_readme_shows(
    readme: str, command: str, output: str, index: Path
) -> None:
    assert _run(f"{command} --index {index}") == output


def test_both_readmes_have_examples() -> None:
    assert {readme for readme, _, _ in _examples()} == set(READMES)


def test_the_settings_table_is_the_generated_one() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", text, flags=re.DOTALL)
    assert shown is not None
    assert shown.group(1) == settings_table()


@pytest.mark.parametrize("readme", READMES)
def test_the_two_make_commands_are_shown_and_exist(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("serve", "test"):
        assert f"make {target}" in text
        assert re.search(rf"^{target}:", rules, flags=re.MULTILINE)


@pytest.mark.parametrize("readme", READMES)
def test_every_command_of_the_table_has_help(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    commands = set(re.findall(r"^\| `rag (\w+)", text, flags=re.MULTILINE))
    assert commands == COMMANDS
    for command in commands:
        assert "Usage: rag" in _run(f"rag {command} --help")


@pytest.mark.parametrize(
    ("readme", "least"), [("README.md", 9), ("README.zh-CN.md", 1), ("MILVUS.md", 1)]
)
def test_every_block_of_settings_is_accepted(readme: str, least: int, tmp_path: Path) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) >= least
    for block in blocks:
        (tmp_path / "rag.toml").write_text(block, encoding="utf-8")
        assert load_settings(tmp_path / "rag.toml").generator.model or "[generator]" not in block


def test_every_dependency_has_its_line_in_contributing() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = list(project["dependencies"])
    for extra in ("ocr", "milvus", "ray", "train"):
        wanted += extras[extra]
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names = {re.split(r"[<>=\[; ]", line)[0] for line in wanted}
    assert {name for name in names if name not in text} == set()
