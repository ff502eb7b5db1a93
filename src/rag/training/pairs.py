"""What the model learns from: pairs of texts that belong together.

Chinese questions are made from the news: a piece of a sentence, with the thing asked for replaced
by its question word, belongs to the passage it came from (inverse cloze task; Lee et al. 2019,
"Latent Retrieval for Weakly Supervised Open Domain Question Answering"). English questions are
made from the same sentences, word by word through the dictionary. All randomness is seeded.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from rag.text import is_cjk, sentence_spans
from rag.training.data import Article, Corpus, passages

Pair = tuple[str, str]

_PARENTHESES = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_POINTER = re.compile(
    r"^(?:old |erhua |archaic |japanese )?"
    r"(?:variants? of|see |cl:|also written|used in |abbr\. for)",
    re.IGNORECASE,
)
_ASKED = (
    (re.compile(r"\d{4}年(?:\d+月)?(?:\d+日)?|\d+月\d+日"), ("什么时候", "何时", "哪一年", "哪天")),
    (re.compile(r"\d[\d.]*万?亿?多?余?(?=[\u4e00-\u9fff%])"), ("多少", "几", "多少")),
    (re.compile(r"[\u4e00-\u9fff]{2}(?:公司|集团)"), ("哪家公司", "什么公司")),
    (re.compile(r"[\u4e00-\u9fff]{2}(?:省|市|县|区|镇|村)"), ("哪里", "什么地方", "哪个地方")),
)
_TAILS = ("?", "?", "是什么?", "有哪些?", "是谁?", "为什么?", "怎么样?", "", "")
_VOWEL_END = re.compile(r"(?<=[^aeiou])e$")


@dataclass(frozen=True, slots=True)
class Glosses:
    """The dictionary as the pairs need it: English for a word, and words of one meaning."""

    english: Mapping[str, Sequence[str]]
    synonyms: Mapping[str, Sequence[str]]
    names: Sequence[Pair]


def read_glosses(entries: Iterable[tuple[str, Sequence[str]]]) -> Glosses:
    """Clean glosses: no pointers to other entries, no remarks in parentheses, lower case."""
    english: dict[str, list[str]] = defaultdict(list)
    words: dict[str, list[str]] = defaultdict(list)
    names: list[Pair] = []
    for word, glosses in entries:
        for gloss in glosses:
            clean = clean_gloss(gloss)
            if clean is None or not is_cjk(word):
                continue
            if clean[0].isupper() and len(clean.split()) <= 2 and len(word) > 1:
                names.append((clean.lower(), word))
            clean = clean.lower()
            english[word].append(clean)
            words[clean].append(word)
    synonyms = {
        word: sorted({other for gloss in glosses for other in words[gloss]} - {word})
        for word, glosses in english.items()
    }
    return Glosses(english, {word: others for word, others in synonyms.items() if others}, names)


def clean_gloss(gloss: str) -> str | None:
    """The gloss without remarks; None when it only points to another entry or says nothing."""
    clean = _PARENTHESES.sub(" ", gloss).strip()
    return None if not clean or _POINTER.match(clean) or is_cjk(clean) else clean


@dataclass(frozen=True, slots=True)
class PairMaker:
    """Makes the training pairs of one pass; another seed gives another pass over the same data."""

    corpus: Corpus
    glosses: Glosses
    tokenizer: Tokenizer
    seed: int
    sentences_per_passage: int = 3
    keep_sentence: float = 0.6

    def all(self) -> dict[str, list[Pair]]:
        """The kinds of pairs by name, each shuffled."""
        chance = random.Random(self.seed)
        kinds: dict[str, list[Pair]] = {"questions": [], "english": [], "words": []}
        for article in self.corpus.news:
            for question, passage in self._cloze(article, chance):
                kinds["questions"].append((self.disguise(question, chance), passage))
                kinds["english"].append((self.in_english(question, chance), passage))
            if article.title:
                kinds["questions"].append((article.title, article.text[:400]))
        kinds["words"] = self._words(chance)
        kinds["sentences"] = list(self.corpus.translations)
        for pairs in kinds.values():
            pairs[:] = [pair for pair in pairs if pair[0].strip() and pair[1].strip()]
            chance.shuffle(pairs)
        return kinds

    def _cloze(self, article: Article, chance: random.Random) -> Iterator[Pair]:
        """Pieces of sentences, each with its passage; the sentence itself is left in or not."""
        for passage in passages(article.text, size=chance.choice((150, 250, 400))):
            spans = [span for span in sentence_spans(passage) if span[1] - span[0] >= 8]
            for start, end in chance.sample(spans, min(self.sentences_per_passage, len(spans))):
                rest = passage[:start] + passage[end:]
                whole = chance.random() < self.keep_sentence or len(rest) < 60
                title = article.title if chance.random() < 0.3 else ""
                yield _piece(passage[start:end], chance), f"{title} {passage if whole else rest}"

    def question(self, passage: str, chance: random.Random) -> str:
        """A piece of one of the passage's sentences."""
        spans = [span for span in sentence_spans(passage) if span[1] - span[0] >= 8]
        start, end = chance.choice(spans or [(0, len(passage))])
        return _piece(passage[start:end], chance)

    def disguise(self, sentence: str, chance: random.Random) -> str:
        """A statement as somebody might ask it: question words, synonyms, words left out."""
        asked = _ask(sentence, chance)
        if chance.random() < 0.4:
            return asked
        words = self.tokenizer.encode(asked).tokens
        dropped = chance.random() * 0.5
        changed = chance.random() * 0.4
        kept: list[str] = []
        for word in words:
            if len(words) > 4 and chance.random() < dropped:
                continue
            others = self.glosses.synonyms.get(word)
            kept.append(chance.choice(others) if others and chance.random() < changed else word)
        return "".join(kept)

    def in_english(self, sentence: str, chance: random.Random) -> str:
        """The words of `sentence` by glosses of the dictionary, mixed a little in order."""
        words: list[str] = []
        for word in self.tokenizer.encode(sentence).tokens:
            glosses = self.glosses.english.get(word)
            if glosses and (len(word) > 1 or chance.random() < 0.3):
                # The dictionary gives the commonest meaning first.
                at = min(chance.randrange(len(glosses)), chance.randrange(len(glosses)))
                words.append(inflect(glosses[at], chance))
            elif not is_cjk(word):
                words.append(word)
        if chance.random() < 0.3:
            words = [word for word in words if chance.random() < 0.6]
        return chance.choice(("", "what ", "how many ", "who ", "when ", "where ")) + " ".join(
            words
        )

    def _words(self, chance: random.Random) -> list[Pair]:
        """Dictionary entries, names also in pieces, so that parts of names learn their sounds."""
        pairs = [
            (inflect(chance.choice(glosses), chance), word)
            for word, glosses in self.glosses.english.items()
        ]
        pairs += [(chance.choice(others), word) for word, others in self.glosses.synonyms.items()]
        pairs += [(_split(english, chance), " ".join(word)) for english, word in self.glosses.names]
        return pairs


