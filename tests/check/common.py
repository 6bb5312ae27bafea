"""What the checks in Python share: a tree to look at, and the lines they print.

A check prints each problem as path:line: text and closes with one line, "name: ok (what
it looked at)" or "name: FAILED (n problems)". It looks at the folder it is given, or at
the current one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "chapters" / "tools"))

from bookkit.problem import Report  # noqa: E402
from bookkit.source import Source, Tree  # noqa: E402

__all__ = ["Report", "Source", "Tree", "counted", "run"]


def run(name: str, check: Callable[[Tree, Report], str]) -> None:
    """Runs `check`, which reports problems and returns what it looked at, and exits."""
    report = Report()
    looked_at = check(Tree(Path(sys.argv[1] if len(sys.argv) > 1 else ".")), report)
    for problem in sorted(set(report.problems)):
        print(problem)
    for note in report.notes:
        print(f"{name}: {note}")
    if report.problems:
        print(f"{name}: FAILED ({counted(len(set(report.problems)), 'problem')})")
    else:
        print(f"{name}: ok ({looked_at})")
    sys.exit(bool(report.problems))


def counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
