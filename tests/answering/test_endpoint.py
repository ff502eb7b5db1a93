"""What an endpoint is sent, and what stays secret."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from rag.answering.breaker import Breaker
from rag.answering.endpoint import ChatEndpoint, Endpoint, Request
from rag.answering.failures import CODES, cut_short, failure, notice
from rag.answering.prompts import Message
from rag.assembly import endpoint_of, key_of
from rag.config import GeneratorSettings
from rag.errors import ConfigError, GeneratorError
from tests.answering.llm_server import Exchange, says, serving

KEY = "sk-very-secret-0123456789"
ASK = Request([Message("user", "hello")], 64)


def echoes_the_key(exchange: Exchange) -> None:
    exchange.error(401, f"Incorrect API key provided: {KEY}")


def test_the_key_is_sent_and_shown_nowhere(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MY_KEY", KEY)
    with serving(echoes_the_key) as server:
        settings = GeneratorSettings(
            backend="openai", base_url=server.url, model="tiny", api_key_env="MY_KEY"
        )
        endpoint = endpoint_of(settings)
        with pytest.raises(GeneratorError) as caught:
            list(endpoint.stream(ASK))
        endpoint.close()
        assert server.recorded.headers[0]["authorization"] == f"Bearer {KEY}"
    shown = caplog.text + repr(caught.value) + str(caught.value) + repr(settings)
    assert KEY not in shown + repr(endpoint._endpoint) + str(caught.value.__cause__)


def test_the_environments_own_key_is_not_sent_to_another_endpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    with serving(says("2")) as server:
        endpoint = ChatEndpoint(Endpoint(server.url, "tiny"))
        list(endpoint.stream(ASK))
        endpoint.close()
        (headers,) = server.recorded.headers
    assert KEY not in str(headers)
    assert "openai-organization" not in headers


def test_a_request_says_model_length_and_temperature() -> None:
    with serving(says("2")) as server:
        endpoint = ChatEndpoint(Endpoint(server.url, "tiny"))
        list(endpoint.stream(ASK))
        list(endpoint.stream(Request(ASK.messages, 64, temperature=-1)))
        endpoint.close()
        first, second = server.recorded.requests
    assert (first["model"], first["max_tokens"], first["temperature"]) == ("tiny", 64, 0.0)
    assert first["stream"] is True
    assert "temperature" not in second


def test_a_key_comes_from_a_variable_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    (tmp_path / "key").write_text(f"{KEY}\n")
    assert key_of(GeneratorSettings(api_key_env="MY_KEY")) == KEY
    assert key_of(GeneratorSettings(api_key_file=str(tmp_path / "key"))) == KEY
    assert key_of(GeneratorSettings()) == ""


def test_a_key_that_is_not_there_is_named_by_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="NO_SUCH_KEY"):
        key_of(GeneratorSettings(api_key_env="NO_SUCH_KEY"))
    with pytest.raises(ConfigError, match="not readable"):
        key_of(GeneratorSettings(api_key_file=str(tmp_path / "none")))


def test_without_a_model_there_is_no_endpoint() -> None:
    with pytest.raises(ConfigError, match=r"generator\.model is empty"):
        endpoint_of(GeneratorSettings(backend="openai"))


def test_the_models_of_an_endpoint_are_listed() -> None:
    with serving(says("2")) as server:
        endpoint = ChatEndpoint(Endpoint(server.url, "tiny"))
        assert endpoint.models() == ["tiny"]
        endpoint.close()


def test_an_endpoint_can_be_used_again_after_it_was_closed() -> None:
    with serving(says("2")) as server:
        endpoint = ChatEndpoint(Endpoint(server.url, "tiny"))
        for _ in range(2):
            assert "".join(delta.text for delta in endpoint.stream(ASK)) == "2"
            endpoint.close()


def test_a_breaker_lets_one_call_try_after_its_rest() -> None:
    breaker = Breaker(failures=2, rest_s=0.1)
    for _ in range(2):
        breaker.enter()
        breaker.failed(failure("refused"))
    with pytest.raises(GeneratorError, match="left alone"):
        breaker.enter()
    time.sleep(0.15)
    breaker.enter()
    with pytest.raises(GeneratorError):  # the others wait for that one's result
        breaker.enter()
    breaker.succeeded()
    breaker.enter()


@pytest.mark.parametrize("code", CODES)
def test_every_failure_has_a_sentence_in_both_languages(code: str) -> None:
    error = failure(code)
    for begun in (True, False):
        assert notice("en", error, begun=begun).endswith("from the documents instead.")
        assert notice("zh", error, begun=begun).endswith("直接摘自文章。")
    assert error.en != error.zh
    assert cut_short("en") != cut_short("zh")
