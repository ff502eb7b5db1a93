"""Newspaper pages of the kind that leaves a layout program, made from whole articles."""

from __future__ import annotations

from collections.abc import Sequence

_NOT_FIRST = "，。、；：！？”’）》」』"


def _fitting(text: str, width: int) -> int:
    """How many characters fill a line; punctuation that may not begin a line hangs over."""
    cut, room = 0, float(width)
    while cut < len(text) and room > 0:
        room -= 1.0 if text[cut] > "\u2000" else 0.5
        cut += 1
    while cut < len(text) and text[cut] in _NOT_FIRST:
        cut += 1
    return cut


def column(paragraphs: Sequence[str], width: int, *, spaced: bool = False) -> str:
    """Paragraphs set in a column: broken at `width`, an empty line after each (or each line)."""
    blocks: list[str] = []
    for paragraph in paragraphs:
        lines: list[str] = []
        rest, room = paragraph, width - 2  # the first line is indented, by space that gets lost
        while rest:
            cut = _fitting(rest, room)
            lines.append(rest[:cut])
            rest, room = rest[cut:], width
        blocks.append(("\n\n" if spaced else "\n").join(lines))
    return "\n\n".join(blocks)


def page(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


TEA_TITLE = "云岭县茶山上的新账本"
TEA = (
    "谷雨刚过，云岭县的茶山上已是一片忙碌。在石坪乡的千亩茶园里，采茶工们赶在日出之前上山，"
    "指尖翻飞之间，一篮篮嫩芽被送往山下的加工厂，云岭县的春茶就这样开始了它的旅程。",
    "云岭县农业农村局的统计显示，全县现有茶园六万八千亩，去年干茶产量三千二百吨，综合产值达到"
    "十一亿元。茶叶合作社从最初的七家发展到现在的五十三家，带动茶农一万九千户。",
    "“以前是提着篮子找买主，现在是买主守着茶园等。”石坪乡茶农罗开贵说，他家的十二亩茶园"
    "去年卖了九万多元，比前年多了两万元，今年他还打算再学一门制茶手艺。",
    "为了让茶叶卖得更远，云岭县在县城建起了茶叶交易中心，请来了十六位制茶师傅，还同三所高校"
    "合作办起了茶叶学院，每年培训茶农两千人次，茶山的账本因此越记越厚。",
)
LIBRARY_TITLE = "望江市把图书馆开到街角"
LIBRARY = (
    "傍晚六点，望江市滨河路的街角书屋灯火通明，放学的孩子和下班的职工各自找到座位坐下。这样的"
    "书屋在望江市已有八十二家，平均每家藏书四千册，开放到晚上十点，周末也不休息。",
    "望江市图书馆馆长沈雁秋介绍，街角书屋由市图书馆统一配书、统一管理，读者在任何一家借的书都"
    "可以在另一家归还，去年全市书屋接待读者三百一十万人次，借出图书一百八十万册。",
    "书屋的房子来自街道闲置的门面，志愿者来自附近的小区。退休教师马承业每周值班三次，他说自己"
    "最喜欢给孩子们讲故事，书屋让邻居们重新认识了彼此，也让望江市多了一份书香。",
    "今年，望江市计划再建二十家书屋，其中五家设在工业园区，方便工人们借书，图书馆还将推出夜间"
    "讲座和有声读物，让更多的读者在街角就能找到想看的那本书。",
)
HARBOUR_TITLE = "鹿鳴港的漁船回來了"
HARBOUR = (
    "清晨四點，鹿鳴港的碼頭已經亮起燈火，十幾艘漁船陸續靠岸，船員們把一箱箱鮮魚搬上岸來。港務"
    "處處長林春海說，鹿鳴港去年的漁獲量達到兩萬三千噸，是十年來最多的一年。",
    "鹿鳴港曾經因為淤積而沒落，許多船家搬到了別的港口。三年前，縣政府投入四億元疏浚航道、重建"
    "魚市場，並且為漁民提供低利貸款，漁船從四十艘增加到一百二十六艘。",
    "「我們的孩子也願意回來了。」老船長陳阿福說，他的兩個兒子去年從城裡回到鹿鳴港，一個開船，"
    "一個經營民宿，全家人終於又能在一張桌子上吃飯。",
)
