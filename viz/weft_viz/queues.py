"""Where ready fibers wait for a worker, and how long.

A fiber waits from the step that makes it ready to the one at which it runs:

    READY        it is in the queue that the record's place and worker say
    SWITCH, yield   the fiber that leaves is in the FIFO queue of that worker
    STEAL        it is in the thief's queue from here on
    SWITCH to it    its wait is over

A worker's own queues count as one: its newest children, the woken and yielded ones, and the fiber
that runs there next. The queue of injected fibers belongs to nobody, and so does the one that all
workers of an older trace share, into which its fibers yield, too. A ring's STATUS says that a
fiber was ready, and not where.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import zip_longest
from typing import Iterator

from .model import INJECTED, READY, RUNNING, Fiber, Model, State, Steal

NOBODY, UNKNOWN = -1, -2  # queues that are no worker's, whose numbers are their workers'
SHARED, REMOTE, YIELDED, STOLEN = "shared", "remote", "yielded", "stolen"
UNTOLD = "not told"  # a ring begins with it
PINNED_WORKER = 0  # the one with a slot for the fiber that only it may run


@dataclass(slots=True)
class Stay:
    """Of a ready fiber in one queue."""

    queue: int
    start: int  # steps
    end: int
    start_tick: int
    end_tick: int


@dataclass(slots=True)
class Wait:
    """All stays of one wait."""

    fiber: int
    place: str  # where it was put; STOLEN when a worker took it from another's queue
    stays: list[Stay]
    ran: bool  # whether it ended in a run

    @property
    def end(self) -> int:
        return self.stays[-1].end

    @property
    def start(self) -> int:
        return self.stays[0].start

    @property
    def ticks(self) -> int:
        return self.stays[-1].end_tick - self.stays[0].start_tick


class Follower:
    """Finds the waits of each fiber, in their order. A steal of a fiber that was not ready is
    part of none."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._places = {ready.step: ready.place for ready in model.readies}
        self._shared = any(ready.place == SHARED for ready in model.readies)
        self._steals: dict[int, list[Steal]] = defaultdict(list)
        for steal in model.steals:
            self._steals[steal.fiber].append(steal)

    def waits(self, fiber: Fiber) -> Iterator[Wait]:
        steals = self._steals.get(fiber.id, [])
        at = 0
        for state, following in zip_longest(fiber.states, fiber.states[1:]):
            if state.name != READY:
                continue
            while at < len(steals) and steals[at].step <= state.start:
                at += 1
            found = Wait(fiber.id, *self._put(state),
                         ran=following is not None and following.name == RUNNING)
            while at < len(steals) and steals[at].step < state.end:
                self._move(found, steals[at])
                at += 1
            yield found

    def _put(self, state: State) -> tuple[str, list[Stay]]:
        """What the place is called in which a wait begins, and the stay there."""
        place, queue = self._place(state)
        return place, [Stay(queue, state.start, state.end, state.start_tick, state.end_tick)]

    def _place(self, state: State) -> tuple[str, int]:
        worker = self._model.merged.steps[state.start].worker
        place = self._places.get(state.start, "")
        if place in (INJECTED, SHARED):
            return place, NOBODY
        if place == REMOTE:
            return place, PINNED_WORKER
        if place:
            return place, worker
        if not state.cause.startswith("SWITCH"):
            return UNTOLD, UNKNOWN
        return YIELDED, NOBODY if self._shared else worker

    def _move(self, found: Wait, steal: Steal) -> None:
        last, tick = found.stays[-1], self._model.tick(steal.step)
        found.stays.append(Stay(steal.thief, steal.step, last.end, tick, last.end_tick))
        last.end, last.end_tick = steal.step, tick
        if not steal.injected:
            found.place = STOLEN


def waits(model: Model) -> Iterator[Wait]:
    """Those of all fibers, fiber by fiber."""
    follower = Follower(model)
    for fiber in model.people():
        yield from follower.waits(fiber)
