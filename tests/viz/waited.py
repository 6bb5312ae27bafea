"""Traces of fibers that wait: one by hand, and lawful ones at random, of which it is known who
stood in which queue, who was woken by whom, and how late each timer was.

    python tests/viz/waited.py OUT.weft [FIBERS [EVENTS [SEED]]]
"""

from __future__ import annotations

import random
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from trace_writer import DIRECT, FINISH, IDLE, IDLE_FIBER, PARK, Writer

(WAIT_PUSH, WAIT_RETURN, WAIT_POP, POLL_BEGIN, POLL_END, FD_WATCH, FD_READY, FD_CLOSE, TIMER_SET,
 TIMER_FIRE, TIMER_DROP, OFFLOAD_BEGIN, OFFLOAD_END, CANCEL_REQUEST, CANCEL_ACK) = range(23, 38)
WORKER_SLEEP, WORKER_AWAKE = 19, 21
QUEUE, READABLE, WRITABLE, OFFLOAD, SIGNAL = range(1, 6)
WOKEN, TIMED_OUT, CANCELED, CLOSED, ELSEWHERE = range(1, 6)
BEGUN = 0  # no outcome of a pop
READ, WRITE, BOTH = 1, 2, 3
EDGE_READ, EDGE_WRITE, READ_HANGUP, WRITE_HANGUP = 1, 2, 3, 4
BY_WAITING, BY_LOOKING = 1, 2
AWAKE, REAL, BOOT = 1, 2, 3
LOCAL, INJECTED = 1, 3
HELPER_ROLE = 1
POLLING = 2
MAIN, IDLER = 1, IDLE_FIBER


@dataclass
class Waits(Writer):
    """One worker, and helper threads. The objects' sequences are counted here."""

    objects: dict[int, int] = field(default_factory=dict)

    def member(self, type_: int, arg: int, fiber: int, peer: int, object_: int,
               segment: int = 0) -> None:
        self.objects[object_] = self.objects.get(object_, 0) + 1
        self.raw(segment, type_, arg, fiber=fiber, sequence=self.count(fiber) if fiber else 0,
                 peer=peer, value=object_ << 32 | self.objects[object_])

    def push(self, fiber: int, object_: int, what: int, fd: int = 0, back: bool = False) -> None:
        self.member(WAIT_RETURN if back else WAIT_PUSH, what, fiber, fd, object_)

    def pop(self, waker: int, waiter: int, object_: int, outcome: int = WOKEN,
            segment: int = 0) -> None:
        self.member(WAIT_POP, outcome, waker, waiter, object_, segment)

    def watch(self, fiber: int, object_: int, fd: int, directions: int = BOTH) -> None:
        self.member(FD_WATCH, directions, fiber, fd, object_)

    def edge(self, fiber: int, object_: int, fd: int, says: int) -> None:
        self.member(FD_READY, says, fiber, fd, object_)

    def close(self, fiber: int, object_: int, fd: int) -> None:
        self.member(FD_CLOSE, 0, fiber, fd, object_)

    def own(self, type_: int, fiber: int, arg: int = 0, value: int = 0, peer: int = 0) -> None:
        """A record of one fiber."""
        self.raw(0, type_, arg, fiber=fiber, sequence=self.count(fiber), peer=peer, value=value)

    def call(self, type_: int, waiter: int, object_: int, segment: int) -> None:
        self.member(type_, 0, 0, waiter, object_, segment)

    def sleep(self, ns: int, events: int) -> None:
        """The worker waits in the kernel for so long."""
        self.member(WORKER_SLEEP, POLLING, IDLER, 0, 1)
        self.own(POLL_BEGIN, IDLER, BY_WAITING, 2**64 - 1)
        self.tick += ns
        self.own(POLL_END, IDLER, BY_WAITING, events)
        self.member(WORKER_AWAKE, 5, IDLER, 0, 1)

    def sleep_until(self, now: int, fiber: int) -> None:
        """In the kernel, until it is time to fire that fiber's timer."""
        self.sleep(max(0, now - self.tick - 2_400), 0)
        self.own(TIMER_FIRE, fiber, AWAKE, now)


def helped(helpers: int = 1) -> Waits:
    return Waits(workers=1 + helpers, roles={1 + k: HELPER_ROLE for k in range(helpers)})


PIPE, LATER, CALLS = 60, 61, 62  # objects


