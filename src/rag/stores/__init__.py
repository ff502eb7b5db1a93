"""Where passages are kept and searched."""

from rag.stores.generations import Recipe
from rag.stores.local import LocalBackend, LocalStore, LocalWriter

__all__ = ["LocalBackend", "LocalStore", "LocalWriter", "Recipe"]
