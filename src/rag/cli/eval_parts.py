"""What the subcommands of `rag eval` share: the sets, the index they are asked over, the bar."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rag.cli.base import lang, say, with_index
from rag.cli.indexing import DEFAULT_ARTICLES, progress_bar
from rag.config import Settings
from rag.errors import ConfigError

if TYPE_CHECKING:
    from rag.evaluation import GoldSet, System

GOLD = Path("eval") / "gold"


def open_sets(paths: Sequence[Path]) -> list[GoldSet]:
    """The named sets, or those of eval/gold/. Raises ConfigError, GoldError."""
    from rag.evaluation import open_set

    chosen = list(paths) or sorted(GOLD.glob("*.jsonl"))
    if not chosen:
        raise ConfigError(
            f"{GOLD}: there are no gold sets; name one, or draft one with: rag eval init",
            f"{GOLD}：没有题集，请指定题集文件，或运行 rag eval init 生成草稿",
        )
    sets = [open_set(path) for path in chosen]
    names = [one.name for one in sets]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"two sets are called {name}; rename one of the files",
                f"有两个题集都名为 {name}，请重命名其中一个文件",
            )
    return sets


def nothing_indexed(settings: Settings) -> bool:
    """Whether there is no index yet but there are articles, as on a fresh clone."""
    from rag.assembly import backend_of, embedder_of
    from rag.errors import NoIndexError

    if not DEFAULT_ARTICLES.is_dir():
        return False
    try:
        backend_of(settings, embedder_of(settings)).snapshot()
    except NoIndexError:
        say(
            f"there is no index yet; measuring over {DEFAULT_ARTICLES}/",
            f"还没有索引，改用 {DEFAULT_ARTICLES}/ 评测",
        )
        return True
    return False


def about_index(system: System, sets: Sequence[GoldSet], *, named: bool) -> list[GoldSet]:
    """The sets that can be asked: those that name only articles the index lacks are left out.

    Sets that were named are asked all the same, with a warning. Raises ConfigError for none left.
    """
    kept = []
    for one in sets:
        wanted = {document for gold in one.questions for document in gold.documents}
        if not wanted or any(system.assistant.document(document) for document in wanted):
            kept.append(one)
        elif named:
            kept.append(one)
            say(
                f"{one.name}: none of the articles it names is in this index; check --index",
                f"{one.name}：题集所指的文章都不在此索引中，请检查 --index",
            )
        else:
            say(
                f"{one.name}: left out, the articles it names aren't in this index",
                f"{one.name}：已跳过，其所指的文章不在此索引中",
            )
    if not kept:
        raise ConfigError(
            f"no set of {GOLD} is about the articles of this index; name a set, or another --index",
            f"{GOLD} 中没有与此索引相关的题集，请指定题集或其他 --index",
        )
    return kept


def sampled(gold_set: GoldSet, count: int | None) -> GoldSet:
    """`count` of the questions, drawn at random and always the same; all without a count."""
    import random
    from dataclasses import replace

    if count is None or count >= len(gold_set.questions):
        return gold_set
    chosen = sorted(random.Random(0).sample(range(len(gold_set.questions)), count))
    return replace(gold_set, questions=tuple(gold_set.questions[i] for i in chosen))


@contextmanager
def indexed(
    settings: Settings,
    sets: Sequence[GoldSet],
    corpus: Sequence[Path],
    *,
    limit: int | None = None,
    named_index: bool = False,
) -> Iterator[Settings]:
    """Settings with the configured index, or a temporary one where sets or --corpus bring articles.

    Where there is no index yet and none was named, docs/ is the corpus, as for `rag serve`.
    """
    from rag.assembly import indexer_of
    from rag.evaluation.articles import gather

    brings = any(one.brings_articles for one in sets)
    if not corpus and not brings and not named_index and nothing_indexed(settings):
        corpus = (DEFAULT_ARTICLES,)
    if not corpus and not brings:
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="rag-eval-") as name:
        paths = gather(sets, corpus, Path(name), limit=limit)
        temporary = with_index(settings, Path(name) / "index")
        with progress_bar() as progress:
            report = indexer_of(temporary).index(paths, progress=progress)
        for problem in report.problems:
            say(problem.error.en, problem.error.zh)
        yield temporary


@contextmanager
def bar(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, for a terminal alone; yields what moves it on."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Remaining(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("提问" if lang() == "zh" else "asking", total=total)
        yield lambda count: bar.advance(task, count)
