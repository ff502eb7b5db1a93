"""Who may ask: keys, a trusted proxy's header, widget tokens, origins and rates.

Nothing here is a cookie. A key comes as `Authorization: Bearer`, as the password of HTTP Basic
(so that a browser can ask for it) or as `X-API-Key`; a widget's token as `X-Wenyuan-Token`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from itsdangerous import BadSignature, SignatureExpired, TimestampSigner
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers

from rag.config import ServerSettings
from rag.errors import ConfigError

TOKEN_SECONDS = 3600
TOKEN_HEADER = "X-Wenyuan-Token"
ADMIN_HEADER = "X-Admin-Token"
_HASH = "sha256:"
# The clock that is set falls behind the other by a little all the time; not by this much.
_SET_BACK_SECONDS = 1.0

Origin = Literal["none", "own", "allowed", "foreign"]


def new_key() -> tuple[str, str]:
    """A fresh API key, and the hash of it that goes into `server.api_keys`."""
    key = f"wy-{secrets.token_urlsafe(32)}"
    return key, hash_of(key)


def hash_of(key: str) -> str:
    """What the configuration keeps of a key: keys are long and random, so one SHA-256 is enough."""
    return _HASH + hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request isn't served: HTTP status, stable code, a sentence in both languages."""

    status: int
    code: str
    en: str
    zh: str
    retry_after: int | None = None

NO_KEY = Refusal(
    401, "key_required",
    "this service asks for a key; send it as Authorization: Bearer KEY",
    "本服务需要密钥，请以 Authorization: Bearer KEY 发送",
)  # fmt: skip
NO_USER = Refusal(
    401, "sign_in_required",
    "this service is reached through the institution's sign-in page only",
    "请通过本单位的统一登录入口访问",
)  # fmt: skip
NO_TOKEN = Refusal(
    401, "token_required",
    "a page of another origin must send the widget's token",
    "来自其他站点的请求需要携带组件令牌",
)  # fmt: skip
BAD_TOKEN = Refusal(
    401, "token_invalid", "the widget's token isn't valid; fetch a new one",
    "组件令牌无效，请重新获取",
)  # fmt: skip
OLD_TOKEN = Refusal(
    401, "token_expired", "the widget's token has expired; fetch a new one",
    "组件令牌已过期，请重新获取",
)  # fmt: skip
NO_ADMIN = Refusal(
    403, "admin_required",
    f"only an administrator may do this; set server.admin_token and send it as {ADMIN_HEADER}",
    f"仅管理员可操作；请配置 server.admin_token 并以 {ADMIN_HEADER} 发送",
)  # fmt: skip


class _Signer(TimestampSigner):
    """Tells the age of a token by a clock that nobody sets: tokens don't outlive the process."""

    def get_timestamp(self) -> int:
        return int(time.monotonic())


