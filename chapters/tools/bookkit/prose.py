"""What no page may say, and what every page must have.

`<!-- fixed: reason -->` in a paragraph excuses its numbers with a unit and its names that
the sources do not have: say why no machine knows them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from bookkit.chapters import LISTINGS_MAX, PARTS, all_chapters, chapter_of, has_parts
from bookkit.markdown import FIXED, KNOWN, VALUE, Page
from bookkit.problem import Report
from bookkit.source import Tree

# Adjectives as arguments, and announcing and summarising.
BANNED = (
    "simply", "obviously", "clearly", "trivially", "of course", "just", "easily",
    "effortless", "effortlessly", "robust", "robustly", "seamless", "seamlessly", "powerful",
    "elegant", "elegantly", "blazing", "blazingly", "leverage", "leverages",
    "in conclusion", "in summary", "to summarise", "to summarize", "as we have seen",
    "as we will see", "as you can see", "it is worth noting", "note that", "let us", "let's",
    "we will now", "needless to say",
)
BANNED_WORD = re.compile(r"\b(%s)\b" % "|".join(
    re.escape(word).replace(r"\ ", r"\s+") for word in BANNED), re.I)

UNITS = ("ns", "us", "µs", "ms", "s", "seconds?", "nanoseconds?", "microseconds?",
         "milliseconds?", "bytes?", "kB", "KB", "MB", "GB", "KiB", "MiB", "GiB", "cycles?")
NUMBER = re.compile(r"(?<![\w.,-])\d[\d,.]*(?:\s|&nbsp;)?(?:%s)\b" % "|".join(UNITS))
LINE_NUMBER = re.compile(r"[\w-]+\.(?:c|h|S|def|py|sh|md):\d+|[\w-]+\.(?:c|h|S|def|py|sh)#L\d+")

CALL = re.compile(r"(\w+)\(\)$")
NAME = re.compile(r"(\w+)$")
PATH_SUFFIXES = (".c", ".h", ".S", ".def", ".py", ".sh", ".md", ".svg", ".tsv", ".txt",
                 ".weft", ".patch")
PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?$")
PLACEHOLDER = re.compile(r"\bN\b|NN|NAME|PATH|FILE")
MADE_FOLDERS = ("build", "work")
PROGRAM = re.compile(r"<!-- program: (\S+) -->")
DIRECTIVE = re.compile(r"<!-- ?/?([\w-]+)(?::|\s*-->)")

# FORMAT.md says how large things are: it is where those numbers come from.
STATES_SIZES = "trace/FORMAT.md"


@dataclass
class Names:
    """What the sources define, and what words they hold."""

    tree: Tree

    @cached_property
    def functions(self) -> set[str]:
        found = self.tree.functions_of("src", "trace", "chapters", "tests")
        for path in self.tree.under("viz", "chapters", "tests", suffixes=(".py", ".sh")):
            text = self.tree.source(path).text
            found.update(re.findall(r"^\s*def (\w+)", text, re.M))
            found.update(re.findall(r"^(\w+)\(\)", text, re.M))
        return found

    @cached_property
    def words(self) -> set[str]:
        """Every identifier of the C, assembly and .def files, outside comments."""
        suffixes = (".c", ".h", ".S", ".def")
        found: set[str] = set()
        for source in self.tree.sources("src", "trace", "chapters", "tests",
                                        suffixes=suffixes):
            found.update(re.findall(r"\w+", source.code))
        return found

    @cached_property
    def prefixes(self) -> tuple[str, ...]:
        """What a name of ours begins with: its module."""
        modules = {f.split("/")[1] for f in self.tree.files if f.count("/") > 1
                   and f.startswith("src/")}
        return tuple(f"{module}_" for module in sorted(modules | {"weft", "trace"}))

    @cached_property
    def basenames(self) -> set[str]:
        return {PurePosixPath(f).name for f in self.tree.files}

    @cached_property
    def folders(self) -> set[str]:
        return {str(folder) for f in self.tree.files for folder in PurePosixPath(f).parents}


def check_page(tree: Tree, names: Names, page: Page, report: Report) -> None:
    report.problems += page.malformed.problems
    check_directives(page, report)
    check_words(page, report)
    check_numbers(page, report)
    check_names(tree, names, page, report)
    check_images(page, report)
    if has_parts(page.path):
        check_parts(page, report)
    check_way(page, report)
    count = sum(region.kind == "listing" for region in page.regions)
    if chapter_of(page.path) and count > LISTINGS_MAX:
        report.add(page.path, 1, f"{count} listings; at most {LISTINGS_MAX}")


def check_directives(page: Page, report: Report) -> None:
    regions = {region.first for region in page.regions}
    closers = {region.last for region in page.regions}
    visible = page.marked
    values = [(m.start(), m.end()) for m in VALUE.finditer(visible)]
    for match in DIRECTIVE.finditer(visible):
        line, kind = page.line_at(match.start()), match.group(1)
        if kind == "value":
            if not any(start <= match.start() < end for start, end in values):
                report.add(page.path, line,
                           "a value is <!-- value: NAME -->text<!-- /value -->, on one line")
            elif not visible[visible.rfind("\n", 0, match.start()) + 1:match.start()].strip():
                report.add(page.path, line,
                           "a value begins this line: Markdown takes such a line for HTML")
        elif kind not in KNOWN:
            report.add(page.path, line, f"<!-- {kind} --> is no directive")
        elif kind not in ("fixed", "program", "commands"):
            if line not in regions and line not in closers:
                report.add(page.path, line, f"{kind}: a directive stands alone on its line")
    for match in re.finditer(r"<!-- /?value", page.unfenced):
        if visible[match.start()] == " ":
            report.add(page.path, page.line_at(match.start()),
                       "a value inside code: the reader sees the comment; use <code>")
    for match in FIXED.finditer(visible):
        if not match.group(1).strip():
            report.add(page.path, page.line_at(match.start()), "fixed: give the reason")


def check_words(page: Page, report: Report) -> None:
    for match in BANNED_WORD.finditer(page.prose):
        word = " ".join(match.group().split())
        report.add(page.path, page.line_at(match.start()), f'banned: "{word}"')


def check_numbers(page: Page, report: Report) -> None:
    for match in LINE_NUMBER.finditer(page.own):
        report.add(page.path, page.line_at(match.start()),
                   f"a line number typed by hand: {match.group()}; name the function")
    if page.path == STATES_SIZES:
        return
    for match in NUMBER.finditer(page.prose):
        line = page.line_at(match.start())
        if not page.is_fixed(line):
            report.add(page.path, line,
                       f"a number typed by hand: {' '.join(match.group().split())}; use a "
                       "value, or say <!-- fixed: reason -->")


def check_names(tree: Tree, names: Names, page: Page, report: Report) -> None:
    programs = set(PROGRAM.findall(page.marked))  # the page shows their text
    for span in page.code_spans():
        if page.is_fixed(span.line):
            continue
        call, name = CALL.match(span.text), NAME.match(span.text)
        if call and call.group(1) not in names.functions:
            report.add(page.path, span.line, f"`{span.text}`: no such function")
        elif name and span.text.startswith(names.prefixes) and span.text not in names.words:
            report.add(page.path, span.line, f"`{span.text}`: the sources have no such name")
        elif span.text in programs:
            continue
        elif looks_like_path(tree, span.text) and not exists(tree, names, page, span.text):
            report.add(page.path, span.line, f"`{span.text}`: no such file")


def looks_like_path(tree: Tree, text: str) -> bool:
    if not PATH.match(text) or PLACEHOLDER.search(text) or text.startswith((".", "-")):
        return False
    first, slash, _ = text.partition("/")
    if first in MADE_FOLDERS:
        return False
    return text.endswith(PATH_SUFFIXES) or bool(slash and (tree.root / first).is_dir())


def exists(tree: Tree, names: Names, page: Page, text: str) -> bool:
    """From the root, from src/ (as includes say it), from the page or its chapter; a name
    without a folder may be anywhere."""
    text = text.rstrip("/")
    if "/" not in text:
        return text in names.basenames or text in names.folders
    chapter = chapter_of(page.path)
    places = ["", "src/", f"{page.folder}/"] + ([f"chapters/{chapter}/"] if chapter else [])
    return any((tree.root / (place + text)).exists() for place in places)


def check_images(page: Page, report: Report) -> None:
    for line, alt, target in page.images():
        if not alt:
            report.add(page.path, line, f"the image {target} has no alternative text")


def check_links(tree: Tree, pages: dict[str, Page], page: Page, report: Report) -> None:
    for link in page.links():
        if re.match(r"[a-z][a-z0-9+.-]*:", link.text, re.I):
            continue
        path, _, anchor = link.text.partition("#")
        target = Path(page.folder, unquote(path)) if path else Path(page.path)
        where = PurePosixPath(_normal(target)).as_posix()
        if where.startswith("../") or where.split("/")[0] in MADE_FOLDERS:
            report.add(page.path, link.line, f"link {link.text}: not in the repository")
        elif not (tree.root / where).exists():
            report.add(page.path, link.line, f"dead link {link.text}: no file {where}")
        elif anchor and anchor not in anchors_of(tree, pages, where):
            report.add(page.path, link.line, f"dead link {link.text}: no heading #{anchor}")


def _normal(path: Path) -> str:
    parts: list[str] = []
    for part in path.as_posix().split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in (".", ""):
            parts.append(part)
    return "/".join(parts) or "."


def anchors_of(tree: Tree, pages: dict[str, Page], where: str) -> set[str]:
    if (tree.root / where).is_dir():
        where += "/README.md"
    if where in pages:
        return pages[where].anchors()
    if where.endswith(".md") and (tree.root / where).is_file():
        return Page(where, (tree.root / where).read_text(encoding="utf-8")).anchors()
    return set()


def check_way(page: Page, report: Report) -> None:
    """The front page lists the chapters; a chapter leads on at its top and its end."""
    kinds = [region.kind for region in page.regions]
    if page.path == "book.md" and "contents" not in kinds:
        report.add(page.path, 1, "no <!-- contents --> and <!-- /contents -->")
    if any(page.path == chapter.page for chapter in all_chapters()) and kinds.count("nav") != 2:
        report.add(page.path, 1, "not two <!-- nav --> and <!-- /nav -->, at top and end")


def check_parts(page: Page, report: Report) -> None:
    headings = page.headings(2)
    at = 0
    for part in PARTS:
        words = re.compile(r"\b%s\b" % part.replace(" ", r"\s+"), re.I)
        hits = [i for i, heading in enumerate(headings) if words.search(heading.text)]
        later = [i for i in hits if i >= at]
        if later:
            at = later[0] + 1
        elif hits:
            heading = headings[hits[0]]
            report.add(page.path, heading.line,
                       f'"{heading.text}" comes too late or too early: the order is '
                       f'{", ".join(PARTS)}')
        else:
            report.add(page.path, 1, f'no section "{part}" (a heading with ## and its words)')
