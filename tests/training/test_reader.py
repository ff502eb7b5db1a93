from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from rag.answering.network import Network, Window
from rag.answering.neural_reader import ABOUT_FILE, WEIGHTS_FILE, NeuralReader
from rag.assembly import bundled_embedder, segment
from rag.training import reader, reader_material
from rag.training.reader import Recipe, train
from rag.training.reader_data import Example, Part, ReadingSets, read_sets
from rag.training.reader_examples import (
    Item,
    batch_of,
    commonest_characters,
    crop,
    item_of,
    lexicon_of,
    new_vocabulary,
    places_of,
    wanted,
)
from rag.training.reader_folder import About, measured, save
from rag.training.reader_network import WIDTHS, ReaderNetwork, hidden_words, span_loss
from tests.training.reading_sets import titles_of, write_reading_sets

RECIPE = Recipe(
    made=6, articles=20, width=16, layers=2, heads=2, inner=16, taps=3, steps=3, batch=4, groups=2,
    every=1, seed=3,
)  # fmt: skip
EXAMPLE = Example(
    "成都建了多少个石桥?", "成都在2023年建了12个石桥,群众很满意。", ("12个",), "石桥", "drcd_dev"
)
SHORT = Example("谁建了石桥?", "王小明建了石桥。", ("王小明",), "石桥", "drcd_dev")


@pytest.fixture(scope="module")
def data(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(tiny_data, tmp_path_factory.mktemp("reading") / "data"))
    write_reading_sets(folder)
    return folder


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "reader"
    train(data, out, RECIPE)
    return out


def items_of(*examples: Example) -> tuple[list[Item], dict[str, int]]:
    vocabulary = new_vocabulary()
    items = [item_of(each, places_of(each), vocabulary, {}) for each in examples]
    return [item for item in items if item is not None], vocabulary


def network_of(characters: int) -> ReaderNetwork:
    torch.manual_seed(1)
    network = ReaderNetwork(
        characters + 2, width=16, layers=2, heads=2, inner=16, taps=3, dropout=0.0
    )
    # As if trained: nothing that starts at zero hides a difference.
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    for name, parameter in network.named_parameters():
        if name.endswith("pair.weight"):
            parameter.data[:, 6] = 1.0  # padding isn't heard
    return network.eval()


def test_a_wanted_span_is_one_that_overlaps_the_nearest_answer() -> None:
    # 建了|12个|石桥: 12个 is the answer; 建了12个 shares three of 5 + 3 characters, twice 3 / 8.
    spans = np.array([(0, 2), (2, 5), (5, 7)], np.int32)
    near = wanted(spans, [(2, 5)])
    assert near.shape == (3, WIDTHS)
    assert near[:, :3].tolist() == [
        pytest.approx([0, 0.75, 0.6]), pytest.approx([1, 0.75, 0]), [0, 0, 0],
    ]  # fmt: skip


def test_an_answer_is_looked_for_wherever_the_paragraph_has_it() -> None:
    example = Example("谁?", "石桥,石桥", ("石桥", ""), "石桥", "drcd_dev")
    assert places_of(example) == [(0, 2), (3, 5)]


def test_a_question_whose_answer_no_span_comes_near_is_left_out() -> None:
    items, _ = items_of(EXAMPLE, Example("有多少?", "成都很大。", ("没有的话",), "", "drcd_dev"))
    assert len(items) == 1


def test_a_cropped_passage_keeps_its_answer() -> None:
    near = np.zeros((40, WIDTHS), np.float32)
    near[20, 2] = 1
    cuts = {crop(near, 10, random.Random(seed)) for seed in range(50)}
    assert all(end - start == 10 for start, end in cuts)
    # Words 20, 21 and 22 are the answer's.
    assert {start for start, _ in cuts} == set(range(13, 21))


def test_questions_of_a_batch_do_not_change_each_others_scores() -> None:
    items, vocabulary = items_of(EXAMPLE, SHORT)
    characters = commonest_characters(items, vocabulary, 100)
    lexicon, network = lexicon_of(vocabulary, characters), network_of(len(characters))
    alone = batch_of(items[1:], 100, random.Random(1))
    both = batch_of(items, 100, random.Random(1))
    with torch.no_grad():
        expected = network.spans(network.encode(alone, lexicon), alone)[0]
        found = network.spans(network.encode(both, lexicon), both)[1]
    assert torch.allclose(found[: len(expected)], expected, atol=1e-4)


def test_numpy_gives_the_scores_of_torch(tmp_path: Path) -> None:
    items, vocabulary = items_of(EXAMPLE, SHORT)
    characters = commonest_characters(items, vocabulary, 100)
    lexicon, network = lexicon_of(vocabulary, characters), network_of(len(characters))
    for parameter in network.parameters():
        parameter.data = parameter.data.half().float()  # the file's precision
    save(tmp_path, network.state_dict(), About(2, list(characters), 1, {}))
    numpy_network = Network(tmp_path / WEIGHTS_FILE, 2)
    for item in items:
        batch = batch_of([item], 100, random.Random(1))
        with torch.no_grad():
            expected = network.spans(network.encode(batch, lexicon), batch)[0, item.asked :]
        window = Window(
            vectors=lexicon.vectors.numpy()[item.words],
            words=item.words.astype(np.int64),
            characters=lexicon.characters.numpy()[item.words],
            features=item.features.astype(np.float32),
            asked=item.asked,
            kind=item.kind,
        )
        assert numpy_network.scores(window) == pytest.approx(expected.numpy(), abs=1e-3)


