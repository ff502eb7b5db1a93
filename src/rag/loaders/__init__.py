"""From files to documents: which files, how each kind is read, and in a process of its own."""

from rag.loaders.files import Problem, SourceFile, discover, file_sha256, source_name
from rag.loaders.reading import Batch, Limits, read

__all__ = [
    "Batch",
    "Limits",
    "Problem",
    "SourceFile",
    "discover",
    "file_sha256",
    "read",
    "source_name",
]
