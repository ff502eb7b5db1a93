"""The product's own words around quotations, in Chinese and English."""

from __future__ import annotations

from collections.abc import Sequence

from rag.errors import Lang

_DECLINED: dict[str, tuple[str, str]] = {
    "nothing_found": (
        "文章中没有找到与这个问题有关的内容。",
        "The documents say nothing about this question.",
    ),
    "low_confidence": (
        "文章没有回答这个问题。下面是最接近的段落，供参考。",
        "The documents don't answer this question. The nearest passages are shown below.",
    ),
    "entity_mismatch": (
        "文章没有回答这个问题：找到的内容没有提到“{missing}”。下面是最接近的段落，供参考。",
        "The documents don't answer this question: what was found doesn't speak of "
        "“{missing}”. The nearest passages are shown below.",
    ),
    "model_declined": (
        "语言模型在找到的段落里没有发现这个问题的答案。下面是最接近的段落，供参考。",
        "The language model found no answer to this question in the passages. The nearest ones "
        "are shown below.",
    ),
    "empty_question": (
        "请写出一个具体的问题，例如某个数字、人物、地点或事件。",
        "Please ask something specific, such as a figure, a person, a place or an event.",
    ),
}


def declined(lang: Lang, reason: str, missing: str | None) -> str:
    """The refusal's sentence for a reason code."""
    zh, en = _DECLINED[reason]
    return (zh if lang == "zh" else en).format(missing=missing or "")


def supported(lang: Lang, label: str, short: str, quotes: Sequence[tuple[str, int]]) -> str:
    """Short answer, then the quotations with their markers; a quotation alone when it is both."""
    if lang == "zh":
        shown = "".join(f"“{_one_line(text)}”[{marker}]" for text, marker in quotes)
        if _one_line(quotes[0][0]).rstrip("。！？；") == short:
            return f"{label}{shown}"
        return f"{label}{short}。原文：{shown}"
    shown = " ".join(f"“{_one_line(text)}” [{marker}]" for text, marker in quotes)
    if _one_line(quotes[0][0]).rstrip(".!?;") == short:
        return f"{label}{shown}"
    return f"{label}{short}. Source: {shown}"


def part_missing(lang: Lang, label: str) -> str:
    """One part of a question that the documents don't answer."""
    return f"{label}文章没有提到。" if lang == "zh" else f"{label}the documents don't say."


def unsupported(lang: Lang) -> str:
    """The mark at a sentence that no passage supports; stands after its end."""
    return "〔未在文章中找到依据〕" if lang == "zh" else " [not supported by the documents]"


def broken_off(lang: Lang) -> str:
    """What stands between a language model's unfinished text and the quotations after it."""
    if lang == "zh":
        return "（语言模型中断，以下摘自文章。）"
    return "(The language model broke off; what follows is quoted.)"


def joined(lang: Lang, shorts: Sequence[str]) -> str:
    """Several short answers as one."""
    return ("；" if lang == "zh" else "; ").join(dict.fromkeys(shorts))


def _one_line(text: str) -> str:
    return " ".join(text.split())
