"""A question taken apart: what it asks for, its words with their weights, its entities."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from rag.answering.entities import (
    NOT_STEMS,
    NUMBERED,
    SUBJECT,
    ZONE_SUFFIX,
    is_no_place,
    place_stem,
    stands_like_a_name,
)
from rag.answering.kinds import Kind, kind_of
from rag.answering.spans import COMMON_SURNAMES, SURNAMES, TITLE
from rag.errors import Lang
from rag.text import Span, analyse_folded, fold, is_cjk

# Cuts folded text into words; spans in order, without overlap.
Segmenter = Callable[[str], Sequence[Span]]
# In how many passages each term stands, and how many passages there are.
Frequencies = Callable[[Sequence[str]], Sequence[int]]

_STOP = frozenset(
    "的 了 是 在 有 和 与 及 或 就 都 也 还 又 被 把 将 给 对 从 到 为 以 于 等 这 那 其 它 他 她 我 你 您 们 "
    "我们 你们 他们 它们 咱 吗 呢 啊 吧 呀 么 嘛 着 过 地 得 之 所 而 则 但 并 且 很 太 最 更 再 只 才 个 一 一个 "
    "什么 啥 哪 哪些 哪个 哪里 哪儿 哪家 哪位 哪年 哪一 哪一年 哪几 谁 多少 几 几个 几家 怎么 怎样 如何 咋 为什么 为何 为啥 "
    "什么样 何时 何处 多大 多久 多长 多高 请问 请 一下 问 想 知道 想知道 告诉 介绍 说说 讲讲 一共 总共 共 共有 "
    "总 大概 大约 大致 左右 具体 目前 现在 如今 当前 其中 主要 关于 有关 相关 情况 时候 什么时候 地方 东西 方面 叫 "
    "叫做 叫什么 称为 是什么 有没有 是否 是不是 能不能 可以 能 会 要 想要 需要 哦 嗯 那么 那个 这个 这些 那些 里 上 下 中 "
    "里面 当中 由 让 使 向 往 跟 同 因 因为 所以 如果 的话 呗 名字 数量 原因 意思 分别 各 各自 到底 究竟 进行 "
    "谢谢 感谢 多谢 好 好的 明白 明白了 知道了 你好 您好 再见 thanks thank hello hi bye ok okay 后来 以后 之后 已经 正在 还有 除了 一起 家 名 位 件 项 条 次 点 种 做 做了 搞 弄 算 来 去 没 没有 不 年 月 日 元 钱 "
    "a an the of in on at to for from by with and or is are was were be been do does did has have had how "
    "many much what which who whom whose when where why it its this that these those there their they he she "
    "you we i me my your our as into about than then so if not no please tell can could would will s".split()
)  # fmt: skip
_STOP_RUN = re.compile(
    "|".join(re.escape(word) for word in _STOP if word.isascii())
    + "|(?:" + "|".join(sorted((w for w in _STOP if not w.isascii()), key=len, reverse=True)) + ")+"
)  # fmt: skip
_QUOTED = re.compile(r"[“\"「『‘《]([^”\"」』’》]{1,24})[”\"」』’》]")
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d{2})(?!\d)(?=年|/|-|\b|$|[^\d])")
_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")
_WRITTEN_YEAR = re.compile(r"(?:一九|二[〇零])[〇零一二三四五六七八九]{2}(?=年)")
_YEAR_WORD = re.compile(r"(?:19|20)\d{2}年?")
_ASKED = re.compile(
    r"(?:什么是|什么叫|何谓|啥是|啥叫)([^,。?!]{2,12})|^([^,。?!]{2,12}?)(?:是什么意思|指的?是什么|是啥意思)"
)
_LATIN = re.compile(r"[a-z0-9][a-z0-9.'-]*[a-z0-9]")
# The first of the capitalised words that follow each other inside an English question.
_NAME = re.compile(r"(?<=[a-z,;] )([A-Z][\w-]+)(?:\s+[A-Z][\w-]+)*")
_MEASURES = "个家位名项种件条所座支台辆套间户批期届场处份部册篇本层节"
_INTERROGATIVE = re.compile(
    rf"(?:哪|什么|啥|多少|几)(?:一|几|些)?([{_MEASURES}]?)(?=[\u4e00-\u9fff]|\W*$)"
)
_CALLED = re.compile(r"(?:的名[字称]是|叫)(?:个|做)?(?:什么|啥)(?:名字)?(?=[?。!]|$)")
_HOW_MANY = re.compile(r"\bhow (?:many|much) ([a-z]+)")
_ENTITY_BOOST = 1.5
MIN_WEIGHT = 0.2
_PLACE_LENGTHS = (5, 4, 3, 2)


@dataclass(frozen=True, slots=True)
class Word:
    """A content word of the question, folded. `entity`: a name the evidence must share."""

    text: str
    weight: float
    entity: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What `QuestionAnalyser` made of a question.

    `measure` and `focus` are what follows the interrogative: 哪个车间 has 个 and 车间. `places`,
    `years` and `names` (people, quotations, English proper nouns) must stand in the evidence.
    """

    text: str
    folded: str
    lang: Lang
    kind: Kind
    measure: str
    focus: str
    words: tuple[Word, ...]
    places: tuple[str, ...]
    years: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def weight(self) -> float:
        """The sum of the words' weights; 0 for a question without content words."""
        return sum(word.weight for word in self.words)


