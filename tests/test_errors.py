"""The errors and their sentences in two languages."""

from __future__ import annotations

import pickle

import pytest

from rag import errors
from rag.errors import (
    ConfigError,
    DamagedIndexError,
    IndexBusyError,
    IndexUnusableError,
    LoadError,
    ModelError,
    NoIndexError,
    RagError,
    StorageError,
)

TREE = [getattr(errors, name) for name in errors.__all__ if name != "Lang"]


def test_an_error_speaks_both_languages() -> None:
    error = ConfigError("wrong", "不对")
    assert (error.say("en"), error.say("zh"), str(error)) == ("wrong", "不对", "wrong")


@pytest.mark.parametrize("kind", TREE)
def test_every_error_is_a_rag_error(kind: type[RagError]) -> None:
    assert issubclass(kind, RagError)


@pytest.mark.parametrize("kind", TREE)
def test_an_error_survives_a_trip_between_processes(kind: type[RagError]) -> None:
    error = pickle.loads(pickle.dumps(kind("wrong", "不对")))
    assert type(error) is kind
    assert (error.en, error.zh) == ("wrong", "不对")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (RagError, 1),
        (LoadError, 1),
        (StorageError, 1),
        (IndexBusyError, 1),
        (ConfigError, 2),
        (ModelError, 2),
        (IndexUnusableError, 3),
        (NoIndexError, 3),
        (DamagedIndexError, 3),
    ],
)
def test_exit_codes_tell_what_went_wrong(kind: type[RagError], code: int) -> None:
    assert kind.exit_code == code
