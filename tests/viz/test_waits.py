"""What is known of waits, and its pictures: against simulated runs, of which it is known who stood
where, who was woken by whom, and how late each timer was."""

from __future__ import annotations

import unittest
import warnings
from collections import Counter
from unittest import mock

from helpers import Files, build, needs_matplotlib, needs_neato, texts, viz, whole
from test_scheduler import MANY
from trace_writer import IDLE, PARK, WAITS as AWAITS, Writer, awaits
from waited import (AWAKE, BEGUN, BOOT, CLOSED, EDGE_READ, IDLER, LATER, LOCAL, MAIN, PIPE,
                    READABLE, REAL, TIMER_DROP, TIMER_FIRE, TIMER_SET, WOKEN, Known, Waits, helped,
                    story, waited)

from weft_viz import (arrows, fibers, lanes, latency, model as m, paints, scheduling, svg, timers,
                      waiters, waiting, waits, window, workers)

OUTCOMES = {0: "begun", 1: "woken", 2: "timed out", 3: "canceled", 4: "closed",
            5: "woken elsewhere"}
WHATS = {1: "its turn in a queue", 2: "readable", 3: "writable", 4: "an offloaded call"}
SMALL = [(seed, 3 + 7 * seed, 300 + 250 * seed, 0.3 * (seed % 2)) for seed in range(8)]
SIZE_MAX = 2_000_000  # bytes of a picture


def flat(picture: bytes) -> str:
    return texts(picture).replace("\n", " ")


def runs() -> list[tuple[Known, m.Model]]:
    found = []
    for seed, number, events, wrong in SMALL:
        true = waited(seed, number, events, wrong=wrong)
        found.append((true, build(true.writer)))
    return found


def all_waiters(built: m.Model) -> list[tuple[waiting.Queue, waiting.Waiter]]:
    return [(queue, each) for queue in built.waiting.queues for each in queue.waiters]


class Queues(unittest.TestCase):
    def test_who_stood_where_after_each_record(self) -> None:
        stood = 0
        for true, built in runs():
            self.assertEqual(built.merged.forced, 0)
            for queue in built.waiting.queues:
                found: dict[int, dict[int, int]] = {}
                for band in waiters.bands(queue):
                    for step in range(band.start, band.end):
                        self.assertNotIn(band.place, found.setdefault(step, {}))
                        found[step][band.place] = band.waiter.fiber
                key = next(k for k in true.lines if (k[0], WHATS[k[1]]) == (queue.object,
                                                                           queue.what))
                for step, wanted in enumerate(true.lines[key][:built.last]):
                    got = found.get(step, {})
                    self.assertEqual(tuple(got[k] for k in sorted(got)), wanted, (key, step))
                    stood += len(wanted)
        self.assertGreater(stood, 1000)

    def test_how_each_wait_ended_and_whether_in_turn(self) -> None:
        early = 0
        for true, built in runs():
            found = Counter((queue.object, w.fiber, w.outcome, w.early)
                            for queue, w in all_waiters(built) if w.outcome)
            self.assertEqual(found, Counter(
                (object_, fiber, OUTCOMES[outcome], outcome == WOKEN and before > 0)
                for object_, fiber, outcome, before in true.ends))
            early += sum(w.early for _, w in all_waiters(built))
        self.assertGreater(early, 10)

    def test_who_woke_whom(self) -> None:
        for true, built in runs():
            some = all_waiters(built)
            self.assertEqual(sum(w.edge is not None for _, w in some), true.kernel)
            self.assertEqual(sum(w.won and w.edge is None and w.waker not in (0, IDLER)
                                 for _, w in some), true.handed)
            for queue, w in some:
                if w.edge:
                    self.assertEqual((w.edge.object, w.edge.direction), (queue.object, queue.what))
                    self.assertLess(w.edge.step, w.end)

    def begun(self) -> Waits:
        """Two fibers wait in one queue of a descriptor."""
        w = Waits()
        w.start(IDLER)
        for fiber in (2, 3):
            w.push(fiber, PIPE, READABLE, 5)
        return w

    def test_a_word_that_woke_nobody_is_not_why_another_hands_on(self) -> None:
        w = self.begun()
        w.edge(IDLER, PIPE, 5, EDGE_READ)  # somebody has the turn
        w.pop(9, 2, PIPE)
        self.assertEqual([each.edge for _, each in all_waiters(build(w))], [None, None])

    def test_one_word_wakes_one(self) -> None:
        w = self.begun()
        w.edge(IDLER, PIPE, 5, EDGE_READ)
        w.pop(IDLER, 2, PIPE)
        w.pop(IDLER, 3, PIPE)
        self.assertEqual([each.edge is not None for _, each in all_waiters(build(w))],
                         [True, False])

    def test_losses_make_no_verdict(self) -> None:
        """Who stood before the others may have left in a lost record."""
        true = waited(5, 30, 1500, wrong=0.5)
        self.assertTrue(any(w.early for _, w in all_waiters(build(true.writer))))
        true.writer.dropped = 1
        built = build(true.writer)
        self.assertFalse(any(w.early for _, w in all_waiters(built)))

    def test_a_pop_without_its_push_is_nobodys(self) -> None:
        w = Waits()
        w.start(MAIN)
        w.pop(MAIN, 9, PIPE)
        w.push(MAIN, PIPE, READABLE, 5)
        w.pop(MAIN, 9, PIPE)
        found = all_waiters(build(w))
        self.assertEqual([(each.fiber, each.outcome) for _, each in found], [(MAIN, "")])

    def test_lives_of_one_number(self) -> None:
        built = build(story())
        self.assertEqual([(life.label, life.object, life.closed, len(life.edges))
                          for life in built.waiting.lives],
                         [("descriptor 5", PIPE, True, 2),
                          ("descriptor 5, life 2", LATER, True, 1)])
        self.assertEqual([queue.label for queue in built.waiting.queues],
                         ["descriptor 5, reading", "offloaded calls 62",
                          "descriptor 5, life 2, writing"])