class QuestionAnalyser:
    """Takes questions apart, with the weights of one index."""

    def __init__(
        self,
        segment: Segmenter,
        frequencies: Frequencies,
        passages: int,
        places: frozenset[str] = frozenset(),
    ) -> None:
        self._segment = segment
        self._places = places
        self._frequencies = frequencies
        self._passages = passages

    def analyse(self, text: str) -> Question:
        """Never fails; a question of function words alone has no words."""
        folded = _WRITTEN_YEAR.sub(lambda year: year[0].translate(_DIGITS), fold(text).strip())
        lang: Lang = "zh" if is_cjk(folded) else "en"
        words = self.words(self._spelled(folded))
        places = _narrowest(self.places_in(words), folded)
        quoted = tuple(match.strip() for match in _QUOTED.findall(folded))
        weights = self._weights(words)
        measure, focus = self._focus(folded)
        capitals = [fold(name) for name in _NAME.findall(text)] if lang == "en" else []
        defined = [group.strip() for match in _ASKED.findall(folded) for group in match if group]
        people = [word for word in words if self._is_person(word, folded)]
        strangers = (name for name in self._strangers(folded) if name not in (*people, *places))
        names = (
            *quoted,
            *defined,
            *people,
            *NUMBERED.findall(folded),
            *strangers,
            *(name for name in capitals if name in words),
        )
        entities = {*places, *names}
        return Question(
            text=text,
            folded=folded,
            lang=lang,
            kind=kind_of(folded, lang),
            measure=measure,
            focus=focus,
            words=tuple(
                Word(word, weight * (_ENTITY_BOOST if word in entities else 1.0), word in entities)
                for word, weight in zip(words, weights, strict=True)
            ),
            places=places,
            years=tuple(dict.fromkeys(_YEAR.findall(folded))),
            names=names,
        )

    def _focus(self, folded: str) -> tuple[str, str]:
        """Measure word and noun after the interrogative: 哪个车间 -> 个, 车间."""
        english = _HOW_MANY.search(folded)
        if english is not None:
            return "", english.group(1)
        match = _INTERROGATIVE.search(folded)
        called = _CALLED.search(folded)
        if called is not None:  # 厂叫什么 asks for the name of a 厂
            before = folded[: called.start()]
            start, end = next(reversed(self._segment(before)), (0, 0))
            return "", before[start:end] if is_cjk(before[start:end]) else ""
        if match is None:
            return "", ""
        rest = folded[match.end() :]
        first = next(iter(self._segment(rest)), (0, 0))
        noun = rest[first[0] : first[1]].strip()
        return match.group(1), noun if noun not in _STOP and is_cjk(noun) else ""

    def words(self, folded: str) -> list[str]:
        """The distinct content words of a folded text, in order.

        Neighbouring single characters that are no function words are joined: a name that the
        segmenter doesn't know falls into its characters. A place and its suffix are one word.
        """
        joined: list[str] = []
        loose = False  # whether the last word is made of loose characters and may grow
        end_before = -1
        for start, end in self._with_places(folded):
            word = folded[start:end].strip()
            after = bool(joined) and start == end_before
            suffix = (
                word in ZONE_SUFFIX
                and after
                and len(joined[-1]) > 1
                and joined[-1] not in NOT_STEMS
            )
            if not suffix and is_stop(word):
                loose = False
                continue
            single = len(word) == 1 and is_cjk(word)
            if suffix or (after and single and loose):
                joined[-1] += word
            else:
                joined.append(word)
            loose = single and not suffix
            end_before = end
        return list(dict.fromkeys(piece for word in joined for piece in self._pieces(word)))

    def _pieces(self, word: str) -> list[str]:
        """Loose characters that run together, cut where the index never has them side by side."""
        if len(word) < 4 or not is_cjk(word) or len(list(self._segment(word))) < len(word):
            return [word]
        known = self._frequencies([word[i : i + 2] for i in range(len(word) - 1)])
        if not any(known):
            return [word]
        pieces = [word[0]]
        for char, count in zip(word[1:], known, strict=True):
            if count:
                pieces[-1] += char
            else:
                pieces.append(char)
        return pieces

    def _spelled(self, folded: str) -> str:
        """The question with a misspelt place (龙泉译区) as the index has it (龙泉驿区)."""
        for i in range(len(folded) - 2):
            window = folded[i : i + 3]
            near = {name for gap in _with_gaps(window) for name in self._long_places.get(gap, ())}
            if len(near) == 1 and not all(self._frequencies([window[:2], window[1:]])):
                return folded[:i] + near.pop() + folded[i + 3 :]
        return folded

    @cached_property
    def _long_places(self) -> dict[str, list[str]]:
        """Known places of three characters that the index names, by what is left without one."""
        table: dict[str, list[str]] = {}
        for name in sorted(self._places):
            if len(name) == 3 and all(self._frequencies([name[:2], name[1:]])):
                for gap in _with_gaps(name):
                    table.setdefault(gap, []).append(name)
        return table

    def _with_places(self, folded: str) -> Iterator[Span]:
        """The segmenter's words, with known place names and Latin words kept whole."""
        at = 0
        cut = self._segment(folded)
        ends = {end for _, end in cut}
        for start, end in cut:
            latin = _LATIN.match(folded, start)
            end = max(end, latin.end()) if latin else end
            if start < at:
                start = at  # a place reached into this word
            if start >= end:
                continue
            length = next(
                (n for n in _PLACE_LENGTHS if folded[start : start + n] in self._places), 0
            )
            sound = start + length in ends or folded.startswith(ZONE_SUFFIX, start + length)
            if start and not sound and is_stop(folded[start:end]):
                length = 0  # 和政 is a county, and 资金和政策 isn't about it
            at = start + length if length else end
            yield start, at
            if length and at < end:
                yield at, end
                at = end

    def places_in(self, words: Sequence[str]) -> tuple[str, ...]:
        """Those words that name a place: known ones, and those that end like one."""
        return tuple(
            word
            for word in words
            if word in self._places
            or place_stem(word) in self._places
            or (word.endswith(ZONE_SUFFIX) and len(word) >= 3 and not is_no_place(word))
        )

    def _is_person(self, word: str, folded: str) -> bool:
        """Whether a word looks like a name: a surname and loose characters.

        A rare surname counts only where the index knows the whole: 管涂装 isn't a name. What the
        index doesn't know must stand where names do: 什么毛病 and 替企业张罗 aren't about people.
        """
        loose = len(list(self._segment(word))) == len(word)
        if not 2 <= len(word) <= 3 or not loose or word in self._places:
            return False
        known = all(self._frequencies([word[i : i + 2] for i in range(len(word) - 1)]))
        if known:
            return word[0] in COMMON_SURNAMES or (len(word) == 3 and word[0] in SURNAMES)
        return word[0] in COMMON_SURNAMES and stands_like_a_name(word, folded)

    def _strangers(self, folded: str) -> Iterator[str]:
        """Subjects that look like people or places and that the index doesn't know at all."""
        for person, place in SUBJECT.findall(folded):
            name = person or place
            known = is_no_place(name) if place else name.endswith(ZONE_SUFFIX)
            known = (
                known
                or TITLE.fullmatch(name) is not None
                or any(name[:length] in self._places for length in (2, 3))
            )
            if not known and not all(self._frequencies([name[:2], name[1:]])):
                yield name

    def _weights(self, words: Sequence[str]) -> list[float]:
        """Inverse document frequency of each word by its rarest term, between MIN_WEIGHT and 1."""
        terms = [[t for t in analyse_folded(word) if len(t) > 1] or [word] for word in words]
        flat = [term for group in terms for term in group]
        counts = iter(self._frequencies(flat))
        weights = []
        top = math.log(1 + self._passages)
        for word, group in zip(words, terms, strict=True):
            rarest = min([next(counts) for _ in group], default=0)
            idf = math.log((1 + self._passages) / (1 + rarest)) / top if top else 1.0
            # A longer word says more; a single character says little.
            length = 0.5 if len(word) == 1 else 1.0 if len(word) < 4 else 1.25
            if _YEAR_WORD.fullmatch(word):
                length = 0.4  # a year is checked by itself; it isn't what the question is about
            weights.append(max(MIN_WEIGHT, idf) * length)
        return weights


def _narrowest(places: Sequence[str], folded: str) -> tuple[str, ...]:
    """Without places that another one follows at once: 四川省龙泉驿区 is about 龙泉驿区."""
    return tuple(place for place in places if not any(place + other in folded for other in places))


def _with_gaps(text: str) -> tuple[str, ...]:
    return tuple(f"{text[:i]}_{text[i + 1 :]}" for i in range(len(text)))


def is_stop(word: str) -> bool:
    """Whether a word says nothing: function words, alone or run together, or no word at all."""
    return _STOP_RUN.fullmatch(word) is not None or not any(c.isalnum() for c in word)
