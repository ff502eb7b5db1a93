"""`rag eval`: ask the gold questions and judge the answers; `init` drafts some, `tune` fits."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag.cli.base import cli, index_option, lang, say, with_index
from rag.cli.indexing import DEFAULT_ARTICLES
from rag.cli.indexing import progress_bar as indexing_bar
from rag.config import Settings
from rag.errors import ConfigError

if TYPE_CHECKING:
    from rag.evaluation import GoldSet, Run, Summary, System
    from rag.evaluation.compare import Comparison
    from rag.evaluation.gate import Check

GOLD = Path("eval") / "gold"
REPORTS = Path("eval") / "reports"
_RUN = "run"


class _EvalGroup(click.Group):
    """A group whose first word is a subcommand or else the first GOLD of a run."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = [_RUN, *args]
        return super().parse_args(context, args)

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        self.commands[_RUN].format_options(context, formatter)
        self.format_commands(context, formatter)


@cli.group(
    "eval",
    cls=_EvalGroup,
    options_metavar="",
    subcommand_metavar="[GOLD ...] [OPTIONS] | init | tune",
)
def evaluate() -> None:
    """Ask the gold questions of GOLD and judge the answers; without any, of eval/gold/*.jsonl.

    GOLD is a gold set (.jsonl), a table (.csv with question and answer), SQuAD's .json or a BEIR
    folder. A set that brings its own documents is measured over a temporary index of them. Figures
    are printed; the run and its report are saved in eval/reports/.
    """


@evaluate.command(_RUN, hidden=True)
@click.argument("gold", nargs=-1, type=click.Path(path_type=Path))
@index_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
@click.option(
    "--compare",
    "other",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="A saved run to compare with: paired differences, significance, flips.",
)
@click.option(
    "--gate",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Thresholds (TOML or JSON); exit code 1 when one is missed.",
)
@click.option(
    "--corpus",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Articles to build a temporary index from; may be given several times.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Take the first N articles of each JSON Lines corpus.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Ask N questions of each set, drawn at random, always the same.",
)
@click.option("--name", help="Name of the saved run.  [default: date, time and commit]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=REPORTS,
    help="Folder of saved runs.  [default: eval/reports]",
)
@click.pass_obj
def run(
    settings: Settings,
    gold: tuple[Path, ...],
    index_dir: Path | None,
    as_json: bool,
    other: Path | None,
    gate: Path | None,
    corpus: tuple[Path, ...],
    limit: int | None,
    sample: int | None,
    name: str | None,
    out: Path,
) -> int:  # fmt: skip
    """Ask the gold questions and judge the answers."""
    from rag.evaluation import load_run, summarise
    from rag.evaluation.compare import compare
    from rag.evaluation.gate import check_gate, read_gate, unchecked

    sets = [_sampled(one, sample) for one in _open_sets(gold)]
    if gate is not None:
        read_gate(gate)  # a gate that can't be read is no reason to wait for
    before = load_run(other, out) if other is not None else None
    settings = with_index(settings, index_dir)
    if index_dir is None and not corpus and _nothing_indexed(settings):
        corpus = (DEFAULT_ARTICLES,)
    with _system(settings, sets, corpus, limit) as system:
        if not gold:
            sets = [one for one in sets if _is_about(system, one)]
        result = _run(system, sets, name)
    summaries = summarise(result.records)
    comparison = compare(before, result) if before is not None else None
    checks = check_gate(gate, summaries) if gate is not None else ()
    for place in unchecked(gate, summaries) if gate is not None else ():
        say(f"gate: [{place}] isn't checked, no such set was asked", f"门槛：未检查 [{place}]")
    _save(result, summaries, comparison, checks, out)
    _print(result, summaries, comparison, checks, as_json=as_json)
    return 0 if all(check.held for check in checks) else 1


def _open_sets(paths: Sequence[Path]) -> list[GoldSet]:
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


def _nothing_indexed(settings: Settings) -> bool:
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


def _is_about(system: System, gold_set: GoldSet) -> bool:
    """Whether the index has any article that a set names; sets that name none are about any."""
    wanted = {document for gold in gold_set.questions for document in gold.documents}
    if not wanted or any(system.assistant.document(document) for document in wanted):
        return True
    name = gold_set.name
    say(
        f"{name}: left out, its articles aren't in this index; name it to ask it all the same",
        f"{name}：已跳过，其文章不在当前索引中；如仍要评测请指定该文件",
    )
    return False


