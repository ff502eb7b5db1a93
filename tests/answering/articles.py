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
