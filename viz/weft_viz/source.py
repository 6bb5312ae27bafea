"""The functions that wrote a trace, out of the source, for the page.

A site names a file and a function. The file is taken from below a root and from nowhere else:
a trace is input, and must not pull other files into a page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .reader import Site

LINES_MAX = 70  # of a function; a longer one is cut to the lines about its sites
ABOUT = 10
FILE_MAX = 4 * 1024 * 1024


@dataclass(frozen=True)
class Excerpt:
    """The lines of one function, and the sites in it."""

    file: str
    function: str
    sites: tuple[Site, ...]
    first: int  # number of the first line
    lines: tuple[str, ...]
    missing: str = ""  # why there are no lines


def excerpts(sites: list[Site], root: Path | None) -> list[Excerpt]:
    """One a function, in the order of the sites."""
    groups: dict[tuple[str, str], list[Site]] = {}
    for site in sites:
        groups.setdefault((site.file, site.function), []).append(site)
    return [excerpt(file, function, tuple(group), root)
            for (file, function), group in groups.items()]


def excerpt(file: str, function: str, sites: tuple[Site, ...], root: Path | None) -> Excerpt:
    try:
        lines = read_lines(file, root)
    except OSError as error:
        return Excerpt(file, function, sites, 0, (), error.strerror or str(error))
    wanted = sorted(s.line for s in sites)
    if wanted[0] < 1 or wanted[-1] > len(lines):
        return Excerpt(file, function, sites, 0, (), "the file has changed since the run")
    first, last = bounds(lines, function, wanted)
    return Excerpt(file, function, sites, first, tuple(lines[first - 1 : last]))


def read_lines(file: str, root: Path | None) -> list[str]:
    """Raises OSError with a reason for people."""
    if root is None:
        raise FileNotFoundError(0, "no --root was given")
    base = root.resolve()
    try:
        path = (base / file).resolve()
    except (ValueError, RuntimeError):
        raise FileNotFoundError(0, "its name is no path") from None
    if not path.is_relative_to(base):
        raise PermissionError(0, "it lies outside --root")
    if not path.is_file():
        raise FileNotFoundError(0, "it is not below --root")
    if path.stat().st_size > FILE_MAX:
        raise OSError(0, "it is too large for a source file")
    return path.read_text("utf-8", "replace").split("\n")


def bounds(lines: list[str], function: str, wanted: list[int]) -> tuple[int, int]:
    """First and last line, from 1, of the function with its comment."""
    first, last = start_of(lines, function, wanted[0]), end_of(lines, wanted[-1])
    if first is None or last - first >= LINES_MAX:
        return max(1, wanted[0] - ABOUT), min(len(lines), wanted[-1] + ABOUT)
    return first, last


def start_of(lines: list[str], function: str, line: int) -> int | None:
    """Where a C function begins: a line that is not indented and holds its name and a (."""
    head = re.compile(rf"[A-Za-z_].*\b{re.escape(function)}\s*\(|{re.escape(function)}\s*\(")
    for number in range(line, 0, -1):
        if head.match(lines[number - 1]):
            return comment_before(lines, number)
    return None


def comment_before(lines: list[str], number: int) -> int:
    if number < 2 or not lines[number - 2].rstrip().endswith("*/"):
        return number
    for above in range(number - 1, max(0, number - 30), -1):
        if lines[above - 1].startswith("/*"):
            return above
    return number


def end_of(lines: list[str], line: int) -> int:
    for number in range(line, len(lines) + 1):
        if lines[number - 1].startswith("}"):
            return number
    return len(lines)
