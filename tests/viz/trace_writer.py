"""Makes small traces, byte for byte as trace/format.h says, for the tests.

The schema is read from trace/events.def, so that a change of the vocabulary reaches the tests.
"""

from __future__ import annotations

import random
import re
import struct
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
YIELD, PARK, FINISH, START, IDLE = 1, 2, 3, 4, 5
SWITCH, CREATE, FINISHED, NAME, WORKER_START, WORKER_STOP, MARK, ANCHOR = range(1, 9)
READY, AWAIT, RECYCLE, INLINE, SPAN_BEGIN, SPAN_END, STATUS, LOST = range(9, 17)
STATES = {"new": 1, "ready": 2, "running": 3, "parked": 4, "finished": 5}  # as STATUS has them
SHARED, DIRECT = 5, 6  # places
WAITS, HAD_FINISHED = 1, 2  # what an awaiter found
IDLE_FIBER = 0xFFFF0000
SITES_SIZE, STRINGS_SIZE = 16 * 32, 4096


def schema_text() -> str:
    source = re.sub(r"/\*.*?\*/", "", (REPOSITORY / "trace/events.def").read_text(), flags=re.S)
    lines = ["weft-events 1"]
    for macro, body in re.findall(r"(CHOICE|EVENT)\(((?:\"(?:[^\"\\]|\\.)*\"|[^()\"])*)\)", source):
        words = re.findall(r"\"((?:[^\"\\]|\\.)*)\"|([^,\s]+)", body)
        columns = [quoted or bare for quoted, bare in words]
        if macro == "CHOICE":
            lines.append("\t".join(["choice", columns[0], *columns[2:]]))
        else:
            lines.append("\t".join(["event", *columns]))
    return "\n".join(lines) + "\n"


