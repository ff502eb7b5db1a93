"""SECURITY.md names a test for each line; each of them is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))


@cache
def functions(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(("path", "function"), NAMED)
def test_a_test_that_is_named_exists(path: str, function: str) -> None:
    assert function in functions(path)


def test_every_line_of_the_threat_model_names_a_test() -> None:
    rows = re.findall(r"^\| .* \|$", TEXT.split("## A reader\n")[1], flags=re.MULTILINE)
    lines = [row for row in rows if not re.match(r"\| (?:tries|happens|---) \|", row)]
    assert len(lines) > 30
    assert [line for line in lines if "`tests/" not in line] == []
