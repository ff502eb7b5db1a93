"""Asking a real assistant over two articles: what a record keeps of each question."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.assembly import indexer_of, system_of
from rag.config import AnsweringSettings, IndexSettings, ServerSettings, Settings
from rag.evaluation import Gold, GoldSet, Record, System, run_sets
from rag.types import Turn

BRIDGE = "村子不大。蓝溪村在2025年修了37座石桥。村里的老人说，桥修好以后，孩子上学近了一半。"
SCHOOL = "红河小学有412名学生。学校在2024年搬进了新校舍。"
BRIDGES = Gold(
    "1", "蓝溪村修了多少座石桥?", answers=("37座",), evidence=("修了37座石桥",), tags=("count",)
)
PUPILS = Gold(
    "2", "那红河小学有多少名学生?", answers=("412名",), evidence=("412名学生",),
    history=(Turn("蓝溪村修了多少座石桥?", "37座"),),
)  # fmt: skip
NOWHERE = Gold("3", "双流区修了多少座石桥?", answerable=False)


def written(folder: Path) -> Path:
    docs = folder / "docs"
    docs.mkdir()
    (docs / "bridge.md").write_text(f"# 石桥\n\n{BRIDGE}\n", encoding="utf-8")
    (docs / "school.md").write_text(f"# 学校\n\n{SCHOOL}\n", encoding="utf-8")
    return docs


def settings(folder: Path, threshold: float = 0.4) -> Settings:
    return Settings(
        index=IndexSettings(dir=folder / "index"),
        answering=AnsweringSettings(threshold=threshold),
        server=ServerSettings(host="secret.example"),
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runner")
    indexer_of(settings(folder)).index([written(folder)])
    return folder


@pytest.fixture(scope="module")
def system(home: Path) -> Iterator[System]:
    opened = system_of(settings(home))
    yield opened
    opened.close()


def asked(system: System, *questions: Gold) -> tuple[Record, ...]:
    return run_sets(system, [GoldSet("s", questions)])


def test_a_right_answer_is_kept_with_its_sentence_and_what_stands_around_it(
    system: System,
) -> None:
    (found,) = asked(system, BRIDGES)
    assert (found.right, found.sure_right, found.short_answer) == (True, True, "37座")
    (quote,) = found.quotes
    assert quote.quote == "蓝溪村在2025年修了37座石桥。"
    assert quote.before.endswith("村子不大。")
    assert quote.after.startswith("村里的老人说")
    assert quote.source == "docs/bridge.md"
    assert (found.first_rank, found.passages[0].wanted) == (1, True)
    assert found.measures["recall@1"] == found.measures["f1"] == found.measures["accepted"] == 1.0
    assert found.timings_ms["total"] > 0


def test_a_follow_up_is_asked_with_its_history(system: System) -> None:
    (found,) = asked(system, PUPILS)
    assert found.right
    assert found.history == ("蓝溪村修了多少座石桥?",)


def test_a_refusal_of_what_the_articles_do_not_say_is_right(system: System) -> None:
    (found,) = asked(system, NOWHERE)
    assert (found.answered, found.right, found.sure_right) == (False, True, False)
    assert (found.measures["rejection"], found.measures["accuracy"]) == (1.0, 1.0)
    assert "recall@1" not in found.measures
    assert found.first_rank is None


def test_a_declined_answer_is_looked_at_all_the_same(home: Path) -> None:
    careful = system_of(settings(home, threshold=1.0))
    (found,) = asked(careful, BRIDGES)
    careful.close()
    assert (found.answered, found.right, found.reason) == (False, False, "low_confidence")
    assert (found.withheld, found.sure_right) == ("37座", True)
    assert found.measures["f1"] == 0.0


def test_what_is_wanted_and_not_found_is_searched_for_deeper(system: System) -> None:
    missing = Gold("4", "蓝溪村修了多少座石桥?", answers=("9座",), evidence=("修了9座",))
    (found,) = asked(system, missing)
    assert found.first_rank is None
    assert found.measures["recall@20"] == 0.0
    assert not any(passage.wanted for passage in found.passages)


def test_progress_counts_every_question(system: System) -> None:
    counted: list[int] = []
    run_sets(system, [GoldSet("s", (BRIDGES, NOWHERE))], progress=counted.append)
    assert counted == [1, 1]


def test_the_fingerprint_says_what_was_measured_and_no_address_or_key(
    system: System, home: Path
) -> None:
    own = system.fingerprint
    assert own.documents == 2
    assert own.config["answering"]["threshold"] == 0.4
    assert "secret" not in str(own)
    assert own.embedder_sha
    assert own.packages["numpy"][0].isdigit()


def test_the_index_has_the_same_fingerprint_after_a_rebuild_elsewhere(
    system: System, tmp_path: Path
) -> None:
    docs = written(tmp_path)
    indexer_of(settings(tmp_path)).index([docs])
    again = system_of(settings(tmp_path))
    assert again.fingerprint.index_sha == system.fingerprint.index_sha
    again.close()
    (docs / "more.md").write_text("又一篇文章，说的是另一件事。", encoding="utf-8")
    indexer_of(settings(tmp_path)).index([docs])
    other = system_of(settings(tmp_path))
    assert other.fingerprint.index_sha != system.fingerprint.index_sha
    other.close()
