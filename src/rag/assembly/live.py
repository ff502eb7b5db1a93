"""The assistant of a server, which outlives the states of the index."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, suppress

from rag.assembly.answering import assistant_over
from rag.assembly.models import embedder_of
from rag.assembly.stores import backend_of
from rag.assembly.writers import writer_of
from rag.assistant import Assistant
from rag.config import Settings
from rag.errors import RagError
from rag.protocols import StoreWriter


class LiveAssistant:
    """The assistant over the newest state of the index: a server's way to follow updates.

    A new state is opened by a thread of its own while the old one still answers, so no question
    waits for it. The old state isn't closed: questions may still be reading it, and it goes with
    them.
    """

    def __init__(self, settings: Settings, *, poll_s: float = 0.5) -> None:
        self.settings = settings
        self._embedder = embedder_of(settings)
        self._backend = backend_of(settings, self._embedder)
        self._writer = writer_of(settings, self._embedder)
        self._poll_s = poll_s
        self._lock = threading.Lock()
        self._snapshot = ""
        self._assistant: Assistant | None = None
        self._stopped = threading.Event()

    def refresh(self) -> None:
        """Open the newest state unless it is the one in use. Raises IndexUnusableError."""
        with self._lock:
            snapshot = self._backend.snapshot()
            if self._assistant is None or snapshot != self._snapshot:
                assistant = assistant_over(
                    self.settings, self._embedder, self._backend, self._writer
                )
                # What is read at the first search is read now: nobody waits for it.
                assistant.answering_document("热身 warm up")
                self._assistant, self._snapshot = assistant, snapshot

    def get(self) -> Assistant:
        """The assistant in use. Raises IndexUnusableError when none could be opened so far."""
        if self._assistant is None:
            self.refresh()
        assert self._assistant is not None
        return self._assistant

    @property
    def ready(self) -> bool:
        """Whether questions can be answered."""
        return self._assistant is not None

    def follow(self) -> None:
        """Start to look for new states, until `stop`."""
        threading.Thread(target=self._follow, name="index follower", daemon=True).start()

    def _follow(self) -> None:
        while not self._stopped.wait(self._poll_s):
            # An unusable new state leaves the old one in use; the next one may be sound again.
            with suppress(RagError):
                self.refresh()

    def stop(self) -> None:
        """End the thread that `follow` started, and break off what a language model writes."""
        self._stopped.set()
        close = getattr(self._writer.generator, "close", None)
        if close is not None:
            close()

    def update(self) -> AbstractContextManager[StoreWriter]:
        """Change the index. Raises IndexBusyError, IndexUnusableError, StorageError."""
        return self._backend.update()

    def compact(self) -> None:
        """Let a thread arrange the index for its size, if that is due; answers go on."""
        threading.Thread(target=self._compact, name="index compaction", daemon=True).start()

    def _compact(self) -> None:
        with suppress(RagError):  # the next update tries again; `rag index` says what is wrong
            self._backend.compact()
