"""A language model's text on its way to the reader, sentence by sentence through the gate."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from rag.answering import phrases
from rag.answering.citations import CitationGate, Finding
from rag.answering.claims import squeezed
from rag.answering.extractive import citation_for
from rag.answering.failures import failure
from rag.answering.markers import Piece, SentenceSplitter, with_markers, without_markers
from rag.answering.passages import Passage
from rag.answering.prompts import SENTINEL
from rag.errors import Lang
from rag.text import fold, is_cjk
from rag.types import AnswerSentence, Citation, Hit, Token

_THINK = re.compile(r"<(think|thinking|thought|reasoning)>", re.IGNORECASE)
_THOUGHT = re.compile(r"</(think|thinking|thought|reasoning)>", re.IGNORECASE)
_TAG_BEGINS = re.compile(r"<[/a-zA-Z]{0,12}$")
# What badly set up servers leave of the chat template.
_TEMPLATE = re.compile(r"<\|[a-z_]{2,20}\|>|</?s>")
_LIST_ITEM = re.compile(r"^(?:[-*•·]|#{1,6}|\(?\d{1,2}[.)、．）])\s*")
_SENTINEL = re.compile(rf"[\s*_`\"'“”《》。.!！]*{SENTINEL}[\s*_`\"'“”《》。.!！]*")
_MOST_ALIKE = 3
_LONGEST = 2000  # characters without the end of a sentence
_LEAST_LETTERS = 12


class Declined(Exception):  # noqa: N818 - not an error: the model says that it doesn't know
    """The model found no answer in the passages."""


class Thoughts:
    """Takes reasoning blocks out of a stream; they aren't part of the answer."""

    def __init__(self) -> None:
        self._buffer = ""
        self._inside = False

    def feed(self, text: str) -> tuple[str, bool]:
        """The text outside of blocks, and whether a block ended that never began.

        Some servers leave out the opening tag: all that came before is reasoning then.
        """
        self._buffer += text
        shown: list[str] = []
        forget = False
        while True:
            if self._inside:
                end = _THOUGHT.search(self._buffer)
                if end is None:
                    self._buffer = self._buffer[-16:]
                    return "".join(shown), forget
                self._buffer, self._inside = self._buffer[end.end() :], False
                continue
            begin, end = _THINK.search(self._buffer), _THOUGHT.search(self._buffer)
            if end is not None and (begin is None or end.start() < begin.start()):
                self._buffer, shown, forget = self._buffer[end.end() :], [], True
                continue
            if begin is not None:
                shown.append(self._buffer[: begin.start()])
                self._buffer, self._inside = self._buffer[begin.end() :], True
                continue
            partial = _TAG_BEGINS.search(self._buffer)
            at = partial.start() if partial else len(self._buffer)
            shown.append(self._buffer[:at])
            self._buffer = self._buffer[at:]
            return "".join(shown), forget

    def rest(self) -> str:
        """What was held back because a tag might have begun."""
        rest, self._buffer = ("" if self._inside else self._buffer), ""
        return rest


