"""Names in folded text without a tagger: places, people, organisations, English proper nouns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.answering.entities import is_no_place
from rag.answering.question import Segmenter, is_stop
from rag.answering.spans import COMMON_SURNAMES, SURNAMES, TITLE, TITLED
from rag.text import Span, is_cjk

_ZONES = (
    "特别行政区", "自治区", "自治州", "街道", "社区", "省", "市", "区", "县", "镇", "乡", "村",
)  # fmt: skip
_NO_ZONE = (
    "园区", "地区", "小区", "片区", "景区", "城区", "市区", "新区", "校区", "街区", "农村", "乡村", "城市", "都市",
    "超市", "县市", "城镇", "乡镇", "各村", "全市", "全区", "全县", "全镇", "开发区",
)  # fmt: skip
# Villages and communities are often called by a common word; districts and towns seldom are.
_SMALL_ZONES = ("街道", "社区", "村")
_NO_ZONE_CHARS = frozenset(
    "的是了到与和由在从有也各全整跨入正还把对将及其该这那个每两新老分县市区镇又更很最都穿过出"
)
_NO_ZONE_WORDS = frozenset(
    "分钟 带动 组织 产业 居民 城乡 农村 智慧 美丽 示范 试点 重点 特色 和谐 文明 工业 服务".split()
)
_NO_ZONE_STARTS = ("以上", "国家", "全国", "一个", "整个", "当地", "本地", "其他", "所在", "各个")
_BODY = re.compile(
    r"(?:有限)?公司|集团|大学|学院|中学|小学|医院|银行|研究院|研究所|协会|商会|基金会|电视台|俱乐部|工厂|园区"
    r"|景区|公园|博物馆|图书馆|书院|机场|酒店|汽车|药业|科技|股份|银行|传媒"
)
_LANDSCAPE = "山湖河江岛寺峡"
# Provinces stand in the names of bodies (四川振兴...) more often than they are the subject.
PROVINCES = frozenset(
    "北京 天津 上海 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 海南 四川 贵州 "
    "云南 陕西 甘肃 青海 台湾 内蒙古 广西 西藏 宁夏 新疆 香港 澳门 中国".split()
)
_PLACE_LENGTHS = (5, 4, 3, 2)
_EN_NAME = re.compile(
    r"(?:[A-Z][\w'’-]*[\w]|[A-Z])(?:\s+(?:of\s+(?:the\s+)?|and\s+|&\s+)?(?:[A-Z][\w'’-]*\w|[A-Z]\b))*"
)
# Capitalised for standing first, or as part of the calendar; no names.
NO_NAME = frozenset(
    "the a an in on at it its this that these those there they their he she his her we you i as for from by with and "
    "or but if when while where who what which how why according however moreover furthermore additionally also both "
    "all each every some many most more over about around nearly almost only one two three four five six seven eight "
    "nine ten first second third finally besides since after before during under because although though thus "
    "therefore overall meanwhile yes no not january february march april may june july august september october "
    "november december monday tuesday wednesday thursday friday saturday sunday please here another other such "
    "local residents companies firms villagers visitors people volunteers officials members projects loans party "
    "among within through across despite unlike like between until "
    "rmb cny usd yuan renminbi dollar dollars euro euros".split()
)
WEEKDAY = re.compile(r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?")
_HAN, _LATIN = re.compile("[\u3400-\u9fff]"), re.compile(r"[a-z]{2,}")
# One word and a verb, without an article: Qionglai has ..., not Companies have ...
_SINGULAR = re.compile(
    r"[A-Z]\w+(?<!s)(?<!ing)(?<!ion)(?<!ment)(?<!ity) (?:has|is|was|had|lies|\w+ed)\b"
)
_COMMON_END = re.compile(r"(?:ed|ly|tion|ments?|ies|ness)$")
_NAME_FOLLOWS = re.compile(
    r"(?:说|表示|介绍|告诉|称|认为|指出|解释|担任|撰文|是|为|的|来自|负责|,|。|、|;|$|\)|和|与)"
)
LOOSE_NO = frozenset(
    "的了是在自有和与及或就都也还又被把将给对从到为以于等这那其它他她我你们不没很再只才个一说称叫已则均曾仅"
)


@dataclass(frozen=True, slots=True)
class Term:
    """A quotation or a name of a clause; `text` is folded, `start` and `end` its place there."""

    start: int
    end: int
    text: str


class NameFinder:
    """Finds names by a list of places, by suffixes, surnames, titles and capitals."""

    def __init__(self, segment: Segmenter, places: frozenset[str]) -> None:
        self._segment = segment
        self._places = places | PROVINCES

    def places_in(self, folded: str) -> list[Term]:
        """Known places, with their suffix, and words that end like a place's name."""
        return _narrowest(list(self._places_at(folded)), folded)

    def _places_at(self, folded: str) -> Iterator[Term]:
        at = 0
        for start, end in self._segment(folded):
            if start < at or not is_cjk(folded[start]):
                continue
            length = next(
                (n for n in _PLACE_LENGTHS if folded[start : start + n] in self._places), 0
            )
            stop = start + length if length and start + length >= end else 0
            if stop and not is_stop(folded[start:stop]):  # 次数上都压减: not the town 上都
                suffix = next((z for z in _ZONES if folded.startswith(z, stop)), "")
                at = stop + len(suffix)
                yield Term(start, at, folded[start:at])
        yield from self._named_zones(folded)

    def _named_zones(self, folded: str) -> Iterator[Term]:
        """东华村, 檀阴社区: up to four characters before a suffix, from where a word begins."""
        ends = {end for _, end in self._segment(folded)}
        starts = [start for start, _ in self._segment(folded)]
        for suffix in re.finditer("|".join(_ZONES), folded):
            inside = [s for s in starts if suffix.start() - 4 <= s <= suffix.start() - 2]
            if suffix.end() not in ends or folded.startswith("而", suffix.end()):
                continue  # 穿村而过
            for start in reversed(inside):
                name = folded[start : suffix.end()]
                words = [folded[a:b] for a, b in self._segment(name)][:-1]
                if not re.fullmatch("[\u4e00-\u9fff]+", name) or is_no_place(name):
                    continue
                if name.endswith(_NO_ZONE) or name.startswith(_NO_ZONE_STARTS):
                    break
                stem_ = name[: suffix.start() - start]
                if _NO_ZONE_CHARS.intersection(stem_) or any(is_stop(w) for w in words):
                    break
                common = any(len(w) > 1 for w in words) and suffix.group() not in _SMALL_ZONES
                if _NO_ZONE_WORDS.intersection(words) or common:
                    break
                yield Term(start, suffix.end(), name)
                break

    def names_in(
        self, folded: str, written: str, places: Sequence[Term], chinese: bool
    ) -> list[Term]:
        """People, organisations and foreign words of a clause; capitals tell English ones.

        `written` is the clause before folding; `places` are left out.
        """
        if chinese:
            return list(self._names(folded, places))
        return [
            name
            for name in _english_names(written)
            if name.start > 0
            or " " in name.text
            or self._in_pieces(name.text)
            or _SINGULAR.match(written)
        ]

    def is_landmark(self, word: str, folded: str) -> bool:
        """Whether a word that the vocabulary lacks is a name by its end or by what follows it."""
        after = folded.partition(word)[2]
        return word.endswith(tuple(_LANDSCAPE)) or _BODY.match(after) is not None

    def _in_pieces(self, word: str) -> bool:
        """Whether the vocabulary lacks an English word that stands first: Qionglai is one."""
        return len(list(self._segment(word))) > 1 and len(list(self._segment(stem(word)))) > 1

    def _names(self, text: str, places: Sequence[Term]) -> Iterator[Term]:
        """People; what stands before an organisation's suffix; foreign words."""
        yield from self.people_in(text, places)
        spans = self._segment(text)
        for body in _BODY.finditer(text):
            yield from self._body(text, spans, body.start())
        for match in re.finditer(r"[a-z][a-z0-9&-]*[a-z0-9]", text):
            if not is_stop(match.group()):
                yield Term(match.start(), match.end(), match.group())

    def people_in(self, text: str, places: Sequence[Term]) -> Iterator[Term]:
        """People of Chinese text, by surname and loose characters or a title."""
        spans = self._segment(text)
        taken = [(term.start, term.end) for term in places]
        for at, (start, _) in enumerate(spans):
            if any(a <= start < b for a, b in taken):
                continue
            end = self._person(text, spans, at)
            if end:
                yield Term(start, end, text[start:end])

    def _person(self, text: str, spans: Sequence[Span], at: int) -> int:
        """Where a name that begins with this word ends; 0 where there is none."""
        start, first_end = spans[at]
        titled = TITLED.search(text[max(0, start - 4) : start]) is not None
        called = text[max(0, start - 1) : start] in ("叫", "是") or titled
        if text[start] not in SURNAMES or (first_end - start > 1 and not called):
            return 0
        end = start
        for left, right in spans[at : at + 3]:
            piece = text[left:right]
            if (
                left != end
                or right - start > 3
                or any(c in LOOSE_NO for c in piece)
                or not is_cjk(piece)
            ):
                break
            end = right
        if not 2 <= end - start <= 3 or text[max(0, start - 1) : start].isdigit():
            return 0
        if titled and not _NAME_FOLLOWS.match(text, end):
            end = start + 2  # 游客薛琴自驾: what follows may be a verb
        if (
            called
            and (_NAME_FOLLOWS.match(text, end) or titled)
            and not re.search(TITLE, text[start:end])
        ):
            return end if text[start] in COMMON_SURNAMES or end - start == 3 or titled else 0
        single = all(b - a == 1 for a, b in spans[at : at + end - start])
        known = text[start] in COMMON_SURNAMES or end - start == 3
        after = next((b - a for a, b in spans if a == end), 0)
        ends = _NAME_FOLLOWS.match(text, end) or (end - start == 3 and after > 1)
        return end if single and known and ends else 0

    def _body(self, text: str, spans: Sequence[Span], suffix: int) -> Iterator[Term]:
        """The words that run up to an organisation's suffix, each by itself."""
        for start, end in reversed([span for span in spans if span[1] <= suffix]):
            word = text[start:end]
            if suffix - start > 12 or is_stop(word) or not is_cjk(word) or word in LOOSE_NO:
                return
            if len(word) > 1 and end == suffix:
                yield Term(start, end, word)
            suffix = start if end == suffix else suffix