@dataclass
class Writer:
    """Records of several workers; the fibers' sequences are counted here."""

    workers: int = 1
    ticks_per_second: int = 1_000_000_000
    clean: bool = True
    dropped: int = 0
    spare: int = 0  # unused records at the end of each segment
    rings: dict[int, tuple[int, int]] = field(default_factory=dict)  # segment: capacity, head
    roles: dict[int, int] = field(default_factory=dict)  # of segments that are no workers'
    cost: int = 0  # picoseconds
    clock: int = 1
    lost_writers: int = 0
    gone: int = 0  # records that each segment, a ring, has written over
    tick: int = 1000
    records: list[list[bytes]] = field(default_factory=list)
    strings: bytearray = field(default_factory=lambda: bytearray(b"\0"))
    sites: list[bytes] = field(default_factory=list)
    sequences: dict[int, int] = field(default_factory=dict)
    schema: str = field(default_factory=schema_text)

    def __post_init__(self) -> None:
        self.records = [[] for _ in range(self.workers)]

    def string(self, text: str | bytes) -> int:
        data = text if isinstance(text, bytes) else text.encode()
        offset = len(self.strings)
        self.strings += data + b"\0"
        return offset

    def site(self, file: str, function: str, line: int, event: int = SWITCH) -> int:
        self.sites.append(struct.pack("<IIII", self.string(file), self.string(function), line,
                                      event))
        return len(self.sites)

    def count(self, fiber: int) -> int:
        self.sequences[fiber] = self.sequences.get(fiber, 0) + 1
        return self.sequences[fiber]

    def raw(self, worker: int, type_: int, arg: int = 0, site: int = 0, fiber: int = 0,
            sequence: int = 0, peer: int = 0, value: int = 0, tick: int | None = None) -> None:
        self.tick += 500
        self.records[worker].append(struct.pack(
            "<QBBHIIIQ", self.tick if tick is None else tick, type_, arg, site, fiber, sequence,
            peer, value))

    def start(self, fiber: int, worker: int = 0, tick: int | None = None) -> None:
        self.raw(worker, WORKER_START, fiber=fiber, sequence=self.count(fiber), value=77,
                 tick=tick)

    def stop(self, fiber: int, worker: int = 0) -> None:
        self.raw(worker, WORKER_STOP, fiber=fiber, sequence=self.count(fiber))

    def create(self, child: int, parent: int, entry: str | bytes, worker: int = 0,
               site: int = 0, tick: int | None = None) -> None:
        self.raw(worker, CREATE, site=site, fiber=child, sequence=self.count(child), peer=parent,
                 value=self.string(entry) << 32 | 65536, tick=tick)

    def name(self, fiber: int, name: str | bytes, worker: int = 0) -> None:
        self.raw(worker, NAME, fiber=fiber, sequence=self.count(fiber), value=self.string(name))

    def switch(self, previous: int, following: int, reason: int, used: int = 100,
               worker: int = 0, site: int = 0, tick: int | None = None) -> None:
        last = self.count(previous)
        self.raw(worker, SWITCH, reason, site, following, self.count(following), previous,
                 used << 32 | last, tick)

    def finish(self, fiber: int, worker: int = 0, largest: int = 0) -> None:
        self.raw(worker, FINISHED, fiber=fiber, sequence=self.count(fiber), value=largest << 32)

    def ready(self, fiber: int, waker: int, place: int = SHARED, worker: int = 0,
              site: int = 0, tick: int | None = None) -> None:
        self.raw(worker, READY, place, site, fiber, self.count(fiber), waker, tick=tick)

    def spawn(self, child: int, parent: int, name: str, worker: int = 0, site: int = 0) -> None:
        """Created and made ready."""
        self.create(child, parent, name, worker, site)
        self.ready(child, parent, SHARED, worker, site)

    def wait_for(self, awaiter: int, target: int, found: int, worker: int = 0) -> None:
        self.raw(worker, AWAIT, found, fiber=awaiter, sequence=self.count(awaiter), peer=target)

    def recycle(self, fiber: int, awaiter: int = 0, worker: int = 0) -> None:
        self.raw(worker, RECYCLE, fiber=fiber, sequence=self.count(fiber), peer=awaiter)

    def inline(self, caller: int, entry: str, worker: int = 0) -> None:
        self.raw(worker, INLINE, fiber=caller, sequence=self.count(caller),
                 value=self.string(entry) << 32)

    def span(self, fiber: int, text: str, type_: int, worker: int = 0) -> None:
        self.raw(worker, type_, fiber=fiber, sequence=self.count(fiber), value=self.string(text))

    def status(self, fiber: int, state: str, last: int, name: str = "", worker: int = 0) -> None:
        self.raw(worker, STATUS, STATES[state], peer=fiber,
                 value=(self.string(name) if name else 0) << 32 | last)

    def anchor(self, worker: int = 0) -> None:
        self.raw(worker, ANCHOR, value=self.tick)

    def bytes(self) -> bytes:
        schema = self.schema.encode()
        offset, regions = 4096, []
        for length in (len(schema), SITES_SIZE, max(STRINGS_SIZE, len(self.strings))):
            regions.append((offset, length))
            offset = (offset + length + 63) // 64 * 64
        segments, offsets = b"", []
        for worker, records in enumerate(self.records):
            offsets.append(offset + len(segments))
            segments += self._segment(worker, records)
            segments += bytes(-len(segments) % 64 if worker < self.workers - 1 else 0)
        head = struct.pack("<8sIHHIIQIIQQQ", b"\x89WFT\r\n\x1a\n", 0x01020304, 1, 1, 32,
                           self.workers, self.ticks_per_second, self.clock, 42, 1000, 1000, 5)
        head += struct.pack("<6I", *(n for region in regions for n in region))
        head += struct.pack("<QQQIIQQ", 16 * len(self.sites), len(self.strings), 0,
                            self.workers - len(self.roles), self.cost, self.lost_writers, 0)
        head = head.ljust(512, b"\0") + struct.pack(f"<{self.workers}Q", *offsets)
        result = bytearray(offset)
        for at, part in zip((0, *(at for at, _ in regions)),
                            (head, schema, b"".join(self.sites), self.strings)):
            result[at : at + len(part)] = part
        return bytes(result) + segments

    def _segment(self, worker: int, records: list[bytes]) -> bytes:
        ring = worker in self.rings or self.gone > 0
        capacity, head = self._room(worker, len(records))
        slots = [bytes(32)] * capacity
        for number, record in enumerate(records, head - len(records)):
            slots[number % capacity] = record
        header = struct.pack("<IHHQQQQQII8x", 0x31474553, worker, int(ring), head, self.dropped,
                             capacity, 100 + worker, int(self.clean), 1,
                             self.roles.get(worker, 0))
        return header + b"".join(slots)

    def _room(self, worker: int, records: int) -> tuple[int, int]:
        """Slots, and records ever written. A ring that has gone round has one slot that a reader
        does not believe, the one after its newest record."""
        if self.gone:
            return records + 1, self.gone + records
        return self.rings.get(worker, (records + self.spare, records))


