"""From hits to an answer with citations, or to an honest refusal."""

from rag.answering.abstention import Judge, Verdict
from rag.answering.citations import CitationGate, Finding
from rag.answering.confidence import Clues, Confidence
from rag.answering.evidence import Evidence, EvidenceFinder
from rag.answering.extractive import AnswerGenerator, ExtractiveGenerator, decline
from rag.answering.plugins import GeneratorContext, plugin, plugin_names
from rag.answering.question import Question, QuestionAnalyser, Segmenter
from rag.answering.reading import Reading
from rag.answering.rewriting import QuestionRewriter, Rewriter

__all__ = [
    "AnswerGenerator",
    "CitationGate",
    "Clues",
    "Confidence",
    "Evidence",
    "EvidenceFinder",
    "ExtractiveGenerator",
    "Finding",
    "GeneratorContext",
    "Judge",
    "Question",
    "QuestionAnalyser",
    "QuestionRewriter",
    "Reading",
    "Rewriter",
    "Segmenter",
    "Verdict",
    "decline",
    "plugin",
    "plugin_names",
]
