"""`rag` with every address that it connects, sends or listens to, or looks up, noted in a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def main() -> None:
    log = Path(sys.argv[1]).open("a", encoding="utf-8")  # noqa: SIM115 - open until the end

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"):
            log.write(f"{arguments[1]}\n")
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            log.write(f"{event} {arguments[0]}\n")
        log.flush()

    sys.addaudithook(note)
    from rag.cli import main as rag

    rag(sys.argv[2:])


if __name__ == "__main__":
    main()
