"""A bundle installs, and answers, on a machine that reaches nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from rag.cli.base import cli
from rag.cli.bundle_parts import make_bundle
from rag.errors import ConfigError, RagError

ROOT = Path(__file__).parents[1]
NOWHERE = ("unshare", "--user", "--map-root-user", "--net")
ALONE = "import socket; socket.create_connection(('192.0.2.1', 80), 3)"


def _isolated() -> bool:
    """Whether a command can be run in a network namespace without a route."""
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*NOWHERE, "true"], capture_output=True, check=False).returncode == 0


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [*NOWHERE, *map(str, command)],
        cwd=cwd,
        env={**os.environ, "PIP_INDEX_URL": "http://192.0.2.1/simple", **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package and the index of docs/, without the hundreds of MB of its dependencies."""
    folder = tmp_path_factory.mktemp("bundle")
    index = folder / "index"
    subprocess.run(
        [sys.executable, "-m", "rag", "index", "docs", "--index", index], cwd=ROOT, check=True
    )
    assert make_bundle(folder / "b.tar", index=index, dependencies=False)
    return folder / "b.tar"


def machine(folder: Path) -> None:
    """An environment that has the dependencies, as after an earlier bundle, and not the package."""
    venv.create(folder / ".venv", with_pip=True)
    others = folder / "others"
    others.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        own = path.name.startswith(("wenyuan", "_editable_impl_wenyuan", "pip", "_virtualenv"))
        if not own and path.suffix != ".pth":
            (others / path.name).symlink_to(path)
    (pure,) = (folder / ".venv").glob("lib/python*/site-packages")
    (pure / "others.pth").write_text(f"{others}\n", encoding="utf-8")


@pytest.mark.slow
@pytest.mark.skipif(not _isolated(), reason="needs unshare and leave to make a network namespace")
def test_a_bundle_installs_and_answers_without_a_network(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="unreachable"):
        run(sys.executable, "-c", ALONE, cwd=tmp_path)
    run("tar", "xf", bundle, cwd=tmp_path)
    machine(tmp_path / "app")
    install = ("sh", "wenyuan/install.sh", "app")
    told = run(*install, cwd=tmp_path, env={"PYTHON": sys.executable})
    assert "rag serve" in told
    app = tmp_path / "app"
    where = run(".venv/bin/python", "-c", "import rag; print(rag.__file__)", cwd=app)
    assert where.startswith(str(app / ".venv"))
    answer = run(".venv/bin/rag", "ask", "龙泉驿区建了多少党员先锋岗?", cwd=app)
    assert answer.startswith("200余个。")
    # Once more is an update: it leaves the index that is there.
    before = (app / "index" / "CURRENT").read_bytes()
    run(*install, cwd=tmp_path, env={"PYTHON": sys.executable})
    assert (app / "index" / "CURRENT").read_bytes() == before


def test_a_damaged_bundle_and_another_python_are_said(bundle: Path, tmp_path: Path) -> None:
    with tarfile.open(bundle) as tar:
        tar.extractall(tmp_path, filter="data")
    folder = tmp_path / "wenyuan"
    assert "another" not in _stopped(["sh", "install.sh"], folder, PYTHON="/bin/nothing")[:20]
    script = (folder / "install.sh").read_text("utf-8")
    (folder / "install.sh").write_text(script.replace("wanted='3.", "wanted='2."), "utf-8")
    assert "this bundle is for Python 2." in _stopped(["sh", "install.sh"], folder)
    (folder / "install.sh").write_text(script, "utf-8")
    with (folder / "index.tar").open("ab") as file:
        file.write(b"x")
    if shutil.which("sha256sum"):
        assert "the bundle is damaged" in _stopped(["sh", "install.sh"], folder)
    assert not (folder / ".venv").exists()


def _stopped(command: Sequence[str], cwd: Path, **env: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PYTHON": sys.executable, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr


def test_without_an_index_the_bundle_says_so(tmp_path: Path) -> None:
    arguments = ["--lang", "en", "bundle", str(tmp_path / "b.tar"), "--no-dependencies"]
    done = CliRunner().invoke(cli, [*arguments, "--index", str(tmp_path / "none")])
    assert done.exit_code == 0
    assert "without an index" in done.output
    with tarfile.open(tmp_path / "b.tar") as tar:
        names = tar.getnames()
    assert "wenyuan/install.sh" in names
    assert "wenyuan/index.tar" not in names
    assert [name for name in names if name.endswith(".whl")] == [
        "wenyuan/wheels/wenyuan-0.1.0-py3-none-any.whl"
    ]


def test_a_bundle_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.tar"):
        make_bundle(tmp_path / "b.zip", index=tmp_path)


def test_pip_that_fails_is_said_in_a_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.cli.bundle_parts._source", lambda: str(tmp_path / "gone"))
    with pytest.raises(RagError, match="pip could not gather the wheels"):
        make_bundle(tmp_path / "b.tar", index=tmp_path, dependencies=False)
    assert list(tmp_path.iterdir()) == []
