"""What a run keeps: one record a question, what was measured, and where it is saved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from rag.errors import ConfigError, StorageError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Quote:
    """A cited sentence with what stands before and after it in the passage it was found in."""

    title: str
    source: str
    quote: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrieved passage; `wanted` when it holds something the question wants."""

    rank: int
    document_id: str
    title: str
    text: str
    wanted: bool
    lexical_rank: int | None = None
    dense_rank: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One question as it was asked and judged.

    `measures` holds what applies to the question, each from 0 to 1: see `rag.evaluation.summary`.
    `confidence` is that of the answer; `sure_right` tells whether it is right, or would have been
    had it not been declined: what calibration and the risk-coverage curve are drawn from.
    """

    set: str
    id: str
    question: str
    answerable: bool
    expected: tuple[str, ...]
    evidence: tuple[str, ...]
    answered: bool
    right: bool
    text: str
    short_answer: str | None
    withheld: str | None
    confidence: float
    sure_right: bool
    reason: str | None
    query: str
    history: tuple[str, ...] = ()
    lang: str = ""
    tags: tuple[str, ...] = ()
    first_rank: int | None = None
    measures: dict[str, float] = field(default_factory=dict)
    quotes: tuple[Quote, ...] = ()
    passages: tuple[Passage, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What the same question has in another run."""
        return self.set, self.id


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What was measured: another fingerprint, another system.

    `config` leaves out addresses and keys, which change no answer. `reranker` is empty where there
    is none, as in runs that were saved before there could be one.
    """

    version: str
    commit: str | None
    config: dict[str, dict[str, object]]
    embedder: str
    embedder_sha: str
    index_sha: str
    documents: int
    chunks: int
    machine: str
    python: str
    packages: dict[str, str] = field(default_factory=dict)
    reranker: str = ""
    reranker_sha: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """All records of one `rag eval`, with what was measured, when, and for how long."""

    name: str
    started: str
    seconds: float
    fingerprint: Fingerprint
    records: tuple[Record, ...]
    format: int = FORMAT

    @property
    def sets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(record.set for record in self.records))

    @property
    def top_k(self) -> int:
        """How many passages an answer was drawn from."""
        return int(str(self.fingerprint.config["retrieval"]["top_k"]))

    @property
    def threshold(self) -> float:
        """The confidence below which answers were declined."""
        return float(str(self.fingerprint.config["answering"]["threshold"]))


_ADAPTER = TypeAdapter(Run)


def save_run(run: Run, path: Path) -> None:
    """Write a run as JSON. Raises StorageError."""
    write_text(path, json.dumps(asdict(run), ensure_ascii=False) + "\n")


def load_run(path: Path, folder: Path) -> Run:
    """Read a saved run: a file, or the name of one in `folder`. Raises ConfigError."""
    choices: Sequence[Path] = (path, folder / path, folder / f"{path}.json")
    found = next((choice for choice in choices if choice.is_file()), None)
    if found is None:
        raise ConfigError(
            f"{path}: there is no such run; name a .json file of {folder}",
            f"{path}：没有这个评测结果，请指定 {folder} 中的 .json 文件",
        )
    try:
        return _ADAPTER.validate_json(found.read_bytes())
    except (OSError, ValidationError):
        raise ConfigError(
            f"{found}: not a saved run of this version; run rag eval again to make one",
            f"{found}：不是本版本保存的评测结果，请重新运行 rag eval",
        ) from None


def write_text(path: Path, text: str) -> None:
    """Write a result with its folder. Raises StorageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{path}: can't be written ({error.strerror}); choose another folder with --out",
            f"{path}：无法写入（{error.strerror}），请用 --out 指定其他文件夹",
        ) from None


__all__ = [
    "Fingerprint",
    "Passage",
    "Quote",
    "Record",
    "Run",
    "load_run",
    "save_run",
    "write_text",
]
