"""Train the bundled embedding model.

    python -m rag.training.embedding --data ../shared/data --out src/rag/models/wenyuan-static-zh

Checkpoints lie beside the output; the same command goes on from the last one.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
from tokenizers import Tokenizer

from rag.training.data import read_corpus
from rag.training.pairs import PairMaker, read_glosses
from rag.training.vocabulary import build_tokenizer


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the weights, apart from the data."""

    dimensions: int = 256
    chinese: int = 18_000
    english: int = 20_000
    batch_size: int = 2048
    passes: int = 2
    learning_rate: float = 0.15
    scale: float = 20.0
    seed: int = 7
    threads: int = 2


def train(data: Path, out: Path, recipe: Recipe) -> None:
    """Write the model folder `out`; goes on from the checkpoints of an earlier, killed run.

    Raises FileNotFoundError when a file of `data` is missing.
    """
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    work = out.with_name(out.name + ".checkpoints")
    work.mkdir(parents=True, exist_ok=True)
    _same_recipe(work, recipe)
    corpus = read_corpus(data)
    vocabulary = work / "tokenizer.json"
    if not vocabulary.exists():
        tokenizer = build_tokenizer(corpus, chinese=recipe.chinese, english=recipe.english)
        tokenizer.save(str(vocabulary), pretty=False)
    tokenizer = Tokenizer.from_file(str(vocabulary))
    maker = PairMaker(corpus, read_glosses(corpus.dictionary), tokenizer, recipe.seed)
    model = SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, first_weights(tokenizer, recipe)), Normalize()],
        device="cpu",
    )
    _fit(model, maker, work, recipe)
    save(model, out)
    shutil.rmtree(work)


def _same_recipe(work: Path, recipe: Recipe) -> None:
    """Raises ValueError when the checkpoints in `work` come from another recipe."""
    note = work / "recipe.json"
    if note.exists() and json.loads(note.read_text()) != asdict(recipe):
        raise ValueError(f"{work} holds another recipe's checkpoints; remove it or use its options")
    note.write_text(json.dumps(asdict(recipe)))


def first_weights(tokenizer: Tokenizer, recipe: Recipe) -> torch.Tensor:
    """Random directions, shorter for common pieces: shape (vocabulary, dimensions).

    The length is a / (a + p), p the piece's probability: smooth inverse frequency (Arora, Liang
    and Ma 2017, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings"). The mean of such
    rows compares texts by the rare words that they share, which is a good place to start from.
    """
    scores = [score for _, score in json.loads(tokenizer.to_str())["model"]["vocab"]]
    probability = np.exp(np.array(scores))
    lengths = 1e-3 / (1e-3 + probability)
    lengths[0] = 0.0
    directions = np.random.default_rng(recipe.seed).standard_normal(
        (len(scores), recipe.dimensions)
    )
    return torch.from_numpy((directions * lengths[:, None]).astype(np.float32))


def _fit(model: SentenceTransformer, maker: PairMaker, work: Path, recipe: Recipe) -> None:
    datasets = _datasets(maker, recipe.passes)
    steps = sum(math.ceil(len(rows) / recipe.batch_size) for rows in datasets.values())
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(work),
        num_train_epochs=1,
        per_device_train_batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        warmup_steps=steps // 20,
        seed=recipe.seed,
        data_seed=recipe.seed,
        use_cpu=True,
        save_steps=max(1, min(100, steps)),
        save_total_limit=1,
        logging_steps=50,
        report_to="none",
        disable_tqdm=True,
    )
    loss = MultipleNegativesRankingLoss(
        model,
        scale=recipe.scale,
        directions=("query_to_doc", "doc_to_query"),
        partition_mode="per_direction",
    )
    trainer = SentenceTransformerTrainer(model, arguments, train_dataset=datasets, loss=loss)
    trainer.train(resume_from_checkpoint=any(work.glob("checkpoint-*")))


def _datasets(maker: PairMaker, passes: int) -> dict[str, Dataset]:
    """Every pass over the data has new pairs: repeated ones would only be learnt by heart."""
    rows: dict[str, tuple[list[str], list[str]]] = {}
    for number in range(passes):
        for kind, pairs in replace(maker, seed=maker.seed + number).all().items():
            anchors, positives = rows.setdefault(kind, ([], []))
            anchors.extend(anchor for anchor, _ in pairs)
            positives.extend(positive for _, positive in pairs)
    return {
        kind: Dataset.from_dict({"anchor": anchors, "positive": positives})
        for kind, (anchors, positives) in rows.items()
        if anchors
    }


def save(model: SentenceTransformer, out: Path) -> None:
    """Write the folder in float16, with the marks that make both loaders agree.

    The row of the unknown piece is zero: one loader leaves unknown pieces out, the other counts
    them in the mean, and the direction is then the same.
    """
    static = model[0]
    weights = static.embedding.weight.detach().clone()
    weights[0] = 0.0
    weights /= weights.norm(dim=1).mean()
    half = SentenceTransformer(
        modules=[StaticEmbedding(static.tokenizer, weights.half()), Normalize()], device="cpu"
    )
    half.save_pretrained(str(out), create_model_card=False)
    static.tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    (out / "model.safetensors").chmod(0o644)
    config = out / "config_sentence_transformers.json"
    marks = {"normalize": True, "max_length": None}  # what model2vec reads
    config.write_text(json.dumps(json.loads(config.read_text()) | marks, indent=2) + "\n")


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description="Train the bundled embedding model")
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared data")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    defaults = Recipe()
    for name, value in asdict(defaults).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    options = vars(parser.parse_args())
    train(options.pop("data"), options.pop("out"), Recipe(**options))


if __name__ == "__main__":
    main()
