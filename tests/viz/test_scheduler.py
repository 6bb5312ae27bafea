"""Pictures of a scheduler: against a simulated one, which knows what was true after each record."""

from __future__ import annotations

import os
import unittest
from collections import Counter, defaultdict
from unittest import mock

from helpers import Files, build, needs_matplotlib, texts, viz, whole
from scheduled import (ASLEEP, EVENT, LOCAL, POLLING, RING, STEAL, WORK, WORKER_AWAKE,
                       WORKER_SLEEP, WORKER_WAKE, Truth, scheduled)
from trace_writer import (FINISH, IDLE, IDLE_FIBER, PARK, SWITCH, READY as READY_EVENT, YIELD,
                          Writer, awaits, pingpong)

from weft_viz import (arrows, bars, fibers, lanes, latency, model as m, plot, queues, scheduling,
                      window, workers)

# MANY=1000000 takes a minute.
MANY = int(os.environ.get("MANY", 100_000))
SMALL = [(seed, 12 + 9 * seed, 1 + seed % 5, 300 + 150 * seed) for seed in range(8)]


def flat(picture: bytes) -> str:
    return texts(picture).replace("\n", " ")


def runs() -> list[tuple[Truth, m.Model]]:
    """Of several seeds, numbers of fibers, of workers and of events."""
    found = []
    for seed, number, count, events in SMALL:
        true = scheduled(seed, number, count, events)
        found.append((true, build(true.writer)))
    return found


def by_queue(built: m.Model) -> dict[tuple[int, int], int]:
    """By step and queue: how many stays cover what comes after the step."""
    found: Counter[tuple[int, int]] = Counter()
    for wait in queues.waits(built):
        for stay in wait.stays:
            found.update((step, stay.queue) for step in range(stay.start, stay.end))
    return found


class Queues(unittest.TestCase):
    def test_how_many_are_ready_and_where_after_each_record(self) -> None:
        for true, built in runs():
            self.assertEqual((built.merged.forced, built.steps), (0, len(true.ready)))
            found = by_queue(built)
            for step, wanted in enumerate(true.ready[:-1]):
                got = [found[step, worker] for worker in range(len(wanted) - 1)]
                self.assertEqual((*got, found[step, queues.NOBODY]), wanted, step)

    def test_every_wait_with_its_place_and_its_length(self) -> None:
        for true, built in runs():
            found = Counter((wait.place.removesuffix("ed") if wait.place == queues.YIELDED
                             else wait.place, wait.ticks)
                            for wait in queues.waits(built) if wait.ran)
            self.assertEqual(found, Counter(true.waits))

    def test_old_traces_have_one_queue(self) -> None:
        found = [(wait.place, stay.queue) for wait in queues.waits(build(awaits()))
                 for stay in wait.stays]
        self.assertEqual({place: queue for place, queue in found},
                         {"shared": queues.NOBODY, "yielded": queues.NOBODY, "direct": 0})

    def test_what_a_ring_does_not_tell(self) -> None:
        w = Writer(gone=20)
        w.sequences.update({1: 4, 2: 7})
        w.status(2, "ready", 7)
        w.switch(1, 2, PARK)
        found = [*queues.waits(build(w))]
        self.assertEqual([(wait.fiber, wait.place, wait.stays[0].queue, wait.ran)
                          for wait in found], [(2, queues.UNTOLD, queues.UNKNOWN, True)])

    def test_a_steal_of_a_fiber_that_is_not_ready_moves_nothing(self) -> None:
        w = Writer(workers=2)
        w.start(1)
        w.start(IDLE_FIBER + 1, 1)
        w.raw(1, STEAL, LOCAL, fiber=1, sequence=w.count(1), peer=0, value=1 << 32)
        w.create(2, 1, "job")
        w.raw(1, STEAL, LOCAL, fiber=2, sequence=w.count(2), peer=0, value=1 << 32)
        w.ready(2, 1, LOCAL)
        w.raw(1, STEAL, LOCAL, fiber=9, sequence=w.count(9), peer=0, value=1 << 32)
        found = [*queues.waits(build(w))]
        self.assertEqual([(wait.fiber, len(wait.stays)) for wait in found], [(2, 1)])


