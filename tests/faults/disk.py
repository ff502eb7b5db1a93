"""Every file operation of every command fails once, or the process dies there.

    python -m tests.faults.disk                 # all places: about half an hour
    python -m tests.faults.disk --places 5      # so many of each command and fault, by chance

Each command runs in a forked child under the shim (`shim.c`). Afterwards the index is in the old
state or in the new one, answers included; after exit code 0 it is the new one; what was
acknowledged is there; an error is one sentence that names a place and is true; and the same
command, run once more without a fault, succeeds.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag.assembly import LiveAssistant
from rag.config import IndexSettings, ServerSettings, Settings
from rag.errors import RagError, StorageError
from rag.serving.feedback import FILE_NAME, FeedbackStore, Given
from rag.serving.library import Library, Upload
from rag.types import Answer
from tests.faults.children import Ended, command, run, warm_up
from tests.faults.shim import Fault, Shim, missing, preloaded

QUESTIONS = ["蓝溪村在2024年修了多少座石桥?", "青鹭桥全长多少米?", "松岭水库的坝有多高?"]
OLD = {
    "steady.txt": "蓝溪村在2025年修了37座石桥。",
    "bridge.txt": "青鹭桥在2019年建成，全长913米。",
    "dam.txt": "松岭水库的坝高62米。",
}
NEW = {
    "steady.txt": OLD["steady.txt"],
    "bridge.txt": "青鹭桥在2024年重建，全长1207米。" * 40,
    "school.txt": "蓝溪小学有学生412人。",
}
ANSWER = Answer("几个?", "几个?", True, "12个。", "12个", 0.9, None, (), (), "x")
RATINGS = 3


def looked(index: Path) -> Ended:
    """The articles and some answers as JSON lines, without what differs from one run to another."""

    def look() -> None:
        sys.stdin = io.StringIO("\n".join(QUESTIONS))
        try:
            command("documents", "list", "--json", "--index", index)
        except SystemExit as end:
            if end.code:
                raise
        command("ask", "-", "--index", index)

    ended = run(look)
    rows = map(json.loads, ended.out.splitlines())
    told = [{k: v for k, v in row.items() if k != "timings_ms"} for row in rows]
    return replace(ended, out=json.dumps(told, ensure_ascii=False))


@dataclass(frozen=True, slots=True)
class Operation:
    """A command, where its faults happen, what stands there before, and how to look at it."""

    name: str
    begin: Callable[[], None]
    work: Callable[[], object]
    under: Path
    state: Callable[[], object]
    faults: Sequence[Fault] = tuple(Fault)


class Disk:
    """One folder in which every operation is tried again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shim = Shim()
        self.index, self.docs = folder / "index", folder / "docs"
        self.archive, self.copies = folder / "new.tar", folder / "copies"
        self._bases: dict[str, Path] = {}
        self.copies.mkdir()
        for name, files in (("old", OLD), ("new", NEW)):
            self._write(files)
            ended = run(lambda: command("index", self.docs, "--prune", "--index", self.index))
            assert ended.code == 0, ended.err
            self._rate(len(files) - 2)
            self._bases[name] = folder / f"base-{name}"
            shutil.copytree(self.index, self._bases[name])
        assert run(lambda: command("backup", self.archive, "--index", self.index)).code == 0
        for name in ("old", "new"):
            command_ = ("backup", folder / f"{name}.tar", "--index", self._bases[name])
            assert run(lambda command_=command_: command(*command_)).code == 0  # type: ignore[misc]

    def _write(self, files: dict[str, str]) -> None:
        shutil.rmtree(self.docs, ignore_errors=True)
        self.docs.mkdir()
        for name, text in files.items():
            (self.docs / name).write_text(text, encoding="utf-8")

    def _rate(self, count: int) -> None:
        for number in range(count):
            FeedbackStore(self.index / FILE_NAME).add(Given(f"{number}", ANSWER), "up", "")

    def _from(self, base: str | None, files: dict[str, str]) -> Callable[[], None]:
        def begin() -> None:
            self._write(files)
            shutil.rmtree(self.index, ignore_errors=True)
            if base is not None:
                shutil.copytree(self._bases[base], self.index)

        return begin

    def operations(self) -> Iterator[Operation]:
        """Everything that writes, and what only reads."""
        index = ("--index", self.index)
        update = ("index", self.docs, "--prune", *index)
        removed = self._document("bridge.txt")
        writing = [
            ("build", None, OLD, update),
            ("update", "old", NEW, update),
            ("rebuild", "old", NEW, (*update, "--rebuild")),
            ("remove", "old", OLD, ("documents", "remove", removed, *index)),
            ("restore", "old", OLD, ("restore", self.archive, "--feedback", *index)),
        ]
        for name, base, files, arguments in writing:
            work = lambda arguments=arguments: command(*arguments)  # noqa: E731
            yield Operation(name, self._from(base, files), work, self.index, self.answers)
        yield Operation("backup", self._old_copy, self._back_up, self.copies, self._restored)
        yield Operation("ratings", self._from("old", OLD), self._ratings, self.index, self._rated)
        yield Operation("upload", self._from("old", OLD), self._upload, self.folder, self._uploaded)
        reading = lambda: command("ask", QUESTIONS[1], *index)  # noqa: E731
        only = (Fault.UNREADABLE,)
        yield Operation("ask", self._from("old", OLD), reading, self.index, self.answers, only)

    def _document(self, name: str) -> str:
        ended = run(lambda: command("documents", "list", "--json", "--index", self._bases["old"]))
        rows = map(json.loads, ended.out.splitlines())
        return next(str(row["document_id"]) for row in rows if row["source"] == f"docs/{name}")

    def answers(self) -> object:
        """Articles and answers; None where there is no index."""
        ended = looked(self.index)
        if ended.code == 3 and "there is no index here" in ended.err:
            return None
        assert ended.code == 0, f"the index doesn't open: {ended.err}"
        return ended.out

    def _old_copy(self) -> None:
        self._from("new", NEW)()
        shutil.rmtree(self.copies)
        self.copies.mkdir()
        shutil.copyfile(self.folder / "old.tar", self.copies / "day.tar")

    def _back_up(self) -> None:
        command("backup", self.copies / "day.tar", "--index", self.index)

    def _restored(self) -> object:
        """What the backup holds; and that nothing else lies beside it, unless it was killed."""
        shutil.rmtree(self.index)
        ended = run(lambda: command("restore", self.copies / "day.tar", "--index", self.index))
        assert ended.code == 0, f"the backup isn't sound: {ended.err}"
        return self.answers()

    def _ratings(self) -> list[int]:
        """Adds some, each acknowledged as it would be to a reader; those that were."""
        store = FeedbackStore(self.index / FILE_NAME)
        acknowledged = self.folder / "acknowledged"
        acknowledged.write_text("")
        try:
            for number in range(100, 100 + RATINGS):
                store.add(Given(f"{number}", ANSWER), "up", "")
                with acknowledged.open("a") as file:
                    file.write(f"{number}\n")
        except StorageError as error:
            print(error.en, file=sys.stderr)  # noqa: T201
            sys.exit(1)
        return []

    def _rated(self) -> object:
        found = {str(row["id"]) for row in FeedbackStore(self.index / FILE_NAME).candidates()}
        assert "feedback-0" in found, "an old rating is lost"
        for number in (self.folder / "acknowledged").read_text().split():
            assert f"feedback-{number}" in found, "an acknowledged rating is lost"
        return "old" if f"feedback-{99 + RATINGS}" not in found else "new"

    def _upload(self) -> None:
        settings = Settings(
            index=IndexSettings(dir=self.index),
            server=ServerSettings.model_validate({"upload_dir": self.docs}),
        )
        live = LiveAssistant(settings)
        given = Path(tempfile.gettempdir()) / f"given-{os.getpid()}"
        given.write_text(NEW["bridge.txt"], encoding="utf-8")
        try:
            outcomes = Library(settings, live).add([Upload("bridge.txt", given)])
        except RagError as error:
            print(error.en, file=sys.stderr)  # noqa: T201
            sys.exit(1)
        finally:
            given.unlink()
        if outcomes[0].error is not None:
            print(outcomes[0].error.en, file=sys.stderr)  # noqa: T201
            sys.exit(1)

    def _uploaded(self) -> object:
        """The index, once the file itself is found whole."""
        text = (self.docs / "bridge.txt").read_text("utf-8")
        assert text in (OLD["bridge.txt"], NEW["bridge.txt"]), "the article's file isn't whole"
        return self.answers()


