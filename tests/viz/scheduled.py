"""A scheduler of several workers, simulated: each has a stack of new children and a FIFO queue,
there is one injection queue, thieves take half of a FIFO queue or the oldest child, and a worker
that finds nothing sleeps. The trace that it writes is lawful, and the simulation knows what was
true after each record.

    python tests/viz/scheduled.py OUT.weft [FIBERS [WORKERS [EVENTS [SEED]]]]
"""

from __future__ import annotations

import heapq
import random
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from trace_writer import (DIRECT, FINISH, IDLE, IDLE_FIBER, PARK, YIELD, Writer)

LOCAL, NEWEST, INJECTED, REMOTE = 1, 2, 3, 4  # places
STEAL, STEAL_MISS, WORKER_SLEEP, WORKER_WAKE, WORKER_AWAKE = range(17, 22)
ASLEEP, POLLING = 1, 2
WORK, MORE, PINNED, DEADLINE, EVENT, STOP, RESCAN = range(1, 8)  # why a worker is woken
PLACES = {LOCAL: "local", NEWEST: "newest", INJECTED: "injected", REMOTE: "remote",
          DIRECT: "direct"}
MAIN = 1
RING = 8  # woken fibers that a FIFO queue takes; a further one is injected
LOOKS = 3  # into every queue, before a worker sleeps
WAKE_NS, STEP_NS, WORK_NS, TIMER_NS = 9_000, 60, 4_000, 40_000
FAIR = 61  # switches of a worker between two that take from the old ends


@dataclass
class Worker:
    number: int
    running: int = 0  # 0 is its idle context
    newest: deque[int] = field(default_factory=deque)
    fifo: deque[int] = field(default_factory=deque)
    awake: bool = True
    told: int = 0  # why it was woken; 0 when nobody has
    polls: bool = False
    looked: int = 0  # times without a find
    object_sequence: int = 0  # of its sleeper
    switches: int = 0
    batches: int = 0

    @property
    def idle(self) -> int:
        return IDLE_FIBER + self.number

    @property
    def searches(self) -> bool:
        return self.running == 0 and (self.awake or self.told != 0)

    @property
    def ready(self) -> int:
        return len(self.newest) + len(self.fifo)


@dataclass
class Truth:
    """`ready`: after each record, how many fibers are ready at each worker, and then injected.
    `waits`: place, ticks from ready to running. `steals`: fiber, victim, thief, of workers'
    queues; `taken`: fiber, worker, of the injection queue. `slept`: worker, from, to, where.
    `wakes`: record, waker's worker, target."""

    writer: Writer
    ready: list[tuple[int, ...]] = field(default_factory=list)
    waits: list[tuple[str, int]] = field(default_factory=list)
    steals: list[tuple[int, int, int]] = field(default_factory=list)
    taken: list[tuple[int, int]] = field(default_factory=list)
    slept: list[tuple[int, int, int, int]] = field(default_factory=list)
    wakes: list[tuple[int, int]] = field(default_factory=list)
    waiting: int = 0  # ready at the end


