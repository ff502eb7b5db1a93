"""How many inputs each test gets, and what one input may cost.

make torture                          the long form: 100,000 inputs a test
FUZZ_EXAMPLES=5000 pytest tests/fuzz  any other number; without it, 200

The short form has Hypothesis draw every choice, so that a failure shrinks. The long form draws a
seed and makes files and texts from it, at a tenth of the cost; the failing input is shown whole.
"""

from __future__ import annotations

import functools
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "200"))
LONG = EXAMPLES > 1000  # then the tests are slow ones, without a limit in time
SECONDS = 60  # that one input may take: a hang, not a busy machine
MEGABYTES = 512  # of address space that one test's inputs may take beyond what is there
SEEN: Counter[str] = Counter()
_RANDOM = st.integers(0, 2**64 - 1).map(random.Random)
_KNOWN = 0.7  # of the pieces of a text are words of its language
_PLANES = (
    (0, 0x7F),
    (0x80, 0x2FF),
    (0x2000, 0x206F),
    (0x4E00, 0x9FFF),
    (0, 0xD7FF),
    (0x1F300, 0x1F9FF),
)


def fuzz(**strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """`given`, with as many examples as asked for, each timed and counted."""

    def decorate(test: Callable[..., None]) -> Any:
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=not LONG,  # in CI a failure must come back
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
        )
        @given(**strategies)
        @functools.wraps(test)
        def counted(*values: Any, **named: Any) -> None:
            SEEN[test.__name__] += 1
            start = time.perf_counter()
            test(*values, **named)
            assert time.perf_counter() - start < SECONDS, "this input makes it hang"

        return counted

    return decorate


@contextmanager
def memory_bounded() -> Iterator[None]:
    """Whatever takes more than MEGABYTES of new memory meanwhile gets a MemoryError."""
    try:
        import resource
    except ImportError:  # Windows: the reading process has no such limit there either
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:  # noqa: PTH123 - no file to speak of
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (MEGABYTES << 20), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@st.composite
def _damaged(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 4)):
            case 0:
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                data[at:at] = draw(st.binary(max_size=12))
            case 2:
                del data[at : at + draw(st.integers(1, 40))]
            case 3:
                data[at:at] = data[at : at + draw(st.integers(1, 40))] * draw(st.integers(1, 30))
            case _:
                del data[at:]
    return bytes(data)


def damaged(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """A file that was sound, with bytes changed, put in, taken out, repeated or cut off."""
    return _RANDOM.map(lambda rng: _damage(rng, seeds)) if LONG else _damaged(seeds)


def _damage(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(0, 6)):
        at = rng.randint(0, len(data))
        match rng.randint(0, 4):
            case 0:
                data[at : at + 1] = rng.randbytes(1)
            case 1:
                data[at:at] = rng.randbytes(rng.randint(0, 12))
            case 2:
                del data[at : at + rng.randint(1, 40)]
            case 3:
                data[at:at] = data[at : at + rng.randint(1, 40)] * rng.randint(1, 30)
            case _:
                del data[at:]
    return bytes(data)


def pieces(words: str, *, most: int = 40) -> st.SearchStrategy[str]:
    """Text put together from the words of a language, and from anything else."""
    known = [*words.split(), " ", "\n", "\n\n", "\t", "，", "。"]
    if LONG:
        return _RANDOM.map(lambda rng: _composed(rng, known, most))
    return st.lists(st.sampled_from(known) | st.text(max_size=6), max_size=most).map("".join)


def _composed(rng: random.Random, known: Sequence[str], most: int) -> str:
    parts = []
    for _ in range(rng.randint(0, most)):
        if rng.random() < _KNOWN:
            parts.append(rng.choice(known))
        else:
            first, last = rng.choice(_PLANES)
            parts += [chr(rng.randint(first, last)) for _ in range(rng.randint(0, 6))]
    return "".join(parts)
