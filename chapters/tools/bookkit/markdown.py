"""A page of Markdown: its generated regions, and what of it is prose.

A generated region begins with a directive, a comment alone on its line:

    <!-- listing: src/context/context.c context_init -->

What follows it belongs to the tool. A listing or a patch is the fenced block right below
(and a listing's caption); a figure is the image on the next line; every other kind runs
to its own closing line, <!-- /kind -->. A value stands inside a line:

    a switch takes <!-- value: costs.switch.ns -->5.6<!-- /value --> ns

Directives inside code are text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from bookkit.problem import Report
from bookkit.source import blank

FENCED = ("listing", "patch")
CLOSED = ("table", "recorded", "generated", "contents", "nav")
BLOCKS = FENCED + CLOSED + ("figure",)
# program and commands mark what the tests of the README run.
KNOWN = BLOCKS + ("value", "fixed", "program", "commands")

BLOCK = re.compile(r"^(\s*)<!-- (%s)(?:: +(.*?))? *-->\s*$" % "|".join(BLOCKS))
FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
CAPTION = re.compile(r"^\s*\*[\w./-]+:\d+(?:, .*)?\*$")
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)((?:(?!\n[ \t]*\n).)+?)(?<!`)\1(?!`)", re.S)
COMMENT = re.compile(r"<!--.*?-->", re.S)
VALUE = re.compile(r"<!-- value: +(\S+) +-->([^\n]*?)<!-- /value -->")
FIXED = re.compile(r"<!-- fixed:(.*?)-->", re.S)
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
LINK_TARGET = re.compile(r"(\]\()[^()\s]*(?:\([^()]*\)[^()\s]*)*")
IMAGE = re.compile(r"!\[([^\]]*)\]\(\s*<?([^)\s>]+)>?[^)]*\)")
LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\](?:\([^)]*\))?)*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
DEFINITION = re.compile(r"^ {0,3}\[([^\]]+)\]:\s*<?(\S+?)>?(?:\s.*)?$", re.M)
HTML_LINK = re.compile(r"""<(?:a|img)\b[^>]*?\b(?:href|src)\s*=\s*["']([^"']+)["']""", re.I)
HTML_IMAGE = re.compile(r"<img\b[^>]*>", re.I)
HTML_ANCHOR = re.compile(r"""\b(?:id|name)\s*=\s*["']([^"']+)["']""", re.I)


@dataclass(frozen=True)
class Region:
    kind: str
    argument: str
    indent: str
    first: int  # the directive's line, from 1
    last: int  # the last line that belongs to the tool


@dataclass(frozen=True)
class Word:
    """A piece of a page: a link's target, a code span, a heading's text."""

    line: int
    text: str


@dataclass
class Page:
    path: str  # from the root
    text: str

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def line_at(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1

    # -- structure --

    @cached_property
    def _structure(self) -> tuple[list[Region], list[bool], Report]:
        """Regions; for each line, whether it is in a fenced block; what is malformed."""
        regions: list[Region] = []
        fenced = [False] * len(self.lines)
        report = Report()
        at = 0
        while at < len(self.lines):
            directive = BLOCK.match(self.lines[at])
            if directive:
                region = self._region(at, directive, report)
                regions.append(region)
                self._mark_fences(fenced, at + 1, region.last)
                at = region.last
            elif FENCE.match(self.lines[at]):
                end = self._fence_end(at)
                if end is None:
                    report.add(self.path, at + 1, "this code block is never closed")
                    end = len(self.lines) - 1
                self._mark_fences(fenced, at, end + 1)
                at = end + 1
            else:
                at += 1
        return regions, fenced, report

    def _mark_fences(self, fenced: list[bool], at: int, stop: int) -> None:
        while at < stop:
            if FENCE.match(self.lines[at]):
                end = self._fence_end(at)
                end = stop - 1 if end is None else min(end, stop - 1)
                fenced[at : end + 1] = [True] * (end + 1 - at)
                at = end
            at += 1

    def _fence_end(self, at: int) -> int | None:
        opening = FENCE.match(self.lines[at])
        assert opening
        close = re.compile(r"^\s*%s+\s*$" % re.escape(opening.group(1)))
        for i in range(at + 1, len(self.lines)):
            if close.match(self.lines[i]):
                return i
        return None

    def _region(self, at: int, directive: re.Match[str], report: Report) -> Region:
        indent, kind, argument = directive.groups()
        last = at
        if kind in CLOSED:
            close = f"<!-- /{kind} -->"
            ends = (i for i in range(at + 1, len(self.lines))
                    if self.lines[i].strip() == close)
            end = next(ends, None)
            if end is None:
                report.add(self.path, at + 1, f"{kind}: no line {close} follows")
            else:
                last = end
        elif at + 1 < len(self.lines) and kind in FENCED:
            if FENCE.match(self.lines[at + 1]):
                end = self._fence_end(at + 1)
                if end is None:
                    report.add(self.path, at + 2, "this code block is never closed")
                last = end if end is not None else at
            after = last + 1
            if kind == "listing" and after < len(self.lines):
                last += 1 if CAPTION.match(self.lines[after]) else 0
        elif at + 1 < len(self.lines) and kind == "figure":
            last += 1 if self.lines[at + 1].lstrip().startswith("![") else 0
        return Region(kind, (argument or "").strip(), indent, at + 1, last + 1)

    @property
    def regions(self) -> list[Region]:
        return self._structure[0]

    @property
    def malformed(self) -> Report:
        return self._structure[2]

    # -- views: texts of the page's own shape with parts of it blanked --

    def _without(self, gone: list[bool]) -> str:
        kept = [blank(line) if out else line for line, out in zip(self.lines, gone)]
        return "\n".join(kept) + "\n"

    @cached_property
    def unfenced(self) -> str:
        """Without fenced blocks."""
        return self._without(self._structure[1])

    @cached_property
    def marked(self) -> str:
        """Without code of any kind: what Markdown and HTML would act on."""
        return CODE_SPAN.sub(lambda m: blank(m.group()), self.unfenced)

    @cached_property
    def own(self) -> str:
        """All that a person wrote, code blocks included, comments and generated parts
        not."""
        gone = [False] * len(self.lines)
        for region in self.regions:
            if region.kind != "figure":
                for i in range(region.first - 1, region.last):
                    gone[i] = True
        text = VALUE.sub(lambda m: blank(m.group()), self._without(gone))
        return COMMENT.sub(lambda m: blank(m.group()), text)

    @cached_property
    def prose(self) -> str:
        """What a person wrote for people: no code, comments, links or generated parts."""
        keep = self._overlap(self.own, self.marked)
        keep = LINK_TARGET.sub(lambda m: m.group(1) + blank(m.group()[2:]), keep)
        keep = DEFINITION.sub(lambda m: blank(m.group()), keep)
        return re.sub(r"<[^<>\n]*>", lambda m: blank(m.group()), keep)

    @staticmethod
    def _overlap(one: str, other: str) -> str:
        """Each character that both views show."""
        return "".join(a if a == b else " " for a, b in zip(one, other))

    # -- pieces --

    def code_spans(self) -> list[Word]:
        """Inline code that a person wrote."""
        visible = self._overlap(self.own, self.unfenced)
        return [Word(self.line_at(m.start()), m.group(2).strip())
                for m in CODE_SPAN.finditer(visible)]

    def headings(self, level: int | None = None) -> list[Word]:
        found = []
        text = COMMENT.sub(lambda m: blank(m.group()), self.unfenced)
        for number, line in enumerate(text.splitlines(), 1):
            heading = HEADING.match(line.rstrip())
            if heading and level in (None, len(heading.group(1))):
                found.append(Word(number, heading.group(2)))
        return found

    def anchors(self) -> set[str]:
        """The anchors a forge makes of headings, and those written as HTML."""
        found = set(HTML_ANCHOR.findall(self.marked))
        seen: dict[str, int] = {}
        for heading in self.headings():
            slug = slug_of(heading.text)
            count = seen.get(slug, 0)
            seen[slug] = count + 1
            found.add(f"{slug}-{count}" if count else slug)
        return found

    def links(self) -> list[Word]:
        """Targets of links and images, generated ones too."""
        text = COMMENT.sub(lambda m: blank(m.group()), self.marked)
        found = []
        for pattern, group in ((LINK, 1), (IMAGE, 2), (DEFINITION, 2), (HTML_LINK, 1)):
            found += [Word(self.line_at(m.start(group)), m.group(group))
                      for m in pattern.finditer(text)]
        return sorted(found, key=lambda word: word.line)

    def images(self) -> list[tuple[int, str, str]]:
        """Line, alternative text and target of each image."""
        found = [(self.line_at(m.start()), m.group(1).strip(), m.group(2))
                 for m in IMAGE.finditer(self.marked)]
        for match in HTML_IMAGE.finditer(self.marked):
            alt = re.search(r"""\balt\s*=\s*["']([^"']*)["']""", match.group(), re.I)
            source = re.search(r"""\bsrc\s*=\s*["']([^"']*)["']""", match.group(), re.I)
            found.append((self.line_at(match.start()), alt.group(1).strip() if alt else "",
                          source.group(1) if source else ""))
        return found

    def is_fixed(self, line: int) -> bool:
        """Whether the line's paragraph holds a `fixed` comment with a reason."""
        first = last = line - 1
        while first > 0 and self.lines[first - 1].strip():
            first -= 1
        while last + 1 < len(self.lines) and self.lines[last + 1].strip():
            last += 1
        found = FIXED.search("\n".join(self.lines[first : last + 1]))
        return bool(found and found.group(1).strip())

    # -- size --

    def words(self) -> int:
        """Words to read: prose and tables, not code, nor the lines that navigate."""
        gone = list(self._structure[1])
        for region in self.regions:
            if region.kind in ("nav", "contents"):
                gone[region.first - 1 : region.last] = [True] * (
                    region.last - region.first + 1)
        text = COMMENT.sub(" ", self._without(gone))
        return len([word for word in text.split() if re.search(r"\w", word)])

    def code_lines(self) -> int:
        return sum(self._structure[1])


def slug_of(heading: str) -> str:
    """The anchor that GitHub, GitLab and Gitea make of a heading."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"[^\w\- ]", "", text.strip().lower())
    return text.replace(" ", "-")
