"""Any bytes as settings, gold questions, backups and index pointers: accepted or one sentence."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import strategies as st
from starlette.datastructures import Headers

from rag.config import Settings, load_settings
from rag.errors import ArchiveError, ConfigError, GoldError, RagError
from rag.evaluation.adapters import open_set
from rag.serving.access import ADMIN_HEADER, Access, Refusal, hash_of
from rag.serving.feedback import FILE_NAME, FeedbackStore, Given
from rag.stores import LocalBackend
from rag.stores.backup import back_up, restore
from rag.types import Answer
from tests.fuzz.fuzzing import damaged, fuzz, memory_bounded, pieces
from tests.stores.filling import publish
from tests.support import RECIPE, article

TOML = """
[index]
dir = "index"
[retrieval]
top_k = 8
dense_weight = 0.05
[generator]
backend = "openai"
base_url = "http://127.0.0.1:11434/v1"
[server]
host = "127.0.0.1"
allowed_origins = ["https://oa.example.cn"]
rate_limit = "60/minute"
"""
TOML_WORDS = (
    '[server] [index] [generator] [retrieval] [x] port = 7860 host = "a" top_k = -1 1e999 nan '
    'true [] {} [[server]] """ \'\'\' # \\u0000 dir.x = api_keys = ["sha256:"] 0x1 1979-05-27 '
    'base_url = "http://u:p@h" queue = 99999999999999999999999 \\ . = ='
)
GOLD = [
    {"id": "q1", "question": "修了几座桥？", "answers": ["37座"], "answerable": True},
    {"id": "q2", "question": "那邛崃呢？", "answerable": False,
     "history": [{"question": "龙泉驿呢？", "answer": "18亿元"}]},
]  # fmt: skip
GOLD_LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in GOLD).encode()
SQUAD = json.dumps(
    {"data": [{"title": "桥", "paragraphs": [{"context": "修了37座石桥。", "id": "p", "qas": [
        {"id": "q", "question": "几座?", "answers": [{"text": "37座", "answer_start": 2}]}]}]}]},
    ensure_ascii=False,
).encode()  # fmt: skip
READING = json.dumps(
    {"id": "a", "context": "修了37座石桥。", "question": "几座?", "answers": {"text": ["37座"]}},
    ensure_ascii=False,
).encode()
GOLD_SEEDS: dict[str, Sequence[bytes]] = {
    ".jsonl": [GOLD_LINES, READING],
    ".jsonl.xz": [lzma.compress(GOLD_LINES)],
    ".csv": ["question,answer\n几座?,37座\n".encode(), "问题,答案\n几座?,37座\n".encode()],
    ".json": [SQUAD],
}
ANSWER = Answer("几个?", "几个?", True, "12个。", "12个", 0.9, None, (), (), "x")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def refused(kind: type[RagError], work: Callable[[], object]) -> RagError | None:
    """What it was refused with; None where it did what it should. Anything else is raised."""
    try:
        with memory_bounded():
            work()
    except kind as error:
        return error
    return None


