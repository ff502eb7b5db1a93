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
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from benchmarks.data import machine, rows
from rag.config import Settings
from rag.retrieval.reranker import CrossEncoderReranker

# Layers, width, heads, inner width: MiniLM-L6 (ms-marco-MiniLM-L6-v2), BERT-base and XLM-R-base
# (bge-reranker-base).
SHAPES = {"6 layers of 384": (6, 384, 12, 1536), "12 layers of 768": (12, 768, 12, 3072)}
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write(folder: Path, shape: tuple[int, int, int, int], characters: Sequence[str]) -> None:
    """A cross-encoder of random weights that cuts text into characters."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = {word: number for number, word in enumerate((*_SPECIAL, *characters))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    fast: Any = transformers.PreTrainedTokenizerFast
    fast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=512
    ).save_pretrained(str(folder))
    layers, width, heads, inner = shape
    config = transformers.BertConfig(
        vocab_size=len(words), num_hidden_layers=layers, hidden_size=width,
        num_attention_heads=heads, intermediate_size=inner,
    )  # fmt: skip
    config.num_labels = 1
    transformers.BertForSequenceClassification(config).save_pretrained(str(folder))


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
            write(Path(folder), shape, characters)
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
