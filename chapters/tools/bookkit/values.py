"""The numbers and words that a page may show by name.

`<!-- value: NAME -->` means, in a chapter, a value of that chapter; anywhere,
`01-context:NAME` means one of chapter 1. A name is looked up in the chapter's
recorded/values.tsv, and then among those that come straight from the sources:

    demo.NAME              the number that demo.c defines as the macro NAME
    constant.NAME          the number that a file of src/ defines as the macro NAME
    switch.instructions    instructions of context_swap from its label to its jump

NAME.kib is NAME in KiB, for a NAME that is a multiple of 1,024.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bookkit.problem import Wrong
from bookkit.recording import Recording
from bookkit.source import Tree

SWITCH_SOURCE = "src/context/context_x86_64.S"
SWITCH_SYMBOL = "context_swap"
INSTRUCTION = re.compile(r"^\s+(?:notrack\s+)?([a-z]\w*)\b")
NUMBER = re.compile(r"\(?(0x[0-9a-fA-F]+|\d+)[uUlL]*\)?$")


@dataclass
class Values:
    tree: Tree

    def recording(self, chapter: str) -> Recording:
        return Recording(self.tree.root / "chapters" / chapter / "recorded")

    def find(self, chapter: str | None, name: str) -> str:
        """The text of a value. Wrong when there is none."""
        here, name = split_name(chapter, name)
        if name.endswith(".kib"):
            return in_kib(self.find(here, name.removesuffix(".kib")), name)
        recording = self.recording(here)
        if recording.exists("values.tsv"):
            text = recording.values().get(name)
            if text is not None:
                return text
        text = self._from_sources(here, name)
        if text is None:
            raise Wrong(f"no value {name}: neither chapters/{here}/recorded/values.tsv nor "
                        "the sources have it")
        return text

    def _from_sources(self, chapter: str, name: str) -> str | None:
        if name == "switch.instructions":
            return str(self._switch_instructions())
        kind, _, macro = name.partition(".")
        if kind == "demo" and macro:
            return self._macro(f"chapters/{chapter}/demo.c", macro.upper())
        if kind == "constant":
            values = (self._macro(path, macro) for path in self.tree.under("src"))
            return next((value for value in values if value), None)
        return None

    def _macro(self, path: str, macro: str) -> str | None:
        if not (self.tree.root / path).is_file():
            return None
        source = self.tree.source(path)
        found = source.find(("macro",), macro)
        if not found or found.first != found.last:
            return None
        number = NUMBER.search(source.code_lines[found.first - 1].rstrip())
        return str(int(number.group(1), 0)) if number else None

    def _switch_instructions(self) -> int:
        """What runs of the switch when nothing unusual has to be loaded."""
        source = self.tree.source(SWITCH_SOURCE)
        found = source.find(("symbol",), SWITCH_SYMBOL)
        if not found:
            raise Wrong(f"{SWITCH_SOURCE} has no {SWITCH_SYMBOL}")
        count = 0
        for line in source.code_lines[found.first : found.last]:
            instruction = INSTRUCTION.match(line)
            count += bool(instruction)
            if instruction and instruction.group(1) == "jmpq":
                return count
        raise Wrong(f"{SWITCH_SOURCE}: {SWITCH_SYMBOL} does not end in a jump")


def split_name(chapter: str | None, name: str) -> tuple[str, str]:
    """The chapter and the name within it: 01-context:costs.switch.ns."""
    here, colon, rest = name.partition(":")
    if colon:
        return here, rest
    if chapter is None:
        raise Wrong(f"{name} names no chapter; outside a chapter write 01-context:{name}")
    return chapter, name


def in_kib(text: str, name: str) -> str:
    if not text.isdigit() or int(text) % 1024:
        raise Wrong(f"{name}: {text} is not a multiple of 1,024")
    return str(int(text) // 1024)


def chapter_folder(root: Path, number: str) -> str:
    """chapters/0N-name, or Wrong."""
    found = sorted((root / "chapters").glob(f"{int(number):02d}-*")) if number.isdigit() else []
    if not found:
        raise Wrong(f"there is no chapter {number}")
    return found[0].name
