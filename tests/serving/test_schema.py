"""Whatever the API's own description allows, and much that it doesn't, is never a server error."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from tests.serving.conftest import ADMIN, Served

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the library's own dependencies
    import schemathesis
    from schemathesis import Case, GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.core.result import Ok

LEFT_OUT = ("/metrics",)  # it takes nothing, and grows


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_is_a_server_error(served: Served, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{served.url}openapi.json")
    tried: set[str] = set()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.path in LEFT_OUT:
            continue
        taken = [*operation.iter_parameters(), *operation.body]
        if mode is GenerationMode.NEGATIVE and not taken:
            continue  # there is nothing to get wrong

        @settings(
            max_examples=15,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def is_never_an_error(case: Case[Any]) -> None:
            tried.add(f"{case.method} {case.path}")
            reply = case.call(timeout=30, headers={"x-admin-token": ADMIN})
            case.validate_response(reply, checks=[not_a_server_error])

        with suppress(Unsatisfiable):  # any text is right for an id: nothing to get wrong
            is_never_an_error()
    assert len(tried) >= (14 if mode is GenerationMode.POSITIVE else 6), tried
