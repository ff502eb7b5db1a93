"""Train the bundled reader, the span ranker of `rag.answering.ranker`.

    python -m rag.training.ranker --data ../shared/data --out src/rag/models/wenyuan-reader-zh

Trains on the reading questions of `rag.training.reader_data` and on questions made from the news;
prints exact match and F1 on the development articles. Seeded. What has been described, and the
weights after each pass, lie beside the output until it is done; the same command goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rag.answering.ranker import ABOUT_FILE, FORMAT, WEIGHTS_FILE, describe, score
from rag.assembly import segment
from rag.evaluation.reading import exact_match, f1
from rag.text import Span
from rag.training.data import read_corpus
from rag.training.pairs import read_glosses
from rag.training.reader_data import Example, read_sets
from rag.training.reader_questions import QuestionMaker

_LONGEST = 700  # characters of a paragraph
_NEAR = 0.5  # spans that overlap the answer by less are wrong
Numbers = NDArray[np.float32]
Item = tuple[str, str, Sequence[str]]  # question, text, answers


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the result; `wrong` is how many wrong spans of a question are learnt from."""

    made: int = 3000
    wrong: int = 260
    hidden: int = 96
    passes: int = 12
    questions: int = 16  # a step
    learning_rate: float = 2e-3
    dropout: float = 0.1
    sharpness: float = 6.0  # how much more an exact span counts than a near one
    seed: int = 5


@dataclass(frozen=True, slots=True)
class Described:
    """A question's spans: `(spans, numbers)`, and how far each overlaps an answer, 0 to 1."""

    numbers: NDArray[np.float16]
    overlaps: Numbers


