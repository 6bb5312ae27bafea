"""functions: how long they are. Median at most 12 lines, nine of ten at most 35, none over
70, counted from the first line of the head to the closing brace. How much of the code is
comment is printed and not judged; the aim is 15 to 25 %.
"""

from __future__ import annotations

import math
import statistics

from common import Report, Source, Tree, counted, run

MEDIAN_MAX = 12
P90_MAX = 35
LINES_MAX = 70


def comment_share(sources: list[Source]) -> float:
    """Of the lines that are not empty, those that hold a comment, in percent."""
    lines = sum(bool(line.strip()) for source in sources for line in source.lines)
    commented = {(source.path, line) for source in sources for comment in source.comments
                 for line in range(comment.first, comment.last + 1)
                 if source.lines[line - 1].strip()}
    return 100 * len(commented) / lines if lines else 0.0


def check(tree: Tree, report: Report) -> str:
    sources = tree.sources("src", "trace", suffixes=(".c", ".h"))
    found = sorted(((function.last - function.first + 1, source.path, function)
                    for source in sources for function in source.functions),
                   key=lambda entry: entry[0])
    if not found:
        return "no function"
    sizes = [size for size, _, _ in found]
    median = statistics.median(sizes)
    p90 = sizes[math.ceil(0.9 * len(sizes)) - 1]
    for size, path, function in found:
        if size > LINES_MAX:
            report.add(path, function.first,
                       f"{function.name} has {size} lines; at most {LINES_MAX}")
    if median > MEDIAN_MAX:
        size, path, function = found[-1]
        report.add(path, function.first, f"the median function has {median:g} lines; at most "
                   f"{MEDIAN_MAX} ({function.name}, the longest, has {size})")
    if p90 > P90_MAX:
        size, path, function = found[-1]
        report.add(path, function.first, f"one function in ten has {p90} lines or more; at "
                   f"most {P90_MAX} ({function.name}, the longest, has {size})")
    return (f"{counted(len(found), 'function')}: median {median:g}, nine of ten within {p90}, "
            f"longest {sizes[-1]}; {comment_share(sources):.0f} % comment")


if __name__ == "__main__":
    run("functions", check)
