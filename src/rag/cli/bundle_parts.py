"""What `rag bundle` puts together: wheels, the index, a script that installs them."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from importlib import metadata, resources, util
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from rag.errors import ConfigError, NoIndexError, RagError
from rag.stores.archive_writer import drafted
from rag.stores.backup import back_up

_PACKAGE = "wenyuan"
_FOLDER = "wenyuan"  # what the archive unpacks to


def make_bundle(
    target: Path, *, index: Path, extras: Sequence[str] = (), dependencies: bool = True
) -> bool:
    """Write the archive; whether an index is in it. Raises RagError.

    It fits machines with this Python and this platform.
    """
    if not target.name.endswith(".tar"):
        raise ConfigError(
            f"{target}: name the bundle .tar; wheels are compressed already",
            f"{target}：文件名请以 .tar 结尾（其中的包已压缩过）",
        )
    # Beside the archive, where there must be room anyway; /tmp may be small, or memory.
    with drafted(target) as out, tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        folder = Path(scratch)
        wheels = folder / "wheels"
        gather(wheels, extras, dependencies=dependencies)
        names = sorted(f"wheels/{path.name}" for path in wheels.iterdir())
        (folder / "wheels.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        (folder / "install.sh").write_text(_script(complete=dependencies), encoding="utf-8")
        try:
            back_up(index, folder / "index.tar")
        except NoIndexError:
            indexed = False
        else:
            indexed = True
        _sum(folder)
        with tarfile.open(fileobj=out, mode="w:") as tar:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                tar.add(path, f"{_FOLDER}/{path.relative_to(folder).as_posix()}", filter=_plain)
    return indexed


def gather(folder: Path, extras: Sequence[str], *, dependencies: bool) -> None:
    """Have pip, as it is configured here, fetch or build the wheels of what is installed here."""
    named = _source() + (f"[{','.join(extras)}]" if extras else "")
    with tempfile.TemporaryDirectory() as scratch:
        versions = Path(scratch) / "installed.txt"
        versions.write_text("\n".join(_installed()) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder)]
        command += ["--constraint", str(versions)] if dependencies else ["--no-deps"]
        # What builds the package may be here, and an index to fetch it from not.
        command += ["--no-build-isolation"] if util.find_spec("hatchling") else []
        run = subprocess.run([*command, named], capture_output=True, text=True, check=False)
    if run.returncode:
        lines = [line for line in run.stderr.splitlines() if line.startswith("ERROR")]
        reason = (lines or run.stderr.splitlines() or ["pip"])[-1][:300]
        raise RagError(
            f"pip could not gather the wheels ({reason}); check that it reaches its package index",
            f"pip 无法取得所需的包（{reason}），请检查它能否访问软件源",
        )


def _source() -> str:
    """What pip builds this package from: the folder it was installed from, else its index."""
    version = metadata.version(_PACKAGE)
    told = metadata.distribution(_PACKAGE).read_text("direct_url.json")
    url = urlsplit(json.loads(told)["url"]) if told else None
    if url is not None and url.scheme == "file":
        path = Path(url2pathname(url.path))
        if path.exists():
            return str(path)
        raise RagError(
            f"{path}: the package was installed from here and this is gone; install it again",
            f"{path}：本程序安装自此处，而它已不存在，请重新安装",
        )
    return f"{_PACKAGE}=={version}"


def _installed() -> list[str]:
    """The exact version of everything but this package."""
    found = {item.name: item.version for item in metadata.distributions()}
    return sorted(f"{name}=={version}" for name, version in found.items() if name != _PACKAGE)


def _script(*, complete: bool) -> str:
    here = f"{sys.version_info[0]}.{sys.version_info[1]} {platform.system()} {platform.machine()}"
    script = resources.files("rag.cli").joinpath("install.sh").read_text("utf-8")
    return script.replace("@PLATFORM@", here).replace("@COMPLETE@", "yes" if complete else "no")


def _sum(folder: Path) -> None:
    lines = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        lines.append(f"{digest}  {path.relative_to(folder).as_posix()}\n")
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the name of whoever made it; readable for whoever unpacks it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.name.endswith(".sh") else 0o644
    return member
