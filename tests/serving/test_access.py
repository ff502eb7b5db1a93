"""Keys, tokens, origins, proxies and rates, without a server."""

from __future__ import annotations

import time
import base64

import pytest
from starlette.datastructures import Headers

from rag.config import ServerSettings
from rag.errors import ConfigError
from rag.serving.access import TOKEN_SECONDS, Access, Refusal, hash_of, new_key

OA = "https://oa.example.cn"
PROXY, OTHER = "127.0.0.1", "10.0.0.9"


def access(**settings: object) -> Access:
    return Access(ServerSettings.model_validate(settings))


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{key}".encode()).decode()


def test_without_keys_a_client_is_its_address() -> None:
    assert access().identity(Headers({}), OTHER) == OTHER


@pytest.mark.parametrize("header", ["authorization", "x-api-key", "basic"])
def test_a_key_is_taken_in_three_ways(header: str) -> None:
    key, digest = new_key()
    value = {"authorization": f"Bearer {key}", "x-api-key": key, "basic": basic(key)}[header]
    name = "authorization" if header == "basic" else header
    assert access(api_keys=[hash_of("another"), digest]).identity(
        Headers({name: value}), OTHER
    ) == hash_of(key)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic " + base64.b64encode(b"no colon").decode()},
        {"x-api-key": "wrong"},
        {"x-remote-user": "wang"},
    ],
)
def test_without_the_key_nobody_comes_in(headers: dict[str, str]) -> None:
    found = access(api_keys=[hash_of("right")]).identity(Headers(headers), OTHER)
    assert isinstance(found, Refusal)
    assert (found.status, found.code) == (401, "key_required")


def test_a_key_itself_in_place_of_its_hash_is_refused_with_the_cure() -> None:
    with pytest.raises(ConfigError, match="rag key"):
        access(api_keys=["wy-secret"])


def test_a_proxys_user_is_believed_from_the_proxy_alone() -> None:
    rules = access(trusted_header="X-Remote-User")
    headers = Headers({"x-remote-user": "wang"})
    assert rules.identity(headers, PROXY) == "user wang"
    refused = rules.identity(headers, OTHER)
    assert isinstance(refused, Refusal)
    assert refused.code == "sign_in_required"
    assert isinstance(rules.identity(Headers({"x-remote-user": ""}), PROXY), Refusal)


def test_a_forwarded_address_is_the_one_the_proxy_added() -> None:
    headers = Headers({"x-forwarded-for": "6.6.6.6, 10.1.2.3"})
    assert access().identity(headers, PROXY) == "10.1.2.3"
    assert access().identity(headers, OTHER) == OTHER


@pytest.mark.parametrize(
    ("origin", "host", "where"),
    [
        (None, "kb.local", "none"),
        ("http://kb.local:7860", "kb.local:7860", "own"),
        ("http://KB.local:7860", "kb.LOCAL:7860", "own"),
        (OA, "kb.local", "allowed"),
        (OA.upper(), "kb.local", "allowed"),
        ("https://evil.example", "kb.local", "foreign"),
        (f"{OA}.evil.example", "kb.local", "foreign"),
        ("http://oa.example.cn", "kb.local", "foreign"),  # another scheme is another origin
        ("null", "kb.local", "foreign"),
        ("http://[", "kb.local", "foreign"),  # what urllib raises for
        ("", "", "foreign"),
    ],
)
def test_where_a_request_comes_from(origin: str | None, host: str, where: str) -> None:
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    assert access(allowed_origins=[OA]).origin(Headers(headers), OTHER) == where


def test_the_forwarded_host_counts_from_a_trusted_proxy_alone() -> None:
    headers = Headers(
        {"origin": "https://kb.example.cn", "host": "app:7860", "x-forwarded-host": "kb.example.cn"}
    )
    assert access().origin(headers, PROXY) == "own"
    assert access().origin(headers, OTHER) == "foreign"


@pytest.mark.parametrize("origin", ["oa.example.cn", "https://oa.example.cn/path", "*", "ftp://a"])
def test_an_allowed_origin_that_is_none_is_refused(origin: str) -> None:
    with pytest.raises(ConfigError, match="allowed_origins"):
        access(allowed_origins=[origin])


def test_an_origin_may_end_in_a_slash() -> None:
    assert access(allowed_origins=[f"{OA}/"]).origins == {OA}


def test_a_token_holds_for_its_origin_alone() -> None:
    rules = access(allowed_origins=[OA])
    token = rules.issue(OA)
    assert rules.check_token(token, OA) is None
    for wrong, origin in (
        (token, "https://evil.example"),
        (token, None),
        (token[:-2], OA),
        ("", OA),
    ):
        refused = rules.check_token(wrong, origin)
        assert refused is not None
        assert (refused.status, refused.code) == (401, "token_invalid")
    missing = rules.check_token(None, OA)
    assert missing is not None
    assert missing.code == "token_required"


def test_a_token_of_another_server_is_worth_nothing() -> None:
    assert access(allowed_origins=[OA]).check_token(access(allowed_origins=[OA]).issue(OA), OA)


def test_a_token_ends_after_its_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = access(allowed_origins=[OA])
    token = rules.issue(OA)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + TOKEN_SECONDS - 2)
    assert rules.check_token(token, OA) is None
    monkeypatch.setattr(time, "monotonic", lambda: now + TOKEN_SECONDS + 2)
    refused = rules.check_token(token, OA)
    assert refused is not None
    assert refused.code == "token_expired"


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
def test_a_clock_that_is_set_ends_no_token_and_locks_nobody_out(
    days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = access(allowed_origins=[OA], rate_limit="3/minute")
    token = rules.issue(OA)
    for _ in range(3):
        assert rules.count("a") is None
    assert rules.count("a") is not None
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 86_400 * days)
    assert rules.check_token(token, OA) is None
    assert rules.count("a") is None
    assert [rules.count("a") is None for _ in range(3)] == [True, True, False]


def test_the_fourth_question_of_three_a_minute_waits() -> None:
    rules = access(rate_limit="3/minute")
    assert [rules.count("a") for _ in range(3)] == [None, None, None]
    refused = rules.count("a")
    assert refused is not None
    assert (refused.status, refused.code) == (429, "too_many_questions")
    assert refused.retry_after is not None
    assert 1 <= refused.retry_after <= 60
    assert rules.count("b") is None


def test_the_widget_has_a_days_limit_of_its_own() -> None:
    rules = access(rate_limit="", daily_limit="1/day")
    assert rules.count("a", widget=True) is None
    assert rules.count("a", widget=True) is not None
    assert rules.count("a") is None


@pytest.mark.parametrize("rate", ["many", "3 per fortnight", "-1/minute"])
def test_an_odd_rate_is_refused(rate: str) -> None:
    with pytest.raises(ConfigError, match="60/minute"):
        access(rate_limit=rate)


def test_a_proxy_that_is_no_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="trusted_proxies"):
        access(trusted_proxies=["proxy.local"])


def test_nobody_is_administrator_where_no_token_is_set() -> None:
    assert not access().is_admin("")
    assert not access().is_admin(None)
    assert not access(admin_token="secret").is_admin("secre")
    assert not access(admin_token="secret").is_admin("口令")
    assert access(admin_token="secret").is_admin("secret")


def test_an_administrators_token_that_no_header_could_carry_is_refused() -> None:
    with pytest.raises(ConfigError, match="admin_token"):
        access(admin_token="口令")
