"""What comes with the package and is the same whatever model is in use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from rag.answering import Confidence
from rag.embedders import bundled_model_path
from rag.retrieval import Lexicon
from rag.text import Span

MODELS = Path(__file__).parents[1] / "models"
READER = "wenyuan-reader-zh"


@lru_cache(maxsize=1)
def bundled_confidence() -> Confidence:
    """The weights of the package. Raises ModelError."""
    return Confidence.from_file(MODELS / "confidence" / "weights.json")


@lru_cache(maxsize=1)
def bundled_lexicon() -> Lexicon:
    """The package's English-Chinese lexicon, read at the first question that needs it."""
    return Lexicon(MODELS / "wenyuan-lexicon-en-zh" / "lexicon.tsv")


def reader_folder() -> Path:
    """The folder of the reader that comes with the package."""
    return MODELS / READER


@lru_cache(maxsize=8192)
def segment(folded: str) -> Sequence[Span]:
    """Words of folded text, cut by the bundled model's vocabulary, whatever model is in use."""
    spans: list[Span] = []
    at = 0
    for start, end in _tokenizer().encode(folded, add_special_tokens=False).offsets:
        if start > at:  # characters the vocabulary doesn't have
            spans.extend((i, i + 1) for i in range(at, start))
        if end > max(start, at):
            spans.append((max(start, at), end))
            at = end
    spans.extend((i, i + 1) for i in range(at, len(folded)))
    return tuple(spans)


@lru_cache(maxsize=1)
def _tokenizer():  # type: ignore[no-untyped-def]  # noqa: ANN202 - the library has no stubs
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(bundled_model_path() / "tokenizer.json"))


@lru_cache(maxsize=1)
def place_list() -> frozenset[str]:
    """The bundled place names, folded and without suffix."""
    text = (MODELS / "places" / "places.txt").read_text("utf-8")
    return frozenset(text.split())