@needs_matplotlib
class ReadyStrip(unittest.TestCase):
    def strip(self, built: m.Model, shown: window.Window | None = None):
        drawn = scheduling.scheduling(built, shown or whole(built), built.workers, 0)
        return drawn, drawn.below[0]

    def test_least_and_most_of_a_column(self) -> None:
        for true, built in runs():
            _, strip = self.strip(built)
            scale = lanes.scales(built, whole(built))[0]
            totals = [sum(now) for now in true.ready[:-1]] + [0]
            for number in (1, 3, 50, built.steps - 1):
                least, most = strip.levels.spread(scale, number)
                unit = scale.unit(number)
                for column in range(number):
                    low, high = scale.low + column * unit, scale.low + (column + 1) * unit
                    inside = [totals[step] for step in range(len(totals) - 1)
                              if step + 1 > low + 1e-6 and step < high - 1e-6]
                    if column == number - 1:
                        inside.append(totals[-1])  # the last step, which has no width
                    self.assertEqual((least[column], most[column]), (min(inside), max(inside)),
                                     (number, column))

    def test_the_areas_are_what_the_fibers_waited(self) -> None:
        for _, built in runs():
            _, strip = self.strip(built)
            waits = [*queues.waits(built)]
            for scale in lanes.scales(built, whole(built)):
                columns = bars.columns(scale.of(strip.stays), 12, scale.low, scale.high, 300)
                wanted = sum(w.end - w.start if scale.by_step else w.ticks for w in waits)
                self.assertAlmostEqual(float(columns.time.sum()), wanted, 3)

    def test_the_injected_are_apart_and_named(self) -> None:
        true = scheduled(1, 64, 4, 1500)
        built = build(true.writer)
        self.assertTrue(any(now[-1] for now in true.ready))
        seen = flat(workers.workers(built, whole(built)))
        for words in ("ready, injected", "ready at worker 0", "ready at worker 3",
                      "how many fibers are ready and wait for a worker, by the queue"):
            self.assertIn(words, seen)

    def test_many_workers_share_a_shade(self) -> None:
        built = build(scheduled(5, 40, 6, 800).writer)
        seen = flat(workers.workers(built, whole(built)))
        self.assertIn("ready at a worker", seen)
        self.assertNotIn("ready at worker 0", seen)

    def test_the_most_is_told(self) -> None:
        true = scheduled(2, 30, 3, 600)
        drawn, _ = self.strip(build(true.writer))
        most = max(map(sum, true.ready))
        self.assertIn(f"At most {most} fibers were ready at once.", drawn.said)

    def test_bare_contexts_have_no_strip(self) -> None:
        built = build(pingpong(5))
        self.assertEqual(scheduling.scheduling(built, whole(built), built.workers, 0).below, [])

    def test_a_window_counts_what_came_before_it(self) -> None:
        true = scheduled(3, 40, 4, 900)
        built = build(true.writer)
        shown = window.window(built, (400, 450))
        _, strip = self.strip(built, shown)
        totals = [sum(now) for now in true.ready]
        least, most = strip.levels.spread(lanes.scales(built, shown)[0], 50)
        self.assertEqual(list(most[:50]), totals[400:449] + [max(totals[449:451])])
        self.assertEqual(list(least[:50]), totals[400:449] + [min(totals[449:451])])