class Trial:
    """One operation at every place of every fault."""

    def __init__(self, disk: Disk, operation: Operation) -> None:
        self._disk, self._operation = disk, operation
        operation.begin()
        self._old = operation.state() if operation.name != "ratings" else "old"
        operation.begin()
        ended = run(lambda: self._counted(None, 0))
        assert ended.code == 0, ended.err
        self.counts = {fault: ended.value[str(int(fault))] for fault in operation.faults}
        self._new = operation.state()

    def _counted(self, fault: Fault | None, at: int) -> dict[str, int]:
        self._disk.shim.arm(self._operation.under, fault, at)
        try:
            self._operation.work()
        except SystemExit as end:
            if end.code:
                raise
        return {str(int(each)): count for each, count in self._disk.shim.counts().items()}

    def at(self, fault: Fault, place: int) -> str:
        """How it ended: `old`, `new`. Raises AssertionError."""
        self._operation.begin()
        ended = run(lambda: self._counted(fault, place))
        self._judge_end(fault, ended)
        found = self._operation.state()
        assert found in (self._old, self._new), f"neither the old state nor the new: {found}"
        if ended.code == 0:
            assert found == self._new, "a success was said, and the state is the old one"
        if "old index is still in use" in ended.err:
            assert found == self._old, "the old index was said to be in use, and isn't"
        self._recover()
        return "new" if found == self._new else "old"

    def _judge_end(self, fault: Fault, ended: Ended) -> None:
        assert "Traceback" not in ended.err, ended.err
        if fault in (Fault.KILLED, Fault.TORN):
            assert ended.code in (0, -signal.SIGKILL), f"ended by {ended.code}: {ended.err}"
            return
        assert ended.code in (0, 1, 3), f"ended by {ended.code}: {ended.err}"
        if ended.code:
            last = ended.err.strip().splitlines()[-1]
            assert str(self._disk.folder) in last or "docs/" in last, f"names no place: {last}"

    def _recover(self) -> None:
        """The same again, without a fault."""
        if self._operation.name == "backup":
            return  # its index was restored from
        ended = run(lambda: self._counted(None, 0))
        # What is removed already can't be removed again.
        assert ended.code == 0 or "no article has this id" in ended.err, ended.err
        assert self._operation.state() == self._new, "the next run doesn't end in the new state"
        left = list((self._disk.index / "generations").iterdir())
        assert len(left) <= 2, f"left behind: {left}"