class Scheduled:
    """`events`: about how many records. When they are written, every fiber ends at its next
    turn; then main goes on, and ends the workers."""

    def __init__(self, seed: int, fibers: int, workers: int, events: int, noted: bool) -> None:
        self.dice = random.Random(seed)
        self.w = Writer(workers=workers)
        self.truth = Truth(self.w)
        self.workers = [Worker(k) for k in range(workers)]
        self.injected: deque[int] = deque()
        self.slot = 0  # main, when it is ready
        self.heirs: dict[int, int] = {}  # by worker: the fiber that runs next there
        self.parked: list[int] = []
        self.since: dict[int, tuple[str, int]] = {}  # of a ready fiber
        self.asleep_since: dict[int, int] = {}
        self.alive, self.born, self.fibers = 0, MAIN, fibers
        self.events, self.noted, self.written = events, noted, 0
        self.heap: list[tuple[int, int]] = []
        self.now = 1000
        self.over = False

    # ---- records ----

    def record(self) -> Writer:
        """The writer, set so that its next record comes just after the last one."""
        self.now += 1 + self.dice.randrange(STEP_NS)
        self.w.tick = self.now - 500
        self.written += 1
        return self.w

    def note(self) -> None:
        if self.noted:
            queued = [w.ready for w in self.workers]
            queued[0] += self.slot != 0
            for worker in self.heirs:
                queued[worker] += 1
            self.truth.ready.append((*queued, len(self.injected)))

    # ---- the run ----

    def run(self) -> Truth:
        first = self.workers[0]
        self.record().create(MAIN, 0, "main")
        self.note()
        self.record().start(MAIN, 0)
        first.running = MAIN
        self.note()
        heapq.heappush(self.heap, (self.now, 0))
        for worker in self.workers[1:]:
            self.record().start(worker.idle, worker.number)
            self.note()
            heapq.heappush(self.heap, (self.now, worker.number))
        while not self.over:
            at, number = heapq.heappop(self.heap)
            self.now = max(self.now, at)
            again = self.turn(self.workers[number])
            if again:
                heapq.heappush(self.heap, (self.now + again, number))
        return self.truth

    def turn(self, worker: Worker) -> int:
        """Ticks to the next; 0 when it sleeps, as the one who wakes it says when it goes on."""
        if not worker.awake:
            return self.awake(worker)
        if worker.running == 0:
            return self.search(worker)
        self.act(worker, worker.running)
        return 1 + int(self.dice.expovariate(1 / WORK_NS))

    @property
    def ending(self) -> bool:
        return self.written >= self.events and self.born > self.fibers

    def act(self, worker: Worker, fiber: int) -> None:
        if fiber == MAIN:
            self.main(worker)
            return
        dice = self.dice.random()
        if self.born <= self.fibers and dice < 0.45:
            self.spawn(worker, fiber)
        elif self.ending:
            if self.parked and self.dice.random() < 0.7:
                self.wake(self.parked.pop(), fiber, worker)
            else:
                self.finish(worker, fiber)
        elif self.parked and dice < 0.25:
            self.wake(self.parked.pop(self.dice.randrange(len(self.parked))), fiber, worker)
        elif dice < 0.55 or worker.ready + len(self.injected) == 0:
            self.parked.append(fiber)
            self.leave(worker, PARK)
        else:
            self.leave(worker, YIELD)

    def main(self, worker: Worker) -> None:
        if self.born <= max(2, self.fibers // 2):
            self.spawn(worker, MAIN)
        elif self.alive:
            self.leave(worker, PARK)
        else:
            self.end()

    def spawn(self, worker: Worker, parent: int) -> None:
        self.born += 1
        self.alive += 1
        child = self.born
        self.record().create(child, parent, f"job{child - 1}", worker.number)
        self.note()
        worker.newest.append(child)
        self.publish(child, parent, NEWEST, worker)

    def wake(self, fiber: int, waker: int, worker: Worker) -> None:
        full = len(worker.fifo) >= RING
        (self.injected if full else worker.fifo).append(fiber)
        self.publish(fiber, waker, INJECTED if full else LOCAL, worker)

    def publish(self, fiber: int, waker: int, place: int, worker: Worker) -> None:
        """Says that the fiber, which is in its queue, is ready, and wakes somebody for it."""
        self.record().ready(fiber, waker, place, worker.number)
        self.since[fiber] = (PLACES[place], self.now)
        self.note()
        self.wake_worker(worker, waker, WORK)

    def wake_worker(self, by: Worker, waker: int, why: int) -> None:
        asleep = [w for w in self.workers if not w.awake and not w.told]
        if asleep and not any(w.searches for w in self.workers):
            self.tell(self.dice.choice(asleep), by, waker, why)

    def tell(self, target: Worker, by: Worker, waker: int, why: int) -> None:
        self.sleeper(target, WORKER_WAKE, why, waker, by.number, target.number)
        self.truth.wakes.append((by.number, target.number))
        target.told = why
        self.heap = [each for each in self.heap if each[1] != target.number]
        heapq.heapify(self.heap)
        heapq.heappush(self.heap, (self.now + WAKE_NS // 2 + self.dice.randrange(WAKE_NS),
                                   target.number))

    def sleeper(self, of: Worker, event: int, arg: int, fiber: int, segment: int,
                peer: int = 0) -> None:
        of.object_sequence += 1
        w = self.record()
        w.raw(segment, event, arg, fiber=fiber, sequence=w.count(fiber), peer=peer,
              value=(of.number + 1) << 32 | of.object_sequence)
        self.note()

    def finish(self, worker: Worker, fiber: int) -> None:
        """Half of the ends go straight on to another fiber. The last one makes main ready, from
        the next stack."""
        self.record().finish(fiber, worker.number, 600)
        self.note()
        self.alive -= 1
        if self.alive and self.parked and self.dice.random() < 0.5:
            heir = self.heirs[worker.number] = self.parked.pop()
            self.record().ready(heir, fiber, DIRECT, worker.number)
            self.since[heir] = ("direct", self.now)
            self.note()
        self.leave(worker, FINISH)
        self.record().recycle(fiber, worker=worker.number)
        self.note()
        if not self.alive:
            self.wake_main(worker)

    def wake_main(self, by: Worker) -> None:
        """Only worker 0 may run it."""
        waker, first = by.running or by.idle, self.workers[0]
        self.slot = MAIN
        self.record().ready(MAIN, waker, REMOTE, by.number)
        self.since[MAIN] = ("remote", self.now)
        self.note()
        if not first.awake and not first.told:
            self.tell(first, by, waker, PINNED)

    # ---- switching ----

    def leave(self, worker: Worker, reason: int) -> None:
        fiber, following = worker.running, self.own(worker)
        if reason == YIELD:
            if not following:
                return
            worker.fifo.append(fiber)
        self.switch(worker, fiber, following, reason)
        if reason == YIELD:
            self.since[fiber] = ("yield", self.now)

    def own(self, worker: Worker) -> int:
        worker.switches += 1
        if worker.number in self.heirs:
            return self.heirs.pop(worker.number)
        if worker.number == 0 and self.slot:
            self.slot = 0
            return MAIN
        if worker.switches % FAIR == 0 and self.injected:
            return self.take(worker)
        if worker.newest and self.dice.random() < 0.7:
            return worker.newest.pop()
        if worker.fifo:
            return worker.fifo.popleft()
        return worker.newest.pop() if worker.newest else 0

    def switch(self, worker: Worker, previous: int, following: int, reason: int) -> None:
        used = 96 + 16 * self.dice.randrange(30) if previous else 80
        self.record().switch(previous or worker.idle, following or worker.idle, reason, used,
                             worker.number)
        worker.running = following
        if following:
            place, since = self.since.pop(following)
            self.truth.waits.append((place, self.now - since))
        self.note()

    def take(self, worker: Worker) -> int:
        """Out of the injection queue."""
        fiber = self.injected.popleft()
        worker.batches += 1
        self.steal(worker, worker, fiber, INJECTED, 1)
        self.truth.taken.append((fiber, worker.number))
        worker.fifo.remove(fiber)
        return fiber

    def steal(self, thief: Worker, victim: Worker, fiber: int, queue: int, size: int) -> None:
        thief.fifo.append(fiber)
        w = self.record()
        w.raw(thief.number, STEAL, queue, fiber=fiber, sequence=w.count(fiber),
              peer=victim.number, value=size << 32 | thief.batches)
        self.note()

    def rob(self, thief: Worker, victim: Worker) -> None:
        children = not victim.fifo
        queue = victim.newest if children else victim.fifo
        size = 1 if children else (len(queue) + 1) // 2
        thief.batches += 1
        for _ in range(size):
            fiber = queue.popleft()
            self.since[fiber] = ("stolen", self.since[fiber][1])
            self.truth.steals.append((fiber, victim.number, thief.number))
            self.steal(thief, victim, fiber, NEWEST if children else LOCAL, size)

    # ---- idling ----

    def search(self, worker: Worker) -> int:
        found = self.own(worker)
        if not found and self.injected:
            found = self.take(worker)
        victims = [w for w in self.workers if w is not worker and w.ready]
        if not found and victims:
            self.rob(worker, self.dice.choice(victims))
            found = worker.fifo.popleft()
        if found:
            worker.looked = 0
            self.switch(worker, 0, found, IDLE)
            if self.injected or any(w.ready for w in self.workers):
                self.wake_worker(worker, found, MORE)
            return 1 + int(self.dice.expovariate(1 / WORK_NS))
        worker.looked += 1
        if worker.looked < LOOKS:
            return 500
        return self.sleep(worker)

    def sleep(self, worker: Worker) -> int:
        w = self.record()
        w.raw(worker.number, STEAL_MISS, fiber=worker.idle, sequence=w.count(worker.idle),
              value=worker.looked)
        self.note()
        worker.looked = 0
        worker.polls = not any(other.polls for other in self.workers)
        self.sleeper(worker, WORKER_SLEEP, POLLING if worker.polls else ASLEEP, worker.idle,
                     worker.number)
        worker.awake, worker.told = False, 0
        self.asleep_since[worker.number] = self.now
        return 1 + int(self.dice.expovariate(1 / TIMER_NS)) if worker.polls else 0

    def awake(self, worker: Worker) -> int:
        """Its sleep ends: somebody told it, or, in the poller, a timer fired."""
        fired, where = not worker.told, POLLING if worker.polls else ASLEEP
        self.sleeper(worker, WORKER_AWAKE, worker.told or EVENT, worker.idle, worker.number)
        self.truth.slept.append((worker.number, self.asleep_since[worker.number], self.now, where))
        worker.awake, worker.polls, worker.told = True, False, 0
        for _ in range(min(len(self.parked), 1 + self.dice.randrange(5)) if fired else 0):
            self.wake(self.parked.pop(0), worker.idle, worker)
        return 100

    def end(self) -> None:
        """main wakes every worker, and each one stops."""
        first = self.workers[0]
        for worker in self.workers[1:]:
            if not worker.awake:
                if not worker.told:
                    self.tell(worker, first, MAIN, STOP)
                self.awake(worker)
            self.record().stop(worker.idle, worker.number)
            self.note()
        self.record().stop(MAIN)
        self.note()
        self.truth.waiting = len(self.since)
        self.over = True


def scheduled(seed: int, fibers: int = 64, workers: int = 4, events: int = 1500,
              noted: bool = True) -> Truth:
    return Scheduled(seed, fibers, workers, events, noted).run()


def main(out: str, *numbers: str) -> None:
    fibers, workers, events, seed = (*map(int, numbers), *(64, 4, 1500, 1)[len(numbers):])
    Path(out).write_bytes(scheduled(seed, fibers, workers, events, False).writer.bytes())


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "viz"))
    main(*sys.argv[1:])
