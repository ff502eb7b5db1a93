"""Generators of other packages, found by their entry point."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rag.answering import plugin_names
from rag.assembly import assistant_of, indexer_of
from rag.config import GeneratorSettings, IndexSettings, Settings
from rag.errors import ConfigError
from tests.answering.articles import write_articles

EXAMPLE = Path(__file__).parent / "plugin"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("plugins")
    settings = Settings(index=IndexSettings(dir=folder / "index"))
    indexer_of(settings).index([write_articles(folder / "docs")])
    return settings


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    source = shutil.copytree(EXAMPLE, folder / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run(
        [*command, "--no-build-isolation", "--target", str(folder / "site"), str(source)],
        check=True,
        capture_output=True,
    )
    return folder / "site"


def using(settings: Settings, backend: str) -> Settings:
    generator = GeneratorSettings(backend=backend, model="echo says")
    return settings.model_copy(update={"generator": generator})


def test_a_generator_of_another_package_answers(
    installed: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(installed))
    assert "echo" in plugin_names()
    assistant = assistant_of(using(settings, "echo"))
    answer = assistant.ask("龙泉驿区建了多少党员先锋岗?")
    assistant.close()
    assert answer.generator == "echo"
    assert answer.text == "echo says: 龙泉驿区在生产一线建立200余个党员先锋岗。[1]"
    assert answer.sentences[0].supported


def test_a_back_end_that_nobody_brings_is_refused_with_those_that_there_are(
    settings: Settings,
) -> None:
    with pytest.raises(ConfigError, match=r"there are: extractive, openai") as caught:
        assistant_of(using(settings, "oracle"))
    assert "generator.backend='oracle'" in caught.value.say("zh")


def test_a_plug_in_that_does_not_start_is_named(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rag.generators]\nbroken = no_such_module:build\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match="plug-in no_such_module:build doesn't start"):
        assistant_of(using(settings, "broken"))
