"""Builds and updates are killed at random moments; the index must be at the old or the new state.

    python -m tests.torture --rounds 1000
    python -m tests.torture --rounds 1000 --restore    # the states come out of backups
    python -m tests.torture --rounds 1000 --compact    # updates link a base, and compact in turn

Each round forks a child that brings the index from one state to the next and kills it with
SIGKILL: after a random time, a random time after `commit` began, before a random one of its file
operations, or before one of those around the moment when the new state is published. (A round
whose child ended first doesn't count and is followed by another.) A second child then opens the
index, verifies it, searches it and reads all of it. The parent itself never opens an index, so
that it has no threads to lose when it forks.
"""

from __future__ import annotations

import argparse
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rag.errors import NoIndexError
from rag.protocols import IndexedDocument
from rag.serving.feedback import FILE_NAME, FeedbackStore, Given
from rag.stores import LocalBackend, LocalWriter
from rag.stores.backup import back_up, restore
from rag.types import Answer
from tests.stores.filling import Compacting, dense, lexical
from tests.support import RECIPE, article, indexed

STATES = 6
FILES = 4
NOTHING = -1  # the state of a folder where no index was ever published
FRESH_EVERY = 5  # of so many rounds one begins in an empty folder
REBUILD_EVERY = 7
WAYS = ("time", "commit", "step", "publish")
_PUBLISHING_STEPS = 6
_FILE_EVENTS = ("open", "os.", "shutil.", "sqlite3.")
_DONE, _WRONG = 100, 101


@dataclass(frozen=True)
class Round:
    """What was asked for and what came of it."""

    number: int
    way: str
    before: int
    after: int
    killed: bool
    found: int


def contents(state: int) -> dict[str, list[IndexedDocument]]:
    """The files of a state: one never changes, one is missing in every third state."""
    files = {}
    for file in range(FILES):
        if file == 1 and state % 3 == 0:
            continue
        source = f"f{file}.md"
        version = 0 if file == 0 else state
        files[source] = [
            indexed(
                article(f"{_mark(file, version, n)}街道新增{n + version}个岗位。", source=source)
            )
            for n in range(3)
        ]
    return files


def _mark(file: int, version: int, n: int) -> str:
    """A character that stands in one document alone."""
    return chr(0x5000 + (file * STATES + version) * 3 + n)


class Torture:
    """An index folder and the states it goes through, again and again."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._random = random.Random(seed)
        self._folder = folder
        self._states = [contents(state) for state in range(STATES)]
        self._present = NOTHING
        self._steps = 0
        self._seconds: list[float] = []
        self._commit_seconds: list[float] = []

    def run(self, rounds: int) -> list[Round]:
        """Raises AssertionError, naming the round, when the index isn't as it must be."""
        self._measure()
        done: list[Round] = []
        while sum(each.killed for each in done) < rounds:
            done.append(self._round(len(done)))
        return done

    def _measure(self) -> None:
        """How long an update that nobody kills takes, and how many file operations it makes."""
        for state in range(STATES):
            self._full_update(state)

    def _full_update(self, state: int) -> None:
        read, write = os.pipe()
        start = time.perf_counter()
        child = _fork(lambda: self._update(state, write))
        os.close(write)
        _wait_for(read)
        committing = time.perf_counter()
        assert _ended(child) == _DONE, "an update failed that nobody killed"
        end = time.perf_counter()
        self._steps = max(self._steps, int.from_bytes(os.read(read, 4), "big"))
        os.close(read)
        self._seconds.append(end - start)
        self._commit_seconds.append(end - committing)
        self._present = state
        assert self._state() == state, f"an update that nobody killed isn't at state {state}"

    def _round(self, number: int) -> Round:
        if number % FRESH_EVERY == 0:
            shutil.rmtree(self._folder)
            self._present = NOTHING
        elif self._present == NOTHING:
            self._full_update(0)
        before, after = self._present, (self._present + 1) % STATES
        way = WAYS[number % len(WAYS)]
        rebuild = number % REBUILD_EVERY == 0
        killed = self._killed_update(way, after, rebuild)
        found = self._state()
        allowed = (before, after) if killed else (after,)
        if found not in allowed:
            raise AssertionError(f"round {number} ({way}): {before} -> {after} ended at {found}")
        self._present = found
        return Round(number, way, before, after, killed, found)

    def _killed_update(self, way: str, state: int, rebuild: bool) -> bool:
        """Whether the child died before it had ended."""
        read, write = os.pipe()
        steps = {"step": self._steps, "publish": _PUBLISHING_STEPS}.get(way, 0)
        dies_at = self._random.randint(1, steps) if steps else 0
        usual = median(self._seconds if way == "time" else self._commit_seconds)
        pause = self._random.uniform(0, 1.05 * usual)
        child = _fork(
            lambda: self._update(
                state, write, rebuild=rebuild, dies_at=dies_at, publishing=(way == "publish")
            )
        )
        os.close(write)
        if way == "commit":
            _wait_for(read)
        if not steps:
            time.sleep(pause)
            os.kill(child, signal.SIGKILL)
        status = _ended(child)
        os.close(read)
        assert status in (_DONE, -signal.SIGKILL), f"an update failed by itself ({status})"
        return status != _DONE

    def _update(
        self,
        state: int,
        pipe: int,
        *,
        rebuild: bool = False,
        dies_at: int = 0,
        publishing: bool = False,
    ) -> None:
        steps = _count_file_operations(dies_at, publishing=publishing)
        wanted = self._states[state]
        with self._backend().update(rebuild=rebuild) as writer:
            _fill(writer, wanted)
            os.write(pipe, b"c")
            writer.commit()
        os.write(pipe, steps().to_bytes(4, "big"))

    def _backend(self) -> LocalBackend:
        return LocalBackend(self._folder, RECIPE)

    def _state(self) -> int:
        """Which state the index is in, found and verified by a child."""
        read, write = os.pipe()

        def check() -> None:
            os.write(write, self._verified().to_bytes(1, "big", signed=True))

        child = _fork(check)
        os.close(write)
        answer = os.read(read, 1)
        os.close(read)
        assert _ended(child) == _DONE, "the index doesn't open and answer"
        return int.from_bytes(answer, "big", signed=True)

    def _verified(self) -> int:
        try:
            store = LocalBackend(self._folder, RECIPE).open()
        except NoIndexError:
            return NOTHING
        documents = [store.document(info.id) for info, _ in store.documents()]
        found = [document for document in documents if document is not None]
        state = next(
            number
            for number, files in enumerate(self._states)
            if found == [item.document for items in files.values() for item in items]
        )
        assert set(store.files()) == set(self._states[state])
        assert all(record.sha256 == f"hash {name}" for name, record in store.files().items())
        assert store.stats().documents == len(found)
        for document in found:
            assert lexical(store, document.text[0]) == [document.text]
            assert dense(store, document.text)[0] == document.text
        everything = dense(store, "岗位", limit=100)
        assert sorted(everything) == sorted(document.text for document in found)
        assert sorted(lexical(store, "岗位", limit=100)) == sorted(everything)
        return state


