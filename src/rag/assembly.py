"""Configuration -> parts; the only module that names concrete classes.

Heavy imports stand inside the functions that need them: asking a question must not pay for
building an index, nor for a page.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.resources import files as package_files
from pathlib import Path
from typing import TYPE_CHECKING

from rag.answering import (
    AnswerGenerator,
    CitationGate,
    Confidence,
    EvidenceFinder,
    ExtractiveGenerator,
    GeneratorContext,
    Judge,
    QuestionAnalyser,
    QuestionRewriter,
    Reading,
    Rewriter,
    plugin,
)
from rag.assistant import Assistant
from rag.config import GeneratorSettings, Settings
from rag.embedders import AUTO, bundled_model_path, open_embedder
from rag.errors import ConfigError, RagError
from rag.protocols import (
    Embedder,
    PassageStore,
    Reader,
    Reranker,
    StoreBackend,
    StoreWriter,
)
from rag.retrieval import HybridRetriever, Lexicon
from rag.stores import LocalBackend, Recipe
from rag.text import ANALYSER_VERSION, Span

if TYPE_CHECKING:
    from rag.answering.endpoint import ChatEndpoint
    from rag.evaluation import System
    from rag.indexing import Indexer
    from rag.preparing import Preparer
    from rag.stores.milvus import MilvusBackend

MILVUS_SIZE = 2000  # characters of a passage whose terms Milvus still keeps whole
READER = "wenyuan-reader-zh"
CONFIDENCE = "confidence/weights.json"


@lru_cache(maxsize=1)
def bundled_embedder() -> Embedder:
    """The model of the package, opened once: search, gate and reader share it."""
    return open_embedder("default")


def embedder_of(settings: Settings) -> Embedder:
    """Open the configured model. Raises ModelError."""
    default = settings.embedding.model == "default"
    return bundled_embedder() if default else opener_of(settings)()


def opener_of(settings: Settings, *, processes: int | None = None) -> Callable[[], Embedder]:
    """What opens the configured model, here or, pickled, on another machine."""
    embedding = settings.embedding
    return partial(
        open_embedder,
        embedding.model,
        device=embedding.device or None,
        batch_size=embedding.batch_size,
        processes=embedding.processes if processes is None else processes,
        query_prompt=None if embedding.query_prompt == AUTO else embedding.query_prompt,
        passage_prompt=None if embedding.passage_prompt == AUTO else embedding.passage_prompt,
    )


def recipe_of(settings: Settings, embedder: Embedder) -> Recipe:
    """How these settings make an index."""
    chunking = settings.chunking
    return Recipe(
        embedder=embedder.id,
        fingerprint=embedder.fingerprint,
        dimensions=embedder.dimensions,
        analyser=ANALYSER_VERSION,
        chunking=f"{chunking.size}-{chunking.overlap}",
    )


def backend_of(settings: Settings, embedder: Embedder) -> StoreBackend:
    """The index, tied to this embedder and these chunk sizes. Raises ConfigError."""
    recipe = recipe_of(settings, embedder)
    if settings.store.backend == "local":
        return LocalBackend(settings.index.dir, recipe)
    return milvus_of(settings, recipe)


def milvus_of(settings: Settings, recipe: Recipe) -> MilvusBackend:
    """The index on the configured Milvus server, which isn't asked yet. Raises ConfigError."""
    from rag.stores.milvus import MilvusBackend
    from rag.stores.milvus_server import Address

    store, size = settings.store, settings.chunking.size
    if size > MILVUS_SIZE:
        raise ConfigError(
            f"chunking.size={size} is more than Milvus keeps; set it to {MILVUS_SIZE} or less",
            f"chunking.size={size} 超出 Milvus 的限制，请设为不大于 {MILVUS_SIZE}",
        )
    token = _from_environment("store.token_env", store.token_env)
    return MilvusBackend(
        Address(store.uri, token, store.ca_file, store.timeout_s),
        recipe,
        root=settings.index.dir,
        alias=store.collection,
        index=store.vectors,
    )


def indexer_of(settings: Settings, *, workers: str = "") -> Indexer:
    """What `rag index` runs; `workers` names the Ray cluster that prepares the files.

    Raises ModelError, ConfigError.
    """
    from rag.indexing import Indexer

    embedder = embedder_of(settings)
    backend = backend_of(settings, embedder)
    return Indexer(backend=backend, preparer=preparer_of(settings, embedder, workers))


