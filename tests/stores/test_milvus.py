"""What only a store on a server must do, against milvus-lite in a process of its own."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from rag.errors import (
    ConfigError,
    DamagedIndexError,
    IncompatibleIndexError,
    IndexUnusableError,
    NoIndexError,
    StorageError,
)
from rag.protocols import StoreBackend
from rag.stores import bm25
from rag.stores.milvus_rows import Build
from rag.stores.milvus_server import Address, Server, version_number
from rag.stores.terms import TermsReader, TermsWriter
from rag.text import analyse
from rag.types import Document, Heading, Page
from tests.stores.filling import LOANS, PARK, POSTS, publish, put
from tests.stores.milvus_lite import HOST, MilvusLite, free_port, milvus_backend
from tests.support import EMBEDDER, RECIPE, article, indexed

ROOT = Path(__file__).parents[2]


@pytest.fixture
def alias() -> str:
    return f"t{secrets.token_hex(4)}"


@pytest.fixture
def backend(milvus: str, alias: str, tmp_path: Path) -> StoreBackend:
    return milvus_backend(milvus, tmp_path, alias=alias)


def add(backend: StoreBackend, document: Document) -> None:
    publish(backend, document.info.source, document)


def titles(backend: StoreBackend, term: str) -> list[str]:
    """The articles that the word search finds."""
    store = backend.open()
    found = store.search([term], EMBEDDER.embed_query(term), limit=10).lexical
    passages = store.passages([candidate.key for candidate in found])
    return [passages[candidate.key][1].title for candidate in found]


def builds(milvus: str, alias: str) -> list[str]:
    return [build.name for build in Build.known(Server(Address(milvus)), alias)]


def test_scores_of_words_are_those_of_the_local_store(tmp_path: Path) -> None:
    texts = ["先锋岗" * n + "龙泉驿区设立了党员先锋岗" + "石桥" * n for n in (0, 1, 9, 40, 400)]
    passages = [analyse(text) for text in texts]
    writer = TermsWriter(tmp_path / "terms", create=True)
    writer.add(1, enumerate(" ".join(terms) for terms in passages))
    writer.commit()
    query = ["先锋", "石桥", "龙", "不在"]
    reader = TermsReader(tmp_path / "terms")
    found = {c.key: c.score for c in reader.search(query, limit=9)}
    weight = bm25.weights(dict(zip(query, reader.frequencies(query), strict=True)), len(passages))
    average = sum(map(len, passages)) / len(passages)
    ours = {key: bm25.score(terms, weight, average) for key, terms in enumerate(passages)}
    assert found == pytest.approx(ours, rel=1e-5)


@pytest.mark.parametrize(
    ("length", "kept"), [(0, 0), (40, 40), (41, 40), (57, 56), (60, 60), (300, 280), (2016, 1944)]
)
def test_lengths_are_rounded_down_as_in_a_byte(length: int, kept: int) -> None:
    assert bm25.rounded(length) == kept


def test_long_articles_with_pages_and_odd_signs_come_back_whole(backend: StoreBackend) -> None:
    text = 'A "quoted" \\ line\t\x00 and 𠮷野家 %_\'; ' + "长文" * 12_000
    plain = article(text, title='a "title" \\', source="docs/ä\"'\\.md")
    long = Document(plain.info, text, (Page(1, 0, 9), Page(2, 9, len(text))), (Heading(0, 3, 1),))
    add(backend, long)
    store = backend.open()
    assert store.document(long.info.id) == long
    assert list(store.files()) == ["docs/ä\"'\\.md"]
    found = store.search(["quoted"], EMBEDDER.embed_query("quoted"), limit=3)
    chunk, info = store.passages([found.lexical[0].key])[found.lexical[0].key]
    assert chunk.text == text[chunk.start : chunk.end]
    assert info == long.info


def test_an_index_of_an_older_server_is_searched_as_it_was_built(
    backend: StoreBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("rag.stores.milvus_server._BM25_FROM", (99, 0))
        add(backend, POSTS)
    assert titles(backend, "先锋") == ["先锋岗"]
    add(backend, LOANS)
    add(backend, article("双流区的新文章。", title="新", source="docs/a.md"))
    assert titles(backend, "先锋") == []
    assert titles(backend, "双流") == ["新"]
    assert titles(backend, "惠蓉") == ["惠蓉贷"]


def test_a_file_may_come_and_go_within_one_update(backend: StoreBackend) -> None:
    add(backend, POSTS)
    with backend.update() as writer:
        for _ in range(2):
            for document in (POSTS, LOANS):
                writer.start_file(document.info.source)
                writer.add(document.info.source, [indexed(document)])
                writer.finish_file(document.info.source, "hash")
            writer.remove_file(LOANS.info.source)
        assert list(writer.files()) == ["docs/a.md"]
        writer.commit()
    store = backend.open()
    assert [info.title for info, _ in store.documents()] == ["先锋岗"]
    assert store.stats().chunks == 1
    assert list(store.files()) == ["docs/a.md"]
    assert store.document_frequencies(["先锋", "惠蓉"]) == [1, 0]
    assert titles(backend, "先锋") == ["先锋岗"]


def test_a_rebuild_moves_the_alias_and_leaves_the_build_before_to_its_readers(
    milvus: str, alias: str, backend: StoreBackend
) -> None:
    add(backend, POSTS)
    old, (first,) = backend.open(), builds(milvus, alias)
    with backend.update(rebuild=True) as writer:
        put(writer, "docs/b.md", LOANS)
        assert titles(backend, "先锋") == ["先锋岗"]
        writer.commit()
    assert titles(backend, "惠蓉") == ["惠蓉贷"]
    assert old.document(POSTS.info.id) == POSTS
    with backend.update(rebuild=True) as writer:
        writer.commit()
    add(backend, PARK)
    assert titles(backend, "区") == ["园区"]
    assert len(builds(milvus, alias)) == 2
    assert first not in builds(milvus, alias)


_KILLED = """
    import os
    from pathlib import Path
    from tests.stores.milvus_lite import milvus_backend
    from tests.stores.filling import LOANS, put

    backend = milvus_backend({uri!r}, Path({folder!r}), alias={alias!r})
    with backend.update(rebuild={rebuild}) as writer:
        writer.remove_file("docs/a.md")
        put(writer, "docs/b.md", LOANS)
        writer._flush()
        writer._flush_terms()
        os._exit(9)
