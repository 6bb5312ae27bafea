"""Fibers, runs, switches and states, from the merged records of a trace.

A run is the stay of one fiber on one worker, from the step at which it arrives to the step at
which it leaves. A fiber's states follow from the events:

    (none) -- CREATE --> new -- READY --> ready -- SWITCH to it --> running
    running -- SWITCH from it --> ready, parked or finished, as its reason says
    parked -- READY --> ready
    finished -- RECYCLE --> recycled

The reason: yield leaves a fiber ready, finish finished, any other parked. A trace of bare
contexts has no READY and no RECYCLE: a SWITCH takes a fiber from new or parked to running, and
finished is its last state. Records that contradict this make no error here: the checker judges
them. Events of an unknown name are skipped, and a field that the schema lacks counts as 0.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .merge import Merged, Step, merge
from .reader import IDLE_FIBERS, Event, Site, Trace

NAME_MAX = 63  # characters
NEW, RUNNING, READY, PARKED, FINISHED = "new", "running", "ready", "parked", "finished"
RECYCLED = "recycled"
AFTER = {"yield": READY, "finish": FINISHED}  # any other reason: it waits, PARKED


@dataclass
class State:
    """One stay of a fiber in one state."""

    name: str
    start: int  # steps
    end: int
    start_tick: int
    end_tick: int
    cause: str = ""  # the event that began it, with a switch's reason


@dataclass
class Run:
    number: int
    fiber: int
    worker: int
    start: int  # steps
    end: int
    start_tick: int
    end_tick: int
    reason: str = ""  # why it ended; "" where the trace does not say
    site: Site | None = None  # the source line that recorded its end


@dataclass(frozen=True)
class Switch:
    number: int  # from 1
    step: int
    tick: int
    worker: int
    previous: int
    next: int
    reason: str
    stack_used: int  # bytes of the previous fiber's stack
    site: Site | None


@dataclass(frozen=True)
class Create:
    step: int
    child: int
    parent: int
    site: Site | None


@dataclass(frozen=True)
class Ready:
    step: int
    fiber: int
    waker: int  # 0 is nobody
    place: str  # where it waits for a worker
    was: str  # its state before
    site: Site | None


@dataclass(frozen=True)
class Await:
    step: int
    awaiter: int
    target: int
    finished: bool  # what the awaiter found
    site: Site | None


@dataclass(frozen=True)
class Recycle:
    step: int
    fiber: int
    awaiter: int  # who is told by this record; 0 is nobody
    worker: int


@dataclass(frozen=True)
class Note:
    """What a fiber did that needs no picture of its own."""

    step: int
    fiber: int
    words: str  # after the fiber's name


@dataclass
class Fiber:
    id: int
    name: str = ""
    entry: str = ""
    created: int | None = None  # step
    finished: int | None = None  # step
    stack_size: int = 0
    label: str = ""  # what a picture calls it: no other fiber has the same
    states: list[State] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        """Whether it is a worker's own context."""
        return self.id >= IDLE_FIBERS

    @property
    def given_name(self) -> str:
        """As weft-trace says it; two fibers may be called the same."""
        if self.idle:
            return f"idle {self.id - IDLE_FIBERS}"
        return printable(self.name or self.entry) or f"fiber {self.id}"


@dataclass
class Model:
    trace: Trace
    merged: Merged
    fibers: dict[int, Fiber] = field(default_factory=dict)  # by id, in order of appearance
    workers: list[int] = field(default_factory=list)  # those that ran a fiber
    runs: list[Run] = field(default_factory=list)  # by their starts
    switches: list[Switch] = field(default_factory=list)
    creates: list[Create] = field(default_factory=list)
    readies: list[Ready] = field(default_factory=list)
    awaits: list[Await] = field(default_factory=list)
    recycles: list[Recycle] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)  # functions run inline, spans

    first: int = 0  # the first step and the last that are no bookkeeping of the trace
    last: int = 0

    @property
    def steps(self) -> int:
        return self.last - self.first + 1 if self.merged.steps else 0

    def tick(self, step: int) -> int:
        steps = self.merged.steps
        return steps[step].tick if step < len(steps) else (steps[-1].tick if steps else 0)

    def people(self) -> list[Fiber]:
        """The fibers but for the workers' own contexts."""
        return [f for f in self.fibers.values() if not f.idle]

    def warnings(self) -> list[str]:
        """What a reader of any picture has to know; usually nothing."""
        trace, merged, lines = self.trace, self.merged, []
        if trace.dropped:
            lines.append(f"{count(trace.dropped, 'record')} lost: the picture has gaps.")
        if not trace.clean:
            lines.append("The trace was never closed: the program ended before it.")
        if merged.forced:
            lines.append(f"{count(merged.forced, 'record')} fit no order: see the check.")
        return lines


