"""The records of all workers in one order, by the rule of trace/merge.h.

Sequences decide, not the clock: a record comes after those before it in its segment and after
those with smaller sequence numbers of the fibers and the object it belongs to. Of the records
that may come next, the one with the smallest tick does. A tick that would go back is carried
forward. A record that can never come next is let through by tick and marked as forced. In a
window, whose beginning is missing by design, a fiber begins with the smallest of its numbers.
What comes after a fiber's RECYCLE is free.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from .reader import Record, Trace

RECYCLE = 11  # the one event whose number the merge has to know


class Step(NamedTuple):
    number: int  # from 0
    worker: int
    tick: int  # the record's, or a later one
    record: Record
    forced: bool


@dataclass
class Merged:
    steps: list[Step] = field(default_factory=list)
    repairs: int = 0  # ticks carried forward
    forced: int = 0


Member = tuple[str, int]  # "fiber" or "object", and its number


class Memberships:
    """Which fibers and which object a record belongs to, and as their how manyth record. Fiber
    0 and object 0 are nobody; a fiber that is its own peer has the record once."""

    def __init__(self, trace: Trace) -> None:
        self._places = {e.number: e.sequence_place for e in trace.schema.events.values()}
        self._objects = {e.number for e in trace.schema.events.values() if e.has_object}

    def of(self, record: Record) -> list[tuple[Member, int]]:
        high, low = record.value >> 32, record.value & 0xFFFFFFFF
        result = [(("fiber", record.fiber), record.sequence)] if record.fiber else []
        place = self._places.get(record.type)
        if place and record.peer not in (0, record.fiber):
            result.append((("fiber", record.peer), high if place == "high" else low))
        if record.type in self._objects and high:
            result.append((("object", high), low))
        return result


class Queue:
    """The part of a segment that is not merged yet."""

    def __init__(self, order: int, worker: int, records: list[Record],
                 memberships: Memberships) -> None:
        self.order, self.worker, self._records, self._next = order, worker, records, 0
        self._memberships, self._members = memberships, (-1, [])

    def members(self) -> list[tuple[Member, int]]:
        """Those of the first record. Asked for several times, and found out once."""
        if self._members[0] != self._next:
            self._members = self._next, self._memberships.of(self._records[self._next])
        return self._members[1]

    def first(self) -> Record | None:
        return self._records[self._next] if self._next < len(self._records) else None

    def take(self) -> Record:
        self._next += 1
        return self._records[self._next - 1]


class Merger:
    """Each queue that has a first record is in `_ready`, or waits for one fiber or object."""

    def __init__(self, trace: Trace) -> None:
        self._memberships = Memberships(trace)
        self._queues = [Queue(i, s.worker, s.records, self._memberships)
                        for i, s in enumerate(trace.segments)]
        self._ready: list[tuple[int, int]] = []  # tick, index of the queue
        self._waiting: dict[Member, list[Queue]] = defaultdict(list)
        self._last: dict[Member, int] = defaultdict(int)  # the number of each one's last record
        self._recycled: set[Member] = set()
        self._merged = Merged()
        if trace.is_window:
            self._begin_window(trace)

    def _begin_window(self, trace: Trace) -> None:
        for segment in trace.segments:
            for record in segment.records:
                for member, number in self._memberships.of(record):
                    before = (number - 1) % 2**32  # 0 is no number, and the smallest of none
                    self._last[member] = min(self._last.get(member, before), before)

    def _awaited(self, queue: Queue) -> Member | None:
        """Whose next record its first is not, if there is one. Numbers have 32 bits."""
        for member, number in self._numbers(queue.members()):
            if number != (self._last[member] + 1) % 2**32:
                return member
        return None

    def _numbers(self, members: list[tuple[Member, int]]) -> list[tuple[Member, int]]:
        """What comes after a fiber's RECYCLE has no place among its numbers any more."""
        return [(member, number) for member, number in members
                if member not in self._recycled]

    def _place(self, queue: Queue) -> None:
        record = queue.first()
        if record is None:
            return
        member = self._awaited(queue)
        if member is not None:
            self._waiting[member].append(queue)
        else:
            heapq.heappush(self._ready, (record.tick, queue.order))

    def _take_ready(self) -> Queue | None:
        """Of two records with one number, the first that is taken leaves the other behind."""
        while self._ready:
            queue = self._queues[heapq.heappop(self._ready)[1]]
            if self._awaited(queue) is None:
                return queue
            self._place(queue)
        return None

    def _emit(self, queue: Queue, forced: bool) -> None:
        merged, members, record = self._merged, queue.members(), queue.take()
        last = merged.steps[-1].tick if merged.steps else 0
        merged.repairs += record.tick < last
        merged.forced += forced
        merged.steps.append(Step(len(merged.steps), queue.worker, max(last, record.tick), record,
                                 forced))
        again = [queue]
        for member, number in self._numbers(members):
            self._last[member] = number
            again += self._waiting.pop(member, [])
        if record.type == RECYCLE and record.fiber:
            self._recycled.add(("fiber", record.fiber))
        for other in again:
            self._place(other)

    def _take_forced(self) -> Queue | None:
        stuck = [(q.first().tick, q.order, member) for member, queues in self._waiting.items()
                 for q in queues]
        if not stuck:
            return None
        _, order, member = min(stuck)
        queue = self._queues[order]
        self._waiting[member].remove(queue)
        return queue

    def merge(self) -> Merged:
        for queue in self._queues:
            self._place(queue)
        while True:
            if queue := self._take_ready():
                self._emit(queue, False)
            elif queue := self._take_forced():
                self._emit(queue, True)
            else:
                return self._merged


def merge(trace: Trace) -> Merged:
    return Merger(trace).merge()
