"""Settings: `rag.toml`, then environment variables `RAG_SECTION__KEY`, checked and explained.

A key that doesn't exist is refused with the nearest right name: a setting that is silently
ignored costs its owner an afternoon.
"""

from rag.config.answering import (
    AnsweringSettings,
    ChunkingSettings,
    EmbeddingSettings,
    IndexSettings,
    LoadingSettings,
    RetrievalSettings,
    StoreSettings,
)
from rag.config.section import plain_address
from rag.config.serving import GeneratorSettings, ServerSettings, cores
from rag.config.settings import (
    CONFIG_FILE,
    Settings,
    load_settings,
    setting_names,
    settings_table,
    written,
)

__all__ = [
    "CONFIG_FILE",
    "AnsweringSettings",
    "ChunkingSettings",
    "EmbeddingSettings",
    "GeneratorSettings",
    "IndexSettings",
    "LoadingSettings",
    "RetrievalSettings",
    "ServerSettings",
    "Settings",
    "StoreSettings",
    "cores",
    "load_settings",
    "plain_address",
    "setting_names",
    "settings_table",
    "written",
]
