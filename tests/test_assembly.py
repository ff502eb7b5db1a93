"""Configuration -> parts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.assembly import (
    LiveAssistant,
    assistant_of,
    backend_of,
    embedder_of,
    indexer_of,
    place_list,
    segment,
)
from rag.config import ChunkingSettings, IndexSettings, RetrievalSettings, Settings
from rag.errors import ModelError, NoIndexError
from rag.text import fold

BRIDGE = "蓝溪村在2025年修了37座石桥。"
QUESTION = "蓝溪村修了多少座石桥?"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "bridge.txt").write_text(BRIDGE, encoding="utf-8")
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(index=IndexSettings(dir=tmp_path / "index"))


@given(st.text(max_size=60) | st.text("龙泉驿区2025年abc 𠮷é️😀\n", max_size=60))
def test_segments_cover_the_whole_text_in_order_without_overlap(text: str) -> None:
    folded = fold(text)
    at = 0
    for start, end in segment(folded):
        assert start == at
        assert end > start
        at = end
    assert at == len(folded)


def test_segments_are_words_where_the_vocabulary_has_them() -> None:
    words = [text[start:end] for text in ["简云久和工友"] for start, end in segment(text)]
    assert "工友" in words


def test_the_place_list_is_folded_and_without_suffix() -> None:
    places = place_list()
    assert {"龙泉驿", "邛崃"} <= places
    assert all(place == fold(place).strip() for place in places)
    assert place_list() is places


def test_settings_reach_the_chunker_and_the_recipe(docs: Path, settings: Settings) -> None:
    text = "".join(f"第{i}座桥修在村子的第{i}个路口。" for i in range(60))
    (docs / "long.txt").write_text(text, encoding="utf-8")
    small = settings.model_copy(update={"chunking": ChunkingSettings(size=60, overlap=10)})
    indexer_of(small).index([docs])
    assistant = assistant_of(small)
    hits = assistant.ask("第7座桥修在哪里?").hits
    assistant.close()
    assert hits
    assert all(len(hit.chunk.text) <= 60 for hit in hits)


def test_top_k_is_the_number_of_passages_an_answer_is_drawn_from(
    docs: Path, settings: Settings
) -> None:
    for i in range(6):
        (docs / f"{i}.txt").write_text(f"{'甲乙丙丁戊己'[i]}村修了{i + 2}座木桥，通向山外。")
    indexer_of(settings).index([docs])
    two = settings.model_copy(update={"retrieval": RetrievalSettings(top_k=2)})
    assistant = assistant_of(two)
    assert len(assistant.ask("丙村修了多少座木桥?").hits) == 2
    assistant.close()


def test_the_index_folder_of_the_settings_is_used(settings: Settings, docs: Path) -> None:
    backend = backend_of(settings, embedder_of(settings))
    with pytest.raises(NoIndexError, match="there is no index here"):
        backend.open()
    indexer_of(settings).index([docs])
    assert (settings.index.dir / "CURRENT").is_file()
    assert backend.snapshot()


def test_an_unknown_model_is_a_model_error(settings: Settings, tmp_path: Path) -> None:
    embedding = settings.embedding.model_copy(update={"model": str(tmp_path / "no-model")})
    with pytest.raises(ModelError):
        embedder_of(settings.model_copy(update={"embedding": embedding}))


def test_without_an_index_there_is_no_assistant(settings: Settings) -> None:
    with pytest.raises(NoIndexError):
        assistant_of(settings)
    with pytest.raises(NoIndexError):
        LiveAssistant(settings).get()


def test_the_live_assistant_follows_a_new_generation(docs: Path, settings: Settings) -> None:
    indexer_of(settings).index([docs])
    live = LiveAssistant(settings)
    old = live.get()
    assert live.get() is old
    assert old.ask(QUESTION).short_answer == "37座"

    (docs / "bridge.txt").write_text(BRIDGE.replace("37", "41"), encoding="utf-8")
    indexer_of(settings).index([docs])
    assert live.get() is old  # nothing is opened while a question is asked
    live.refresh()
    new = live.get()
    assert new is not old
    assert new.ask(QUESTION).short_answer == "41座"
    # A question that is being answered from the old state still can be.
    assert old.ask(QUESTION).short_answer == "37座"
    new.close()
    old.close()


def test_the_live_assistant_survives_two_generations_it_did_not_see(
    docs: Path, settings: Settings
) -> None:
    indexer_of(settings).index([docs])
    live = LiveAssistant(settings)
    old = live.get()
    for number in (41, 42):
        (docs / "bridge.txt").write_text(BRIDGE.replace("37", str(number)), encoding="utf-8")
        indexer_of(settings).index([docs])
    assert old.ask(QUESTION).short_answer == "37座"  # its files are gone from the folder
    live.refresh()
    assert live.get().ask(QUESTION).short_answer == "42座"
    live.get().close()
    old.close()