class GatedWriter:
    """Writes one answer: what is fed to it comes out checked, with markers 1, 2, ... in order.

    Nothing comes out before the first sentence that a passage supports, so that a text without
    any can still be replaced as a whole.
    """

    def __init__(self, gate: CitationGate, hits: Sequence[Hit], lang: Lang) -> None:
        self._gate = gate
        self._passages: list[Passage] = gate.read(hits)
        self._lang = lang
        self._thoughts = Thoughts()
        self._splitter = SentenceSplitter()
        self._held: list[Token | Citation] = []
        self._alike: Counter[str] = Counter()
        self._silent = False
        self._claims = 0
        self._good_markers = 0
        self.begun = False
        self.text = ""
        self.citations: list[Citation] = []
        self.sentences: list[AnswerSentence] = []

    @property
    def precision(self) -> float:
        """The share of the markers that stand at a sentence they support."""
        markers = sum(len(sentence.markers) for sentence in self.sentences)
        return self._good_markers / markers if markers else 0.0

    @property
    def recall(self) -> float:
        """The share of the statements that are supported."""
        unsupported = sum(not sentence.supported for sentence in self.sentences)
        return 1 - unsupported / self._claims if self._claims else 0.0

    def feed(self, text: str) -> Iterator[Token | Citation]:
        """Take in what the model wrote next. Raises Declined, GeneratorError."""
        shown, forget = self._thoughts.feed(text)
        if forget and not self.begun:
            self._forget()
        for piece in self._splitter.feed(shown):
            yield from self._take(piece)
        if _loops(self._splitter.pending):
            raise failure("repetition")

    def finish(self) -> Iterator[Token | Citation]:
        """Let out the rest. Raises Declined, and GeneratorError where nothing is supported."""
        for piece in (*self._splitter.feed(self._thoughts.rest()), *self._splitter.rest()):
            yield from self._take(piece)
        if self.begun:
            return
        if not self._claims:
            if self._silent:
                raise Declined
            raise failure("empty")
        raise failure("unsupported")

    def _forget(self) -> None:
        self._splitter = SentenceSplitter()
        self._held, self.sentences, self.citations = [], [], []
        self._alike, self._claims, self.text = Counter(), 0, ""

    def _take(self, piece: Piece) -> Iterator[Token | Citation]:
        text = _TEMPLATE.sub("", piece.text)
        if SENTINEL in text:
            if not self.begun and _SENTINEL.fullmatch(text):
                raise Declined
            text = _SENTINEL.sub("", text)
        # What was taken out may have stood within a marker: [<|im_end|>1].
        text, others = without_markers(text)
        if not text.strip():
            yield from self._out([Token(piece.before + piece.after)] if self.text else [])
            return
        self._refuse(text)
        item = _LIST_ITEM.match(text)
        lead = item.group() if item else ""
        finding = self._gate.check(text[len(lead) :], (*piece.markers, *others), self._passages)
        markers, events = self._cited(finding)
        shown = with_markers(text[len(lead) :], "".join(f"[{n}]" for n in markers))
        if not finding.supported:
            shown += phrases.unsupported(self._lang)
        self._note(text[len(lead) :], finding, markers)
        yield from self._out(
            [*events, Token(f"{piece.before if self.text else ''}{lead}{shown}{piece.after}")]
        )
        if finding.supported and finding.claims and not self.begun:
            self.begun = True
            held, self._held = self._held, []
            yield from held

    def _out(self, events: Sequence[Token | Citation]) -> Iterator[Token | Citation]:
        self.text += "".join(event.text for event in events if isinstance(event, Token))
        if self.begun:
            yield from events
        else:
            self._held += events

    def _note(self, text: str, finding: Finding, markers: Sequence[int]) -> None:
        self._claims += finding.claims
        self._silent = self._silent or not finding.claims
        self._good_markers += len(markers) * finding.supported
        self.sentences.append(
            AnswerSentence(text, tuple(markers), finding.supported, finding.unsupported_terms)
        )

    def _cited(self, finding: Finding) -> tuple[list[int], list[Citation]]:
        """The markers of a sentence, and the citations among them that are new.

        A sentence that isn't supported keeps a marker only where the rest of it is.
        """
        if not finding.claims or not (finding.supported or finding.partly):
            return [], []
        known = len(self.citations)
        hits = {passage.number: passage.hit for passage in self._passages}
        markers = [
            citation_for(hits[unit.passage], unit.start, unit.end, unit.text, self.citations).marker
            for unit in finding.units
        ]
        return list(dict.fromkeys(markers)), self.citations[known:]

    def _refuse(self, text: str) -> None:
        """Raises GeneratorError for a text that repeats itself or is in the wrong language."""
        same = squeezed(fold(text))
        self._alike[same] += 1
        if self._alike[same] >= _MOST_ALIKE and len(same) > 3:
            raise failure("repetition")
        if not self.begun and _is_foreign(text, self._lang):
            raise failure("wrong_language")


def _is_foreign(text: str, lang: Lang) -> bool:
    letters = [c for c in text if c.isalpha()]
    chinese = sum(is_cjk(c) for c in letters)
    if len(letters) < _LEAST_LETTERS:
        return False
    return chinese == 0 if lang == "zh" else chinese > len(letters) / 2


def _loops(pending: str) -> bool:
    """Whether a text without the end of a sentence goes round in circles, or never ends."""
    if len(pending) > _LONGEST:
        return True
    if len(pending) < 120:
        return False
    tail = pending[-240:]
    return any(tail.endswith(tail[-size:] * max(5, 100 // size)) for size in range(1, 49))


__all__ = ["Declined", "GatedWriter", "Thoughts"]
