"""What a reranker costs: milliseconds to read 20 passages again, by the size of the model.

    python -m benchmarks.reranking --questions CMRC.jsonl.xz

The models have random weights in the shape of published cross-encoders: a question costs the same
as with theirs, and what they find better can't be told by it. The passages are paragraphs cut to
`chunking.size` characters. One thread, and all.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path

import torch
from tests.tiny_bert import Shape, write

from benchmarks.data import machine, rows
from rag.config import Settings
from rag.retrieval.reranker import CrossEncoderReranker

# Of MiniLM-L6 (ms-marco-MiniLM-L6-v2), and of BERT-base and XLM-R-base (bge-reranker-base).
SHAPES = {
    "6 layers of 384": Shape(6, 384, 12, 1536, 512),
    "12 layers of 768": Shape(12, 768, 12, 3072, 512),
}


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--asked", type=int, default=6)
    options = parser.parse_args()
    settings = Settings()
    asked = list(islice(rows(options.questions), options.asked))
    paragraphs = list(dict.fromkeys(row["context"] for row in rows(options.questions)))
    passages = [text[: settings.chunking.size] for text in paragraphs]
    characters = sorted(set("".join(passages)))
    threads = torch.get_num_threads()
    print(f"{machine()}, {settings.retrieval.rerank_top} passages\n")
    print("| model | threads | median ms | slowest ms |\n| --- | ---: | ---: | ---: |")
    for name, shape in SHAPES.items():
        with tempfile.TemporaryDirectory() as folder:
            write(
                Path(folder),
                characters,
                "BertForSequenceClassification",
                seed=1,
                num_labels=1,
                shape=shape,
            )  # fmt: skip
            reranker = CrossEncoderReranker(folder, device="cpu")
            for count in dict.fromkeys((1, threads)):
                torch.set_num_threads(count)
                spent = []
                for at, row in enumerate(asked):
                    some = passages[at : at + settings.retrieval.rerank_top]
                    begun = time.perf_counter()
                    reranker.scores(row["question"], some)
                    spent.append(1000 * (time.perf_counter() - begun))
                print(f"| {name} | {count} | {statistics.median(spent):,.0f} | {max(spent):,.0f} |")


if __name__ == "__main__":
    main()
