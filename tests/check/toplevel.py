"""toplevel: nothing at the top that the design does not name, and no file that speaks of
what is not in the repository: the workshop's folders, its notes, its issues. Work left to
be done is not left in a file either.
"""

from __future__ import annotations

import re

from common import Report, Tree, counted, run

ALLOWED = (
    "README.md", "book.md", "LICENSE", "Makefile", "chapters", "src", "trace", "viz", "tests",
    ".ci", ".clang-format", ".gitattributes", ".github", ".gitignore",
)

# The words are put together here so that this file does not hold them.
FORBIDDEN = (
    (re.compile(r"(?<![\w.})$*\\])/" + r"work/"), "a path of the workshop"),
    (re.compile(r"(?<![\w./-])sha" + r"red/"), "a folder of the workshop"),
    (re.compile(r"(?<![\w.])S" + r":\d+"), "a note of the workshop"),
    (re.compile(r"\bissue\s*#?\s*\d+", re.I), "the number of an issue"),
    (re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b"), "unfinished work"),
)
ANCHORED = (".gitignore",)  # its paths begin at the repository's root


def read_text(tree: Tree, path: str) -> str | None:
    """None for a file that is not text."""
    data = (tree.root / path).read_bytes()
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def check(tree: Tree, report: Report) -> str:
    for path in tree.files:
        top = path.split("/")[0]
        if top not in ALLOWED:
            report.add(path, 1, f"{top} has no place at the top")
        text = None if path in ANCHORED else read_text(tree, path)
        for number, line in enumerate((text or "").splitlines(), 1):
            for pattern, what in FORBIDDEN:
                match = pattern.search(line)
                if match:
                    report.add(path, number, f"{what}: {match.group()}")
    return counted(len(tree.files), "file")


if __name__ == "__main__":
    run("toplevel", check)
