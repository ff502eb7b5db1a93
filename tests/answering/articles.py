"""A handful of short articles whose every figure is known, and parts that read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rag.text import analyse
from rag.types import Chunk, DocumentInfo, Hit, content_id

LONGQUANYI = """---
title: 龙泉驿区建强产业链
date: 2025-02-10
---

# 龙泉驿区建强产业链

龙泉驿区在生产一线建立200余个党员先锋岗。全区组建60余支产业服务攻坚队。

2024年，龙泉驿区新投放惠蓉贷18亿元，惠及中小企业500余家。领克汽车主管工程师简云久改进了涂装工艺。

龙泉驿区的东华村地处柏合街道，聚集汽车企业1600余家。龙泉驿区办起了“驿站办”营商服务品牌。
"""
QIONGLAI = """---
title: 邛崃市激活县域经济
date: 2025-02-11
---

# 邛崃市激活县域经济

2024年，邛崃市新投放惠蓉贷26.54亿元，减免税费9.2亿元。

2023年，邛崃市村均集体经济收入同比增长40%。2024年，邛崃市村均集体经济收入同比增长60%。

邛崃市天台山景区被评为国家5A级景区。邛崃市2021年、2022年获评全省县域经济发展先进县。

檀阴社区党组织书记刘洪说，志愿者为老年人理发可以积分。金桂社区党组织书记田光军负责老院子改造。
"""
ANPING = """---
title: 安平區圖書館年報
date: 2025-01-05
---

# 安平區圖書館年報

安平區圖書館在２０２４年新購圖書１２０００冊。館長林美惠表示，夜間開放延長到２２時。

讀者服務志工共有８６名。
"""
MUSEUM = """---
title: The Harbour Museum
date: 2024-06-01
---

# The Harbour Museum

The Harbour Museum opened in 1998 in the old customs house of Bristol. Its director, Jane
Holloway, leads a team of 45 volunteers. A ticket for adults costs 12 dollars.
"""
BRIDGE = """---
title: 蓝溪村修桥记
date: 2024-03-08
---

# 蓝溪村修桥记

因为山洪年年冲断木桥，蓝溪村决定改建石桥。村里在2023年修了37座石桥。
"""
TABLES = """---
title: 青岚镇便民服务一览
date: 2026-05-08
---

# 青岚镇便民服务一览

镇上各服务窗口的联系方式如下，工作日均可拨打。

| 单位 | 联系电话 | 地址 | 负责人 | 开放时间 |
|---|---|---|---|---|
| 社保服务站 | 028-61230011 | 青岚大道12号 | 罗敏 | 周一至周五9:00—17:00 |
| 户籍窗口 | 028-61230022 | 人民路3号 | 何志远 | 周一至周六8:30—17:30 |
| 卫生院 | 028-61230033 | 石桥街45号 | 田野 | 全天 |
| 图书室 | 028-61230044 | 文化巷7号 | 宋佳 | 周二至周日10:00—20:00 |
| 文化站 | — | 文化巷9号 | 宋佳 | 周末 |

## 收费标准

| 事项 | 收费标准 | 办理时限 | 所需材料 |
|---|---|---|---|
| 补办身份证 | 40元 | 20个工作日 | 户口簿 |
| 居住证签注 | 免费 | 当场办结 | 居住证、租房合同 |
| 老年证 | 免费 | 3个工作日 | 身份证、一寸照片 |
| 场地租用 | 每小时60元 | 提前2天申请 | 单位介绍信 |

## 历年数据

| 指标 | 2023年 | 2024年 | 2025年 |
|---|---|---|---|
| 常住人口（人） | 31200 | 31850 | 32410 |
| 粮食产量（吨） | 8200 | 8350 | 8610 |
| 游客人次 | 12万 | 19万 | 27万 |

| 村 | 户数 | 支书 | 主导产业 |
|---|---|---|---|
| 望江村 | 420 | 李国强 | 柑橘 |
| 白鹭村 | 356 | 周晓梅 | 茶叶 |
| 松林村 | 288 | 赵铁军 | 林下鸡 |
"""


def not_yet(*values: object, why: str) -> Any:
    """A row of a table that the rules get wrong today; it may pass any day."""
    return pytest.param(*values, marks=pytest.mark.xfail(reason=why, strict=False))


def write_articles(folder: Path) -> Path:
    folder.mkdir()
    for name, text in (
        ("longquanyi", LONGQUANYI),
        ("qionglai", QIONGLAI),
        ("anping-hant", ANPING),
        ("museum-en", MUSEUM),
        ("bridge", BRIDGE),
    ):
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


class Passages:
    """Document frequencies of a few passages, as an index would count them."""

    def __init__(self, *texts: str) -> None:
        self.count = len(texts)
        self._counts = Counter(term for text in texts for term in set(analyse(text)))

    def frequencies(self, terms: Sequence[str]) -> list[int]:
        return [self._counts[term] for term in terms]


def hit(text: str, *, rank: int = 1, title: str = "", date: str | None = None) -> Hit:
    """A passage that is a whole document."""
    name = content_id(title, text)
    info = DocumentInfo(name, title, f"docs/{name}.md", date)
    chunk = Chunk(f"{name}-0", name, 0, len(text), text, title)
    return Hit(rank, 1.0 / rank, chunk, info, lexical_rank=rank)
