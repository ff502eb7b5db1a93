"""A tiny transformer and a tiny static model, made here: no network, no torch hub."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import tiny_bert

WORDS = [
    *"龙泉驿区建了多少党员先锋岗邛崃的竹编在哪里问题",
    "query",
    "passage",
    "dogs",
    "bark",
    ":",
    "?",
]


@pytest.fixture(scope="session")
def tiny_transformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer BERT with random weights, as a SentenceTransformer folder."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    folder = tmp_path_factory.mktemp("models")
    plain = folder / "plain"
    tiny_bert.write(plain, WORDS, "BertModel", seed=1)
    transformer = Transformer(str(plain))
    model = SentenceTransformer(modules=[transformer, Pooling(16)], device="cpu")
    model.save_pretrained(str(folder / "tiny"), create_model_card=False)
    return folder / "tiny"


@pytest.fixture(scope="session")
def tiny_static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static model of a few characters, in model2vec's own layout."""
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("static") / "tiny"
    pieces = [("[UNK]", -20.0), *((word, -3.0) for word in dict.fromkeys(WORDS))]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    vocabulary = tokenizer.get_vocab_size()
    rows = np.random.default_rng(1).standard_normal((vocabulary, 8)).astype(np.float32)
    StaticModel(rows, tokenizer, {"model_type": "model2vec"}).save_pretrained(folder)
    return folder
