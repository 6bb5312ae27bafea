"""book.py sync | check | facts N | derive N: the book's generated parts.

sync    rewrites listings, patches, numbers, tables, recordings and figures in the pages,
        from the sources and from chapters/*/recorded/
check   changes nothing; exits 1 and lists each difference, and each broken house rule of
        the prose
facts   runs chapter N's demo afresh and tests recorded/facts on its trace
derive  writes recorded/values.tsv and recorded/xxd-record.txt of chapter N, and trims its
        traces

Run from the repository's root (--root DIR: from elsewhere). PYTHON names the interpreter
that can draw, BUILD the folder of the built programs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bookkit import figures, prose
from bookkit.markdown import VALUE, Page, Region
from bookkit.chapters import chapter_of
from bookkit.problem import Report, Wrong
from bookkit.recording import Recording, trim
from bookkit.regions import Renderer
from bookkit.source import Tree
from bookkit.values import Values, chapter_folder

PAGES = ("README.md", "book.md", "trace/FORMAT.md")


def is_page(path: str) -> bool:
    return path in PAGES or path.startswith("chapters/") and path.endswith(".md")


@dataclass
class Book:
    tree: Tree
    build: str
    report: Report = field(default_factory=Report)

    def __post_init__(self) -> None:
        self.values = Values(self.tree)
        self.renderer = Renderer(self.tree, self.values, self.build)

    def read(self) -> dict[str, Page]:
        return {path: Page(path, (self.tree.root / path).read_text(encoding="utf-8"))
                for path in self.tree.files if is_page(path)}

    # -- making every page afresh --

    def render(self, old: dict[str, Page]) -> dict[str, Page]:
        """The pages as they should be. What cannot be made stays, and is reported."""
        valued = {path: self._with_values(page) for path, page in old.items()}
        middle = {path: self._with_regions(page, self._render_region)
                  for path, page in valued.items()}

        def navigate(page: Page, region: Region) -> list[str] | None:
            if region.kind == "contents":
                return self.renderer.contents(page, middle)
            if region.kind == "nav":
                first = next(r for r in page.regions if r.kind == "nav")
                return self.renderer.nav(page, middle, is_top=region is first)
            return None

        return {path: self._with_regions(page, navigate) for path, page in middle.items()}

    def _with_values(self, page: Page) -> Page:
        text, done = "", 0
        for match in VALUE.finditer(page.marked):
            try:
                value = self.values.find(chapter_of(page.path), match.group(1))
            except Wrong as wrong:
                self.report.add(page.path, page.line_at(match.start()), str(wrong))
                continue
            text += page.text[done : match.start(2)] + value
            done = match.end(2)
        return Page(page.path, text + page.text[done:])

    def _render_region(self, page: Page, region: Region) -> list[str] | None:
        if region.kind in ("contents", "nav", "figure"):
            return None
        return self.renderer.render(page, region)

    def _with_regions(self, page: Page,
                      make: Callable[[Page, Region], list[str] | None]) -> Page:
        """`make` gives a region's lines after its directive, or None to leave them."""
        malformed = {problem.line for problem in page.malformed.problems}
        lines: list[str] = []
        done = 0
        for region in page.regions:
            lines += page.lines[done : region.first]
            done = region.first
            if malformed & set(range(region.first, region.last + 2)):
                continue
            try:
                made = make(page, region)
            except Wrong as wrong:
                self.report.add(page.path, region.first, str(wrong))
                continue
            if made is not None:
                lines += made
                done = region.last
        lines += page.lines[done:]
        return Page(page.path, "\n".join(lines) + "\n")

    def figures(self, pages: dict[str, Page]) -> list[figures.Figure]:
        found = []
        for page in pages.values():
            for region in page.regions:
                if region.kind == "figure":
                    try:
                        found.append(figures.read_figure(self.tree.root, page, region))
                    except Wrong as wrong:
                        self.report.add(page.path, region.first, str(wrong))
        return found

    # -- the commands --

    def sync(self) -> list[str]:
        old = self.read()
        new = self.render(old)
        written = []
        for path, page in new.items():
            written += figures.rewrite(self.tree.root / path, page.text.encode(), path)
        studio = figures.Studio(self.tree.root)
        written += figures.sync(studio, self.figures(new), self.report)
        return written

    def check(self) -> int:
        """Returns how many pages it looked at."""
        old = self.read()
        new = self.render(old)
        names = prose.Names(self.tree)
        for path, page in old.items():
            self._compare(page, new[path])
            prose.check_page(self.tree, names, page, self.report)
            prose.check_links(self.tree, old, page, self.report)
        figures.check(figures.Studio(self.tree.root), self.figures(old), self.report)
        self._check_unused(old)
        self._check_derived()
        return len(old)

    def _compare(self, old: Page, new: Page) -> None:
        """Reports each region and value that differs. The two pages have the same ones in
        the same order."""
        for before, after in zip(old.regions, new.regions):
            theirs = old.lines[before.first : before.last]
            ours = new.lines[after.first : after.last]
            if theirs != ours:
                at = next((i for i, (a, b) in enumerate(zip(theirs, ours)) if a != b),
                          min(len(theirs), len(ours)))
                self.report.add(
                    old.path, before.first,
                    f"{before.kind} {before.argument}: differs from line "
                    f"{before.first + 1 + at} on; run make book-sync".replace(" :", ":"))
        for before, after in zip(VALUE.finditer(old.marked), VALUE.finditer(new.marked)):
            if before.group(2) != after.group(2):
                self.report.add(old.path, old.line_at(before.start()),
                                f'value {before.group(1)} is "{before.group(2)}" here and '
                                f'"{after.group(2)}" in the recording; run make book-sync')

    def _check_unused(self, pages: dict[str, Page]) -> None:
        """A figure that no page shows decorates nothing and is compared with nothing."""
        shown = {os.path.normpath(os.path.join(page.folder, target))
                 for page in pages.values() for _, _, target in page.images()}
        for path in self.tree.under("chapters", suffixes=(".svg",)):
            if path.split("/")[2:3] == ["figures"] and path not in shown:
                self.report.add(path, 1, "no page shows this figure")

    def _check_derived(self) -> None:
        for path in self.tree.under("chapters", suffixes=("values.tsv", "xxd-record.txt")):
            recording = Recording((self.tree.root / path).parent)
            text = (self.tree.root / path).read_text(encoding="utf-8")
            try:
                if path.endswith("values.tsv"):
                    same = text == recording.derive_values()
                else:
                    same = text.startswith(recording.derive_xxd())
            except Wrong as wrong:
                self.report.add(path, 1, str(wrong))
                continue
            if not same:
                self.report.add(path, 1, "is not what the other recordings give; run make "
                                         "book-record")


