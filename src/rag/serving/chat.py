"""The chat page (Gradio)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from rag.assistant import Assistant
from rag.errors import Lang, RagError
from rag.serving.render import answer_html, text
from rag.text import is_cjk
from rag.types import Turn

Message = dict[str, Any]

_CSS = """
.wy-short {font-size: 1.35em; font-weight: 600; margin: 0 0 .4em}
.wy-quote {border-left: 3px solid var(--color-accent); margin: .3em 0; padding: .1em .8em}
.wy-label {margin: .6em 0 .2em; opacity: .75; font-size: .9em}
.wy-sources, .wy-hits ol {padding-left: 1.4em; margin: 0; font-size: .9em}
.wy-hits {margin-top: .6em} .wy-hits li {margin: .4em 0}
.wy-answer code {font-size: .9em; overflow-wrap: anywhere}
footer {display: none !important}
"""
# System fonts alone: a web font's host can't be reached on an intranet, and the page would wait.
_FONTS = ["system-ui", "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", "sans-serif"]


def theme() -> gr.themes.Base:
    """Gradio's plain theme without web fonts."""
    return gr.themes.Default(font=_FONTS, font_mono=["ui-monospace", "monospace"])


def css() -> str:
    """The page's own rules."""
    return _CSS


def chat_page(assistant: Callable[[], Assistant]) -> gr.Blocks:
    """The page: `assistant` gives the one over the newest state of the index."""

    def reply(
        question: str, messages: list[Message], turns: Sequence[Turn]
    ) -> tuple[str, list[Message], Sequence[Turn]]:
        if not question.strip():
            return "", messages, turns
        lang: Lang = "zh" if is_cjk(question) else "en"
        try:
            answer = assistant().ask(question, history=turns)
        except RagError as error:
            shown, said = f"<p>{text(error.say(lang))}</p>", ""
        else:
            shown, said = answer_html(answer, lang), answer.text
        # Inside an HTML block, or its characters would be taken for Markdown.
        asked = {"role": "user", "content": f"<div>{text(question)}</div>"}
        replied = {"role": "assistant", "content": shown}
        return "", [*messages, asked, replied], [*turns, Turn(question, said)]

    def forget() -> Sequence[Turn]:
        return []

    with gr.Blocks(title="问源 Wenyuan", analytics_enabled=False, fill_height=True) as page:
        gr.Markdown("# 问源 Wenyuan\n只用文章里的原句回答。Answers in the articles' own words.")
        turns = gr.State([])
        chat = gr.Chatbot(
            show_label=False,
            label="问答 Conversation",
            buttons=["copy"],
            feedback_options=None,
            scale=1,
            min_height=320,
            layout="bubble",
            latex_delimiters=[],  # an article's $$ is shown as it stands
        )
        box = gr.Textbox(
            show_label=False,
            label="问题 Question",
            placeholder="请输入问题，按回车发送 / Ask a question",
            submit_btn=True,
            autofocus=True,
            max_lines=4,
        )
        box.submit(reply, [box, chat, turns], [box, chat, turns], api_visibility="private")
        # A cleared conversation is forgotten too: a follow-up must not refer to it.
        chat.clear(forget, outputs=turns, api_visibility="private")
    page.queue(default_concurrency_limit=20, max_size=200, api_open=False)
    return page
