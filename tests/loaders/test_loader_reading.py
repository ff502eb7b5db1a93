"""The reading process: streams, and survives whatever a file does to it."""

from __future__ import annotations

import io
import json
import marshal
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.errors import LoadError
from rag.loaders import Batch, Limits, SourceFile, discover, read
from rag.loaders.reading import read_with
from rag.loaders.registry import LOADERS
from rag.loaders.worker import Worker, pack, receive, send, unpack
from rag.types import Document, DocumentInfo, Heading, Page

Make = Callable[..., SourceFile]
QUICK = Limits(seconds=1.0, memory_bytes=600 << 20)
REGISTRY = "misbehaving_loaders:LOADERS"


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def script(name: str, *orders: str) -> SourceFile:
        path = tmp_path / f"{name}.bad"
        path.write_text("\n".join(orders))
        return SourceFile(path, f"docs/{path.name}", path.stat().st_size)

    return script


def texts(batches: list[Batch]) -> list[str]:
    return [document.text for batch in batches for document in batch.documents]


def problems(batches: list[Batch]) -> list[str]:
    return [problem.error.en for batch in batches for problem in batch.problems]


def test_documents_come_in_the_order_of_the_files_and_each_file_is_done_once(make: Make) -> None:
    files = [make(f"f{i}", f"say {i}a", f"say {i}b") for i in range(12)]
    batches = list(read_with(REGISTRY, files, limits=QUICK))
    assert texts(batches) == [f"{i}{x}" for i in range(12) for x in "ab"]
    assert [batch.file for batch in batches if batch.done] == files


def test_a_hanging_file_is_given_up_and_the_others_are_read(make: Make) -> None:
    files = [make("a", "say a"), make("b", "say b", "sleep 60"), make("c", "say c")]
    batches = list(read_with(REGISTRY, files, limits=QUICK))
    assert texts(batches)[0] == "a"
    assert texts(batches)[-1] == "c"
    (problem,) = problems(batches)
    assert problem.startswith("docs/b.bad was given up after 1 seconds without progress")
    assert [batch.file.source for batch in batches if batch.done] == [f.source for f in files]


def test_a_file_that_makes_progress_may_take_longer_than_the_limit(make: Make) -> None:
    limits = Limits(seconds=1.6)
    batches = list(read_with(REGISTRY, [make("a", "work 3", "say a")], limits=limits))
    assert texts(batches) == ["a"]


def test_a_crash_concerns_only_its_file(make: Make) -> None:
    files = [make("a", "crash"), make("b", "crash"), make("c", "say c")]
    batches = list(read_with(REGISTRY, files, limits=QUICK))
    assert texts(batches) == ["c"]
    assert ["made its reader crash" in problem for problem in problems(batches)] == [True, True]
    assert problems(batches)[1].startswith("docs/b.bad ")


def test_a_file_that_takes_the_memory_is_refused(make: Make) -> None:
    pytest.importorskip("resource")
    files = [make("a", "say a", "grow"), make("b", "say b")]
    batches = list(read_with(REGISTRY, files, limits=QUICK))
    assert texts(batches) == ["a", "b"]
    (problem,) = problems(batches)
    assert problem.startswith("docs/a.bad needs more memory")


def test_errors_that_no_loader_foresaw_become_one_sentence(make: Make) -> None:
    orders = ("raise", "vanish", "forbid", "refuse")
    batches = list(read_with(REGISTRY, [make(o, o) for o in orders], limits=QUICK))
    said = problems(batches)
    assert said[0].startswith("docs/raise.bad can't be read (RuntimeError: broken)")
    assert "vanished" in said[1]
    assert "permissions" in said[2]
    assert said[3] == "refused."
    assert not any("\n" in sentence for sentence in said)


def test_what_a_library_prints_does_not_get_among_the_documents(make: Make) -> None:
    batches = list(read_with(REGISTRY, [make("a", "print", "say a", "print")], limits=QUICK))
    assert texts(batches) == ["a"]
    assert not problems(batches)


def test_files_over_their_limit_are_refused_unless_they_stream(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "1", "text": "长" * 500}))
    (tmp_path / "b.txt").write_text("长" * 500)
    (tmp_path / "c.txt").write_text("")
    files, _ = discover([tmp_path])
    batches = list(read(files, limits=Limits(file_bytes=100)))
    assert len(texts(batches)) == 1
    large, empty = problems(batches)
    assert "b.txt has 0 MB, more than the 0 MB that one file may have" in large
    assert "c.txt holds no text" in empty


