"""C and assembly as text: what is comment, and where each thing is defined.

This is no parser. It knows enough of C to tell comments and strings from code and to
follow braces, which is enough for sources that clang-format has laid out. Lines are
numbered from 1.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

TOKEN = re.compile(
    r"""/\*.*?(?:\*/|\Z) | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
    re.S | re.X,
)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
DEFINE = re.compile(r"[ \t]*#[ \t]*define[ \t]+(\w+)")
# What may stand before a function's name with parentheses of its own.
ASIDE = re.compile(r"__attribute__\s*\(\(.*?\)\)|_Alignas\s*\([^()]*\)", re.S)
TYPE = re.compile(r"(struct|enum|union)\s+(\w+)\s*\Z")
LABEL = re.compile(r"^([A-Za-z_]\w*):|^\w+\((\w+)\):?\s*$")

C_SUFFIXES = (".c", ".h")
CODE_SUFFIXES = (".c", ".h", ".S")
IGNORED_FOLDERS = ("build", "work", ".git", "__pycache__")


@dataclass(frozen=True)
class Comment:
    first: int
    last: int
    text: str


@dataclass(frozen=True)
class Definition:
    kind: str  # function, struct, enum, union, macro, symbol
    name: str
    first: int
    last: int


def blank(text: str) -> str:
    """Spaces of the same shape, so that offsets and lines stay."""
    return re.sub(r"[^\n]", " ", text)


@dataclass
class Source:
    path: str  # from the root, with slashes
    text: str

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def code(self) -> str:
        """The text with comments and the insides of strings blanked."""

        def replace(match: re.Match[str]) -> str:
            token = match.group()
            if token[0] == "/":
                return blank(token)
            return token[0] + blank(token[1:-1]) + token[-1]

        return TOKEN.sub(replace, self.text)

    @cached_property
    def code_lines(self) -> list[str]:
        return self.code.splitlines()

    @cached_property
    def comments(self) -> list[Comment]:
        found = []
        for match in TOKEN.finditer(self.text):
            if match.group()[0] == "/":
                first = self.line_at(match.start())
                last = first + match.group().count("\n")
                found.append(Comment(first, last, match.group()))
        return found

    def line_at(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1

    @cached_property
    def definitions(self) -> list[Definition]:
        if self.path.endswith(".S"):
            return self._symbols() + self._macros()
        return self._braced() + self._macros()

    @cached_property
    def functions(self) -> list[Definition]:
        return [d for d in self.definitions if d.kind == "function"]

    def find(self, kinds: tuple[str, ...], name: str) -> Definition | None:
        for definition in self.definitions:
            if definition.kind in kinds and definition.name == name:
                return definition
        return None

    def function_at(self, line: int) -> Definition | None:
        for definition in self.definitions:
            inside = definition.first <= line <= definition.last
            if inside and definition.kind in ("function", "symbol"):
                return definition
        return None

    def comment_above(self, line: int) -> Comment | None:
        """The comment that ends on the line before."""
        for comment in self.comments:
            alone = not self.code_lines[comment.first - 1].strip()
            if comment.last == line - 1 and alone:
                return comment
        return None

    def _macros(self) -> list[Definition]:
        found = []
        for match in DIRECTIVE.finditer(self.code):
            define = DEFINE.match(match.group())
            if define:
                first = self.line_at(match.start())
                last = first + match.group().count("\n")
                found.append(Definition("macro", define.group(1), first, last))
        return found

    def _braced(self) -> list[Definition]:
        text = DIRECTIVE.sub(lambda match: blank(match.group()), self.code)
        found: list[Definition] = []
        depth = head = opened = 0
        for match in re.finditer(r"[{};]", text):
            mark = match.group()
            if depth == 0 and mark == "{":
                if re.fullmatch(r'\s*extern\s+"\s*"\s*', text[head : match.start()]):
                    head = match.end()
                    continue  # its closing brace is the one that nobody opened
                opened = match.start()
            if mark == "{":
                depth += 1
            elif mark == "}" and depth > 0:
                depth -= 1
                if depth == 0:
                    named = name_of(text[head:opened])
                    if named:
                        lead = re.match(r"\s*", text[head:opened])
                        first = self.line_at(head + (lead.end() if lead else 0))
                        last = self.line_at(match.start())
                        found.append(Definition(*named, first, last))
            if depth == 0 and mark in "};":
                head = match.end()
        return found

    def _symbols(self) -> list[Definition]:
        """A symbol goes from its label to its .size, or to a macro that ends it."""
        found = []
        for number, line in enumerate(self.code_lines, 1):
            label = LABEL.match(line)
            name = label and (label.group(1) or label.group(2))
            if not name:
                continue
            end = re.compile(rf"\.size\s+{name}\b|\w*(?:END|SIZE)\w*\s*\(\s*{name}\b")
            for last in range(number, len(self.lines) + 1):
                if end.search(self.code_lines[last - 1]):
                    found.append(Definition("symbol", name, number, last))
                    break
        return found


def name_of(head: str) -> tuple[str, str] | None:
    """What the text before an opening brace defines: its kind and name."""
    head = ASIDE.sub(" ", head).strip()
    if "=" in head:
        return None
    type_name = TYPE.search(head)
    if type_name and "(" not in head:
        return type_name.group(1), type_name.group(2)
    if not head.endswith(")"):
        return None
    for match in re.finditer(r"(\w+)\s*\(\s*(\*?)", head):
        if not match.group(2):  # not the (*f(...)) of a function that returns one
            return "function", match.group(1)
    return None


@dataclass
class Tree:
    """The repository's own files: those that git has or would take."""

    root: Path

    @cached_property
    def files(self) -> list[str]:
        names = self._ask_git() if (self.root / ".git").exists() else None
        return sorted(self._walk() if names is None else names)

    def _ask_git(self) -> list[str] | None:
        """None where git is not here or refuses."""
        try:
            answer = subprocess.run(
                ["git", "ls-files", "-co", "--exclude-standard", "-z"],
                cwd=self.root, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        names = set(answer.stdout.split("\0")) - {""}
        return [name for name in names if (self.root / name).is_file()]

    def _walk(self) -> list[str]:
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = [f for f in folders if f not in IGNORED_FOLDERS]
            here = Path(folder).relative_to(self.root)
            found += [(here / name).as_posix() for name in names]
        return found

    @cached_property
    def _sources(self) -> dict[str, Source]:
        return {}

    def under(self, *tops: str, suffixes: tuple[str, ...] = CODE_SUFFIXES) -> list[str]:
        """The files of these top-level folders with these endings."""
        return [f for f in self.files
                if f.split("/")[0] in tops and f.endswith(suffixes)]

    def source(self, path: str) -> Source:
        """Reads a file once. OSError when it is not there."""
        if path not in self._sources:
            text = (self.root / path).read_text(encoding="utf-8")
            self._sources[path] = Source(path, text)
        return self._sources[path]

    def sources(self, *tops: str, suffixes: tuple[str, ...] = CODE_SUFFIXES) -> list[Source]:
        return [self.source(path) for path in self.under(*tops, suffixes=suffixes)]

    def functions_of(self, *tops: str) -> set[str]:
        """Names of the functions, assembly symbols and macros defined there."""
        return {d.name for source in self.sources(*tops) for d in source.definitions
                if d.kind in ("function", "symbol", "macro")}
