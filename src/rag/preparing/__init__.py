"""From files to documents ready to be stored: in this process, or on a Ray cluster (`cluster`)."""

from rag.preparing.local import LocalPreparer, Prepared, Preparer, unreadable

__all__ = ["LocalPreparer", "Prepared", "Preparer", "unreadable"]
