"""The vocabulary: a unigram language model whose pieces are Chinese words and English words.

Candidates are the headwords of the dictionary, strings of the news that are common and cohere,
the words of the English side and every character. Their probabilities come from cutting the text
with them and counting again (hard EM; Kudo 2018, "Subword Regularization", has the soft form).
The cutting is done by `tokenizers` itself, so training and use agree.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from rag.text import is_cjk
from rag.training.data import Corpus

UNKNOWN = "[UNK]"
_RUN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_WORD = re.compile(r"[a-z]+|\d+")
_LONGEST = 5
_ROUNDS = 3
_BATCH = 20_000


def build_tokenizer(corpus: Corpus, *, chinese: int, english: int) -> Tokenizer:
    """A tokenizer with about `chinese` pieces in Chinese and `english` in Latin letters."""
    texts = [f"{article.title} {article.text}" for article in corpus.news]
    texts += [zh for _, zh in corpus.translations]
    headwords = [word for word, _ in corpus.dictionary]
    characters = _characters(texts, headwords)
    counts = Counter(dict.fromkeys(headwords, 1))
    counts.update(coherent_strings(texts, known=frozenset(headwords)))
    counts.update(characters)
    latin = Counter(
        word for text in _english(corpus) for word in _WORD.findall(text) if len(word) < 25
    )
    latin.update(word for text in texts for word in _WORD.findall(text) if len(word) < 25)
    counts.update(dict(latin.most_common(2 * english)))
    cut = texts + headwords
    for _ in range(_ROUNDS):
        counts = _recount(counts, cut)
        counts.update(dict(latin.most_common(2 * english)))
        counts.update(dict.fromkeys(characters, 1))  # whatever is cut, no character is unknown
    chosen = Counter({char: counts[char] for char in characters})
    chosen.update(dict(_top(counts, chinese, wanted=is_cjk)))
    chosen.update(dict(_top(latin, english, wanted=str.isascii)))
    return _tokenizer(chosen)


def _english(corpus: Corpus) -> Iterator[str]:
    for _, glosses in corpus.dictionary:
        yield from (gloss.lower() for gloss in glosses)
    yield from (english for english, _ in corpus.translations)


def coherent_strings(
    texts: Sequence[str], *, known: frozenset[str] = frozenset(), least: int = 12
) -> dict[str, int]:
    """Strings of 2 to 5 Chinese characters that are `known` words or cohere, with their counts.

    A string coheres when its weakest split has a pointwise mutual information of 3 or more
    (Church and Hanks 1990), counted in natural logarithms.
    """
    counts: Counter[str] = Counter()
    for size in range(1, _LONGEST + 1):
        counts.update(_grams(texts, size, counts, least))
        counts = Counter({gram: n for gram, n in counts.items() if len(gram) < 2 or n >= least})
    total = sum(n for gram, n in counts.items() if len(gram) == 1)
    return {
        gram: n
        for gram, n in counts.items()
        if len(gram) > 1 and (gram in known or _cohesion(gram, counts, total) >= 3)
    }


def _cohesion(gram: str, counts: Counter[str], total: int) -> float:
    return min(
        math.log(counts[gram] * total / (counts[gram[:at]] * counts[gram[at:]]))
        for at in range(1, len(gram))
    )


def _grams(texts: Iterable[str], size: int, known: Counter[str], least: int) -> Iterator[str]:
    for text in texts:
        for run in _RUN.findall(text):
            for at in range(len(run) - size + 1):
                gram = run[at : at + size]
                if size < 3 or (known[gram[:-1]] >= least and known[gram[1:]] >= least):
                    yield gram


def _recount(counts: Counter[str], texts: Sequence[str]) -> Counter[str]:
    """How often each piece is used when `texts` are cut by the pieces' present counts."""
    tokenizer = _tokenizer(counts)
    used: Counter[int] = Counter()
    for at in range(0, len(texts), _BATCH):
        for encoding in tokenizer.encode_batch_fast(texts[at : at + _BATCH]):
            used.update(encoding.ids)
    pieces = {index: piece for piece, index in tokenizer.get_vocab().items()}
    return Counter({pieces[index]: n for index, n in used.items() if index > 0})


def _top(
    counts: Counter[str], size: int, *, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, int]]:
    return itertools.islice(
        ((piece, n) for piece, n in counts.most_common() if len(piece) > 1 and wanted(piece)), size
    )


def _characters(texts: Iterable[str], headwords: Iterable[str], *, least: int = 2) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in itertools.chain(texts, headwords):
        counts.update(text)
    kept = {char: n for char, n in counts.items() if n >= least and char.isalnum()}
    return Counter(dict.fromkeys("abcdefghijklmnopqrstuvwxyz0123456789", 1) | kept)


def _tokenizer(counts: Counter[str]) -> Tokenizer:
    total = math.log(sum(counts.values()))
    pieces = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    scored = [(piece, round(math.log(max(n, 0.5)) - total, 3)) for piece, n in pieces]
    tokenizer = Tokenizer(models.Unigram([(UNKNOWN, -30.0), *scored], unk_id=0))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("removed")]
    )
    return tokenizer
