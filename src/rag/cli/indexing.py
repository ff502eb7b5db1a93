"""`rag index`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from rag.cli.base import cli, index_option, index_place, lang, say, with_index
from rag.config import Settings
from rag.errors import IndexBusyError

if TYPE_CHECKING:
    from rag.indexing import IndexReport, Progress

DEFAULT_ARTICLES = Path("docs")


@cli.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@index_option
@click.option("--prune", is_flag=True, help="Also remove files that are gone from the folders.")
@click.option("--rebuild", is_flag=True, help="Start from nothing instead of updating.")
@click.option(
    "--workers",
    metavar="ADDRESS",
    default="",
    help="Ray cluster that prepares the files: ray://HOST:PORT, HOST:PORT, or ray: this machine.",
)
@click.pass_obj
def index(
    settings: Settings,
    paths: tuple[Path, ...],
    index_dir: Path | None,
    prune: bool,
    rebuild: bool,
    workers: str,
) -> int:
    """Build or update the index from files, folders and globs; without any, from docs/."""
    chosen = paths or (DEFAULT_ARTICLES,)
    settings = with_index(settings, index_dir)
    report = build(settings, chosen, prune=prune, rebuild=rebuild, workers=workers)
    return 1 if report.problems else 0


def build(
    settings: Settings,
    paths: Sequence[Path],
    *,
    prune: bool = False,
    rebuild: bool = False,
    workers: str = "",
) -> IndexReport:
    """Index `paths` with a progress bar, then print the problems and the counts."""
    from rag.assembly import indexer_of

    indexer = indexer_of(settings, workers=workers)
    with progress_bar() as progress:
        report = indexer.index(paths, prune=prune, rebuild=rebuild, progress=progress)
    for problem in report.problems:
        say(problem.error.en, problem.error.zh)
    added, changed, unchanged = report.added, report.changed, report.unchanged
    removed, failed = report.removed, len(report.problems)
    say(
        f"files: {added} added, {changed} changed, {unchanged} unchanged, {removed} removed, "
        f"{failed} problems",
        f"文件：新增 {added}，更新 {changed}，未变 {unchanged}，移除 {removed}，问题 {failed}",
    )
    if report.stats is not None:
        documents, chunks = report.stats.documents, report.stats.chunks
        place = index_place(settings)
        say(
            f"index: {documents} articles, {chunks} passages in {place}",
            f"索引：{documents} 篇文章，{chunks} 个段落，位于 {place}",
        )
        with suppress(IndexBusyError):  # whoever is writing now will do it
            indexer.compact(_compacting)
    return report


def _compacting() -> None:
    say(
        "the index is in use and is now being arranged for its size; this may be interrupted",
        "索引已可使用，正在按规模重新整理；可以中断",
    )


@contextmanager
def progress_bar() -> Iterator[Callable[[Progress], None]]:
    """A bar on standard error, for a terminal alone; yields what moves it."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[documents]} / {task.fields[rate]} s⁻¹"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    with bar, interruptible() as check:
        label = "索引" if lang() == "zh" else "indexing"
        task = bar.add_task(label, total=None, documents="", rate="-")

        def update(progress: Progress) -> None:
            check()
            elapsed = bar.tasks[0].elapsed or 0.0
            bar.update(
                task,
                completed=progress.bytes_done,
                total=progress.bytes_total,
                documents=f"{progress.documents} docs, {progress.chunks} passages",
                rate=f"{progress.chunks / elapsed:.0f}" if elapsed else "-",
            )

        yield update


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Yields what raises KeyboardInterrupt again after Ctrl-C.

    Python drops the first one where it comes within a finaliser or a callback of C, and the work
    would go on to its end.
    """
    pressed = False

    def press(_signal: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check  # someone else's to handle
        return
    signal.signal(signal.SIGINT, press)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
