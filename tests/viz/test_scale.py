"""Many events and many fibers: what the pictures count is what happened, and they stay small."""

from __future__ import annotations

import unittest
from collections import Counter
from xml.dom import minidom

from helpers import Files, build, needs_matplotlib, needs_neato, texts, viz, whole
from test_pictures import PICTURES
from trace_writer import (PARK, WAITS, YIELD, Simulated, Writer, awaits, crowd, pingpong,
                          simulated)

from weft_viz import bars, fibers, lanes, model as m, stacks, states, svg, window, workers

SIZE_MAX = 2_000_000  # bytes of a picture
EVENTS = 200_000
SMALL = [(seed, 5 + seed * 9, 300 + 100 * seed) for seed in range(8)]  # seed, fibers, steps


def flat(picture: bytes) -> str:
    return texts(picture).replace("\n", " ")


@needs_matplotlib
class Counts(unittest.TestCase):
    """Against the simulation, which knows what was true after each step."""

    def each(self):
        for seed, number, steps in SMALL:
            true = simulated(seed, number, steps, workers=1 + seed % 3)
            built = build(true.writer)
            self.assertEqual(built.merged.forced, 0)
            yield true, built

    def by_step(self, built: m.Model) -> bars.Columns:
        """A column a step."""
        every, _ = fibers.gather(built, whole(built), built.people())
        scale = lanes.scales(built, whole(built))[0]
        return bars.columns(scale.of(fibers.alive(every)), len(fibers.PAINTS), scale.low,
                            scale.high, built.steps - 1)

    def test_fibers_by_state(self) -> None:
        for true, built in self.each():
            columns = self.by_step(built)
            for step in range(built.steps - 1):
                for state in (m.NEW, m.RUNNING, m.READY, m.PARKED):
                    self.assertAlmostEqual(columns.time[fibers.PAINT_OF[state]][step],
                                           true.counts[step][state], 6, (step, state))

    def test_time_by_fiber(self) -> None:
        """Steps that each fiber ran, on any worker."""
        for true, built in self.each():
            shown = [lanes.lane("", ((r.fiber, r.start, r.end, r.start, r.end)
                                     for r in built.runs if r.worker == worker), built)
                     for worker in built.workers]
            spent = Counter()
            for lane in shown:
                given = lane.by_step
                for name, start, end in zip(given.names, given.starts, given.ends):
                    spent[int(name)] += end - start
            wanted = Counter(f for now in true.running[:-1] for f in now if f)
            self.assertEqual({f: t for f, t in spent.items() if f < 0xFFFF0000 and t}, wanted)

    def test_transitions(self) -> None:
        """Those of states.svg: the changes between the simulation's snapshots."""
        for true, built in self.each():
            graph = states.observe(built, whole(built))
            for state in (m.NEW, m.RUNNING, m.READY, m.PARKED):
                came = sum(graph.total(p) for p in graph.edges if p[1] == state)
                went = sum(graph.total(p) for p in graph.edges if p[0] == state)
                started = {m.NEW: len(built.creates), m.RUNNING: 1}.get(state, 0)
                self.assertEqual(started + came - went, true.counts[-1][state], state)
            self.assertEqual(graph.total((m.RUNNING, m.FINISHED)), true.counts[-1]["finished"])

    def test_stacks_of_all_fibers(self) -> None:
        for true, built in self.each():
            every = stacks.together(stacks.waves(built, whole(built)))
            low, high = stacks.bounds(built, whole(built))
            unit = (high - low) * stacks.COLUMN / stacks.PANEL
            used = {s.number: s.stack_used for s in built.switches if s.previous < 0xFFFF0000}
            seen = 0
            for span, median in every.spread(low, high):
                inside = sorted(used[n] for n in used
                                if min(stacks.PANEL // stacks.COLUMN - 1, int((n - low) / unit))
                                == round((span.start - low) / unit))
                seen += len(inside)
                self.assertEqual((span.least, span.most), (inside[0], inside[-1]))
                self.assertEqual(median, inside[(len(inside) - 1) // 2])
            self.assertEqual(seen, len(used))


@needs_matplotlib
class Fibers(unittest.TestCase):
    """More than have room for lanes."""

    def drawn(self, true: Simulated) -> tuple[m.Model, str]:
        built = build(true.writer)
        return built, flat(fibers.fibers(built, whole(built)))

    def test_they_are_counted_and_a_few_have_lanes(self) -> None:
        built, seen = self.drawn(simulated(3, 150, 3000))
        self.assertIn(f"how many of {len(built.people())} fibers are in each state", seen)
        for words in ("the first fiber", "longest alive, ", "ran longest, ", "ready longest, ",
                      "parked longest, ", "Under it, lanes of 13"):
            self.assertIn(words, seen)

    def test_the_chosen_are_the_longest(self) -> None:
        built = build(simulated(4, 120, 3000).writer)
        people = built.people()
        every, stays = fibers.gather(built, whole(built), people)
        scale = lanes.scales(built, whole(built))[1]
        chosen = fibers.spent(people, stays, every, scale).chosen()

        def spent(fiber: m.Fiber, *names: str) -> int:
            return sum(s.end_tick - s.start_tick for s in fiber.states if s.name in names)

        taken = {chosen[0][0].id}
        for names, reason in (((m.NEW, m.RUNNING, m.READY, m.PARKED), "longest alive"),
                              ((m.RUNNING,), "ran longest"), ((m.READY,), "ready longest"),
                              ((m.PARKED,), "parked longest")):
            best = sorted((spent(f, *names) for f in people if f.id not in taken), reverse=True)
            got = [(f.id, ticks) for f, ticks, why in chosen if why == reason]
            self.assertEqual([ticks for _, ticks in got], best[:fibers.EACH])
            taken |= {f for f, _ in got}

    def test_few_have_a_lane_each(self) -> None:
        _, seen = self.drawn(simulated(5, 40, 500))
        self.assertNotIn("are in each state", seen)


@needs_matplotlib
class Workers(unittest.TestCase):
    def test_many_fibers_share_a_colour(self) -> None:
        built = build(simulated(6, 300, 6000).writer)
        seen = flat(workers.workers(built, whole(built)))
        ran = len({r.fiber for r in built.runs if r.fiber < 0xFFFF0000})
        self.assertIn(f"Of {ran} fibers, those that ran for at least 0.5 % of the time", seen)
        self.assertRegex(seen, r"\d+ (other )?fibers, \d+(\.\d)? %")

    def test_the_numbers_of_a_worker(self) -> None:
        built = build(simulated(7, 300, 6000).writer)
        seen = flat(workers.workers(built, whole(built)))
        for worker in built.workers:
            runs = [r for r in built.runs if r.worker == worker and r.fiber < 0xFFFF0000]
            self.assertIn(f"Worker {worker}: {len(runs):,} runs of "
                          f"{len({r.fiber for r in runs})} fibers", seen)

    def test_crowded_lanes_are_shares(self) -> None:
        built = build(pingpong(3000))
        seen = flat(workers.workers(built, whole(built)))
        self.assertIn("is divided from bottom to top as its time was", seen)
        self.assertRegex(seen, r"ping, \d+ % pong, \d+ %")

    def test_percent(self) -> None:
        self.assertEqual([workers.percent(x) for x in (0, 1e-5, 0.02, 0.333, 0.995, 0.99999, 1)],
                         ["0 %", "under 0.1 %", "2 %", "33 %", "99.5 %", "over 99.9 %", "100 %"])


def lossy() -> Writer:
    """Worker 1's segment is full early."""
    w = crowd(6, 2)
    del w.records[1][4:]
    w.dropped = 9
    return w


def ring() -> Writer:
    """The end of a longer run: main had parked, job runs, waiter waits all the time."""
    w = Writer(gone=70)
    w.sequences.update({1: 30, 2: 40, 3: 5})
    w.status(1, "parked", 30, "main")
    w.status(2, "running", 40, "job")
    w.status(3, "parked", 5, "waiter")
    w.status(4, "ready", 7, "stale")
    w.ready(1, 2)
    w.switch(2, 1, YIELD)
    w.switch(1, 2, PARK)
    w.sequences[4] = 9
    w.ready(4, 2)
    w.switch(2, 4, YIELD)
    return w


@needs_matplotlib
@needs_neato
class Notes(unittest.TestCase):
    """What every picture says of a trace that is not whole."""

    def said(self, writer: Writer) -> list[str]:
        built = build(writer)
        return [flat(draw(built, whole(built))) for draw in PICTURES.values()]

    def test_a_ring(self) -> None:
        for seen in self.said(ring()):
            self.assertIn("The end of a longer run: 70 records before it were written over", seen)
            self.assertNotIn("lost", seen)

    def test_losses(self) -> None:
        for seen in self.said(lossy()):
            self.assertIn("18 records lost: the picture has gaps", seen)
            self.assertRegex(seen, r"worker 1's after step \d+")

    def test_a_killed_program(self) -> None:
        w = awaits()
        w.clean = False
        for seen in self.said(w):
            self.assertIn("The trace was never closed: the program ended before it.", seen)


class Windows(unittest.TestCase):
    """Rings and losses in the model."""

    def test_how_fibers_stood_before(self) -> None:
        built = build(ring())
        self.assertEqual(built.merged.forced, 0)
        self.assertEqual([f.label for f in built.people()], ["main", "job", "waiter", "stale"])
        self.assertEqual([s.name for s in built.fibers[1].states],
                         [m.PARKED, m.READY, m.RUNNING, m.PARKED])
        self.assertEqual([s.name for s in built.fibers[2].states],
                         [m.RUNNING, m.READY, m.RUNNING, m.READY])
        self.assertEqual([s.name for s in built.fibers[3].states], [m.PARKED])
        self.assertEqual(built.fibers[3].states[0].end, built.last)

    def test_a_status_with_a_gap_after_it_is_not_believed(self) -> None:
        self.assertEqual([s.name for s in build(ring()).fibers[4].states], [m.READY, m.RUNNING])

    def test_nothing_ends_before_it_begins(self) -> None:
        for writer in (ring(), lossy()):
            built = build(writer)
            for each in (*built.runs, *(s for f in built.fibers.values() for s in f.states)):
                self.assertLessEqual(each.start, each.end)
                self.assertLessEqual(each.start_tick, each.end_tick)

    def test_after_a_loss_a_worker_is_not_said_to_run(self) -> None:
        built = build(lossy())
        last = [s.number for s in built.merged.steps if s.worker == 1][-1]
        self.assertEqual(built.lost_from[1], last)
        self.assertLess(last, built.last)
        self.assertEqual(max(r.end for r in built.runs if r.worker == 1), last)

    def test_a_ring_of_two_workers(self) -> None:
        w = crowd(9, 2)
        w.gone = 5
        for records in w.records:
            del records[:6]
        built = build(w)
        self.assertTrue(built.trace.is_window)
        self.assertEqual(built.workers, [0, 1])


@needs_matplotlib
@needs_neato
class Large(Files):
    """Every picture of a long run. How long it takes is for the benchmark to say."""

    def test_two_hundred_thousand_events(self) -> None:
        path = self.trace(simulated(1, 3000, EVENTS).writer)
        out = self.directory / "out"
        run = viz("all", path, "--out", out)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        for name in ("switches", "states", "stacks", "workers", "fibers"):
            picture = (out / f"{name}.svg").read_bytes()
            self.assertLess(len(picture), SIZE_MAX, name)
            root = minidom.parseString(picture).documentElement
            described = root.getElementsByTagName("desc")[0].firstChild.data
            self.assertLess(len(described), 20_000, name)
        self.assertLess((out / "index.html").stat().st_size, 2 * SIZE_MAX)
        self.assertLess((out / "switches.dot").stat().st_size, 64 * 1024)

    def test_few_fibers_and_many_switches(self) -> None:
        built = build(pingpong(5000))
        for name, draw in PICTURES.items():
            with self.subTest(picture=name):
                self.assertLess(len(draw(built, whole(built))), SIZE_MAX)

    def test_many_awaits(self) -> None:
        w = Writer()
        w.start(1)
        for child in range(2, 4000):
            w.spawn(child, 1, "child")
            w.wait_for(1, child, WAITS)
            w.switch(1, child, PARK)
            w.finish(child)
            w.ready(1, child)
            w.switch(child, 1, 3)
            w.recycle(child, 1)
        built = build(w)
        seen = flat(PICTURES["rendezvous"](built, whole(built)))
        self.assertIn("Of 3,998 awaits, the awaiter came first in 3,998", seen)

    def test_a_window_of_a_long_run(self) -> None:
        true = simulated(9, 400, 20_000)
        built = build(true.writer)
        shown = window.window(built, (15_000, 15_100))
        for name, draw in PICTURES.items():
            with self.subTest(picture=name):
                seen = flat(draw(built, shown))
                self.assertIn("Steps 15,000 to", seen)

    def test_the_same_bytes(self) -> None:
        one, other = (build(simulated(11, 200, 4000).writer) for _ in range(2))
        for name, draw in PICTURES.items():
            with self.subTest(picture=name):
                self.assertEqual(draw(one, whole(one)), draw(other, whole(other)))

    def test_nothing_but_roles_and_colours_that_both_themes_share(self) -> None:
        built = build(simulated(12, 200, 4000).writer)
        for name in ("stacks", "workers", "fibers"):
            body = PICTURES[name](built, whole(built)).decode().split("</style>")[1]
            for light, _ in svg.ROLES.values():
                self.assertNotIn(light, body, name)


if __name__ == "__main__":
    unittest.main()
