"""Whether a hole is known in any dependency that constraints.txt names.

    python -m tests.audit

Asks the package index's database through pip-audit, which says nothing is known where it couldn't
ask; here that is told apart. Ends with 1 for a finding, with 2 where nothing could be asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
_COMMAND = (
    "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off",
    "--timeout", "10", "--format", "json", "--requirement",
)  # fmt: skip


def judged(report: dict[str, Any]) -> tuple[int, list[str]]:
    """Exit code and what to print, of pip-audit's JSON report."""
    dependencies = report["dependencies"]
    asked = [each for each in dependencies if "skip_reason" not in each]
    found = [
        f"{each['name']} {each['version']}: {hole['id']}, mended in "
        f"{', '.join(hole['fix_versions']) or 'no release yet'}"
        for each in asked
        for hole in each["vulns"]
    ]
    said = f"{len(found)} known holes in {len(asked)} of {len(dependencies)} dependencies"
    return 1 if found else 0 if asked else 2, [*found, said]


def main() -> int:
    done = subprocess.run(
        [sys.executable, *_COMMAND, str(CONSTRAINTS)], capture_output=True, text=True, check=False
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:]
        print(f"the database can't be asked: {''.join(last)}")  # noqa: T201
        return 2
    code, lines = judged(report)
    print("\n".join(lines))  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
