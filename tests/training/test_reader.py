from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from rag.answering.kinds import Kind
from rag.answering.reader import NeuralReader
from rag.assembly import segment
from rag.training import reader as training
from rag.training.reader import Recipe, loss, train
from rag.training.reader_base import choose_pieces, network_of, read_base, tokenizer_of
from rag.training.reader_batches import Row, collate
from rag.training.reader_data import DEVELOPMENT, READING_FILES, read_sets
from rag.training.reader_export import quarters
from rag.training.reader_network import Layer
from rag.training.reader_questions import QuestionMaker, ask_for
from tests.training.packed import LAYERS, PIECES, WIDTH, write_base, write_reading_sets

RECIPE = Recipe(layers=3, frozen=1, longest=64, batch_size=8, warmup=2, passes=1, made=10, seed=3)
NEWS = (
    "成都的博物馆在2023年接待了37万名游客。记者在成都看到博物馆已经开放。"
    "馆长王小明说,博物馆还会扩大。"
)


@pytest.fixture(scope="module")
def data(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(tiny_data, tmp_path_factory.mktemp("reading") / "data"))
    write_reading_sets(folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base") / "base.bin"
    write_base(path)
    return path


@pytest.fixture(scope="module")
def trained(base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "reader"
    train(base, data, out, RECIPE)
    return out


def test_a_packed_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    tables = write_base(tmp_path / "base.bin")
    base = read_base(tmp_path / "base.bin")
    assert (base.width, base.layers, list(base.pieces)) == (WIDTH, LAYERS, PIECES)
    network = network_of(base, [0, 1, 2, 3, 9], layers=2, frozen=1)
    words = network.pieces.weight.numpy()
    # A sixteenth of a block's span is the most that 4 bits lose.
    assert np.abs(words - tables["emb.word"][[0, 1, 2, 3, 9]]).max() < 0.05
    wanted = tables["emb.pos"] + tables["emb.type"][0]
    assert np.allclose(network.positions.weight.numpy(), wanted)
    layer = network.layers[1]
    assert isinstance(layer, Layer)
    keys = layer.joined.weight.detach().numpy()[WIDTH : 2 * WIDTH]
    assert np.abs(keys - tables["l1.k.w"]).max() < 0.05


def test_another_file_is_no_base(tmp_path: Path) -> None:
    write_base(tmp_path / "base.bin", magic=b"NONE")
    with pytest.raises(ValueError, match="no packed model"):
        read_base(tmp_path / "base.bin")


def test_four_bits_lose_nothing_the_second_time() -> None:
    rows = np.random.default_rng(5).standard_normal((3, 64)).astype(np.float32)
    numbers, scales = quarters(rows)
    both = np.concatenate((numbers & 15, numbers >> 4), axis=2).astype(np.float32) - 8
    once = (both * scales.astype(np.float32)[..., None]).reshape(3, 64)
    again, same = quarters(once)
    assert (again == numbers).all()
    assert (same == scales).all()


def test_pieces_that_cut_across_words_or_are_not_folded_are_left_out(base: Path) -> None:
    packed = read_base(base)
    kept = [packed.pieces[i] for i in choose_pieces(packed, ["先锋?"], ["the"])]
    assert {"<s>", "先锋", "12", "2023", "▁the", "ing", "?"} <= set(kept)
    assert not {"的人", "現", "A"} & set(kept)


def test_spaces_before_text_are_no_part_of_the_tokens_of_chinese(base: Path) -> None:
    packed = read_base(base)
    kept = choose_pieces(packed, ["先锋"], ["the"])
    cut = tokenizer_of(packed, kept).encode("先锋12", add_special_tokens=False)
    assert cut.offsets == [(0, 2), (2, 4)]


def test_development_articles_are_in_no_training_set_under_either_name(data: Path) -> None:
    sets = read_sets(data)
    kept = {example.article for example in sets.development}
    assert len(kept) == DEVELOPMENT
    numbers = {name.removeprefix("文章") for name in kept}
    for part in (sets.squad, sets.xquad, sets.english, sets.mixed):
        assert part
        assert not numbers & {e.article.removeprefix("文章").removeprefix("Article_") for e in part}


def test_training_opens_no_set_that_figures_are_reported_on() -> None:
    assert not {"cmrc2018_trial", "drcd_dev"} & set(READING_FILES)


def test_a_made_question_asks_for_a_span_it_does_not_name() -> None:
    maker = QuestionMaker(segment, {})
    made = [maker.make(NEWS, random.Random(seed)) for seed in range(60)]
    questions = [question for question in made if question is not None]
    assert len(questions) > 10
    for question in questions:
        assert question.passage[question.start : question.end] not in question.text


@pytest.mark.parametrize(
    ("kind", "answer", "asked"),
    [
        (Kind.QUANTITY, "第三", {"第几"}),
        (Kind.QUANTITY, "37万名", {"多少名", "几名", "多少"}),
        (Kind.DATE, "2023年", {"哪一年", "哪年", "什么时候", "何时"}),
        (Kind.PERSON, "王小明", {"谁", "哪位", "什么人"}),
    ],
)
def test_the_question_word_fits_the_answer(kind: Kind, answer: str, asked: set[str]) -> None:
    assert {ask_for(kind, answer, random.Random(seed)) for seed in range(40)} == asked


def test_an_answer_that_stands_twice_is_right_in_both_places() -> None:
    # Two places of four, equally likely: the loss is -log(1/2) for begin and for end.
    row = Row([0, 9, 2, 9, 9, 9, 2], [0] * 7, [0, 0, 0, 1, 1, 1, 0], [(3, 3), (4, 4)])
    batch = collate([row])
    assert batch.allowed[0].tolist() == [True, False, False, True, True, True, False]
    assert loss(torch.zeros(1, 7, 2), batch).item() == pytest.approx(np.log(2.0))


def test_no_answer_is_the_first_place() -> None:
    batch = collate([Row([0, 9, 2, 9, 2], [0] * 5, [0, 0, 0, 1, 0], [])])
    assert batch.targets[0, :, 0].tolist() == [True, False, False, False, False]


def test_the_trained_folder_reads(trained: Path) -> None:
    spans = NeuralReader(trained).read("成都建了多少个石桥?", ["成都在2023年建了12个石桥。"])
    assert spans[0].text in "成都在2023年建了12个石桥。"
    assert [path.name for path in trained.parent.iterdir()] == ["reader"]


def test_a_killed_run_goes_on_and_ends_at_the_same_files(
    trained: Path, base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "reader"
    monkeypatch.setattr(training, "_SAVED_EVERY", 2)
    with monkeypatch.context() as patched:
        patched.setattr(training, "export", killed)
        with pytest.raises(KeyboardInterrupt):
            train(base, data, out, RECIPE)
    assert (tmp_path / "reader.work" / "checkpoint.pt").exists()
    train(base, data, out, RECIPE)
    assert (out / "reader.json").read_text() == (trained / "reader.json").read_text()


def test_a_checkpoint_of_another_recipe_is_refused(base: Path, data: Path, tmp_path: Path) -> None:
    work = tmp_path / "reader.work"
    work.mkdir()
    (work / "recipe.json").write_text("{}")
    with pytest.raises(ValueError, match="another recipe"):
        train(base, data, tmp_path / "reader", RECIPE)
