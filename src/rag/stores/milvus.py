"""The store on a Milvus server, for more passages than one machine holds.

Text, passages, file records and term counts live there with the vectors, so any machine that
reaches the server can answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rag.errors import (
    ConfigError,
    DamagedIndexError,
    IncompatibleIndexError,
    NoIndexError,
    RagError,
)
from rag.stores.generations import Generations, Recipe
from rag.stores.milvus_reader import MilvusStore, name_of
from rag.stores.milvus_rows import (
    FORMAT,
    Build,
    State,
)
from rag.stores.milvus_server import Address, Server
from rag.stores.milvus_writer import MilvusWriter, roll_back, sweep


class MilvusBackend:
    """An index on a Milvus server that belongs to one recipe.

    `root` is a folder on this machine for the writer's lock; `alias` names the index there, and
    `index` is how vectors are searched: FLAT (exact) or HNSW.
    """

    def __init__(
        self, address: Address, recipe: Recipe, *, root: Path, alias: str, index: str
    ) -> None:
        self.server = Server(address)
        self._recipe = recipe
        self._locks = Generations(root)
        self._alias = alias
        self._index = index

    @property
    def where(self) -> str:
        """What people call this index."""
        return f"{self.server.address.uri}/{self._alias}"

    def snapshot(self) -> str:
        """The name of the state in use. Raises IndexUnusableError, ConfigError."""
        return name_of(*self._current(self.server))

    def open(self) -> MilvusStore:
        """As `StoreBackend.open`; raises ConfigError too, where the server refuses us."""
        build, state = self._current(self.server)
        if (wrong := self._mismatch(state)) is not None:
            raise wrong
        return MilvusStore(self.server, build, state)

    def _current(self, server: Server) -> tuple[Build, State]:
        build = self._build(server)
        if build is None:
            raise NoIndexError(
                f"{self.where}: there is no index here; build one with: rag index",
                f"{self.where}：这里还没有索引，请先运行：rag index",
            )
        states = build.states(server)
        if not states:
            raise DamagedIndexError(
                f"{self.where}: damaged index ({build.records} says nothing of it); "
                "rebuild it with: rag index --rebuild",
                f"{self.where}：索引已损坏（{build.records} 中没有记录），"
                "请重建：rag index --rebuild",
            )
        return build, states[0]

    def _build(self, server: Server) -> Build | None:
        """What the alias names; None where there is no such alias. Raises ConfigError."""
        if not server.call("has_collection", self._alias):
            return None
        named = str(server.call("describe_collection", self._alias)["collection_name"])
        build = Build.named(named, self._alias)
        if build is None:
            raise ConfigError(
                f"{self.where}: this collection isn't an index of ours; set store.collection to "
                "another name",
                f"{self.where}：该集合不是本程序的索引，请将 store.collection 改为其他名称",
            )
        return build

    def _mismatch(self, state: State) -> RagError | None:
        built, wanted = state.recipe, self._recipe
        same = (state.format, built.embedder, built.fingerprint, built.analyser) == (
            FORMAT, wanted.embedder, wanted.fingerprint, wanted.analyser)  # fmt: skip
        if same:
            return None
        return IncompatibleIndexError(
            f"{self.where}: the index was built with the embedding model {built.embedder} "
            f"({built.fingerprint}), {built.analyser} and format {state.format}, and this one uses "
            f"{wanted.embedder} ({wanted.fingerprint}), {wanted.analyser} and {FORMAT}; "
            "set embedding.model back or run: rag index",
            f"{self.where}：索引由向量模型 {built.embedder}（{built.fingerprint}）、"
            f"{built.analyser}、格式 {state.format} 建立，而当前为 {wanted.embedder}"
            f"（{wanted.fingerprint}）、{wanted.analyser}、{FORMAT}；"
            "请改回 embedding.model，或运行：rag index",
        )

    def compact(self, starting: Callable[[], None] = lambda: None) -> bool:
        """Nothing: the server does it by itself."""
        return False

    @contextmanager
    def update(self, *, rebuild: bool = False) -> Iterator[MilvusWriter]:
        """As `StoreBackend.update`; one at a time on this machine, and watched for others.

        Raises ConfigError, too. Starts from nothing when `rebuild`, when there is no index or when
        it was made by another recipe.
        """
        with self._locks.writing():
            server = self.server.for_writing()
            base = None if rebuild else self._base(server)
            writer = self._writer(server, base)
            try:
                yield writer
            finally:
                if not writer.committed:
                    with suppress(RagError):  # the next update does it, then
                        writer.discard()

    def _base(self, server: Server) -> tuple[Build, State] | None:
        try:
            build, state = self._current(server)
        except NoIndexError:
            return None
        return (build, state) if state.format == FORMAT and state.recipe == self._recipe else None

    def _writer(self, server: Server, base: tuple[Build, State] | None) -> MilvusWriter:
        in_use = self._build(server)
        sweep(server, Build.known(server, self._alias), in_use)
        if base is not None:
            build, state = base
            build.load(server)
            roll_back(server, build, state)
            return MilvusWriter(server, build, state, publish=None)
        build = Build.new(self._alias)
        build.create(server, self._recipe.dimensions, self._index)
        state = State(
            format=FORMAT, recipe=self._recipe, generation=0, documents=0, chunks=0, length=0,
            next_key=1, bm25=server.has_bm25, at=time.time(),
        )  # fmt: skip
        return MilvusWriter(server, build, state, publish=lambda: self._publish(server, build))

    def _publish(self, server: Server, build: Build) -> None:
        """Have the alias name this build: the swap."""
        try:
            server.call("create_alias", build.name, self._alias)
        except RagError:  # it names the build before, or the answer was lost on the way
            server.call("alter_alias", build.name, self._alias)


__all__ = ["MilvusBackend"]