def story(early: bool = False) -> Waits:
    """Readers a, b and c stand before descriptor 5, a napper sleeps, a caller has a helper make a
    call. A byte comes: a is woken and hands on to b, who finds nothing and is first again, before
    c. c's deadline passes; b is woken by the next byte, and main closes 5, which is opened again.
    `early`: the second byte wakes c instead, although b is first."""
    w = helped()
    w.create(MAIN, 0, "main")
    w.start(MAIN)
    names = {2: "a", 3: "b", 4: "c", 5: "napper", 6: "caller"}
    for fiber, name in names.items():
        w.create(fiber, MAIN, name)
        w.ready(fiber, MAIN, LOCAL)
    w.switch(MAIN, 2, PARK)
    w.watch(2, PIPE, 5, READ)
    w.push(2, PIPE, READABLE, 5)
    w.switch(2, 3, PARK)
    w.push(3, PIPE, READABLE, 5)
    w.switch(3, 4, PARK)
    w.push(4, PIPE, READABLE, 5)
    late, nap = w.tick + 110_000, w.tick + 50_000
    w.own(TIMER_SET, 4, AWAKE, late)
    w.switch(4, 5, PARK)
    w.own(TIMER_SET, 5, AWAKE, nap)
    w.switch(5, 6, PARK)
    w.push(6, CALLS, OFFLOAD)
    w.switch(6, IDLER, PARK)
    w.call(OFFLOAD_BEGIN, 6, CALLS, 1)
    w.sleep(20_000, 1)
    w.edge(IDLER, PIPE, 5, EDGE_READ)
    w.pop(IDLER, 2, PIPE)
    w.ready(2, IDLER, LOCAL)
    w.switch(IDLER, 2, IDLE)
    w.pop(2, 3, PIPE)  # its turn is over: it hands on
    w.ready(3, 2, LOCAL)
    w.finish(2)
    w.switch(2, 3, FINISH)
    w.recycle(2)
    w.push(3, PIPE, READABLE, 5, back=True)
    w.switch(3, IDLER, PARK)
    w.sleep_until(nap + 3_200, 5)
    w.ready(5, IDLER, LOCAL)
    w.switch(IDLER, 5, IDLE)
    w.finish(5)
    w.switch(5, IDLER, FINISH)
    w.recycle(5)
    w.call(OFFLOAD_END, 6, CALLS, 1)
    w.ready(6, 0, INJECTED, worker=1)
    w.switch(IDLER, 6, IDLE)
    w.finish(6)
    w.switch(6, IDLER, FINISH)
    w.recycle(6)
    if early:
        early_byte(w)
    else:
        timed_out(w, late)
    w.ready(MAIN, IDLER, LOCAL)
    w.switch(IDLER, MAIN, IDLE)
    w.close(MAIN, PIPE, 5)
    w.watch(MAIN, LATER, 5, BOTH)
    w.own(TIMER_SET, MAIN, AWAKE, w.tick + 10**9)
    w.push(MAIN, LATER, WRITABLE, 5)
    w.switch(MAIN, IDLER, PARK)
    w.sleep(5_000, 1)
    w.edge(IDLER, LATER, 5, WRITE_HANGUP)
    w.pop(IDLER, MAIN, LATER)
    w.ready(MAIN, IDLER, LOCAL)
    w.switch(IDLER, MAIN, IDLE)
    w.own(TIMER_DROP, MAIN)
    w.close(MAIN, LATER, 5)
    w.stop(MAIN)
    return w


def timed_out(w: Waits, deadline: int) -> None:
    w.sleep_until(deadline + 900, 4)
    w.ready(4, IDLER, LOCAL)
    w.switch(IDLER, 4, IDLE)
    w.pop(4, 4, PIPE, TIMED_OUT)
    w.finish(4)
    w.switch(4, IDLER, FINISH)
    w.recycle(4)
    woken(w, 3)


def early_byte(w: Waits) -> None:
    woken(w, 4)
    woken(w, 3)


def woken(w: Waits, fiber: int) -> None:
    """By a byte; it ends."""
    w.sleep(15_000, 1)
    w.edge(IDLER, PIPE, 5, EDGE_READ)
    w.pop(IDLER, fiber, PIPE)
    w.ready(fiber, IDLER, LOCAL)
    w.switch(IDLER, fiber, IDLE)
    if fiber == 4:
        w.own(TIMER_DROP, 4)
    w.finish(fiber)
    w.switch(fiber, IDLER, FINISH)
    w.recycle(fiber)


# ---- at random ----


@dataclass
class Line:
    """Who waits in one queue, the first first."""

    object: int
    what: int
    fd: int
    fibers: deque[int] = field(default_factory=deque)


