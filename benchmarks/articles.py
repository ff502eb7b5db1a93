"""News articles, and a synthetic continuation beyond their end.

A synthetic article is put together from whole sentences of different news articles, as many as
one of them has, so that its length, its words and how often they come are those of the news, and
its passages are about several things at once. Seeded: the same number gives the same articles.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.data import rows
from rag.chunking import Chunker
from rag.text import sentence_spans
from rag.types import Document, DocumentInfo

_SEED = 7


def continued(source: Path) -> Iterator[dict[str, Any]]:
    """The articles of `source`, then synthetic ones without end."""
    lengths: list[int] = []
    sentences: list[str] = []
    titles: list[str] = []
    for row in rows(source):
        spans = sentence_spans(row["text"])
        lengths.append(len(spans))
        sentences.extend(row["text"][start:end] for start, end in spans)
        titles.append(row["title"])
        yield row
    rng = random.Random(_SEED)
    number = 0
    while True:
        number += 1
        text = "\n".join(rng.choices(sentences, k=max(1, rng.choice(lengths))))
        yield {"id": f"synthetic-{number}", "title": rng.choice(titles), "text": text}


def written(source: Path, target: Path, passages: int, chunker: Chunker) -> int:
    """Write articles to `target` until they make `passages` passages; how many they make."""
    made = 0
    draft = target.with_suffix(".part")
    with draft.open("w", encoding="utf-8") as file:
        for row in continued(source):
            made += len(chunker.chunk(Document(DocumentInfo(row["id"], "", ""), row["text"])))
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            if made >= passages:
                break
    draft.replace(target)
    return made
