"""The command line: arguments and printing, nothing else."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from rag import __version__
from rag.config import Settings, load_settings
from rag.errors import Lang, NoIndexError, RagError

if TYPE_CHECKING:
    from rag.assistant import Assistant
    from rag.indexing import IndexReport, Progress
    from rag.types import Answer

DEFAULT_ARTICLES = Path("docs")
_SETUP = {"max_content_width": 100}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 something failed, 2 wrong usage, 3 no index."""
    # Bytes that are no text and characters that a terminal lacks are no reason to stop.
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(arguments, prog_name="rag", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        say("stopped; the index is as it was", "已中断，索引保持原样")
        sys.exit(1)
    except RagError as error:
        say(error.en, error.zh)
        sys.exit(error.exit_code)
    sys.exit(code if isinstance(code, int) else 0)


_lang: Lang = "en"


def say(en: str, zh: str) -> None:
    """Print a sentence for people, in their language, on standard error."""
    click.echo(zh if _lang == "zh" else en, err=True)


def _system_lang() -> Lang:
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    chosen = next((os.environ[name] for name in names if os.environ.get(name)), "")
    return "zh" if chosen.lower().startswith("zh") else "en"


class _Group(click.Group):
    """A group that doesn't mind when the reader of its output has gone (`rag ask ... | head`)."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except BrokenPipeError:  # further out, click itself would make it exit code 1
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0


@click.group(cls=_Group, context_settings=_SETUP)
@click.version_option(__version__, package_name="wenyuan", prog_name="rag")
@click.option("--lang", type=click.Choice(["zh", "en"]), help="Language of messages.")
@click.option(
    "--config", type=click.Path(path_type=Path), help="Settings file.  [default: rag.toml]"
)
@click.pass_context
def cli(context: click.Context, lang: str | None, config: Path | None) -> None:
    """Ask a folder of articles and read a short answer with the sentence that supports it."""
    global _lang  # one process, one language
    _lang = cast("Lang", lang) if lang else _system_lang()
    context.obj = load_settings(config)


def _index_option(function: Callable[..., object]) -> Callable[..., object]:
    return click.option(
        "--index", "index_dir", type=click.Path(path_type=Path), help="Folder of the index."
    )(function)


def _with_index(settings: Settings, index_dir: Path | None) -> Settings:
    if index_dir is None:
        return settings
    index = settings.index.model_copy(update={"dir": index_dir})
    return settings.model_copy(update={"index": index})


@cli.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@_index_option
@click.option("--prune", is_flag=True, help="Also remove files that are gone from the folders.")
@click.option("--rebuild", is_flag=True, help="Start from nothing instead of updating.")
@click.pass_obj
def index(
    settings: Settings, paths: tuple[Path, ...], index_dir: Path | None, prune: bool, rebuild: bool
) -> int:
    """Build or update the index from files, folders and globs; without any, from docs/."""
    chosen = paths or (DEFAULT_ARTICLES,)
    report = build(_with_index(settings, index_dir), chosen, prune=prune, rebuild=rebuild)
    return 1 if report.problems else 0


def build(
    settings: Settings, paths: Sequence[Path], *, prune: bool = False, rebuild: bool = False
) -> IndexReport:
    """Index `paths` with a progress bar, then print the problems and the counts."""
    from rag.assembly import indexer_of

    indexer = indexer_of(settings)
    with _progress_bar() as progress:
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
        say(
            f"index: {documents} articles, {chunks} passages in {settings.index.dir}",
            f"索引：{documents} 篇文章，{chunks} 个段落，位于 {settings.index.dir}",
        )
    return report


@contextmanager
def _progress_bar() -> Iterator[Callable[[Progress], None]]:
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
    with bar:
        label = "索引" if _lang == "zh" else "indexing"
        task = bar.add_task(label, total=None, documents="", rate="-")

        def update(progress: Progress) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            bar.update(
                task,
                completed=progress.bytes_done,
                total=progress.bytes_total,
                documents=f"{progress.documents} docs, {progress.chunks} passages",
                rate=f"{progress.chunks / elapsed:.0f}" if elapsed else "-",
            )

        yield update


@cli.command()
@click.argument("question")
@_index_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer as one JSON object.")
@click.pass_obj
def ask(settings: Settings, question: str, index_dir: Path | None, as_json: bool) -> int:
    """Answer QUESTION; "-" reads one question a line and prints one JSON line for each."""
    from rag.assembly import assistant_of

    assistant = assistant_of(_with_index(settings, index_dir))
    if question == "-":
        return _ask_lines(assistant, sys.stdin)
    # Bytes of an argument that are no text arrive as lone surrogates, which no model takes.
    answer = assistant.ask(question.encode("utf-8", "replace").decode())
    click.echo(json.dumps(answer.to_dict(), ensure_ascii=False) if as_json else _readable(answer))
    return 0


def _ask_lines(assistant: Assistant, lines: Iterable[str]) -> int:
    failed = 0
    for line in lines:
        question = line.strip()
        if not question:
            continue
        try:
            result = assistant.ask(question).to_dict()
        except RagError as error:
            failed += 1
            result = {"question": question, "error": error.say(_lang)}
        click.echo(json.dumps(result, ensure_ascii=False))
    return 1 if failed else 0


def _readable(answer: Answer) -> str:
    """The answer for a terminal: text, then where each quotation stands."""
    lines = [answer.text]
    for citation in answer.citations:
        info = citation.document
        date = f"，{info.date}" if info.date else ""
        page = f" p.{citation.page}" if citation.page else ""
        place = f"{info.source}{page}:{citation.start}-{citation.end}"
        lines.append(f"[{citation.marker}] {info.title}{date}  ({place})")
    if not answer.answered:
        for hit in answer.hits[:3]:
            shown = " ".join(hit.chunk.text.split())
            lines.append(f"  · {hit.document.title} ({hit.document.source}): {shown[:80]}…")
    return "\n".join(lines)


@cli.command()
@_index_option
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port.  [default: 7860]")
@click.option("--public", is_flag=True, help="Allow an address that other machines can reach.")
@click.pass_obj
def serve(
    settings: Settings, index_dir: Path | None, host: str | None, port: int | None, public: bool
) -> int:
    """Serve the chat page; builds the index from docs/ first when there is none."""
    settings = _with_index(settings, index_dir)
    chosen = {"host": host, "port": port, "public": public or None}
    server = settings.server.model_copy(update={k: v for k, v in chosen.items() if v is not None})
    settings = settings.model_copy(update={"server": server})
    _ensure_index(settings)
    from rag.serving.app import serve as run

    run(settings, say=say)
    return 0


def _ensure_index(settings: Settings) -> None:
    from rag.assembly import backend_of, embedder_of

    try:
        backend_of(settings, embedder_of(settings)).open().close()
    except NoIndexError:
        if not DEFAULT_ARTICLES.is_dir():
            raise
        build(settings, [DEFAULT_ARTICLES])


@cli.group()
def documents() -> None:
    """Look at the articles of the index, or remove one."""


@documents.command("list")
@_index_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def documents_list(settings: Settings, index_dir: Path | None, as_json: bool) -> None:
    """List the articles with their ids."""
    from rag.assembly import backend_of, embedder_of

    settings = _with_index(settings, index_dir)
    store = backend_of(settings, embedder_of(settings)).open()
    for info, chunks in store.documents():
        if as_json:
            row = {"document_id": info.id, "title": info.title, "date": info.date,
                   "source": info.source, "chunks": chunks}  # fmt: skip
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            click.echo(f"{info.id}  {info.date or '-':10}  {chunks:4}  {info.source}  {info.title}")


@documents.command("show")
@click.argument("document_id")
@_index_option
@click.pass_obj
def documents_show(settings: Settings, document_id: str, index_dir: Path | None) -> None:
    """Print one article."""
    from rag.assembly import backend_of, embedder_of

    settings = _with_index(settings, index_dir)
    document = backend_of(settings, embedder_of(settings)).open().document(document_id)
    if document is None:
        raise _unknown_document(document_id)
    click.echo(f"{document.info.title}\n{document.info.source}\n\n{document.text}")


@documents.command("remove")
@click.argument("document_id")
@_index_option
@click.pass_obj
def documents_remove(settings: Settings, document_id: str, index_dir: Path | None) -> None:
    """Take one article out of the index; its file stays."""
    from rag.assembly import backend_of, embedder_of

    settings = _with_index(settings, index_dir)
    backend = backend_of(settings, embedder_of(settings))
    backend.open().close()  # an update would start a new index where there is none to use
    with backend.update() as writer:
        if not writer.remove_document(document_id):
            raise _unknown_document(document_id)
        writer.commit()
    say(f"removed {document_id}", f"已移除 {document_id}")


def _unknown_document(document_id: str) -> RagError:
    return RagError(
        f"{document_id}: no article has this id; see: rag documents list",
        f"{document_id}：没有这个编号的文章，请查看：rag documents list",
    )
