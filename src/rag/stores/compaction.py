"""Merging what is recent into the base.

An update writes the recent part anew and links the base, so it costs what is recent. Once that is
much beside the whole, both become the new base, in a generation of its own that is published as
any other: whoever has asked for an update has it long before, and a killed compaction leaves the
state that the update left.
"""

from __future__ import annotations

from pathlib import Path

from rag.stores import vectors
from rag.stores.catalogue import CatalogueReader
from rag.stores.catalogue_writer import CatalogueWriter, merge
from rag.stores.generations import (
    BASE,
    DOCUMENTS,
    TERMS,
    VECTORS,
    Manifest,
    base_of,
    link_files,
)
from rag.stores.verification import describe_files

# Passages. Up to so many an update takes well under a second to write all of them anew, so an
# index below this has no base. Beyond, a tenth: what is recent is searched one by one.
BASE_FROM = 50_000
_SHARE = 10


def is_due(manifest: Manifest) -> bool:
    """Whether so much is recent that merging it is worth its time."""
    return manifest.recent > max(BASE_FROM, manifest.chunks // _SHARE)


def compacted(before: Path, manifest: Manifest, path: Path) -> Manifest:
    """Fill the empty folder `path` with the same articles, all of them in the base.

    The files of `before` must be verified. Raises OSError, sqlite3.Error, RuntimeError.
    """
    link_files(before / TERMS, path / TERMS)
    (path / BASE).mkdir()
    base = base_of(before, manifest, DOCUMENTS)
    merge(before / DOCUMENTS, base, path / BASE / DOCUMENTS)
    reader = CatalogueReader(before / DOCUMENTS, base)
    index = vectors.build_base(
        before / VECTORS,
        base_of(before, manifest, VECTORS),
        removed=reader.removed(),
        dimensions=manifest.recipe.dimensions,
    )
    reader.close()
    vectors.save_index(index, path / BASE / VECTORS)
    vectors.save_index(vectors.new_index(manifest.recipe.dimensions), path / VECTORS)
    CatalogueWriter(path / DOCUMENTS, path / BASE / DOCUMENTS, next_key=manifest.next_key).close()
    files = describe_files(path, before, manifest.files)
    return manifest.model_copy(update={"recent": 0, "files": files})
