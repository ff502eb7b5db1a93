"""`rag eval`: ask the gold questions and judge the answers; `init` drafts some, `tune` fits."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag.cli.base import cli, index_option, lang, say, with_index
from rag.cli.eval_parts import GOLD, about_index, bar, indexed, open_sets, sampled
from rag.config import CONFIG_FILE, Settings
from rag.errors import ConfigError, RagError

if TYPE_CHECKING:
    from rag.evaluation import GoldSet, Run, Summary, System
    from rag.evaluation.compare import Comparison
    from rag.evaluation.gate import Check

REPORTS = Path("eval") / "reports"
DRAFT = Path("eval") / "draft.jsonl"
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
) -> int:
    """Ask the gold questions and judge the answers."""
    from rag.assembly import system_of
    from rag.evaluation import load_run, summarise
    from rag.evaluation.compare import compare
    from rag.evaluation.gate import check_gate, read_gate, unchecked

    sets = [sampled(one, sample) for one in open_sets(gold)]
    if gate is not None:
        read_gate(gate)  # a gate that can't be read is no reason to wait for
    before = load_run(other, out) if other is not None else None
    settings, named = with_index(settings, index_dir), index_dir is not None
    with indexed(settings, sets, corpus, limit=limit, named_index=named) as found:
        system = system_of(found)
        sets = about_index(system, sets, named=bool(gold))
        result = _run(system, sets, name)
        system.close()
    summaries = summarise(result.records)
    comparison = compare(before, result) if before is not None else None
    checks = check_gate(gate, summaries) if gate is not None else ()
    for place in unchecked(gate, summaries) if gate is not None else ():
        say(f"gate: [{place}] isn't checked, no such set was asked", f"门槛：未检查 [{place}]")
    _save(result, summaries, comparison, checks, out)
    _print(result, summaries, comparison, checks, as_json=as_json)
    return 0 if all(check.held for check in checks) else 1


def _run(system: System, sets: Sequence[GoldSet], name: str | None) -> Run:
    from rag.evaluation import Run, run_sets

    started = datetime.now(UTC)
    clock = time.perf_counter()
    with bar(sum(len(one.questions) for one in sets)) as advance:
        records = run_sets(system, sets, progress=advance)
    commit = system.fingerprint.commit
    return Run(
        name=name or "-".join(filter(None, (f"{started:%Y%m%d-%H%M%S}", commit))),
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - clock, 3),
        fingerprint=system.fingerprint,
        records=records,
    )


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


@evaluate.command()
@index_option
@click.option("--count", type=click.IntRange(min=1), default=50, help="Questions.  [default: 50]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DRAFT,
    help="File to write.  [default: eval/draft.jsonl]",
)
@click.option("--seed", type=int, default=0, help="Another number draws other sentences.")
@click.pass_obj
def init(settings: Settings, index_dir: Path | None, count: int, out: Path, seed: int) -> int:
    """Draft gold questions from the articles of the index, for a person to accept or correct."""
    from rag.assembly import backend_of, embedder_of
    from rag.evaluation.draft import draft
    from rag.evaluation.record import write_text

    if out.exists():
        raise ConfigError(
            f"{out}: there already is such a file; name another with --out",
            f"{out}：文件已存在，请用 --out 指定其他文件",
        )
    settings = with_index(settings, index_dir)
    store = backend_of(settings, embedder_of(settings)).open()
    documents = (store.document(info.id) for info, _ in store.documents())
    rows = draft([document for document in documents if document], count=count, seed=seed)
    store.close()
    if not rows:
        raise RagError(
            "no sentence with a figure, date or name was found to ask about; write questions "
            "yourself, see eval/gold/README.md",
            "没有找到含数字、日期或名称、可供提问的句子，请自行编写，参见 eval/gold/README.md",
        )
    write_text(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    say(
        f"{len(rows)} drafts in {out}; correct them, delete what is no good, move them to {GOLD}/",
        f"{out} 中有 {len(rows)} 道草稿；请修改、删去不合适的，再移入 {GOLD}/",
    )
    return 0


@evaluate.command()
@click.argument("gold", nargs=-1, type=click.Path(path_type=Path), required=True)
@index_option
@click.option(
    "--corpus",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Articles to build a temporary index from.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), help="First N articles of each JSON Lines corpus."
)
@click.option("--sample", type=click.IntRange(min=1), help="N questions of each set, at random.")
@click.option(
    "--cost",
    type=click.FloatRange(min=0),
    default=1.0,
    help="What a wrong answer costs, beside 1 for a right one.  [default: 1]",
)
@click.option("--dry-run", is_flag=True, help="Print the figures and write nothing.")
@click.pass_context
def tune(
    context: click.Context,
    gold: tuple[Path, ...],
    index_dir: Path | None,
    corpus: tuple[Path, ...],
    limit: int | None,
    sample: int | None,
    cost: float,
    dry_run: bool,
) -> int:
    """Fit the vector search's weight and the threshold on GOLD, into the settings file.

    Nothing is written unless the choice does better on questions that it wasn't made on.
    """
    from rag.assembly import system_of
    from rag.evaluation.markdown import tuning_markdown
    from rag.evaluation.tune import WEIGHTS, write_choice
    from rag.evaluation.tune import tune as fit

    sets = [sampled(one, sample) for one in open_sets(gold)]
    settings, named = with_index(context.obj, index_dir), index_dir is not None
    with indexed(settings, sets, corpus, limit=limit, named_index=named) as found:
        weights = {*WEIGHTS, settings.retrieval.dense_weight}
        total = len(weights) * sum(len(one.questions) for one in sets)
        with bar(total) as advance:
            tuning = fit(system_of, found, sets, cost=cost, progress=advance)
    click.echo(tuning_markdown(tuning, lang()), nl=False)
    path = context.find_root().params.get("config") or CONFIG_FILE
    if not tuning.helps:
        say(f"no better on unseen questions; {path} stays", f"在未见题目上没有改进，{path} 不变")
    elif not dry_run:
        names = ", ".join(one.name for one in sets)
        score = f"{tuning.as_was.score:.3f} -> {tuning.held_out.score:.3f}"
        write_choice(path, tuning, f"rag eval tune on {names}: score {score}, cross-validated")
        say(f"written: {path}", f"已写入：{path}")
    return 0
