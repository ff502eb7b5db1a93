"""Values are set in a settings file and everything else in it stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.config import load_settings
from rag.errors import ConfigError
from rag.tomlfile import write_settings


@pytest.mark.parametrize(
    "before",
    [
        "",
        '# ours\n[embedding]\nmodel = "old" # why\ndevice = "cpu"\n',
        'embedding.model = "old"\nembedding.device = "cpu"\n',
        'embedding = { model = "old", device = "cpu" }\n',
        "[server]\nport = 1\n",
    ],
)
def test_whatever_the_file_is_like_the_value_is_read_back(before: str, tmp_path: Path) -> None:
    path = tmp_path / "rag.toml"
    path.write_text(before, encoding="utf-8")
    write_settings(path, {"embedding.model": "新 new", "retrieval.top_k": 5})
    settings = load_settings(path)
    assert (settings.embedding.model, settings.retrieval.top_k) == ("新 new", 5)
    assert settings.embedding.device == ("cpu" if "cpu" in before else "")
    write_settings(path, {"embedding.model": None, "retrieval.top_k": None})
    settings = load_settings(path)
    assert (settings.embedding.model, settings.retrieval.top_k) == ("default", 8)


def test_comments_stay(tmp_path: Path) -> None:
    path = tmp_path / "rag.toml"
    path.write_text('# ours\n[embedding] # e\nmodel = "old" # why\n', encoding="utf-8")
    write_settings(path, {"embedding.model": "new"})
    assert path.read_text(encoding="utf-8") == '# ours\n[embedding] # e\nmodel = "new" # why\n'


@pytest.mark.parametrize("broken", ["nonsense", 'embedding = "text"\n'])
def test_a_file_that_is_no_settings_file_is_left(broken: str, tmp_path: Path) -> None:
    path = tmp_path / "rag.toml"
    path.write_text(broken, encoding="utf-8")
    with pytest.raises(ConfigError, match="mend it first"):
        write_settings(path, {"embedding.model": "new"})
    assert path.read_text(encoding="utf-8") == broken


def test_a_key_that_is_not_there_need_not_be_taken_out(tmp_path: Path) -> None:
    write_settings(tmp_path / "rag.toml", {"embedding.model": None})
    assert (tmp_path / "rag.toml").read_text(encoding="utf-8") == ""
