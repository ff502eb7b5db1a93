"""Every error this package raises on purpose.

RagError
├── ConfigError            a setting, option or argument is wrong          (exit code 2)
│   ├── ModelError         a model folder or name can't be used
│   └── GoldError          a file of gold questions is not what it must be
├── LoadError              one file or record can't be read                (exit code 1)
├── IndexUnusableError     there is no index that can answer               (exit code 3)
│   ├── NoIndexError           none has been built here
│   ├── DamagedIndexError      a file is missing or its bytes have changed
│   └── IncompatibleIndexError it was built by another format, analyser or embedder
├── ArchiveError           a backup is damaged, or isn't one               (exit code 1)
├── GeneratorError         a language model can't be reached, or its text can't be used
├── ClusterError           the workers of --workers can't be reached, or broke down
├── BusyError              too many questions are waiting already
└── StorageError           the index can't be written                      (exit code 1)
    └── IndexBusyError     another process is writing it

An error carries one sentence in English and one in Chinese: what is wrong, where, and how to
mend it. Edges (command line, HTTP, chat) show `error.say(lang)` and never a traceback.
"""

from __future__ import annotations

from typing import ClassVar, Literal

Lang = Literal["zh", "en"]


class RagError(Exception):
    """Root of the tree; `exit_code` is what the command line ends with."""

    exit_code: ClassVar[int] = 1

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en, zh)  # both, so that the error survives a trip between processes
        self.en = en
        self.zh = zh

    def __str__(self) -> str:
        return self.en

    def say(self, lang: Lang) -> str:
        """The sentence in `lang`."""
        return self.zh if lang == "zh" else self.en


class ConfigError(RagError):
    """A setting, option or argument is wrong."""

    exit_code = 2


class ModelError(ConfigError):
    """A model folder or name can't be used."""


class GoldError(ConfigError):
    """A file of gold questions is not what it must be."""


class LoadError(RagError):
    """One file or record can't be read; the others still are."""


class IndexUnusableError(RagError):
    """There is no index that can answer."""

    exit_code = 3


class NoIndexError(IndexUnusableError):
    """No index has been built in this folder."""


class DamagedIndexError(IndexUnusableError):
    """A file of the index is missing or its bytes have changed."""


class IncompatibleIndexError(IndexUnusableError):
    """The index was built by another format, analyser or embedder."""


class ArchiveError(RagError):
    """A backup is damaged, was made by something else, or doesn't fit here."""


class BusyError(RagError):
    """Too many questions are waiting already; worth another try after `retry_s` seconds."""

    retry_s: ClassVar[int] = 2


class GeneratorError(RagError):
    """A language model can't be reached or its text can't be used; `code` is stable.

    `retry_after_s` is what the endpoint asked for, `retriable` whether another try may help, and
    `of_endpoint` whether the endpoint is at fault, not this one text.
    """

    def __init__(
        self,
        en: str,
        zh: str,
        *,
        code: str = "failed",
        retriable: bool = False,
        of_endpoint: bool = True,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(en, zh)
        self.code = code
        self.retriable = retriable
        self.of_endpoint = of_endpoint
        self.retry_after_s = retry_after_s


class ClusterError(RagError):
    """The Ray cluster that prepares files can't be reached, or broke down."""


class StorageError(RagError):
    """The index can't be written (disk full, read-only folder, ...)."""


class IndexBusyError(StorageError):
    """Another process is writing this index."""


__all__ = [
    "ArchiveError",
    "BusyError",
    "ClusterError",
    "ConfigError",
    "DamagedIndexError",
    "GeneratorError",
    "GoldError",
    "IncompatibleIndexError",
    "IndexBusyError",
    "IndexUnusableError",
    "Lang",
    "LoadError",
    "ModelError",
    "NoIndexError",
    "RagError",
    "StorageError",
]
