"""Text as search sees it and as people read it; pure functions, no I/O."""

from rag.text.analyse import ANALYSER_VERSION, analyse, analyse_folded, is_cjk, is_mostly_latin
from rag.text.normalise import (
    Folded,
    fold,
    fold_passage,
    fold_radicals,
    fold_with_offsets,
    simplify,
)
from rag.text.rarity import idf
from rag.text.sentences import Span, clause_spans, sentence_spans
from rag.text.tables import CELLS, cell_spans, first_row

__all__ = [
    "ANALYSER_VERSION",
    "CELLS",
    "Folded",
    "Span",
    "analyse",
    "analyse_folded",
    "cell_spans",
    "clause_spans",
    "first_row",
    "fold",
    "fold_passage",
    "fold_radicals",
    "fold_with_offsets",
    "idf",
    "is_cjk",
    "is_mostly_latin",
    "sentence_spans",
    "simplify",
]