class Why(unittest.TestCase):
    def test_what_the_parked_wait_for_after_each_record(self) -> None:
        for true, built in runs():
            found: dict[int, Counter[str]] = {}
            for fiber in built.people():
                for state in fiber.states:
                    if state.name == m.PARKED:
                        for step in range(state.start, state.end):
                            found.setdefault(step, Counter())[state.why] += 1
            for step, wanted in enumerate(true.parked[:built.last]):
                self.assertEqual(found.get(step, Counter()), Counter(wanted), step)

    def parked(self, w: Writer) -> list[str]:
        return [state.why for fiber in build(w).people() for state in fiber.states
                if state.name == m.PARKED]

    def begun(self) -> Waits:
        w = helped()
        w.start(MAIN)
        return w

    def test_woken_before_it_parks(self) -> None:
        """The claim comes while the fiber is about to park; its own worker makes it ready."""
        w = self.begun()
        w.push(MAIN, PIPE, READABLE, 5)
        w.pop(0, MAIN, PIPE, segment=1)
        w.switch(MAIN, IDLER, PARK)
        w.ready(MAIN, IDLER, LOCAL)
        self.assertEqual(self.parked(w), ["I/O"])

    def test_a_wait_that_needed_no_park_says_nothing_of_the_next(self) -> None:
        w = self.begun()
        w.push(MAIN, PIPE, READABLE, 5)
        w.pop(0, MAIN, PIPE, segment=1)
        w.own(TIMER_SET, MAIN, AWAKE, 10**9)
        w.switch(MAIN, IDLER, PARK)
        self.assertEqual(self.parked(w), ["timer"])

    def test_a_deadline_of_a_wait_is_not_the_reason(self) -> None:
        for first in (True, False):
            w = self.begun()
            if first:
                w.own(TIMER_SET, MAIN, AWAKE, 10**9)
            w.push(MAIN, PIPE, READABLE, 5)
            if not first:
                w.own(TIMER_SET, MAIN, AWAKE, 10**9)
            w.switch(MAIN, IDLER, PARK)
            self.assertEqual(self.parked(w), ["I/O"], first)

    def test_a_result(self) -> None:
        w = self.begun()
        w.wait_for(MAIN, 2, AWAITS)
        w.own(TIMER_SET, MAIN, AWAKE, 10**9)
        w.switch(MAIN, IDLER, PARK)
        self.assertEqual(self.parked(w), ["await"])

    def test_only_the_first_park_after_it(self) -> None:
        w = self.begun()
        w.push(MAIN, PIPE, READABLE, 5)
        w.switch(MAIN, IDLER, PARK)
        w.pop(IDLER, MAIN, PIPE)
        w.ready(MAIN, IDLER, LOCAL)
        w.switch(IDLER, MAIN, IDLE)
        w.switch(MAIN, IDLER, PARK)
        self.assertEqual(self.parked(w), ["I/O", ""])


