"""What `rag models` tells about models: those in the package and those that lie on this machine."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Literal

from rag.config import Settings
from rag.embedders import BUNDLED, bundled_model_path, is_static
from rag.embedders.folders import read_json
from rag.errors import ModelError, RagError
from rag.hub import cached_names, is_model_folder, local_folder

Role = Literal["embedding", "reader", "reranker"]
SETTINGS: dict[Role, str] = {
    "embedding": "embedding.model",
    "reader": "answering.reader",
    "reranker": "retrieval.reranker",
}
OWN = Path("models")  # in the working folder: where people put models that they copied
_ORIGINS = {
    BUNDLED: "CRUD-RAG, CC-CEDICT, Tatoeba",
    "wenyuan-reader-zh": "DRCD, CMRC, SQuAD, CRUD-RAG",
    "wenyuan-lexicon-en-zh": "CC-CEDICT, Tatoeba",
    "places": "CC-CEDICT",
}
_ROLES = {
    BUNDLED: "embedding",
    "wenyuan-reader-zh": "reader",
    "wenyuan-lexicon-en-zh": "lexicon",
    "places": "places",
}


@dataclass(frozen=True, slots=True)
class Model:
    """A model of this machine. `bytes` is that of its files; `dimensions` only of embeddings.

    `name` is what `rag models use` takes, `origin` where it is and comes from.
    """

    role: str
    name: str
    bytes: int
    dimensions: int | None
    origin: str


@dataclass(frozen=True, slots=True)
class InUse:
    """What the configuration names, and whether it is here."""

    role: str
    setting: str
    name: str
    here: bool


def bundled() -> Iterator[Model]:
    """The models that come with the package."""
    for name, role in _ROLES.items():
        folder = bundled_model_path().parent / name
        origin = ", ".join(filter(None, ("package", _ORIGINS[name], _licence(folder))))
        dimensions = _dimensions(folder) if role == "embedding" else None
        yield Model(role, name, _size(folder), dimensions, origin)


def found(own: Path = OWN) -> Iterator[Model]:
    """The models of Hugging Face's cache, then those in a folder of one's own; no other files."""
    for name, folder in cached_names().items():
        yield from _described(name, folder, "cache")
    for folder in _folders(own):
        yield from _described(folder.as_posix(), folder, folder.as_posix())


def in_use(settings: Settings) -> Iterator[InUse]:
    """What is configured now."""
    embedding, reader = settings.embedding.model, settings.answering.reader
    yield InUse("embedding", SETTINGS["embedding"], embedding, _here(embedding))
    yield InUse("reader", SETTINGS["reader"], reader, reader == "rules" or _here(reader))
    reranker = settings.retrieval.reranker
    yield InUse("reranker", SETTINGS["reranker"], reranker, not reranker or _here(reranker))


def role_of(folder: Path) -> Role | None:
    """What a model folder can be used as, by its small files; None where they don't tell."""
    if is_static(folder):
        return "embedding"
    saved = read_json(folder / "config_sentence_transformers.json")
    kind = saved.get("model_type") if isinstance(saved, dict) else None
    if kind in ("CrossEncoder", "SparseEncoder", "MultiVectorEncoder"):
        return "reranker" if kind == "CrossEncoder" else None
    if (folder / "modules.json").is_file():
        return "embedding"
    config = read_json(folder / "config.json")
    named = config.get("architectures") if isinstance(config, dict) else None
    architecture = str(named[0]) if isinstance(named, list) and named else ""
    if architecture.endswith("ForQuestionAnswering"):
        return "reader"
    if architecture.endswith("ForSequenceClassification"):
        labels = config.get("id2label") if isinstance(config, dict) else None
        return "reranker" if isinstance(labels, dict) and len(labels) == 1 else None
    return "embedding" if architecture.endswith(("Model", "ForMaskedLM")) else None


def as_dict(models: Sequence[Model], used: Sequence[InUse]) -> dict[str, object]:
    """For `--json`."""
    return {"in_use": [asdict(one) for one in used], "models": [asdict(one) for one in models]}


