"""The chat page (Gradio): conversation, ratings, suggestions, and the articles beside it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

import gradio as gr
from anyio import to_thread

from rag.errors import Lang, RagError
from rag.serving.feedback import Given, Rating
from rag.serving.render import answer_html, partial_html, source_url, text
from rag.serving.replies import lang_of
from rag.serving.service import Service
from rag.serving.strings import label, translations
from rag.types import Citation, Token, Turn

Message = dict[str, Any]
_RATINGS: dict[str, Rating] = {"Like": "up", "Dislike": "down"}
# System fonts alone: a web font's host can't be reached on an intranet, and the page would wait.
_FONTS = ["system-ui", "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", "sans-serif"]
I18N = gr.I18n(
    en=translations("en"),
    **{code: translations("zh") for code in ("zh", "zh-CN", "zh-TW", "zh-HK", "zh-SG")},
)


def theme() -> gr.themes.Base:
    """Gradio's plain theme without web fonts."""
    return gr.themes.Default(font=_FONTS, font_mono=["ui-monospace", "monospace"])


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one open page has said: the exchanges, and each answer's id.

    A question that was stopped or failed stays among them, without an answer's id: the page still
    shows it, and counts its messages.
    """

    turns: tuple[Turn, ...] = ()
    answers: tuple[str, ...] = ()
    rated: str = ""  # the answer that a comment would belong to
    rating: str = ""
    pending: str = ""  # the question that is being answered

    @property
    def history(self) -> tuple[Turn, ...]:
        """The exchanges that came to an answer."""
        return tuple(turn for turn, id_ in zip(self.turns, self.answers, strict=True) if id_)

    def until(self, count: int) -> Conversation:
        """The conversation as it was after `count` exchanges."""
        return Conversation(self.turns[:count], self.answers[:count])

    def asking(self, question: str) -> Conversation:
        """With a question that is pending."""
        return Conversation(self.turns, self.answers, pending=question)

    def having(self, turn: Turn, answer_id: str = "") -> Conversation:
        """With one more exchange."""
        return Conversation((*self.turns, turn), (*self.answers, answer_id))


class ChatPage:
    """The page's event handlers."""

    def __init__(self, service: Service, base: str) -> None:
        self._service = service
        self._base = base

    def lang(self, request: gr.Request, question: str = "") -> Lang:
        """The page's language: `?lang=`, else the browser's; an answer's is its question's."""
        if question:
            return lang_of(request.headers, question)
        chosen = dict(request.query_params).get("lang", "")
        if chosen in ("zh", "en"):
            return cast("Lang", chosen)
        return lang_of(request.headers)

    def examples(self, request: gr.Request) -> Any:  # noqa: ANN401 - an update of a component
        """The example questions of the index at hand, when the page opens."""
        try:
            questions = self._service.suggestions.examples(self.lang(request))
        except RagError:
            said = label("no_index", self.lang(request))
            return gr.update(examples=[], placeholder=f"<p>{text(said)}</p>")
        return gr.update(examples=[{"text": question} for question in questions])

    async def reply(
        self, messages: list[Message], talk: Conversation, request: gr.Request
    ) -> AsyncGenerator[tuple[list[Message], Conversation]]:
        """Answer the question that is pending, piece by piece."""
        question = talk.pending
        if not question.strip():
            # Not even what came in: another question may have been taken meanwhile.
            yield gr.skip(), gr.skip()
            return
        lang = self.lang(request, question)
        asked = {"role": "user", "content": f"<div><bdi>{text(question)}</bdi></div>"}
        shown = [*_without_options(messages), asked]
        # Should it be stopped now, this is how the conversation goes on.
        unanswered = talk.having(Turn(question))
        yield [*shown, {"role": "assistant", "content": partial_html("…")}], unanswered
        refusal = self._service.access.count(_client(request))
        if refusal is not None:
            self._service.metrics.refused(refusal.code)
            yield [*shown, _failure(refusal.zh if lang == "zh" else refusal.en)], unanswered
            return
        try:
            # Closed at once when it is stopped: that gives up a language model's call.
            async with aclosing(self._answer(question, talk.history, lang)) as contents:
                async for content, given in contents:
                    message: Message = {"role": "assistant", "content": content}
                    if given is None:
                        yield [*shown, message], unanswered
                        continue
                    suggested = await to_thread.run_sync(self._service.follow_ups, given, lang)
                    message["options"] = [{"value": question} for question in suggested]
                    answered = talk.having(Turn(question, given.answer.text), given.id)
                    yield [*shown, message], answered
        except RagError as error:
            yield [*shown, _failure(error.say(lang))], unanswered

    async def _answer(
        self, question: str, history: Sequence[Turn], lang: Lang
    ) -> AsyncGenerator[tuple[str, Given | None]]:
        """`(HTML so far, None)` again and again, the answer last."""
        written, urls, told = "", dict[int, str](), time.monotonic()
        async with aclosing(self._service.stream(question, history, {})) as events:
            async for event in events:
                if isinstance(event, Given):
                    yield answer_html(event.answer, lang, self._base), event
                elif isinstance(event, Token) and (event.text or time.monotonic() > told + 1):
                    # While nothing comes too: only then does Gradio see that a page was closed.
                    told = time.monotonic()
                    written += event.text
                    yield partial_html(written or "…", urls), None
                elif isinstance(event, Citation):
                    urls[event.marker] = source_url(event, lang, self._base)

    def retry(
        self, data: gr.RetryData, messages: list[Message], talk: Conversation
    ) -> tuple[list[Message], Conversation]:
        """Take the conversation back to the question, which is then pending again."""
        index = cast("int", data.index)
        before = sum(message["role"] == "user" for message in messages[:index])
        question = talk.turns[before].question if before < len(talk.turns) else talk.pending
        return messages[:index], talk.until(before).asking(question)

    def rate(
        self, data: gr.LikeData, messages: list[Message], talk: Conversation, request: gr.Request
    ) -> tuple[Conversation, Any]:
        """Keep a rating, and offer to say why."""
        index = data.index[0] if isinstance(data.index, list | tuple) else data.index
        number = sum(message["role"] == "assistant" for message in messages[: int(index)])
        rating = _RATINGS.get(str(data.liked), "up" if data.liked is True else "down")
        answer_id = talk.answers[number] if number < len(talk.answers) else ""
        if not answer_id or (not data.liked and data.liked is not False):
            return talk, gr.update(visible=False)
        if not self._rated(answer_id, rating, "", request):
            return talk, gr.update(visible=False)
        rated = Conversation(talk.turns, talk.answers, answer_id, rating)
        return rated, gr.update(visible=True, value="")

    def comment(self, comment: str, talk: Conversation, request: gr.Request) -> Any:  # noqa: ANN401
        """Add words to the last rating."""
        if talk.rated and comment.strip():
            self._rated(talk.rated, cast("Rating", talk.rating), comment.strip()[:2000], request)
        return gr.update(visible=False, value="")

    def _rated(self, answer_id: str, rating: Rating, comment: str, request: gr.Request) -> bool:
        lang = self.lang(request)
        try:
            self._service.rate(answer_id, rating, comment)
        except KeyError:
            gr.Info(label("cannot_rate", lang), duration=4, title="问源")
            return False
        except RagError as error:
            gr.Warning(error.say(lang))
            return False
        gr.Info(label("thanks", lang), duration=2, title="问源")
        return True