class Timers(unittest.TestCase):
    def test_each_timer_and_how_late_it_was(self) -> None:
        fired = 0
        for true, built in runs():
            found = timers.measure(built, whole(built))
            self.assertEqual(sorted(true.late), found.late.get(timers.ALL, []))
            self.assertEqual((len(found.timers), found.ends["fired"], found.ends["dropped"]),
                             (true.set, len(true.late), true.dropped))
            fired += len(true.late)
        self.assertGreater(fired, 100)

    def sleeper(self, clock: int, deadline: int, now: int) -> Waits:
        w = Waits()
        w.start(MAIN)
        w.own(TIMER_SET, MAIN, clock, deadline)
        w.own(TIMER_FIRE, MAIN, clock, now)
        w.stop(MAIN)
        return w

    def test_an_early_one_is_a_fault(self) -> None:
        built = build(self.sleeper(AWAKE, 5_000, 4_000))
        found = timers.measure(built, whole(built))
        self.assertEqual(([t.late for t in found.early], found.late), ([-1_000], {}))
        self.assertIn("1 timer fired BEFORE the deadline, by up to 1,000 ns", timers.numbers(found))

    def test_clocks_are_apart(self) -> None:
        w = self.sleeper(AWAKE, 5_000, 5_100)
        w.own(TIMER_SET, MAIN, REAL, 10**18)
        w.own(TIMER_FIRE, MAIN, REAL, 10**18 + 300)
        built = build(w)
        found = timers.measure(built, whole(built))
        self.assertEqual(found.late, {"all timers": [100, 300], "awake": [100], "real": [300]})

    def test_a_window_has_its_own(self) -> None:
        built = build(story())
        last = next(t for t in built.waiting.timers if t.outcome == "dropped")
        found = timers.measure(built, window.window(built, (last.start, None)))
        self.assertEqual([t.fiber for t in found.timers], [MAIN])

    def test_deadlines_on_the_axis(self) -> None:
        """A timer that fired ends so late after its deadline as it says; one of a clock that
        nothing tells of has no deadline."""
        built = build(story())
        shift = timers.shifts(built)
        for timer in built.waiting.timers:
            line = timers.line_of(built, timer, shift)
            if timer.outcome == "fired":
                self.assertAlmostEqual(line.end - line.deadline, timer.late, delta=1_000)
                self.assertGreaterEqual(line.end - line.deadline, timer.late)
        w = self.sleeper(AWAKE, 5_000, 5_100)  # recorded soon after the clock was read
        fired, first = w.tick - 500, 1_500  # ticks
        w.own(TIMER_SET, MAIN, AWAKE, 8_000)
        w.tick += 10_000
        w.own(TIMER_FIRE, MAIN, AWAKE, 8_100)  # and this one late
        self.assertEqual(timers.shifts(build(w))["awake"], fired - first - 5_100)
        w = Waits()
        w.start(MAIN)
        w.own(TIMER_SET, MAIN, BOOT, 10**9)
        w.own(TIMER_DROP, MAIN)
        built = build(w)
        line = timers.line_of(built, built.waiting.timers[0], timers.shifts(built))
        self.assertEqual((line.deadline, line.words), (None, "dropped"))


@needs_matplotlib
class TimersPicture(unittest.TestCase):
    def test_few_have_a_line_each(self) -> None:
        built = build(story())
        seen = flat(timers.timers(built, whole(built)))
        for words in ("3 timers set: 2 fired, 1 dropped.", "900 ns late", "3.2 µs late",
                      "dropped, due in", "napper", "set, and not yet due"):
            self.assertIn(words, seen)
        self.assertNotIn("logarithmic", seen)

    def test_many_are_counted(self) -> None:
        true = waited(4, 30, 2000)
        built = build(true.writer)
        seen, late = flat(timers.timers(built, whole(built))), sorted(true.late)
        self.assertGreater(true.set, timers.LINES_MAX)
        for name, share in (("median", 0.5), ("p99", 0.99), ("largest", 1.0)):
            self.assertIn(f"{name} {lanes.duration(latency.percentile(late, share))}", seen)
        self.assertIn(f"{true.set} timers set: {len(late)} fired, {true.dropped} dropped", seen)
        self.assertIn("logarithmic", seen)

    def test_no_timer(self) -> None:
        built = build(awaits())
        self.assertIn("No timer fired.", flat(timers.timers(built, whole(built))))