def pingpong(rounds: int = 5, site: bool = False, **options) -> Writer:
    """Chapter 1: main makes ping and pong, which go one call deeper a round, and come back."""
    w = Writer(**options)
    play = w.site("chapters/01-context/demo.c", "play", 1) if site else 0
    w.anchor()
    w.create(1, 0, "")
    w.name(1, "main")
    w.start(1)
    for player, name in ((2, "ping"), (3, "pong")):
        w.create(player, 1, "play")
        w.name(player, name)
    w.switch(1, 2, START, 96, site=play)
    depths = [*range(1, rounds + 1), *range(rounds - 1, -1, -1)]
    for depth in depths:
        if depth:
            w.switch(2, 3, YIELD, 80 + 112 * depth, site=play)
            w.switch(3, 2, YIELD, 80 + 112 * depth, site=play)
    w.finish(2, largest=80 + 112 * rounds)
    w.switch(2, 3, FINISH, 80, site=play)
    w.finish(3, largest=80 + 112 * rounds)
    w.switch(3, 1, FINISH, 80, site=play)
    w.stop(1)
    w.anchor()
    return w


def crowd(fibers: int, workers: int = 2, rounds: int = 3, **options) -> Writer:
    """Fibers that yield and park in turn on several workers, each with an idle context."""
    w = Writer(workers=workers, **options)
    idle = [0xFFFF0000 + k for k in range(workers)]
    w.start(1, 0)
    w.name(1, "main")
    for k in range(1, workers):
        w.start(idle[k], k)
    for f in range(fibers):
        w.create(10 + f, 1, f"job{f}")
    running = [1, *idle[1:]]
    leaving = [PARK] + [IDLE] * (workers - 1)
    for turn in range(rounds):
        for f in range(fibers):
            k = (f + turn) % workers
            w.tick += 997 * (f % 7) ** 3
            w.switch(running[k], 10 + f, leaving[k], 200 + 16 * f + 40 * turn, k)
            running[k] = 10 + f
            leaving[k] = PARK if (f + turn) % 3 == 0 else YIELD
            if turn == rounds - 1:
                w.finish(10 + f, k)
                leaving[k] = FINISH
        for k in range(workers):
            w.switch(running[k], 1 if k == 0 and turn == rounds - 1 else idle[k], leaving[k],
                     150, k)
            running[k], leaving[k] = (1 if k == 0 and turn == rounds - 1 else idle[k]), IDLE
    w.stop(1, 0)
    return w


def awaits(site: bool = False, **options) -> Writer:
    """Chapter 2: main awaits `early`, which has not ended, and then `late`, which has."""
    w = Writer(**options)
    at = w.site("src/future/future.c", "weft_await", 1) if site else 0
    w.anchor()
    w.create(1, 0, "")
    w.name(1, "main")
    w.start(1)
    w.spawn(2, 1, "early", site=at)
    w.spawn(3, 1, "late", site=at)
    w.switch(1, 2, YIELD, site=at)
    w.switch(2, 3, YIELD)
    w.finish(3)
    w.switch(3, 1, FINISH)
    w.recycle(3)
    w.wait_for(1, 2, WAITS)
    w.switch(1, 2, PARK, site=at)
    w.finish(2)
    w.ready(1, 2, DIRECT, site=at)
    w.switch(2, 1, FINISH)
    w.recycle(2, 1)
    w.span(1, "look", SPAN_BEGIN)
    w.wait_for(1, 3, HAD_FINISHED)
    w.span(1, "look", SPAN_END)
    w.inline(1, "square")
    w.stop(1)
    w.anchor()
    return w