def _described(name: str, folder: Path, origin: str) -> Iterator[Model]:
    role = role_of(folder)
    weights = any(path.suffix in (".safetensors", ".bin") for path in folder.rglob("*"))
    if role is None or not weights:  # no kind that is used here, or a fetch that broke off
        return
    where = ", ".join(filter(None, (origin, _licence(folder))))
    dimensions = _dimensions(folder) if role == "embedding" else None
    yield Model(role, name, _size(folder), dimensions, where)


def _folders(own: Path) -> Iterator[Path]:
    """The model folders right inside `own`, or one level below, as owner/name."""
    for first in sorted(path for path in own.glob("*") if path.is_dir()):
        if is_model_folder(first):
            yield first
        else:
            yield from sorted(p for p in first.glob("*") if p.is_dir() and is_model_folder(p))


def _here(name: str) -> bool:
    if name in {"default", *_ROLES}:
        return True
    try:
        return is_model_folder(local_folder(name))
    except RagError:
        return False


def _size(folder: Path) -> int:
    """Bytes of what is in it; in a cache its files are links to where they lie."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _licence(folder: Path) -> str:
    """What the model card's head says."""
    try:
        head = (folder / "README.md").read_text(encoding="utf-8")[:2000]
    except (OSError, ValueError):
        return ""
    lines = head.splitlines()
    if not lines or lines[0] != "---":
        return ""
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("license:"))
    return next(named, "")[:40]


def _dimensions(folder: Path) -> int | None:
    """Numbers in a vector: what the last module that changes it says, else the model itself."""
    if is_static(folder):
        return _static_dimensions(folder)
    for pattern, key in (
        ("*_Dense/config.json", "out_features"),
        ("*_Pooling/config.json", "word_embedding_dimension"),
        ("*_Pooling/config.json", "embedding_dimension"),
        ("config.json", "hidden_size"),
    ):
        for path in sorted(folder.glob(pattern), reverse=True):
            config = read_json(path)
            number = config.get(key) if isinstance(config, dict) else None
            if isinstance(number, int):
                return number
    return None


def _static_dimensions(folder: Path) -> int | None:
    """The columns of the table of vectors, from the head of its file."""
    try:
        with next(folder.rglob("*.safetensors")).open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            head = json.loads(file.read(min(length, 1_000_000)))
        shapes = [
            head[name]["shape"] for name in ("embedding.weight", "embeddings") if name in head
        ]
        return int(shapes[0][1])
    except (OSError, ValueError, LookupError, StopIteration, struct.error, TypeError):
        return None


def check(settings: Settings, role: Role, name: str) -> None:
    """Open a model as `role` and use it once, offline. Raises ModelError."""
    from rag import assembly

    if role == "embedding":
        row = assembly.embedder_of(settings).embed_query("问 question")
        if not all(isfinite(value) for value in row.tolist()) or not row.any():
            raise ModelError(
                f"The model {name} gives vectors that can't be compared; copy it again or choose "
                "another",
                f"模型 {name} 给出的向量无法比较；请重新复制或换用其他模型",
            )
    elif role == "reader":
        assembly.reading_of(settings)
    else:
        assembly.reranker_of(settings)


def refuse_other_role(role: Role, name: str, folder: Path) -> None:
    """A model of another kind opens all the same, with random numbers where its own are missing.

    Raises ModelError.
    """
    own = role_of(folder)
    if own == role or (own is None and role != "reader"):
        return
    options = {"embedding": "", "reader": " --reader", "reranker": " --reranker"}
    names = {"embedding": "向量模型", "reader": "阅读模型", "reranker": "重排模型"}
    en = f"; it may be used so: rag models use {name}{options[own]}" if own else ""
    zh = f"；可这样使用：rag models use {name}{options[own]}" if own else ""
    raise ModelError(
        f"The model in {folder} is no {role} model by its config.json{en or '; choose another'}",
        f"从 config.json 看，{folder} 中的模型不是{names[role]}{zh or '；请换用其他模型'}",
    )


__all__ = [
    "OWN",
    "SETTINGS",
    "InUse",
    "Model",
    "Role",
    "as_dict",
    "bundled",
    "check",
    "found",
    "in_use",
    "refuse_other_role",
    "role_of",
]
