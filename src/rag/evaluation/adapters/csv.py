"""Questions and answers kept in a spreadsheet and saved as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from rag.errors import GoldError, LoadError
from rag.evaluation.gold import Gold, GoldSet, Problems, set_name, to_gold, unreadable
from rag.loaders.encoding import decode

_COLUMNS = {
    "id": "id", "编号": "id",
    "question": "question", "问题": "question", "問題": "question",
    "answer": "answers", "answers": "answers", "答案": "answers",
    "answers_all": "answers_all", "答案要点": "answers_all",
    "evidence": "evidence", "依据": "evidence", "依據": "evidence", "原文": "evidence",
    "answerable": "answerable", "可回答": "answerable",
    "lang": "lang", "语言": "lang",
    "tags": "tags", "标签": "tags", "標籤": "tags",
    "documents": "documents", "document": "documents", "文章编号": "documents",
    "date": "date", "日期": "date",
    "note": "note", "备注": "note",
}  # fmt: skip
_LISTS = ("answers", "answers_all", "evidence", "tags", "documents")
_NO = ("0", "no", "n", "false", "否", "不")
_SEPARATOR = "|"
_DELIMITERS = ",;\t"


def read_csv(path: Path) -> GoldSet:
    """Read a table with at least the columns question and answer (问题, 答案).

    Several accepted answers stand in one cell with "|" between them; a question without an answer
    is one that can't be answered. UTF-8, GB18030 and Big5. Raises GoldError with line numbers.
    """
    problems = Problems(path)
    questions: list[Gold] = []
    for line, cells in _rows(path):
        gold = to_gold(_row(cells, line), line, problems)
        if gold is not None:
            questions.append(gold)
    problems.finish(questions)
    return GoldSet(set_name(path), tuple(questions))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row's cells by our names, with the number of the row's last line."""
    try:
        text = decode(path.read_bytes(), source=str(path)).text
    except LoadError as error:
        raise GoldError(error.en, error.zh) from None
    except OSError as error:
        raise unreadable(path, error) from None
    text = text.removeprefix("\ufeff")
    first = text.split("\n", 1)[0]
    rows = csv.reader(io.StringIO(text), delimiter=max(_DELIMITERS, key=first.count), strict=True)
    try:
        names = [_COLUMNS.get(cell.strip().lower(), "") for cell in next(rows, [])]
        if not {"question", "answers"} <= set(names):
            raise GoldError(
                f'{path}, line 1: no columns "question" and "answer"; add them as a first row',
                f"{path} 第 1 行：缺少“问题”和“答案”两列，请补上表头",
            )
        for row in rows:
            if any(map(str.strip, row)):
                yield rows.line_num, dict(zip(names, map(str.strip, row), strict=False))
    except csv.Error as error:
        raise GoldError(
            f"{path}, line {rows.line_num}: not readable as CSV ({error}); check its quotation "
            "marks",
            f"{path} 第 {rows.line_num} 行：无法按 CSV 读取（{error}），请检查引号是否成对",
        ) from None


def _row(cells: dict[str, str], line: int) -> dict[str, object]:
    row: dict[str, object] = {name: cell for name, cell in cells.items() if name and cell}
    for name in _LISTS:
        parts = [part.strip() for part in cells.get(name, "").split(_SEPARATOR)]
        if any(parts):
            row[name] = [part for part in parts if part]
    row.setdefault("id", str(line))
    given = cells.get("answerable", "").lower()
    known = any(name in row for name in ("answers", "answers_all", "evidence", "documents"))
    row["answerable"] = given not in _NO if given else known
    return row


__all__ = ["read_csv"]
