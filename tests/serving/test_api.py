"""The HTTP API over a running server, and over applications with other settings."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from rag.assembly import indexer_of
from rag.config import IndexSettings, Settings
from rag.serving.access import new_key
from tests.serving.conftest import ADMIN, DOCS, Served
from tests.support import SHARED

SCHEMA = SHARED / "answer.schema.json"
POSTS = "龙泉驿区建了多少党员先锋岗?"
OA = "http://oa.local"


@pytest.fixture
def api(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=30, trust_env=False) as client:
        yield client


def events(body: str) -> list[tuple[str, Any]]:
    found = re.findall(r"event: (\w+)\r?\ndata: (.*)\r?\n", body)
    return [(name, json.loads(data)) for name, data in found]


def test_an_answer_is_what_the_schema_says(api: httpx.Client) -> None:
    if not SCHEMA.exists():
        pytest.skip(f"{SCHEMA.name} is not beside this checkout")
    answer = api.post("/api/ask", json={"question": POSTS}).json()
    jsonschema.validate(answer, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_a_question_is_answered_with_its_sentence(api: httpx.Client) -> None:
    answer = api.post("/api/ask", json={"question": POSTS}).json()
    assert answer["short_answer"] == "200余个"
    citation = answer["citations"][0]
    document = api.get(f"/api/documents/{citation['document_id']}").json()
    assert document["text"][citation["start"] : citation["end"]] == citation["quote"]
    assert document["source"] == citation["source"] == "docs/longquanyi-pioneer-posts.md"


def test_a_follow_up_is_asked_with_the_history(api: httpx.Client) -> None:
    history = [{"question": "龙泉驿区发放了多少惠蓉贷?", "answer": "18亿元"}]
    answer = api.post("/api/ask", json={"question": "那邛崃呢?", "history": history}).json()
    assert "26.54" in answer["short_answer"]
    assert "惠蓉贷" in answer["query"]


def test_a_stream_ends_in_the_answer_that_asking_gives(api: httpx.Client) -> None:
    reply = api.post("/api/ask/stream", json={"question": POSTS})
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["x-accel-buffering"] == "no"
    found = events(reply.text)
    assert [name for name, _ in found] == ["hits", "citation", "token", "answer"]
    hits, citation, token, answer = (data for _, data in found)
    whole = api.post("/api/ask", json={"question": POSTS}).json()
    for key in ("answer", "short_answer", "citations", "hits"):
        assert answer[key] == whole[key]
    assert hits["hits"] == whole["hits"]
    assert [citation] == whole["citations"]
    assert token["text"] == whole["answer"]


def test_suggested_follow_ups_have_answers(api: httpx.Client) -> None:
    question = "龙泉驿区2024年新投放了多少惠蓉贷?"
    answer = events(api.post("/api/ask/stream", json={"question": question}).text)[-1][1]
    assert 1 <= len(answer["suggestions"]) <= 3
    for suggestion in answer["suggestions"]:
        assert suggestion != question
        assert api.post("/api/ask", json={"question": suggestion}).json()["answered"] is True


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_example_questions_come_from_the_articles_and_have_answers(
    api: httpx.Client, lang: str
) -> None:
    examples = api.get("/api/suggestions", params={"lang": lang}).json()["suggestions"]
    titles = [row["title"] for row in api.get("/api/documents").json()["documents"]]
    assert len(examples) == 4
    for example in examples:
        assert any(title in example for title in titles)
        assert api.post("/api/ask", json={"question": example}).json()["answered"] is True


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"question": "桥" * 2001}, 422),
        ({"question": None}, 422),
        ({}, 422),
        ({"question": "桥", "histroy": []}, 422),
        ({"question": "桥", "history": [{"question": "桥" * 2001}]}, 422),
        ({"question": "桥", "context": {str(i): "" for i in range(21)}}, 422),
        ({"question": "桥", "history": [{"question": "桥", "answer": "x" * 20_000}] * 50}, 200),
        ({"question": "桥" * 500_000}, 413),
    ],
)
@pytest.mark.parametrize("path", ["/api/ask", "/api/ask/stream"])
def test_a_body_that_is_not_right_is_refused_in_one_sentence(
    api: httpx.Client, path: str, body: dict[str, Any], status: int
) -> None:
    reply = api.post(path, json=body)
    assert reply.status_code == status
    if status != 200:
        error = reply.json()["error"]
        assert set(error) == {"code", "message", "type"}
        assert "\n" not in error["message"]
        assert "Traceback" not in error["message"]


def test_half_of_a_surrogate_pair_does_no_harm(api: httpx.Client) -> None:
    reply = api.post(
        "/api/ask",
        content=b'{"question": "\\ud800"}',
        headers={"content-type": "application/json"},
    )
    assert reply.status_code in (200, 422)


def test_errors_are_in_the_readers_language(api: httpx.Client) -> None:
    for lang, said in (("zh-CN", "该地址没有内容"), ("en", "there is nothing at this address")):
        reply = api.get("/api/nothing", headers={"accept-language": lang})
        assert (reply.status_code, reply.json()["error"]["message"]) == (404, said)


def test_the_articles_are_listed_searched_and_paged(api: httpx.Client) -> None:
    whole = api.get("/api/documents").json()
    assert whole["total"] == len(whole["documents"]) >= len(list(DOCS.glob("*.md")))
    first = api.get("/api/documents", params={"limit": 2}).json()
    second = api.get("/api/documents", params={"limit": 2, "offset": 2}).json()
    assert first["documents"] + second["documents"] == whole["documents"][:4]
    found = api.get("/api/documents", params={"search": "先锋岗"}).json()
    assert [row["source"] for row in found["documents"]] == ["docs/longquanyi-pioneer-posts.md"]


def test_an_article_is_shown_with_its_mark(api: httpx.Client) -> None:
    citation = api.post("/api/ask", json={"question": POSTS}).json()["citations"][0]
    place = {"start": citation["start"], "end": citation["end"], "lang": "zh"}
    page = api.get(f"/documents/{citation['document_id']}", params=place).text
    assert f'<mark id="cited">{citation["quote"]}</mark>' in page
    assert '<html lang="zh">' in page


def test_an_article_that_is_hostile_is_escaped(api: httpx.Client) -> None:
    row = api.get("/api/documents", params={"search": "hostile"}).json()["documents"][0]
    page = api.get(f"/documents/{row['document_id']}", params={"start": 0, "end": 10**6}).text
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;window.owned=1" in page


@pytest.mark.parametrize("path", ["/api/documents/none", "/documents/none", "/static/none.js"])
def test_what_is_not_there_is_said(api: httpx.Client, path: str) -> None:
    assert api.get(path).status_code in (404, 422)


def test_a_rating_is_kept_and_exported(api: httpx.Client, served: Served) -> None:
    from rag.serving.feedback import FILE_NAME, FeedbackStore

    given = api.post("/api/ask", json={"question": POSTS, "context": {"page": "办事指南"}}).json()
    rating = {"answer_id": given["answer_id"], "rating": "down"}
    assert api.post("/api/feedback", json=rating).status_code == 204
    better = rating | {"rating": "up", "comment": "对"}
    assert api.post("/api/feedback", json=better).status_code == 204
    kept = list(FeedbackStore(served.folder / "index" / FILE_NAME).candidates())
    (candidate,) = [c for c in kept if c["id"] == f"feedback-{given['answer_id']}"]
    assert candidate["question"] == POSTS
    assert candidate["answers"] == ["200余个"]
    assert candidate["answerable"] is True
    assert candidate["note"] == "对"


def test_an_answer_nobody_gave_cannot_be_rated(api: httpx.Client) -> None:
    reply = api.post("/api/feedback", json={"answer_id": "0" * 16, "rating": "up"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_answer")


def test_only_the_administrator_uploads_and_removes(api: httpx.Client) -> None:
    files = {"files": ("a.md", b"# x")}
    for headers in ({}, {"x-admin-token": "wrong"}):
        assert api.post("/api/documents", files=files, headers=headers).status_code == 403
        assert api.delete("/api/documents/x", headers=headers).status_code == 403


def test_an_upload_is_kept_indexed_answered_from_and_removed(
    api: httpx.Client, served: Served
) -> None:
    admin = {"x-admin-token": ADMIN}
    text = "# 云台水库\n\n云台水库在2023年加固了4.5公里堤坝。\n".encode()
    files = [
        ("files", ("../../云台水库.md", text)),
        ("files", ("broken.pdf", b"no pdf")),
        ("files", ("noextension", b"x")),
    ]
    outcome = api.post("/api/documents", files=files, headers=admin).json()["files"]
    by_name = {row["name"]: row for row in outcome}
    assert by_name["../../云台水库.md"]["source"] == "docs/云台水库.md"
    assert by_name["../../云台水库.md"]["error"] is None
    assert "PDF" in by_name["broken.pdf"]["error"]["en"]
    assert "noextension" in by_name["noextension"]["error"]["en"]
    assert (served.folder / "docs" / "云台水库.md").read_bytes() == text
    assert not (served.folder / "docs" / "broken.pdf").exists()
    asked = {"question": "云台水库加固了多少公里堤坝?"}
    answer = api.post("/api/ask", json=asked).json()
    assert answer["short_answer"] == "4.5公里"
    document = answer["citations"][0]["document_id"]
    assert api.delete(f"/api/documents/{document}", headers=admin).status_code == 204
    assert api.delete(f"/api/documents/{document}", headers=admin).status_code == 404
    assert api.post("/api/ask", json=asked).json()["answered"] is False


def test_an_upload_that_cannot_be_read_leaves_the_file_that_was_there(
    api: httpx.Client, served: Served
) -> None:
    admin = {"x-admin-token": ADMIN}
    good = b"plain text about the weir at Tianma"
    api.post("/api/documents", files={"files": ("weir.txt", good)}, headers=admin)
    bad = b"\x89PNG\r\n\x1a\n\x00\x00\x00"
    reply = api.post("/api/documents", files={"files": ("weir.txt", bad)}, headers=admin)
    assert reply.json()["files"][0]["error"] is not None
    assert (served.folder / "docs" / "weir.txt").read_bytes() == good


def test_health_readiness_and_counts_are_shown(api: httpx.Client) -> None:
    api.post("/api/ask", json={"question": POSTS})
    assert api.get("/healthz").json() == {"status": "ok"}
    assert api.get("/readyz").json() == {"ready": True}
    counts = api.get("/metrics").text
    for name in (
        'wenyuan_questions_total{outcome="answered",reason=""}',
        'wenyuan_answer_seconds_bucket{le="0.05",stage="retrieve"}',
        "wenyuan_queue_depth 0.0",
        "wenyuan_index_documents",
    ):
        assert name in counts


def test_every_reply_forbids_other_hosts(api: httpx.Client) -> None:
    for path in ("/", "/documents", "/api/docs", "/healthz", "/nothing"):
        headers = api.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_the_apis_reference_page_needs_no_other_host(api: httpx.Client) -> None:
    page = api.get("/api/docs").text
    assert not re.search(r"(?:src|href)=[\"']https?://", page)
    for script in re.findall(r'<script src="([^"]+)"', page):
        assert api.get(script).status_code == 200
    assert "/api/ask" in api.get("/openapi.json").json()["paths"]


def test_nobody_uploads_through_gradio(api: httpx.Client) -> None:
    reply = api.post("/gradio_api/upload", files={"files": ("x", b"x")})
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "uploads_elsewhere")


def test_a_page_of_another_origin_is_refused(api: httpx.Client) -> None:
    for path in ("/api/ask", "/api/widget/token", "/gradio_api/queue/join"):
        reply = api.post(path, json={"question": POSTS}, headers={"origin": "http://evil.local"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "origin_not_allowed")
        assert "access-control-allow-origin" not in reply.headers


# --- other settings, without a socket ---


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api")
    article = folder / "docs" / "bridge.txt"
    article.parent.mkdir()
    article.write_text("蓝溪村在2025年修了37座石桥。", encoding="utf-8")
    base = Settings()
    settings = base.model_copy(
        update={"index": base.index.model_copy(update={"dir": folder / "index"})}
    )
    indexer_of(settings).index([article])
    return folder / "index"


def app_with(index: Path, **server: object) -> TestClient:
    from rag.serving.app import create_app

    base = Settings()
    settings = base.model_copy(
        update={
            "index": base.index.model_copy(update={"dir": index}),
            "server": type(base.server).model_validate(server),
        }
    )

    async def made() -> FastAPI:
        return create_app(settings)

    # Inside a loop: otherwise Gradio makes loops of its own and never closes them.
    return TestClient(asyncio.run(made()), base_url="http://testserver")


BRIDGES = {"question": "蓝溪村修了几座石桥?"}


def test_where_keys_are_asked_for_nothing_is_open_without_one(index: Path) -> None:
    key, digest = new_key()
    client = app_with(index, api_keys=[digest])
    for method, path in (("GET", "/"), ("POST", "/api/ask"), ("GET", "/metrics"),
                         ("GET", "/gradio_api/info"), ("GET", "/v1/models")):  # fmt: skip
        reply = client.request(method, path)
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "key_required")
        assert reply.headers["www-authenticate"].startswith("Basic")
    assert client.get("/healthz").status_code == 200
    answer = client.post("/api/ask", json=BRIDGES, headers={"authorization": f"Bearer {key}"})
    assert answer.json()["short_answer"] == "37座"
    assert client.get("/", auth=("anyone", key)).status_code == 200


@pytest.mark.parametrize("host", ["[", "a b", "http://a", "a:b", "[::1"])
def test_a_host_that_could_be_none_is_refused(index: Path, host: str) -> None:
    client = app_with(index)
    for header in ("host", "x-forwarded-host"):
        reply = client.get("/", headers={header: host})
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "bad_host")


def test_a_page_is_not_told_where_it_lies_by_whoever_asks(index: Path) -> None:
    reply = app_with(index).get("/", headers={"x-gradio-server": "http://evil.example"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "bad_host")


@pytest.mark.parametrize("path", ["/%0A", "/page/%0A", "/a%00b", "/%7F", "/?" + 9000 * "a"])
def test_an_address_that_could_be_none_is_refused(index: Path, path: str) -> None:
    reply = app_with(index).get(path)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "bad_address")


def test_behind_single_sign_on_the_proxys_user_comes_in(index: Path) -> None:
    client = app_with(index, trusted_header="X-Remote-User", trusted_proxies=["127.0.0.1"])
    assert client.get("/", headers={"x-remote-user": "wang"}).status_code == 401  # no proxy
    behind = TestClient(client.app, client=("127.0.0.1", 1))
    assert behind.get("/", headers={"x-remote-user": "wang"}).status_code == 200
    assert behind.get("/").json()["error"]["code"] == "sign_in_required"


def test_too_many_questions_are_told_when_to_come_back(index: Path) -> None:
    client = app_with(index, rate_limit="2/minute")
    statuses = [client.post("/api/ask", json=BRIDGES).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    reply = client.post("/v1/chat/completions", json={"messages": []})
    assert reply.status_code in (422, 429)
    assert int(client.post("/api/ask", json=BRIDGES).headers["retry-after"]) >= 1


def test_the_widgets_way_from_token_to_answer(index: Path) -> None:
    client = app_with(index, allowed_origins=[OA])
    origin = {"origin": OA}
    refused = client.post("/api/ask", json=BRIDGES, headers=origin)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "token_required")
    issued = client.post("/api/widget/token", headers=origin)
    assert issued.headers["access-control-allow-origin"] == OA
    assert "access-control-allow-credentials" not in issued.headers
    token = {"x-wenyuan-token": issued.json()["token"]}
    answer = client.post("/api/ask", json=BRIDGES, headers=origin | token)
    assert answer.json()["short_answer"] == "37座"
    assert answer.headers["access-control-allow-origin"] == OA
    # Such a page may ask, and nothing else.
    for path in ("/api/documents", "/metrics", "/gradio_api/info"):
        assert client.get(path, headers=origin | token).status_code == 403


def test_a_browser_may_ask_before_it_sends_a_token(index: Path) -> None:
    client = app_with(index, allowed_origins=[OA])
    asked = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-wenyuan-token",
    }
    allowed = client.options("/api/ask/stream", headers=asked | {"origin": OA})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, OA)
    foreign = client.options("/api/ask/stream", headers=asked | {"origin": "http://evil.local"})
    assert foreign.status_code in (400, 403)
    assert "access-control-allow-origin" not in foreign.headers


def test_frames_are_allowed_for_the_same_origins(index: Path) -> None:
    policy = app_with(index, allowed_origins=[OA]).get("/").headers["content-security-policy"]
    assert f"frame-ancestors 'self' {OA}" in policy


def test_everything_stands_under_a_path_where_one_is_set(index: Path) -> None:
    client = app_with(index, path="/kb/wenyuan")
    assert client.get("/api/documents").status_code == 404
    assert client.get("/kb/wenyuan/api/documents").json()["total"] == 1
    page = client.get("/kb/wenyuan/").text
    assert '<script src="/kb/wenyuan/static/chat.js">' in page
    assert client.get("/kb/wenyuan/static/chat.js").status_code == 200
    assert client.get("/kb/wenyuan/openapi.json").status_code == 200


def test_without_an_index_the_administrator_can_upload_the_first_articles(tmp_path: Path) -> None:
    client = app_with(tmp_path / "index", admin_token="secret", upload_dir=tmp_path / "docs")
    assert client.get("/readyz").status_code == 503
    reply = client.post("/api/ask", json=BRIDGES)
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "no_index")
    text = "蓝溪村在2025年修了37座石桥。".encode()
    added = client.post(
        "/api/documents", files={"files": ("桥.txt", text)}, headers={"x-admin-token": "secret"}
    )
    assert added.json()["files"][0]["error"] is None
    assert client.get("/readyz").json() == {"ready": True}
    assert client.post("/api/ask", json=BRIDGES).json()["short_answer"] == "37座"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_chat_page_says_its_language_and_names_no_other_host(index: Path, lang: str) -> None:
    page = app_with(index).get("/", params={"lang": lang}).text
    assert f'lang="{"zh-CN" if lang == "zh" else "en"}"' in page
    assert 'property="og:' not in page
    assert "githubusercontent" not in page


def test_a_new_state_of_the_index_is_taken_up_and_no_question_fails_meanwhile(
    tmp_path: Path,
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "bridge.txt").write_text("蓝溪村在2025年修了37座石桥。", encoding="utf-8")
    settings = Settings(index=IndexSettings(dir=tmp_path / "index"))
    indexer_of(settings).index([docs])
    seen: list[str] = []
    with app_with(tmp_path / "index", rate_limit="") as client:
        for number in (41, 52):
            text = f"蓝溪村在2025年修了{number}座石桥。"
            (docs / "bridge.txt").write_text(text, encoding="utf-8")
            indexer_of(settings).index([docs])
            for _ in range(200):
                reply = client.post("/api/ask", json=BRIDGES)
                assert reply.status_code == 200
                seen.append(reply.json()["short_answer"])
                if seen[-1] == f"{number}座":
                    break
                time.sleep(0.02)
    assert list(dict.fromkeys(seen)) in (["37座", "41座", "52座"], ["41座", "52座"])