def chosen(count: int, places: int, rng: random.Random) -> Sequence[int]:
    """The numbers of the operations to fail; 0 places mean all."""
    everything = range(1, count + 1)
    return everything if not places else sorted(rng.sample(everything, min(places, count)))


def everywhere(
    folder: Path, places: int, seed: int, only: Sequence[str], faults: Sequence[str]
) -> int:
    """Try all that; print a line for each operation and fault. The number of failures."""
    warm_up()
    disk = Disk(folder)
    rng = random.Random(seed)
    failures = 0
    for operation in disk.operations():
        if only and operation.name not in only:
            continue
        trial = Trial(disk, operation)
        for fault, count in trial.counts.items():
            if faults and fault.name not in faults:
                continue
            begun = time.perf_counter()
            ends: Counter[str] = Counter()
            for place in chosen(count, places, rng):
                try:
                    ends[trial.at(fault, place)] += 1
                except AssertionError as error:
                    failures += 1
                    said = " ".join(str(error).split())[:600]
                    print(f"FAILED {operation.name} {fault.name} {place}: {said}", flush=True)  # noqa: T201
            told = ", ".join(f"{end} {number}" for end, number in sorted(ends.items()))
            seconds = time.perf_counter() - begun
            line = f"{operation.name:8} {fault.name:10} {count:4} places; {told}; {seconds:.0f} s"
            print(line, flush=True)  # noqa: T201
    return failures


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.disk", description=__doc__)
    parser.add_argument("--places", type=int, default=0, help="of each command and fault; 0: all")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", nargs="*", default=[], help="operations, such as update")
    parser.add_argument("--faults", nargs="*", default=[], help="faults, such as FULL")
    options = parser.parse_args(arguments)
    why_not = missing()
    if why_not:
        print(why_not)  # noqa: T201
        return 2
    if "LD_PRELOAD" not in os.environ:
        again = [sys.executable, "-m", "tests.faults.disk", *(arguments or sys.argv[1:])]
        os.execve(sys.executable, again, {**preloaded()})
    seed = random.randrange(2**32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)  # noqa: T201
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="faults-", dir=memory) as name:
        failures = everywhere(Path(name), options.places, seed, options.only, options.faults)
    print(f"{failures} failures in {time.perf_counter() - begun:.0f} s")  # noqa: T201
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