def _sampled(gold_set: GoldSet, count: int | None) -> GoldSet:
    import random
    from dataclasses import replace

    if count is None or count >= len(gold_set.questions):
        return gold_set
    chosen = sorted(random.Random(0).sample(range(len(gold_set.questions)), count))
    return replace(gold_set, questions=tuple(gold_set.questions[i] for i in chosen))


@contextmanager
def _system(
    settings: Settings, sets: Sequence[GoldSet], corpus: Sequence[Path], limit: int | None
) -> Iterator[System]:
    """The configured index, or a temporary one where sets or --corpus bring articles."""
    from rag.assembly import indexer_of, system_of
    from rag.evaluation.articles import gather

    if not corpus and not any(one.brings_articles for one in sets):
        system = system_of(settings)
        yield system
        system.close()
        return
    with tempfile.TemporaryDirectory(prefix="rag-eval-") as name:
        paths = gather(sets, corpus, Path(name), limit=limit)
        temporary = with_index(settings, Path(name) / "index")
        with indexing_bar() as progress:
            report = indexer_of(temporary).index(paths, progress=progress)
        for problem in report.problems:
            say(problem.error.en, problem.error.zh)
        system = system_of(temporary)
        yield system
        system.close()


def _run(system: System, sets: Sequence[GoldSet], name: str | None) -> Run:
    from rag.evaluation import Run, run_sets

    started = datetime.now(UTC)
    clock = time.perf_counter()
    with _bar(sum(len(one.questions) for one in sets)) as advance:
        records = run_sets(system, sets, progress=advance)
    commit = system.fingerprint.commit
    return Run(
        name=name or "-".join(filter(None, (f"{started:%Y%m%d-%H%M%S}", commit))),
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - clock, 3),
        fingerprint=system.fingerprint,
        records=records,
    )


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
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


def _save(
    result: Run,
    summaries: Mapping[str, Summary],
    comparison: Comparison | None,
    checks: Sequence[Check],
    out: Path,
) -> None:
    from rag.evaluation import save_run
    from rag.evaluation.record import write_text
    from rag.evaluation.report import report_html

    save_run(result, out / f"{result.name}.json")
    write_text(out / f"{result.name}.md", _markdown(result, summaries, comparison, checks))
    page = out / f"{result.name}.html"
    write_text(page, report_html(result, summaries, comparison, checks, lang()))
    say(f"report: {page} (beside it .md and .json)", f"报告：{page}（同处有 .md 和 .json）")


def _print(
    result: Run,
    summaries: Mapping[str, Summary],
    comparison: Comparison | None,
    checks: Sequence[Check],
    *,
    as_json: bool,
) -> None:
    from dataclasses import asdict

    from rag.evaluation.summary import summary_dict

    if as_json:
        shown = {
            "name": result.name,
            "started": result.started,
            "seconds": result.seconds,
            "fingerprint": asdict(result.fingerprint),
            "sets": summary_dict(summaries),
            "comparison": comparison.to_dict() if comparison else None,
            "gate": [asdict(check) | {"held": check.held} for check in checks],
        }
        click.echo(json.dumps(shown, ensure_ascii=False))
    else:
        click.echo(_markdown(result, summaries, comparison, checks), nl=False)
    for check in checks:
        if not check.held:
            value = "-" if check.value is None else f"{check.value:.3f}"
            sign = "<=" if check.at_most else ">="
            say(
                f"gate missed: {check.place} {check.name} is {value}, wanted {sign} {check.bound}",
                f"未达门槛：{check.place} {check.name} 为 {value}，要求 {sign} {check.bound}",
            )


def _markdown(
    result: Run,
    summaries: Mapping[str, Summary],
    comparison: Comparison | None,
    checks: Sequence[Check],
) -> str:
    from rag.evaluation.markdown import comparison_markdown, gate_markdown, run_markdown

    parts = [run_markdown(result, summaries, lang())]
    if comparison is not None:
        parts.append(comparison_markdown(comparison, lang()))
    if checks:
        parts.append(gate_markdown(checks, lang()))
    return "\n".join(parts)
