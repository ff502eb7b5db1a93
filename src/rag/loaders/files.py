"""Which files are meant by the paths a person names, and what each is called."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rag.errors import LoadError
from rag.loaders.registry import EXTENSIONS


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read; `source` is its name for people: the same on every machine."""

    path: Path
    source: str
    size: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file, or a part of it, is not among the documents: one sentence naming `source`."""

    source: str
    error: LoadError


def discover(paths: Sequence[Path]) -> tuple[list[SourceFile], list[Problem]]:
    """The readable files under `paths` (files, folders, globs), sorted by name, each once.

    Inside a folder, hidden files, lock files of office programs and unknown kinds are passed
    over silently; named explicitly, an unreadable path is a problem. A file inside a folder
    argument is called `<folder's name>/<path inside it>`; a file named by itself is called by
    its path from the working directory, or, elsewhere, by its folder's name and its own.
    """
    found = _Found()
    for path in paths:
        if not os.path.lexists(path) and glob.has_magic(str(path)):
            matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 -- any root
            if not matches:
                found.refuse(path.as_posix(), "matches no file", "没有匹配到任何文件")
            for match in matches:
                found.add(Path(match), named=False)
        else:
            found.add(path, named=True)
    return sorted(found.files.values(), key=lambda file: file.source), found.problems


def file_sha256(path: Path) -> str:
    """The SHA-256 of the file's bytes, in hexadecimal. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(slots=True)
class _Found:
    files: dict[str, SourceFile] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def refuse(self, source: str, en: str, zh: str) -> None:
        self.problems.append(Problem(source, LoadError(f"{source} {en}.", f"{source} {zh}。")))

    def add(self, path: Path, *, named: bool) -> None:
        """Take a path; `named` says that a person wrote it, so that silence would mislead."""
        if path.is_dir():
            for file, source in self._walk(path):
                self._keep(file, source)
        elif named or not _passed_over(path.name):
            source = source_name(path)
            if named and path.suffix.lower() not in EXTENSIONS and path.exists():
                kinds = " ".join(sorted(EXTENSIONS))
                self.refuse(
                    source,
                    f"is of a kind that can't be read; these can: {kinds}",
                    f"的类型无法读取；可读取的类型有：{kinds}",
                )
            elif path.name.startswith("~$"):
                self.refuse(
                    source,
                    "is the lock file of an open document; name the document itself",
                    "是办公软件的锁文件；请改为指定文档本身",
                )
            else:
                self._keep(path, source)

    def _walk(self, root: Path) -> Iterator[tuple[Path, str]]:
        name = root.resolve().name
        seen: set[str] = set()
        for folder, subfolders, names in os.walk(root, followlinks=True, onerror=self._unlisted):
            here = Path(folder)
            inside = here.relative_to(root)
            seen.add(os.path.realpath(folder))
            subfolders[:] = sorted(self._enterable(here, subfolders, Path(name) / inside, seen))
            for file in sorted(names):
                if not _passed_over(file):
                    yield here / file, (Path(name) / inside / file).as_posix()

    def _enterable(
        self, here: Path, names: list[str], source: Path, seen: set[str]
    ) -> Iterator[str]:
        for name in names:
            real = os.path.realpath(here / name)
            if name.startswith("."):
                continue
            if (here / name).is_symlink() and Path(os.path.realpath(here)).is_relative_to(real):
                self.refuse(
                    (source / name).as_posix(),
                    "is a link back to a folder that holds it, so it was left out; remove the link",
                    "是指回上级文件夹的链接，已跳过；请删除该链接",
                )
            elif real not in seen:  # a folder reached by two links is read once
                seen.add(real)
                yield name

    def _unlisted(self, error: OSError) -> None:
        source = Path(str(error.filename)).name
        self.refuse(
            source,
            "is a folder that can't be listed; check its permissions",
            "文件夹无法列出；请检查其权限",
        )

    def _keep(self, path: Path, source: str) -> None:
        try:
            regular, size = path.is_file(), path.stat().st_size
        except OSError:
            if path.is_symlink():
                self.refuse(
                    source,
                    "is a link that leads nowhere; remove it or mend its target",
                    "是失效的链接；请删除它或修复其目标",
                )
            else:
                self.refuse(source, "can't be found; check the path", "不存在；请检查路径")
            return
        other = self.files.get(source)
        if not regular:
            self.refuse(source, "is not a regular file; name a file", "不是普通文件；请指定文件")
        elif other is None:
            # A folder and a file inside it may both be named: the file is still taken once.
            absolute = os.path.normpath(path.absolute())
            if absolute not in self.taken:
                self.taken.add(absolute)
                self.files[source] = SourceFile(path, source, size)
        elif not other.path.samefile(path):
            self.refuse(
                source,
                f"is the name of two files ({other.path} and {path}), and only the first was "
                "taken; rename a folder",
                f"同时是两个文件的名称（{other.path} 与 {path}），"
                "只读取了前者；请重命名其中一个文件夹",
            )


def _passed_over(name: str) -> bool:
    return name.startswith((".", "~$")) or Path(name).suffix.lower() not in EXTENSIONS


def source_name(path: Path) -> str:
    """What a file named by itself is called in the index."""
    absolute = Path(os.path.normpath(path.absolute()))
    if absolute.is_relative_to(Path.cwd()):
        return absolute.relative_to(Path.cwd()).as_posix()
    return f"{absolute.parent.name}/{absolute.name}" if absolute.parent.name else absolute.name
