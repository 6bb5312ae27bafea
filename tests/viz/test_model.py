"""The merged order, and what the model makes of it."""

from __future__ import annotations

import unittest

from helpers import build
from trace_writer import IDLE, PARK, YIELD, Writer, awaits, crowd, elsewhere, pingpong

from weft_viz import merge, reader
from weft_viz.model import FINISHED, NEW, PARKED, READY, RECYCLED, RUNNING


def merged(writer: Writer) -> merge.Merged:
    return merge.merge(reader.decode("a", writer.bytes()))


class Order(unittest.TestCase):
    def test_sequences_decide_and_not_the_clock(self) -> None:
        w = Writer(workers=2)
        w.start(1, tick=5000)
        w.create(2, 1, "job", tick=6000)
        w.start(0xFFFF0001, 1, tick=100)
        w.switch(0xFFFF0001, 2, IDLE, worker=1, tick=200)  # by the clock before its CREATE
        result = merged(w)
        self.assertEqual([(s.worker, s.record.type) for s in result.steps],
                         [(1, 5), (0, 5), (0, 2), (1, 1)])
        self.assertEqual([s.tick for s in result.steps], [100, 5000, 6000, 6000])
        self.assertEqual((result.repairs, result.forced), (1, 0))

    def test_the_smallest_tick_of_those_that_may_come(self) -> None:
        w = Writer(workers=3)
        for worker, tick in ((0, 300), (1, 100), (2, 200)):
            w.raw(worker, 8, tick=tick)
        self.assertEqual([s.worker for s in merged(w).steps], [1, 2, 0])

    def test_equal_ticks_take_the_first_worker(self) -> None:
        w = Writer(workers=3)
        for worker in (2, 1, 0):
            w.raw(worker, 8, tick=50)
        self.assertEqual([s.worker for s in merged(w).steps], [0, 1, 2])

    def test_the_previous_fiber_orders_a_switch_too(self) -> None:
        w = Writer(workers=2)
        w.start(1, 0, tick=900)
        w.start(2, 1, tick=10)
        w.sequences[1] = 2
        w.raw(0, 7, fiber=1, sequence=2, tick=950)
        w.raw(1, 1, PARK, fiber=2, sequence=2, peer=1, value=3, tick=20)
        self.assertEqual([(s.worker, s.record.type) for s in merged(w).steps],
                         [(1, 5), (0, 5), (0, 7), (1, 1)])

    def test_a_gap_is_forced(self) -> None:
        w = Writer()
        w.start(1)
        w.sequences[1] = 5
        w.stop(1)
        result = merged(w)
        self.assertEqual([s.forced for s in result.steps], [False, True])

    def test_a_cycle_is_forced_by_tick(self) -> None:
        w = Writer(workers=2)
        w.raw(0, 7, fiber=1, sequence=2, tick=30)
        w.raw(0, 7, fiber=2, sequence=1, tick=40)
        w.raw(1, 7, fiber=2, sequence=2, tick=35)
        w.raw(1, 7, fiber=1, sequence=1, tick=45)
        result = merged(w)
        self.assertEqual(len(result.steps), 4)
        self.assertEqual((result.steps[0].worker, result.steps[0].forced), (0, True))

    def test_every_record_comes_once(self) -> None:
        w = crowd(20, 4)
        result = merged(w)
        self.assertEqual(len(result.steps), sum(len(r) for r in w.records))
        self.assertEqual(result.forced, 0)
        self.assertEqual([s.number for s in result.steps], list(range(len(result.steps))))

    def test_a_fiber_that_is_its_own_peer(self) -> None:
        w = Writer()
        w.start(1)
        w.raw(0, 1, YIELD, fiber=1, sequence=2, peer=1, value=77)
        self.assertEqual(merged(w).forced, 0)


