"""Train the bundled reader, the network that `rag.answering.neural_reader` runs in numpy.

    python -m rag.training.reader --data ../shared/data --out src/rag/models/wenyuan-reader-zh

Learns from the reading questions of `rag.training.reader_data` and from questions made from the
news; keeps the averaged weights that do best on the development articles, and prints exact match
and F1 there by set. A single process, an hour and a half of one core and five gigabytes of
memory. Seeded. What was made ready, and the state of the training, lie beside the output until it
is done; the same command goes on.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rag.answering.neural_reader import ABOUT_FILE, WEIGHTS_FILE
from rag.training.reader_data import Example, read_sets
from rag.training.reader_examples import MADE, Item, batch_of
from rag.training.reader_folder import About, measured, save
from rag.training.reader_material import Amounts, Material, prepared
from rag.training.reader_network import (
    Batch,
    Lexicon,
    ReaderNetwork,
    hidden_words,
    span_loss,
)

# How much oftener than its size says a set is drawn from; at the end those count most that were
# written in Chinese.
_EARLY = {"drcd_dev": 1.3, "cmrc2018_trial": 1.6, "squad2_zh_dev": 1.0, "xquad_zh": 1.0}
_LATE = {"drcd_dev": 2.2, "cmrc2018_trial": 2.6, "squad2_zh_dev": 0.8, "xquad_zh": 0.8}
_HIDDEN_WINDOWS = 0.7  # share of the windows in which words are hidden


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the weights, apart from the data."""

    made: int = 42_000
    articles: int = 6000  # whose words are counted
    characters: int = 6000
    width: int = 128
    layers: int = 4
    heads: int = 4
    inner: int = 384
    taps: int = 7
    dropout: float = 0.1
    steps: int = 4400
    batches: int = 2  # a step
    batch: int = 12
    groups: int = 8  # batches that are drawn together and sorted by length
    every: int = 440  # steps between checkpoints, whole rounds of groups
    learning_rate: float = 1.2e-3
    warm_up: int = 150
    weight_decay: float = 0.05
    average: float = 0.997
    hidden: float = 0.1  # share of words to be guessed
    guessing: float = 0.15  # how much guessing counts
    sharpness: float = 6.0  # how much more an exact span counts than a near one
    seed: int = 7

    def rate(self, step: int) -> float:
        """The learning rate of a step: rises, stays, falls to a fiftieth."""
        rising = min(1.0, (step + 1) / self.warm_up)
        return self.learning_rate * rising * max(0.02, min(1.0, (1 - step / self.steps) / 0.7))


@dataclass(slots=True)
class Run:
    """The state of a training; `step` is the next one, `best` the development F1 so far."""

    network: ReaderNetwork
    average: ReaderNetwork
    optimiser: torch.optim.AdamW
    step: int = 0
    best: float = -1.0


def train(data: Path, out: Path, recipe: Recipe) -> None:
    """Train with what `data` holds, write the folder `out`, print the development figures.

    Raises FileNotFoundError; ValueError when an earlier run had another recipe.
    """
    torch.set_num_threads(1)
    work = out.with_name(out.name + ".work")
    work.mkdir(parents=True, exist_ok=True)
    note = work / "recipe.json"
    if note.exists() and json.loads(note.read_text()) != asdict(recipe):
        raise ValueError(f"{work} holds another recipe's run; remove it or use its options")
    note.write_text(json.dumps(asdict(recipe)))
    sets = read_sets(data)
    amounts = Amounts(recipe.made, recipe.articles, recipe.characters, recipe.seed)
    fit(prepared(data, sets.training, work, amounts), sets.development, work, recipe)
    out.mkdir(parents=True, exist_ok=True)
    for name in (WEIGHTS_FILE, ABOUT_FILE):
        shutil.copyfile(work / "best" / name, out / name)
    shutil.rmtree(work)


def fit(material: Material, development: Sequence[Example], work: Path, recipe: Recipe) -> None:
    """AdamW; `work / "best"` becomes the folder of the averaged weights that did best."""
    run = _begun(len(material.characters), recipe)
    checkpoint = work / "checkpoint.pt"
    if checkpoint.exists():
        _restore(run, checkpoint)
    while run.step < recipe.steps:
        # Seeded by the step, so that a run that was killed draws the same again.
        torch.manual_seed(1_000_000 * recipe.seed + run.step)
        chance = random.Random(f"{recipe.seed} step {run.step}")
        for batches in _round(material.items, run.step, recipe, chance):
            _step(run, batches, material.lexicon, recipe)
            if run.step == recipe.steps:
                break
        if run.step % recipe.every == 0 or run.step == recipe.steps:
            _judge(run, material, development, work, recipe)
            _keep(run, checkpoint)


