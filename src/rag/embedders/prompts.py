"""What a model wants to read before a question and before a passage.

Models are trained with such words and find less without them. A model's own folder says them best;
of well-known families that don't, the table here does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rag.embedders.folders import read_json

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Prompts:
    """The words before a question and before a passage; empty: none."""

    query: str = ""
    passage: str = ""


# The first fragment that the model's name holds counts, so special cases stand first.
FAMILIES: tuple[tuple[tuple[str, ...], Prompts], ...] = (
    (
        ("e5-large-instruct",),
        Prompts(
            "Instruct: Given a web search query, retrieve relevant passages that answer the query"
            "\nQuery: "
        ),
    ),
    (("e5-small", "e5-base", "e5-large"), Prompts("query: ", "passage: ")),
    (("bge-m3", "-noinstruct"), Prompts()),
    (
        ("bge-small-zh", "bge-base-zh", "bge-large-zh"),
        Prompts("为这个句子生成表示以用于检索相关文章："),
    ),
    (
        ("bge-small-en", "bge-base-en", "bge-large-en"),
        Prompts("Represent this sentence for searching relevant passages: "),
    ),
)


def own_prompts(folder: Path) -> bool:
    """Whether the folder's configuration of sentence-transformers says prompts that aren't empty.

    Then the library applies them by itself and nothing must be added.
    """
    config = read_json(folder / "config_sentence_transformers.json")
    prompts = config.get("prompts") if isinstance(config, dict) else None
    return isinstance(prompts, dict) and any(prompts.values())


def family_prompts(name: str) -> Prompts:
    """Those of the family that a name or a folder belongs to; none where it is unknown.

    Of a path only the last part is looked at, or the repository of a snapshot in the cache.
    """
    parts = [part for part in name.replace("\\", "/").lower().split("/") if part]
    repository = next((part for part in parts if part.startswith("models--")), None)
    known = repository or (parts[-1] if parts else "")
    for fragments, prompts in FAMILIES:
        if any(fragment in known for fragment in fragments):
            return prompts
    return Prompts()


__all__ = ["AUTO", "FAMILIES", "Prompts", "family_prompts", "own_prompts"]