class Access:
    """The rules of one server. Raises ConfigError for a key that isn't a hash or an odd limit."""

    def __init__(self, server: ServerSettings) -> None:
        self._keys = tuple(_checked_hash(key) for key in server.api_keys)
        self._header = server.trusted_header
        self._proxies = frozenset(_checked_address(proxy) for proxy in server.trusted_proxies)
        self.origins = frozenset(_checked_origin(origin) for origin in server.allowed_origins)
        self._admin = _checked_token(server.admin_token.get_secret_value())
        # Tokens needn't outlive the process: a widget fetches a new one by itself.
        self._signer = _Signer(secrets.token_bytes(32), salt="widget")
        self._rate = _checked_limit("server.rate_limit", server.rate_limit)
        self._daily = _checked_limit("server.daily_limit", server.daily_limit)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._clock_ahead = _clock_ahead()

    @property
    def closed(self) -> bool:
        """Whether a request must say who it comes from."""
        return bool(self._keys or self._header)

    @property
    def has_admin(self) -> bool:
        return bool(self._admin)

    def origin(self, headers: Headers, peer: str) -> Origin:
        """Where the page stands that sends this request."""
        origin = headers.get("origin")
        if origin is None:
            return "none"
        host = headers.get("host", "")
        if peer in self._proxies:
            host = headers.get("x-forwarded-host", host)
        try:
            netloc = urlsplit(origin).netloc
        except ValueError:  # a bracket that isn't closed, say
            return "foreign"
        if netloc.lower() == host.lower() != "":
            return "own"
        return "allowed" if origin.lower() in self.origins else "foreign"

    def identity(self, headers: Headers, peer: str) -> str | Refusal:
        """Who asks, as a name for limits: a user, a key's digest, an address."""
        address = self.address(headers, peer)
        if not self.closed:
            return address
        if self._header and peer in self._proxies and headers.get(self._header):
            return f"user {headers[self._header]}"
        for key in _keys_in(headers):
            digest = hash_of(key)
            # Every hash is compared, so that the time taken doesn't tell which one matched.
            matches = [hmac.compare_digest(digest, known) for known in self._keys]
            if any(matches):
                return digest
        return NO_KEY if self._keys else NO_USER

    def address(self, headers: Headers, peer: str) -> str:
        """The client's own address, through the proxies that are trusted."""
        forwarded = headers.get("x-forwarded-for")
        if forwarded and peer in self._proxies:
            # The last entry is the proxy's own; the ones before it are whatever the client said.
            return forwarded.split(",")[-1].strip()
        return peer

    def is_admin(self, token: str | None) -> bool:
        """Whether this is the administrator's token; never where none is configured."""
        return bool(self._admin) and hmac.compare_digest(
            (token or "").encode(), self._admin.encode()
        )

    def issue(self, origin: str) -> str:
        """A token for the widget on pages of this origin."""
        return self._signer.sign(origin.lower()).decode()

    def check_token(self, token: str | None, origin: str | None) -> Refusal | None:
        """None when the token was issued here, to this origin, in the last hour."""
        if token is None:
            return NO_TOKEN
        try:
            issued_to = self._signer.unsign(token, max_age=TOKEN_SECONDS).decode()
        except SignatureExpired:
            return OLD_TOKEN
        except BadSignature:
            return BAD_TOKEN
        return None if origin is not None and issued_to == origin.lower() else BAD_TOKEN

    def count(self, client: str, *, widget: bool = False) -> Refusal | None:
        """Count one question; a refusal when the client has asked too many."""
        self._notice_clock()
        for limit in (self._rate, self._daily if widget else None):
            if limit is not None and not self._limiter.hit(limit, client):
                wait = self._limiter.get_window_stats(limit, client).reset_time - time.time()
                seconds = max(1, math.ceil(wait))
                return Refusal(
                    429, "too_many_questions",
                    f"too many questions; ask again in {seconds} s",
                    f"提问过于频繁，请在 {seconds} 秒后再试",
                    seconds,
                )  # fmt: skip
        return None


    def _notice_clock(self) -> None:
        """Forget what was counted when the clock was set back: it would count until then again."""
        ahead = _clock_ahead()
        if ahead < self._clock_ahead - _SET_BACK_SECONDS:
            self._limiter.storage.reset()
        self._clock_ahead = ahead


def _clock_ahead() -> float:
    return time.time() - time.monotonic()


def _keys_in(headers: Headers) -> Sequence[str]:
    found = [headers["x-api-key"]] if "x-api-key" in headers else []
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found.append(value.strip())
    elif scheme.lower() == "basic":
        try:
            pair = base64.b64decode(value, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return found
        found.append(pair.partition(":")[2])
    return found


def _checked_hash(key: str) -> str:
    digits = key.removeprefix(_HASH)
    if key == digits or len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise ConfigError(
            "server.api_keys: an entry isn't the hash of a key (sha256:…); make one with: rag key",
            "server.api_keys：有一项不是密钥的哈希（sha256:…），请用 rag key 生成",
        )
    return key


def _checked_address(proxy: str) -> str:
    try:
        return str(ip_address(proxy))
    except ValueError:
        raise ConfigError(
            f"server.trusted_proxies: {proxy} is not an IP address; write one such as 10.0.0.5",
            f"server.trusted_proxies：{proxy} 不是 IP 地址，请写成如 10.0.0.5",
        ) from None


def _checked_origin(origin: str) -> str:
    parts = urlsplit(origin)
    bare = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in ("http", "https") or not parts.netloc or origin.rstrip("/") != bare:
        raise ConfigError(
            f"server.allowed_origins: {origin!r} is not an origin; write scheme and host alone, "
            "such as https://oa.example.cn",
            f"server.allowed_origins：{origin!r} 不是站点来源，请只写协议和主机，"
            "例如 https://oa.example.cn",
        )
    return bare.lower()


def _checked_token(token: str) -> str:
    if not token.isascii() or not token.isprintable() or token != token.strip():
        raise ConfigError(
            "server.admin_token travels in a header, so it may hold letters, digits and signs of "
            "ASCII alone; choose another",
            "server.admin_token 要放进请求头，只能用 ASCII 字母、数字和符号，请另设一个",
        )
    return token


def _checked_limit(name: str, text: str) -> RateLimitItem | None:
    if not text:
        return None
    try:
        return parse(text)
    except ValueError:
        raise ConfigError(
            f"{name}={text!r} is not a rate; write one such as 60/minute or 1000/day",
            f"{name}={text!r} 不是有效的频率，请写成如 60/minute 或 1000/day",
        ) from None