class Runs(unittest.TestCase):
    def test_ping_and_pong(self) -> None:
        built = build(pingpong(2))
        self.assertEqual([f.label for f in built.fibers.values()], ["main", "ping", "pong"])
        names = [built.fibers[r.fiber].label for r in built.runs]
        self.assertEqual(names, ["main", *["ping", "pong"] * 4, "main"])
        for before, after in zip(built.runs, built.runs[1:]):
            self.assertEqual(before.end, after.start)
        self.assertEqual([r.reason for r in built.runs],
                         ["start", *["yield"] * 6, "finish", "finish", "stop"])

    def test_switches(self) -> None:
        built = build(pingpong(2, site=True))
        first = built.switches[0]
        self.assertEqual((first.number, first.previous, first.next, first.reason,
                          first.stack_used), (1, 1, 2, "start", 96))
        self.assertEqual(first.site.function, "play")
        self.assertEqual(len(built.switches), 9)

    def test_states(self) -> None:
        built = build(pingpong(1))
        self.assertEqual([s.name for s in built.fibers[2].states],
                         [NEW, RUNNING, READY, RUNNING, FINISHED])
        self.assertEqual([s.name for s in built.fibers[1].states],
                         [NEW, RUNNING, PARKED, RUNNING])
        for fiber in built.fibers.values():
            for before, after in zip(fiber.states, fiber.states[1:]):
                self.assertEqual((before.end, before.end_tick), (after.start, after.start_tick))

    def test_created_and_finished(self) -> None:
        built = build(pingpong(1))
        self.assertIsNotNone(built.fibers[2].finished)
        self.assertIsNone(built.fibers[1].finished)
        self.assertLess(built.fibers[2].created, built.fibers[3].created)

    def test_bookkeeping_at_the_ends_is_no_step_of_the_run(self) -> None:
        built = build(pingpong(1))
        self.assertEqual(built.first, 1)
        self.assertEqual(built.last, len(built.merged.steps) - 2)

    def test_a_trace_that_stops_in_the_middle(self) -> None:
        w = Writer(clean=False)
        w.start(1)
        w.create(2, 1, "job")
        w.switch(1, 2, PARK)
        built = build(w)
        self.assertEqual(built.runs[-1].reason, "")
        self.assertEqual(built.fibers[1].states[-1].name, PARKED)
        self.assertIn("never closed", built.warnings()[0])

    def test_without_a_start_the_first_switch_tells_who_ran(self) -> None:
        w = Writer()
        w.anchor()
        w.switch(1, 2, YIELD)
        built = build(w)
        self.assertEqual([(r.fiber, r.start, r.end) for r in built.runs], [(1, 0, 1), (2, 1, 1)])

    def test_a_contradiction_is_no_error(self) -> None:
        w = Writer()
        w.start(1)
        w.switch(2, 3, YIELD)
        w.stop(9)
        built = build(w)
        self.assertEqual([r.fiber for r in built.runs], [1, 2, 3])

    def test_unknown_events_and_choices(self) -> None:
        w = Writer()
        w.start(1)
        w.raw(0, 200, fiber=1, sequence=2)
        w.raw(0, 0)
        w.sequences[1] = 2
        w.switch(1, 2, 77)
        built = build(w)
        self.assertEqual(built.switches[0].reason, "77")
        self.assertEqual(built.merged.forced, 0)

    def test_idle_contexts_are_not_people(self) -> None:
        built = build(crowd(4, 2))
        self.assertIn("idle 1", [f.label for f in built.fibers.values()])
        self.assertNotIn("idle 1", [f.label for f in built.people()])


class Fibers(unittest.TestCase):
    """What a runtime adds to bare contexts."""

    def test_states_from_new_to_recycled(self) -> None:
        built = build(awaits())
        self.assertEqual([s.name for s in built.fibers[2].states],
                         [NEW, READY, RUNNING, READY, RUNNING, FINISHED, RECYCLED])
        self.assertEqual([s.name for s in built.fibers[1].states],
                         [NEW, RUNNING, READY, RUNNING, PARKED, READY, RUNNING])
        self.assertEqual([s.cause for s in built.fibers[2].states],
                         ["CREATE", "READY", "SWITCH", "SWITCH, yield", "SWITCH",
                          "SWITCH, finish", "RECYCLE"])

    def test_each_state_begins_where_the_last_one_ends(self) -> None:
        for writer in (awaits(), elsewhere(), elsewhere(between=True)):
            for fiber in build(writer).fibers.values():
                for before, after in zip(fiber.states, fiber.states[1:]):
                    self.assertEqual((before.end, before.end_tick),
                                     (after.start, after.start_tick))

    def test_who_made_whom_ready(self) -> None:
        built = build(awaits(site=True))
        self.assertEqual([(r.fiber, r.waker, r.place, r.was) for r in built.readies],
                         [(2, 1, "shared", NEW), (3, 1, "shared", NEW), (1, 2, "direct", PARKED)])
        self.assertEqual(built.readies[0].site.function, "weft_await")

    def test_awaits_and_ends(self) -> None:
        built = build(awaits())
        self.assertEqual([(a.awaiter, a.target, a.finished) for a in built.awaits],
                         [(1, 2, False), (1, 3, True)])
        self.assertEqual([(r.fiber, r.awaiter) for r in built.recycles], [(3, 0), (2, 1)])

    def test_inline_calls_and_spans(self) -> None:
        self.assertEqual([(n.fiber, n.words) for n in build(awaits()).notes],
                         [(1, "begins “look”"), (1, "ends “look”"),
                          (1, "runs square itself")])

    def test_nonsense_is_no_error(self) -> None:
        w = Writer()
        w.start(1)
        w.ready(9, 8)
        w.recycle(9)
        w.recycle(1, 1)
        w.wait_for(7, 7, 99)
        w.inline(6, "")
        built = build(w)
        self.assertEqual([s.name for s in built.fibers[9].states], [READY, RECYCLED])
        self.assertEqual(built.readies[0].was, "")
        self.assertEqual(built.notes[0].words, "runs a function itself")


class Names(unittest.TestCase):
    def labels(self, *names: str | bytes) -> list[str]:
        w = Writer()
        w.start(1)
        for number, name in enumerate(names, 2):
            w.create(number, 1, name)
        return [f.label for f in build(w).fibers.values()][1:]

    def test_name_then_entry_then_number(self) -> None:
        self.assertEqual(self.labels("play", ""), ["play", "fiber 3"])

    def test_fibers_of_one_name_are_told_apart(self) -> None:
        self.assertEqual(self.labels("play", "play", "main"), ["play 2", "play 3", "main"])

    def test_what_cannot_be_seen_is_escaped(self) -> None:
        self.assertEqual(self.labels("a\nb", b"\xff", "\u202ex", "漢"),
                         ["a\\x0ab", "\\xff", "\\xe2\\x80\\xaex", "漢"])

    def test_a_long_name_is_cut(self) -> None:
        (label,) = self.labels("x" * 1000)
        self.assertEqual(len(label), 63)
        self.assertTrue(label.endswith("..."))


if __name__ == "__main__":
    unittest.main()
