"""The values that flow through the product."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import jsonschema
import pytest

from rag.types import (
    Answer,
    AnswerSentence,
    Chunk,
    Citation,
    Document,
    DocumentInfo,
    Heading,
    Hit,
    Page,
    Turn,
    content_id,
)
from tests.support import SHARED

INFO = DocumentInfo("d1", "邛崃竹编", "docs/a.md", date="2023-05")
TEXT = "竹编\n在邛崃。\n瓷器\n也在。"
CHUNK = Chunk("c1", "d1", 3, 7, "在邛崃。", context="邛崃竹编\n竹编", page=2)
HIT = Hit(
    rank=1,
    score=0.5,
    chunk=CHUNK,
    document=INFO,
    lexical_rank=1,
    lexical_score=2.5,
    matching=lambda: ("邛崃",),
    duplicates=(DocumentInfo("d2", "转载", "docs/b.md"),),
)
CITATION = Citation(1, INFO, 3, 7, "在邛崃。", page=2)
ANSWERED = Answer(
    question="竹编在哪里?",
    query="竹编在哪里",
    answered=True,
    text="在邛崃。[1]",
    short_answer="邛崃",
    confidence=0.9,
    reason=None,
    citations=(CITATION,),
    hits=(HIT,),
    generator="extractive",
    timings_ms={"total": 1.5},
)
DECLINED = dataclasses.replace(
    ANSWERED, answered=False, short_answer=None, reason="low_confidence", citations=()
)


def test_a_content_id_is_the_same_on_every_machine() -> None:
    assert content_id("题", "文") == "0fe68106243fa711"
    assert content_id() == "e3b0c44298fc1c14"  # the sha256 of nothing


def test_a_content_id_tells_where_one_part_ends() -> None:
    assert content_id("ab", "c") != content_id("a", "bc")
    assert content_id("a", "") != content_id("a")


def test_a_content_id_bears_lone_surrogates() -> None:
    assert len(content_id("\ud800")) == 16


def test_values_cannot_be_changed() -> None:
    for value in (INFO, CHUNK, HIT, CITATION, ANSWERED, Turn("问"), Page(1, 0, 1), Heading(0, 1)):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, dataclasses.fields(value)[0].name, "x")
        assert not hasattr(value, "__dict__")


@pytest.mark.parametrize(
    ("offset", "page"), [(0, None), (1, None), (2, 5), (4, 5), (5, 5), (6, 7), (9, 7), (99, 7)]
)
def test_a_page_holds_from_its_start_until_the_next_begins(offset: int, page: int | None) -> None:
    document = Document(INFO, TEXT, pages=(Page(5, 2, 5), Page(7, 6, 10)))
    assert document.page_at(offset) == page


def test_a_document_without_pages_has_no_page_numbers() -> None:
    assert Document(INFO, TEXT).page_at(0) is None


@pytest.mark.parametrize(
    ("offset", "heading"), [(0, "竹编"), (3, "竹编"), (7, "竹编"), (8, "瓷器"), (13, "瓷器")]
)
def test_the_heading_at_an_offset_is_the_nearest_before_it(offset: int, heading: str) -> None:
    document = Document(INFO, TEXT, headings=(Heading(0, 3), Heading(8, 10)))
    assert document.heading_at(offset) == heading


def test_text_before_the_first_heading_has_none() -> None:
    assert Document(INFO, TEXT, headings=(Heading(8, 10),)).heading_at(7) == ""
    assert Document(INFO, TEXT).heading_at(0) == ""


def test_a_hit_as_json() -> None:
    assert HIT.to_dict() == {
        "rank": 1,
        "document_id": "d1",
        "chunk_id": "c1",
        "title": "邛崃竹编",
        "date": "2023-05",
        "source": "docs/a.md",
        "page": 2,
        "start": 3,
        "end": 7,
        "text": "在邛崃。",
        "score": 0.5,
        "lexical_rank": 1,
        "dense_rank": None,
        "lexical_score": 2.5,
        "dense_score": None,
        "matched_terms": ["邛崃"],
        "also_in": ["docs/b.md"],
    }


def test_a_citation_as_json() -> None:
    assert CITATION.to_dict() == {
        "marker": 1,
        "document_id": "d1",
        "title": "邛崃竹编",
        "date": "2023-05",
        "source": "docs/a.md",
        "page": 2,
        "start": 3,
        "end": 7,
        "quote": "在邛崃。",
    }


def test_an_answer_as_json_has_its_citations_and_hits_and_goes_through_json() -> None:
    shown = ANSWERED.to_dict()
    assert shown["answer"] == "在邛崃。[1]"
    assert shown["citations"] == [CITATION.to_dict()]
    assert shown["hits"] == [HIT.to_dict()]
    assert json.loads(json.dumps(shown, ensure_ascii=False)) == shown


def test_an_extractive_answer_has_no_keys_of_a_language_model() -> None:
    assert not {"sentences", "notice", "citation_precision"} & set(ANSWERED.to_dict())


def test_a_language_models_answer_says_what_the_gate_found() -> None:
    checked = AnswerSentence("在邛崃，有9家。", (1,), False, ("9家",))
    written = dataclasses.replace(
        ANSWERED, sentences=(checked,), citation_precision=0.0, citation_recall=0.5, notice="迟了"
    )
    shown = written.to_dict()
    assert shown["sentences"] == [
        {
            "text": "在邛崃，有9家。",
            "markers": [1],
            "supported": False,
            "unsupported_terms": ["9家"],
        }
    ]
    assert (shown["citation_precision"], shown["citation_recall"]) == (0.0, 0.5)
    assert shown["notice"] == "迟了"
    jsonschema.validate(shown, ESSENCE)


def _needed(*keys: str) -> dict[str, Any]:
    return {"type": "object", "required": list(keys)}


# The essence of the published schema, for a checkout that stands alone.
_CITATION_KEYS = ("marker", "document_id", "title", "date", "source", "page", "start", "end")
_HIT_KEYS = ("rank", "document_id", "chunk_id", "title", "source", "start", "end", "text", "score")
ESSENCE = {
    **_needed("question", "query", "answer", "confidence", "generator", "timings_ms"),
    "properties": {
        "answered": {"type": "boolean"},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "citations": {"type": "array", "items": _needed(*_CITATION_KEYS, "quote")},
        "hits": {"type": "array", "items": _needed(*_HIT_KEYS, "lexical_rank", "dense_rank")},
    },
    "if": {"properties": {"answered": {"const": False}}},
    "then": {"properties": {"short_answer": {"type": "null"}, "reason": {"type": "string"}}},
    "else": {"properties": {"citations": {"minItems": 1}, "reason": {"type": "null"}}},
}


@pytest.mark.parametrize("answer", [ANSWERED, DECLINED])
def test_an_answer_has_the_shape_that_is_promised(answer: Answer) -> None:
    jsonschema.validate(answer.to_dict(), ESSENCE)


@pytest.mark.parametrize("answer", [ANSWERED, DECLINED])
def test_an_answer_meets_the_published_schema(answer: Answer) -> None:
    path = SHARED / "answer.schema.json"
    if not path.exists():
        pytest.skip("answer.schema.json isn't beside this checkout")
    jsonschema.validate(answer.to_dict(), json.loads(path.read_text(encoding="utf-8")))