def count(number: int, noun: str) -> str:
    plural = "es" if noun.endswith("ch") else "s"
    return f"{number:,} {noun}" + ("" if number == 1 else plural)


def printable_line(text: str) -> str:
    """With \\xNN for what is not part of a visible character."""
    return "".join(c if c.isprintable() else "".join(
        f"\\x{b:02x}" for b in c.encode("utf-8", "surrogateescape")) for c in text)


def printable(text: str) -> str:
    """The same, and of bounded length."""
    shown = printable_line(text)
    return shown if len(shown) <= NAME_MAX else shown[: NAME_MAX - 3] + "..."


def set_labels(fibers: list[Fiber]) -> None:
    uses = Counter(f.given_name for f in fibers)
    for fiber in fibers:
        name = fiber.given_name
        fiber.label = name if uses[name] == 1 else f"{name} {fiber.id}"


class Builder:
    """One pass over the steps. `_running` and `_state` hold what is not over yet, `_cause` the
    event of this step."""

    def __init__(self, trace: Trace, merged: Merged) -> None:
        self._trace = trace
        self.model = Model(trace, merged)
        self._running: dict[int, Run] = {}  # by worker
        self._state: dict[int, State] = {}  # by fiber
        self._first_step: dict[int, Step] = {}  # by worker
        self._cause = ""
        self._handlers = {
            "SWITCH": self._switch, "CREATE": self._create, "FINISH": self._finish,
            "NAME": self._name, "WORKER_START": self._worker_start,
            "WORKER_STOP": self._worker_stop, "READY": self._ready, "AWAIT": self._await,
            "RECYCLE": self._recycle, "INLINE": self._inline, "SPAN_BEGIN": self._span,
            "SPAN_END": self._span,
        }

    def build(self) -> Model:
        events = self._trace.schema.events
        for step in self.model.merged.steps:
            self._first_step.setdefault(step.worker, step)
            event = events.get(step.record.type)
            handler = self._handlers.get(event.name) if event else None
            if handler:
                self._cause = event.name
                handler(step, event, event.values(step.record))
        self._end()
        return self.model

    # ---- states and runs ----

    def _fiber(self, number: int) -> Fiber:
        return self.model.fibers.setdefault(number, Fiber(number))

    def _enter(self, fiber: Fiber, state: str, step: Step) -> None:
        self._leave_state(fiber, step.number, step.tick)
        fiber.states.append(State(state, step.number, step.number, step.tick, step.tick,
                                  self._cause))
        self._state[fiber.id] = fiber.states[-1]

    def _leave_state(self, fiber: Fiber, step: int, tick: int) -> None:
        state = self._state.pop(fiber.id, None)
        if state:
            state.end, state.end_tick = step, tick

    def _start_run(self, number: int, step: Step) -> None:
        run = Run(len(self.model.runs) + 1, number, step.worker, step.number, step.number,
                  step.tick, step.tick)
        self.model.runs.append(run)
        self._running[step.worker] = run
        self._enter(self._fiber(number), RUNNING, step)

    def _end_run(self, step: Step, reason: str) -> None:
        run = self._running.pop(step.worker, None)
        if run:
            run.end, run.end_tick, run.reason = step.number, step.tick, reason
            run.site = self._trace.site(step.record)

    def _goes_on(self, number: int, step: Step) -> None:
        """`number` runs here at this step; a trace need not have said so before."""
        run = self._running.get(step.worker)
        if run and run.fiber == number:
            return
        self._end_run(step, "")
        self._start_run(number, step if run else self._first_step[step.worker])

    def _bounds(self) -> None:
        """Leaves out what the writer adds at both ends to tie clocks together."""
        model = self.model
        meta = {e.number for e in self._trace.schema.events.values() if e.module == "meta"}
        shown = [s.number for s in model.merged.steps if s.record.type not in meta]
        model.first, model.last = (shown[0], shown[-1]) if shown else (0, 0)

    def _end(self) -> None:
        model = self.model
        self._bounds()
        model.workers = sorted({run.worker for run in model.runs})
        last, tick = model.last, model.tick(model.last)
        for run in self._running.values():
            run.end, run.end_tick = last, tick
        for fiber in model.fibers.values():
            self._leave_state(fiber, last, tick)
        set_labels(list(model.fibers.values()))

    # ---- one method an event ----

    def _switch(self, step: Step, event: Event, values: dict[str, int]) -> None:
        previous, following = values.get("previous", 0), values.get("next", 0)
        reason = self._trace.schema.choice(event, "reason", values.get("reason", 0))
        self._cause = f"{event.name}, {reason}"
        self._goes_on(previous, step)
        self._end_run(step, reason)
        self._enter(self._fiber(previous), AFTER.get(reason, PARKED), step)
        self._cause = event.name  # why the other left says nothing of the one that comes
        self._start_run(following, step)
        switches = self.model.switches
        switches.append(Switch(len(switches) + 1, step.number, step.tick, step.worker, previous,
                               following, reason, values.get("previous_stack_used", 0),
                               self._trace.site(step.record)))

    def _create(self, step: Step, event: Event, values: dict[str, int]) -> None:
        child = self._fiber(values.get("child", 0))
        child.entry = self._trace.string(values.get("entry", 0))
        child.stack_size = values.get("stack_size", 0)
        child.created = step.number
        self._enter(child, NEW, step)
        self.model.creates.append(Create(step.number, child.id, values.get("parent", 0),
                                         self._trace.site(step.record)))

    def _finish(self, step: Step, event: Event, values: dict[str, int]) -> None:
        self._fiber(values.get("fiber", 0)).finished = step.number

    def _name(self, step: Step, event: Event, values: dict[str, int]) -> None:
        self._fiber(values.get("fiber", 0)).name = self._trace.string(values.get("name", 0))

    def _worker_start(self, step: Step, event: Event, values: dict[str, int]) -> None:
        self._start_run(values.get("running", 0), step)

    def _worker_stop(self, step: Step, event: Event, values: dict[str, int]) -> None:
        running = self._fiber(values.get("running", 0))
        self._end_run(step, "stop")
        self._leave_state(running, step.number, step.tick)
        if running.finished is not None:
            self._enter(running, FINISHED, step)

    def _ready(self, step: Step, event: Event, values: dict[str, int]) -> None:
        fiber = self._fiber(values.get("fiber", 0))
        before = self._state.get(fiber.id)
        place = self._trace.schema.choice(event, "place", values.get("place", 0))
        self.model.readies.append(Ready(step.number, fiber.id, values.get("waker", 0), place,
                                        before.name if before else "",
                                        self._trace.site(step.record)))
        self._enter(fiber, READY, step)

    def _await(self, step: Step, event: Event, values: dict[str, int]) -> None:
        found = self._trace.schema.choice(event, "found", values.get("found", 0))
        self.model.awaits.append(Await(step.number, values.get("awaiter", 0),
                                       values.get("target", 0), found == "finished",
                                       self._trace.site(step.record)))

    def _recycle(self, step: Step, event: Event, values: dict[str, int]) -> None:
        fiber = self._fiber(values.get("fiber", 0))
        self._enter(fiber, RECYCLED, step)
        self.model.recycles.append(Recycle(step.number, fiber.id, values.get("awaiter", 0),
                                           step.worker))

    def _inline(self, step: Step, event: Event, values: dict[str, int]) -> None:
        entry = printable(self._trace.string(values.get("entry", 0))) or "a function"
        self._note(step, values.get("caller", 0), f"runs {entry} itself")

    def _span(self, step: Step, event: Event, values: dict[str, int]) -> None:
        text = printable(self._trace.string(values.get("text", 0)))
        verb = "begins" if event.name == "SPAN_BEGIN" else "ends"
        self._note(step, values.get("fiber", 0), f"{verb} \N{LEFT DOUBLE QUOTATION MARK}{text}"
                                                 "\N{RIGHT DOUBLE QUOTATION MARK}")

    def _note(self, step: Step, fiber: int, words: str) -> None:
        self._fiber(fiber)  # also one of which the trace says nothing else
        self.model.notes.append(Note(step.number, fiber, words))


def build(trace: Trace) -> Model:
    return Builder(trace, merge(trace)).build()
