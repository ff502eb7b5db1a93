"""Behind Debian's nginx, under a path: the page, the API, streams as they come, sign-on."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rag.assembly import indexer_of
from rag.config import IndexSettings, Settings
from tests.answering.llm_server import Server, Steps, says
from tests.answering.llm_server import serving as model_serving
from tests.serving.conftest import DOCS, Served, serving

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
if not Path(NGINX).exists():
    pytest.skip("apt-get install nginx-light", allow_module_level=True)

POSTS = {"question": "龙泉驿区建了多少党员先锋岗?"}
# As the README has it, but for the port, the folders, and who the user is.
CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    location /kb/ {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Remote-User $arg_user;
      proxy_read_timeout 300s;
      client_max_body_size 50m;
    }}
  }}
}}
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def llm() -> Iterator[Server]:
    with model_serving(says("龙泉驿区设了200余个党员先锋岗[1]。")) as server:
        yield server


@pytest.fixture(scope="module")
def upstream(llm: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("upstream")
    indexer_of(Settings(index=IndexSettings(dir=folder / "index"))).index([DOCS])
    environment = {
        "RAG_SERVER__PATH": "/kb",
        "RAG_SERVER__TRUSTED_HEADER": "X-Remote-User",
        "RAG_GENERATOR__BACKEND": "openai",
        "RAG_GENERATOR__BASE_URL": llm.url,
        "RAG_GENERATOR__MODEL": "tiny",
    }
    with serving(folder, **environment) as served:
        yield served


@pytest.fixture(scope="module")
def proxied(upstream: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("nginx")
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(folder=folder, port=port, upstream=upstream.port), encoding="utf-8"
    )
    process = subprocess.Popen([NGINX, "-c", configuration, "-e", folder / "error.log"])
    url = f"http://127.0.0.1:{port}/kb"
    for _ in range(100):
        try:
            httpx.get(f"{url}/healthz", trust_env=False)
            break
        except httpx.TransportError:
            time.sleep(0.05)
    yield url
    process.terminate()
    process.wait(timeout=10)


@pytest.fixture
def user(proxied: str) -> Iterator[httpx.Client]:
    with httpx.Client(params={"user": "wang"}, trust_env=False, timeout=30) as client:
        yield client


def test_the_page_and_its_files_are_found_under_the_path(user: httpx.Client, proxied: str) -> None:
    page = user.get(f"{proxied}/").text
    assert '<script src="/kb/static/chat.js">' in page
    assert user.get(f"{proxied}/static/chat.js").status_code == 200
    assert f'"root":"{proxied}"' in page  # where Gradio's own files and calls go


def test_who_has_not_signed_in_is_refused(proxied: str) -> None:
    reply = httpx.post(f"{proxied}/api/ask", json=POSTS, trust_env=False)
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "sign_in_required")


def test_a_page_behind_the_proxy_is_of_the_servers_own_origin(
    user: httpx.Client, proxied: str
) -> None:
    origin = proxied.removesuffix("/kb")
    reply = user.post(f"{proxied}/api/ask", json=POSTS, headers={"origin": origin})
    assert reply.json()["short_answer"]


def test_a_stream_is_not_gathered_by_the_proxy(
    user: httpx.Client, proxied: str, llm: Server
) -> None:
    steps = Steps("龙泉驿区设了200余个党员先锋岗[1]。另有", "60余支攻坚队[1]。")
    llm.script = steps
    with user.stream("POST", f"{proxied}/api/ask/stream", json=POSTS, timeout=15) as reply:
        assert reply.status_code == 200
        assert "x-accel-buffering" not in reply.headers  # nginx's to take out
        came = reply.iter_text()
        steps.go()
        read = ""
        while "event: token" not in read:
            read += next(came)
        # Half an answer has come through, and the model waits to write the rest.
        assert steps.at == 1
        steps.go()
        read += "".join(came)
    assert "event: answer" in read


def test_a_stream_asks_the_proxy_not_to_gather(upstream: Served, llm: Server) -> None:
    llm.script = says("龙泉驿区设了200余个党员先锋岗[1]。")
    with httpx.stream(
        "POST", f"{upstream.url}api/ask/stream", json=POSTS, headers={"X-Remote-User": "wang"},
        trust_env=False,
    ) as reply:  # fmt: skip
        assert reply.headers["x-accel-buffering"] == "no"
