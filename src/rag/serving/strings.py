"""The chat page's own words, in both languages."""

from __future__ import annotations

from rag.errors import Lang

STRINGS: dict[str, tuple[str, str]] = {
    "conversation": ("问答记录", "Conversation"),
    "question": ("问题", "Question"),
    "placeholder": ("请输入问题，按回车发送", "Ask a question and press Enter"),
    "chat": ("提问", "Ask"),
    "documents": ("文章", "Articles"),
    "no_index": (
        "还没有可以查询的文章。管理员可在“文章”页上传，或运行 rag index。",
        "There are no articles yet. An administrator can upload some under “Articles”, or run "
        "rag index.",
    ),
    "articles": ("文章列表", "Articles"),
    "search": ("按标题或文件名查找", "Search titles and files"),
    "token": ("管理员口令", "Administrator's token"),
    "drop": ("把文件拖到这里，或点击选择", "Drop files here, or click to choose"),
    "limits": ("一次最多 {megabytes} MB", "at most {megabytes} MB at once"),
    "heading_title": ("标题", "Title"),
    "heading_date": ("日期", "Date"),
    "heading_source": ("文件", "File"),
    "heading_chunks": ("段落", "Passages"),
    "heading_indexed": ("入库时间", "Indexed"),
    "earlier": ("上一页", "Earlier"),
    "later": ("下一页", "Later"),
    "remove": ("移除", "Remove"),
    "original": ("原文链接", "original"),
    "comment": (
        "补充说明（可不填），按回车提交",
        "What was good or wrong? (optional; Enter sends)",
    ),
    "thanks": ("谢谢，评价已保存。", "Thank you, your rating is kept."),
    "cannot_rate": ("这个回答太旧，无法评价。", "This answer is too old to be rated."),
    "sources": ("出处", "Sources"),
    "passages": ("检索到的段落", "Passages found"),
    "nearest": ("最接近的段落", "Nearest passages"),
    "position": ("第 {start}–{end} 字", "characters {start}–{end}"),
    "page": ("第 {number} 页", "page {number}"),
    "also": ("同样见于：", "Also in: "),
    "asked_as": ("按此问题检索：", "Searched as: "),
    "copy": ("复制", "Copy"),
    "why": ("为何命中", "Why this hit"),
    "lexical": ("词语检索第 {rank}", "word search rank {rank}"),
    "dense": ("语义检索第 {rank}", "vector search rank {rank}"),
    "not_lexical": ("词语检索未命中", "not in the word search"),
    "not_dense": ("语义检索未命中", "not in the vector search"),
    "score": ("融合得分 {score}", "fused score {score}"),
    "reranked": ("重排得分 {score}", "reranking score {score}"),
    "terms": ("匹配词：{terms}", "matched: {terms}"),
    "unsupported": ("未在文章中找到依据", "not supported by the articles"),
}


def label(key: str, lang: Lang, **values: object) -> str:
    """A string in `lang`, filled in."""
    zh, en = STRINGS[key]
    return (zh if lang == "zh" else en).format(**values)


def translations(lang: Lang) -> dict[str, str]:
    """All strings of one language, for Gradio's own translation in the browser."""
    return {key: pair[0 if lang == "zh" else 1] for key, pair in STRINGS.items()}
