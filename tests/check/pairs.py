"""pairs: every atomic access that orders memory says what it pairs with.

An access with acquire, release, acq_rel or seq_cst order has a comment with "Pairs with:"
on its line or within the lines above, and the functions that the comment names exist. A
relaxed access has its reason: a comment on its line or within the lines above, a function
comment that says who holds what, or a field or variable whose own comment says "relaxed".
Counters need none: what fetch_add_relaxed is applied to anywhere. base/atomic.h, which
makes the verbs, is exempt.
"""

from __future__ import annotations

import re

from common import Report, Source, Tree, counted, run

EXEMPT = "src/base/atomic.h"
PAIR_LINES = 4
REASON_LINES = 3

ORDERED = re.compile(r"\b(?:load|store|exchange|cas|fetch_\w+)_(?:acquire|release|acq_rel|"
                     r"seq_cst)\s*\(|\bmemory_order_(?:acquire|release|acq_rel|seq_cst|"
                     r"consume)\b|\batomic_thread_fence\s*\(")
# The forms of C11 without an order mean seq_cst.
UNNAMED = re.compile(r"\batomic_(?:load|store|exchange|compare_exchange_\w+?|fetch_\w+?|"
                     r"flag_\w+?)\s*\(")
RELAXED = re.compile(r"\b(?:load|store|exchange|cas)_relaxed\s*\(\s*&?\s*([\w.\->\[\]]+)|"
                     r"\bmemory_order_relaxed\b")
COUNTED = re.compile(r"\bfetch_(?:add|sub)_relaxed\s*\(\s*&?\s*([\w.\->\[\]]+)")
OWNED = re.compile(r"\b(?:relaxed|under|lock|alone|only|owner|own)\b", re.I)
PAIRS_WITH = re.compile(r"Pairs with:\s*(\w+)((?:\s*,?\s*(?:and\s+)?\w+(?=\s*(?:[,.;:)]|and\b|"
                        r"\*/|$)))*)")


def words_of(comment: str) -> str:
    """A comment's text without its stars, in one line."""
    text = re.sub(r"^/\*|\*/$", " ", comment)
    return " ".join(re.sub(r"(?m)^\s*(?:\*|//)", " ", text).split())


def named(comment: str) -> list[str]:
    """The functions that a comment says it pairs with."""
    found = []
    for match in PAIRS_WITH.finditer(words_of(comment)):
        found += [match.group(1), *re.findall(r"\w+", match.group(2))]
    return [name for name in found if name != "and"]


def comments_near(source: Source, line: int, above: int) -> list[str]:
    return [c.text for c in source.comments if c.first <= line and c.last >= line - above]


def relaxed_declarations(sources: list[Source]) -> set[str]:
    """Names declared beside or under a comment that says relaxed."""
    found = set()
    for source in sources:
        for comment in source.comments:
            if re.search(r"\brelaxed\b", comment.text, re.I):
                for line in range(comment.first, min(comment.last + 2, len(source.lines) + 1)):
                    code = source.code_lines[line - 1]
                    if "_Atomic" in code:
                        found.update(re.findall(r"(\w+)\s*(?:\[[^\]]*\])?\s*[;=]", code))
    return found


def last_name(place: str) -> str:
    """Of header->lost_strings lost_strings."""
    return re.findall(r"\w+", place)[-1]


def counters(sources: list[Source]) -> set[str]:
    return {last_name(place) for source in sources for place in COUNTED.findall(source.code)}


def has_reason(source: Source, line: int, place: str | None, excused: set[str]) -> bool:
    if comments_near(source, line, REASON_LINES):
        return True
    if place and last_name(place) in excused:
        return True
    function = source.function_at(line)
    above = function and source.comment_above(function.first)
    return bool(above and OWNED.search(above.text))


def check(tree: Tree, report: Report) -> str:
    sources = tree.sources("src", "trace")
    functions = tree.functions_of("src", "trace")
    excused = relaxed_declarations(sources) | counters(sources)
    pairs = accesses = 0
    for source in sources:
        for comment in source.comments:
            for name in named(comment.text):
                pairs += 1
                if name not in functions:
                    report.add(source.path, comment.first, f"pairs with {name}, which is no "
                                                           "function")
        if source.path == EXEMPT:
            continue
        for number, code in enumerate(source.code_lines, 1):
            if ORDERED.search(code) or UNNAMED.search(code):
                accesses += 1
                near = comments_near(source, number, PAIR_LINES)
                if not any("Pairs with:" in words_of(text) for text in near):
                    report.add(source.path, number, "an atomic access that orders memory, and "
                                                    'no "Pairs with:" above it')
            else:
                for match in RELAXED.finditer(code):
                    accesses += 1
                    if not has_reason(source, number, match.group(1), excused):
                        report.add(source.path, number, "a relaxed access without its reason")
    return f"{counted(accesses, 'ordered or relaxed use')}, {counted(pairs, 'pair')}"


if __name__ == "__main__":
    run("pairs", check)
