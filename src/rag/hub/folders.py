"""Where a model's folder is, and what is in it; nothing here can reach a network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from rag.errors import ModelError

_WEIGHTS = {".safetensors", ".bin", ".onnx"}
_TOKENIZER_FILES = {"tokenizer.json", "vocab.txt", "sentencepiece.bpe.model", "spiece.model"}
_PREFIX = "models--"


def is_model_folder(folder: Path) -> bool:
    """Whether `folder` looks like a model: it says of which modules, or of which kind, it is."""
    return any((folder / name).is_file() for name in ("modules.json", "config.json"))


def local_folder(name: str, *, setting: str = "embedding.model") -> Path:
    """The folder of a model: itself, or its snapshot in Hugging Face's cache on this machine.

    The cache is read as folders, without the hub's client. Raises ModelError, which names
    `setting` as what to mend.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    cached = None if "\0" in name or len(name) > 200 else _snapshot(_in_cache(name))
    if cached is None:
        raise ModelError(
            f"There is no model {name!r} on this machine: it is neither a folder nor in the local"
            f" cache; fetch it with `rag models pull {name}`, or copy its folder here from another"
            f" machine and set {setting} to that folder",
            f"本机没有模型 {name!r}：既不是文件夹，也不在本地缓存中；"
            f"请运行 `rag models pull {name}`，或从别的机器复制模型文件夹，"
            f"并把 {setting} 设为该文件夹",
        )
    return cached


def cached_names() -> Mapping[str, Path]:
    """The models of Hugging Face's cache by name, each with its folder; in order of name."""
    cache = _cache()
    found: dict[str, Path] = {}
    for repository in sorted(cache.glob(f"{_PREFIX}*")) if cache.is_dir() else ():
        snapshot = _snapshot(repository)
        if snapshot is not None:
            found[repository.name.removeprefix(_PREFIX).replace("--", "/")] = snapshot
    return found


def _cache() -> Path:
    from huggingface_hub import constants  # knows HF_HOME and the other variables

    return Path(constants.HF_HUB_CACHE)


def _in_cache(name: str) -> Path:
    return _cache() / (_PREFIX + name.replace("/", "--"))


def _snapshot(repository: Path) -> Path | None:
    """The snapshot that `main` names; without one the newest, as in a cache copied by hand."""
    snapshots = repository / "snapshots"
    try:
        main = snapshots / (repository / "refs" / "main").read_text(encoding="utf-8").strip()
        if main != snapshots and main.is_dir():
            return main
    except (OSError, ValueError):
        pass
    try:
        return max(
            (path for path in snapshots.iterdir() if path.is_dir()),
            key=lambda path: (path.stat().st_mtime_ns, path.name),
            default=None,
        )
    except OSError:
        return None


def fingerprint(folder: Path) -> str:
    """16 hexadecimal digits of sha256 over names and bytes of weight and tokenizer files."""
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and (path.suffix in _WEIGHTS or path.name in _TOKENIZER_FILES)
    )
    stamps = tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)
    return _fingerprint(folder, stamps)


@lru_cache(maxsize=16)
def _fingerprint(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, _, _ in stamps:
        path = Path(name)
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def unusable(folder: Path, error: Exception) -> ModelError:
    """The error for a folder that is there but can't be opened."""
    line = (str(error).strip() or type(error).__name__).split("\n")[0]
    if "trust_remote_code" in str(error):
        return ModelError(
            f"The model in {folder} wants to run program code of its own, which is never done; "
            "choose a model that transformers knows by itself",
            f"模型文件夹 {folder} 要求运行其自带的程序代码，本程序一概不运行；"
            "请换用 transformers 本身支持的模型",
        )
    return ModelError(
        f"The model in {folder} can't be opened ({line}); copy or build the folder again",
        f"无法打开模型文件夹 {folder}（{line}）；请重新复制或重新生成该文件夹",
    )


__all__ = [
    "cached_names",
    "fingerprint",
    "is_model_folder",
    "local_folder",
    "unusable",
]