class Scorer(nn.Module):
    """Two hidden layers over normalised numbers."""

    mean: Tensor
    spread: Tensor

    def __init__(self, mean: Tensor, spread: Tensor, hidden: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)
        self.layers = nn.Sequential(
            nn.Linear(len(mean), hidden), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(hidden, hidden // 2), nn.ReLU(), nn.Linear(hidden // 2, 1),
        )  # fmt: skip

    def forward(self, numbers: Tensor) -> Tensor:
        result: Tensor = self.layers((numbers - self.mean) / self.spread)[:, 0]
        return result

    def tables(self) -> list[Numbers]:
        """As `rag.answering.ranker` reads them."""
        tables = [self.mean, self.spread]
        for module in self.layers:
            if isinstance(module, nn.Linear):
                tables += [module.weight.T, module.bias]
        return [np.ascontiguousarray(table.detach().numpy()) for table in tables]


def overlaps(spans: Sequence[Span], text: str, answers: Sequence[str]) -> Numbers:
    """F1 in characters of each span with the nearest place that an answer stands in."""
    best = np.zeros(len(spans))
    start, end = np.array(spans).T
    for answer in answers:
        at = text.find(answer)
        while at >= 0 and answer:
            after = at + len(answer)
            shared = np.clip(np.minimum(end, after) - np.maximum(start, at), 0, None)
            best = np.maximum(best, 2 * shared / ((end - start) + len(answer)))
            at = text.find(answer, at + 1)
    return best.astype(np.float32)


def described(items: Sequence[Item], wrong: int, chance: random.Random) -> Iterator[Described]:
    """Of `(question, text, answers)`; those without a span near the answer are left out."""
    for question, paragraph, answers in items:
        text = paragraph[:_LONGEST]
        made = describe(question, text, segment)
        if not made.spans:
            continue
        near = overlaps(made.spans, text, answers)
        if near.max() <= _NEAR:
            continue
        others = [int(i) for i in np.flatnonzero(near <= _NEAR)]
        kept = chance.sample(others, min(wrong, len(others)))
        chosen = np.concatenate([np.flatnonzero(near > _NEAR), np.array(kept, dtype=int)])
        yield Described(made.numbers[chosen].astype(np.float16), near[chosen])


def train(data: Path, out: Path, recipe: Recipe) -> None:
    """Train with what `data` holds, write the folder `out`, print the development figures.

    Raises FileNotFoundError; ValueError when an earlier run had another recipe.
    """
    work = out.with_name(out.name + ".work")
    work.mkdir(parents=True, exist_ok=True)
    note = work / "recipe.json"
    if note.exists() and json.loads(note.read_text()) != asdict(recipe):
        raise ValueError(f"{work} holds another recipe's run; remove it or use its options")
    note.write_text(json.dumps(asdict(recipe)))
    sets = read_sets(data)
    rows = _rows(data, [*sets.squad, *sets.xquad], work, recipe)
    scorer = fit(rows, work, recipe)
    save(scorer, out)
    report(scorer.tables(), sets.development)
    shutil.rmtree(work)


def _rows(data: Path, examples: Sequence[Example], work: Path, recipe: Recipe) -> list[Described]:
    """Everything that is learnt from, remembered in `work`."""
    file = work / "described.npz"
    if not file.exists():
        chance = random.Random(recipe.seed)
        items: list[Item] = [(e.question, e.paragraph, e.answers) for e in examples if e.answers]
        items += _made(data, recipe.made, chance)
        rows = list(described(items, recipe.wrong, chance))
        np.savez(
            work / "new.npz",
            numbers=np.concatenate([row.numbers for row in rows]),
            overlaps=np.concatenate([row.overlaps for row in rows]),
            bounds=np.cumsum([len(row.overlaps) for row in rows]),
        )
        (work / "new.npz").replace(file)
    tables = np.load(file)
    cuts = tables["bounds"][:-1]
    pairs = zip(np.split(tables["numbers"], cuts), np.split(tables["overlaps"], cuts), strict=True)
    return [Described(numbers, near) for numbers, near in pairs]


def _made(data: Path, count: int, chance: random.Random) -> list[Item]:
    corpus = read_corpus(data)
    maker = QuestionMaker(segment, read_glosses(corpus.dictionary).synonyms)
    items: list[Item] = []
    for article in chance.sample(list(corpus.news), min(count, len(corpus.news))):
        question = maker.make(article.text, chance)
        if question is not None:
            answer = question.passage[question.start : question.end]
            items.append((question.text, question.passage, (answer,)))
    return items


def fit(rows: Sequence[Described], work: Path, recipe: Recipe) -> Scorer:
    """Adam on the cross-entropy between the softmax of a question's scores and its overlaps."""
    torch.manual_seed(recipe.seed)
    sample = torch.from_numpy(np.concatenate([row.numbers for row in rows[::7]])).float()
    spread = sample.std(dim=0)
    spread[spread < 1e-3] = 1.0
    scorer = Scorer(sample.mean(dim=0), spread, recipe.hidden, recipe.dropout)
    optimiser = torch.optim.AdamW(scorer.parameters(), lr=recipe.learning_rate, weight_decay=0.01)
    checkpoint, first = work / "checkpoint.pt", 0
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        scorer.load_state_dict(saved["scorer"])
        optimiser.load_state_dict(saved["optimiser"])
        first = saved["passes"]
    scorer.train()
    for number in range(first, recipe.passes):
        torch.manual_seed(1000 * recipe.seed + number)
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * (1 - number / recipe.passes)
        order = torch.randperm(len(rows)).tolist()
        for at in range(0, len(order), recipe.questions):
            chosen = [rows[i] for i in order[at : at + recipe.questions]]
            optimiser.zero_grad()
            loss(scorer, chosen, recipe.sharpness).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        state = {"scorer": scorer.state_dict(), "optimiser": optimiser.state_dict()}
        torch.save({**state, "passes": number + 1}, checkpoint.with_suffix(".new"))
        checkpoint.with_suffix(".new").replace(checkpoint)
    return scorer.eval()


def loss(scorer: Scorer, rows: Sequence[Described], sharpness: float) -> Tensor:
    """Each question's wanted distribution is its overlaps to the power of `sharpness`."""
    scores = scorer(torch.from_numpy(np.concatenate([row.numbers for row in rows])).float())
    parts = []
    for own, row in zip(scores.split([len(row.overlaps) for row in rows]), rows, strict=True):
        near = torch.from_numpy(row.overlaps)
        wanted = torch.where(near > _NEAR, near, 0.0) ** sharpness
        parts.append(-(wanted / wanted.sum() * own.log_softmax(0)).sum())
    return torch.stack(parts).mean()


def save(scorer: Scorer, out: Path) -> None:
    """Write the folder, all but its card."""
    out.mkdir(parents=True, exist_ok=True)
    tables = {f"layer{i}": table for i, table in enumerate(scorer.tables())}
    np.savez(out / WEIGHTS_FILE, allow_pickle=False, **tables)
    digest = hashlib.sha256((out / WEIGHTS_FILE).read_bytes()).hexdigest()
    about = {"format": FORMAT, "sha256": digest}
    (out / ABOUT_FILE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def report(layers: Sequence[Numbers], examples: Sequence[Example]) -> None:
    """Print exact match and F1 where the paragraph is given."""
    scores = []
    for example in examples:
        text = example.paragraph[:_LONGEST]
        if not example.answers:
            continue
        made = describe(example.question, text, segment)
        start, end = made.spans[int(score(layers, made.numbers).argmax())]
        said = text[start:end]
        scores.append((exact_match(example.answers, said), f1(example.answers, said)))
    exact, overlap = 100 * np.mean(scores, axis=0)
    print(f"{len(scores)} development questions: EM {exact:.1f} F1 {overlap:.1f}")  # noqa: T201


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description="Train the bundled reader")
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared data")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    for name, value in asdict(Recipe()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    options = vars(parser.parse_args())
    data, out = options.pop("data"), options.pop("out")
    train(data, out, Recipe(**options))


if __name__ == "__main__":
    main()
