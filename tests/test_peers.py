"""The comparison with the peers still runs: Wenyuan and the bare libraries over a few passages."""

import json
from pathlib import Path

from benchmarks.peers import compared, main, prepare
from benchmarks.peers_report import picture, section


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def sources(folder: Path) -> tuple[Path, Path]:
    towns = "甲乙丙丁戊己庚辛壬癸"
    questions = [
        {
            "paragraph_id": town,
            "context": f"{town}镇的桥建于一九{number}二年。",
            "question": f"{town}镇的桥建于哪一年？",
        }
        for number, town in enumerate(towns)
    ]
    news = [{"text": f"第{number}期简报：天气晴朗，交通顺畅。"} for number in range(200)]
    return write(folder / "news.jsonl", news), write(folder / "questions.jsonl", questions)


def test_the_paragraphs_come_first_and_news_fills_up_to_the_number_of_passages(
    tmp_path: Path,
) -> None:
    articles, questions = sources(tmp_path)
    assert prepare(articles, questions, 12, 10, tmp_path / "out") == 12
    lines = (tmp_path / "out" / "passages.jsonl").read_text(encoding="utf-8").splitlines()
    owners = [json.loads(line)["paragraph"] for line in lines]
    assert owners == [*"甲乙丙丁戊己庚辛壬癸", None, None]


def test_wenyuan_and_the_floor_both_find_the_paragraph_of_every_question(tmp_path: Path) -> None:
    articles, questions = sources(tmp_path)
    files = ["--articles", str(articles), "--questions", str(questions)]
    rest = ["--passages", "150", "--systems", "floor", "wenyuan", "--out", str(tmp_path / "out")]
    main([*files, *rest])
    report = json.loads((tmp_path / "out" / "peers.json").read_text(encoding="utf-8"))
    assert report["passages"] == 150
    for name in ("floor", "wenyuan"):
        assert report["systems"][name]["questions"] == 10
        assert report["systems"][name]["recall@1"] == 1.0


def test_recall_compares_over_the_questions_that_every_system_was_asked() -> None:
    results: dict[str, dict[str, float]] = {"fast": {}, "slow": {}}
    compared(results, {"fast": [0, 3, 20, 20], "slow": [0, 20]})
    assert results["fast"] == {"recall@1, first 2": 0.5, "recall@20, first 2": 1.0}
    assert results["slow"] == {"recall@1, first 2": 0.5, "recall@20, first 2": 0.5}


def test_the_readme_shows_the_table_of_the_committed_figures() -> None:
    folder = Path(__file__).parents[1] / "benchmarks"
    report = json.loads((folder / "peers.json").read_text(encoding="utf-8"))
    shown = section(*(report[key] for key in ("machine", "passages", "systems", "failed")))
    assert shown in (folder / "README.md").read_text(encoding="utf-8")
    assert picture(report["systems"]) == (folder / "peers.svg").read_text(encoding="utf-8")


def test_a_system_that_fails_is_recorded_and_the_rest_go_on(tmp_path: Path) -> None:
    """LangChain isn't in this environment, so its import fails."""
    articles, questions = sources(tmp_path)
    files = ["--articles", str(articles), "--questions", str(questions)]
    rest = ["--passages", "20", "--systems", "langchain", "floor", "--out", str(tmp_path / "out")]
    main([*files, *rest])
    report = json.loads((tmp_path / "out" / "peers.json").read_text(encoding="utf-8"))
    assert report["failed"].keys() == {"langchain"}
    assert "ModuleNotFoundError" in report["failed"]["langchain"]
    assert report["systems"].keys() == {"floor"}
