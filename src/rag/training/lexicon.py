"""Make the bundled English-Chinese lexicon from CC-CEDICT and the Tatoeba pairs.

    python -m rag.training.lexicon --data ../shared/data --out src/rag/models/wenyuan-lexicon-en-zh

A gloss says that its words may be translated by its headword, the more so the shorter it is and
the earlier it stands. The Tatoeba pairs say how often that is done: they are aligned word by word
(IBM model 1), beginning from the glosses. The 1,000 pairs held out from the embedding model's
training are held out here, too. Deterministic: nothing is random.
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from rag.embedders import bundled_model_path
from rag.retrieval.lexicon import english_words
from rag.text import is_cjk
from rag.training.data import read_dictionary, read_translations
from rag.training.pairs import clean_gloss

Weights = dict[str, dict[str, float]]

_LONGEST_GLOSS = 6  # words
_ROUNDS = 4
_FROM_GLOSS = 20.0  # how many times likelier an alignment that the glosses know is to begin with
_LEAST_COUNT = 0.5
_TERMS = 30
_LEAST = 0.05
_NO_WORD = ""  # what Chinese words without an English one are aligned with


def from_glosses(entries: Iterable[tuple[str, Sequence[str]]]) -> Weights:
    """Weights of headwords by English stem."""
    weights: Weights = defaultdict(lambda: defaultdict(float))
    for headword, glosses in entries:
        for place, gloss in enumerate(glosses):
            words = english_words(clean_gloss(gloss) or "") if is_cjk(headword) else []
            if len(words) <= _LONGEST_GLOSS:
                for word in set(words):
                    weights[word][headword] += 1 / ((1 + 0.3 * place) * len(words) ** 1.5)
    return weights


def from_translations(
    pairs: Sequence[tuple[Sequence[str], Sequence[str]]], glosses: Weights
) -> Weights:
    """Expected counts of alignments, divided by the root of the stem's count.

    So what was seen often outweighs the glosses, and what was seen once doesn't. IBM model 1:
    Brown et al., "The Mathematics of Statistical Machine Translation", 1993.
    """
    pairs = [([*english, _NO_WORD], chinese) for english, chinese in pairs]
    chances: Weights = defaultdict(dict)
    for english, chinese in pairs:
        for word in english:
            known: Mapping[str, float] = glosses.get(word, {})
            chances[word].update((term, 1 + _FROM_GLOSS * known.get(term, 0)) for term in chinese)
    for _ in range(_ROUNDS):
        counts = _expected(pairs, chances)
        totals = {word: sum(terms.values()) for word, terms in counts.items()}
        chances = {
            word: {term: count / totals[word] for term, count in terms.items()}
            for word, terms in counts.items()
        }
    return {
        word: {t: n / (1 + totals[word] ** 0.5) for t, n in terms.items() if n > _LEAST_COUNT}
        for word, terms in counts.items()
        if word != _NO_WORD
    }


def _expected(pairs: Sequence[tuple[Sequence[str], Sequence[str]]], chances: Weights) -> Weights:
    counts: Weights = defaultdict(lambda: defaultdict(float))
    for english, chinese in pairs:
        for term in chinese:
            whole = sum(chances[word][term] for word in english)
            for word in english:
                counts[word][term] += chances[word][term] / whole
    return counts


def lexicon_lines(glosses: Weights, translations: Weights) -> list[str]:
    """A line for each stem: its best terms, each with the root of its share of the best weight."""
    lines = []
    for word in sorted(glosses.keys() | translations.keys()):
        sums: dict[str, float] = defaultdict(float)
        for source in (glosses, translations):
            for term, weight in source.get(word, {}).items():
                sums[term] += weight
        best = sorted(sums.items(), key=lambda item: (-item[1], item[0]))[:_TERMS]
        kept = [
            f"{term} {(weight / best[0][1]) ** 0.5:.2f}"
            for term, weight in best
            if weight >= _LEAST * best[0][1] and not re.search(r"\s", term)
        ]
        if kept:
            lines.append(f"{word}\t{' '.join(kept)}")
    return lines


def main() -> None:
    """Write `lexicon.tsv` into the folder given by `--out`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared data")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(bundled_model_path() / "tokenizer.json"))
    pairs = [
        (english_words(english), [t for t in tokenizer.encode(chinese).tokens if is_cjk(t)])
        for english, chinese in read_translations(options.data)[0]
    ]
    glosses = from_glosses(read_dictionary(options.data))
    lines = lexicon_lines(glosses, from_translations(pairs, glosses))
    (options.out / "lexicon.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
