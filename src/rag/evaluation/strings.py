"""What reports say, in English and in Chinese."""

from __future__ import annotations

from rag.errors import Lang

_STRINGS: dict[str, tuple[str, str]] = {
    "figure": ("figure", "指标"),
    "figures": ("Figures", "指标"),
    "questions": ("questions", "问题数"),
    "so_many": ("{count} questions", "{count} 个问题"),
    "unchanged": ("{count} other figures are the same in both.", "其余 {count} 项指标前后相同。"),
    "latency": ("latency p50 / p95, ms", "耗时 p50 / p95（毫秒）"),
    "group": ("language or tag", "语言或标签"),
    "groups": ("By language and tag", "按语言和标签"),
    "interval": ("In brackets: 95% bootstrap interval.", "方括号内为 95% 自助法置信区间。"),
    "before": ("before", "之前"),
    "after": ("after", "之后"),
    "difference": ("difference", "差值"),
    "p": ("p", "p"),
    "changed": ("better / worse", "变好 / 变差"),
    "setting": ("changed", "变化项"),
    "flips": ("Flipped questions", "结果翻转的问题"),
    "none": ("none", "无"),
    "more": ("and {count} more, see the report", "另有 {count} 个，见报告"),
    "gate": ("Gate", "门槛"),
    "held": ("held", "达标"),
    "missed": ("MISSED", "未达标"),
    "place": ("where", "范围"),
    "measured": ("measured", "实测"),
    "wanted": ("wanted", "要求"),
    "outcome": ("what became of the questions", "问题的结局"),
    "comparison": ("Comparison", "对比"),
    "compared": (
        "{before} → {after}: {common} questions in both, {only_before} only before, "
        "{only_after} only after.",
        "{before} → {after}：共同问题 {common} 个，仅之前有 {only_before} 个，"
        "仅之后有 {only_after} 个。",
    ),
    "system": (
        "{documents} articles, {chunks} passages (index {index}); model {model}; commit {commit}; "
        "{machine}; {seconds:.1f} s",
        "{documents} 篇文章，{chunks} 个段落（索引 {index}）；模型 {model}；提交 {commit}；"
        "{machine}；{seconds:.1f} 秒",
    ),
    "measured_system": ("What was measured", "被测系统"),
    "title": ("Evaluation", "评测报告"),
    "all_questions": ("Questions", "逐题结果"),
    "plot_risk": ("Risk and coverage", "风险与覆盖"),
    "plot_risk_note": (
        "When only the surest questions are answered, how many of those answers are wrong.",
        "只回答把握最大的问题时，其中答错的比例。",
    ),
    "plot_reliability": ("Calibration", "校准"),
    "plot_reliability_note": (
        "How often an answer of each confidence is right; on the dashed line, as often as said.",
        "各置信度下答案正确的比例；落在虚线上即名副其实。",
    ),
    "plot_confidence": ("Confidence", "置信度分布"),
    "plot_confidence_note": (
        "How many questions have each confidence; left of the line they are declined.",
        "各置信度的问题数；竖线左侧为拒答。",
    ),
    "coverage": ("share of questions answered", "作答比例"),
    "risk": ("share of answers wrong", "答错比例"),
    "confidence": ("confidence", "置信度"),
    "share_right": ("share right", "正确比例"),
    "now": ("now", "当前"),
    "right": ("right", "正确"),
    "wrong": ("wrong", "错误"),
    "unanswerable": ("unanswerable", "不可回答"),
    "search": ("Search in questions and answers", "搜索问题与答案"),
    "every_set": ("every set", "全部题集"),
    "every_outcome": ("every outcome", "全部结局"),
    "every_wrong": ("everything wrong", "全部错误"),
    "every_lang": ("every language", "全部语言"),
    "every_tag": ("every tag", "全部标签"),
    "only_flips": ("only flips", "仅翻转"),
    "any_change": ("flipped or not", "不论是否翻转"),
    "gained": ("became right", "变对"),
    "lost": ("became wrong", "变错"),
    "shown": ("{shown} of {total} questions", "{total} 个问题中的 {shown} 个"),
    "show_more": ("Show more", "显示更多"),
    "expected": ("Expected", "期望"),
    "evidence": ("Evidence wanted", "期望依据"),
    "answer": ("Answer", "回答"),
    "withheld": ("Withheld", "未给出的答案"),
    "cited": ("Cited", "引文"),
    "passages": ("Passages found", "检索到的段落"),
    "first_rank": ("first wanted passage at rank", "首个所需段落的名次"),
    "query": ("Searched as", "检索用语"),
    "history": ("After", "上文"),
    "reason": ("Reason", "原因"),
    "refusal": ("a refusal", "拒答"),
    "question": ("question", "问题"),
    "result": ("result", "结局"),
    "left_out": (
        "The {count} questions beyond {limit} are in the .json beside this page; wrong ones come "
        "first.",
        "超出 {limit} 个的 {count} 个问题见同名 .json 文件，页面优先保留错误的问题。",
    ),
    "chosen": ("chosen", "选定"),
    "score": ("score (right 1, withheld 0, wrong minus cost)", "得分（正确 1，未答 0，答错扣分）"),
    "held_out": ("on unseen questions", "未见题目"),
    "fitted": ("chosen, on all", "选定值，全部题目"),
    "held_out_change": (
        "Difference in score on unseen questions: {delta:+.3f} [{low:+.3f}, {high:+.3f}], "
        "p = {p:.4f}; {count} questions, 5 folds by passage.",
        "未见题目上的得分差：{delta:+.3f} [{low:+.3f}, {high:+.3f}]，p = {p:.4f}；"
        "{count} 个问题，按段落分 5 折。",
    ),
    "no_script": (
        "The table of questions needs JavaScript; the figures above don't.",
        "逐题结果需要 JavaScript，以上指标不需要。",
    ),
}


def text(key: str, lang: Lang, **values: object) -> str:
    """A phrase of the reports. Raises KeyError for one that isn't there."""
    en, zh = _STRINGS[key]
    return (zh if lang == "zh" else en).format(**values) if values else (zh if lang == "zh" else en)


def all_strings(lang: Lang) -> dict[str, str]:
    """Every phrase, for the page's script."""
    return {key: zh if lang == "zh" else en for key, (en, zh) in _STRINGS.items()}


__all__ = ["all_strings", "text"]
