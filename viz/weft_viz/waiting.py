"""Who waited in which queue, who ended it, and what the kernel said of whom.

A fiber goes to the end of a queue (WAIT_PUSH), or back to its front when its turn has come in vain
(WAIT_RETURN), and is taken out once (WAIT_POP): by a waker, or by itself. A descriptor's life, from
its first use to its close, is one object with two queues, for reading and for writing; any other
object has one queue. The kernel is asked to watch a life (FD_WATCH), says of one of its directions
that it is worth trying (FD_READY), and one waiter of that direction is woken; who has its turn
hands it on when it leaves. Those who offload calls line up for helper threads: a call that is begun
(OFFLOAD_BEGIN) is out of the queue, though its fiber waits for its end.

Why a fiber is parked is what it registered with last: a queue, a timer (TIMER_SET), or another
fiber's result (AWAIT). A queue that is waited in with a deadline counts, and not the timer.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, NamedTuple

from .merge import Step
from .reader import Event, Trace

if TYPE_CHECKING:
    from .model import Getters

IO, TIMER, QUEUE, OFFLOAD, SIGNAL, AWAIT = "I/O", "timer", "queue", "offload", "signal", "await"
WHY = {"readable": IO, "writable": IO, "an offloaded call": OFFLOAD, "a signal": SIGNAL}
DIRECTIONS = {"readable": "reading", "writable": "writing"}
WOKEN, CLOSED = "woken", "closed"  # outcomes by which the waker has won the waiter
BEGUN = "begun"  # a helper thread makes the call that the waiter lined up for
IN_TURN = (WOKEN, CLOSED, BEGUN)  # outcomes that go by the order
TIMED_OUT, CANCELED, ELSEWHERE = "timed out", "canceled", "woken elsewhere"
FIRED, DROPPED, PENDING = "fired", "dropped", ""  # how a timer ended
HANGUP = "hung up"


class Edge(NamedTuple):
    """The kernel's word on one direction of a descriptor."""

    step: int
    tick: int
    object: int
    fd: int
    says: str
    worker: int
    fiber: int  # what ran on that worker

    @property
    def direction(self) -> str:
        return self.says.split(",")[0]

    @property
    def hung_up(self) -> bool:
        return HANGUP in self.says


@dataclass(slots=True)
class Waiter:
    """One stay of a fiber in a queue."""

    fiber: int
    start: int  # steps
    end: int
    start_tick: int
    end_tick: int
    returned: bool  # to the front
    outcome: str = ""  # "" where the trace ends before
    waker: int = 0  # fiber; 0 is nobody
    by: int = 0  # segment that took it out
    early: bool = False  # its turn came although others stood before it
    edge: Edge | None = None  # the kernel's word by which it was woken

    @property
    def won(self) -> bool:
        return self.outcome in (WOKEN, CLOSED)


@dataclass
class Queue:
    object: int
    what: str
    fd: int  # 0 where it is no descriptor's
    life: int  # the how manyth of its descriptor
    waiters: list[Waiter] = field(default_factory=list)  # by their starts

    @property
    def label(self) -> str:
        if self.what in DIRECTIONS:
            return f"{descriptor(self.fd, self.life)}, {DIRECTIONS[self.what]}"
        names = {OFFLOAD: "offloaded calls", SIGNAL: "signals"}
        return f"{names.get(WHY.get(self.what, QUEUE), 'queue')} {self.object}"


@dataclass
class Life:
    """Of a descriptor, from its first record to its close."""

    object: int
    fd: int
    number: int
    start: int  # steps
    end: int
    start_tick: int
    end_tick: int
    watched: tuple[int, int] | None = None  # step, tick
    closed: bool = False
    edges: list[Edge] = field(default_factory=list)

    @property
    def label(self) -> str:
        return descriptor(self.fd, self.number)


class Look(NamedTuple):
    """Into the kernel, without waiting."""

    step: int
    tick: int
    worker: int
    events: int


@dataclass(slots=True)
class Poll:
    """A worker waits in the kernel."""

    worker: int
    start: int  # steps
    end: int
    start_tick: int
    end_tick: int
    events: int = 0


@dataclass(slots=True)
class Timer:
    fiber: int
    clock: str
    deadline: int  # of that clock, ns
    start: int  # steps
    end: int
    start_tick: int
    end_tick: int
    now: int = 0  # what that clock said when it fired
    outcome: str = PENDING

    @property
    def late(self) -> int:
        """Nanoseconds; negative when it was early. Of one that has fired."""
        return self.now - self.deadline


@dataclass(slots=True)
class Call:
    """Made by a helper thread for a fiber."""

    segment: int
    fiber: int
    object: int
    start: int  # steps
    end: int
    start_tick: int
    end_tick: int
    ended: bool = False


class Cancel(NamedTuple):
    step: int
    tick: int
    canceler: int
    target: int


