"""Repairs text that comes out of a newspaper page.

Such text has its lines broken in mid-sentence, its columns in the order in which they were
drawn, its headings gathered elsewhere and several articles in one file. `repair` puts it
together again. It moves lines and drops white space; it never loses or invents any other
character, but for the repetitions of decorative titles. What the page doesn't show clearly stays
where it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from rag.loaders.newspaper_blocks import blocks_of
from rag.loaders.newspaper_layout import Story, stories_of
from rag.loaders.newspaper_lines import looks_broken
from rag.types import Heading


@dataclass(frozen=True, slots=True)
class Article:
    """One article of a page; the title, where one was recognised, is also the text's first line.

    `headings` are offsets into `text`; the title's is of level 1, the others' of level 2.
    """

    title: str
    text: str
    author: str | None = None
    headings: tuple[Heading, ...] = ()


def repair(text: str, *, at_least: int = 4) -> list[Article]:
    """The articles of a page; text that no column has broken comes back unchanged, as one.

    `at_least` broken lines are asked for as evidence: fewer where a layout is certain, as in PDF.
    """
    if not looks_broken(text, at_least=at_least):
        return [Article("", text)]
    return [_article(story) for story in stories_of(blocks_of(text))]


def _article(story: Story) -> Article:
    pieces: list[str] = []
    headings: list[Heading] = []
    at = 0
    for block in story.blocks:
        if block.kind == "heading":
            level = 1 if block is story.title else 2
            headings.append(Heading(at, at + len(block.text), level))
        pieces.append(block.text)
        at += len(block.text) + 2
    title = story.title.text if story.title else ""
    return Article(title, "\n\n".join(pieces), story.author, tuple(headings))
