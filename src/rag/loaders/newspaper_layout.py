"""From the blocks of a page to its articles: where each ends, and what belongs to it.

What counts as evidence, since nothing on the page says it outright:

- A byline ends an article (or, right below a heading, begins one).
- Text without a byline of its own belongs to the article whose words it shares, if it shares
  clearly more with that one than with the others: the names of a district, an institution and
  its programmes recur in every column of an article and hardly in its neighbour's. As a byline
  ends its article, such text comes before it.
- Headings below a byline open the next article, unless their words are clearly the former's:
  a page draws its headings when it is done with its columns.
- A heading away from its section belongs where the column changes its width (a new section is
  often set anew) and the words of that section are its own. All such headings of an article
  must find a place, in order, or none is moved.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rag.loaders.newspaper_blocks import Block, joined
from rag.loaders.newspaper_evidence import evidence, likeness, steps_of, words_of
from rag.loaders.newspaper_lines import ends_sentence

# Measured on 600 news articles: halves of one are more alike than 0.05 in 95 of 100 cases,
# unrelated ones less than 0.013 in 95 and less than 0.03 in 99.
_ALIKE = 0.05
_ALIKE_ENOUGH = 0.013
_CLEARER = 1.6
_TOO_LITTLE = 60
_CAPTION = 40
# Odds of e² to one; a layout gives the headings of one article one form.
_OTHERS_WORDS = 2.0
_SAME_SHAPE = 3.0
# In squared full-width characters: what lines of one column add up to by chance, and more.
_NEW_COLUMN = 12.0
_MOST = 200


@dataclass(frozen=True, slots=True)
class Story:
    """An article's blocks in reading order; `title` is the first of them, if there is one."""

    blocks: tuple[Block, ...]
    title: Block | None
    author: str | None


@dataclass(slots=True)
class _Section:
    """What stands between two boundaries of the page: an article in the making."""

    head: list[Block]  # the headings before everything else
    body: list[Block]  # the rest in its order, the byline included
    byline: Block | None
    after: list[Block] = field(default_factory=list)  # displaced, from below the byline
    loose: list[Block] = field(default_factory=list)  # those of `body` that head nothing there
    seams: set[int] = field(default_factory=set)  # indices in `body` where parts were joined

    @property
    def paragraphs(self) -> list[Block]:
        return [block for block in self.body if block.kind == "paragraph"]

    @property
    def headings(self) -> list[Block]:
        return [*self.head, *(block for block in self.body if block.kind == "heading")]

    @property
    def words(self) -> Counter[str]:
        return words_of(block.text for block in self.paragraphs)


def stories_of(blocks: Sequence[Block]) -> list[Story]:
    """The articles of a page: every block belongs to exactly one of them."""
    sections = _with_bodies(_sections(blocks))
    kin = [_kin(section, sections) for section in sections]
    _return_headings(sections, kin)
    for at, article in enumerate(kin):
        if article is not None:
            _reunite(sections[at], article, below=at > sections.index(article))
    return [_story(section) for section, article in zip(sections, kin, strict=True) if not article]


def _sections(blocks: Sequence[Block]) -> list[_Section]:
    """Cut after closing bylines and before the headings of opening ones."""
    parts: list[list[Block]] = [[]]
    for at, block in enumerate(blocks):
        if block.kind != "byline":
            parts[-1].append(block)
        elif _opens(blocks, at):
            heads: list[Block] = []
            while parts[-1] and parts[-1][-1].kind == "heading":
                heads.insert(0, parts[-1].pop())
            parts.append([*heads, block])
        else:
            parts[-1].append(block)
            parts.append([])
    return [_section(part) for part in parts if part]


def _opens(blocks: Sequence[Block], at: int) -> bool:
    """Whether the byline at `at` stands between a heading and its text."""
    before = blocks[at - 1].kind if at else "heading"
    after = blocks[at + 1].kind if at + 1 < len(blocks) else "byline"
    return before == "heading" and after == "paragraph"


def _section(part: Sequence[Block]) -> _Section:
    byline = next((block for block in part if block.kind == "byline"), None)
    first = next((i for i, block in enumerate(part) if block.kind != "heading"), len(part))
    return _Section(list(part[:first]), list(part[first:]), byline)


def _with_bodies(sections: Sequence[_Section]) -> list[_Section]:
    """Sections that have paragraphs; the headings of one that hasn't stay behind the one before."""
    kept: list[_Section] = []
    for section in sections:
        if kept and not section.paragraphs:
            kept[-1].after.extend([*section.head, *section.body])
        else:
            kept.append(section)
    return kept


def _kin(part: _Section, sections: Sequence[_Section]) -> _Section | None:
    """For a section without a byline, the article that it clearly is a part of."""
    articles = [section for section in sections if section.byline is not None]
    size = sum(len(block.text) for block in part.paragraphs)
    if part.byline is not None or not articles or size < _TOO_LITTLE:
        return None
    pages = [section.words for section in sections]
    scores = {id(article): likeness(part.words, article.words, pages) for article in articles}
    ranked = sorted(articles, key=lambda article: -scores[id(article)])
    best = scores[id(ranked[0])]
    second = scores[id(ranked[1])] if len(ranked) > 1 else 0.0
    # A part with a title but no byline and one with a byline but no title look for each other.
    complementary = bool(part.head) and not ranked[0].head
    needed = _ALIKE_ENOUGH if complementary else _ALIKE
    return ranked[0] if best > needed and best > _CLEARER * second else None


