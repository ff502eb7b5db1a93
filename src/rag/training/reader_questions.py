"""Questions made from the news for the reader: a sentence with a span asked for in its place.

The span is of a kind that patterns know (`rag.answering.spans`), a clause's object, a cause, or a
run of characters that stands in the passage twice (Ram et al. 2021, "Few-Shot Question Answering
by Pretraining Span Selection"). The passage keeps the sentence; the question loses words, gets
synonyms, changes its clauses' order and asks with the word for its kind. All of it is seeded.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rag.answering.kinds import Kind
from rag.answering.spans import candidates
from rag.text import Span, sentence_spans

_ASK: Mapping[Kind, Sequence[str]] = {
    Kind.PERCENT: ("百分之多少", "多少", "多大比例", "百分之几"),
    Kind.MONEY: ("多少钱", "多少元", "多少", "多少资金"),
    Kind.DATE: ("什么时候", "何时", "什么时间", "哪天"),
    Kind.PERSON: ("谁", "哪位", "什么人", "谁", "谁"),
    Kind.ORGANISATION: ("哪家机构", "什么机构", "哪个单位", "哪个组织"),
    Kind.PLACE: ("哪里", "什么地方", "哪个地方", "何地", "哪儿"),
    Kind.NAME: ("什么", "哪个", "什么名称", "什么"),
    Kind.LIST: ("哪些", "什么", "哪几个", "哪些内容"),
    Kind.OTHER: ("什么", "什么", "哪个", "什么样的", "怎样的"),
    Kind.REASON: ("为什么", "为何", "什么原因"),
}
# Names that end so are asked for by what they are.
_BY_ENDING: Mapping[Kind, Sequence[tuple[str, Sequence[str]]]] = {
    Kind.ORGANISATION: (
        ("公司", ("哪家公司", "什么公司", "哪个公司")), ("集团", ("哪家公司", "哪个集团")),
        ("大学", ("哪所大学", "哪个学校")), ("学院", ("哪所学院", "哪个学校")),
        ("医院", ("哪家医院",)), ("银行", ("哪家银行",)), ("法院", ("哪个法院",)),
        ("局", ("哪个部门",)), ("部", ("哪个部门",)),
    ),
    Kind.PLACE: (
        ("国", ("哪个国家", "哪国")), ("省", ("哪个省", "哪个省份")),
        ("市", ("哪个城市", "哪个市")), ("县", ("哪个县",)), ("区", ("哪个区",)),
        ("村", ("哪个村",)), ("山", ("哪座山",)), ("河", ("哪条河",)), ("镇", ("哪个镇",)),
    ),
}  # fmt: skip
_PATTERNED = (
    Kind.QUANTITY, Kind.PERCENT, Kind.MONEY, Kind.DATE, Kind.PERSON, Kind.ORGANISATION,
    Kind.PLACE, Kind.NAME, Kind.LIST,
)  # fmt: skip
# Kinds whose spans must begin and end where words do.
_WORDED = frozenset({Kind.PERSON, Kind.PLACE, Kind.ORGANISATION, Kind.LIST, Kind.OTHER})
_OBJECT = re.compile(
    r"(?<=[\u4e00-\u9fff])(?:是|为|称为|叫做|属于|成为|包括|采用|获得|提出|位于|分为|擅长|被誉为|使用|拥有)"
    r"([^,。;!?:“”]{2,22})(?=[,。;!]|$)"
)
_CAUSE = re.compile(r"(?:因为|由于|得益于|原因是)([^。;!?]{4,30}?)(?=[,。;!]|$)")
_CAUSE_WORD = re.compile("(?:因为|由于|得益于|原因是)$")
_LEAD = re.compile(
    r"^(?:据[^,]{1,12},|近日,?|日前,?|目前,?|此外,?|同时,?|其中,?|另外,?|而且|但是?|不过,?|随着[^,]{1,15},"
    r"|记者[^,]{0,8},|对此,|因此,?|所以,?)+"
)
_PAGE = re.compile("返回搜狐|责任编辑|采写|编辑:|来源:|记者:|http")
_UNIT = re.compile(
    r"[\d十百千万亿余多一二两三四五六七八九半.]([^\d十百千万亿余多一二两三四五六七八九半.,以左上下]{1,4})(?:以上|以下|左右)?$"
)
_COMMA = re.compile(r"[,;:](?!\d)|$")
_LOOSE_EDGE = re.compile("[的了是在和与及等这那一]")
_PREPOSITION = re.compile("[但在于与从向对和]")

Words = Callable[[str], Sequence[Span]]


@dataclass(frozen=True, slots=True)
class MadeQuestion:
    """A question and its passage, folded; the answer is `passage[start:end]`."""

    text: str
    passage: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class QuestionMaker:
    """`words` cuts text into words; `synonyms` are other words for one."""

    words: Words
    synonyms: Mapping[str, Sequence[str]]

    def make(self, text: str, chance: random.Random) -> MadeQuestion | None:
        """A question on a random passage of `text`, folded; None where this try found none."""
        passage, sentence_span = _passage(text, chance)
        if sentence_span is None:
            return None
        sentence = passage[slice(*sentence_span)]
        groups = self._spans(sentence, passage)
        if sentence.endswith("?") or _PAGE.search(sentence) or not groups:
            return None
        kind = chance.choice(list(groups))
        start, end = chance.choice(groups[kind])
        answer = sentence[start:end]
        asked = ask_for(kind or Kind.OTHER, answer, chance)
        question = self._disguised(
            _question(sentence, (start, end), kind, asked, chance), asked, chance
        )
        if answer in question or len(question) - len(asked) < 4:
            return None
        at = sentence_span[0]
        return MadeQuestion(question + chance.choice(("?", "?", "")), passage, at + start, at + end)

    def _spans(self, sentence: str, passage: str) -> dict[Kind | None, list[Span]]:
        """Spans that may be asked for, by kind; None is the kind of those that recur."""
        groups: dict[Kind | None, list[Span]] = {
            kind: [s for s in candidates(kind, sentence, sentence) if 1 <= s[1] - s[0] <= 28]
            for kind in _PATTERNED
        }
        groups[Kind.OTHER] = [match.span(1) for match in _OBJECT.finditer(sentence)]
        groups[Kind.REASON] = [match.span(1) for match in _CAUSE.finditer(sentence)]
        groups[None] = list(_recurring(sentence, passage))
        words = list(self.words(sentence))
        begins, ends = {start for start, _ in words}, {end for _, end in words}
        for kind, spans in groups.items():
            if kind is None or kind in _WORDED:
                spans[:] = [
                    (start, end)
                    for start, end in spans
                    if start in begins
                    and end in ends
                    and not (kind is Kind.PERSON and ((start, end) in words or end - start < 2))
                    and not _PREPOSITION.match(sentence[start])
                ]
        return {kind: spans for kind, spans in groups.items() if spans}

    def _disguised(self, question: str, asked: str, chance: random.Random) -> str:
        """With words left out and replaced, as somebody might ask who doesn't know the text."""
        if chance.random() < 0.25:
            return question[:70]
        words = [question[start:end] for start, end in self.words(question)]
        dropped, changed = chance.random() * 0.22, chance.random() * 0.15
        kept: list[str] = []
        for word in words:
            if word and any(c in asked for c in word):
                kept.append(word)
            elif len(words) <= 5 or chance.random() >= dropped:
                others = self.synonyms.get(word)
                kept.append(chance.choice(others) if others and chance.random() < changed else word)
        if chance.random() < 0.08 and len(kept) > 4:
            turn = chance.randrange(1, len(kept) - 1)
            kept = kept[turn:] + kept[:turn]
        return "".join(kept)[:70]


