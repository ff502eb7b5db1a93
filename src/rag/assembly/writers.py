"""Who writes answers: the articles themselves, a language model, a plug-in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.answering import (
    AnswerGenerator,
    CitationGate,
    ExtractiveGenerator,
    GeneratorContext,
    QuestionRewriter,
    Rewriter,
    plugin,
)
from rag.assembly.bundled import place_list, segment
from rag.assembly.keys import key_of
from rag.assembly.models import bundled_embedder
from rag.config import GeneratorSettings, Settings
from rag.errors import ConfigError
from rag.protocols import Embedder

if TYPE_CHECKING:
    from rag.answering.endpoint import ChatEndpoint


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes answers, and who makes follow-up questions whole.

    One for all states of the index: it remembers whether its endpoint can be reached.
    """

    generator: AnswerGenerator
    rewriter: Callable[[Rewriter], QuestionRewriter]


def writer_of(settings: Settings, embedder: Embedder) -> Writer:
    """The configured generator. Raises ConfigError."""
    quoting = ExtractiveGenerator()
    backend = settings.generator.backend
    if backend == ExtractiveGenerator.name:
        return Writer(quoting, lambda rules: rules)
    # The gate's thresholds were set with the bundled model.
    gate = CitationGate(segment, place_list(), bundled_embedder())
    if backend != "openai":
        context = GeneratorContext(settings.generator, gate, quoting)
        return Writer(plugin(backend, context), lambda rules: rules)
    return _chat_writer(settings, gate, quoting)


def _chat_writer(settings: Settings, gate: CitationGate, quoting: ExtractiveGenerator) -> Writer:
    from rag.answering.budget import counter_of
    from rag.answering.followups import ModelRewriter
    from rag.answering.generate import ChatGenerator, Limits

    generator = settings.generator
    model = endpoint_of(generator)
    count = counter_of(generator.tokenizer)
    limits = Limits(generator.context_tokens, generator.max_tokens, generator.temperature, count)
    chat = ChatGenerator(model, gate, limits, quoting)
    if not generator.rewrite:
        return Writer(chat, lambda rules: rules)
    tokens = generator.context_tokens // 2
    return Writer(chat, lambda rules: ModelRewriter(rules, model, tokens=tokens, count=count))


def endpoint_of(generator: GeneratorSettings) -> ChatEndpoint:
    """The endpoint of the settings, with its key. Raises ConfigError."""
    from rag.answering.endpoint import ChatEndpoint, Endpoint

    if not generator.model:
        raise ConfigError(
            "generator.model is empty; set it to the model's name at the endpoint",
            "generator.model 为空，请填写服务中的模型名",
        )
    return ChatEndpoint(
        Endpoint(
            base_url=generator.base_url,
            model=generator.model,
            key=key_of(generator),
            timeout_s=generator.timeout_s,
            first_token_timeout_s=generator.first_token_timeout_s,
            stall_timeout_s=generator.stall_timeout_s,
            retries=generator.retries,
            concurrency=generator.concurrency,
        )
    )
