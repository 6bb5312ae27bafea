"""The picture of the workers' states, against a simulated scheduler."""

from __future__ import annotations

import unittest

from helpers import build, whole
from scheduled import scheduled
from trace_writer import pingpong

from weft_viz import model as m, sleepers
from weft_viz.sleepers import ASLEEP, ENDED, RUNNING, SEARCHING, UNBORN


def simulated() -> list[m.Model]:
    """Of several numbers of fibers, of workers and of events."""
    return [build(scheduled(seed, 12 + 9 * seed, 1 + seed % 5, 300 + 150 * seed).writer)
            for seed in range(8)]


class Sleepers(unittest.TestCase):
    def test_each_sleep_and_each_awakening_is_an_arrow(self) -> None:
        slept = 0
        for built in simulated():
            graph = sleepers.observe(built, whole(built))
            ended = sum(sleep.end < built.last for sleep in built.sleeps)
            self.assertEqual(graph.total((SEARCHING, ASLEEP)), len(built.sleeps))
            self.assertEqual(graph.total((ASLEEP, SEARCHING)), ended)
            slept += len(built.sleeps)
        self.assertGreater(slept, 0)

    def test_between_fibers_nothing_changes(self) -> None:
        for built in simulated():
            graph = sleepers.observe(built, whole(built))
            idle = {fiber.id for fiber in built.fibers.values() if fiber.idle}
            found = sum(s.previous in idle and s.next not in idle for s in built.switches)
            lost = sum(s.previous not in idle and s.next in idle for s in built.switches)
            self.assertEqual(graph.total((SEARCHING, RUNNING)), found)
            self.assertEqual(graph.total((RUNNING, SEARCHING)), lost)
            self.assertTrue(all(graph.sound(pair) for pair in graph.edges))

    def test_each_worker_is_somewhere_at_the_end(self) -> None:
        for built in [*simulated(), build(pingpong())]:
            graph = sleepers.observe(built, whole(built))
            self.assertEqual(sum(int(line.split()[0]) for lines in graph.inside.values()
                                 for line in lines), len(built.workers))
            self.assertEqual(graph.inside[UNBORN], [])

    def test_a_program_of_one_worker(self) -> None:
        built = build(pingpong())
        graph = sleepers.observe(built, whole(built))
        self.assertEqual(graph.total((UNBORN, RUNNING)), 1)
        self.assertEqual(graph.inside[ENDED], ["1 at the end"])


if __name__ == "__main__":
    unittest.main()