@dataclass
class Known:
    """`lines`: by object and what, after each record, who stood there. `ends`: of each wait,
    object, fiber, outcome, and how many stood before it. `late`: of each timer that fired."""

    writer: Waits
    lines: dict[tuple[int, int], list[tuple[int, ...]]] = field(default_factory=dict)
    ends: list[tuple[int, int, int, int]] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    set: int = 0
    dropped: int = 0
    kernel: int = 0  # wakes by a word of the kernel
    handed: int = 0  # and by a fiber
    parked: list[dict[str, int]] = field(default_factory=list)  # after each record, by why


class Simulation:
    """Fibers run one at a time, in the worker's idle context's order. Fiber 1 is main."""

    def __init__(self, seed: int, fibers: int, events: int, noted: bool, wrong: float) -> None:
        self.dice, self.events, self.noted, self.wrong = random.Random(seed), events, noted, wrong
        self.w = helped(2)
        self.known = Known(self.w)
        self.lines = [Line(60 + k // 2, (READABLE, WRITABLE)[k % 2], 5 + k // 2)
                      for k in range(6)] + [Line(70, QUEUE, 0), Line(71, OFFLOAD, 0)]
        self.ready: deque[int] = deque()
        self.is_ready: set[int] = set()
        self.timers: dict[int, int] = {}  # by fiber: the deadline
        self.sleepers: dict[int, None] = {}
        self.where: dict[int, Line] = {}
        self.why: dict[int, str] = {}  # of a parked fiber
        self.watched: set[int] = set()
        self.fibers, self.running = fibers, MAIN

    def run(self) -> Known:
        w = self.w
        w.create(MAIN, 0, "main")
        w.start(MAIN)
        for fiber in range(2, 2 + self.fibers):
            w.create(fiber, MAIN, f"job{fiber - 1}")
            w.ready(fiber, MAIN, LOCAL)
            self.ready.append(fiber)
            self.is_ready.add(fiber)
        self.note()
        self.why[MAIN] = ""
        self.go_on(PARK)
        while sum(map(len, w.records)) < self.events:
            self.turn()
        w.stop(self.running)
        self.note()
        return self.known

    def note(self) -> None:
        """Of all records since the last note: only the last one changed who stands where."""
        if not self.noted:
            return
        done = sum(map(len, self.w.records))
        for line in self.lines:
            rows = self.known.lines.setdefault((line.object, line.what), [])
            rows += [rows[-1] if rows else ()] * (done - 1 - len(rows)) + [tuple(line.fibers)]
        count: dict[str, int] = {}
        for why in self.why.values():
            count[why] = count.get(why, 0) + 1
        rows = self.known.parked
        rows += [rows[-1] if rows else {}] * (done - 1 - len(rows)) + [count]

    # ---- a fiber's turn, or the kernel's ----

    def turn(self) -> None:
        if self.running == IDLER:
            if self.ready:
                self.go_on(IDLE)
            else:
                self.kernel()
            return
        fiber, dice = self.running, self.dice.random()
        queued = [line for line in self.lines if line.fibers and line.what != OFFLOAD]
        if queued and dice < 0.3:
            self.wake(self.dice.choice(queued), fiber)
        elif queued and dice < 0.35:
            self.cancel(self.dice.choice(queued).fibers[-1], fiber)
        elif dice < 0.8:
            self.wait(fiber, self.dice.choice(self.lines))
        else:
            self.set_timer(fiber)
            self.sleepers[fiber] = None
            self.why[fiber] = "timer"
            self.go_on(PARK)

    def go_on(self, reason: int) -> None:
        following = self.ready.popleft() if self.ready else IDLER
        self.is_ready.discard(following)
        self.w.switch(self.running, following, reason)
        self.running = following
        self.note()
        self.after(following)

    def after(self, fiber: int) -> None:
        """What a fiber does first: it leaves the queue it may still be in, and its timer."""
        line = self.where.pop(fiber, None)
        if line:
            self.take(line, fiber, fiber, self.dice.choice((TIMED_OUT, CANCELED, ELSEWHERE)))
        if self.timers.pop(fiber, None) is not None:
            self.w.own(TIMER_DROP, fiber)
            self.known.dropped += 1
            self.note()

    def set_timer(self, fiber: int) -> None:
        self.timers[fiber] = self.w.tick + self.dice.randrange(1_000, 300_000)
        self.w.own(TIMER_SET, fiber, AWAKE, self.timers[fiber])
        self.known.set += 1
        self.note()

    def wait(self, fiber: int, line: Line) -> None:
        if line.fd and line.object not in self.watched:
            self.watched.add(line.object)
            self.w.watch(fiber, line.object, line.fd)
            self.note()
        back = bool(line.fd) and self.dice.random() < 0.2
        if self.dice.random() < 0.3 and line.what != OFFLOAD:
            self.set_timer(fiber)
        (line.fibers.appendleft if back else line.fibers.append)(fiber)
        self.w.push(fiber, line.object, line.what, line.fd, back)
        self.where[fiber] = line
        self.note()
        self.why[fiber] = {QUEUE: "queue", OFFLOAD: "offload"}.get(line.what, "I/O")
        self.go_on(PARK)

    def take(self, line: Line, fiber: int, waker: int, outcome: int, segment: int = 0) -> None:
        self.known.ends.append((line.object, fiber, outcome, line.fibers.index(fiber)))
        line.fibers.remove(fiber)
        self.w.pop(waker, fiber, line.object, outcome, segment)
        self.note()

    def make_ready(self, fiber: int, waker: int, segment: int = 0) -> None:
        self.ready.append(fiber)
        self.is_ready.add(fiber)
        self.w.ready(fiber, waker, INJECTED if segment else LOCAL, worker=segment)
        self.why.pop(fiber)
        self.note()

    def wake(self, line: Line, waker: int, segment: int = 0) -> None:
        """The first one; with `wrong`, now and then another."""
        at = self.dice.randrange(len(line.fibers)) if self.dice.random() < self.wrong else 0
        fiber = line.fibers[at]
        self.where.pop(fiber)
        self.take(line, fiber, waker, WOKEN, segment)
        if waker not in (IDLER, 0):
            self.known.handed += 1
        self.make_ready(fiber, waker, segment)

    def cancel(self, fiber: int, canceler: int) -> None:
        """It leaves its queue when it runs."""
        if self.where[fiber].what == OFFLOAD or fiber in self.is_ready:
            return
        self.w.own(CANCEL_REQUEST, canceler, peer=fiber)
        self.make_ready(fiber, canceler)
        self.after_later(fiber)

    def after_later(self, fiber: int) -> None:
        """It stands in its queue until it runs; nobody else wakes it."""
        line = self.where.pop(fiber)
        self.take(line, fiber, self.running, CANCELED)

    def kernel(self) -> None:
        """The worker waits for what comes next."""
        w, span = self.w, self.dice.randrange(500, 60_000)
        waiting = [line for line in self.lines if line.fd and line.fibers]
        w.sleep(span, len(waiting[:1]))
        self.note()
        for fiber, deadline in sorted(self.timers.items(), key=lambda each: each[1]):
            if deadline <= w.tick and fiber not in self.is_ready:
                self.fire(fiber, deadline)
        if waiting and (line := self.dice.choice(waiting)).fibers:
            says = EDGE_READ if line.what == READABLE else EDGE_WRITE
            says += 2 * (self.dice.random() < 0.1)  # hung up
            w.edge(IDLER, line.object, line.fd, says)
            self.note()
            self.wake(line, IDLER)
            self.known.kernel += 1
        calls = self.lines[-1]
        if calls.fibers:
            self.call(calls)
        if not self.ready and MAIN in self.why:
            self.make_ready(MAIN, IDLER)

    def call(self, calls: Line) -> None:
        segment = 1 + self.dice.randrange(2)
        fiber = calls.fibers[0]
        self.known.ends.append((calls.object, fiber, BEGUN, 0))
        calls.fibers.popleft()
        self.where.pop(fiber)
        self.w.call(OFFLOAD_BEGIN, fiber, calls.object, segment)
        self.note()
        self.w.tick += self.dice.randrange(20_000)
        self.w.call(OFFLOAD_END, fiber, calls.object, segment)
        self.note()
        self.make_ready(fiber, 0, segment)

    def fire(self, fiber: int, deadline: int) -> None:
        del self.timers[fiber]
        self.w.own(TIMER_FIRE, fiber, AWAKE, self.w.tick)
        self.known.late.append(self.w.tick - 500 - deadline)
        self.note()
        if self.sleepers.pop(fiber, 0) is None:
            self.make_ready(fiber, IDLER)
            return
        line = self.where.pop(fiber)
        self.take(line, fiber, IDLER, TIMED_OUT)
        self.make_ready(fiber, IDLER)


def waited(seed: int, fibers: int = 20, events: int = 1500, noted: bool = True,
          wrong: float = 0.0) -> Known:
    return Simulation(seed, fibers, events, noted, wrong).run()


def main(out: str, *numbers: str) -> None:
    fibers, events, seed = (*map(int, numbers), *(20, 1500, 1)[len(numbers):])
    Path(out).write_bytes(waited(seed, fibers, events, False).writer.bytes())


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "viz"))
    main(*sys.argv[1:])