def settings_or_sentence(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    error = refused(ConfigError, lambda: load_settings(path))
    if error is not None:
        assert error.en
        assert error.zh
        assert "u:p" not in error.en + error.zh  # a password in an address isn't repeated


@fuzz(data=damaged([TOML.encode()]) | st.binary(max_size=200))
def test_damaged_settings(folder: Path, data: bytes) -> None:
    settings_or_sentence(folder / "rag.toml", data)


@fuzz(text=pieces(TOML_WORDS, most=30))
def test_odd_settings(folder: Path, text: str) -> None:
    settings_or_sentence(folder / "rag.toml", text.encode("utf-8", "replace"))


@fuzz(data=st.sampled_from(sorted(GOLD_SEEDS)).flatmap(
    lambda suffix: st.tuples(st.just(suffix), damaged(GOLD_SEEDS[suffix]))
))  # fmt: skip
def test_damaged_gold_sets(folder: Path, data: tuple[str, bytes]) -> None:
    suffix, content = data
    path = folder / f"gold{suffix}"
    path.write_bytes(content)

    def read() -> None:
        found = open_set(path)
        assert found.questions
        for each in found.articles():
            assert each.id

    error = refused(GoldError, read)
    if error is not None:
        assert path.name in error.en
        assert path.name in error.zh


@pytest.fixture(scope="module")
def archives(folder: Path) -> Sequence[bytes]:
    """A backup with ratings, plain and compressed."""
    index = folder / "index"
    backend = LocalBackend(index, RECIPE)
    publish(backend, "docs/a.md", article("龙泉驿区设立200余个党员先锋岗。", title="先锋岗"))
    FeedbackStore(index / FILE_NAME).add(Given("1", ANSWER), "up", "")
    for name in ("a.tar", "a.tar.gz"):
        back_up(index, folder / name)
    return [(folder / name).read_bytes() for name in ("a.tar", "a.tar.gz")]


@fuzz(
    change=st.lists(st.tuples(st.integers(0, 2**24), st.integers(0, 255)), min_size=1, max_size=4),
    packed=st.booleans(),
    cut=st.none() | st.integers(0, 2**24),
)
def test_damaged_backups(
    folder: Path,
    archives: Sequence[bytes],
    change: list[tuple[int, int]],
    packed: bool,
    cut: int | None,
) -> None:
    data = bytearray(archives[packed])
    for at, byte in change:
        data[at % len(data)] = byte
    path = folder / "damaged.tar"
    path.write_bytes(bytes(data if cut is None else data[: cut % len(data)]))
    target = folder / "restored"
    before = _state(target)
    error = refused(ArchiveError, lambda: restore(target, path, RECIPE))
    if error is None:  # padding, or the byte that stood there
        assert LocalBackend(target, RECIPE).open().stats().documents == 1
    else:
        assert path.name in error.en
        assert path.name in error.zh
        assert _state(target) == before


def _state(target: Path) -> bytes:
    pointer = target / "CURRENT"
    return pointer.read_bytes() if pointer.exists() else b""


@fuzz(data=damaged([b"00000001-abcdef\n" + b"0" * 64 + b"\n", b"../x y\n", b"a/b c"])
      | st.binary(max_size=90))  # fmt: skip
def test_any_pointer_names_a_generation_or_is_damage(folder: Path, data: bytes) -> None:
    root = folder / "pointed"
    (root / "generations").mkdir(parents=True, exist_ok=True)
    (root / "CURRENT").write_bytes(data)
    with pytest.raises(RagError) as caught:
        LocalBackend(root, RECIPE).open()
    assert str(root) in caught.value.en
    assert str(root) in caught.value.zh


KEY, ADMIN = "wy-right-key", "right-admin-token"
CLOSED = Access(Settings().server.model_copy(update={"api_keys": [hash_of(KEY)]}))
BEARERS = "Bearer bearer BEARER Basic basic Og== : = wy- wy-right-ke wy-right-key\x00 ,"


@fuzz(
    name=st.sampled_from(["authorization", "x-api-key", "proxy-authorization", "cookie"]),
    value=pieces(BEARERS, most=5) | damaged([KEY.encode(), f"Bearer {KEY}".encode()]).map(
        lambda data: data.decode("latin-1")
    ),
)  # fmt: skip
def test_no_key_but_the_right_one_comes_in(name: str, value: str) -> None:
    sent = value.encode("utf-8", "replace").strip()
    identity = CLOSED.identity(Headers(raw=[(name.encode(), sent)]), "10.0.0.9")
    if isinstance(identity, Refusal):
        assert KEY not in identity.en + identity.zh
        return
    assert identity == hash_of(KEY)
    assert KEY.encode() in sent


GUARDED = Access(Settings(server={"admin_token": ADMIN}).server)  # type: ignore[arg-type]


@fuzz(token=damaged([ADMIN.encode()]).map(lambda data: data.decode("latin-1"))
      | pieces("right admin token - right-admin-token \x00") | st.none())  # fmt: skip
def test_no_admin_token_but_the_right_one_is_accepted(token: str | None) -> None:
    sent = None if token is None else Headers(
        raw=[(ADMIN_HEADER.lower().encode(), token.encode("utf-8", "replace"))]
    ).get(ADMIN_HEADER)  # fmt: skip
    assert GUARDED.is_admin(sent) is (sent == ADMIN)