"""


@pytest.mark.parametrize("rebuild", [False, True])
def test_what_a_killed_update_wrote_is_not_seen_and_is_cleared_by_the_next(
    milvus: str, alias: str, backend: StoreBackend, tmp_path: Path, rebuild: bool
) -> None:
    add(backend, POSTS)
    program = textwrap.dedent(_KILLED).format(
        uri=milvus, folder=str(tmp_path), alias=alias, rebuild=rebuild
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert done.returncode == 9
    assert titles(backend, "先锋") == ["先锋岗"]
    assert titles(backend, "惠蓉") == []
    add(backend, PARK)
    store = backend.open()
    assert [info.title for info, _ in store.documents()] == ["先锋岗", "园区"]
    assert store.document_frequencies(["先锋", "惠蓉", "园区"]) == [1, 0, 1]
    assert len(store.search(["区"], EMBEDDER.embed_query("区"), limit=9).dense) == 2
    assert len(builds(milvus, alias)) == 1


def test_an_update_of_another_machine_is_noticed(
    milvus: str, alias: str, backend: StoreBackend, tmp_path: Path
) -> None:
    add(backend, POSTS)
    other = milvus_backend(milvus, tmp_path / "other", alias=alias)
    with backend.update() as writer:
        put(writer, "docs/b.md", LOANS)
        with other.update() as second:
            put(second, "docs/c.md", PARK)
            with pytest.raises(StorageError, match="another machine"):
                writer.commit()
            second.commit()
    assert [info.title for info, _ in backend.open().documents()] == ["先锋岗", "园区"]


def test_a_server_that_is_killed_and_comes_back_costs_nothing_but_time(tmp_path: Path) -> None:
    pytest.importorskip("milvus_lite")
    server = MilvusLite(tmp_path / "data")
    backend = milvus_backend(server.uri, tmp_path, alias="back", timeout_s=60.0)
    try:
        add(backend, POSTS)
        with backend.update() as writer:
            for number in range(40):
                document = article(f"第{number}座石桥。", title=str(number), source=f"{number}.md")
                writer.start_file(document.info.source)
                writer.add(document.info.source, [indexed(document)])
                if number == 20:
                    server.kill()
                    Timer(1.0, server.start).start()
                    writer._flush()  # type: ignore[attr-defined]
            assert writer.commit().documents == 41
        store = backend.open()
        assert store.document_frequencies(["石桥", "先锋"]) == [40, 1]
        assert len(store.search(["石桥"], EMBEDDER.embed_query("石桥"), limit=99).dense) == 41
        assert len(list(store.documents())) == 41
    finally:
        server.kill()


def test_a_dead_server_is_named_in_both_languages(tmp_path: Path) -> None:
    pytest.importorskip("pymilvus")
    backend = milvus_backend(f"http://{HOST}:{free_port()}", tmp_path, alias="none", timeout_s=1.0)
    with pytest.raises(
        IndexUnusableError, match=r"Milvus server doesn't answer.*store\.uri"
    ) as said:
        backend.open()
    assert "Milvus 服务没有应答" in said.value.zh
    with pytest.raises(StorageError, match="doesn't answer"), backend.update():
        pass


def test_another_model_asks_for_another_index(
    milvus: str, alias: str, backend: StoreBackend, tmp_path: Path
) -> None:
    add(backend, POSTS)
    recipe = RECIPE.model_copy(update={"embedder": "other", "dimensions": 8})
    other = milvus_backend(milvus, tmp_path, alias=alias, recipe=recipe)
    with pytest.raises(IncompatibleIndexError, match=r"other.*embedding\.model"):
        other.open()
    with other.update() as writer:
        assert writer.files() == {}


def test_a_build_without_a_state_is_damaged(milvus: str, alias: str, backend: StoreBackend) -> None:
    add(backend, POSTS)
    build = Build(builds(milvus, alias)[0])
    Server(Address(milvus)).call("delete", build.records, filter='kind == "state"')
    with pytest.raises(DamagedIndexError, match="--rebuild"):
        backend.open()
    with backend.update(rebuild=True) as writer:
        writer.commit()
    assert backend.open().stats().documents == 0


def test_a_collection_of_someone_else_is_left_alone(
    milvus: str, alias: str, backend: StoreBackend
) -> None:
    server = Server(Address(milvus))
    server.call("create_collection", alias, dimension=4)
    with pytest.raises(ConfigError, match=r"store\.collection"):
        backend.open()
    with pytest.raises(ConfigError), backend.update():
        pass
    assert server.call("has_collection", alias)


@contextmanager
def guarded(folder: Path, *, token: str = "", version: str = "") -> Iterator[str]:
    """milvus-lite behind a check of the token as Milvus makes it, or under another version."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc
    from milvus_lite.adapter.grpc.servicer import MilvusServicer
    from milvus_lite.db import MilvusLite as Engine
    from pymilvus.grpc_gen import milvus_pb2, milvus_pb2_grpc

    class Servicer(MilvusServicer):  # type: ignore[misc]
        def GetVersion(self, request: object, context: object) -> object:  # noqa: N802
            if not version:
                return super().GetVersion(request, context)
            return milvus_pb2.GetVersionResponse(version=version)

    class Check(grpc.ServerInterceptor):  # type: ignore[misc]
        def intercept_service(self, proceed: object, details: object) -> object:
            given = dict(details.invocation_metadata).get("authorization", "")  # type: ignore[attr-defined]
            if token and given != _basic(token):
                return grpc.unary_unary_rpc_method_handler(_refuse)
            return proceed(details)  # type: ignore[operator]

    def _refuse(_request: object, context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure")

    engine = Engine(str(folder))
    server = grpc.server(ThreadPoolExecutor(4), interceptors=[Check()])
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(Servicer(engine), server)
    port = server.add_insecure_port(f"{HOST}:0")
    server.start()
    try:
        yield f"http://{HOST}:{port}"
    finally:
        server.stop(0).wait()
        engine.close()


def _basic(token: str) -> str:
    from base64 import b64encode

    return b64encode(token.encode()).decode()


def test_a_wrong_token_is_told_and_never_shown(milvus: str, tmp_path: Path) -> None:
    with guarded(tmp_path / "data", token="root:right") as uri:
        right = milvus_backend(uri, tmp_path, alias="tokens", token="root:right")
        add(right, POSTS)
        assert right.open().stats().documents == 1
        for wrong in ("root:wr0ng", ""):
            backend = milvus_backend(uri, tmp_path, alias="tokens", token=wrong)
            with pytest.raises(ConfigError, match=r"token is wrong.*store\.token_env") as said:
                backend.open()
            assert "令牌不对" in said.value.zh
            assert "wr0ng" not in said.value.en + said.value.zh
    assert "right" not in repr(Address(uri, "root:right"))


def test_a_server_too_old_is_refused(milvus: str, tmp_path: Path) -> None:
    with guarded(tmp_path / "data", version="v2.2.16") as uri:
        with pytest.raises(ConfigError, match=r"2\.2\.16 is too old; 2\.5") as said:
            milvus_backend(uri, tmp_path, alias="old").open()
        assert "版本过旧" in said.value.zh


@pytest.mark.parametrize(
    ("version", "number"),
    [("v2.5.4-dev", (2, 5)), ("2.3.5", (2, 3)), ("milvus_lite-3.2.2", (3, 2)), ("?", (0, 0))],
)
def test_versions_are_read(version: str, number: Sequence[int]) -> None:
    assert version_number(version) == number


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key, pem = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         f"/CN={name}", "-addext", f"subjectAltName=IP:{HOST}", "-keyout", key, "-out", pem],
        check=True, capture_output=True,
    )  # fmt: skip
    return pem, key