@needs_matplotlib
class WaitersPicture(unittest.TestCase):
    def test_a_strip_a_queue_and_its_end_signs(self) -> None:
        built = build(story())
        seen = flat(waiters.waiters(built, whole(built)))
        for words in ("Descriptor 5, reading", "Offloaded calls 62",
                      "Descriptor 5, life 2, writing",
                      "4 waits, 2 woken by the kernel, 1 woken by others, 1 timed out",
                      "its deadline passed", "came back to the front", "first in line"):
            self.assertIn(words, seen)
        self.assertNotIn("canceled", seen)
        self.assertNotIn("its turn came although", seen)

    def test_out_of_turn_is_red(self) -> None:
        for early in (False, True):
            built = build(story(early))
            picture = waiters.waiters(built, whole(built))
            self.assertEqual("its turn came although others stood" in flat(picture), early)
            self.assertEqual(svg.VERMILION.encode() in picture, early)
            self.assertEqual("c was woken out of turn, in descriptor 5, reading."
                             in waiters.describe(built, whole(built)), early)

    def test_no_queue(self) -> None:
        built = build(awaits())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.assertIn("No fiber waited in a queue.",
                          flat(waiters.waiters(built, whole(built))))

    def test_only_who_was_woken_out_of_turn_is_red(self) -> None:
        built = build(story(True))
        colors, paint = waiters.palette(built)
        painter = lanes.Painter(colors, 0.0, str)
        drawn = waiters.gather(built, whole(built), paint, len(colors) - 2)
        found = {(band.waiter.fiber, colors[line.index(painter, band.waiter)] == waiters.RED)
                 for line in drawn.lines() for band in line.bands}
        self.assertEqual({fiber for fiber, red in found if red}, {4})
        self.assertEqual({fiber for fiber, red in found if not red}, {MAIN, 2, 3, 6})

    def marked(self, built: m.Model) -> Counter[str]:
        colors, paint = waiters.palette(built)
        drawn = waiters.gather(built, whole(built), paint, len(colors) - 2)
        self.assertEqual((drawn.counted, drawn.left_out), (0, 0))
        return sum((Counter({name: len(some) for name, some in each.marked().items()})
                    for each in drawn.lines()), Counter())

    def test_a_sign_for_each_end_that_is_no_wake(self) -> None:
        for true, built in runs()[:4]:
            wanted = Counter(OUTCOMES[outcome] for _, _, outcome, _ in true.ends
                             if outcome not in (WOKEN, BEGUN))
            wanted["returned"] = sum(w.returned for _, w in all_waiters(built))
            self.assertEqual(self.marked(built), +wanted)

    def test_a_close_ends_all_waits(self) -> None:
        w = Waits()
        w.start(MAIN)
        for fiber in (2, 3):
            w.push(fiber, PIPE, READABLE, 5)
        for fiber in (2, 3):
            w.pop(MAIN, fiber, PIPE, CLOSED)
        w.close(MAIN, PIPE, 5)
        built = build(w)
        self.assertEqual(self.marked(built), {"closed": 2})
        self.assertIn("the descriptor closed", flat(waiters.waiters(built, whole(built))))

    def test_long_queues_are_counted(self) -> None:
        w = Waits()
        w.start(MAIN)
        many = waiters.PLACES_MAX + 1
        for fiber in range(2, 2 + many):
            w.push(fiber, PIPE, READABLE, 5)
        w.pop(MAIN, 5, PIPE)
        w.stop(MAIN)
        built = build(w)
        colors, paint = waiters.palette(built)
        strip, = waiters.gather(built, whole(built), paint, len(colors) - 2).strips
        self.assertIsInstance(strip, waiters.Length)
        self.assertEqual((int(strip.counted.levels.after.max()), len(strip.early)), (many, 1))
        seen = flat(waiters.waiters(built, whole(built)))
        for words in ("is counted: how many stand in it", "its turn came although others stood",
                      f"{many} waits, 1 woken by others, {many - 1} not over"):
            self.assertIn(words, seen)

    def test_of_many_queues_those_out_of_order_come_first(self) -> None:
        w = Waits()
        w.start(MAIN)
        last = 100 + waiters.QUEUES_MAX
        for object_ in range(100, last):
            w.push(2, object_, 1)
        w.push(3, last, 1)
        w.push(4, last, 1)
        w.pop(MAIN, 4, last)
        built = build(w)
        found = [queue.object for queue in waiters.chosen(built, whole(built))]
        self.assertEqual((len(found), found[-1]), (waiters.QUEUES_MAX, last))
        self.assertIn("1 queue with less waiting left out",
                      flat(waiters.waiters(built, whole(built))))


