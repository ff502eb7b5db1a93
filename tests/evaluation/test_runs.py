"""From records to figures, comparison, gate and saved runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rag.errors import ConfigError, StorageError
from rag.evaluation import load_run, save_run, summarise
from rag.evaluation.compare import compare
from rag.evaluation.diagnosis import outcome, outcomes
from rag.evaluation.gate import check_gate, unchecked
from rag.evaluation.markdown import comparison_markdown, gate_markdown, run_markdown
from rag.evaluation.summary import summary_dict
from tests.evaluation.making import record, run

RIGHT = record("1", measures={"accepted": 1.0, "f1": 0.8}, tags=("a",), lang="zh")
WRONG = record("2", right=False, sure_right=False, confidence=0.5,
               measures={"accepted": 0.0, "f1": 0.2}, tags=("a", "b"), lang="en")  # fmt: skip
DECLINED = record("3", answerable=False, answered=False, right=True, sure_right=False,
                  short_answer=None, reason="low_confidence", confidence=0.1,
                  measures={"rejection": 1.0}, timings_ms={"total": 4.0})  # fmt: skip


# summary


def test_a_figure_is_the_mean_over_the_questions_that_have_it() -> None:
    figures = summarise([RIGHT, WRONG, DECLINED])["s"].all.figures
    assert (figures["accepted"].value, figures["accepted"].count) == (0.5, 2)
    assert figures["f1"].value == pytest.approx(0.5)
    assert (figures["rejection"].value, figures["rejection"].count) == (1.0, 1)
    assert "recall@1" not in figures
    assert figures["accepted"].low == 0.0
    assert figures["accepted"].high == 1.0


def test_the_area_counts_unanswerable_questions_as_wrong_to_answer() -> None:
    # From the surest on: right, wrong, unanswerable.
    figures = summarise([RIGHT, WRONG, DECLINED])["s"].all.figures
    assert figures["aurc"].value == pytest.approx((0 + 1 / 2 + 2 / 3) / 3)


def test_languages_and_tags_have_figures_of_their_own() -> None:
    summary = summarise([RIGHT, WRONG])["s"]
    assert summary.tags["a"].questions == 2
    assert summary.tags["b"].figures["f1"].value == pytest.approx(0.2)
    assert summary.langs["zh"].figures["accepted"].value == 1.0


def test_several_sets_are_also_summed_up_together() -> None:
    summaries = summarise([RIGHT, replace(WRONG, set="t")])
    assert list(summaries) == ["s", "t", "all"]
    assert summaries["all"].all.figures["accepted"].value == 0.5


def test_latency_is_the_median_and_the_95th_percentile_by_stage() -> None:
    records = [record(str(i), timings_ms={"total": float(i)}) for i in range(1, 102)]
    assert summarise(records)["s"].all.latency == {"total": (51.0, 96.0)}


def test_a_summary_is_plain_json() -> None:
    assert "NaN" not in json.dumps(summary_dict(summarise([RIGHT, WRONG, DECLINED])))


# what became of a question


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, "right"),
        ({"answerable": False, "answered": False}, "rightly_declined"),
        ({"answerable": False, "right": False}, "should_decline"),
        ({"right": False, "measures": {"recall@1": 0.0}}, "not_found"),
        ({"right": False, "measures": {"recall@1": 0.0}, "first_rank": 9}, "not_found"),
        ({"right": False, "answered": False, "first_rank": 2}, "too_careful"),
        ({"right": False, "answered": False, "sure_right": False}, "declined"),
        ({"right": False, "measures": {"citation_recall": 1.0}}, "other_answer"),
        ({"right": False, "measures": {"citation_recall": 0.5}}, "other_sentence"),
    ],
)
def test_a_question_is_lost_at_one_stage(changes: dict[str, object], wanted: str) -> None:
    assert outcome(record("1", **changes), top_k=8) == wanted


def test_outcomes_are_counted_in_the_pipelines_order() -> None:
    assert outcomes([DECLINED, RIGHT, RIGHT], top_k=8) == {"right": 2, "rightly_declined": 1}


# comparison


def test_a_comparison_pairs_questions_and_lists_the_flips() -> None:
    before = run("before", RIGHT, WRONG, record("9"))
    worse = replace(RIGHT, right=False, measures={"accepted": 0.0, "f1": 0.0}, short_answer="20座")
    better = replace(WRONG, right=True, measures={"accepted": 1.0, "f1": 0.6})
    after = run("after", worse, better, retrieval={"dense_weight": 0.0})
    found = compare(before, after)
    assert (found.common, found.only_before, found.only_after) == (2, 1, 0)
    assert found.changes == {"retrieval.dense_weight": ("0.05", "0.0")}
    f1 = next(one for one in found.differences["s"] if one.name == "f1")
    assert [f1.before, f1.after, f1.delta] == pytest.approx([0.5, 0.3, -0.2])
    assert (f1.gained, f1.lost) == (1, 1)
    assert [(flip.id, flip.gained, flip.before, flip.after) for flip in found.flips] == [
        ("1", False, "37座", "20座"),
        ("2", True, "37座", "37座"),
    ]


def test_ten_gains_without_a_loss_are_significant_and_two_are_not() -> None:
    wrong = [record(str(i), right=False, measures={"accepted": 0.0}) for i in range(20)]
    some = [replace(r, right=i < 2, measures={"accepted": float(i < 2)})
            for i, r in enumerate(wrong)]  # fmt: skip
    more = [replace(r, right=i < 10, measures={"accepted": float(i < 10)})
            for i, r in enumerate(wrong)]  # fmt: skip
    (few,) = compare(run("a", *wrong), run("b", *some)).differences["s"]
    (many,) = compare(run("a", *wrong), run("b", *more)).differences["s"]
    assert few.p == pytest.approx(2 / 2**2)
    assert few.low <= 0.0 or few.p > 0.05
    assert many.p == pytest.approx(2 / 2**10)
    assert many.low > 0


def test_a_question_in_other_words_is_another_question() -> None:
    found = compare(run("a", RIGHT), run("b", replace(RIGHT, question="另一个？")))
    assert (found.common, found.only_before, found.only_after) == (0, 1, 1)
    assert found.flips == ()


def test_the_same_run_has_no_difference() -> None:
    found = compare(run("a", RIGHT, WRONG), run("b", RIGHT, WRONG))
    assert all(not one.changed and one.p == 1.0 for one in found.differences["s"])
    assert "none" in comparison_markdown(found, "en")


# gate


def gate(folder: Path, content: str, name: str = "gate.toml") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_a_gate_holds_least_values_and_greatest_where_less_is_better(tmp_path: Path) -> None:
    path = gate(
        tmp_path,
        "[s]\naccepted = 0.5\nf1 = 0.9\naurc = 0.5\nlatency_p95_ms = 3\n"
        "[s.tags.b]\nf1 = 0.1\n[s.langs.zh]\naccepted = 1\n",
    )
    checks = check_gate(path, summarise([RIGHT, WRONG, DECLINED]))
    assert [(check.place, check.name, check.held) for check in checks] == [
        ("s", "accepted", True),
        ("s", "f1", False),
        ("s", "aurc", True),
        ("s", "latency_p95_ms", False),
        ("s.tags.b", "f1", True),
        ("s.langs.zh", "accepted", True),
    ]
    assert gate_markdown(checks, "en").splitlines()[4].startswith("| MISSED | s | f1 | 0.500 |")


def test_a_gate_may_be_json_and_speak_of_all_sets_together(tmp_path: Path) -> None:
    path = gate(tmp_path, '{"all": {"accepted": 0.6}, "t": {"accepted": 0}}', "gate.json")
    summaries = summarise([RIGHT, WRONG])
    (check,) = check_gate(path, summaries)
    assert (check.value, check.held) == (0.5, False)
    assert unchecked(path, summaries) == ["t"]


def test_a_figure_that_no_question_has_misses_its_gate(tmp_path: Path) -> None:
    (check,) = check_gate(gate(tmp_path, '[s]\n"recall@1" = 0\n'), summarise([RIGHT]))
    assert (check.value, check.held) == (None, False)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[s\n", "not valid TOML"),
        ("", "has no thresholds"),
        ("[t]\naccepted = 1\n", "no threshold for the sets of this run (s)"),
        ("[s]\nacepted = 1\n", "s.acepted is no figure; did you mean accepted?"),
        ('[s]\naccepted = "high"\n', "s.accepted must be a number"),
        ("s = 1\n", "s must be a table"),
        ("[s.tags.zzz]\naccepted = 1\n", "s.tags.zzz has no question in this run"),
    ],
)
def test_a_gate_that_can_not_hold_anything_is_refused(
    tmp_path: Path, content: str, says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        check_gate(gate(tmp_path, content), summarise([RIGHT]))
    assert says in caught.value.en
    assert str(tmp_path) in caught.value.zh


def test_a_gate_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        check_gate(tmp_path / "none.toml", {})


# saved runs


def test_a_saved_run_comes_back_as_it_was(tmp_path: Path) -> None:
    saved = run("mine", RIGHT, WRONG, DECLINED)
    save_run(saved, tmp_path / "deeper" / "mine.json")
    assert load_run(tmp_path / "deeper" / "mine.json", tmp_path) == saved
    assert load_run(Path("mine"), tmp_path / "deeper") == saved


def test_what_is_no_saved_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such run"):
        load_run(Path("mine"), tmp_path)
    (tmp_path / "mine.json").write_text('{"name": 1}', encoding="utf-8")
    with pytest.raises(ConfigError, match="not a saved run"):
        load_run(Path("mine"), tmp_path)


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(StorageError, match=r"mine\.json: can't be written"):
        save_run(run("mine", RIGHT), tmp_path / "file" / "mine.json")


# Markdown


@pytest.mark.parametrize(("lang", "word"), [("en", "Answered right"), ("zh", "有据答对率")])
def test_markdown_has_the_figures_in_either_language(lang: str, word: str) -> None:
    shown = run("mine", RIGHT, WRONG, DECLINED)
    text = run_markdown(shown, summarise(shown.records), "zh" if lang == "zh" else "en")
    assert f"| {word}" in text
    assert "0.500 [0.000, 1.000]" in text
    assert "| b | 1 |" in text


def test_a_flip_with_a_pipe_stays_one_cell_and_one_line() -> None:
    old = replace(RIGHT, question="a|b\nc", right=False)
    text = comparison_markdown(compare(run("a", old), run("b", replace(old, right=True))), "en")
    assert "- ✓ s/1 a\\|b c: 37座 → 37座 (37座)" in text