def _client(request: gr.Request) -> str:
    """Who asks, as the guard found it for the request beneath."""
    state = request.request.scope.get("state", {}) if request.request else {}
    return str(state.get("client", "page"))


def _failure(sentence: str) -> Message:
    return {"role": "assistant", "content": f'<p class="wy-failed">{text(sentence)}</p>'}


def _without_options(messages: list[Message]) -> list[Message]:
    """Suggestions belong to the newest answer alone."""
    return [{**message, "options": None} for message in messages]


def chat_page(service: Service, base: str = "") -> gr.Blocks:
    """The page over a service; `base` is the path under which everything is served."""
    page = ChatPage(service, base)
    with gr.Blocks(title="问源 Wenyuan", analytics_enabled=False, fill_height=True) as blocks:
        gr.Markdown('<h1 class="wy-title">问源 <span>Wenyuan</span></h1>', elem_id="wy-head")
        with gr.Tabs(elem_id="wy-tabs"):
            with gr.Tab(I18N("chat"), id="chat"):
                _conversation(page, blocks)
            with gr.Tab(I18N("documents"), id="documents"):
                # The page's own script puts the list here: Gradio takes frames out of Markdown,
                # and its component for raw HTML needs eval, which the policy forbids.
                gr.Markdown(f"[文章 Articles]({base}/documents)", elem_id="wy-articles")
    blocks.queue(default_concurrency_limit=40, max_size=200, api_open=False)
    return blocks


