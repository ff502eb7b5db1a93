"""One folded form for search, with the way back to the original.

Search sees NFKC, case folded, Traditional as Simplified, CJK radicals as their characters.
People see the original. Folding works on one unit at a time (a character with the marks that
combine with it), so that every folded character knows the original character it came from.
Chinese numerals are left as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import opencc

# Radical code points that PDF tools emit in place of characters and NFKC leaves alone
# (U+2F00-2FD5 it folds). Pairs: radical, unified ideograph; Unicode's EquivalentUnifiedIdeograph.
_RADICAL_PAIRS = (
    "⺁厂⺄乙⺅亻⺆冂⺇几⺈⺈⺉刂⺊卜⺋㔾⺌小⺍小⺎尣⺏尣⺐尢⺑尣⺒巳⺓幺⺔彑⺕彐⺖忄⺗㣺⺘扌⺙攵⺛旡⺜日⺝月⺞歺⺟母⺠民⺡氵⺢氺⺣灬⺤爫"
    "⺥爫⺦丬⺨犭⺩王⺪疋⺫目⺬示⺭礻⺮竹⺯糹⺰纟⺱罓⺲罒⺳网⺴网⺵网⺶羊⺷羊⺸羊⺹耂⺺肀⺻聿⺼月⺽臼⺾艹⺿艹⻀艹⻁虎⻂衤⻃西⻄西⻅见"
    "⻆角⻇角⻈讠⻉贝⻊足⻋车⻌辶⻍辶⻎辶⻏阝⻐钅⻑長⻒镸⻓长⻔门⻕阜⻖阝⻗雨⻘青⻙韦⻚页⻛风⻜飞⻝食⻞食⻟飠⻠饣⻡首⻢马⻣骨⻤鬼⻥鱼⻦鸟⻧卤⻨麦⻩黄"
    "⻪黾⻫斉⻬齐⻭歯⻮齿⻯竜⻰龙⻱龟⻲亀⻳龟"
)
_RADICALS = str.maketrans(dict(zip(_RADICAL_PAIRS[::2], _RADICAL_PAIRS[1::2], strict=True)))
_RADICAL = re.compile("[\u2e80-\u2fdf]")
_WIDE_MARKS = tuple(zip("，：；！？（）％", ",:;!?()%", strict=True))
# Marks outside the Unicode category M that still compose with the character before them:
# Hangul vowels and finals (conjoining, compatibility, half-width), half-width voicing marks and
# one Kirat Rai vowel.
_TRAILING = re.compile(
    "[\u1160-\u11ff\u3133\u3135\u3136\u313a-\u313f\u314f-\u3163\uff9e\uff9f\uffa0-\uffdc\U00016d67]"
)


def fold_radicals(text: str) -> str:
    """Replace CJK radical code points by the characters they look like, one for one."""
    if not _RADICAL.search(text):
        return text
    return "".join(
        unicodedata.normalize("NFKC", c) if "\u2f00" <= c <= "\u2fd5" else c
        for c in text.translate(_RADICALS)
    )


@lru_cache(maxsize=1)
def _simplifier() -> tuple[re.Pattern[str], dict[int, str]]:
    """Traditional -> Simplified, character by character, from OpenCC's own dictionary.

    The pattern finds every character of the table; beyond U+FFFF, where a pattern of many single
    characters is slow, it finds others too.
    """
    blocks = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0x20000, 0x2A6E0))
    chars = [chr(code) for first, last in blocks for code in range(first, last)]
    # A line each: OpenCC's phrases can't reach across, so every character is converted alone.
    simple = opencc.OpenCC("t2s").convert("\n".join(chars)).split("\n")
    table = {a: b for a, b in zip(chars, simple, strict=True) if a != b and len(b) == 1}
    traditional = "".join(char for char in table if char < "\U00020000")
    return re.compile(f"[{traditional}\U00020000-\U0002a6df]"), str.maketrans(table)


def simplify(text: str) -> str:
    """Traditional characters as Simplified ones; the length stays the same."""
    traditional, table = _simplifier()
    return text.translate(table) if traditional.search(text) else text


def fold(text: str) -> str:
    """The form that search sees; `fold_with_offsets(text).text` without the map, and faster."""
    if text.isascii():
        return text.lower()
    # Without these, most Chinese text is in NFKC already, which a quick look tells; the way there
    # costs ten times as much. NFKC begins with the same replacements, so it ends the same.
    for wide, plain in _WIDE_MARKS:
        text = text.replace(wide, plain)
    return simplify(unicodedata.normalize("NFKC", fold_radicals(text)).casefold())


@lru_cache(maxsize=512)
def fold_passage(text: str) -> str:
    """`fold`, remembered: one question looks at the same passages several times."""
    return fold(text)


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text; `offsets[i]` is where in the original `text[i]` came from.

    `offsets` has one more entry than `text`: the original's length. It never decreases.
    """

    text: str
    offsets: tuple[int, ...]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """The original's span for the folded span `[start, end)`, in whole units."""
        if start >= end:
            return self.offsets[start], self.offsets[start]
        last = self.offsets[end - 1]
        after = end
        while self.offsets[after] == last and after < len(self.text):
            after += 1
        return self.offsets[start], self.offsets[after]


def fold_with_offsets(text: str) -> Folded:
    """Fold `text` and remember the origin of every character."""
    if text.isascii():
        return Folded(text.lower(), tuple(range(len(text) + 1)))
    folded: list[str] = []
    offsets: list[int] = []
    for start, unit in _units(text):
        piece = unicodedata.normalize("NFKC", fold_radicals(unit)).casefold()
        folded.append(piece)
        offsets.extend([start] * len(piece))
    offsets.append(len(text))
    return Folded(simplify("".join(folded)), tuple(offsets))


def _units(text: str) -> Iterator[tuple[int, str]]:
    """Each character with the marks that may combine with it, and its offset."""
    start = 0
    for i in range(1, len(text) + 1):
        if i < len(text) and not text[i].isascii():
            char = text[i]
            if unicodedata.category(char)[0] == "M" or _TRAILING.match(char):
                continue
        yield start, text[start:i]
        start = i
