"""Embedders: text in, unit vectors out.

Static models are opened with model2vec, which needs no torch; all others with
sentence-transformers, imported when one is opened.
"""

from __future__ import annotations

from pathlib import Path

from rag.embedders.folders import is_static
from rag.embedders.prompts import AUTO, Prompts, family_prompts, own_prompts
from rag.errors import ModelError
from rag.hub import is_model_folder, local_folder
from rag.protocols import Embedder

BUNDLED = "wenyuan-static-zh"


def bundled_model_path() -> Path:
    """The folder of the model that comes with the package."""
    return Path(__file__).parent.parent / "models" / BUNDLED


def open_embedder(
    name: str,
    *,
    device: str | None = None,
    batch_size: int = 64,
    processes: int = 0,
    query_prompt: str | None = None,
    passage_prompt: str | None = None,
) -> Embedder:
    """Open the bundled model ("default" or its name), a model folder, or a cached hub name.

    All options matter to transformers only; see `TransformerEmbedder` for prompts.
    Never downloads. Raises ModelError, saying how to mend it.
    """
    folder = _folder(name)
    if not is_model_folder(folder):
        raise ModelError(
            f"{folder} is not a model folder: it has neither modules.json nor config.json;"
            " set embedding.model to the folder that holds them",
            f"{folder} 不是模型文件夹：缺少 modules.json 和 config.json；"
            "请把 embedding.model 设为包含这些文件的文件夹",
        )
    if is_static(folder):
        from rag.embedders.static import StaticEmbedder

        return StaticEmbedder(folder)
    from rag.embedders.transformer import TransformerEmbedder

    return TransformerEmbedder(
        name,
        device=device,
        batch_size=batch_size,
        processes=processes,
        query_prompt=query_prompt,
        passage_prompt=passage_prompt,
    )


def _folder(name: str) -> Path:
    folder = bundled_model_path() if name in {"default", BUNDLED} else Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder == bundled_model_path() or folder.is_absolute() or name.startswith((".", "~")):
        raise ModelError(
            f"There is no model folder {folder}; check embedding.model, or install the package"
            " again if this is the bundled model",
            f"没有模型文件夹 {folder}；请检查 embedding.model；如果是内置模型，请重新安装本软件包",
        )
    return local_folder(name)


__all__ = [
    "AUTO",
    "BUNDLED",
    "Prompts",
    "bundled_model_path",
    "family_prompts",
    "is_static",
    "open_embedder",
    "own_prompts",
]