def facts(book: Book, number: str) -> int:
    """Runs the demo afresh; 0 when every predicate of recorded/facts holds."""
    root = book.tree.root
    recording = book.values.recording(chapter_folder(root, number))
    lines = recording.path("facts").read_text(encoding="utf-8").splitlines()
    rules = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not rules:
        raise Wrong("recorded/facts holds no predicate")
    tool, demo = (str((root / book.build / name).absolute())
                  for name in ("weft-trace", f"chapter-{int(number)}/demo"))
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "trace.weft")
        ran = run([demo], {"WEFT_TRACE": trace})
        if ran.returncode != 0:
            raise Wrong(f"the demo exits {ran.returncode}: {ran.stdout.strip()}")
        answer = run([tool, "rules", trace, *rules], {})
    print(answer.stdout, end="")
    print(answer.stderr, end="", file=sys.stderr)
    return answer.returncode


def run(command: list[str], more: dict[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False,
                              env={**os.environ, **more})
    except OSError as error:
        raise Wrong(f"{command[0]} cannot be run ({error.strerror}); run make") from None


def derive(book: Book, number: str) -> None:
    recording = book.values.recording(chapter_folder(book.tree.root, number))
    for trace in sorted(recording.folder.glob("*.weft")):
        trace.write_bytes(trim(trace.read_bytes()))
    values = recording.derive_values()
    xxd = recording.derive_xxd()
    dump = run([str((book.tree.root / book.build / "weft-trace").absolute()), "dump",
                str(recording.path("trace.weft"))], {})
    switch = next((line for line in dump.stdout.splitlines() if "SWITCH" in line.split()), None)
    if switch is None:
        raise Wrong(f"weft-trace dump shows no SWITCH: {dump.stderr.strip()}")
    (recording.folder / "values.tsv").write_text(values, encoding="utf-8")
    (recording.folder / "xxd-record.txt").write_text(f"{xxd}\n{switch}\n", encoding="utf-8")


def tell(report: Report) -> int:
    for problem in sorted(set(report.problems)):
        print(problem)
    for note in report.notes:
        print(f"note: {note}")
    return 1 if report.problems else 0


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        usage="book.py [--root DIR] sync | check | facts N | derive N")
    parser.add_argument("--root", default=".")
    parser.add_argument("command", choices=("sync", "check", "facts", "derive"))
    parser.add_argument("chapter", nargs="?")
    given = parser.parse_args(words)
    if (given.chapter is None) == (given.command in ("facts", "derive")):
        parser.error(f"{given.command}: " + ("which chapter?" if given.chapter is None
                                             else "takes no chapter"))
    book = Book(Tree(Path(given.root)), os.environ.get("BUILD") or "build")
    try:
        if given.command == "facts":
            return facts(book, given.chapter)
        if given.command == "derive":
            derive(book, given.chapter)
            return 0
    except Wrong as wrong:
        print(f"book: {wrong}", file=sys.stderr)
        return 1
    if given.command == "sync":
        for path in book.sync():
            print(f"rewrote {path}")
        return tell(book.report)
    pages = book.check()
    status = tell(book.report)
    if status == 0:
        print(f"book: ok ({pages} pages)")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
