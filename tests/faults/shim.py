"""Builds `shim.c` and has a Python program run with it."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from enum import IntEnum
from functools import cache
from pathlib import Path
from tempfile import gettempdir

from rag.stores.generations import sha256_of

SOURCE = Path(__file__).with_name("shim.c")


class Fault(IntEnum):
    """What happens at one file operation; as in shim.c."""

    FULL = 1
    BROKEN = 2
    KILLED = 3
    TORN = 4
    UNREADABLE = 5


def missing() -> str:
    """Why there can be no shim here; empty where there can."""
    if not sys.platform.startswith("linux"):
        return "the shim stands between a process and Linux' C library"
    if shutil.which("cc") is None:
        return "needs a C compiler (cc) to build the shim that makes file operations fail"
    return ""


@cache
def library() -> Path:
    """The shim, built once for each version of its source. Raises CalledProcessError."""
    built = Path(gettempdir()) / f"wenyuan-shim-{os.getuid()}-{sha256_of(SOURCE)[:16]}.so"
    if not built.exists():
        draft = built.with_suffix(f".{os.getpid()}")
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(draft), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True, text=True)
        draft.replace(built)
    return built


def preloaded(**environment: str) -> Mapping[str, str]:
    """The environment of a process that is to run with the shim, and with one thread."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    quiet = {"TOKENIZERS_PARALLELISM": "false"}
    return {**os.environ, **threads, **quiet, "LD_PRELOAD": str(library()), **environment}


class Shim:
    """The shim of this process, which must have been started with `preloaded()`."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.fault_count.restype = ctypes.c_long

    def arm(self, folder: Path, fault: Fault | None = None, at: int = 0) -> None:
        """Count below `folder` from now on and, with a fault, let it happen at number `at`."""
        self._library.fault_under(str(folder).encode())
        self._library.fault_arm(int(fault or 0), ctypes.c_long(at))

    def counts(self) -> dict[Fault, int]:
        """How many operations each fault could have happened at."""
        return {fault: int(self._library.fault_count(int(fault))) for fault in Fault}
