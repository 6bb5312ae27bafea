"""What each kind of region holds, made afresh from sources and recordings.

    listing: PATH NAME            a function of a C file or a symbol of an assembly file
    listing: PATH struct NAME     also enum, union, macro
    listing: PATH 'TEXT'..'TEXT'  from the first line with the one text to the next line
                                  with the other
        +comment  with the comment above it        max=N  up to N lines, not 25
    patch: PATH                   a patch, in a chapter relative to its folder
    table: NAME                   recorded/NAME.tsv, and under costs the machine
    recorded: FILE                recorded/FILE         lines=A-B  these lines of it
    generated: weft-trace ...     what build/weft-trace prints
    contents, nav                 the chapters; the way to the pages before and after

Outside a chapter's folder, NAME and FILE of table and recorded begin with the chapter:
01-context:costs, 01-context/terminal.txt.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

from bookkit.chapters import Chapter, all_chapters, chapter_of, reading_time
from bookkit.markdown import Page, Region
from bookkit.problem import Wrong
from bookkit.recording import is_number, read_table
from bookkit.source import Definition, Source, Tree
from bookkit.values import Values, split_name

LISTING_LINES_MAX = 25
QUOTED = r"""(?:'([^']*)'|"([^"]*)")"""
LISTING = re.compile(
    rf"(\S+)\s+(?:{QUOTED}\.\.{QUOTED}|(?:(struct|enum|union|macro)\s+)?(\w+))((?:\s+\S+)*)$")
LANGUAGES = {".c": "c", ".h": "c", ".def": "c", ".S": "asm", ".py": "python", ".sh": "sh",
             ".lua": "lua", ".diff": "diff", ".patch": "diff"}


def fence(language: str, lines: list[str]) -> list[str]:
    """A fenced block, its fence longer than any within."""
    longest = max((len(m.group(1)) for line in lines
                   if (m := re.match(r"\s*(`{3,})", line))), default=2)
    marks = "`" * (longest + 1)
    return [marks + language, *lines, marks]


def dedent(lines: list[str]) -> list[str]:
    """Without the white space that all lines begin with; tabs stay tabs."""
    common = os.path.commonprefix(
        [re.match(r"[ \t]*", line).group() for line in lines if line.strip()])  # type: ignore
    return [line[len(common):].rstrip() for line in lines]


def cells(row: list[str]) -> list[str]:
    return [cell.replace("|", "\\|") for cell in row]


def markdown_table(rows: list[list[str]]) -> list[str]:
    """The first row is the header. Columns of numbers stand right."""
    rows = [cells(row) for row in rows]
    columns = list(zip(*rows))
    right = [any(map(is_number, column[1:])) and
             all(is_number(cell) or cell == "-" for cell in column[1:])
             for column in columns]
    widths = [max(3, *map(len, column)) for column in columns]
    lines = []
    for row in rows:
        padded = [cell.rjust(width) if to_right else cell.ljust(width)
                  for cell, width, to_right in zip(row, widths, right)]
        lines.append(f"| {' | '.join(padded)} |")
    rule = ["-" * (width - 1) + ":" if to_right else "-" * width
            for width, to_right in zip(widths, right)]
    return [lines[0], f"| {' | '.join(rule)} |", *lines[1:]]


