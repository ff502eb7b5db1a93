"""Encodings: found out from the bytes, and said where that was a guess."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import LoadError
from rag.loaders.cleaning import clean, clean_body, iso_date, sentence_title
from rag.loaders.encoding import decode, detect

pages: Any = import_module("pages")
Load = Callable[..., Any]

SIMPLIFIED = "".join((*pages.TEA, *pages.LIBRARY))
TRADITIONAL = "".join(pages.HARBOUR)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030")


def stretches(text: str, least: int) -> st.SearchStrategy[str]:
    return st.integers(0, len(text) - least).flatmap(
        lambda start: st.integers(start + least, len(text)).map(lambda end: text[start:end])
    )


@given(stretches(SIMPLIFIED, 8), st.sampled_from(ENCODINGS), st.sampled_from(["", "abc 123\n"]))
@settings(max_examples=150, deadline=None)
def test_simplified_text_comes_back_from_any_encoding(text: str, encoding: str, more: str) -> None:
    text = more + text + more
    decoded = decode(text.encode(encoding), source="a.txt")
    assert (decoded.text, decoded.damaged) == (text, False)


@given(stretches(TRADITIONAL, 10), st.sampled_from(("utf-8", "big5", "utf-16", "utf-16-le")))
@settings(max_examples=100, deadline=None)
def test_traditional_text_comes_back_from_any_encoding(text: str, encoding: str) -> None:
    decoded = decode(text.encode(encoding), source="a.txt")
    assert (decoded.text, decoded.damaged) == (text, False)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_text_or_refused_in_one_sentence(data: bytes) -> None:
    refused: list[LoadError] = []
    try:
        decode(data, source="docs/a.txt")
    except LoadError as error:
        refused.append(error)
    for said in refused:
        assert said.en.startswith("docs/a.txt ")
        assert said.zh.startswith("docs/a.txt ")
        assert "\n" not in said.en + said.zh


def test_ascii_in_utf16_without_a_mark_is_recognised() -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        assert decode("plain words\n".encode(encoding), source="a").text == "plain words\n"


def test_western_letters_are_not_taken_for_chinese() -> None:
    text = "café déjà vu, naïve résumé is what the text says"
    assert decode(text.encode("cp1252"), source="a").text == text


@pytest.mark.parametrize(
    ("encoding", "name"), [("gb18030", "GB18030"), ("utf-8", "UTF-8"), ("big5", "BIG5")]
)
def test_a_bad_byte_is_replaced_and_said(
    tmp_path: Path, load: Load, encoding: str, name: str
) -> None:
    text = TRADITIONAL if encoding == "big5" else SIMPLIFIED
    data = text.encode(encoding)
    (tmp_path / "a.txt").write_bytes(data[:300] + b"\xff" + data[300:])
    loaded = load(tmp_path / "a.txt")
    (report,) = loaded.reports
    assert f"was read as {name} with those replaced" in report.en
    assert text[200:] in loaded.document.text


def test_the_end_of_the_sample_inside_a_character_is_no_damage() -> None:
    for start in range(3):
        data = ("a" * start + SIMPLIFIED * 200).encode()
        assert detect(data[:64_000]) == "utf-8"
        assert not decode(data, source="a").damaged
    legacy = ("a" + SIMPLIFIED * 200).encode("gb18030")
    assert not decode(legacy, source="a").damaged


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"%PDF-1.7 ...", "is a PDF file by its content"),
        (b"PK\x03\x04....", "is a ZIP or Office file"),
        (b"\x89PNG\r\n\x1a\n", "is a PNG file"),
        (bytes(range(256)) * 4, "holds binary data"),
        (b"\x01\x02\x03\x04\x05\x06" * 9, "holds binary data"),
        (b" \n \n", "holds no text"),
        (b"\xef\xbb\xbf", "holds no text"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, load: Load, data: bytes, what: str) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(LoadError, match=what):
        load(tmp_path / "a.txt")


def test_text_is_cleaned_of_what_can_not_be_read() -> None:
    assert clean("\ufeff甲\x00乙\r\n丙\r丁\x0c戊\u200b\u2028己") == "甲乙\n丙\n丁\n戊\n己"
    assert clean("⻓⼤") == "长大"
    assert clean("\ud800a\tb") == "\ufffda\tb"
    assert clean_body("\n\n　　甲 \n乙\u3000\n\n") == "　　甲\n乙"


def test_a_text_gets_its_title_from_a_short_first_line_or_its_name(
    tmp_path: Path, load: Load
) -> None:
    (tmp_path / "name.txt").write_text("短标题\n\n" + pages.TEA[0])
    assert load(tmp_path / "name.txt").document.info.title == "短标题"
    (tmp_path / "name.txt").write_text(pages.TEA[0])
    document = load(tmp_path / "name.txt").document
    assert (document.info.title, document.text) == ("name", pages.TEA[0])
    assert document.info.source == "docs/name.txt"
    (tmp_path / "name.txt").write_text("x\x00\u200b\x00\u200b" * 3, encoding="utf-16")
    assert load(tmp_path / "name.txt").document.text == "xxx"


def test_a_file_of_many_pages_is_repaired_slice_by_slice(
    tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.loaders.text._SLICE", 500)
    text = "\n\n".join(pages.column((*pages.TEA, *pages.LIBRARY), width) for width in (20, 21))
    (tmp_path / "a.txt").write_text(text)
    documents = load(tmp_path / "a.txt").documents
    assert len(documents) > 2
    assert "".join("".join(d.text.split()) for d in documents) == "".join(text.split())


def test_the_same_page_twice_in_a_file_is_one_document(
    tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = pages.column(pages.TEA, 20)
    monkeypatch.setattr("rag.loaders.text._SLICE", len(page) + 2)
    (tmp_path / "a.txt").write_text(page + "\n\n" + page)
    assert len(load(tmp_path / "a.txt").documents) == 1


def test_a_text_of_invisible_characters_is_empty(tmp_path: Path, load: Load) -> None:
    (tmp_path / "a.txt").write_text("\u200b\u2060\u00ad")
    with pytest.raises(LoadError, match="holds no text"):
        load(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("2024-03-05", "2024-03-05"),
        ("2024/3/5 10:00", "2024-03-05"),
        ("2024年3月5日", "2024-03-05"),
        ("20240305", "2024-03-05"),
        ("2024.3", "2024-03"),
        ("2024年", "2024"),
        (2024, "2024"),
        ("March 5, 2024", "2024-03-05"),
        ("5 Mar 2024", "2024-03-05"),
        ("2024-13-45", None),
        ("昨天", None),
        (None, None),
    ],
)
def test_dates_become_iso(value: object, date: str | None) -> None:
    assert iso_date(value) == date


def test_a_record_without_title_is_called_by_its_beginning() -> None:
    assert sentence_title("谷雨刚过，茶山上一片忙碌。") == "谷雨刚过"
    assert sentence_title("长" * 50) == "长" * 29 + "…"
    assert sentence_title("One two. Three") == "One two"
