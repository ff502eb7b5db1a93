"""The bare libraries: model2vec, FAISS and tantivy called directly, ranks added up."""

from collections.abc import Sequence

import faiss
import numpy as np
from model2vec import StaticModel
from tantivy import Document, Index, Occur, Query, SchemaBuilder, TextAnalyzerBuilder, Tokenizer

from benchmarks.peer_systems import Ask
from rag.text import analyse, fold

_CANDIDATES = 50


def build(texts: Sequence[str], model: str) -> Ask:
    """Embed, add to a flat index, add the terms."""
    faiss.omp_set_num_threads(1)
    encoder = StaticModel.from_pretrained(model, normalize=True, max_length=None)
    rows = encoder.encode([fold(text) for text in texts], use_multiprocessing=False)
    dense = faiss.IndexFlatIP(rows.shape[1])
    dense.add(np.ascontiguousarray(rows, dtype=np.float32))
    builder = SchemaBuilder()
    builder.add_text_field("terms", tokenizer_name="terms", index_option="freq")
    builder.add_integer_field("key", fast=True)
    index = Index(builder.build())
    index.register_tokenizer("terms", TextAnalyzerBuilder(Tokenizer.whitespace()).build())
    writer = index.writer(heap_size=128 * 1024 * 1024, num_threads=1)
    for key, text in enumerate(texts):
        writer.add_document(Document(terms=" ".join(analyse(text)), key=key))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def ask(question: str, k: int) -> list[int]:
        parts = [
            (Occur.Should, Query.term_query(index.schema, "terms", term, "freq"))
            for term in dict.fromkeys(analyse(question))
        ]
        hits = searcher.search(Query.boolean_query(parts), _CANDIDATES, count=False).hits
        words = searcher.fast_field_values("key", [address for _, address in hits])
        vector = encoder.encode([fold(question)], use_multiprocessing=False)
        _, near = dense.search(np.asarray(vector, dtype=np.float32), _CANDIDATES)
        scores: dict[int, float] = {}
        for weight, keys in ((1.0, words), (0.05, near[0])):
            for rank, key in enumerate(keys, start=1):
                scores[int(key)] = scores.get(int(key), 0.0) + weight / (60 + rank)
        return sorted(scores, key=lambda key: -scores[key])[:k]

    return ask