def _narrowest(places: Sequence[Term], folded: str) -> list[Term]:
    """Without places that another follows at once, nor repeated: 四川省龙泉驿区 is 龙泉驿区."""
    ordered = sorted(places, key=lambda term: (term.start, -term.end))
    kept: list[Term] = []
    for term in ordered:
        if kept and term.start < kept[-1].end:
            continue
        kept.append(term)
    return [
        term
        for i, term in enumerate(kept)
        if i + 1 == len(kept)
        or kept[i + 1].start != term.end
        or term.text.endswith(("街道", "镇", "乡", "县"))  # of two 檀阴社区 it says which
    ]


def _english_names(written: str) -> Iterator[Term]:
    """Proper nouns of a Western sentence by their capitals."""
    for match in _EN_NAME.finditer(written):
        text, start = match.group(), match.start()
        words = text.split()
        initial = (
            not re.search(r"[\w,;:]", written[:start]) or written[:start].rstrip()[-1:] in ".!?:"
        )
        while words and initial and words[0].lower() in NO_NAME:
            start += len(words[0]) + 1
            words = words[1:]
            while len(words) > 1 and words[0] in ("of", "the", "and", "&"):  # Residents of X
                start += len(words[0]) + 1
                words = words[1:]
        text = written[start : match.end()]
        if len(words) == 1 and WEEKDAY.fullmatch(words[0].lower()):
            yield Term(start, match.end(), words[0].lower().removesuffix("s"))
            continue
        if not words or all(word.lower() in NO_NAME for word in words):
            continue
        if (
            initial
            and len(words) == 1
            and start == match.start()
            and _COMMON_END.search(text.lower())
        ):
            continue
        yield Term(start, match.end(), text.lower())


def is_chinese(folded: str) -> bool:
    """Whether text is Chinese rather than English with a Chinese name in brackets."""
    return len(_HAN.findall(folded)) > len(_LATIN.findall(folded))


def stem(word: str) -> str:
    """An English word without its commonest endings: companies -> compan, cutting -> cutt."""
    word = re.sub(r"['’]s?$", "", word)
    return re.sub(r"(?<=\w{3})(?:ies|ing|ed|es|s|y|e)$", "", word)


__all__ = ["LOOSE_NO", "NO_NAME", "PROVINCES", "NameFinder", "Term", "is_chinese", "stem"]
