"""Counts and times for Prometheus, one registry for each application."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from rag.types import Answer

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]


class Metrics:
    """What `/metrics` shows."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._questions = Counter(
            "wenyuan_questions", "Questions by outcome", ["outcome", "reason"],
            registry=self._registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "wenyuan_answer_seconds", "Time an answer takes, by stage", ["stage"],
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._refused = Counter(
            "wenyuan_refused", "Requests refused, by code", ["code"], registry=self._registry
        )
        self._feedback = Counter(
            "wenyuan_feedback", "Ratings of answers", ["rating"], registry=self._registry
        )

    def watch(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Show a value that is asked for whenever the page is read."""
        Gauge(name, meaning, registry=self._registry).set_function(value)

    def answered(self, answer: Answer) -> None:
        """Count an answer and its times."""
        outcome = "answered" if answer.answered else "declined"
        self._questions.labels(outcome, answer.reason or "").inc()
        for stage, milliseconds in answer.timings_ms.items():
            self._seconds.labels(stage).observe(milliseconds / 1000)

    def failed(self) -> None:
        """Count a question that ended in an error."""
        self._questions.labels("error", "").inc()

    def refused(self, code: str) -> None:
        """Count a request that wasn't served."""
        self._refused.labels(code).inc()

    def rated(self, rating: str) -> None:
        """Count a rating."""
        self._feedback.labels(rating).inc()

    def page(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)