def preparer_of(settings: Settings, embedder: Embedder, workers: str = "") -> Preparer:
    """What reads, cuts and embeds files: this process, or a Ray cluster. Raises ConfigError."""
    from rag.chunking import Chunker
    from rag.loaders import Limits

    chunker = Chunker(size=settings.chunking.size, overlap=settings.chunking.overlap)
    limits = Limits(
        seconds=settings.loading.timeout_s, memory_bytes=settings.loading.memory_mb * 1024 * 1024
    )
    ocr = settings.loading.ocr
    if workers:
        from rag.preparing.cluster import RayPreparer

        # A worker has one CPU: more processes would only crowd it.
        opener = opener_of(settings, processes=0)
        return RayPreparer(
            workers,
            open_embedder=opener,
            embedder=embedder,
            chunker=chunker,
            limits=limits,
            ocr=ocr,
        )
    from rag.preparing import LocalPreparer

    return LocalPreparer(embedder=embedder, chunker=chunker, limits=limits, ocr=ocr)


def assistant_of(settings: Settings) -> Assistant:
    """Open the index for questions. Raises ModelError, IndexUnusableError."""
    embedder = embedder_of(settings)
    return _assistant(
        settings, embedder, backend_of(settings, embedder), writer_of(settings, embedder)
    )


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


def key_of(generator: GeneratorSettings) -> str:
    """The key, from the variable or the file that is named; empty where none is.

    Raises ConfigError, which never holds the key.
    """
    if generator.api_key_env:
        return _from_environment("generator.api_key_env", generator.api_key_env)
    if not generator.api_key_file:
        return ""
    try:
        return Path(generator.api_key_file).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"generator.api_key_file={generator.api_key_file!r}: not readable "
            f"({type(error).__name__}); check the path and its permissions",
            f"generator.api_key_file={generator.api_key_file!r}：无法读取"
            f"（{type(error).__name__}），请检查路径和权限",
        ) from None


def _from_environment(setting: str, variable: str) -> str:
    """The secret in the variable that a setting names; empty where it names none."""
    secret = os.environ.get(variable, "").strip() if variable else ""
    if variable and not secret:
        raise ConfigError(
            f"{setting}={variable!r}: this variable isn't set; export it before starting",
            f"{setting}={variable!r}：没有设置这个环境变量，请先设置",
        )
    return secret


def _assistant(
    settings: Settings, embedder: Embedder, backend: StoreBackend, writer: Writer
) -> Assistant:
    store = backend.open()
    analyser = analyser_of(store)
    return Assistant(
        store=store,
        retriever=retriever_of(settings, embedder, store),
        analyser=analyser,
        rewriter=writer.rewriter(Rewriter(analyser)),
        judge=judge_of(settings, embedder, store),
        generator=writer.generator,
        top_k=settings.retrieval.top_k,
    )


def analyser_of(store: PassageStore) -> QuestionAnalyser:
    """What weighs a question's words by how rare they are in these articles."""
    return QuestionAnalyser(segment, store.document_frequencies, store.stats().chunks, place_list())


def judge_of(settings: Settings, embedder: Embedder, store: PassageStore) -> Judge:
    """What decides whether these articles answer a question. Raises ModelError."""
    return Judge(
        EvidenceFinder(embedder, segment, place_list()),
        store.document,
        confidence=bundled_confidence(),
        threshold=settings.answering.threshold,
        reading=reading_of(settings),
    )


@lru_cache(maxsize=1)
def bundled_confidence() -> Confidence:
    """The weights of the package. Raises ModelError."""
    return Confidence.from_file(Path(__file__).parent / "models" / CONFIDENCE)


def reading_of(settings: Settings) -> Reading | None:
    """What reads with the configured model; None for the rules alone. Raises ModelError."""
    name = settings.answering.reader
    if name == "rules":
        return None
    return Reading(_reader(name), whole=name in ("default", READER))


@lru_cache(maxsize=2)
def _reader(name: str) -> Reader:
    """Opened once: every new state of the index is read with it."""
    if name in ("default", READER):
        from rag.answering.neural_reader import NeuralReader

        return NeuralReader(reader_folder(), segment, bundled_embedder().embed_passages)
    from rag.answering.transformer_reader import TransformerReader

    return TransformerReader(name)


def reader_folder() -> Path:
    """The folder of the reader that comes with the package."""
    return Path(__file__).parent / "models" / READER


def retriever_of(settings: Settings, embedder: Embedder, store: PassageStore) -> HybridRetriever:
    """The search, as configured. Raises ModelError."""
    retrieval = settings.retrieval
    return HybridRetriever(
        store,
        embedder,
        candidates=retrieval.candidates,
        dense_weight=retrieval.dense_weight,
        adaptive=retrieval.adaptive,
        reranker=reranker_of(settings),
        rerank_top=retrieval.rerank_top,
        # Other models have learnt more English than a list of words.
        lexicon=bundled_lexicon() if settings.embedding.model == "default" else None,
    )


@lru_cache(maxsize=1)
def bundled_lexicon() -> Lexicon:
    """The package's English-Chinese lexicon, read once, at the first question that needs it."""
    return Lexicon(Path(__file__).parent / "models" / "wenyuan-lexicon-en-zh" / "lexicon.tsv")