def elsewhere(between: bool = False, **options) -> Writer:
    """main awaits a fiber of worker 1, which does not go on with it: it is told through the
    queue. `between`: the end comes after main's look at the word and before it has parked."""
    w = Writer(workers=2, **options)
    other = IDLE_FIBER + 1
    w.create(1, 0, "main")
    w.start(1)
    w.start(other, 1)
    w.spawn(2, 1, "child")
    w.switch(other, 2, IDLE, worker=1)
    w.wait_for(1, 2, WAITS)
    if not between:
        w.switch(1, IDLE_FIBER, PARK)
    w.finish(2, 1)
    w.switch(2, other, FINISH, worker=1)
    w.recycle(2, worker=1)
    if between:
        w.switch(1, IDLE_FIBER, PARK)
        w.ready(1, IDLE_FIBER)
    else:
        w.ready(1, other, worker=1)
    w.switch(IDLE_FIBER, 1, IDLE)
    w.stop(1)
    w.stop(other, 1)
    return w


@dataclass
class Simulated:
    """A run at random that keeps the rules, and what was true in it after each step."""

    writer: Writer
    counts: list[dict[str, int]] = field(default_factory=list)  # fibers by state
    running: list[tuple[int, ...]] = field(default_factory=list)  # by worker


class Simulation:
    """A scheduler with one queue. Fiber 1 is main; 0 stands for a worker's idle context. Some
    fibers stay to the end, so that there is always something to do."""

    def __init__(self, seed: int, fibers: int, steps: int, workers: int, **options) -> None:
        self.dice = random.Random(seed)
        self.w = Writer(workers=workers, **options)
        self.result = Simulated(self.w)
        self.state: dict[int, str] = {}
        self.counts = {name: 0 for name in STATES}
        self.enter(1, "running")
        self.running = [1] + [0] * (workers - 1)
        self.ready: deque[int] = deque()
        self.parked: list[int] = []
        self.born, self.fibers, self.alive = 1, fibers, 1
        self.steps, self.ending = steps, fibers / steps
        self.w.start(1)
        self.note()
        for worker in range(1, workers):
            self.w.start(IDLE_FIBER + worker, worker)
            self.note()

    def note(self) -> None:
        """After each record."""
        self.result.counts.append(dict(self.counts))
        self.result.running.append(tuple(self.running))

    def enter(self, fiber: int, state: str) -> None:
        before = self.state.get(fiber)
        if before:
            self.counts[before] -= 1
        self.state[fiber] = state
        self.counts[state] += 1

    def run(self) -> Simulated:
        while len(self.result.counts) < self.steps:
            self.w.tick += self.dice.choice((0, 0, 10, 300, 20000))
            self.turn(self.dice.randrange(len(self.running)))
        return self.result

    def turn(self, worker: int) -> None:
        fiber = self.running[worker]
        if fiber == 0:
            self.leave(worker, IDLE, "")
        elif self.born < self.fibers and self.dice.random() < 0.3:
            self.spawn(worker, fiber)
        elif self.parked and self.dice.random() < 0.3:
            self.wake(self.parked.pop(self.dice.randrange(len(self.parked))), fiber, worker)
        elif fiber != 1 and self.alive > 5 and self.dice.random() < self.ending:
            self.alive -= 1
            self.w.finish(fiber, worker)
            self.note()
            self.leave(worker, FINISH, "finished")
        elif self.dice.random() < 0.2 and len(self.parked) < self.alive - 2:
            self.parked.append(fiber)
            self.leave(worker, PARK, "parked")
        elif self.ready:
            self.ready.append(fiber)
            self.leave(worker, YIELD, "ready")

    def spawn(self, worker: int, parent: int) -> None:
        self.born += 1
        self.alive += 1
        self.w.create(self.born, parent, f"job{self.born % 7}", worker)
        self.enter(self.born, "new")
        self.note()
        self.wake(self.born, parent, worker)

    def wake(self, fiber: int, waker: int, worker: int) -> None:
        self.w.ready(fiber, waker, worker=worker)
        self.enter(fiber, "ready")
        self.ready.append(fiber)
        self.note()

    def leave(self, worker: int, reason: int, state: str) -> None:
        """The worker goes on with the next ready fiber, or is idle."""
        previous = self.running[worker]
        following = self.ready.popleft() if self.ready else 0
        if previous == following == 0:
            return
        idle = IDLE_FIBER + worker
        used = 64 + 16 * self.dice.randrange(20)
        self.w.switch(previous or idle, following or idle, reason, used, worker)
        if previous:
            self.enter(previous, state)
        if following:
            self.enter(following, "running")
        self.running[worker] = following
        self.note()


def simulated(seed: int, fibers: int, steps: int, workers: int = 2, **options) -> Simulated:
    return Simulation(seed, fibers, steps, workers, **options).run()
