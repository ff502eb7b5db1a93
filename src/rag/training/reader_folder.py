"""The reader's folder: writing it, and how well what stands in it answers."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from rag.answering.neural_reader import ABOUT_FILE, FORMAT, WEIGHTS_FILE, NeuralReader
from rag.assembly import bundled_embedder, segment
from rag.evaluation.reading import exact_match, f1
from rag.training.reader_data import Example
from rag.training.reader_network import TRAINING_ONLY


@dataclass(frozen=True, slots=True)
class About:
    """What the reader's folder says besides its weights."""

    heads: int
    characters: Sequence[str]
    articles: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Figures:
    """Exact match and F1 in percent, and the number of questions, of one set."""

    exact: float
    overlap: float
    questions: int


def save(out: Path, weights: Mapping[str, Tensor], about: About) -> None:
    """Write the folder that `NeuralReader` opens, all but its card; training's tables are left."""
    out.mkdir(parents=True, exist_ok=True)
    tables = {
        name: table.numpy().astype(np.float16)
        for name, table in weights.items()
        if not name.startswith(TRAINING_ONLY)
    }
    np.savez_compressed(out / WEIGHTS_FILE, allow_pickle=False, **tables)
    words: dict[int, list[str]] = defaultdict(list)
    for word, count in sorted(about.counts.items()):
        words[count].append(word)
    told = {
        "format": FORMAT,
        "sha256": hashlib.sha256((out / WEIGHTS_FILE).read_bytes()).hexdigest(),
        "heads": about.heads,
        "characters": list(about.characters),
        "articles": about.articles,
        "frequencies": {str(count): " ".join(words[count]) for count in sorted(words)},
    }
    text = json.dumps(told, ensure_ascii=False)
    (out / ABOUT_FILE).write_text(text + "\n", encoding="utf-8")


def measured(folder: Path, examples: Sequence[Example]) -> dict[str, Figures]:
    """By set, the reader of `folder` where each question's paragraph is given.

    Raises ModelError when the folder can't be opened.
    """
    reader = NeuralReader(folder, segment, bundled_embedder().embed_passages)
    scores: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for example in examples:
        spans = reader.read(example.question, [example.paragraph])
        said = spans[0].text if spans else ""
        score = exact_match(example.answers, said), f1(example.answers, said)
        scores[example.source].append(score)
    found = {}
    for name, own in scores.items():
        exact, overlap = (100 * np.mean(own, axis=0)).tolist()
        found[name] = Figures(exact, overlap, len(own))
    return found


__all__ = ["About", "Figures", "measured", "save"]