def _passage(text: str, chance: random.Random) -> tuple[str, Span | None]:
    """A run of sentences of 120 to 330 characters, and the span in it of one to ask about."""
    spans = sentence_spans(text)
    if not spans:
        return "", None
    first = last = chance.randrange(len(spans))
    size = chance.randint(120, 330)
    while spans[last][1] - spans[first][0] < size and (first > 0 or last < len(spans) - 1):
        if first > 0 and (chance.random() < 0.5 or last == len(spans) - 1):
            first -= 1
        elif last < len(spans) - 1:
            last += 1
    base = spans[first][0]
    passage = text[base : spans[last][1]][:420]
    fit = [
        (start - base, end - base)
        for start, end in spans[first : last + 1]
        if 12 <= end - start <= 110 and end - base <= len(passage)
    ]
    return passage, chance.choice(fit) if fit else None


def _recurring(sentence: str, passage: str) -> Iterator[Span]:
    """The longest runs of 3 to 8 characters of `sentence` that `passage` has twice."""
    found: list[Span] = []
    for length in range(8, 2, -1):
        for start in range(len(sentence) - length + 1):
            run = sentence[start : start + length]
            inside = any(a <= start and start + length <= b for a, b in found)
            if (
                re.fullmatch(r"[\u4e00-\u9fff·a-z0-9]+", run)
                and not inside
                and passage.count(run) >= 2
                and not _LOOSE_EDGE.search(run[0] + run[-1])
            ):
                found.append((start, start + length))
                yield start, start + length


