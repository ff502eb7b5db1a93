"""Tiny models of every kind, made here: no network, no torch hub."""

from __future__ import annotations

from pathlib import Path

from tests import tiny_bert

WORDS = [
    *"蓝溪村在2025年修了37座石桥多少老人说好以后孩子上学近一半的文章里有",
    *"Green Hill School has 412 pupils and of them live in the how many".split(),
    "query",
    "passage",
    ":",
    "?",
    "。",
    "，",
]


def embedding(folder: Path) -> Path:
    """A two-layer BERT with random weights, as a SentenceTransformer folder."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    plain = folder.with_name(f"{folder.name}-plain")
    tiny_bert.write(plain, WORDS, "BertModel", seed=1)
    model = SentenceTransformer(modules=[Transformer(str(plain)), Pooling(16)], device="cpu")
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def reader(folder: Path) -> Path:
    """One that finds spans, anywhere."""
    tiny_bert.write(folder, WORDS, "BertForQuestionAnswering", seed=2)
    return folder


def cross_encoder(folder: Path, labels: int = 1) -> Path:
    """One that gives `labels` numbers for a pair of texts."""
    tiny_bert.write(folder, WORDS, "BertForSequenceClassification", seed=3, num_labels=labels)
    return folder
