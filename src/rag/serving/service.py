"""What page, API and widget have in common: ask, remember, rate, count."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from rag.assembly import LiveAssistant
from rag.config import Settings, cores
from rag.errors import Lang, RagError
from rag.serving.access import Access
from rag.serving.feedback import FILE_NAME, FeedbackStore, Given, Rating
from rag.serving.gate import Gate
from rag.serving.library import Library
from rag.serving.metrics import Metrics
from rag.serving.suggestions import Suggestions
from rag.types import Answer, Event, Turn

_GONE_S = 0.5  # between looks at whether someone who reads no stream still waits
_REMEMBERED = 2000  # answers that can still be rated


class Service:
    """One server's parts. Raises ConfigError, ModelError."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.live = LiveAssistant(settings)
        self.access = Access(settings.server)
        server = settings.server
        self.gate = Gate(at_once(settings), server.queue, server.max_wait_s)
        self.metrics = Metrics()
        self.library = Library(settings, self.live)
        self.suggestions = Suggestions(self.live)
        self._feedback = FeedbackStore(settings.index.dir / FILE_NAME)
        self._given: OrderedDict[str, Given] = OrderedDict()
        self._lock = threading.Lock()
        self._watch()

    def _watch(self) -> None:
        def counted(name: str) -> float:
            return getattr(self.live.get().stats(), name) if self.live.ready else 0.0

        watch = self.metrics.watch
        watch("wenyuan_queue_depth", "Questions asked and not answered yet",
              lambda: float(self.gate.depth))  # fmt: skip
        watch("wenyuan_index_documents", "Articles in the index", lambda: counted("documents"))
        watch("wenyuan_index_passages", "Passages in the index", lambda: counted("chunks"))

    async def ask(
        self,
        question: str,
        history: Sequence[Turn],
        context: Mapping[str, str],
        gone: Callable[[], Awaitable[bool]],
    ) -> Given | None:
        """An answer, remembered; None once `gone` says that nobody waits for it any more.

        Raises RagError, BusyError among them.
        """
        async with aclosing(self.stream(question, history, context, _GONE_S)) as events:
            async for event in events:
                if isinstance(event, Given):
                    return event
                if await gone():
                    break
        return None

    async def stream(
        self,
        question: str,
        history: Sequence[Turn],
        context: Mapping[str, str],
        together_s: float = 0.0,
    ) -> AsyncGenerator[Event | Given]:
        """The events of an answer; what is remembered of it comes last, in the Answer's place.

        One a second at least, while a language model writes. `together_s`: as `Gate.iterate`.
        """

        def opened() -> Iterator[Event]:
            return self.live.get().ask_stream(question, history=history)

        try:
            # Closed with this one: that is what cancels a language model's call.
            async with aclosing(self.gate.iterate(opened, together_s)) as events:
                async for event in events:
                    if isinstance(event, Answer):
                        yield self._remember(event, history, context)
                    else:
                        yield event
        except RagError:
            self.metrics.failed()
            raise

    def _remember(
        self, answer: Answer, history: Sequence[Turn], context: Mapping[str, str]
    ) -> Given:
        self.metrics.answered(answer)
        given = Given(secrets.token_hex(8), answer, tuple(history), dict(context))
        with self._lock:
            # Without the passages, which are most of it and aren't kept with a rating.
            self._given[given.id] = replace(given, answer=replace(answer, hits=()))
            while len(self._given) > _REMEMBERED:
                self._given.popitem(last=False)
        return given

    def rate(self, answer_id: str, rating: Rating, comment: str) -> None:
        """Keep what someone thought of an answer; KeyError for one that can't be rated.

        Raises StorageError.
        """
        with self._lock:
            given = self._given[answer_id]
        self._feedback.add(given, rating, comment)
        self.metrics.rated(rating)

    def follow_ups(self, given: Given, lang: Lang) -> list[str]:
        """Questions that could come next and that have an answer."""
        return self.suggestions.after(given.answer, given.history, lang)


def at_once(settings: Settings) -> int:
    """How many questions are answered at the same time.

    More threads at computing than cores only take each other's time.
    """
    if settings.server.concurrency:
        return settings.server.concurrency
    generator = settings.generator
    waiting = 0 if generator.backend == "extractive" else 2 * generator.concurrency
    return max(cores(), waiting)
