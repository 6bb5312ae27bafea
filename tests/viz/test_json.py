"""weft-trace json: what a viewer of Chrome's trace events relies on, and the trace's content."""

from __future__ import annotations

import json
import os
import unittest
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from expected import Expected, expect, facts, weft_trace
from exports import Exports, newer_text
from trace_writer import (MARK, PARK, SPAN_BEGIN, SPAN_END, YIELD,
                          Writer, awaits, crowd, elsewhere, pingpong)

WORKERS, FIBERS = 1, 2
LIMIT = 250_000


@dataclass
class Chrome:
    document: dict
    events: list[dict]

    def of(self, phase: str, process: int | None = None) -> list[dict]:
        return [e for e in self.events if e["ph"] == phase and process in (None, e["pid"])]


def ns(event: dict, key: str = "ts") -> int:
    return round(event[key] * 1000)


def reject(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


class Checked(Exports):
    def json(self, path: Path) -> Chrome:
        """The export of `path`, found sound and to hold what the trace holds."""
        chrome = self.parse(path)
        self.check_form(chrome)
        self.check_content(chrome, expect(path), facts(path))
        return chrome

    def parse(self, path: Path) -> Chrome:
        document = json.loads(self.export(path, "json").decode("utf-8"), parse_constant=reject)
        self.assertEqual(set(document), {"traceEvents", "displayTimeUnit", "otherData"})
        self.assertEqual(document["displayTimeUnit"], "ns")
        return Chrome(document, document["traceEvents"])

    def check_form(self, chrome: Chrome) -> None:
        named = {(e["name"], e["pid"], e["tid"]) for e in chrome.of("M")}
        self.assertEqual(len(named), len(chrome.of("M")))
        timed = [e for e in chrome.events if e["ph"] != "M"]
        times = [ns(e) for e in timed]
        self.assert_same(times, sorted(times))
        for event in timed:
            self.assertIn(event["ph"], set("XBEisfC"))
            self.assertIn(("process_name", event["pid"], 0), named)
            if event["ph"] != "C":
                self.assertIn(("thread_name", event["pid"], event["tid"]), named, str(event))
        self.check_nesting(timed)
        self.check_flows(chrome)

    def check_nesting(self, timed: list[dict]) -> None:
        """Per thread: slices do not cross each other, and each B has its E."""
        threads = defaultdict(list)
        for event in timed:
            if event["ph"] in "XBE":
                threads[event["pid"], event["tid"]].append(event)
        for events in threads.values():
            spans, end = 0, 0
            for event in events:
                spans += (event["ph"] == "B") - (event["ph"] == "E")
                self.assertGreaterEqual(spans, 0, str(event))
                self.assertGreaterEqual(ns(event), end, f"{event} begins inside a slice")
                if event["ph"] == "X":
                    self.assertGreaterEqual(event["dur"], 0)
                    end = ns(event) + ns(event, "dur")
            self.assertEqual(spans, 0, "a span has no end")

    def check_flows(self, chrome: Chrome) -> None:
        starts = {e["id"]: e for e in chrome.of("s")}
        ends = {e["id"]: e for e in chrome.of("f")}
        self.assertEqual(len(starts), len(chrome.of("s")))
        self.assertEqual(set(starts), set(ends))
        runs = {(x["pid"], x["tid"], ns(x)) for x in chrome.of("X") if x["name"] == "running"}
        for number, end in ends.items():
            start = starts[number]
            self.assertGreaterEqual(ns(end), ns(start))
            self.assertEqual((end["name"], end["cat"], end["bp"]),
                             (start["name"], start["cat"], "e"))
            self.assertIn((end["pid"], end["tid"], ns(end)), runs)

    def check_content(self, chrome: Chrome, expected: Expected, counted: dict[str, int]) -> None:
        self.check_lanes(chrome, expected)
        self.check_states(chrome, expected)
        spans = [(ns(e), e["tid"], e["ph"], e["name"]) for e in chrome.of("B") + chrome.of("E")]
        left_open = sum(expected.open_spans.values())
        closed = [(expected.last_ns, fiber, "E", "") for fiber, count
                  in expected.open_spans.items() for _ in range(count)]
        self.assertEqual(Counter(spans), Counter(expected.spans + closed))
        marks = [(ns(e), e["tid"], e["name"], e["args"]["number"]) for e in chrome.of("i")
                 if "number" in e["args"]]
        self.assert_same(marks, expected.marks)
        self.assert_same([(ns(e), e["name"]) for e in chrome.of("i")
                          if "number" not in e["args"]], expected.instants)
        counters = [(ns(e), e["args"]["live"], e["args"]["ready"]) for e in chrome.of("C")
                    if e["name"] == "fibers"]
        self.assert_same(counters, expected.counts)
        about = chrome.document["otherData"]
        self.assertEqual([about[k] for k in ("records", "records_lost", "closed",
                                             "ticks_repaired", "spans_without_end")],
                         [counted["records"], counted["dropped"], counted["clean"],
                          counted["repairs"], left_open])

    def check_lanes(self, chrome: Chrome, expected: Expected) -> None:
        """Each switch begins a slice of its worker and says why the one before ends."""
        slices = chrome.of("X", WORKERS)
        begun = Counter((ns(e), e["tid"]) for e in slices)
        starts = begun - Counter((s.ns, s.worker) for s in expected.switches)
        self.assertEqual(begun.total() - starts.total(), len(expected.switches))
        ended = Counter((ns(e) + ns(e, "dur"), e["tid"], e["args"]["until"]) for e in slices)
        for worker in {e["tid"] for e in slices}:
            switches = [s for s in expected.switches if s.worker == worker]
            first = min(ns(e) for e in slices if e["tid"] == worker)
            for switch in switches[0 if first < switches[0].ns else 1:] if switches else []:
                self.assertGreater(ended[switch.ns, worker, switch.reason], 0, str(switch))

    def check_states(self, chrome: Chrome, expected: Expected) -> None:
        """How many run and are ready at any time, by the slices, is what the counts say."""
        events = chrome.of("X", FIBERS)
        names = {e["name"] for e in events if not e["name"].startswith("waits: ")}
        self.assertLessEqual(names, {"new", "ready", "running", "parked"})
        for moment, live, ready in expected.counts:
            if moment == expected.last_ns or sum(c[0] == moment for c in expected.counts) > 1:
                continue
            at = [e for e in events if ns(e) <= moment < ns(e) + ns(e, "dur")]
            self.assertEqual((len(at), sum(e["name"] == "ready" for e in at)), (live, ready))


class Traces(Checked):
    def test_golden(self) -> None:
        for path in self.golden():
            with self.subTest(path.stem):
                self.json(path)

    def test_made(self) -> None:
        for made in (pingpong(), crowd(20, workers=2), awaits(site=True), elsewhere(True)):
            self.json(self.trace(made))

    def test_runs_of_the_chapters(self) -> None:
        self.json(self.demo(1))
        self.json(self.demo(2))

    def test_a_trace_without_events(self) -> None:
        chrome = self.json(self.trace(Writer()))
        self.assertEqual({e["ph"] for e in chrome.events}, {"M"})

    def test_a_killed_trace_has_ends_for_all(self) -> None:
        w = Writer(clean=False)
        w.start(1)
        w.span(1, "outer", SPAN_BEGIN)
        w.span(1, "inner", SPAN_BEGIN)
        w.spawn(2, 1, "never runs")
        chrome = self.json(self.trace(w))
        self.assertEqual(chrome.document["otherData"]["spans_without_end"], 2)
        self.assertEqual(chrome.document["otherData"]["closed"], 0)
        self.assertEqual(chrome.of("s"), [])
        self.assertIn("the trace ends", {e["args"]["until"] for e in chrome.of("X")})

    def test_a_lossy_trace_says_so(self) -> None:
        w = Writer(dropped=3)
        w.start(1)
        w.span(1, "half", SPAN_END)
        chrome = self.json(self.trace(w))
        about = chrome.document["otherData"]
        self.assertEqual((about["records_lost"], about["spans_without_begin"]), (3, 1))

    def test_states_stand_inside_a_span(self) -> None:
        w = Writer()
        w.start(1)
        w.span(1, "long", SPAN_BEGIN)
        w.switch(1, 2, PARK)
        w.ready(1, 2)
        w.switch(2, 1, YIELD)
        w.span(1, "long", SPAN_END)
        chrome = self.json(self.trace(w))
        order = [(e["ph"], e["name"]) for e in chrome.events if e["ph"] in "XBE"
                 and (e["pid"], e["tid"]) == (FIBERS, 1)]
        self.assertEqual(order, [("X", "running"), ("B", "long"), ("X", "running"),
                                 ("X", "parked"), ("X", "ready"), ("X", "running"),
                                 ("E", "long"), ("X", "running")])

    def test_arrows_go_from_the_waker(self) -> None:
        chrome = self.json(self.trace(awaits()))
        arrows = {e["id"]: e for e in chrome.of("s")}
        pairs = [((arrows[e["id"]]["pid"], arrows[e["id"]]["tid"]), (e["pid"], e["tid"]))
                 for e in chrome.of("f")]
        self.assertEqual(pairs, [((FIBERS, 1), (FIBERS, 2)), ((FIBERS, 1), (FIBERS, 3)),
                                 ((FIBERS, 2), (FIBERS, 1))])
        chrome = self.json(self.trace(elsewhere()))
        self.assertIn((WORKERS, 1), {(e["pid"], e["tid"]) for e in chrome.of("s")})

    def test_a_second_ready_takes_over_the_arrow(self) -> None:
        w = Writer()
        w.start(1)
        w.ready(2, 1)
        w.ready(2, 1)
        w.switch(1, 2, YIELD)
        w.ready(3, 1)
        chrome = self.json(self.trace(w))
        self.assertEqual([e["id"] for e in chrome.of("s")], [2])

    def test_texts_of_any_bytes(self) -> None:
        w = Writer()
        w.start(1)
        for text in (b"", b"\xff\xc3", b'"\\/', b"\x01\n\t\x7f", "糸\u2028".encode(),
                     b"\xed\xa0\x80"):
            w.raw(0, MARK, fiber=1, sequence=w.count(1), value=w.string(text))
        w.create(2, 1, b'a"\xff')
        path = self.trace(w)
        chrome = self.parse(path)
        self.check_form(chrome)
        self.assertEqual([e["name"] for e in chrome.of("i")][1:7],
                         ["", "\ufffd\ufffd", '"\\/', "\x01\n\t\x7f", "糸\u2028", "\ufffd" * 3])
        raw = path.with_suffix(".json").read_bytes()
        self.assertNotIn(b"\x01", raw)
        self.assertNotIn(b"\x7f", raw)

    def test_times_are_microseconds_to_the_nanosecond(self) -> None:
        w = Writer()
        w.start(1, tick=1_000 + 1)
        w.switch(1, 2, YIELD, tick=1_000 + 12_345_067)
        path = self.trace(w)
        self.json(path)
        text = path.with_suffix(".json").read_text()
        self.assertIn('"ts":0.001,"dur":12345.066', text)
        self.assertIn('"ts":12345.067', text)

    def test_names(self) -> None:
        w = crowd(3, workers=2)
        chrome = self.json(self.trace(w))
        names = {(e["pid"], e["tid"]): e["args"]["name"] for e in chrome.of("M")
                 if e["name"] == "thread_name"}
        self.assertEqual(names, {(WORKERS, 0): "worker 0", (WORKERS, 1): "worker 1",
                                 (FIBERS, 1): "main", (FIBERS, 10): "job0",
                                 (FIBERS, 11): "job1", (FIBERS, 12): "job2"})

    def test_newer_events(self) -> None:
        chrome = self.parse(self.undump(newer_text()))
        self.check_form(chrome)
        steal, = (e for e in chrome.of("i") if e["name"] == "STEAL")
        self.assertEqual((steal["tid"], steal["args"]), (
            2, {"queue": "local", "victim": 0, "size": 1, "batch": 5}))
        queues = [(e["name"], e["args"]) for e in chrome.of("C") if e["name"] != "fibers"]
        self.assertEqual(queues, [("queue of worker 0", {"local": 1, "injected": 3}),
                                  ("queue of worker 0", {"local": 0, "injected": 0})])
        readies = [e["args"] for e in chrome.of("i") if e["name"] == "READY"]
        self.assertEqual([r["cause"] for r in readies], [77, 78])


class Limits(Checked):
    def test_the_limit_is_named_and_kept(self) -> None:
        w = Writer()
        w.start(1)
        mark = w.string("x")
        for _ in range(LIMIT - 1):
            w.raw(0, MARK, fiber=1, sequence=w.count(1), value=mark)
        chrome = self.parse(self.trace(w))
        self.assertEqual(len(chrome.of("i")), LIMIT)
        w.raw(0, MARK, fiber=1, sequence=w.count(1), value=mark)
        run = weft_trace("json", self.trace(w, "b.weft"), self.directory / "b.json")
        self.assert_one_line(run, 3, "holds 250001 records, and JSON is for at most 250000",
                             "use weft-trace fxt")
        self.assertFalse((self.directory / "b.json").exists())

    @unittest.skipUnless(os.access("/dev/full", os.W_OK), "there is no /dev/full here")
    def test_a_full_disk(self) -> None:
        run = weft_trace("json", self.trace(pingpong()), "/dev/full")
        self.assert_one_line(run, 3, "no space left")

    def test_an_output_that_is_the_trace(self) -> None:
        path = self.trace(pingpong())
        before = path.read_bytes()
        self.assert_one_line(weft_trace("json", path, path), 3, "is the trace itself")
        self.assertEqual(path.read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
