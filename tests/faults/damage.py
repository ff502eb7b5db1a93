"""Bytes of an index are changed, one place at a time; each is named or makes no difference.

    python -m tests.faults.damage --places 1000

Every file of the generation in use and CURRENT take their turns, each at a random place: a byte is
changed, or the file is cut off there, or it is gone. A forked child then lists the articles and
asks questions. Either that is refused by one sentence that names the file and the cure, or the
answers are the same as before: no crash, no other answer.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.faults.children import command, run, warm_up
from tests.faults.disk import NEW, OLD, looked

CURE = "rag index"  # --rebuild, mostly


class Damage:
    """An index of two generations, and what it answers."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._random = random.Random(seed)
        self.index, docs = folder / "index", folder / "docs"
        docs.mkdir()
        # Two states, so that the one in use has files of its own and files of the one before.
        for files in (OLD, NEW):
            for name, text in files.items():
                (docs / name).write_text(text, encoding="utf-8")
            assert run(lambda: command("index", docs, "--index", self.index)).code == 0
        self._whole = folder / "whole"
        shutil.copytree(self.index, self._whole)
        self._answers = looked(self.index).out

    def files(self) -> list[Path]:
        """The pointer and every file of the generation in use, but locks, which hold nothing."""
        name = (self._whole / "CURRENT").read_text().split()[0]
        inside = sorted(p for p in (self._whole / "generations" / name).rglob("*") if p.is_file())
        kept = [p for p in inside if not p.name.endswith(".lock")]
        return [p.relative_to(self._whole) for p in (self._whole / "CURRENT", *kept)]

    def at(self, file: Path) -> str:
        """Damage `file` somewhere: `named` or `same`. Raises AssertionError."""
        path = self.index / file
        data = bytearray((self._whole / file).read_bytes())
        place, what = self._random.randrange(len(data)), self._random.random()
        told = f"{file} at {place} of {len(data)}"
        if what < 0.9:
            data[place] ^= self._random.randint(1, 255)
        elif what < 0.97:
            del data[place:]
            told += ", cut off"
        path.unlink()  # other generations may link to it
        if what < 0.97:
            path.write_bytes(data)
        else:
            told += ", gone"
        try:
            return self._judged(told, path)
        finally:
            path.unlink(missing_ok=True)
            shutil.copyfile(self._whole / file, path)

    def _judged(self, told: str, path: Path) -> str:
        ended = looked(self.index)
        assert ended.code in (0, 3), f"{told}: ended by {ended.code}: {ended.err}"
        if ended.code == 0:
            assert ended.out == self._answers, f"{told}: other answers: {ended.out}"
            return "same"
        lines = ended.err.strip().splitlines()
        gone = path.name == "CURRENT" and not path.exists()  # an index that was never built
        named = str(path) in lines[-1] or (gone and str(self.index) in lines[-1])
        assert len(lines) == 1, f"{told}: more than a sentence: {ended.err}"
        assert named or path.name == "CURRENT", f"{told}: not named: {ended.err}"
        assert CURE in lines[-1], f"{told}: without a cure: {ended.err}"
        return "named"


def damaged(folder: Path, places: int, seed: int) -> int:
    """Try so many places; print the counts by file. The number of failures."""
    warm_up()
    damage = Damage(folder, seed)
    files = damage.files()
    ends: Counter[tuple[str, str]] = Counter()
    failures = 0
    for number in range(places):
        file = files[number % len(files)]
        kind = file.suffix or file.name
        try:
            ends[kind, damage.at(file)] += 1
        except AssertionError as error:
            failures += 1
            print(f"FAILED {' '.join(str(error).split())[:600]}", flush=True)  # noqa: T201
    for (kind, end), count in sorted(ends.items()):
        print(f"{kind:14} {end:6} {count}")  # noqa: T201
    return failures


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.damage", description=__doc__)
    parser.add_argument("--places", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args(arguments)
    seed = random.randrange(2**32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)  # noqa: T201
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="damage-", dir=memory) as name:
        failures = damaged(Path(name), options.places, seed)
    seconds = time.perf_counter() - begun
    print(f"{options.places} places, {failures} failures in {seconds:.0f} s")  # noqa: T201
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
