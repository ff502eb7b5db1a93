"""Gold questions in, a judgement one can act on out: measures, comparison, gate, report."""

from rag.evaluation.adapters import open_set
from rag.evaluation.fingerprint import fingerprint_of
from rag.evaluation.gold import Article, Gold, GoldSet, gold_schema, read_gold
from rag.evaluation.record import Fingerprint, Record, Run, load_run, save_run
from rag.evaluation.runner import System, run_sets
from rag.evaluation.summary import METRICS, Summary, summarise

__all__ = [
    "METRICS",
    "Article",
    "Fingerprint",
    "Gold",
    "GoldSet",
    "Record",
    "Run",
    "Summary",
    "System",
    "fingerprint_of",
    "gold_schema",
    "load_run",
    "open_set",
    "read_gold",
    "run_sets",
    "save_run",
    "summarise",
]
