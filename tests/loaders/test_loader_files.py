"""Discovery: which files, under which names, and one sentence for those that can't be."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from rag.loaders import discover, file_sha256


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    for name in ("b.md", "a.txt", "sub/c.PDF", ".hidden.md", "~$d.docx", "e.xyz"):
        (folder / name).write_text("x")
    (folder / ".git").mkdir()
    (folder / ".git" / "f.md").write_text("x")
    monkeypatch.chdir(tmp_path)
    return folder


def names(*paths: Path) -> list[str]:
    files, problems = discover(paths)
    assert problems == []
    return [file.source for file in files]


def sentences(*paths: Path) -> list[str]:
    return [problem.error.en for problem in discover(paths)[1]]


def test_a_folder_gives_its_readable_files_sorted_and_nothing_hidden(docs: Path) -> None:
    assert names(docs) == ["docs/a.txt", "docs/b.md", "docs/sub/c.PDF"]
    assert names(Path("docs")) == names(docs)
    assert discover([docs])[0][0].size == 1


def test_a_file_has_one_name_however_it_is_reached(docs: Path) -> None:
    for path in (
        Path("docs/a.txt"),
        docs / "a.txt",
        Path("docs/../docs/a.txt"),
        Path("docs/*.txt"),
    ):
        assert names(path) == ["docs/a.txt"]
    assert names(Path("docs/**/*.PDF")) == ["docs/sub/c.PDF"]
    assert names(docs, docs / "a.txt", Path("docs/sub")) == names(docs)


def test_outside_the_working_directory_the_folder_names_the_file(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert names(docs / "a.txt") == ["docs/a.txt"]
    assert names(Path("../docs")) == ["docs/a.txt", "docs/b.md", "docs/sub/c.PDF"]


def test_what_is_named_and_can_not_be_read_is_a_problem(docs: Path) -> None:
    assert "can't be found" in sentences(docs / "none.md")[0]
    assert "matches no file" in sentences(Path("docs/*.html"))[0]
    assert "is of a kind that can't be read" in sentences(docs / "e.xyz")[0]
    assert "lock file" in sentences(docs / "~$d.docx")[0]
    assert names(docs / ".hidden.md") == ["docs/.hidden.md"]


def test_links_in_a_circle_end_and_are_named(docs: Path) -> None:
    (docs / "sub" / "back").symlink_to(docs, target_is_directory=True)
    (docs / "dead.md").symlink_to(docs / "gone.md")
    (docs / "self.md").symlink_to(docs / "self.md")
    files, problems = discover([docs])
    assert [file.source for file in files] == ["docs/a.txt", "docs/b.md", "docs/sub/c.PDF"]
    said = sorted(problem.error.en for problem in problems)
    assert [sentence.split()[0] for sentence in said] == [
        "docs/dead.md",
        "docs/self.md",
        "docs/sub/back",
    ]
    assert "links" not in said[2]
    assert "link back to a folder that holds it" in said[2]


def test_a_folder_linked_twice_is_read_once(docs: Path) -> None:
    (docs / "twin").symlink_to(docs / "sub", target_is_directory=True)
    files, problems = discover([docs])
    assert len(files) == 3
    assert problems == []


def test_two_files_of_one_name_are_a_problem(docs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "docs"
    other.mkdir(parents=True)
    (other / "a.txt").write_text("y")
    files, problems = discover([docs, other])
    assert len(files) == 3
    assert problems[0].source == "docs/a.txt"
    assert "is the name of two files" in problems[0].error.en
    assert "同时是两个文件的名称" in problems[0].error.zh


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_no_file(docs: Path) -> None:
    os.mkfifo(docs / "pipe.txt")
    assert "is not a regular file" in sentences(docs / "pipe.txt")[0]


def test_a_folder_that_can_not_be_listed_is_named(
    docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "no", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert "can't be listed" in sentences(docs)[0]


def test_the_hash_is_that_of_the_bytes(docs: Path) -> None:
    assert file_sha256(docs / "a.txt") == hashlib.sha256(b"x").hexdigest()
