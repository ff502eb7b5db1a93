"""Reading sets of a few questions to train on."""

from __future__ import annotations

import json
from pathlib import Path

from rag.training.reader_data import Part, split_of
from tests.training.conftest import PLACES, THINGS, write_lines

Row = dict[str, object]


def titles_of(part: Part, count: int) -> list[str]:
    """Article titles that the split puts there; none of them in two parts."""
    numbered = (f"第{i}條目" for i in range(10_000))
    found = [title for title in numbered if split_of("drcd_dev", title) is part]
    return found[:count]


def row_of(title: str, place: str, thing: str) -> Row:
    return {
        "id": f"{title}-{place}", "title": title, "question": f"{place}建了多少个{thing}?",
        "context": f"{title}:{place}在2023年建了12个{thing},群众有{thing}。", "answers": ["12个"],
        "answerable": True,
    }  # fmt: skip


def write_set(folder: Path, name: str, rows: list[Row]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    write_lines(folder / f"{name}.jsonl.xz", lines)


def write_reading_sets(folder: Path) -> None:
    """Articles of each part in the split sets, others in the translated ones."""
    split = [title for part in Part for title in titles_of(part, 2)]
    for name in ("drcd_dev", "cmrc2018_trial"):
        rows = [row_of(t, place, THINGS[0]) for t in split for place in PLACES[:4]]
        write_set(folder, name, rows)
    for name, thing in (("squad2_zh_dev", THINGS[1]), ("xquad_zh", THINGS[2])):
        rows = [row_of(f"文章{thing}{i}", place, thing) for i in range(3) for place in PLACES[:4]]
        missing = {"answers": [], "answerable": False}
        write_set(folder, name, [*rows, rows[0] | missing] if name != "xquad_zh" else rows)