def test_no_reader_no_silence(make: Make) -> None:
    with pytest.raises(LoadError, match="could not be started"):
        list(read_with("no_such_module:LOADERS", [make("a", "say a")], limits=QUICK))
    assert list(read([])) == []


def test_a_caller_that_stops_early_leaves_no_process(make: Make) -> None:
    stream = read_with(REGISTRY, [make(f"f{i}", "say x") for i in range(50)], limits=QUICK)
    next(iter(stream))
    started = time.monotonic()
    stream.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 2


def test_a_slow_caller_is_no_hanging_file(make: Make) -> None:
    files = [make(f"f{i}", "say x") for i in range(30)]
    got: list[Batch] = []
    for batch in read_with(REGISTRY, files, limits=QUICK):
        if not got:
            time.sleep(2.5)  # longer than the limit, and than the alarm's twice the limit
        got.append(batch)
    assert len(texts(got)) == 30
    assert not problems(got)


def test_large_json_lines_come_in_several_batches(tmp_path: Path) -> None:
    path = tmp_path / "n.jsonl"
    path.write_text("".join(json.dumps({"id": i, "text": f"第{i}条"}) + "\n" for i in range(3000)))
    files, _ = discover([path])
    batches = list(read(files))
    assert len(texts(batches)) == 3000
    assert max(len(batch.documents) for batch in batches) <= 500
    assert [batch.done for batch in batches] == [False] * (len(batches) - 1) + [True]


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc to look for the process")
@pytest.mark.parametrize("order", ["sleep 60", "deadlock"])
def test_the_reader_dies_with_its_parent(make: Make, order: str) -> None:
    file = make("a", "say a", order)
    program = textwrap.dedent(
        f"""
        import os, sys
        sys.path[:0] = {sys.path!r}
        from pathlib import Path
        from rag.loaders.reading import Limits, SourceFile, _Reader
        reader = _Reader({REGISTRY!r}, Limits(seconds=1), True)
        reader._await_start()
        reader._request(0, SourceFile(Path({str(file.path)!r}), "a", 1))
        print(reader._process.pid, flush=True)
        import time; time.sleep(0.3)
        os._exit(1)
        """
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False)
    pid = int(done.stdout)
    until = time.monotonic() + 5
    while time.monotonic() < until and alive(pid):
        time.sleep(0.05)
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_document_survives_the_trip() -> None:
    info = DocumentInfo("1", "题", "a.txt", "2024-01-01", "甲", "报", "http://x")
    document = Document(info, "文\ud800字", (Page(1, 0, 1),), (Heading(0, 1, 1),))
    stream = io.BytesIO()
    send(stream, ("x", pack(document)))
    stream.seek(0)
    _, packed = marshal.loads(receive(stream) or b"")
    assert unpack(packed) == document
    assert receive(stream) is None
    assert receive(io.BytesIO(b"\x05\0\0\0\0\0\0\0abc")) is None


def test_the_worker_answers_in_this_process_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("正文。" * 400_000)
    out = io.BytesIO()
    worker = Worker(
        out,
        dict(LOADERS),
        seconds=0,
        file_bytes=1 << 30,
        stream_bytes=1 << 30,
        unpacked_bytes=1 << 30,
        ocr=True,
    )
    worker.read(7, tmp_path / "a.txt", "a.txt")
    worker.read(8, tmp_path / "b.txt", "b.txt")
    out.seek(0)
    messages = []
    while data := receive(out):
        messages.append(marshal.loads(data))
    assert [(m[0], m[1], len(m[2]), m[4]) for m in messages] == [
        ("batch", 7, 1, False),
        ("batch", 7, 0, True),
        ("batch", 8, 0, True),
    ]
    assert "vanished" in messages[-1][3][0][0]


def test_the_reader_starts_without_the_heavy_libraries() -> None:
    code = (
        "import sys, rag.loaders, rag.loaders.worker;"
        "print([m for m in ('torch', 'gradio', 'langchain_text_splitters', 'pypdfium2', 'docx',"
        " 'trafilatura', 'lxml', 'faiss') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    assert done.stdout.strip() == "[]"