def test_the_file_has_no_tables_that_only_training_needs(trained: Path) -> None:
    names = set(np.load(trained / WEIGHTS_FILE).files)
    assert names == {
        name for name in network_of(9).state_dict() if not name.startswith(("mlm.", "mask"))
    }


def test_the_loss_of_equal_scores_is_the_log_of_their_number() -> None:
    near = torch.zeros(2, 2, 2)
    near[0, 0, 0] = 1.0
    # The other window wants nothing and has no loss.
    assert span_loss(torch.zeros(2, 2, 2), near, 6.0).item() == pytest.approx(np.log(4.0))


def test_no_sign_nor_question_word_is_hidden() -> None:
    items, vocabulary = items_of(EXAMPLE, SHORT)
    batch = batch_of(items, 100, random.Random(1))
    hide = hidden_words(batch, 1.0, 1.0)
    words = list(vocabulary)
    shown = {words[number] for number in batch.words[~hide].tolist()}
    assert {"", ",", "。", "?"} < shown
    assert "石桥" not in shown


def test_the_trained_folder_reads_and_nothing_else_is_left(trained: Path) -> None:
    opened = NeuralReader(trained, segment, bundled_embedder().embed_passages)
    spans = opened.read(EXAMPLE.question, [EXAMPLE.paragraph])
    assert np.isfinite([span.probability for span in spans]).all()
    assert [path.name for path in trained.parent.iterdir()] == ["reader"]
    assert {path.name for path in trained.iterdir()} == {ABOUT_FILE, WEIGHTS_FILE}


def test_the_folder_tells_in_how_many_articles_words_stand(trained: Path) -> None:
    about = json.loads((trained / ABOUT_FILE).read_text(encoding="utf-8"))
    # All of the tiny news has 群众.
    assert about["articles"] == 20
    assert "群众" in about["frequencies"]["20"].split()
    words = [word for line in about["frequencies"].values() for word in line.split()]
    assert len(words) == len(set(words))


def test_figures_are_told_by_set(trained: Path) -> None:
    figures = measured(trained, [EXAMPLE, SHORT])
    assert list(figures) == ["drcd_dev"]
    assert figures["drcd_dev"].questions == 2
    assert 0 <= figures["drcd_dev"].exact <= figures["drcd_dev"].overlap <= 100


@pytest.mark.parametrize("where", ["_keep", "_step", "copyfile"])
def test_a_killed_run_goes_on_and_ends_at_the_same_weights(
    where: str, trained: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = shutil if where == "copyfile" else reader
    genuine, calls = getattr(owner, where), []

    def killed(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return genuine(*arguments)

    out = tmp_path / "reader"
    with monkeypatch.context() as patched:
        patched.setattr(owner, where, killed)
        with pytest.raises(KeyboardInterrupt):
            train(data, out, RECIPE)
    train(data, out, RECIPE)
    for name in (ABOUT_FILE, WEIGHTS_FILE):
        assert (out / name).read_bytes() == (trained / name).read_bytes()


def test_a_run_of_another_recipe_is_refused(data: Path, tmp_path: Path) -> None:
    work = tmp_path / "reader.work"
    work.mkdir()
    (work / "recipe.json").write_text("{}")
    with pytest.raises(ValueError, match="another recipe"):
        train(data, tmp_path / "reader", RECIPE)


def test_what_is_kept_out_never_reaches_training(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described: list[Example] = []

    def noted(example: Example, *rest: object) -> Item | None:
        described.append(example)
        return item_of(example, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(reader_material, "item_of", noted)
    train(data, tmp_path / "reader", RECIPE)
    sets = read_sets(data)
    assert described == list(sets.training)
    kept_out = {e.paragraph for e in (*sets.development, *sets.held_out)}
    assert not kept_out & {example.paragraph for example in described}
    titles = {t for part in (Part.HELD_OUT, Part.DEVELOPMENT) for t in titles_of(part, 2)}
    assert not titles & {example.article for example in described}


def test_the_learning_rate_rises_stays_and_falls() -> None:
    recipe = Recipe()
    shares = [recipe.rate(step) / recipe.learning_rate for step in (74, 149, 1320, 2860, 4399)]
    assert shares == pytest.approx([0.5, 1, 1, 0.5, 0.02])


def test_a_set_without_development_questions_has_no_figures(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = read_sets(data)
    monkeypatch.setattr(reader, "read_sets", lambda _: ReadingSets(sets.training, [], []))
    train(data, tmp_path / "reader", RECIPE)
    assert (tmp_path / "reader" / WEIGHTS_FILE).exists()
    assert not capsys.readouterr().out
