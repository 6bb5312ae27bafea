"""tickets.svg: the states of tickets, and how often waits went from one to the next.

A fiber that waits for something that may come from several sides opens a ticket, registers, and
parks. Who claims it first says how the wait ended. A claim that comes before the fiber has parked
finds the ticket arming.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import Iterator, NamedTuple

from . import svg
from .model import PARKED, Fiber, Model
from .states import Graph, Pair, Plan, dot
from .waiting import AWAIT, CANCELED, FIRED, TIMED_OUT, WOKEN
from .window import Window

CLOSED, ARMING, WAITING = "closed", "arming", "waiting"
COLUMNS = (CLOSED, ARMING, WAITING, WOKEN, TIMED_OUT, CANCELED)
OUTCOMES = {WOKEN: ("WAIT_POP", "by whoever wakes it"),
            TIMED_OUT: ("TIMER_FIRE", "its deadline came"),
            CANCELED: ("CANCEL_REQUEST", "it is asked to end")}

DESIGN: dict[Pair, tuple[str, str]] = {
    (CLOSED, ARMING): ("TIMER_SET", "it registers"),
    (ARMING, WAITING): ("SWITCH, park", "it has left, and is whole"),
    **{(WAITING, outcome): said for outcome, said in OUTCOMES.items()},
}
# The claim came first: the after-switch step makes the fiber ready.
OTHERS: dict[Pair, tuple[str, str]] = {
    (ARMING, outcome): (event, "before it had left")
    for outcome, (event, _) in OUTCOMES.items()
}

TICKETS = Plan("tickets", "How did the waits end?", COLUMNS, DESIGN, OTHERS,
               ((CLOSED, ARMING), (ARMING, WAITING)),
               {CLOSED: svg.FAINT, ARMING: svg.ORANGE, WAITING: svg.GREY, WOKEN: svg.GREEN,
                TIMED_OUT: svg.SKY, CANCELED: svg.VERMILION},
               "Each wait counts anew. A wait that ended before its fiber parked is left out, and "
               "so is one for another fiber's end, which has no ticket.",
               {(CLOSED, ARMING): ("WAIT_PUSH", "WAIT_RETURN"),
                (WAITING, WOKEN): ("OFFLOAD_END",), (ARMING, WOKEN): ("OFFLOAD_END",)})


class Claim(NamedTuple):
    step: int
    outcome: str
    event: str


class Wait(NamedTuple):
    """From the first thing that the fiber registered with to the next wait."""

    opened: int  # steps
    by: str  # event
    parked: int
    until: float


def claims(model: Model) -> dict[int, list[Claim]]:
    """By fiber, those that may have ended a wait of it, in order."""
    waiting = model.waiting
    found: dict[int, list[Claim]] = defaultdict(list)
    for queue in waiting.queues:
        for waiter in queue.waiters:
            if waiter.won:
                found[waiter.fiber].append(Claim(waiter.end, WOKEN, "WAIT_POP"))
    for call in waiting.calls:
        if call.ended:
            found[call.fiber].append(Claim(call.end, WOKEN, "OFFLOAD_END"))
    for timer in waiting.timers:
        if timer.outcome == FIRED:
            found[timer.fiber].append(Claim(timer.end, TIMED_OUT, "TIMER_FIRE"))
    for cancel in waiting.cancels:
        found[cancel.target].append(Claim(cancel.step, CANCELED, "CANCEL_REQUEST"))
    return {fiber: sorted(some) for fiber, some in found.items()}


def registered(model: Model) -> dict[int, list[tuple[int, str]]]:
    """By fiber, when and by which event."""
    found: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for queue in model.waiting.queues:
        for waiter in queue.waiters:
            event = "WAIT_RETURN" if waiter.returned else "WAIT_PUSH"
            found[waiter.fiber].append((waiter.start, event))
    for timer in model.waiting.timers:
        found[timer.fiber].append((timer.start, "TIMER_SET"))
    return {fiber: sorted(some) for fiber, some in found.items()}


def waits(fiber: Fiber, places: list[tuple[int, str]]) -> Iterator[Wait]:
    """Those in which it parked. A queue counts, and not the timer that is set beside it."""
    before = -1
    for state in fiber.states:
        if state.name != PARKED or state.why in ("", AWAIT):
            continue
        mine = [place for place in places if before < place[0] <= state.start]
        if mine:
            until = next((step for step, _ in places if step > state.start), math.inf)
            yield Wait(*mine[0], state.start, until)
        before = state.start


def observe(model: Model, window: Window) -> Graph:
    graph = Graph(model, window, TICKETS, {pair: Counter() for pair in DESIGN})
    ends, places = claims(model), registered(model)
    total = 0

    def count(before: str, after: str, step: int, event: str) -> None:
        if window.holds(step):
            graph.edges.setdefault((before, after), Counter())[event] += 1

    for fiber in model.people():
        for wait in waits(fiber, places.get(fiber.id, [])):
            total += window.holds(wait.opened)
            count(CLOSED, ARMING, wait.opened, wait.by)
            claim = next((c for c in ends.get(fiber.id, [])
                          if wait.opened < c.step < wait.until), None)
            early = claim is not None and claim.step < wait.parked
            if not early:
                count(ARMING, WAITING, wait.parked, "SWITCH, park")
            if claim:
                count(ARMING if early else WAITING, claim.outcome, claim.step, claim.event)
    for state in COLUMNS:
        graph.inside[state] = []
    graph.inside[CLOSED] = [f"{total:,} waits"]
    return graph


def tickets(model: Model, window: Window) -> tuple[str, Graph]:
    """The dot text, and what it shows."""
    graph = observe(model, window)
    return dot(graph), graph
