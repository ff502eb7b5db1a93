"""Where passages are kept and searched."""

from rag.stores.generations import Recipe
from rag.stores.local import LocalBackend, LocalWriter
from rag.stores.reader import LocalStore

__all__ = ["LocalBackend", "LocalStore", "LocalWriter", "Recipe"]
