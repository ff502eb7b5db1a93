"""Leaves an endpoint alone that keeps failing."""

from __future__ import annotations

import threading
import time

from rag.answering.failures import failure
from rag.errors import GeneratorError

_FAILURES_TO_REST = 3
_REST_S = 30.0
_LONGEST_REST_S = 300.0


class Breaker:
    """Leaves an endpoint alone for a while after several failures in a row, then tries once."""

    def __init__(self, failures: int = _FAILURES_TO_REST, rest_s: float = _REST_S) -> None:
        self._most = failures
        self._rest_s = rest_s
        self._lock = threading.Lock()
        self._failures = 0
        self._until = 0.0

    def enter(self) -> None:
        """Ask before a call. Raises GeneratorError while the endpoint is left alone."""
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                raise failure("resting")
            if self._failures >= self._most:
                self._until = now + self._rest_s  # others wait for this one's result

    def succeeded(self) -> None:
        with self._lock:
            self._failures, self._until = 0, 0.0

    def failed(self, error: GeneratorError) -> None:
        with self._lock:
            self._failures += 1
            rest = error.retry_after_s or 0.0
            if self._failures >= self._most:
                rest = max(rest, self._rest_s)
            if rest:
                self._until = time.monotonic() + min(rest, _LONGEST_REST_S)


__all__ = ["Breaker"]
