"""Figures: drawn from recorded traces, committed as SVG, compared byte for byte.

    <!-- figure: figures/stacks.svg -->
    ![what it shows, for who cannot see it](figures/stacks.svg)

The trace is recorded/trace.weft, or recorded/FILE with from=FILE; the kind of picture is
the file's name, or kind=KIND. Another version of a drawing program may place things
otherwise, so figures/versions.txt says what the figures were drawn with, and bytes are
compared only where that version is at hand.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from bookkit.chapters import chapter_of
from bookkit.markdown import IMAGE, Page, Region
from bookkit.problem import Report, Wrong

KINDS = ("switches", "stacks", "workers", "fibers", "latency", "states", "rendezvous",
         "sleepers", "waits", "waiters", "timers", "tickets")
GRAPHVIZ = ("switches", "states", "sleepers", "tickets")
VERSIONS = "versions.txt"


def tool_of(kind: str) -> str:
    return "graphviz" if kind in GRAPHVIZ else "matplotlib"


@dataclass(frozen=True)
class Figure:
    page: str
    line: int
    chapter: str
    file: str  # from the root
    trace: str  # from the root
    kind: str


def read_figure(root: Path, page: Page, region: Region) -> Figure:
    """What a directive asks for, once its page is found to show it. Wrong otherwise."""
    target, *options = region.argument.split() or [""]
    chapter = chapter_of(page.path)
    if chapter is None:
        raise Wrong("figure: only a chapter's page has figures of its own")
    kind, recorded = Path(target).stem, "trace.weft"
    for option in options:
        name, _, value = option.partition("=")
        if name == "kind":
            kind = value
        elif name == "from":
            recorded = value
        else:
            raise Wrong(f"figure: what is {option}? from=FILE and kind=KIND are known")
    if kind not in KINDS:
        raise Wrong(f"figure: {kind} is no picture; kind= is one of {', '.join(KINDS)}")
    if region.last == region.first:
        raise Wrong("figure: the next line must be its image, ![...](" + target + ")")
    shown = IMAGE.search(page.lines[region.last - 1])
    if not shown or shown.group(2) != target:
        raise Wrong(f"figure: the image on the next line is not {target}")
    trace = f"chapters/{chapter}/recorded/{recorded}"
    if not (root / trace).is_file():
        raise Wrong(f"figure: {trace} is not there; run make book-record")
    return Figure(page.path, region.first, chapter, f"chapters/{chapter}/{target}", trace,
                  kind)


@dataclass
class Studio:
    """Draws, with the interpreter and the programs of this machine."""

    root: Path
    python: str = field(default_factory=lambda: os.environ.get("PYTHON") or sys.executable)

    known: dict[str, str | None] = field(default_factory=dict)

    def version(self, tool: str) -> str | None:
        """Of a drawing program; None when it is not here."""
        if tool not in self.known:
            self.known[tool] = self._ask(tool)
        return self.known[tool]

    def _ask(self, tool: str) -> str | None:
        commands = {
            "matplotlib": [self.python, "-c",
                           "import matplotlib; print(matplotlib.__version__)"],
            "graphviz": ["dot", "-V"],
        }
        try:
            answer = subprocess.run(commands[tool], capture_output=True, text=True, check=False)
        except OSError:
            return None
        found = re.search(r"\d+(?:\.\w+)+", answer.stdout + answer.stderr)
        return found.group() if answer.returncode == 0 and found else None

    def draw(self, figure: Figure) -> bytes:
        """A fresh drawing. Wrong when it cannot be made."""
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "figure.svg"
            paths = [str(self.root / "viz"), os.environ.get("PYTHONPATH", "")]
            answer = subprocess.run(
                [self.python, "-m", "weft_viz", figure.kind, figure.trace, str(out)],
                cwd=self.root, capture_output=True, text=True, check=False,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                     "PYTHONDONTWRITEBYTECODE": "1"})
            if answer.returncode != 0 or not out.is_file():
                last = (answer.stderr.strip() or answer.stdout.strip()).splitlines()[-1:]
                raise Wrong(f"{figure.file} cannot be drawn: {' '.join(last) or 'no word why'}")
            return out.read_bytes()


def read_versions(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: version for name, _, version in (line.partition(" ") for line in lines)}


def drawings(figures: list[Figure], report: Report) -> list[Figure]:
    """Each file once; two directives must not ask for different pictures in one file."""
    seen: dict[str, Figure] = {}
    for figure in figures:
        first = seen.setdefault(figure.file, figure)
        if (first.trace, first.kind) != (figure.trace, figure.kind):
            report.add(figure.page, figure.line,
                       f"figure: {first.page}:{first.line} draws another picture there")
    return list(seen.values())


def check(studio: Studio, figures: list[Figure], report: Report) -> None:
    """Compares each committed figure with a fresh drawing."""
    for figure in drawings(figures, report):
        path = studio.root / figure.file
        if not path.is_file():
            report.add(figure.page, figure.line,
                       f"{figure.file} is not there; run make book-sync")
            continue
        tool = tool_of(figure.kind)
        drawn_with = read_versions(path.parent / VERSIONS).get(tool)
        here = studio.version(tool)
        if drawn_with is None:
            report.add(figure.page, figure.line,
                       f"{path.parent.name}/{VERSIONS} does not say which {tool} drew "
                       f"{path.name}; run make book-sync")
        elif here is None:
            report.note(f"{figure.file} not redrawn: {tool} is not here")
        elif here != drawn_with:
            report.note(f"{figure.file} not compared: {tool} {drawn_with} drew it, here is "
                        f"{here}")
        else:
            try:
                if studio.draw(figure) != path.read_bytes():
                    report.add(figure.page, figure.line,
                               f"{figure.file} differs from a fresh drawing of "
                               f"{figure.trace}")
            except Wrong as wrong:
                report.add(figure.page, figure.line, str(wrong))


def sync(studio: Studio, figures: list[Figure], report: Report) -> list[str]:
    """Redraws the figures whose programs are here; returns the files it rewrote."""
    written = []
    used: dict[Path, dict[str, str]] = {}
    for figure in drawings(figures, report):
        path = studio.root / figure.file
        tool = tool_of(figure.kind)
        version = studio.version(tool)
        if version is None:
            report.note(f"{figure.file} not redrawn: {tool} is not here")
            continue
        try:
            fresh = studio.draw(figure)
        except Wrong as wrong:
            report.add(figure.page, figure.line, str(wrong))
            continue
        used.setdefault(path.parent, {})[tool] = version
        written += rewrite(path, fresh, figure.file)
    for folder, tools in used.items():
        versions = read_versions(folder / VERSIONS)
        versions.update(tools)
        text = "".join(f"{tool} {version}\n" for tool, version in sorted(versions.items()))
        name = (folder / VERSIONS).relative_to(studio.root).as_posix()
        written += rewrite(folder / VERSIONS, text.encode(), name)
    return written


def rewrite(path: Path, data: bytes, name: str) -> list[str]:
    if path.is_file() and path.read_bytes() == data:
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return [name]
