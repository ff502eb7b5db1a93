"""Model folders: those that this machine has, and the one way by which another one gets here.

`folders` only reads the disk. `fetch` is imported by `rag models pull` and by nothing else.
"""

from rag.hub.folders import (
    cached_names,
    fingerprint,
    is_model_folder,
    local_folder,
    unusable,
)

__all__ = ["cached_names", "fingerprint", "is_model_folder", "local_folder", "unusable"]