def ask_for(kind: Kind, answer: str, chance: random.Random) -> str:
    """The question word for an answer: 公司 is asked for by 哪家公司, 第三 by 第几."""
    if kind is Kind.DATE and re.fullmatch(r"\d{4}年?", answer):
        return chance.choice(("哪一年", "哪年", "什么时候", "何时", "哪一年"))
    if kind is Kind.QUANTITY:
        match = _UNIT.search(answer)
        unit = match.group(1) if match else ""
        if answer.startswith("第"):
            return chance.choice(("第几", "第几" + unit))
        if unit in ("年", "月", "日"):
            year = "哪一年" if unit == "年" and len(answer) > 4 else "多少" + unit
            return chance.choice(("多少" + unit, year, "多久"))
        return chance.choice(("多少" + unit, "多少" + unit, "几" + unit, "多少"))
    for ending, words in _BY_ENDING.get(kind, ()):
        if answer.endswith(ending) and chance.random() < 0.6:
            return chance.choice(words)
    return chance.choice(_ASK[kind])


def _question(
    sentence: str, span: Span, kind: Kind | None, asked: str, chance: random.Random
) -> str:
    """The clause of the span, asked, perhaps with its neighbours, without marks."""
    clauses = _clauses(sentence)
    at = next((i for i, (a, b) in enumerate(clauses) if a <= span[0] and span[1] <= b), None)
    if at is None:
        parts = [sentence[: span[0]] + asked + sentence[span[1] :]]
    else:
        before = sentence[clauses[at][0] : span[0]]
        after = sentence[span[1] : clauses[at][1]]
        others = [sentence[a:b] for i, (a, b) in enumerate(clauses) if i != at]
        if kind is Kind.REASON:
            parts = [_why(before, after, "".join(others)[:60], asked, chance)]
        else:
            body = _turned(before, after, asked, chance)
            parts = [
                body if i == at else sentence[a:b]
                for i, (a, b) in enumerate(clauses)
                if i == at or (abs(i - at) <= 2 and chance.random() < 0.35)
            ]
            if len(body) - len(asked) < 5 and len(parts) == 1 and at > 0:
                parts = [sentence[slice(*clauses[at - 1])], body]
    if len(parts) > 1 and chance.random() < 0.3:
        chance.shuffle(parts)
    joined = _LEAD.sub("", chance.choice((",", ",", "")).join(parts))
    return re.sub('[“”"。;!]', "", joined) if chance.random() < 0.7 else joined.rstrip("。;!")


def _clauses(sentence: str) -> list[Span]:
    clauses: list[Span] = []
    at = 0
    for match in _COMMA.finditer(sentence):
        clauses.append((at, match.start()))
        at = match.end()
    return clauses


def _why(before: str, after: str, rest: str, asked: str, chance: random.Random) -> str:
    before = _CAUSE_WORD.sub("", before)
    return chance.choice(
        (
            asked + before + after + rest,
            before + after + rest + "的原因是什么",
            before + after + asked + rest,
        )
    )


def _turned(before: str, after: str, asked: str, chance: random.Random) -> str:
    """The clause with the question word where it was, in front, or at the end."""
    style = chance.random()
    ends_here = re.match(r"^[^\u4e00-\u9fff]*$", after)
    if style < 0.25 and ends_here and len(before) >= 4:
        link = "" if before.endswith(("是", "为")) else chance.choice(("的是", "是", "", "", ""))
        return before + link + asked
    if style < 0.45 and len(after) >= 3 and len(before) <= 12:
        return asked + before + after if chance.random() < 0.5 else before + asked + after
    if style < 0.6 and len(before) >= 3 and len(after) >= 2:
        if chance.random() < 0.5:
            return f"{after.lstrip('的')}的{before.rstrip('的')}是{asked}"
        return f"{before}{after}的是{asked}"
    return before + asked + after


__all__ = ["MadeQuestion", "QuestionMaker", "ask_for"]
