"""weft-trace fxt: read back by a reader of its own, and compared with the trace."""

from __future__ import annotations

import os
import resource
import subprocess
import unittest
from collections import Counter, defaultdict
from pathlib import Path

import fxt_reader
from expected import TOOL, Expected, expect, facts, weft_trace
from exports import Exports, newer_text
from fxt_reader import BEGIN, COUNTER, END, INSTANT, Event, Fxt, Object, Switch, Wakeup
from trace_writer import (IDLE, IDLE_FIBER, MARK, PARK, SPAN_BEGIN, SPAN_END, YIELD, Writer,
                          awaits, crowd, elsewhere, pingpong)

STATES = {"yield": fxt_reader.RUNNING, "finish": fxt_reader.DEAD}
ABOUT = "about this trace"
OUTSIDE = 0xFFFF8000  # threads for what no fiber does


class Checked(Exports):
    def fxt(self, path: Path) -> Fxt:
        """The export of `path`, found sound and to hold what the trace holds."""
        fxt = fxt_reader.read(self.export(path, "fxt"))
        self.check_form(fxt)
        self.check_content(fxt, expect(path), facts(path))
        return fxt

    def check_form(self, fxt: Fxt) -> None:
        self.assertEqual((fxt.provider, fxt.ticks_per_second), ("weft-trace", 10**9))
        times = [r.ns for r in fxt.records if not isinstance(r, Object)]
        self.assert_same(times, sorted(times))
        self.check_objects(fxt)
        depth: Counter[int] = Counter()
        for event in fxt.of(Event):
            depth[event.thread] += (event.kind == BEGIN) - (event.kind == END)
            self.assertGreaterEqual(depth[event.thread], 0, f"{event} ends nothing")

    def check_objects(self, fxt: Fxt) -> None:
        """Whatever a record names has a name by then, and one only."""
        threads: set[int] = set()
        for record in fxt.records:
            if isinstance(record, Object):
                self.assertNotIn((record.kind, record.koid), threads)
                threads.add((record.kind, record.koid))
                self.assertTrue(record.name)
                if record.kind == fxt_reader.THREAD:
                    self.assertEqual(record.arguments, {"process": 1})
                continue
            used = {Switch: lambda r: [r.outgoing, r.incoming],
                    Wakeup: lambda r: [r.thread, r.arguments["waker"]],
                    Event: lambda r: [r.thread]}[type(record)](record)
            for thread in used:
                self.assertIn((fxt_reader.THREAD, thread), threads, str(record))
                self.assertLess(thread, 2**32)
        self.assertIn((fxt_reader.PROCESS, 1), threads)

    def check_content(self, fxt: Fxt, expected: Expected, counted: dict[str, int]) -> None:
        self.check_switches(fxt, expected)
        wakes = [(w.ns, w.cpu, w.thread) for w in fxt.of(Wakeup)]
        self.assert_same(wakes, [wake[:3] for wake in expected.wakes])
        for wake, (_, _, _, waker) in zip(fxt.of(Wakeup), expected.wakes):
            if waker:
                self.assertEqual(wake.arguments["waker"], waker)
            else:
                self.assertGreaterEqual(wake.arguments["waker"], OUTSIDE)
        self.check_events(fxt, expected)
        self.check_counts(fxt, expected, counted)

    def check_switches(self, fxt: Fxt, expected: Expected) -> None:
        ordinary, special = [], defaultdict(list)
        for s in fxt.of(Switch):
            reason = s.arguments["reason"]
            if reason.startswith("worker "):
                fiber = s.incoming if reason == "worker starts" else s.outgoing
                special[reason].append((s.ns, s.cpu, fiber))
                self.assertEqual(s.state, fxt_reader.RUNNING if reason == "worker starts" else
                                 fxt_reader.DEAD)
            else:
                ordinary.append((s.ns, s.cpu, s.outgoing, s.incoming, reason, s.state))
            self.check_weight(s, "outgoing_weight", s.outgoing)
            self.check_weight(s, "incoming_weight", s.incoming)
        self.assert_same(ordinary, [
            (s.ns, s.worker, s.previous, s.following, s.reason,
             STATES.get(s.reason, fxt_reader.BLOCKED)) for s in expected.switches])
        self.assertEqual(special["worker starts"], expected.starts)
        self.assertEqual(special["worker stops"], expected.stops)

    def check_weight(self, switch: Switch, name: str, thread: int) -> None:
        """Only what is no fiber is idle."""
        weight = fxt_reader.IDLE_WEIGHT if thread >= IDLE_FIBER else None
        self.assertEqual(switch.arguments.get(name), weight, str(switch))

    def check_waits(self, durations: list[tuple[int, int, str, str]]) -> None:
        """A fiber waits for one thing at a time: each begin has its end before the next."""
        for thread in {d[1] for d in durations}:
            own = [d for d in durations if d[1] == thread]
            self.assertEqual([d[2] for d in own], ["BE"[i % 2] for i in range(len(own))])
            self.assertEqual([d[3] for d in own[0:len(own) // 2 * 2:2]], [d[3] for d in own[1::2]])

    def check_events(self, fxt: Fxt, expected: Expected) -> None:
        events = fxt.of(Event)
        durations = [(e.ns, e.thread, "B" if e.kind == BEGIN else "E", e.name) for e in events
                     if e.kind in (BEGIN, END)]
        self.assert_same([d for d in durations if not d[3].startswith("waits: ")], expected.spans)
        self.check_waits([d for d in durations if d[3].startswith("waits: ")])
        instants = [e for e in events if e.kind == INSTANT]
        marks = [(e.ns, e.thread, e.name, e.arguments["number"]) for e in instants
                 if "number" in e.arguments]
        self.assert_same(marks, expected.marks)
        self.assert_same([(e.ns, e.name) for e in instants
                          if "number" not in e.arguments and e.name != ABOUT],
                         expected.instants)

    def check_counts(self, fxt: Fxt, expected: Expected, counted: dict[str, int]) -> None:
        counters = [e for e in fxt.of(Event) if e.kind == COUNTER and e.name == "fibers"]
        self.assert_same([(c.ns, c.arguments["live"], c.arguments["ready"]) for c in counters],
                         expected.counts)
        spans = sum(r.kind == BEGIN and not r.name.startswith("waits: ") for r in fxt.of(Event))
        self.assertEqual(spans, counted["spans"])
        self.assertEqual(len(fxt.of(Wakeup)), counted["readies"])
        reasons = Counter(s.arguments["reason"] for s in fxt.of(Switch))
        for name, value in counted.items():
            if name.startswith("switches."):
                self.assertEqual(reasons[name.removeprefix("switches.")], value, name)
        about = [e for e in fxt.of(Event) if e.name == ABOUT]
        self.assertEqual(len(about), 1)
        self.assertEqual(about[0].arguments["records"], counted["records"])
        self.assertEqual(about[0].arguments["records_lost"], counted["dropped"])
        self.assertEqual(about[0].arguments["closed"], counted["clean"])
        self.assertEqual(about[0].arguments["ticks_repaired"], counted["repairs"])
        self.assertEqual(fxt.buffer_full, int(counted["dropped"] > 0))


def names(fxt: Fxt) -> dict[int, str]:
    return {o.koid: o.name for o in fxt.of(Object) if o.kind == fxt_reader.THREAD}


class Traces(Checked):
    def test_golden(self) -> None:
        for path in self.golden():
            with self.subTest(path.stem):
                self.fxt(path)

    def test_made(self) -> None:
        for made in (pingpong(), crowd(20, workers=2), awaits(site=True), elsewhere(True)):
            self.fxt(self.trace(made))

    def test_runs_of_the_chapters(self) -> None:
        self.fxt(self.demo(1))
        fxt = self.fxt(self.demo(2))
        self.assertTrue({s.cpu for s in fxt.of(Switch)})
        self.assertIn("main", names(fxt).values())

    def test_names(self) -> None:
        w = Writer()
        w.start(1)
        w.name(1, "main")
        w.create(2, 1, "work")
        w.create(3, 1, "work")
        w.switch(1, 7, PARK)
        fxt = self.fxt(self.trace(w, "named.weft"))
        self.assertEqual({1: "main", 2: "work 2", 3: "work 3", 7: "fiber 7"},
                         {k: v for k, v in names(fxt).items() if k < IDLE_FIBER})
        process, = (o for o in fxt.of(Object) if o.kind == fxt_reader.PROCESS)
        self.assertEqual(process.name, "named.weft (process 42)")

    def test_a_trace_without_events(self) -> None:
        fxt = self.fxt(self.trace(Writer()))
        self.assertEqual([type(r) for r in fxt.records if not isinstance(r, Object)], [Event])

    def test_killed_and_lossy(self) -> None:
        killed, lost = Writer(clean=False), Writer(dropped=3)
        for w in (killed, lost):
            w.start(1)
            w.span(1, "open", SPAN_BEGIN)
        self.assertEqual(self.fxt(self.trace(killed)).buffer_full, 0)
        self.assertEqual(self.fxt(self.trace(lost)).buffer_full, 1)

    def test_an_end_without_its_beginning_is_left_out_and_counted(self) -> None:
        w = Writer()
        w.start(1)
        w.span(1, "whole", SPAN_BEGIN)
        w.span(1, "whole", SPAN_END)
        w.span(1, "half", SPAN_END)
        fxt = self.fxt(self.trace(w))
        about = fxt.of(Event)[-1]
        self.assertEqual(about.arguments["spans_without_begin"], 1)

    def test_sites_are_arguments(self) -> None:
        fxt = self.fxt(self.trace(awaits(site=True)))
        site = "src/future/future.c:1 weft_await"
        self.assertIn(site, [s.arguments.get("site") for s in fxt.of(Switch)])
        self.assertIn(site, [e.arguments.get("site") for e in fxt.of(Event)
                             if e.name == "READY"])

    def test_texts_of_any_bytes(self) -> None:
        w = Writer()
        w.start(1)
        for text in (b"", b"\xff\x1b[2J", "åß∂ 糸".encode(), b"long " * 200, b"seven..",
                     b"eight..."):
            w.raw(0, SPAN_BEGIN, fiber=1, sequence=w.count(1), value=w.string(text))
        fxt = fxt_reader.read(self.export(self.trace(w), "fxt"))
        found = [e.name for e in fxt.of(Event) if e.kind == BEGIN]
        self.assertEqual(found[:3], ["", "\\xff\\x1b[2J", "åß∂ 糸"])
        self.assertEqual(found[4:], ["seven..", "eight..."])
        self.assertLess(len(found[3]), 256)
        self.assertTrue(found[3].startswith("long long") and found[3].endswith("..."))

    def test_marks_without_a_fiber_and_wide_numbers(self) -> None:
        w = Writer()
        w.raw(0, MARK, value=2**32 - 1 << 32 | w.string("outside"))
        w.start(1)
        fxt = self.fxt_unchecked(w)
        mark = next(e for e in fxt.of(Event) if e.name == "outside")
        self.assertEqual(mark.arguments["number"], 2**32 - 1)
        self.assertEqual(names(fxt)[mark.thread], "worker 0, outside fibers")
        start = next(e for e in fxt.of(Event) if e.name == "WORKER_START")
        self.assertEqual(start.arguments["os_thread"], 77)

    def fxt_unchecked(self, w: Writer) -> Fxt:
        fxt = fxt_reader.read(self.export(self.trace(w), "fxt"))
        self.check_form(fxt)
        return fxt

    def test_the_clock_is_converted_and_repaired(self) -> None:
        w = Writer(ticks_per_second=3_000_000_000)
        w.create(1, 0, "main", tick=1_000 + 3_000)
        w.start(1, tick=1_000 + 2_000)
        w.switch(1, 2, YIELD, tick=1_000 + 9_001)
        fxt = self.fxt(self.trace(w))
        self.assertEqual([s.ns for s in fxt.of(Switch)], [1000, 3000])

    def test_damaged_ticks(self) -> None:
        w = Writer()
        w.start(1, tick=2**64 - 1)
        fxt = fxt_reader.read(self.export(self.trace(w), "fxt"))
        self.assertEqual({r.ns for r in fxt.of(Switch)}, {2**63 - 1})


class Newer(Checked):
    """Events that come with later modules, by the trace's own schema."""

    def setUp(self) -> None:
        super().setUp()
        fxt = fxt_reader.read(self.export(self.undump(newer_text()), "fxt"))
        self.check_form(fxt)
        self.fxt_file = fxt
        self.events = fxt.of(Event)

    def test_steal(self) -> None:
        steal, = (e for e in self.events if e.name == "STEAL")
        self.assertEqual((steal.kind, steal.thread, steal.category), (INSTANT, 2, "scheduler"))
        self.assertEqual(steal.arguments, {"queue": "local", "victim": 0, "size": 1,
                                           "batch": 5})

    def test_causes_of_ready(self) -> None:
        readies = [e.arguments for e in self.events if e.name == "READY"]
        self.assertEqual(readies, [{"place": "local", "waker": "fiber 1", "cause": 77},
                                   {"place": "remote", "cause": 78}])
        self.assertGreaterEqual(self.fxt_file.of(Wakeup)[1].arguments["waker"], OUTSIDE)

    def test_queue_length(self) -> None:
        queues = [(e.name, e.id, e.arguments) for e in self.events
                  if e.kind == COUNTER and e.name != "fibers"]
        self.assertEqual(queues, [("queue of worker 0", 0, {"local": 1, "injected": 3}),
                                  ("queue of worker 0", 0, {"local": 0, "injected": 0})])

    def test_status_counts_fibers_whose_beginning_is_missing(self) -> None:
        counts = [(e.arguments["live"], e.arguments["ready"]) for e in self.events
                  if e.name == "fibers"]
        self.assertEqual(counts[:6], [(1, 0), (2, 0), (3, 1), (4, 1), (4, 2), (4, 1)])
        self.assertNotIn("STATUS", [e.name for e in self.events])

    def test_an_event_that_the_schema_lacks(self) -> None:
        self.assertIn("type-222", [e.name for e in self.events])


class Rings(Checked):
    def test_the_end_of_a_run(self) -> None:
        path = self.ring()
        fxt = fxt_reader.read(self.export(path, "fxt"))
        self.check_form(fxt)
        about, = (e for e in fxt.of(Event) if e.name == "about this trace")
        self.assertEqual(about.arguments["only_the_end"], 1)
        self.assertGreater(len(fxt.of(Switch)), 50)
        self.assertLessEqual(len(fxt.of(Switch)), 200)

    def test_threads_that_are_no_workers(self) -> None:
        text = "weft-trace-text 1\nheader workers=1\nsegment 0\nsegment 1 role=2\n" \
               "0 1000 CREATE child=1\n1 2000 type-222 .fiber=0 .arg=7\n"
        fxt = fxt_reader.read(self.export(self.undump(text), "fxt"))
        self.assertIn("foreign thread 1, outside fibers", names(fxt).values())


class Large(Checked):
    """More fibers than a thread table has places, more texts than the string table has.
    EXPORT_FIBERS=100000 tries the size that the format must carry: a million records."""

    def test_many_fibers_and_texts(self) -> None:
        fibers = int(os.environ.get("EXPORT_FIBERS", "4000"))
        w = Writer(workers=2)
        w.start(1)
        for fiber in range(2, fibers + 2):
            w.spawn(fiber, 1, f"fiber of {fiber}")
            w.switch(1, fiber, YIELD)
            for turn in range(10 if fibers < 10000 else 1):
                w.span(fiber, f"span {fiber} {turn}", SPAN_BEGIN)
                w.span(fiber, "", SPAN_END)
            w.switch(fiber, 1, PARK)
            w.ready(fiber, 1)
            w.switch(1, fiber, YIELD)
            w.finish(fiber)
            w.switch(fiber, 1, IDLE - 2)
        path = self.trace(w)
        fxt = fxt_reader.read(self.export(path, "fxt"))
        self.check_form(fxt)
        found = expect(path)
        self.check_switches(fxt, found)
        self.check_events(fxt, found)
        self.assertEqual(len(fxt.strings), 32767)
        self.assertGreater(fxt.inline_strings, fibers)
        self.assertEqual(len(names(fxt)), fibers + 2)
        last = [e.arguments for e in fxt.of(Event) if e.kind == COUNTER][-1]
        self.assertEqual(last, {"live": 1, "ready": 0})


class Complaints(Checked):
    def complain(self, *words: str | Path) -> str:
        run = weft_trace("fxt", *words)
        self.assert_one_line(run, 3, "weft-trace: ")
        return run.stderr

    def test_outputs_that_cannot_be(self) -> None:
        path = self.trace(pingpong())
        before = path.read_bytes()
        self.assertIn("is the trace itself", self.complain(path, path))
        link = self.directory / "link"
        link.symlink_to(path)
        self.assertIn("is the trace itself", self.complain(path, link))
        self.assertEqual(path.read_bytes(), before)
        self.assertIn("no such file or directory", self.complain(path, "/there/is/no/a.fxt"))
        self.assertIn("is a directory", self.complain(path, self.directory))
        self.assertIn("none.weft", self.complain(self.directory / "none.weft", "a.fxt"))
        self.assertEqual(sorted(p.name for p in self.directory.iterdir()), ["a.weft", "link"])

    @unittest.skipUnless(os.access("/dev/full", os.W_OK), "there is no /dev/full here")
    def test_a_full_disk(self) -> None:
        path = self.trace(pingpong())
        self.assertIn("no space left", self.complain(path, "/dev/full"))
        self.assertTrue(Path("/dev/full").is_char_device())

    def test_a_disk_that_fills_up_leaves_the_older_export_alone(self) -> None:
        path, out = self.trace(pingpong()), self.directory / "out"
        for form in ("fxt", "json"):
            out.write_bytes(b"older")
            run = subprocess.run([TOOL, form, path, out], capture_output=True, text=True,
                                 check=False, restore_signals=False,  # SIGXFSZ stays ignored
                                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                                       (1000, 1000)))
            self.assert_one_line(run, 3, "file too large", "choose a path with room")
            self.assertEqual(out.read_bytes(), b"older")
            self.assertEqual(sorted(p.name for p in self.directory.iterdir()),
                             ["a.weft", "out"])

    def test_an_older_export_is_replaced_through_a_link(self) -> None:
        path, older = self.trace(pingpong()), self.directory / "older.fxt"
        older.write_bytes(b"older")
        link = self.directory / "a.fxt"
        link.symlink_to(older)
        self.export(path, "fxt")
        self.assertTrue(link.is_symlink())
        fxt_reader.read(older.read_bytes())


if __name__ == "__main__":
    unittest.main()