def _piece(sentence: str, chance: random.Random) -> str:
    """The sentence, or some of its clauses in a row, at most 60 characters."""
    clauses = re.split(r"[,;:、]", sentence)
    if len(clauses) > 1:
        start = chance.randrange(len(clauses))
        clauses = clauses[start : start + chance.choice((1, 1, 2, 3))]
    piece = ",".join(clauses)
    if len(piece) > 60:
        start = chance.randrange(len(piece) - 50)
        piece = piece[start : start + chance.randint(20, 60)]
    return piece if len(piece) > 3 else sentence[:60]


def _ask(statement: str, chance: random.Random) -> str:
    """Replace a date, number, company or place by its question word, or add a tail."""
    kinds = [kind for kind in _ASKED if kind[0].search(statement)]
    if kinds and chance.random() < 0.5:
        pattern, words = chance.choice(kinds)
        return pattern.sub(chance.choice(words), statement, count=1) + "?"
    return statement.rstrip("。.;!") + chance.choice(_TAILS)


def inflect(gloss: str, chance: random.Random) -> str:
    """A gloss as it may stand in a text: `to defeat` also as defeats, defeated, defeating."""
    if not gloss.startswith("to "):
        words = gloss.split()
        if len(words) == 1 and gloss.isalpha() and chance.random() < 0.25:
            return _plural(gloss)
        return gloss
    first, _, rest = gloss[3:].partition(" ")
    if not first.isalpha():
        return gloss
    stem = _VOWEL_END.sub("", first)
    past = first[:-1] + "ied" if re.search("[^aeiou]y$", first) else stem + "ed"
    verb = chance.choice((first, first, past, stem + "ing", _plural(first)))
    return f"{verb} {rest}".rstrip()


def _plural(word: str) -> str:
    if re.search("(?:s|x|z|ch|sh)$", word):
        return word + "es"
    return word[:-1] + "ies" if re.search("[^aeiou]y$", word) else word + "s"


def _split(name: str, chance: random.Random) -> str:
    """A name with spaces at random places: its pieces are then cut apart."""
    pieces: list[str] = []
    for word in name.split():
        at = 0
        while at < len(word):
            size = chance.choice((2, 3, 3, 4))
            pieces.append(word[at : at + size])
            at += size
    return " ".join(pieces)