@dataclass
class Waiting:
    """All of a trace."""

    queues: list[Queue] = field(default_factory=list)  # in order of appearance
    lives: list[Life] = field(default_factory=list)
    polls: list[Poll] = field(default_factory=list)  # by their starts
    looks: list[Look] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)  # by their starts
    calls: list[Call] = field(default_factory=list)
    cancels: list[Cancel] = field(default_factory=list)
    judged: bool = True  # whether the order in the queues is known

    @property
    def seen(self) -> bool:
        """Whether the trace tells of any wait: a run's own polling is none."""
        return bool(self.queues or self.timers or self.lives or self.calls)

    def edges(self) -> list[Edge]:
        return sorted((edge for life in self.lives for edge in life.edges),
                      key=lambda edge: edge.step)


def descriptor(fd: int, life: int) -> str:
    return f"descriptor {fd}" + (f", life {life}" if life > 1 else "")


Handler = Callable[[Step, Event, "Getters"], None]


class Collector:
    """Fills `found`, a step after the other. What is not over yet is in the private members."""

    def __init__(self, trace: Trace, found: Waiting) -> None:
        self._schema, self._found = trace.schema, found
        self._texts: dict[tuple[str, int], str] = {}
        self._why: dict[int, str] = {}  # by fiber: what it registered with last
        self._queues: dict[tuple[int, str], Queue] = {}
        self._lines: dict[tuple[int, str], OrderedDict[int, Waiter]] = defaultdict(OrderedDict)
        self._at: dict[tuple[int, int], str] = {}  # by object and fiber: what it waits for there
        self._inside: set[int] = set()  # fibers in a queue
        self._lives: dict[int, Life] = {}  # by object
        self._numbers: dict[int, int] = {}  # by fd: how many lives it has had
        self._said: dict[tuple[int, str], Edge] = {}  # by object and direction: the last one
        self._polls: dict[int, Poll] = {}  # by worker
        self._timers: dict[int, Timer] = {}  # by fiber
        self._calls: dict[int, Call] = {}  # by segment
        found.judged = not trace.dropped
        self.handlers: dict[str, Handler] = {
            "WAIT_PUSH": self._push, "WAIT_RETURN": self._return, "WAIT_POP": self._pop,
            "POLL_BEGIN": self._poll, "POLL_END": self._polled, "FD_WATCH": self._watch,
            "FD_READY": self._edge, "FD_CLOSE": self._close, "TIMER_SET": self._set,
            "TIMER_FIRE": self._fire, "TIMER_DROP": self._drop, "OFFLOAD_BEGIN": self._begin,
            "OFFLOAD_END": self._end_call, "CANCEL_REQUEST": self._cancel,
        }

    def _text(self, event: Event, name: str, number: int) -> str:
        found = self._texts.get((event.name, number))
        if found is None:
            found = self._texts[event.name, number] = self._schema.choice(event, name, number)
        return found

    # ---- why a fiber parks ----

    def awaits(self, fiber: int) -> None:
        self._why[fiber] = AWAIT

    def why(self, fiber: int) -> str:
        """What the fiber that parks now waits for; "" when the trace does not say."""
        return self._why.pop(fiber, "")

    # ---- queues ----

    def _push(self, step: Step, event: Event, get: Getters) -> None:
        self._line_up(step, event, get, False)

    def _return(self, step: Step, event: Event, get: Getters) -> None:
        self._line_up(step, event, get, True)

    def _line_up(self, step: Step, event: Event, get: Getters, first: bool) -> None:
        record = step.record
        fiber, number = get["waiter"](record), get["queue"](record)
        what = self._text(event, "what", get["what"](record))
        queue = self._queue(step, number, what, get["fd"](record))
        waiter = Waiter(fiber, step.number, step.number, step.tick, step.tick, first)
        queue.waiters.append(waiter)
        line = self._lines[number, what]
        line[fiber] = waiter
        line.move_to_end(fiber, not first)
        self._at[number, fiber] = what
        self._inside.add(fiber)
        self._why[fiber] = WHY.get(what, QUEUE)

    def _queue(self, step: Step, number: int, what: str, fd: int) -> Queue:
        found = self._queues.get((number, what))
        if not found:
            life = self._life(step, number, fd).number if what in DIRECTIONS else 1
            found = self._queues[number, what] = Queue(number, what, fd, life)
            self._found.queues.append(found)
        return found

    def _pop(self, step: Step, event: Event, get: Getters) -> None:
        record = step.record
        number = get["queue"](record)
        outcome = self._text(event, "outcome", get["outcome"](record))
        waiter, what = self._take(step, number, get["waiter"](record), outcome)
        if waiter is None:
            return
        waiter.waker = get["waker"](record)
        said = self._said.get((number, what))
        if waiter.won and said and (said.worker, said.fiber) == (step.worker, waiter.waker):
            waiter.edge = self._said.pop((number, what))

    def _take(self, step: Step, number: int, fiber: int,
              outcome: str) -> tuple[Waiter | None, str]:
        """Out of its queue, and what it waited for. One whose push the trace does not have is
        nobody's."""
        what = self._at.pop((number, fiber), None)
        if what is None:
            return None, ""
        self._inside.discard(fiber)
        line = self._lines[number, what]
        first = next(iter(line))
        waiter = line.pop(fiber)
        waiter.end, waiter.end_tick, waiter.by = step.number, step.tick, step.worker
        waiter.outcome = outcome
        waiter.early = self._found.judged and outcome in IN_TURN and first != fiber
        return waiter, what

    # ---- descriptors ----

    def _life(self, step: Step, number: int, fd: int) -> Life:
        found = self._lives.get(number)
        if not found:
            self._numbers[fd] = self._numbers.get(fd, 0) + 1
            found = Life(number, fd, self._numbers[fd], step.number, step.number, step.tick,
                         step.tick)
            self._lives[number] = found
            self._found.lives.append(found)
        return found

    def _of(self, step: Step, get: Getters) -> Life:
        return self._life(step, get["descriptor"](step.record), get["fd"](step.record))

    def _watch(self, step: Step, event: Event, get: Getters) -> None:
        life = self._of(step, get)
        life.watched = life.watched or (step.number, step.tick)

    def _edge(self, step: Step, event: Event, get: Getters) -> None:
        life = self._of(step, get)
        edge = Edge(step.number, step.tick, life.object, life.fd,
                    self._text(event, "edge", get["edge"](step.record)), step.worker,
                    get["running"](step.record))
        life.edges.append(edge)
        self._said[life.object, edge.direction] = edge

    def _close(self, step: Step, event: Event, get: Getters) -> None:
        life = self._of(step, get)
        life.end, life.end_tick, life.closed = step.number, step.tick, True

    def _poll(self, step: Step, event: Event, get: Getters) -> None:
        poll = Poll(step.worker, step.number, step.number, step.tick, step.tick)
        self._polls[step.worker] = poll
        self._found.polls.append(poll)

    def _polled(self, step: Step, event: Event, get: Getters) -> None:
        events = get["events"](step.record)
        poll = self._polls.pop(step.worker, None)
        if poll:
            poll.end, poll.end_tick, poll.events = step.number, step.tick, events
        else:
            self._found.looks.append(Look(step.number, step.tick, step.worker, events))

    # ---- timers, calls, cancelation ----

    def _set(self, step: Step, event: Event, get: Getters) -> None:
        fiber = get["sleeper"](step.record)
        timer = Timer(fiber, self._text(event, "clock", get["clock"](step.record)),
                      get["deadline"](step.record), step.number, step.number, step.tick, step.tick)
        self._timers[fiber] = timer
        self._found.timers.append(timer)
        if fiber not in self._inside and self._why.get(fiber) != AWAIT:
            self._why[fiber] = TIMER

    def _end_timer(self, step: Step, get: Getters, outcome: str) -> Timer | None:
        timer = self._timers.pop(get["sleeper"](step.record), None)
        if timer:
            timer.end, timer.end_tick, timer.outcome = step.number, step.tick, outcome
        return timer

    def _fire(self, step: Step, event: Event, get: Getters) -> None:
        if timer := self._end_timer(step, get, FIRED):
            timer.now = get["now"](step.record)

    def _drop(self, step: Step, event: Event, get: Getters) -> None:
        self._end_timer(step, get, DROPPED)

    def _begin(self, step: Step, event: Event, get: Getters) -> None:
        fiber, number = get["waiter"](step.record), get["queue"](step.record)
        self._take(step, number, fiber, BEGUN)
        call = Call(step.worker, fiber, number, step.number, step.number, step.tick, step.tick)
        self._calls[step.worker] = call
        self._found.calls.append(call)

    def _end_call(self, step: Step, event: Event, get: Getters) -> None:
        if call := self._calls.pop(step.worker, None):
            call.end, call.end_tick, call.ended = step.number, step.tick, True

    def _cancel(self, step: Step, event: Event, get: Getters) -> None:
        self._found.cancels.append(Cancel(step.number, step.tick, get["canceler"](step.record),
                                          get["target"](step.record)))

    # ---- the end ----

    def end(self, last: int, tick: int) -> None:
        """What is not over ends with the trace."""
        for line in self._lines.values():
            for waiter in line.values():
                waiter.end, waiter.end_tick = last, tick
        open_lives = [life for life in self._found.lives if not life.closed]
        for each in (*open_lives, *self._polls.values(), *self._timers.values(),
                     *self._calls.values()):
            each.end, each.end_tick = last, tick
