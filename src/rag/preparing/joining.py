"""Joining a Ray cluster, and what to say where that fails or something fails there."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from types import ModuleType
from typing import Any

from rag.errors import ClusterError, ConfigError, RagError

LOCAL = "ray"
_CLIENT = "ray://"
_REACH_S = 10.0
_ATTEMPTS = 3


def checked(address: str) -> str:
    """The address, if it can be one. Raises ConfigError."""
    host, _, port = address.removeprefix(_CLIENT).rpartition(":")
    if address != LOCAL and not (host and "/" not in host and port.isdecimal()):
        raise ConfigError(
            f"--workers {address}: that is no address of a Ray cluster; write ray://HOST:PORT, "
            "HOST:PORT, or ray for this machine alone",
            f"--workers {address}：不是 Ray 集群的地址；请写 ray://主机:端口、主机:端口，"
            "或写 ray 只使用本机",
        )
    return address


@contextmanager
def joined(address: str) -> Iterator[ModuleType]:
    """The module `ray`, connected. Raises ConfigError, ClusterError."""
    ray = _imported(address)
    options: dict[str, Any] = {"address": address}
    if address == LOCAL:
        options = {"address": "local", "include_dashboard": False}
    else:
        _reach(address)
    with redirect_stdout(sys.stderr):  # where Ray tells of lost nodes; results go elsewhere
        try:
            _connect(ray, address, options)
            yield ray
        finally:
            ray.shutdown()


def _connect(ray: ModuleType, address: str, options: dict[str, Any]) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            ray.init(**options, log_to_driver=False, logging_level=logging.ERROR)
        except ConnectionAbortedError as error:
            # Ray's client server starts a process for each client, which now and then dies at once.
            if attempt == _ATTEMPTS - 1:
                raise _refused(address, error) from error
        except Exception as error:  # Ray raises whatever it meets
            raise _refused(address, error) from error
        else:
            return


def _imported(address: str) -> ModuleType:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # Ray would report its use to its makers
    if address == LOCAL:  # Ray's only way to keep its ports on loopback; they have no password
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    try:
        import grpc  # noqa: F401 - the extra brings it, plain ray doesn't
        import ray
    except ImportError as error:
        raise ConfigError(
            '--workers needs the package ray; install it with: pip install "wenyuan[ray]"',
            '--workers 需要 ray 软件包，请安装：pip install "wenyuan[ray]"',
        ) from error
    logging.getLogger("ray").setLevel(logging.ERROR)
    module: ModuleType = ray
    return module


def _reach(address: str) -> None:
    """Raise ClusterError unless something speaks gRPC there; Ray itself would try for minutes."""
    import grpc

    if os.environ.get("RAY_USE_TLS") == "1":
        return
    with grpc.insecure_channel(address.removeprefix(_CLIENT)) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=_REACH_S)
        except grpc.FutureTimeoutError:
            raise ClusterError(
                f"{address}: no Ray cluster answered within {_REACH_S:g} s; start it or mend "
                "--workers",
                f"{address}：{_REACH_S:g} 秒内没有 Ray 集群应答，请启动集群或改正 --workers",
            ) from None


def _refused(address: str, error: Exception) -> RagError:
    text = str(error)
    if "ersion mismatch" in text or "versions differ" in text:
        what = " ".join(text[text.lower().find("version") :].split())[:300]
        return ConfigError(
            f"{address}: the cluster runs another version of Ray or Python; install the same on "
            f"all machines ({what})",
            f"{address}：集群的 Ray 或 Python 版本与本机不同，请在所有机器上安装相同版本（{what}）",
        )
    return ClusterError(
        f"{address}: the Ray cluster can't be joined ({short(error)}); check it with: ray status",
        f"{address}：无法加入 Ray 集群（{short(error)}），请用 ray status 检查",
    )


def told(address: str, error: Exception) -> RagError:
    """What a worker raised, for people."""
    cause = getattr(error, "cause", error)
    if isinstance(cause, RagError):
        return cause
    missing = re.search(r"No module named '([\w.]+)'", str(error))
    if missing:
        return ConfigError(
            f"{address}: a worker has no package {missing[1]}; install Wenyuan there as it is here",
            f"{address}：工作节点上没有软件包 {missing[1]}，请在其上安装与本机相同的问源",
        )
    return ClusterError(
        f"{address}: a worker failed ({short(cause)}); the index is as it was",
        f"{address}：工作节点出错（{short(cause)}）；索引保持原样",
    )


def short(error: object) -> str:
    """The last line of an error, in which Ray's tracebacks say what happened."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1].strip() if lines else ''}"[:200]