class CompactingTorture(Torture):
    """The same with a base, which takes in what is recent whenever that is more than a state."""

    def _backend(self) -> LocalBackend:
        backend = Compacting(self._folder, RECIPE)
        backend.limit = FILES * 3
        return backend


class RestoreTorture(Torture):
    """The same with every state restored from a backup of it, ratings and all."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self._archives = folder.with_name("archives")
        self._archives.mkdir()
        for state in range(STATES):
            child = _fork(lambda state=state: self._archive(state))  # type: ignore[misc]
            assert _ended(child) == _DONE, "a backup failed"

    def _archive(self, state: int) -> None:
        folder = self._archives / str(state)
        with LocalBackend(folder, RECIPE).update() as writer:
            _fill(writer, self._states[state])
            writer.commit()
        answer = Answer("几个?", "几个?", True, "12个。", "12个", 0.9, None, (), (), "x")
        for number in range(state + 1):
            FeedbackStore(folder / FILE_NAME).add(Given(f"{number}", answer), "up", "")
        back_up(folder, self._archives / f"{state}.tar")

    def _update(
        self,
        state: int,
        pipe: int,
        *,
        rebuild: bool = False,
        dies_at: int = 0,
        publishing: bool = False,
    ) -> None:
        steps = _count_file_operations(dies_at, publishing=publishing)
        os.write(pipe, b"c")
        archive = self._archives / f"{state}.tar"
        restore(self._folder, archive, RECIPE, replace_ratings=True)
        os.write(pipe, steps().to_bytes(4, "big"))

    def _verified(self) -> int:
        state = super()._verified()
        # They follow the index in a transaction of their own, so they may be of an earlier state:
        # all of one state's, or none.
        rated = [each["id"] for each in FeedbackStore(self._folder / FILE_NAME).candidates()]
        assert rated == [f"feedback-{number}" for number in range(len(rated))]
        assert len(rated) <= (0 if state == NOTHING else STATES)
        return state


def _fill(writer: LocalWriter, wanted: dict[str, list[IndexedDocument]]) -> None:
    for source in [name for name in writer.files() if name not in wanted]:
        writer.remove_file(source)
    for source, items in wanted.items():
        writer.start_file(source)
        writer.add(source, items)
        writer.finish_file(source, f"hash {source}")


def _count_file_operations(dies_at: int, *, publishing: bool) -> Callable[[], int]:
    """Counts in this process and kills it before number `dies_at`.

    With `publishing` it counts from where the new pointer is drafted, otherwise from now on.
    """
    count = 0

    def hook(event: str, values: tuple[object, ...]) -> None:
        nonlocal count
        if event.startswith(_FILE_EVENTS):
            if publishing and not count and not str(values[0]).endswith("CURRENT.new"):
                return
            count += 1
            if count == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return lambda: count


def _fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    code = _WRONG
    try:
        work()
        code = _DONE
    except BaseException:  # noqa: BLE001 - a child must never return into its parent's code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _wait_for(pipe: int) -> None:
    assert select.select([pipe], [], [], 60)[0], "an update hangs"
    os.read(pipe, 1)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--restore", action="store_true", help="restore backups instead")
    parser.add_argument("--compact", action="store_true", help="with a base, compacted in turn")
    options = parser.parse_args(arguments)
    seed = random.randrange(2**32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)  # noqa: T201
    start = time.perf_counter()
    # Memory, where there is such a folder: a kill, unlike a power cut, loses no unwritten page.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="torture-", dir=memory) as folder:
        kind = Torture
        if options.restore or options.compact:
            kind = RestoreTorture if options.restore else CompactingTorture
        rounds = kind(Path(folder) / "index", seed).run(options.rounds)
    seconds = time.perf_counter() - start
    killed = [r for r in rounds if r.killed]
    told = {
        "old": sum(r.found == r.before for r in killed),
        "new": sum(r.found == r.after for r in killed),
    } | Counter(r.way for r in killed)
    counts = ", ".join(f"{name} {count}" for name, count in told.items())
    print(f"{len(killed)} kills in {seconds:.0f} s: {counts}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