@dataclass(frozen=True, slots=True)
class _Parts:
    """The components of the conversation."""

    talk: gr.State
    chat: gr.Chatbot
    comment: gr.Textbox
    box: gr.Textbox


def _parts() -> _Parts:
    return _Parts(
        talk=gr.State(Conversation()),
        chat=gr.Chatbot(
            show_label=False,
            label=I18N("conversation"),
            elem_id="wy-chat",
            buttons=[],  # sharing posts to another host; copying is the answer's own button
            scale=1,
            height="calc(100dvh - 12.5rem)",
            min_height=220,
            layout="bubble",
            latex_delimiters=[],  # an article's $$ is shown as it stands
            placeholder='<p class="wy-welcome">问源 Wenyuan</p>',
            allow_tags=False,
        ),
        comment=gr.Textbox(
            label=I18N("comment"), visible=False, max_lines=2, max_length=2000, submit_btn=True
        ),
        box=gr.Textbox(
            show_label=False,
            label=I18N("question"),
            placeholder=I18N("placeholder"),
            elem_id="wy-box",
            submit_btn=True,
            autofocus=True,
            max_lines=4,
        ),
    )


def _take(question: str, talk: Conversation) -> tuple[Any, Conversation]:
    """Empty the box before the answer begins: what is typed while it comes stays."""
    return gr.update(value="", submit_btn=False, stop_btn=True), talk.asking(question)


def _choose(data: gr.SelectData, talk: Conversation) -> tuple[Any, Conversation]:
    """Ask a question that was offered; what stands in the box stays."""
    value = data.value.get("text") if isinstance(data.value, dict) else data.value
    return gr.update(submit_btn=False, stop_btn=True), talk.asking(str(value))


def _free() -> Any:  # noqa: ANN401 - an update of a component
    return gr.update(submit_btn=True, stop_btn=False)


def _conversation(page: ChatPage, blocks: gr.Blocks) -> None:
    parts = _parts()
    talk, chat, comment, box = parts.talk, parts.chat, parts.comment, parts.box
    starts = [
        box.submit(_take, [box, talk], [box, talk], queue=False, api_visibility="private"),
        chat.example_select(_choose, talk, [box, talk], queue=False, api_visibility="private"),
        chat.option_select(_choose, talk, [box, talk], queue=False, api_visibility="private"),
        chat.retry(page.retry, [chat, talk], [chat, talk], queue=False, api_visibility="private",
                   show_progress="hidden"),
    ]  # fmt: skip
    replies = [
        # "multiple": a browser still counts a stopped reply as running for a moment, and with the
        # default it would drop the question asked next.
        start.then(page.reply, [chat, talk], [chat, talk], api_visibility="private",
                   show_progress="hidden", trigger_mode="multiple")
        for start in starts
    ]  # fmt: skip
    for answered in replies:
        answered.then(_free, outputs=box, queue=False, api_visibility="private")
    box.stop(_free, outputs=box, cancels=replies, queue=False, api_visibility="private")
    # A cleared conversation is forgotten too: a follow-up must not refer to it.
    chat.clear(Conversation, outputs=talk, queue=False, api_visibility="private")
    # Queued, since only a queued event can show a passing message.
    chat.like(page.rate, [chat, talk], [talk, comment], api_visibility="private")
    comment.submit(page.comment, [comment, talk], comment, api_visibility="private")
    # Progress would cover the conversation, and stays over it where it is stopped at that moment.
    blocks.load(page.examples, outputs=chat, queue=False, api_visibility="private",
                show_progress="hidden")  # fmt: skip
