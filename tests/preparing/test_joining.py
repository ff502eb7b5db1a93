"""Addresses of clusters, and a machine without Ray."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rag.errors import ConfigError
from rag.preparing.joining import checked
from tests.command import in_this_process


@pytest.mark.parametrize("address", ["ray", "ray://10.0.0.1:10001", "10.0.0.1:6379", "[::1]:6379"])
def test_an_address_of_a_cluster_is_taken(address: str) -> None:
    assert checked(address) == address


@pytest.mark.parametrize("address", ["rays", "ray://", "ray://head", ":6379", "http://head:8265"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="write ray://HOST:PORT") as error:
        checked(address)
    assert address in error.value.zh


def test_where_ray_is_missing_the_command_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("山上有一座亭子。", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)
    done = in_this_process(capsys, monkeypatch)("--lang", "en", "index", "--workers", "ray")
    assert done.code == 2
    assert done.sentence.endswith('install it with: pip install "wenyuan[ray]"')
    assert not (tmp_path / "index" / "CURRENT").exists()