@needs_matplotlib
class WaitsPicture(unittest.TestCase):
    def layer(self, built: m.Model, shown: window.Window | None = None) -> waits.Signs:
        shown = shown or whole(built)
        people, _ = waits.shown_fibers(built, shown)
        self.rows = waits.all_lanes(built, shown, people)[1]
        return waits.signs(built, shown, self.rows)

    def test_arrows_of_the_story(self) -> None:
        built = build(story())
        layer = self.layer(built)
        name = {row: built.fibers[fiber].label for fiber, row in self.rows.fibers.items()}
        name |= {row: object_ for object_, row in self.rows.lives.items()}
        name |= {row: "helper" for row in self.rows.helpers.values()}
        found = {kind: [(name[a.tail], name[a.tip]) for a in some]
                 for kind, some in layer.arrows.items()}
        self.assertEqual(found, {
            waits.KERNEL: [(PIPE, "a"), (PIPE, "b"), (LATER, "main"), ("helper", "caller")],
            waits.HANDED: [("a", "b")], waits.CANCEL: []})

    def test_an_arrow_begins_at_the_kernels_word(self) -> None:
        built = build(story())
        layer = self.layer(built)
        edges = {edge.step for edge in built.waiting.edges()}
        from_words = [a for a in layer.arrows[waits.KERNEL] if a.tail in self.rows.lives.values()]
        self.assertEqual({a.step for a in from_words}, edges)

    def test_signs_count_what_the_kernel_said(self) -> None:
        for true, built in runs()[:3]:  # of so few fibers that each has a lane
            layer = self.layer(built)
            found = {sign: len(some) for sign, some in layer.words.items()}
            wanted = Counter(waits.sign_of(edge) for edge in built.waiting.edges())
            self.assertEqual(found, dict(wanted))
            self.assertEqual(sum(found.values()), true.kernel)
            self.assertEqual(len(layer.fired), len(true.late))

    def test_lanes_above_and_below(self) -> None:
        built = build(story())
        seen = texts(waits.waits(built, whole(built))).split("\n")
        for lane in ("main", "a", "napper", "caller", "The kernel", "poller", "fd 5, life 1",
                     "fd 5, life 2", "Helper threads", "helper 1"):
            self.assertEqual(seen.count(lane) >= 2, True, lane)  # in both panels
        for words in ("for caller", "worker 0 waits", "the kernel says: readable",
                      "the kernel says: hung up", "waits for an offloaded call"):
            self.assertIn(words, seen)
        self.assertNotIn("the kernel says: writable", seen)

    def test_a_descriptor_is_watched_until_it_closes(self) -> None:
        built = build(story())
        first, second = (waits.life_lane(built, life).by_step for life in built.waiting.lives)
        watch, close = (next(s.number for s in built.merged.steps if s.record.type == type_
                             and s.record.value >> 32 == PIPE) for type_ in (28, 30))
        self.assertEqual((first.starts[0], first.ends[0]), (watch, close))
        self.assertGreater(second.starts[0], first.ends[0])

    def test_too_many_arrows_are_left_out_and_counted(self) -> None:
        true = waited(3, 20, 1500)
        built = build(true.writer)
        with mock.patch.object(waits, "ARROWS_MAX", 10):
            layer = self.layer(built)
        number = (true.kernel + true.handed + sum(call.ended for call in built.waiting.calls)
                  + len(built.waiting.cancels))
        self.assertEqual(layer.arrows, {})
        self.assertIn(f"those of {number} wakes", layer.left_out)

    def test_a_window_has_its_own_signs(self) -> None:
        built = build(story())
        layer = self.layer(built, window.window(built, (85, None)))
        self.assertEqual({k: len(v) for k, v in layer.words.items()}, {waits.HUNG_AT: 1})
        self.assertEqual(len(layer.arrows[waits.KERNEL]), 1)

    def test_many_fibers_are_counted_and_the_longest_waiters_have_lanes(self) -> None:
        true = waited(6, 150, 4000)
        built = build(true.writer)
        seen = flat(waits.waits(built, whole(built)))
        for words in ("how many of 151 fibers are in each state", "most I/O, ", "most timer, "):
            self.assertIn(words, seen)

    def test_those_who_cannot_see_it_hear_the_numbers(self) -> None:
        built = build(story())
        said = waits.describe(built, whole(built))
        for words in ("The kernel said 3 words on 2 descriptors.", "Helper threads made 1 call.",
                      "Descriptor 5, reading: 4 waits, 2 woken by the kernel, 1 woken by others, "
                      "1 timed out."):
            self.assertIn(words, said)


