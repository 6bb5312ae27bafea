"""What a tool has to say: a problem at a place, or a note that something was left out."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, order=True)
class Problem:
    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


class Wrong(Exception):
    """A directive that cannot be obeyed; the message says why, in one line."""


@dataclass
class Report:
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, path: str, line: int, text: str) -> None:
        self.problems.append(Problem(path, line, text))

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
