"""A handful of lines in the layout of the shared data."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

PLACES = ("龙泉驿区", "邛崃市", "成都", "宜宾", "乐山", "绵阳", "泸州", "自贡")
THINGS = ("竹编", "党员先锋岗", "桃花节", "汽车工厂", "白酒", "博物馆", "铁路", "音乐厅")


def write_lines(path: Path, lines: list[str]) -> None:
    with lzma.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """News, dictionary and translations for training, and every file that it must not open."""
    folder = tmp_path_factory.mktemp("data")
    news = [
        {
            "id": f"news-{i:03}",
            "date": "2023-08-01",
            "title": f"{place}的{thing}" if i % 3 == 0 else "",
            "text": f"{place}今年建了{i}个{thing},群众非常满意。2023年8月{i % 28 + 1}日,"
            f"记者在{place}看到{thing}已经开放。専家認為{thing}帶動了旅遊。负责人说,{thing}还会继续扩大规模,欢迎大家前来。",
        }
        for i, (place, thing) in enumerate([(place, thing) for place in PLACES for thing in THINGS])
    ]
    write_lines(folder / "news.jsonl.xz", [json.dumps(row, ensure_ascii=False) for row in news])
    write_lines(
        folder / "cedict_zh_en.tsv.xz",
        [
            "群众\t群眾\tthe masses/CL:個|个[ge4]",
            "记者\t記者\treporter/journalist",
            "新闻记者\t新聞記者\tjournalist",
            "铁路\t鐵路\trailroad/railway",
            "开放\t開放\tto open/to be open (to the public)",
            "成都\t成都\tChengdu",
            "龟\t龜\tvariant of 龜|龟[gui1]",
        ],
    )
    write_lines(
        folder / "tatoeba_en_zh.tsv.xz",
        [f"He is reporter number {i}.\t他是第{i}個記者。" for i in range(30)],
    )
    for name in ("cmrc2018_trial", "drcd_dev", "squad2_zh_dev", "xquad_en", "xquad_zh"):
        (folder / f"{name}.jsonl.xz").write_bytes(b"not to be opened")
    return folder