def _return_headings(sections: Sequence[_Section], kin: Sequence[_Section | None]) -> None:
    """Give headings that stand below a byline back to the article above it, if they are its own."""
    for (former, _), (section, article) in itertools.pairwise(zip(sections, kin, strict=True)):
        if article is not None or former.byline is None or former.body[-1] is not former.byline:
            continue
        parts = [section, *(s for s, a in zip(sections, kin, strict=True) if a is section)]
        words = sum((part.words for part in parts), Counter[str]())
        # An article has a title, so its last heading is not taken from it lightly.
        left = sum(not block.label for part in parts for block in part.head)
        for shape, group in itertools.groupby(tuple(section.head), key=lambda block: block.shape):
            blocks = list(group)
            left -= len(blocks)
            needed = _OTHERS_WORDS if left > 0 else 2 * _OTHERS_WORDS
            weight = evidence(words_of(b.text for b in blocks), former.words, words)
            if len(shape) > 1 and shape in {block.shape for block in former.headings}:
                weight += _SAME_SHAPE
            if weight <= needed:
                break
            former.after.extend(blocks)
            del section.head[: len(blocks)]


def _reunite(part: _Section, article: _Section, *, below: bool) -> None:
    """Join `part` to its article: one that stands below the byline comes before it in the text.

    It then has the article's beginning, unless the article has a heading and the part has none;
    in that case nothing tells where it goes, and it stays behind the byline.
    """
    if not below:
        article.body.extend([*part.head, *part.body, *part.after])
        return
    if article.head and not part.head:
        article.after.extend([*part.body, *part.after])
        return
    main, loose, captions = _with_tail_apart(part.body)
    tail = [*article.head, *article.body]
    if main and not loose and not article.head and not ends_sentence(main[-1].text):
        tail[0] = joined(main.pop(), tail[0])
    joint = len(main) + len(loose)
    shift = joint + len(article.head)
    article.head = part.head
    article.loose.extend(loose)
    article.seams = {joint, *(seam + shift for seam in article.seams)}
    article.body = [*main, *loose, *tail]
    article.after.extend([*captions, *part.after])


def _with_tail_apart(body: Sequence[Block]) -> tuple[list[Block], list[Block], list[Block]]:
    """The text, the headings at its end that head nothing, and the captions behind those."""
    end = len(body)
    while end and body[end - 1].kind == "paragraph" and len(body[end - 1].text) <= _CAPTION:
        end -= 1
    start = end
    while start and body[start - 1].kind == "heading":
        start -= 1
    if start == end:  # short last paragraphs are only captions below headings
        return list(body), [], []
    return list(body[:start]), list(body[start:end]), list(body[end:])


def _story(section: _Section) -> Story:
    title = _title(section)
    head = [block for block in section.head if block is not title]
    below = section.loose or _with_tail_apart(section.body)[1]
    waiting = [*(block for block in head if not block.label), *below, *section.after]
    places = _places(section, [block for block in waiting if block.kind == "heading"])
    placed = {id(heading) for heading, _ in places}
    body: list[Block] = []
    for at, block in enumerate(section.body):
        body.extend(heading for heading, place in places if place == at)
        if id(block) not in placed:  # a heading that found its place leaves the one it had
            body.append(block)
    blocks = [title] if title else []
    blocks += [block for block in head if id(block) not in placed]
    blocks += body
    blocks += [block for block in section.after if id(block) not in placed]
    return Story(tuple(blocks), title, section.byline.author if section.byline else None)


def _title(section: _Section) -> Block | None:
    """The heading right above the text; not a label, a subtitle or one of a family of headings."""
    others = [block.shape for block in section.headings] + [b.shape for b in section.after]
    full = [block for block in section.head if not block.label and block.text[0] not in "—–-"]
    alone = [block for block in full if len(block.shape) == 1 or others.count(block.shape) == 1]
    candidates = alone or full or section.head
    return candidates[-1] if candidates else None


def _places(section: _Section, loose: Sequence[Block]) -> list[tuple[Block, int]]:
    """Where in the body each loose heading goes: at the beginning of the part it is about.

    Empty unless all of them find a part, each another, in the order in which they stand.
    """
    seams = _seams(section)
    if not loose or len(loose) > len(seams):
        return []
    bounds = [0, *seams, len(section.body)]
    parts = [
        words_of(block.text for block in section.body[start:end] if block.kind == "paragraph")
        for start, end in itertools.pairwise(bounds)
    ]
    whole = sum(parts, Counter[str]())
    places: list[tuple[Block, int]] = []
    for heading in loose:
        words = words_of([heading.text])
        scores = [evidence(words, part, whole - part) for part in parts]
        best = max(range(len(parts)), key=scores.__getitem__)
        if best == 0 or scores[best] <= 0 or (places and bounds[best] <= places[-1][1]):
            return []
        places.append((heading, bounds[best]))
    return places


def _seams(section: _Section) -> list[int]:
    """Where in the body another column begins, by its width, or another part was joined."""
    found = set(section.seams)
    paragraphs = [(at, block) for at, block in enumerate(section.body) if block.widths]
    for i in steps_of([block.widths for _, block in paragraphs[:_MOST]], price=_NEW_COLUMN):
        # A paragraph of few lines has no widths to go by; it stays with the one before.
        found.add(paragraphs[i][0])
    return sorted(found)
