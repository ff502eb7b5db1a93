"""Question sets in other formats, read as gold sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from rag.errors import GoldError
from rag.evaluation.adapters.beir import read_beir
from rag.evaluation.adapters.csv import read_csv
from rag.evaluation.adapters.reading import read_rows
from rag.evaluation.adapters.squad import read_squad
from rag.evaluation.gold import GoldSet, Problems, json_lines, read_gold, set_name


def _read_json_lines(path: Path) -> GoldSet:
    _, first = next(json_lines(path, Problems(path)), (0, {}))
    return read_rows(path) if "context" in first else GoldSet(set_name(path), read_gold(path))


_READERS: Mapping[str, Callable[[Path], GoldSet]] = {
    ".csv": read_csv,
    ".json": read_squad,
    ".jsonl": _read_json_lines,
    ".jsonl.xz": _read_json_lines,
}


def open_set(path: Path) -> GoldSet:
    """Read a question set, its format told by its name and its first line. Raises GoldError.

    A folder is a BEIR set; `.csv` has columns question and answer; `.json` is SQuAD's format
    (CMRC 2018, DRCD); `.jsonl` (or `.jsonl.xz`) is the gold format, or rows of reading
    comprehension when they have a "context".
    """
    if path.is_dir():
        return read_beir(path)
    suffix = "".join(path.suffixes[-2:]) if path.suffix == ".xz" else path.suffix
    reader = _READERS.get(suffix.lower())
    if reader is None:
        raise GoldError(
            f"{path}: no format for {suffix or 'a file without suffix'}; a gold set is .jsonl, "
            ".jsonl.xz, .csv, SQuAD .json or a BEIR folder",
            f"{path}：不支持 {suffix or '无扩展名的文件'}，请使用 .jsonl、.jsonl.xz、.csv、"
            "SQuAD 格式的 .json 或 BEIR 文件夹",
        )
    return reader(path)


__all__ = ["open_set"]
