"""What looks like the name of a place or a person, and what only does so."""

from __future__ import annotations

import re

from rag.answering.spans import COMMON_SURNAMES, TITLED

# A subject of three characters that looks like a person, before what people do and are, or like
# a place.
SUBJECT = re.compile(
    rf"(?:^|[,。;、和与])(?:([{COMMON_SURNAMES}][\u4e00-\u9fff](?![是在说当任曾的])[\u4e00-\u9fff])"
    r"(?=说|在|是(?!否)|当|任|担任|今年|曾|表示|介绍|认为|提到|改进|负责|来自|毕业|获)"
    r"|([\u4e00-\u9fff]{2}[区县市镇村])(?=的|给|有|在|是(?!否)|新|共|里))"
)
ZONE_SUFFIX = ("特别行政区", "自治区", "自治州", "街道", "社区", "园区", "省", "市", "区", "县", "镇", "乡", "村")  # fmt: skip
_NOT_ZONES = frozenset(
    "地区 社区 园区 城市 县市 乡村 农村 全市 全区 全县 全省 全镇 全村 本市 本区 该区 该市 该镇 该村 市区 城区 辖区 景区 街区 "
    "小区 山区 郊区 开发区 经开区 高新区 工业园区 产业园区 片区 校区 城乡 县域 街道 街镇 乡镇 村镇 中心镇 古镇 老区 "
    "新区 各区 各县 各镇 各村 超市 股市 上市 都市 门市 楼市 百强区 百强县 强县 强区 强镇 先进县 示范县 示范区 试点 "
    "村社区 城乡社区 产业社区 国家 省市 区县 县 市 区 镇 乡 村 省".split()
)
_NOT_ZONES_LONG = tuple(word for word in _NOT_ZONES if len(word) > 2)
_NO_NAME_STARTS = frozenset("外全各本该某哪这那几多两整每同别其省市县区老新")
# What stands before a suffix and makes no name of it: 走进社区, 扎根园区.
NOT_STEMS = frozenset(
    "走进 进入 进驻 入驻 落户 落地 扎根 深入 来到 离开 回到 返回 留在 服务 建设 治理 管理 打造 改造 整治 提升 发展 推动 "
    "支持 帮助 引导 带动 当作 作为 成为 变成 视为 关于 对于 针对 围绕 依托 每个 各个 全部 所有 整个 其他 哪些 多少 这些 那些".split()
)
# 第2号水库 is not 第1号水库; 5号 alone is mostly a day.
NUMBERED = re.compile(
    r"第\d{1,4}号|(?<![月\d.])\d{1,4}号(?=楼|线|桥|院|馆|厅|门|井|机|车|厂|矿|站|库|仓|院|隧道|公路|地块|高炉|文件|公告|令)"
)
# What stands before a person's name, and after it, where the index doesn't know the name.
_BEFORE_NAME = re.compile(
    r"(?:^|[,。;:、和与跟同对给让被由问于叫“「]|是(?!什么)|(?<=的)(?<!么的))$"
)
_AFTER_NAME = re.compile(
    r"[,、和与是在说当任担曾同有会能]|怎|如何|为[什何]|哪|什么|的(?!话)|表示|介绍|认为|负责|提到|改进|来自|毕业|获|[?。!]?$"
)


def stands_like_a_name(word: str, folded: str) -> bool:
    """Whether names stand where a word does; of three characters one side is enough."""
    at = folded.find(word)
    before, after = folded[:at], folded[at + len(word) :]
    if TITLED.search(before):
        return True
    sides = _BEFORE_NAME.search(before) is not None, _AFTER_NAME.match(after) is not None
    return all(sides) if len(word) == 2 else any(sides)


def is_no_place(word: str) -> bool:
    """Whether a word ends like a place's name and is none: 全区, 开发区, 外省市."""
    return word in _NOT_ZONES or word[0] in _NO_NAME_STARTS or word.endswith(_NOT_ZONES_LONG)


def place_stem(name: str) -> str:
    """The name without its suffix, as people also write it: 龙泉驿区 -> 龙泉驿."""
    for suffix in ZONE_SUFFIX:
        if name.endswith(suffix) and len(name) - len(suffix) >= 2:
            return name.removesuffix(suffix)
    return name


__all__ = [
    "NOT_STEMS",
    "NUMBERED",
    "SUBJECT",
    "ZONE_SUFFIX",
    "is_no_place",
    "place_stem",
    "stands_like_a_name",
]