def test_a_tls_server_is_checked_by_the_given_certificates(tmp_path: Path) -> None:
    grpc = pytest.importorskip("grpc")
    if not any(Path(folder, "openssl").exists() for folder in os.environ["PATH"].split(":")):
        pytest.skip("needs openssl, to make a certificate")
    from milvus_lite.adapter.grpc.server import _build_server
    from milvus_lite.db import MilvusLite as Engine

    pem, key = certificate(tmp_path, "server")
    stranger, _ = certificate(tmp_path, "stranger")
    engine = Engine(str(tmp_path / "data"))
    server = _build_server(engine, 4)
    pair = grpc.ssl_server_credentials([(key.read_bytes(), pem.read_bytes())])
    port = server.add_secure_port(f"{HOST}:0", pair)
    server.start()
    uri = f"https://{HOST}:{port}"
    try:
        backend = milvus_backend(uri, tmp_path, alias="tls", ca_file=str(pem), timeout_s=5.0)
        add(backend, POSTS)
        assert titles(backend, "先锋") == ["先锋岗"]
        for ca_file in (str(stranger), ""):
            other = milvus_backend(uri, tmp_path, alias="tls", ca_file=ca_file, timeout_s=5.0)
            with pytest.raises(ConfigError, match=r"certificate can't be verified.*store\.ca_file"):
                other.open()
        with pytest.raises(ConfigError, match="no such file"):
            milvus_backend(uri, tmp_path, alias="tls", ca_file="/no/such.pem").open()
    finally:
        server.stop(0).wait()
        engine.close()


def test_no_build_is_taken_for_an_index_before_it_is_published(
    milvus: str, alias: str, backend: StoreBackend
) -> None:
    with backend.update() as writer:
        writer.start_file("docs/a.md")
        with pytest.raises(NoIndexError):
            backend.open()
    assert builds(milvus, alias) == []
