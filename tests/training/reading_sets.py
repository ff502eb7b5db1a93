"""Reading sets of a few questions to train on."""

from __future__ import annotations

import json
from pathlib import Path

from tests.training.conftest import PLACES, THINGS, write_lines


def write_reading_sets(folder: Path) -> None:
    """Ten articles in both sets, under other names; one more only in XQuAD."""
    squad, chinese = [], []
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
    for name, rows in (("squad2_zh_dev", squad), ("xquad_zh", chinese)):
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        write_lines(folder / f"{name}.jsonl.xz", lines)
