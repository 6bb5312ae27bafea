"""confined: errno and thread-local variables, each in the one file that may have them.

A fiber may resume on another thread, and a compiler keeps the address of errno, or of any
thread-local variable, over the switch. The names of error constants are free to use.
"""

from __future__ import annotations

import re

from common import Report, Tree, counted, run

RULES = (
    (re.compile(r"\b(?:errno|__errno_location|__errno|__error)\b"), "src/base/system_posix.c"),
    (re.compile(r"\b(?:_Thread_local|thread_local|__thread)\b"), "src/base/thread_local.c"),
)
INCLUDE = re.compile(r"^\s*#\s*include\b")


def check(tree: Tree, report: Report) -> str:
    sources = tree.sources("src", "trace", suffixes=(".c", ".h", ".S", ".def"))
    sources += [tree.source(path) for path in tree.under("chapters", suffixes=("/demo.c",))]
    for source in sources:
        for number, code in enumerate(source.code_lines, 1):
            if INCLUDE.match(code):
                continue
            for pattern, home in RULES:
                for word in pattern.findall(code):
                    if source.path != home:
                        report.add(source.path, number, f"{word} here; its place is {home}")
    return counted(len(sources), "file")


if __name__ == "__main__":
    run("confined", check)
