"""Fetching a model from a hub, which only `rag models pull` does, and only when it is told to."""

from __future__ import annotations

import errno
import glob
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from rag.errors import ModelError, RagError, StorageError

# Formats that are never opened here, and folders of copies in such formats.
_NOT_OPENED = {
    ".h5",
    ".msgpack",
    ".ot",
    ".gguf",
    ".onnx",
    ".onnx_data",
    ".pb",
    ".tflite",
    ".mlmodel",
}
_COPIES = {"onnx", "openvino", "coreml", "runs", "gguf", "original"}
_SPARE = 50 * 2**20  # bytes that stay free
_FULL = {errno.ENOSPC, errno.EDQUOT}
# Names of classes, since the hub's client has changed the library under it more than once.
_UNREACHED = {
    "TransportError",
    "TimeoutException",
    "RequestException",
    "ConnectionError",
    "Timeout",
}
_BY_HAND = (
    "without internet, copy the model's folder here from another machine and run: "
    "rag models use FOLDER"
)
_BY_HAND_ZH = "没有互联网时，请从别的机器复制模型文件夹，再运行：rag models use 文件夹"


def fetch(name: str, *, to: Path | None = None) -> Path:
    """Fetch what this program opens of a model; its folder: `to`, or that in the local cache.

    The address is `HF_ENDPOINT`, or the hub's own. What is here already isn't fetched again. Raises
    ModelError for a name that can't be had, StorageError for a disk that is full or refuses, and
    RagError when the hub can't be reached; each says what to do on a machine without internet.
    """
    from huggingface_hub import HfApi, constants, snapshot_download

    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or constants.ENDPOINT
    target = to if to is not None else Path(constants.HF_HUB_CACHE)
    with _explained(name, endpoint, target):
        info = HfApi(endpoint=endpoint).model_info(name, files_metadata=True)
        sizes = {one.rfilename: one.size or 0 for one in info.siblings or ()}
        wanted = needed(sizes)
        if not wanted:
            raise ModelError(
                f"{name!r} at {endpoint} has no weights that can be opened here (safetensors or "
                "PyTorch); choose another model",
                f"{endpoint} 上的 {name!r} 没有本程序能打开的权重（safetensors 或 PyTorch），"
                "请换用其他模型",
            )
        _check_room(name, sum(wanted.values()), target)
        folder = snapshot_download(
            name,
            local_dir=to,
            endpoint=endpoint,
            allow_patterns=[glob.escape(file) for file in wanted],
        )
    return Path(folder)


def needed(sizes: Mapping[str, int]) -> Mapping[str, int]:
    """The files of a model, with their sizes in bytes, that are opened here; none without weights.

    Other formats of the same weights are left out, and PyTorch's where there are safetensors.
    """
    files = {
        file: size
        for file, size in sizes.items()
        if PurePosixPath(file).suffix not in _NOT_OPENED
        and not _COPIES.intersection(PurePosixPath(file).parts[:-1])
    }
    if any(file.endswith(".safetensors") for file in files):
        # A module that has no other form, such as a dense layer, keeps its own.
        safe = {str(PurePosixPath(f).parent) for f in files if f.endswith(".safetensors")}
        return {
            file: size
            for file, size in files.items()
            if not file.endswith((".bin", ".pt", ".pth"))
            or str(PurePosixPath(file).parent) not in safe
        }
    return files if any(file.endswith(".bin") for file in files) else {}


def _check_room(name: str, size: int, target: Path) -> None:
    place = target.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if size + _SPARE > free:
        raise StorageError(
            f"{name!r} takes {_mib(size)} MiB and {target} has {_mib(free)} MiB free; make room, "
            f"or name a folder on another disk with --to; {_BY_HAND}",
            f"{name!r} 需要 {_mib(size)} MiB，而 {target} 只剩 {_mib(free)} MiB；请腾出空间，"
            f"或用 --to 指定其他磁盘上的文件夹；{_BY_HAND_ZH}",
        )


def _mib(size: int) -> int:
    return round(size / 2**20)


@contextmanager
def _explained(name: str, endpoint: str, target: Path) -> Iterator[None]:
    """What the hub's client raises, as one sentence with its cure."""
    try:
        yield
    except RagError:
        raise
    except Exception as error:
        raise _said(error, name, endpoint, target) from error


def _said(error: Exception, name: str, endpoint: str, target: Path) -> RagError:
    from huggingface_hub import errors

    if isinstance(error, errors.HFValidationError | errors.RepositoryNotFoundError):
        return _refused(name, endpoint, gated=isinstance(error, errors.GatedRepoError))
    if isinstance(error, errors.OfflineModeIsEnabled):
        return RagError(
            f"{name!r} can't be fetched while HF_HUB_OFFLINE is set; unset it; {_BY_HAND}",
            f"设置了 HF_HUB_OFFLINE，无法下载 {name!r}；请取消该变量；{_BY_HAND_ZH}",
        )
    if isinstance(error, errors.HfHubHTTPError):
        status = f"HTTP {getattr(error.response, 'status_code', '?')}"
        return _unreached(name, endpoint, status, status)
    names = {cls.__name__ for cls in type(error).__mro__}
    if isinstance(error, errors.LocalEntryNotFoundError) or names & _UNREACHED:
        return _unreached(name, endpoint, "no answer", "没有应答")
    if isinstance(error, OSError):
        return _unwritten(error, name, target)
    return _unreached(name, endpoint, type(error).__name__, type(error).__name__)


def _refused(name: str, endpoint: str, *, gated: bool) -> ModelError:
    if gated:
        return ModelError(
            f"{name!r} is given only to who has accepted its terms: accept them on its page at "
            f"{endpoint}, set HF_TOKEN to your token and try again; {_BY_HAND}",
            f"{name!r} 须先接受其使用条款：请在 {endpoint} 的模型页面上接受，"
            f"把 HF_TOKEN 设为自己的令牌后重试；{_BY_HAND_ZH}",
        )
    return ModelError(
        f"There is no model {name!r} at {endpoint}, or it is private; check the name, which "
        f"looks like owner/model, or set HF_TOKEN; {_BY_HAND}",
        f"{endpoint} 上没有模型 {name!r}，或未公开；请检查名称（形如 所有者/模型），"
        f"或设置 HF_TOKEN；{_BY_HAND_ZH}",
    )


def _unreached(name: str, endpoint: str, why: str, why_zh: str) -> RagError:
    return RagError(
        f"{name!r} can't be fetched from {endpoint} ({why}); check the network, or set HF_ENDPOINT "
        f"to a mirror; {_BY_HAND}",
        f"无法从 {endpoint} 下载 {name!r}（{why_zh}）；请检查网络，或把 HF_ENDPOINT 设为镜像地址；"
        f"{_BY_HAND_ZH}",
    )


def _unwritten(error: OSError, name: str, target: Path) -> StorageError:
    if error.errno in _FULL:
        return StorageError(
            f"The disk of {target} is full; make room or name a folder on another disk with --to, "
            f"and run it again: what has arrived is kept; {_BY_HAND}",
            f"{target} 所在磁盘已满；请腾出空间或用 --to 指定其他磁盘上的文件夹后重试，"
            f"已下载的部分会保留；{_BY_HAND_ZH}",
        )
    return StorageError(
        f"{name!r} can't be written to {target} ({error.strerror or error}); check its permissions "
        f"or name another folder with --to; {_BY_HAND}",
        f"无法把 {name!r} 写入 {target}（{error.strerror or error}）；请检查权限，"
        f"或用 --to 指定其他文件夹；{_BY_HAND_ZH}",
    )


__all__ = ["fetch", "needed"]
