"""What both embedders need to know about a model folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.protocols import Vectors


def is_static(folder: Path) -> bool:
    """Whether model2vec can open `folder`; reads two small files at most."""
    modules = read_json(folder / "modules.json")
    if isinstance(modules, list) and modules and isinstance(modules[0], dict):
        return str(modules[0].get("type", "")).endswith("StaticEmbedding")
    config = read_json(folder / "config.json")
    return isinstance(config, dict) and config.get("model_type") == "model2vec"


def read_json(path: Path) -> object:
    """What a JSON file holds; None where it isn't there or isn't JSON."""
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value


def unit_rows(vectors: NDArray[np.floating]) -> Vectors:
    """float32 rows of length 1; rows of zeros stay zeros."""
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    result: Vectors = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return result
