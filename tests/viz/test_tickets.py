"""The picture of the tickets' states, against simulated waits."""

from __future__ import annotations

import unittest

from helpers import build, whole
from trace_writer import pingpong
from waited import waited

from weft_viz import model as m, tickets
from weft_viz.tickets import ARMING, CANCELED, CLOSED, COLUMNS, TIMED_OUT, WAITING, WOKEN
from weft_viz.waiting import AWAIT, FIRED

OUTCOMES = (WOKEN, TIMED_OUT, CANCELED)


def simulated() -> list[m.Model]:
    return [build(waited(seed, 3 + 7 * seed, 300 + 250 * seed).writer) for seed in range(8)]


class Tickets(unittest.TestCase):
    def test_a_wait_is_claimed_once_and_parks_unless_it_was_claimed_before(self) -> None:
        seen = 0
        for built in simulated():
            graph = tickets.observe(built, whole(built))
            opened = graph.total((CLOSED, ARMING))
            early = sum(graph.total((ARMING, o)) for o in OUTCOMES if (ARMING, o) in graph.edges)
            ended = early + sum(graph.total((WAITING, outcome)) for outcome in OUTCOMES)
            stays = sum(state.name == m.PARKED and state.why not in ("", AWAIT)
                        for fiber in built.people() for state in fiber.states)
            self.assertEqual(opened, stays)
            self.assertEqual(graph.total((ARMING, WAITING)) + early, opened)
            self.assertLessEqual(ended, opened)
            self.assertGreater(2 * ended, opened)
            self.assertEqual(graph.inside[CLOSED], [f"{opened:,} waits"])
            seen += opened
        self.assertGreater(seen, 200)

    def test_each_timer_that_fires_ends_a_wait(self) -> None:
        for built in simulated():
            graph = tickets.observe(built, whole(built))
            fired = sum(timer.outcome == FIRED for timer in built.waiting.timers)
            pairs = [(before, TIMED_OUT) for before in (ARMING, WAITING)]
            self.assertEqual(sum(graph.total(p) for p in pairs if p in graph.edges), fired)

    def test_all_of_it_is_in_the_design(self) -> None:
        for built in simulated():
            graph = tickets.observe(built, whole(built))
            self.assertEqual([p for p in graph.edges if not graph.sound(p)], [])

    def test_a_program_without_waits(self) -> None:
        built = build(pingpong())
        graph = tickets.observe(built, whole(built))
        self.assertEqual(sum(graph.total(pair) for pair in graph.edges), 0)
        self.assertEqual([graph.inside[state] for state in COLUMNS[1:]], [[]] * 5)


if __name__ == "__main__":
    unittest.main()
