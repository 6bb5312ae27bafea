"""The chapters: which there will be, which there are, and what each template part is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

WORDS_A_MINUTE = 200
CODE_LINES_A_MINUTE = 10
LISTINGS_MAX = 10

FOLDER = re.compile(r"chapters/(\d\d-[\w-]+)(?:/|$)")

# Folder, name and subject of every page of the plan, in order. The primer comes first and
# has no number.
PLAN = (
    ("00-primer", "primer", "registers, call frames, system calls, atomics, kqueue and "
     "epoll, for whoever wants them refreshed"),
    ("01-context", "context", "how one function stops in the middle of its stack and "
     "another goes on in the middle of its own"),
    ("02-fiber", "fiber", "what a context needs to be a fiber: a stack with a guard, "
     "arguments, a state, and somebody who waits for its end"),
    ("03-scheduler", "scheduler", "how a few workers share many fibers, and how a worker "
     "without work sleeps and is woken"),
    ("04-waitqueue", "waitqueue", "how a fiber waits for a descriptor, a time or another "
     "fiber, and is woken by one of them only"),
    ("05-sync", "sync", "mutexes, conditions, semaphores and queues for fibers"),
    ("06-net", "net", "sockets that read as if they blocked"),
    ("07-future", "future", "starting work, awaiting it, canceling it, alone and in "
     "groups"),
    ("08-file", "file", 'files, which are never "ready", by way of helper threads'),
    ("09-server", "server", "a small server that uses all of it and stops without losing a "
     "request"),
)

# The parts of a chapter, in order. A part is the next second-level heading that holds
# its words, in any case: "## 7. A broken variant: off by eight" is a broken variant.
# Headings beside these are allowed.
PARTS = (
    "question",
    "smallest failing program",
    "mental model",
    "walk",
    "predict",
    "the trace",
    "broken variant",
    "elsewhere",
    "exercises",
    "costs",
    "further reading",
)


@dataclass(frozen=True)
class Chapter:
    folder: str  # "01-context"
    name: str
    subject: str

    @property
    def number(self) -> str:
        """"1"; "" for the primer."""
        return self.folder[:2].lstrip("0")

    @property
    def label(self) -> str:
        return f"{self.number} {self.name}".strip()

    @property
    def page(self) -> str:
        return f"chapters/{self.folder}/README.md"

    def is_written(self, root: Path) -> bool:
        return (root / self.page).is_file()


def all_chapters() -> list[Chapter]:
    return [Chapter(*entry) for entry in PLAN]


def has_parts(path: str) -> bool:
    """Whether a page is a chapter, which keeps to the template; the primer does not."""
    return any(path == chapter.page and chapter.number for chapter in all_chapters())


def chapter_of(path: str) -> str | None:
    """The chapter's folder that a path lies in."""
    match = FOLDER.match(path)
    return match.group(1) if match else None


def reading_time(words: int, code_lines: int) -> str:
    minutes = max(1, round(words / WORDS_A_MINUTE + code_lines / CODE_LINES_A_MINUTE))
    return f"{minutes} minute" + ("" if minutes == 1 else "s")
