"""Plain BM25 by tantivy over the search terms of the product: the figure to beat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tantivy
from numpy.typing import NDArray

from rag.text import analyse_folded, idf

_K1 = 1.2  # tantivy's own, with b 0.75


@dataclass(frozen=True, slots=True)
class Lexical:
    """BM25 scores, shape (questions, passages), 0 beyond the best `depth`.

    `bounds` is the most that a passage could score for each question: the sum over its terms of
    idf * (k1 + 1).
    """

    scores: NDArray[np.float32]
    bounds: NDArray[np.float32]


def lexical_search(questions: Sequence[str], passages: Sequence[str], *, depth: int) -> Lexical:
    """Search folded `passages` for folded `questions`."""
    terms = [analyse_folded(passage) for passage in passages]
    frequencies = Counter(term for document in terms for term in set(document))
    schema, searcher = _index(terms)
    scores = np.zeros((len(questions), len(passages)), dtype=np.float32)
    bounds = np.zeros(len(questions), dtype=np.float32)
    for row, question in enumerate(questions):
        wanted = [term for term in analyse_folded(question) if term in frequencies]
        asked = analyse_folded(question)
        bounds[row] = (_K1 + 1) * sum(idf(frequencies[term], len(passages)) for term in asked)
        query = tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Should, tantivy.Query.term_query(schema, "terms", term, "freq"))
                for term in wanted
            ]
        )
        for score, address in searcher.search(query, depth, count=False).hits:
            scores[row, int(searcher.doc(address)["key"][0])] = score
    return Lexical(scores, bounds)


def _index(terms: Sequence[Sequence[str]]) -> tuple[tantivy.Schema, tantivy.Searcher]:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("terms", tokenizer_name="whitespace", index_option="freq")
    builder.add_integer_field("key", stored=True)
    schema = builder.build()
    index = tantivy.Index(schema)
    index.register_tokenizer(
        "whitespace", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
    )
    writer = index.writer(heap_size=200_000_000, num_threads=1)
    for key, document in enumerate(terms):
        writer.add_document(tantivy.Document(terms=" ".join(document), key=key))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return schema, index.searcher()