def reranker_of(settings: Settings) -> Reranker | None:
    """The configured reranker; None where there is none. Raises ModelError."""
    name = settings.retrieval.reranker
    return _reranker(name, settings.embedding.device or None) if name else None


@lru_cache(maxsize=1)
def _reranker(name: str, device: str | None) -> Reranker:
    """Opened once, as the reader."""
    from rag.retrieval.reranker import CrossEncoderReranker

    return CrossEncoderReranker(name, device=device)


def system_of(settings: Settings) -> System:
    """What `rag eval` measures. Raises ModelError, IndexUnusableError."""
    from rag.evaluation import System, fingerprint_of

    embedder = embedder_of(settings)
    backend = backend_of(settings, embedder)
    answering = settings.answering.model_copy(update={"threshold": 0.0})
    unbarred = settings.model_copy(update={"answering": answering})
    store = backend.open()
    writer = writer_of(settings, embedder)
    return System(
        assistant=_assistant(settings, embedder, backend, writer),
        # A language model's answers are too dear to ask for what won't be shown.
        unbarred=_assistant(unbarred, embedder, backend, writer)
        if settings.generator.backend == "extractive"
        else None,
        retriever=retriever_of(settings, embedder, store),
        places=place_list(),
        fingerprint=fingerprint_of(settings, embedder, store, reranker_of(settings)),
    )


class LiveAssistant:
    """The assistant over the newest state of the index: a server's way to follow updates.

    A new state is opened by a thread of its own while the old one still answers, so no question
    waits for it. The old state isn't closed: questions may still be reading it, and it goes with
    them.
    """

    def __init__(self, settings: Settings, *, poll_s: float = 0.5) -> None:
        self.settings = settings
        self._embedder = embedder_of(settings)
        self._backend = backend_of(settings, self._embedder)
        self._writer = writer_of(settings, self._embedder)
        self._poll_s = poll_s
        self._lock = threading.Lock()
        self._snapshot = ""
        self._assistant: Assistant | None = None
        self._stopped = threading.Event()

    def refresh(self) -> None:
        """Open the newest state unless it is the one in use. Raises IndexUnusableError."""
        with self._lock:
            snapshot = self._backend.snapshot()
            if self._assistant is None or snapshot != self._snapshot:
                assistant = _assistant(self.settings, self._embedder, self._backend, self._writer)
                # What is read at the first search is read now: nobody waits for it.
                assistant.answering_document("热身 warm up")
                self._assistant, self._snapshot = assistant, snapshot

    def get(self) -> Assistant:
        """The assistant in use. Raises IndexUnusableError when none could be opened so far."""
        if self._assistant is None:
            self.refresh()
        assert self._assistant is not None
        return self._assistant

    @property
    def ready(self) -> bool:
        """Whether questions can be answered."""
        return self._assistant is not None

    def follow(self) -> None:
        """Start to look for new states, until `stop`."""
        threading.Thread(target=self._follow, name="index follower", daemon=True).start()

    def _follow(self) -> None:
        while not self._stopped.wait(self._poll_s):
            # An unusable new state leaves the old one in use; the next one may be sound again.
            with suppress(RagError):
                self.refresh()

    def stop(self) -> None:
        """End the thread that `follow` started, and break off what a language model writes."""
        self._stopped.set()
        close = getattr(self._writer.generator, "close", None)
        if close is not None:
            close()

    def update(self) -> AbstractContextManager[StoreWriter]:
        """Change the index. Raises IndexBusyError, IndexUnusableError, StorageError."""
        return self._backend.update()

    def compact(self) -> None:
        """Let a thread arrange the index for its size, if that is due; answers go on."""
        threading.Thread(target=self._compact, name="index compaction", daemon=True).start()

    def _compact(self) -> None:
        with suppress(RagError):  # the next update tries again; `rag index` says what is wrong
            self._backend.compact()


@lru_cache(maxsize=8192)
def segment(folded: str) -> Sequence[Span]:
    """Words of folded text, cut by the bundled model's vocabulary, whatever model is in use."""
    spans: list[Span] = []
    at = 0
    for start, end in _tokenizer().encode(folded, add_special_tokens=False).offsets:
        if start > at:  # characters the vocabulary doesn't have
            spans.extend((i, i + 1) for i in range(at, start))
        if end > max(start, at):
            spans.append((max(start, at), end))
            at = end
    spans.extend((i, i + 1) for i in range(at, len(folded)))
    return tuple(spans)


@lru_cache(maxsize=1)
def _tokenizer():  # type: ignore[no-untyped-def]  # noqa: ANN202 - the library has no stubs
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(bundled_model_path() / "tokenizer.json"))


@lru_cache(maxsize=1)
def place_list() -> frozenset[str]:
    """The bundled place names, folded and without suffix."""
    text = package_files("rag.models").joinpath("places", "places.txt").read_text("utf-8")
    return frozenset(text.split())