@needs_matplotlib
class Beside(unittest.TestCase):
    """fibers.svg and workers.svg tell waits apart, where there are any."""

    def test_lanes_say_why(self) -> None:
        built = build(story())
        picture = fibers.fibers(built, whole(built))
        seen = texts(picture).split("\n")
        for words in ("I/O", "timer", "offload", "waits for I/O", "waits for its timer"):
            self.assertIn(words, seen)
        self.assertNotIn("waits for its turn in a queue", seen)
        self.assertIn("napper: new for", fibers.describe(built, built.people()))
        self.assertIn("parked for timer for", fibers.describe(built, built.people()))

    def test_without_waits_an_await_is_a_park(self) -> None:
        built = build(awaits())
        self.assertIn("await", {s.why for f in built.people() for s in f.states})
        look = fibers.looks_of(built)
        self.assertTrue(all(look(s) == s.name for f in built.people() for s in f.states))
        self.assertNotIn("result", flat(fibers.fibers(built, whole(built))))
        self.assertNotIn("are parked", flat(workers.workers(built, whole(built))))

    def test_parked_fibers_over_time(self) -> None:
        """The strip's areas, a column a step, against what is known after each record."""
        for true, built in runs():
            drawn = scheduling.Scheduling(arrows.Arrows())
            scheduling.add_parked(built, whole(built), drawn, 0)
            strip, = drawn.below
            after = strip.levels.after
            for step, wanted in enumerate(true.parked[:built.last]):
                self.assertEqual(after[step], sum(wanted.values()), step)
            names = {words for _, words in drawn.keys}
            some = {why for row in true.parked for why in row}
            self.assertEqual(names, {paints.WAIT_WORDS.get(why, "parked, waiting")
                                     for why in some})

    def test_all_that_is_parked_is_chosen_from(self) -> None:
        built = build(waited(2, 120, 3000).writer)
        every, stays = fibers.gather(built, whole(built), built.people())
        sums = fibers.spent(built.people(), stays, every, lanes.scales(built, whole(built))[1])
        self.assertEqual(sums.total(m.PARKED), sum(
            s.end_tick - s.start_tick for f in built.people() for s in f.states
            if s.name == m.PARKED))


@needs_matplotlib
@needs_neato
class Command(Files):
    def test_the_pictures_of_waits_are_made_where_there_are_waits(self) -> None:
        out = self.directory / "out"
        for writer, there in ((story(), True), (awaits(), False)):
            run = viz("all", self.trace(writer), "--out", out)
            self.assertEqual((run.returncode, run.stderr), (0, ""))
            page = (out / "index.html").read_text()
            for name in ("waits", "waiters", "timers"):
                self.assertEqual((out / f"{name}.svg").exists(), there, name)
                self.assertEqual(f'id="{name}-part"' in page, there, name)

    def test_only_a_timer(self) -> None:
        w = Waits()
        w.start(MAIN)
        w.own(TIMER_SET, MAIN, AWAKE, 10**6)
        w.stop(MAIN)
        out = self.directory / "out"
        self.assertEqual(viz("all", self.trace(w), "--out", out).returncode, 0)
        self.assertEqual({name for name in ("waits", "waiters", "timers")
                          if (out / f"{name}.svg").exists()}, {"waits", "timers"})


@needs_matplotlib
class Many(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        """Of many waits a fiber; fibers.svg and others are tried with more fibers."""
        cls.true = waited(7, min(2_000, MANY // 100), MANY, noted=False)
        cls.built = build(cls.true.writer)

    def test_they_are_counted(self) -> None:
        found = timers.measure(self.built, whole(self.built))
        self.assertEqual(found.late[timers.ALL], sorted(self.true.late))
        self.assertEqual(sum(w.edge is not None for _, w in all_waiters(self.built)),
                         self.true.kernel)

    def test_every_picture_stays_small(self) -> None:
        for draw in (waits.waits, waiters.waiters, timers.timers, fibers.fibers):
            self.assertLess(len(draw(self.built, whole(self.built))), SIZE_MAX, draw.__name__)


if __name__ == "__main__":
    unittest.main()