@dataclass
class Renderer:
    tree: Tree
    values: Values
    build: str  # where the built programs are

    def render(self, page: Page, region: Region) -> list[str]:
        """The region's lines after its directive. Wrong when it cannot be made."""
        makers = {"listing": self._listing, "patch": self._patch, "table": self._table,
                  "recorded": self._recorded, "generated": self._generated}
        lines = makers[region.kind](page, region.argument)
        if region.kind not in ("listing", "patch"):
            lines.append(f"<!-- /{region.kind} -->")
        return [region.indent + line if line else line for line in lines]

    # -- listings --

    def _listing(self, page: Page, argument: str) -> list[str]:
        match = LISTING.match(argument)
        if not match:
            raise Wrong(f"listing: {argument!r} is not PATH NAME or PATH 'from'..'to'")
        path, *texts, kind, name, rest = match.groups()
        comment, limit = read_options(rest)
        source = self._source(path)
        if name:
            found = find(source, kind, name)
            first, last = found.first, found.last
            caption = f"{path}:{found.first}, {kind + ' ' if kind else ''}{name}"
            if comment:
                first = first_of_comment(source, found)
        else:
            first, last = text_range(source, texts[0] or texts[1], texts[2] or texts[3])
            around = source.function_at(first)
            caption = f"{path}:{first}" + (f", in {around.name}" if around else "")
        if last - first + 1 > limit:
            raise Wrong(f"listing of {last - first + 1} lines; at most {limit}, or show a "
                        "part of it")
        body = dedent(source.lines[first - 1 : last])
        return [*fence(LANGUAGES.get(os.path.splitext(path)[1], "text"), body),
                f"*{caption}*"]

    def _source(self, path: str) -> Source:
        try:
            return self.tree.source(path)
        except OSError:
            raise Wrong(f"there is no file {path}") from None

    def _patch(self, page: Page, argument: str) -> list[str]:
        chapter = chapter_of(page.path)
        path = f"chapters/{chapter}/{argument}" if chapter else argument
        return fence("diff", self._source(path).lines)

    # -- recordings --

    def _table(self, page: Page, argument: str) -> list[str]:
        chapter, name = split_name(chapter_of(page.path), argument)
        recording = self.values.recording(chapter)
        header, *rows = read_table(recording.path(f"{name}.tsv"))
        lines = markdown_table([[title.replace("_", " ") for title in header], *rows])
        if name == "costs":
            lines += ["", f"*Measured on: {recording.line('machine')}.*"]
        return ["", *lines, ""]

    def _recorded(self, page: Page, argument: str) -> list[str]:
        name, *options = argument.split()
        chapter = chapter_of(page.path)
        if chapter is None:
            chapter, _, name = name.partition("/")
        path = self.values.recording(chapter).path(name)
        lines = path.read_text(encoding="utf-8").splitlines()
        for option in options:
            span = re.fullmatch(r"lines=(\d+)-(\d+)", option)
            if not span:
                raise Wrong(f"recorded: what is {option}? lines=A-B is known")
            first, last = int(span.group(1)), int(span.group(2))
            if not 1 <= first <= last <= len(lines):
                raise Wrong(f"recorded: {name} has {len(lines)} lines, not {first}-{last}")
            lines = lines[first - 1 : last]
        return fence("text", [line.rstrip() for line in lines])

    def _generated(self, page: Page, argument: str) -> list[str]:
        program, *words = argument.split()
        if program != "weft-trace":
            raise Wrong(f"generated: {program} is not weft-trace")
        path = os.path.join(self.build, program)
        try:
            answer = subprocess.run([path, *words], cwd=self.tree.root, text=True,
                                    capture_output=True, check=False)
        except OSError:
            raise Wrong(f"{path} is not built; run make") from None
        if answer.returncode != 0:
            raise Wrong(f"{argument} exits {answer.returncode}: {answer.stderr.strip()}")
        return ["", *answer.stdout.strip("\n").splitlines(), ""]

    # -- the way through the book: from pages whose other regions are done --

    def contents(self, page: Page, pages: dict[str, Page]) -> list[str]:
        rows = [["", "chapter", "what it is about", "reading time"]]
        for chapter in all_chapters():
            written = pages.get(chapter.page)
            if written:
                link = f"[{chapter.name}]({relative(page, chapter.page)})"
                time = reading_time(written.words(), written.code_lines())
                rows.append([chapter.number, link, chapter.subject, time])
            elif chapter.number:
                name = f"*{chapter.name} (not yet written)*"
                rows.append([chapter.number, name, chapter.subject, ""])
        return ["", *markdown_table(rows), "", "<!-- /contents -->"]

    def nav(self, page: Page, pages: dict[str, Page], is_top: bool) -> list[str]:
        chapters = all_chapters()
        at = next((i for i, c in enumerate(chapters) if c.page == page.path), None)
        if at is None:
            raise Wrong("nav: this page is no chapter of the plan")
        parts = []
        if "book.md" in pages:
            parts.append(f"[The book]({relative(page, 'book.md')})")
        for word, index in (("previous", at - 1), ("next", at + 1)):
            if 0 <= index < len(chapters):
                parts += neighbour(page, pages, word, chapters[index])
        if is_top:
            time = reading_time(page.words(), page.code_lines())
            parts.append(f"reading time {time}")
        return ["", " · ".join(parts), "", "<!-- /nav -->"]


def neighbour(page: Page, pages: dict[str, Page], word: str, chapter: Chapter) -> list[str]:
    if chapter.page in pages:
        return [f"{word}: [{chapter.label}]({relative(page, chapter.page)})"]
    return [f"{word}: *{chapter.label} (not yet written)*"] if chapter.number else []


def relative(page: Page, target: str) -> str:
    return os.path.relpath(target, page.folder or ".").replace(os.sep, "/")


def read_options(text: str) -> tuple[bool, int]:
    comment, limit = False, LISTING_LINES_MAX
    for option in text.split():
        number = re.fullmatch(r"max=(\d+)", option)
        if option == "+comment":
            comment = True
        elif number:
            limit = int(number.group(1))
        else:
            raise Wrong(f"listing: what is {option}? +comment and max=N are known")
    return comment, limit


def find(source: Source, kind: str | None, name: str) -> Definition:
    found = source.find((kind,) if kind else ("function", "symbol"), name)
    if not found:
        raise Wrong(f"{source.path} does not define {kind or 'a function'} {name}")
    return found


def first_of_comment(source: Source, found: Definition) -> int:
    """Of a symbol, also its directives, which stand between comment and label."""
    first = found.first
    if found.kind == "symbol":
        while first > 1 and re.match(r"\s*\.\w", source.lines[first - 2]):
            first -= 1
    above = source.comment_above(first)
    return above.first if above else found.first


def text_range(source: Source, start: str, end: str) -> tuple[int, int]:
    first = next((n for n, line in enumerate(source.lines, 1) if start in line), None)
    if first is None:
        raise Wrong(f"{source.path} has no line with {start!r}")
    last = next((n for n, line in enumerate(source.lines, 1) if n > first and end in line),
                None)
    if last is None:
        raise Wrong(f"{source.path} has no line with {end!r} after line {first}")
    return first, last