def _begun(characters: int, recipe: Recipe) -> Run:
    torch.manual_seed(recipe.seed)
    network = ReaderNetwork(
        characters + 2,
        width=recipe.width,
        layers=recipe.layers,
        heads=recipe.heads,
        inner=recipe.inner,
        taps=recipe.taps,
        dropout=recipe.dropout,
    )
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=recipe.weight_decay,
    )
    return Run(network, copy.deepcopy(network), optimiser)


def _round(
    items: Mapping[str, Sequence[Item]], step: int, recipe: Recipe, chance: random.Random
) -> Iterator[list[Batch]]:
    """The batches of the next steps: of like length each, in random order."""
    done = step / recipe.steps
    room = 260 if done < 0.6 else chance.choice((260, 380))
    drawn = _drawn(items, done, recipe.batch * recipe.groups, chance)
    drawn.sort(key=lambda item: min(len(item.words), room + item.asked))
    groups = [drawn[at : at + recipe.batch] for at in range(0, len(drawn), recipe.batch)]
    chance.shuffle(groups)
    for at in range(0, len(groups), recipe.batches):
        yield [batch_of(group, room, chance) for group in groups[at : at + recipe.batches]]


def _drawn(
    items: Mapping[str, Sequence[Item]], done: float, count: int, chance: random.Random
) -> list[Item]:
    """Made questions by share, which falls; the sets by weight and size."""
    share = 0.75 if done < 0.4 else 0.3 if done < 0.8 else 0.15
    weight = _EARLY if done < 0.7 else _LATE
    sets = [name for name in weight if items.get(name)]
    weights = [weight[name] * len(items[name]) for name in sets]
    made = items.get(MADE, ())
    return [
        chance.choice(
            made if made and chance.random() < share else items[chance.choices(sets, weights)[0]]
        )
        for _ in range(count)
    ]


def _step(run: Run, batches: Sequence[Batch], lexicon: Lexicon, recipe: Recipe) -> None:
    guess = run.step < 0.75 * recipe.steps
    run.optimiser.zero_grad()
    for batch in batches:
        loss = _loss(run.network, batch, lexicon, recipe, guess=guess) / len(batches)
        loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
    for group in run.optimiser.param_groups:
        group["lr"] = recipe.rate(run.step)
    run.optimiser.step()
    run.step += 1
    kept = min(recipe.average, (1 + run.step) / (10 + run.step))
    with torch.no_grad():
        for mean, new in zip(run.average.parameters(), run.network.parameters(), strict=True):
            mean.lerp_(new, 1 - kept)


def _loss(
    network: ReaderNetwork, batch: Batch, lexicon: Lexicon, recipe: Recipe, *, guess: bool
) -> Tensor:
    hide = hidden_words(batch, recipe.hidden, _HIDDEN_WINDOWS) if guess else None
    with torch.autocast("cpu", torch.bfloat16):
        x = network.encode(batch, lexicon, hide)
    loss = span_loss(network.spans(x, batch), batch.wanted, recipe.sharpness)
    if hide is not None and hide.any():
        loss = loss + recipe.guessing * network.guessing_loss(x, batch, lexicon, hide)
    return loss


def _judge(
    run: Run, material: Material, development: Sequence[Example], work: Path, recipe: Recipe
) -> None:
    """Print the figures of the averaged weights; keep them when none were better."""
    new = work / "new"
    about = About(recipe.heads, material.characters, material.articles, material.counts)
    save(new, run.average.state_dict(), about)
    figures = measured(new, development)
    for name, each in figures.items():
        print(  # noqa: T201
            f"step {run.step}: {name}, {each.questions} development questions:"
            f" EM {each.exact:.1f} F1 {each.overlap:.1f}",
            flush=True,
        )
    mean = float(np.mean([each.overlap for each in figures.values()])) if figures else 0.0
    if mean >= run.best:
        run.best = mean
        shutil.rmtree(work / "best", ignore_errors=True)
        new.rename(work / "best")


def _keep(run: Run, file: Path) -> None:
    state = {
        "network": run.network.state_dict(),
        "average": run.average.state_dict(),
        "optimiser": run.optimiser.state_dict(),
        "step": run.step,
        "best": run.best,
    }
    torch.save(state, file.with_suffix(".new"))
    file.with_suffix(".new").replace(file)


def _restore(run: Run, file: Path) -> None:
    state = torch.load(file)
    run.network.load_state_dict(state["network"])
    run.average.load_state_dict(state["average"])
    run.optimiser.load_state_dict(state["optimiser"])
    run.step, run.best = state["step"], state["best"]


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
