"""Newspaper pages: what is put together, what is moved, and what passes through unharmed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.loaders.newspaper import Article, repair
from rag.loaders.newspaper_blocks import blocks_of
from rag.loaders.newspaper_bylines import as_byline, split_trailing_byline
from rag.loaders.newspaper_evidence import evidence, likeness, steps_of, words_of
from rag.loaders.newspaper_lines import decorative, looks_broken

pages: Any = import_module("pages")
column, page = pages.column, pages.page
TEA, LIBRARY, HARBOUR = pages.TEA, pages.LIBRARY, pages.HARBOUR
TEA_TITLE, LIBRARY_TITLE = pages.TEA_TITLE, pages.LIBRARY_TITLE


def characters(text: str) -> Counter[str]:
    return Counter("".join(text.split()))


def paragraphs(article: Article) -> list[str]:
    return article.text.split("\n\n")


def has_in_order(article: Article, parts: Sequence[str]) -> bool:
    places = [article.text.find(part) for part in parts]
    return -1 not in places and places == sorted(places)


# The shared page


def test_the_shared_page_gives_two_articles_with_their_titles(newspaper_page: str) -> None:
    first, second = repair(newspaper_page)
    assert first.title == "突出新兴领域党建引领 推动园区高质量发展"
    assert second.title == "“强县”“活镇”“兴村” “红色引擎”创新推进城乡融合发展"
    assert first.author == second.author == "白泽"
    assert first.text.count("龙泉驿") > 15
    assert "邛崃" not in first.text
    assert second.text.count("邛崃") > 15
    assert "龙泉驿" not in second.text


def test_the_shared_page_has_its_sentences_whole(newspaper_page: str) -> None:
    first, second = repair(newspaper_page)
    assert "设立200余个党员先锋岗和党员示范岗，帮助企业党组织成立科技创新先锋队" in first.text
    assert "属地街道“两新”综合党委带队" in first.text
    assert "印发《龙泉驿区“两企三新”问题诉求办理工作规程（试行）》" in first.text
    assert "生产线正上演“春忙图景”——伴随" in second.text
    assert "建立“网格长-微网格长-楼栋代表”三级议事架构" in second.text
    assert "实现需求精准对接，“这些举措" in second.text
    assert "平乐镇2025年春节舞竹龙活动。" in paragraphs(second)


def test_the_shared_page_has_its_headings_at_their_sections(newspaper_page: str) -> None:
    first, second = repair(newspaper_page)
    for heading, section in (
        ("鼓励党员先锋 为产业发展注入新动力", "人勤春早，开局冲刺。"),
        ("共建合作平台 为园区发展提供新动能", "对熟悉汽车产业的人来说"),
        ("优化营商环境 为经济发展启动新引擎", "累计测试里程近6万公里"),
    ):
        assert f"{heading}\n\n{section}" in first.text
    assert has_in_order(second, ["初春时节", "促进治理融合向“兴村”", "金河社区毗邻", "白泽/文"])


def test_the_shared_page_loses_only_the_decoration(newspaper_page: str) -> None:
    after = sum((characters(article.text) for article in repair(newspaper_page)), Counter[str]())
    assert characters(newspaper_page) - after == Counter({"邛": 2, "崃": 2})
    assert not after - characters(newspaper_page)


# Other pages


def test_two_articles_are_split_at_their_bylines() -> None:
    text = page(
        TEA_TITLE + "\n" + column(TEA, 22) + " 方晓/文 云岭县委宣传部/图",
        LIBRARY_TITLE,
        column(LIBRARY, 18),
        "文/江一帆 图/望江市图书馆",
    )
    tea, library = repair(text)
    assert (tea.title, tea.author) == (TEA_TITLE, "方晓")
    assert (library.title, library.author) == (LIBRARY_TITLE, "江一帆")
    assert paragraphs(tea)[1:-1] == list(TEA)
    assert paragraphs(library)[1:-1] == list(LIBRARY)


def test_a_byline_below_the_title_begins_an_article() -> None:
    text = page(
        TEA_TITLE,
        "本报记者 方晓 通讯员 李山",
        column(TEA, 20),
        LIBRARY_TITLE,
        "本报记者 江一帆",
        column(LIBRARY, 20),
    )
    tea, library = repair(text)
    assert (tea.title, tea.author) == (TEA_TITLE, "方晓")
    assert (library.title, library.author) == (LIBRARY_TITLE, "江一帆")
    assert paragraphs(library)[2:] == list(LIBRARY)


def test_a_beginning_behind_its_own_byline_comes_first_again() -> None:
    text = page(
        TEA_TITLE,
        column(TEA, 24),
        "方晓/文图",
        column(LIBRARY[2:], 14),
        "江一帆/文 望江市图书馆/图",
        "望江市把图书馆\n开到街角",
        "望望望江江江\n" + column(LIBRARY[:2], 19),
        "街角书屋里的小读者。",
    )
    tea, library = repair(text)
    assert tea.title == TEA_TITLE
    assert library.title == "望江市把图书馆 开到街角"
    assert has_in_order(library, [*LIBRARY, "江一帆/文"])
    assert "街角书屋里的小读者。" in paragraphs(library)
    assert "望江" in paragraphs(library)[:2]


def test_a_sentence_cut_between_the_displaced_parts_is_whole_again() -> None:
    broken = LIBRARY[1]
    head, tail = broken[: 17 + 19 * 2], broken[17 + 19 * 2 :]
    text = page(
        TEA_TITLE,
        column(TEA, 24),
        "方晓/文图",
        column([tail, *LIBRARY[2:]], 14),
        "江一帆/文 望江市图书馆/图",
        LIBRARY_TITLE,
        column([LIBRARY[0], head], 19),
    )
    _, library = repair(text)
    assert has_in_order(library, [LIBRARY_TITLE, *LIBRARY, "江一帆/文"])


def test_headings_below_the_byline_return_to_their_sections() -> None:
    text = page(
        TEA_TITLE + "\n" + column(TEA[:2], 26),
        column(["“以前卖茶靠运气，" + TEA[2][1:], TEA[2]], 16),
        column([TEA[3], TEA[3]], 21),
        "方晓/文图",
        "买主守着茶园\n茶农收入多两万",
        "办起茶叶学院\n制茶师傅进课堂",
        LIBRARY_TITLE,
        column(LIBRARY, 18),
        "江一帆/文",
    )
    tea, library = repair(text)
    assert has_in_order(
        tea, ["买主守着茶园 茶农收入多两万", TEA[2], "办起茶叶学院 制茶师傅进课堂", TEA[3]]
    )
    assert tea.text.startswith(TEA_TITLE)
    assert library.text.startswith(LIBRARY_TITLE)


def test_headings_without_clear_evidence_stay_where_they_are() -> None:
    text = page(TEA_TITLE, column(TEA, 22), "方晓/文图", "又是一年好光景", "山高水长")
    (tea,) = repair(text)
    assert paragraphs(tea)[-3:] == ["方晓/文图", "又是一年好光景", "山高水长"]
    assert [tea.text[h.start : h.end] for h in tea.headings] == [
        TEA_TITLE,
        "又是一年好光景",
        "山高水长",
    ]


def test_text_without_a_byline_that_shares_nothing_is_an_article_of_its_own() -> None:
    text = page(TEA_TITLE, column(TEA, 22), "方晓/文图", LIBRARY_TITLE, column(LIBRARY, 22))
    tea, library = repair(text)
    assert (library.title, library.author) == (LIBRARY_TITLE, None)
    assert not any(part in tea.text for part in LIBRARY)


def test_a_traditional_page_with_corner_brackets_and_a_decorative_title() -> None:
    text = page(
        "鹿鹿鹿鳴鳴鳴港港港",
        pages.HARBOUR_TITLE + "\n" + column(HARBOUR, 17),
        "陳大文／文 林小明／圖",
    )
    (harbour,) = repair(text)
    assert (harbour.title, harbour.author) == (pages.HARBOUR_TITLE, "陳大文")
    assert has_in_order(harbour, HARBOUR)
    assert "鹿鳴港" in paragraphs(harbour)
    assert "鹿鹿" not in harbour.text


def test_a_paragraph_broken_by_a_quotation_mark_is_whole_again() -> None:
    at = TEA[1].index("茶叶合作社")
    first = TEA[1][:at] + "罗开贵说，"
    text = page(
        TEA_TITLE, column([TEA[0], first], 20), column(["“" + TEA[1][at:] + "”", TEA[3]], 20)
    )
    (tea,) = repair(text)
    assert f"罗开贵说，“{TEA[1][at:]}”" in tea.text


def test_a_heading_inside_a_sentence_gets_out_of_its_way() -> None:
    lines = column(TEA, 22).split("\n")
    lines[8:8] = ["", "茶山新账", ""]
    (tea,) = repair("\n".join(lines))
    assert all(part in paragraphs(tea) for part in TEA)
    assert "茶山新账" in paragraphs(tea)


def test_an_empty_line_after_every_line_is_no_paragraph() -> None:
    (tea,) = repair(page(TEA_TITLE, column(TEA, 23, spaced=True)))
    assert paragraphs(tea) == [TEA_TITLE, *TEA]


def test_a_caption_stays_a_paragraph_of_its_own() -> None:
    text = page(TEA_TITLE, column(TEA[:2], 20), "采茶工在石坪乡茶园劳作。", column(TEA[2:], 20))
    assert "采茶工在石坪乡茶园劳作。" in paragraphs(repair(text)[0])


def test_indented_paragraphs_without_gaps_are_told_apart() -> None:
    text = "\n".join("　　" + column([part], 20) for part in TEA)
    (tea,) = repair(text)
    assert paragraphs(tea) == list(TEA)


def test_figures_lose_the_spaces_that_filled_their_line() -> None:
    text = column(["全县共有 374 项服务进入大厅，" + part for part in TEA], 20)
    assert "全县共有374项服务" in repair(text)[0].text


def test_latin_words_keep_their_space_at_a_line_end() -> None:
    latin = "县里今年引进了 Green Valley\nSystems 公司的传感器，农户用"
    text = page(column(TEA, 18), latin + "\n手机就能看到土壤的湿度和温度。")
    assert "Green Valley Systems 公司" in repair(text)[0].text


# What passes through

PROSE = "\n\n".join((*TEA, *LIBRARY))
UNHARMED = {
    "prose": PROSE,
    "one long paragraph": TEA[0] * 5,
    "classical verse": "床前明月光，\n疑是地上霜。\n举头望明月，\n低头思故乡。\n" * 3,
    "long verse": "君不见黄河之水天上来，奔流到海不复回。\n君不见高堂明镜悲白发，朝如青丝暮成雪。\n"
    * 4,
    "unpunctuated verse": "白日依山尽\n黄河入海流\n欲穷千里目\n更上一层楼\n" * 3,
    "modern verse": "我在山坡上等一阵风\n风却在海边\n替渔人补一张旧网\n网住了月亮\n也网住了我",
    "list": "\n".join(f"{i}. 在第{i}个村建设灌溉水渠和水塔，方便村民用水" for i in range(1, 12)),
    "bullets": "\n".join(f"- 完成第{i}项任务，并及时向上级报告进展情况" for i in range(1, 12)),
    "table": "\n".join(f"云岭县石坪乡第{i}村\t{i * 31}户\t{i * 977}人" for i in range(1, 12)),
    "names": "\n".join(("云岭县人民政府办公室", "望江市图书馆管理中心", "石坪乡农业综合服务站"))
    * 3,
    "code": "def total(rows):\n    result = 0\n    for row in rows:\n        result += row.price\n"
    "    return result\n\nprint(total(load()))\n",
    "english": "The harbour was dredged three years ago at a cost of four hundred\n"
    "million, and the number of boats has tripled since then. Young people\n"
    "who had left for the city are coming back, says an old captain, and\n"
    "the market is busy again every morning from four until seven, when\n"
    "the last of the fish has been sold and the lights go out.\n",
    "letter": "朋友：\n\n　　你好！收到来信很高兴。\n　　祝\n安康\n\n　　　　方晓\n　　五月三日",
    "headings and prose": f"# 标题\n\n{TEA[0]}\n\n## 小节\n\n{TEA[1]}\n",
    "nothing": "",
}


@pytest.mark.parametrize("kind", UNHARMED)
def test_what_no_column_has_broken_passes_unharmed(kind: str) -> None:
    text = UNHARMED[kind]
    assert repair(text) == [Article("", text)]


# Nothing is lost or invented

_PIECES = st.one_of(
    st.sampled_from([*TEA, *LIBRARY, *HARBOUR]).flatmap(
        lambda text: st.integers(9, 30).map(lambda width: column([text], width))
    ),
    st.sampled_from(
        [TEA_TITLE, LIBRARY_TITLE, "江一帆/文 某局/图", "本报记者 方晓", "街角书屋", "合影。"]
    ),
    st.text(st.sampled_from("甲乙丙“”，。！（）《 \n\t　abc19-/文图"), max_size=60),
    st.text(max_size=40),
)


@given(st.lists(_PIECES, max_size=14), st.sampled_from(["\n", "\n\n"]))
@settings(max_examples=300, deadline=None)
def test_no_character_is_lost_or_invented(parts: list[str], joint: str) -> None:
    text = joint.join(parts)
    after = sum((characters(article.text) for article in repair(text)), Counter[str]())
    assert not after - characters(text)
    lost = characters(text) - after
    decoration: Counter[str] = Counter()
    for line in text.split("\n"):
        if decorative(line):
            decoration += characters(line)
    assert not lost - decoration


@given(st.lists(_PIECES, min_size=1, max_size=14), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_headings_are_lines_of_their_own_in_order(
    parts: list[str], shuffler: random.Random
) -> None:
    shuffler.shuffle(parts)
    for article in repair("\n\n".join([*parts, column(TEA, 20)])):
        lines = article.text.split("\n\n")
        ends = [0]
        for heading in article.headings:
            assert article.text[heading.start : heading.end] in lines
            assert heading.start >= ends[-1]
            ends.append(heading.end)


# The parts


@pytest.mark.parametrize(
    ("line", "author"),
    [
        ("白一/文 某某区委社会工作部/图", "白一"),
        ("陳大文／文 林小明／圖", "陳大文"),
        ("文/江一帆 图/方晓", "江一帆"),
        ("本报记者 方晓 江一帆 文/图", "方晓、江一帆"),
        ("（记者 方晓）", "方晓"),
        ("撰文：方晓", "方晓"),
        ("方晓 文/图", "方晓"),
        ("记者方晓走进了茶园，看到了这样一幕。", None),
        ("茶园的文图资料都保存在县里", None),
        ("本报记者 方晓 摄", None),
        ("望江市把图书馆开到街角", None),
    ],
)
def test_a_byline_names_its_author(line: str, author: str | None) -> None:
    assert as_byline(line) == author


def test_a_byline_set_behind_the_last_sentence_is_taken_apart() -> None:
    assert split_trailing_byline("发展之路。 白一/文 宣传部/图") == (
        "发展之路。",
        "白一/文 宣传部/图",
    )
    assert split_trailing_byline("他说：“好。”（记者 方晓）") == ("他说：“好。”", "（记者 方晓）")
    assert split_trailing_byline("好。白一/文") == ("好。", "白一/文")
    assert split_trailing_byline("第一句。第二句。") == ("第一句。第二句。", "")
    assert split_trailing_byline("已经开工。记者从宁") == ("已经开工。记者从宁", "")


def test_only_lines_in_which_every_character_is_repeated_are_decorative() -> None:
    assert decorative("邛邛邛崃崃崃") == "邛崃"
    assert decorative("龙 龙 龙 泉 泉 泉") == "龙泉"
    assert decorative("哈哈哈") == ""
    assert decorative("高高兴兴") == ""
    assert decorative("邛邛邛崃崃") == ""


def test_a_line_that_reaches_the_margin_goes_on_and_a_short_one_is_a_heading() -> None:
    kinds = [(block.kind, block.text) for block in blocks_of(page("好茶出山", column(TEA, 20)))]
    assert kinds == [("heading", "好茶出山"), *(("paragraph", part) for part in TEA)]


@pytest.mark.parametrize(
    "title", ["云岭县：茶山上的新账本", "茶山红了，账本厚了", "云岭茶出山了！"]
)
def test_a_title_may_have_the_punctuation_of_a_sentence(title: str) -> None:
    for text in (page(title, column(TEA, 20)), title + "\n" + column(TEA, 20)):
        (tea,) = repair(text)
        assert tea.title == title
        assert paragraphs(tea) == [title, *TEA]


def test_the_first_line_of_a_lead_alone_in_its_column_is_no_title() -> None:
    lines = column(TEA, 19).split("\n")
    lines[1:1] = [""]
    (tea,) = repair("\n".join(lines))
    assert (tea.title, paragraphs(tea)) == ("", list(TEA))


def test_remarks_and_picture_credits_are_no_headings() -> None:
    (tea,) = repair(page(TEA_TITLE, column(TEA, 20), "（完）", "方晓 摄"))
    assert [tea.text[h.start : h.end] for h in tea.headings] == [TEA_TITLE]
    assert paragraphs(tea)[-2:] == ["（完）", "方晓 摄"]


def test_brokenness_needs_enough_lines_for_its_evidence() -> None:
    three = "\n".join(column(TEA, 20).split("\n")[:3])
    assert not looks_broken(three)
    assert looks_broken(three, at_least=1)


def test_steps_are_found_where_the_mean_changes_for_good() -> None:
    assert steps_of([[18, 18], [18, 17], [24, 24], [24, 23]], price=12) == [2]
    assert steps_of([[18, 18], [18, 22], [18, 18]], price=12) == []
    assert steps_of([], price=12) == []


def test_evidence_prefers_the_text_that_has_the_words() -> None:
    ours, theirs = words_of(["茶园茶园茶叶"]), words_of(["书屋图书"])
    assert (
        evidence(words_of(["茶园"]), ours, theirs) > 0 > evidence(words_of(["书屋"]), ours, theirs)
    )
    assert likeness(ours, theirs, [ours, theirs]) == 0
    assert likeness(ours, ours, [ours, theirs]) == pytest.approx(1)
