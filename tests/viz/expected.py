"""What an export of a trace must hold, found from the trace by the Python reader and merger:
nothing here comes from the exporters.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from trace_writer import (ANCHOR, CREATE, FINISH, IDLE_FIBER, MARK, NAME, READY, REPOSITORY,
                          SPAN_BEGIN, SPAN_END, SWITCH, WORKER_START, WORKER_STOP, YIELD)

from weft_viz import merge, reader

TOOL = REPOSITORY / os.environ.get("BUILD", "build") / "weft-trace"


def weft_trace(*words: str | Path) -> subprocess.CompletedProcess:
    return subprocess.run([TOOL, *map(str, words)], capture_output=True, text=True, timeout=300,
                          check=False)


def facts(path: Path) -> dict[str, int]:
    lines = weft_trace("facts", path).stdout.splitlines()
    return {name: int(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@dataclass
class Switch:
    ns: int
    worker: int
    previous: int
    following: int
    reason: str


@dataclass
class Expected:
    """All lists in the merged order."""

    switches: list[Switch] = field(default_factory=list)
    starts: list[tuple[int, int, int]] = field(default_factory=list)  # ns, worker, fiber
    stops: list[tuple[int, int, int]] = field(default_factory=list)
    wakes: list[tuple[int, int, int, int]] = field(default_factory=list)  # .., fiber, waker
    spans: list[tuple[int, int, str, str]] = field(default_factory=list)  # ns, fiber, B or E, text
    marks: list[tuple[int, int, str, int]] = field(default_factory=list)
    instants: list[tuple[int, str]] = field(default_factory=list)  # ns, event
    counts: list[tuple[int, int, int]] = field(default_factory=list)  # ns, live, ready
    open_spans: dict[int, int] = field(default_factory=dict)  # by fiber
    last_ns: int = 0


class Finder:
    def __init__(self, trace: reader.Trace) -> None:
        self._trace = trace
        self._states: dict[int, str] = {}
        self.found = Expected()

    def find(self) -> Expected:
        for step in merge.merge(self._trace).steps:
            passed = max(0, step.tick - self._trace.tick0)
            self._step(step, passed * 10**9 // self._trace.ticks_per_second)
        return self.found

    def _set(self, fiber: int, state: str) -> None:
        if 0 < fiber < IDLE_FIBER:
            self._states[fiber] = state

    def _counts(self) -> tuple[int, int]:
        states = list(self._states.values())
        return sum(s != "finished" for s in states), states.count("ready")

    def _step(self, step: merge.Step, ns: int) -> None:
        record, found = step.record, self.found
        event = self._trace.schema.events[record.type]
        before = self._counts() if len(self._states) < 200 else None
        self._follow(record)
        if before is not None and before != self._counts():
            found.counts.append((ns, *self._counts()))
        found.last_ns = ns
        text = self._trace.string(record.value & 0xFFFFFFFF)
        if record.type == SWITCH:
            reason = self._trace.schema.choice(event, "reason", record.arg)
            found.switches.append(Switch(ns, step.worker, record.peer, record.fiber, reason))
        elif record.type in (SPAN_BEGIN, SPAN_END):
            self._span(ns, record.fiber, record.type == SPAN_BEGIN, text)
        elif record.type == MARK:
            found.marks.append((ns, record.fiber, text, record.value >> 32))
        elif record.type not in (NAME, ANCHOR) and event.name not in ("QUEUE_LENGTH", "STATUS"):
            found.instants.append((ns, event.name))
        if record.type == READY:
            found.wakes.append((ns, step.worker, record.fiber, record.peer))
        if record.type in (WORKER_START, WORKER_STOP) and record.fiber < IDLE_FIBER:
            where = found.starts if record.type == WORKER_START else found.stops
            where.append((ns, step.worker, record.fiber))

    def _span(self, ns: int, fiber: int, begins: bool, text: str) -> None:
        count = self.found.open_spans.get(fiber, 0) + (1 if begins else -1)
        if count < 0:
            return
        self.found.open_spans[fiber] = count
        self.found.spans.append((ns, fiber, "B" if begins else "E", text))

    def _follow(self, record: reader.Record) -> None:
        if record.type == SWITCH:
            self._set(record.peer, "ready" if record.arg == YIELD else
                      "finished" if record.arg == FINISH else "parked")
            self._set(record.fiber, "running")
        elif record.type == CREATE:
            self._set(record.fiber, "new")
        elif record.type == READY and self._states.get(record.fiber) != "running":
            self._set(record.fiber, "ready")
        elif record.type == WORKER_START:
            self._set(record.fiber, "running")
        elif record.type == WORKER_STOP:
            self._set(record.fiber, "finished")


def expect(path: Path) -> Expected:
    return Finder(reader.read_trace(path)).find()