class Axes:
    """Keeps what is drawn on it."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, float, float, str]] = []  # x, tail, tip, dashed or not
        self.marks: Counter[str] = Counter()
        self.words: list[str] = []

    def vlines(self, xs, tails, tips, linestyles=None, **_) -> None:
        if linestyles:
            kind = "solid" if linestyles == ["solid"] else "dashed"
            self.lines += [(*each, kind) for each in zip(xs, tails, tips)]

    def annotate(self, words, *_, **__) -> None:
        self.words.append(words)

    def plot(self, xs, ys, marker="", **_) -> None:
        self.marks[marker] += len(xs)


@needs_matplotlib
class Arrows(unittest.TestCase):
    def lane(self, y: float) -> int:
        return int(y // 30)

    def draw(self, built: m.Model, by_step: bool = True) -> Axes:
        found = arrows.worker_arrows(built, whole(built), {w: w for w in built.workers})
        axes, painter = Axes(), lanes.Painter([], 30.0, str)
        found.draw(axes, painter, lanes.scales(built, whole(built))[not by_step], 0)
        return axes

    def batches(self, true: Truth, built: m.Model) -> list[tuple[m.Step, int, int, int]]:
        """From the records: the first of each batch, victim, thief and how many."""
        found: dict[tuple[int, int], list] = {}
        records = [s for s in built.merged.steps
                   if s.record.type == STEAL and s.record.peer != s.worker]
        for step, (_, victim, thief) in zip(records, true.steals, strict=True):
            found.setdefault((thief, step.record.value & 0xFFFFFFFF), []).append((step, victim))
        return [(some[0][0], some[0][1], thief, len(some)) for (thief, _), some in found.items()]

    def test_a_dashed_arrow_for_each_batch(self) -> None:
        for true, built in runs():
            wanted = self.batches(true, built)
            found = [(x, self.lane(tail), self.lane(tip)) for x, tail, tip, kind
                     in self.draw(built).lines if kind == "dashed"]
            self.assertEqual(found, [(step.number, victim, thief)
                                     for step, victim, thief, _ in wanted])

    def test_every_steal_is_in_an_arrow_that_says_how_many(self) -> None:
        for true, built in runs():
            found = arrows.worker_arrows(built, whole(built), {w: w for w in built.workers})
            self.assertEqual(sum(a.fibers for a in found.steals), len(true.steals))
            wanted = Counter(f"{n}×" for *_, n in self.batches(true, built) if n > 1)
            words = Counter(self.draw(built).words)
            self.assertLessEqual(words, wanted)
            self.assertEqual(bool(words), bool(wanted))

    def test_a_solid_arrow_for_each_wake(self) -> None:
        for true, built in runs():
            axes = self.draw(built)
            found = [(self.lane(tail), self.lane(tip)) for _, tail, tip, kind in axes.lines
                     if kind == "solid"]
            self.assertEqual(found, true.wakes)
            lines = len(true.wakes) + len(self.batches(true, built))
            self.assertEqual(axes.marks["o"], lines)
            self.assertEqual(axes.marks["v"] + axes.marks["^"] - len(true.taken), lines)

    def test_a_triangle_for_each_injected_fiber(self) -> None:
        true = scheduled(1, 64, 4, 1500)
        found = arrows.worker_arrows(built := build(true.writer), whole(built),
                                     {w: w for w in built.workers})
        self.assertGreater(len(true.taken), RING)
        self.assertEqual([a.tip for a in found.taken], [worker for _, worker in true.taken])

    def test_by_the_clock_at_the_records_tick(self) -> None:
        true, built = runs()[3]
        zero = built.merged.steps[0].tick
        ticks = [step.tick - zero for step, *_ in self.batches(true, built)]
        self.assertEqual([x for x, _, _, kind in self.draw(built, False).lines
                          if kind == "dashed"], ticks)

    def test_the_picture_says_what_is_left_out(self) -> None:
        true = scheduled(1, 64, 4, 1500)
        built = build(true.writer)
        with mock.patch.multiple(arrows, STEALS_MAX=10, ALL_MAX=20):
            seen = flat(workers.workers(built, whole(built)))
        self.assertIn(f"{len(true.steals) + len(true.taken)} steals are too many for arrows: the "
                      f"lowest strip counts them. Left out: {len(true.wakes)} wakes of sleeping "
                      "workers. A window has fewer (--steps A:B).", seen)
        self.assertIn("stolen from a worker", seen)
        for words in ("steal: from victim to thief", "wakes a sleeping worker"):
            self.assertNotIn(words, seen)

    def test_few_are_all_there(self) -> None:
        built = build(scheduled(4, 12, 2, 150).writer)
        seen = flat(workers.workers(built, whole(built)))
        self.assertIn("steal: from victim to thief", seen)
        self.assertNotIn("too many for arrows", seen)
        self.assertNotIn("Left out", seen)

    def test_who_took_from_whom_is_told(self) -> None:
        true = scheduled(6, 40, 4, 900)
        built = build(true.writer)
        (thief, victim), number = Counter((t, v) for _, v, t in true.steals).most_common(1)[0]
        self.assertIn(f"Worker {thief} took {number} fibers from worker {victim}.",
                      workers.workers(built, whole(built)).decode())

    def test_a_wake_from_outside_comes_from_above(self) -> None:
        w = Writer(workers=2)
        w.start(1)
        w.raw(1, WORKER_WAKE, WORK, peer=0, value=1 << 32 | 1)
        w.stop(1)
        built = build(w)
        found = arrows.worker_arrows(built, whole(built), {0: 0})
        self.assertEqual([(a.tail, a.tip) for a in found.wakes], [(arrows.OUTSIDE, 0)])
        axes = Axes()
        found.draw(axes, lanes.Painter([], 30.0, str), lanes.scales(built, whole(built))[0], 40)
        self.assertEqual(axes.lines[0][1], 38)

    def test_an_arrow_goes_from_the_middle_to_the_near_edge(self) -> None:
        painter = lanes.Painter([], 30.0, str)
        down = arrows.ends(arrows.Arrow(0, 0, 0, 2), painter, 0)
        up = arrows.ends(arrows.Arrow(0, 0, 2, 0), painter, 0)
        self.assertEqual((down[0], up[0]), (15, 75))
        self.assertTrue(60 < down[1] < 75 and 15 < up[1] < 30)


@needs_matplotlib
class Sleep(unittest.TestCase):
    def spent(self, built: m.Model) -> dict[tuple[int, int], float]:
        """Ticks by worker and what it does."""
        found: dict[tuple[int, int], float] = defaultdict(float)
        for worker in built.workers:
            lane = workers.lane_of(built, whole(built), worker,
                                   [r for r in built.runs if r.worker == worker],
                                   [s for s in built.sleeps if s.worker == worker])
            for name, start, end in zip(lane.by_tick.names, lane.by_tick.starts,
                                        lane.by_tick.ends):
                found[worker, int(name)] += end - start
        return found

    def test_how_long_each_worker_slept_and_where(self) -> None:
        for true, built in runs():
            wanted: dict[tuple[int, int], float] = defaultdict(float)
            for worker, start, end, where in true.slept:
                wanted[worker, {ASLEEP: workers.SLEEPS, POLLING: workers.POLLS}[where]] += (
                    end - start)
            found = self.spent(built)
            self.assertEqual({k: v for k, v in found.items()
                              if k[1] in (workers.SLEEPS, workers.POLLS)}, dict(wanted))
            idle = sum(r.end_tick - r.start_tick for r in built.runs if r.fiber >= IDLE_FIBER)
            self.assertEqual(sum(v for (_, name), v in found.items() if name >= IDLE_FIBER), idle)

    def test_the_three_are_told_apart(self) -> None:
        built = build(scheduled(1, 64, 4, 1500).writer)
        seen = flat(workers.workers(built, whole(built)))
        self.assertRegex(seen, r"searching, \d+ % asleep, \d+ % in the poller, \d+ %")
        self.assertNotIn("idle", seen)

    def test_without_records_of_sleep_it_is_idle(self) -> None:
        w = Writer(workers=2)
        w.start(1)
        w.start(IDLE_FIBER + 1, 1)
        w.stop(1)
        w.stop(IDLE_FIBER + 1, 1)
        built = build(w)
        seen = flat(workers.workers(built, whole(built)))
        self.assertIn("idle", seen)
        self.assertNotIn("searching", seen)

    def rests(self, *sleeps: tuple[int, int], start: int = 10, end: int = 20) -> list:
        given = [m.Sleep(0, a, b, 100 * a, 100 * b, "asleep") for a, b in sleeps]
        return [(name, a, b) for name, a, b, begin, until in scheduling.rests(
            given, start, end, 100 * start, 100 * end, 0, {"asleep": 1}, 2)
            if (begin, until) == (100 * a, 100 * b)]

    def test_rests(self) -> None:
        self.assertEqual(self.rests(), [(0, 10, 20)])
        self.assertEqual(self.rests((12, 14), (14, 20)),
                         [(0, 10, 12), (1, 12, 14), (1, 14, 20)])
        self.assertEqual(self.rests((3, 12), (18, 30)), [(1, 10, 12), (0, 12, 18), (1, 18, 20)])
        self.assertEqual(self.rests((1, 10), (20, 25)), [(0, 10, 20)])
        self.assertEqual(self.rests((15, 15)), [(0, 10, 15), (1, 15, 15), (0, 15, 20)])
        self.assertEqual(self.rests(start=7, end=7), [(0, 7, 7)])


@needs_matplotlib
class Latency(unittest.TestCase):
    def pairs(self, built: m.Model) -> tuple[int, int]:
        """From the records: how many READY, and how many yields, have a SWITCH to the fiber."""
        ready, counts = {}, Counter()
        for step in built.merged.steps:
            record = step.record
            if record.type == READY_EVENT:
                ready[record.fiber] = "ready"
            elif record.type == SWITCH:
                if why := ready.pop(record.fiber, None):
                    counts[why] += 1
                if record.arg == YIELD:
                    ready[record.peer] = "yield"
        return counts["ready"], counts["yield"]

    def test_every_pair_is_in_one_bar(self) -> None:
        for true, built in runs():
            waits = latency.measure(built, whole(built))
            scaled = latency.axis_of(waits)
            sums = {kind: sum(scaled.counts(some)) for kind, some in waits.of.items()}
            total = sums.pop(latency.ALL)
            self.assertEqual(total, sum(self.pairs(built)))
            self.assertEqual(sum(sums.values()), total)
            self.assertEqual(waits.cut, 0)

    def test_by_place_and_to_the_nanosecond(self) -> None:
        for true, built in runs():
            wanted = defaultdict(list)
            for place, ticks in true.waits:
                wanted["yielded" if place == "yield" else place].append(float(ticks))
            found = latency.measure(built, whole(built)).of
            self.assertEqual(found.pop(latency.ALL), sorted(sum(wanted.values(), [])))
            self.assertEqual(found, {kind: sorted(some) for kind, some in wanted.items()})

    def test_ticks_are_not_nanoseconds(self) -> None:
        true = scheduled(1, 20, 2, 300)
        true.writer.ticks_per_second = 250_000_000
        found = latency.measure(built := build(true.writer), whole(built)).of[latency.ALL]
        self.assertEqual(found, sorted(4.0 * ticks for _, ticks in true.waits))

    def test_percentiles(self) -> None:
        some = [float(n) for n in range(1, 101)]
        self.assertEqual([latency.percentile(some, p) for p in (0.5, 0.99, 1.0)], [50, 99, 100])
        self.assertEqual([latency.percentile([7.0], p) for p in (0.5, 0.99)], [7, 7])
        self.assertEqual(latency.percentile([1.0, 2.0, 3.0], 0.5), 2)

    def test_median_and_p99_are_named(self) -> None:
        true = scheduled(2, 64, 4, 1500)
        built = build(true.writer)
        seen = flat(latency.latency(built, whole(built)))
        for kind, some in latency.measure(built, whole(built)).of.items():
            self.assertIn(kind, seen)
            for words, share in (("median", 0.5), ("p99", 0.99)):
                value = sorted(some)[-(-int(share * 100) * len(some) // 100) - 1]
                self.assertIn(f"{words} {lanes.duration(value)}", seen)

    def test_each_decade_has_its_bars(self) -> None:
        scaled = latency.Axis(1, 4)
        for decade in range(3):
            for edge, bar in ((1.0, 0), (1.3, 0), (1.34, 1), (9.99, 7)):
                counts = scaled.counts([edge * 10 ** (decade + 1)])
                self.assertEqual(counts.index(1), decade * 8 + bar)
        self.assertEqual(scaled.counts([0.0, 9.0, 9_999.0, 9_000.0])[::23], [2, 2])

    def test_no_time_at_all(self) -> None:
        w = Writer()
        w.start(1, tick=5000)
        w.create(2, 1, "job", tick=5000)
        w.ready(2, 1, LOCAL, tick=5000)
        w.switch(1, 2, PARK, tick=5000)
        built = build(w)
        waits = latency.measure(built, whole(built))
        self.assertEqual(sum(latency.axis_of(waits).counts(waits.of[latency.ALL])), 1)
        self.assertIn("The first bar holds the shorter ones too.",
                      flat(latency.latency(built, whole(built))))

    def test_what_is_cut_is_counted(self) -> None:
        true = scheduled(3, 40, 4, 900)
        built = build(true.writer)
        shown = window.window(built, (300, 500))
        waits = [w for w in queues.waits(built) if shown.meets(w.start, w.end)]
        whole_ones = [w for w in waits if w.start >= 300 and w.end <= 500]
        found = latency.measure(built, shown)
        self.assertEqual((len(found.of[latency.ALL]), found.cut),
                         (len(whole_ones), len(waits) - len(whole_ones)))
        self.assertGreater(found.cut, 0)
        self.assertIn(f"{found.cut} waits begun or ended outside",
                      flat(latency.latency(built, shown)))

    def test_a_wait_whose_beginning_a_ring_does_not_tell_is_cut(self) -> None:
        w = Writer(gone=20)
        w.sequences.update({1: 4, 2: 7})
        w.status(2, "ready", 7)
        w.switch(1, 2, PARK)
        found = latency.measure(built := build(w), whole(built))
        self.assertEqual((found.of, found.cut), ({}, 1))

    def test_nobody_waited(self) -> None:
        built = build(Writer())
        self.assertIn("No fiber was made ready and then ran.",
                      flat(latency.latency(built, whole(built))))

    def test_labels_of_the_axis(self) -> None:
        self.assertEqual([latency.tick(n) for n in (0, 2, 3, 5, 6, 8, 9, 12)],
                         ["1 ns", "100 ns", "1 µs", "100 µs", "1 ms", "100 ms", "1 s", "1,000 s"])


@needs_matplotlib
class Moves(unittest.TestCase):
    def test_a_mark_where_a_fiber_was_stolen(self) -> None:
        for true, built in runs():
            people = [f.id for f in built.people()]
            found = arrows.fiber_moves(built, whole(built), people)
            wanted = Counter(fiber for fiber, _, _ in true.steals)
            self.assertEqual({f: len(some) for f, some in zip(people, found.steps) if some}, wanted)
            for row, some in enumerate(found.steps):
                for each in some:
                    record = built.merged.steps[each.step].record
                    self.assertEqual((record.type, record.fiber), (STEAL, people[row]))

    def test_after_it_the_fiber_runs_at_the_thief(self) -> None:
        for _, built in runs():
            for steal in built.steals:
                after = [s for s in built.steals if s.fiber == steal.fiber and s.step > steal.step]
                run = next(r for r in built.runs if r.fiber == steal.fiber and r.start > steal.step)
                if not after or after[0].step > run.start:
                    self.assertEqual(run.worker, steal.thief)

    def test_marks_that_would_lie_on_each_other_are_one(self) -> None:
        scale = lanes.Scale("", 0, lanes.PANEL, True, str)
        moves = arrows.Moves([])
        self.assertEqual(moves.apart([0, 1, 3, 4, 100], scale), [0, 4, 100])

    def test_it_is_explained_where_it_happens(self) -> None:
        for true, built in (runs()[0], runs()[3]):
            seen = flat(fibers.fibers(built, whole(built)))
            self.assertEqual("stolen by another worker" in seen, bool(true.steals))

    def test_sixty_four_and_main_have_a_lane_each(self) -> None:
        built = build(scheduled(1, 64, 4, 1500).writer)
        seen = texts(fibers.fibers(built, whole(built))).split("\n")
        for name in ("main", *(f"job{n}" for n in range(1, 65))):
            self.assertEqual(seen.count(name), 2, name)


@needs_matplotlib
class Odd(unittest.TestCase):
    """Records that contradict the others, and those of a trace that is not whole."""

    def draw(self, w: Writer) -> str:
        built = build(w)
        return " ".join(flat(draw(built, whole(built)))
                        for draw in (workers.workers, fibers.fibers, latency.latency))

    def writer(self) -> Writer:
        w = Writer(workers=2)
        w.start(1)
        w.start(IDLE_FIBER + 1, 1)
        return w

    def test_a_victim_that_never_ran(self) -> None:
        w = self.writer()
        w.raw(1, STEAL, LOCAL, fiber=5, sequence=w.count(5), peer=77, value=1 << 32)
        w.raw(1, STEAL, 99, fiber=5, sequence=w.count(5), peer=0, value=1 << 32)
        w.stop(1)
        found = arrows.worker_arrows(b := build(w), whole(b), {0: 0, 1: 1})
        self.assertEqual([(a.tail, a.tip) for a in found.steals], [(0, 1)])
        self.draw(w)

    def test_sleeps_that_do_not_end(self) -> None:
        w = self.writer()
        w.raw(1, WORKER_SLEEP, ASLEEP, value=1 << 32 | 1)
        w.raw(1, WORKER_SLEEP, POLLING, value=1 << 32 | 2)
        w.switch(1, IDLE_FIBER, PARK)
        built = build(w)
        self.assertEqual([(s.start, s.end, s.where) for s in built.sleeps],
                         [(2, 3, "asleep"), (3, 4, "in the poller")])
        self.draw(w)

    def test_awake_without_sleep_and_asleep_while_a_fiber_runs(self) -> None:
        w = self.writer()
        w.raw(1, WORKER_AWAKE, EVENT, value=1 << 32 | 1)
        w.raw(0, WORKER_SLEEP, 77, value=2 << 32 | 1)
        w.raw(0, WORKER_AWAKE, EVENT, value=2 << 32 | 2)
        w.raw(0, WORKER_WAKE, 99, peer=55, value=2 << 32 | 3)
        w.switch(IDLE_FIBER + 1, 3, IDLE, worker=1)
        w.finish(3, 1)
        w.switch(3, IDLE_FIBER + 1, FINISH, worker=1)
        self.assertIn("fiber 1", self.draw(w))

    def test_losses_end_a_sleep(self) -> None:
        w = self.writer()
        w.raw(1, WORKER_SLEEP, ASLEEP, value=1 << 32 | 1)
        w.create(2, 1, "job")
        w.ready(2, 1, LOCAL)
        w.dropped = 3
        built = build(w)
        self.assertEqual([(s.start, s.end) for s in built.sleeps], [(2, 2)])
        self.assertIn("lost", self.draw(w))

    def test_made_ready_twice_and_while_it_runs(self) -> None:
        w = self.writer()
        w.create(2, 1, "job")
        w.ready(2, 1, LOCAL)
        w.ready(2, 1, LOCAL)
        w.ready(1, 1, 88)
        w.switch(1, 2, YIELD)
        built = build(w)
        self.assertEqual([(wait.fiber, wait.ran) for wait in queues.waits(built)],
                         [(1, False), (1, False), (2, False), (2, True)])
        self.assertIn("3 waits begun or ended outside", self.draw(w))

    def test_clocks_that_stand_still(self) -> None:
        true = scheduled(1, 20, 3, 300)
        true.writer.records = [[bytes(8) + r[8:] for r in some] for some in true.writer.records]
        self.assertIn("0 ns", self.draw(true.writer))


@needs_matplotlib
class Many(unittest.TestCase):
    """Nothing vanishes, and the picture stays small."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.true = scheduled(1, 3000, 4, MANY, noted=False)
        cls.built = build(cls.true.writer)
        cls.drawn = scheduling.scheduling(cls.built, whole(cls.built), cls.built.workers, 0)

    def test_every_steal_is_in_a_column_that_can_be_seen(self) -> None:
        drawn, strip = self.drawn, self.drawn.below[-1]
        for scale in lanes.scales(self.built, whole(self.built)):
            counts = strip.counts(scale, 358, len(drawn.paints))
            self.assertEqual(int(counts.sum()), len(self.true.steals) + len(self.true.taken))
            columns = bars.Columns(0, 1, counts, counts > 0, counts.sum(axis=0))
            heights = columns.heights(strip.height, plot.nice_top(int(counts.sum(axis=0).max()))[0])
            self.assertTrue((heights[counts > 0] >= 1).all())

    def test_the_ready_fibers_add_up_and_the_highest_moment_is_there(self) -> None:
        drawn, strip = self.drawn, self.drawn.below[0]
        waited = sum(ticks for _, ticks in self.true.waits)
        scale = lanes.scales(self.built, whole(self.built))[1]
        columns = bars.columns(scale.of(strip.stays), len(drawn.paints), scale.low, scale.high, 358)
        self.assertAlmostEqual(float(columns.time.sum()) / waited, 1, 9)
        changes = sorted(each for w in queues.waits(self.built)
                         for each in ((w.start, 1), (w.end, -1)))
        level = most = 0
        for at, (step, change) in enumerate(changes):
            level += change
            if at + 1 == len(changes) or changes[at + 1][0] != step:
                most = max(most, level)
        for scale in lanes.scales(self.built, whole(self.built)):
            self.assertEqual(int(strip.levels.spread(scale, 358)[1].max()), most)

    def test_every_wait_is_in_the_histogram(self) -> None:
        waits = latency.measure(self.built, whole(self.built))
        self.assertEqual(sum(latency.axis_of(waits).counts(waits.of[latency.ALL])),
                         len(self.true.waits))

    def test_the_pictures_are_small(self) -> None:
        for draw in (workers.workers, latency.latency):
            self.assertLess(len(draw(self.built, whole(self.built))), 1_000_000)


@needs_matplotlib
class Command(Files):
    def test_all_draws_latency_where_a_trace_has_ready(self) -> None:
        out = self.directory / "out"
        for writer, there in ((scheduled(1, 8, 2, 100).writer, True), (pingpong(3), False)):
            self.assertEqual(viz("all", self.trace(writer), "--out", out).returncode, 0)
            self.assertEqual((out / "latency.svg").exists(), there)
            page = (out / "index.html").read_text()
            self.assertEqual("How long did a ready fiber wait for a worker?" in page, there)


if __name__ == "__main__":
    unittest.main()
