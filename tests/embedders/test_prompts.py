"""What known families read before a question and before a passage."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from rag.embedders import Prompts, family_prompts, own_prompts
from rag.embedders.transformer import TransformerEmbedder

BGE = "为这个句子生成表示以用于检索相关文章："


@pytest.mark.parametrize(
    ("name", "prompts"),
    [
        ("intfloat/multilingual-e5-small", Prompts("query: ", "passage: ")),
        ("/srv/models/multilingual-e5-base/", Prompts("query: ", "passage: ")),
        ("C:\\models\\multilingual-e5-large", Prompts("query: ", "passage: ")),
        ("BAAI/bge-small-zh-v1.5", Prompts(BGE)),
        ("BAAI/bge-large-zh-v1.5", Prompts(BGE)),
        ("/home/a/.cache/hub/models--BAAI--bge-base-zh-v1.5/snapshots/abc", Prompts(BGE)),
        ("BAAI/bge-large-zh-noinstruct", Prompts()),
        ("BAAI/bge-m3", Prompts()),
        ("Alibaba-NLP/gte-multilingual-base", Prompts()),
        ("Qwen/Qwen3-Embedding-0.6B", Prompts()),  # its own folder says them
        ("/srv/e5-small-trials/mine", Prompts()),
        ("", Prompts()),
    ],
)
def test_a_family_is_known_by_the_models_name(name: str, prompts: Prompts) -> None:
    assert family_prompts(name) == prompts


def test_an_instructed_e5_has_no_word_before_passages() -> None:
    prompts = family_prompts("intfloat/multilingual-e5-large-instruct")
    assert prompts.query.endswith("\nQuery: ")
    assert prompts.passage == ""


@pytest.mark.parametrize(
    ("written", "own"),
    [
        ({"prompts": {"query": "Instruct: ...\nQuery:", "document": ""}}, True),
        ({"prompts": {"query": "", "document": ""}}, False),
        ({"prompts": {}}, False),
        ({}, False),
        ([], False),
        (None, False),
    ],
)
def test_the_models_own_configuration_may_say_them(
    written: object, own: bool, tmp_path: Path
) -> None:
    if written is not None:
        path = tmp_path / "config_sentence_transformers.json"
        path.write_text(json.dumps(written), encoding="utf-8")
    assert own_prompts(tmp_path) is own


def test_a_prompt_that_is_set_wins_and_marks_the_index(
    tiny_transformer: Path, tmp_path: Path
) -> None:
    e5 = tmp_path / "e5-small"
    shutil.copytree(tiny_transformer, e5)
    plain, known = TransformerEmbedder(tiny_transformer), TransformerEmbedder(e5)
    bare = TransformerEmbedder(e5, query_prompt="", passage_prompt="")
    assert np.allclose(bare.embed_query("dogs"), plain.embed_query("dogs"), atol=1e-5)
    assert np.allclose(bare.embed_passages(["dogs"]), plain.embed_passages(["dogs"]), atol=1e-5)
    assert bare.fingerprint != known.fingerprint
    same = TransformerEmbedder(e5, query_prompt="query: ", passage_prompt="passage: ")
    assert same.fingerprint == known.fingerprint
    asked = TransformerEmbedder(e5, query_prompt="dogs ")  # changes no passage
    assert asked.fingerprint == known.fingerprint
    assert np.allclose(asked.embed_query("bark"), plain.embed_query("dogs bark"), atol=1e-5)
