"""One connection to a Milvus server: what it can do, and its failures in a sentence each.

A call that finds the server away is repeated for a while. Writes are upserts of rows whose keys are
known beforehand, and deletions by condition: a repeated one changes nothing.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import ConfigError, IndexUnusableError, RagError, StorageError

if TYPE_CHECKING:
    from pymilvus import MilvusClient
    from pymilvus.client.iterator.query_iterator import QueryIterator

OLDEST = (2, 3)
_BM25_FROM = (2, 5)
_PAGE = 1000
_READER_S = 2.0
_CONNECT_S = 10.0
_PAUSE_S = 2.0
_ONCE = ("create_collection", "create_alias")  # these aren't the same when repeated
Row = dict[str, Any]
Reply = Any  # each method has its own


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is; `ca_file` holds the certificates that an https server is checked by."""

    uri: str
    token: str = field(default="", repr=False)
    ca_file: str = ""
    timeout_s: float = 30.0


class _AwayError(IndexUnusableError):
    """Nothing answers there, or not in time."""


class _ReleasedError(IndexUnusableError):
    """The collection isn't in the server's memory: it started anew, or someone released it."""


class Server:
    """Calls of one server.

    A call that the server doesn't carry out raises `failure`; one that finds it away is repeated
    for `patience_s` seconds first.
    """

    def __init__(
        self,
        address: Address,
        *,
        failure: type[RagError] = IndexUnusableError,
        patience_s: float = _READER_S,
        other: Server | None = None,
    ) -> None:
        self.address = address
        self._failure = failure
        self._patience_s = patience_s
        self._other = other

    def for_writing(self) -> Server:
        """The same connection, with more patience; its calls raise StorageError."""
        patience_s = self.address.timeout_s
        return Server(self.address, failure=StorageError, patience_s=patience_s, other=self)

    @cached_property
    def _client(self) -> MilvusClient:
        return self._connect() if self._other is None else self._other._client

    def _connect(self) -> MilvusClient:
        # What these two log of a failed call is said by the error that this module raises.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        try:
            from pymilvus import MilvusClient
        except ImportError:
            raise ConfigError(
                'store.backend = "milvus" needs the package pymilvus; run: '
                'pip install "wenyuan[milvus]"',
                'store.backend = "milvus" 需要 pymilvus，请运行：pip install "wenyuan[milvus]"',
            ) from None
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        if self.address.ca_file and not Path(self.address.ca_file).is_file():
            raise ConfigError(
                f"store.ca_file={self.address.ca_file!r}: there is no such file; mend the path",
                f"store.ca_file={self.address.ca_file!r}：没有这个文件，请改正路径",
            )
        tls = {"server_pem_path": self.address.ca_file} if self.address.ca_file else {}
        with self._translated():
            client = MilvusClient(
                self.address.uri,
                token=self.address.token,
                timeout=min(self.address.timeout_s, _CONNECT_S),
                dedicated=True,  # else one with another certificate file may be shared
                **tls,
            )
        self._refuse_too_old(client)
        return client

    def _refuse_too_old(self, client: MilvusClient) -> None:
        with self._translated():
            version = client.get_server_version(timeout=self.address.timeout_s)
        number = version_number(version)
        if number < OLDEST:
            raise ConfigError(
                f"{self.address.uri}: Milvus {version} is too old; 2.5 or newer is needed "
                "(2.3 and 2.4 work, more slowly)",
                f"{self.address.uri}：Milvus {version} 版本过旧，需要 2.5 或更新版本"
                "（2.3、2.4 也可用，但较慢）",
            )

    @cached_property
    def version(self) -> str:
        """What the server calls itself."""
        return str(self.call("get_server_version"))

    @property
    def lite(self) -> bool:
        """Whether it is milvus-lite, whose analysers are fewer."""
        return self.version.startswith("milvus_lite")

    @property
    def has_bm25(self) -> bool:
        """Whether it searches words by BM25 itself."""
        return version_number(self.version) >= _BM25_FROM

    def call(self, method: str, *args: object, **options: object) -> Reply:
        """`MilvusClient.method(...)`.

        Raises `failure`, and ConfigError for what only a setting can mend.
        """
        end = time.monotonic() + (0 if method in _ONCE else self._patience_s)
        pause, released = 0.05, False
        while True:
            try:
                if released:
                    self._once("load_collection", args[0])
                return self._once(method, *args, **options)
            except (_AwayError, _ReleasedError) as error:
                if time.monotonic() + pause > end:
                    raise self._failure(error.en, error.zh) from error
                released = isinstance(error, _ReleasedError)
            time.sleep(pause)
            pause = min(2 * pause, _PAUSE_S)

    def _once(self, method: str, *args: object, **options: object) -> Reply:
        client = self._client
        with self._translated():
            return getattr(client, method)(*args, timeout=self.address.timeout_s, **options)

    def query(
        self,
        collection: str,
        condition: str,
        fields: Sequence[str],
        *,
        strong: bool = False,
        limit: int = 16_384,
    ) -> list[Row]:
        """Rows for which `condition` holds, up to `limit` (Milvus gives no more than 16,384).

        `strong` sees everything that was acknowledged before, and may wait for it.
        """
        level = "Strong" if strong else "Bounded"
        rows = self.call("query", collection, filter=condition, output_fields=list(fields),
                         consistency_level=level, limit=limit)  # fmt: skip
        return [dict(row) for row in rows]

    def every(self, collection: str, condition: str, fields: Sequence[str]) -> Iterator[Row]:
        """All rows for which `condition` holds, page by page, in no order."""
        pages = self.call("query_iterator", collection, filter=condition, batch_size=_PAGE,
                          output_fields=list(fields), consistency_level="Strong")  # fmt: skip
        try:
            while page := self._next(pages):
                yield from page
        finally:
            pages.close()

    def _next(self, pages: QueryIterator) -> list[Row]:
        try:
            with self._translated():
                return list(pages.next())
        except (_AwayError, _ReleasedError) as error:
            raise self._failure(error.en, error.zh) from error

    def upsert(self, collection: str, rows: Sequence[Row]) -> None:
        """Write rows, page by page."""
        for start in range(0, len(rows), _PAGE):
            self.call("upsert", collection, list(rows[start : start + _PAGE]))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from grpc import RpcError
        from pymilvus.exceptions import MilvusException

        try:
            yield
        except (MilvusException, RpcError, ValueError, OSError) as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> RagError:
        # Of a connection that fails, only the cause tells why.
        said = " ".join(f"{getattr(error, 'code', '')} {error} {error.__cause__ or ''}".split())
        uri = self.address.uri
        for pattern, en, zh in _CURES:
            if re.search(pattern, said, re.IGNORECASE):
                return ConfigError(f"{uri}: {en}", f"{uri}：{zh}")
        if re.search(_AWAY, said, re.IGNORECASE):
            return _AwayError(
                f"{uri}: the Milvus server doesn't answer; start it, or mend store.uri "
                "(https:// where it wants TLS)",
                f"{uri}：Milvus 服务没有应答，请启动该服务，或改正 store.uri（需要 TLS 时用 https://）",
            )
        reason = re.sub(r"<.*?message=|\)>|>", "", str(error))[:200]
        released = re.search("not loaded|released", said)
        return (_ReleasedError if released else self._failure)(
            f"{uri}: Milvus refused ({reason}); look at its log",
            f"{uri}：Milvus 拒绝了请求（{reason}），请查看其日志",
        )


_AWAY = "UNAVAILABLE|fail connecting|DEADLINE_EXCEEDED|connection refused|closed channel"
_CURES = (
    (
        "UNAUTHENTICATED|auth check fail|PERMISSION_DENIED|permission deny|invalid password",
        "the token is wrong or may not do this; check the variable that store.token_env names",
        "令牌不对或权限不足，请检查 store.token_env 所指的环境变量",
    ),
    (
        "CERTIFICATE_VERIFY|SSL_ERROR|ssl handshake",
        "the server's certificate can't be verified; check store.ca_file, the host's name in the "
        "certificate, and whether store.uri should begin with http://",
        "无法验证服务器证书，请检查 store.ca_file、证书中的主机名，"
        "以及 store.uri 是否应以 http:// 开头",
    ),
)


def version_number(version: str) -> tuple[int, int]:
    """Major and minor number, such as (2, 5) of `v2.5.4-dev`; (0, 0) where there is none."""
    found = re.search(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


__all__ = ["Address", "Row", "Server", "version_number"]
