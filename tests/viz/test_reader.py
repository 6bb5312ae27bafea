"""The reader against bytes made by hand, and against damage."""

from __future__ import annotations

import struct
import unittest

from helpers import Files, viz
from trace_writer import ANCHOR, MARK, STATUS, YIELD, Writer, crowd, pingpong, schema_text

from weft_viz import merge, reader
from weft_viz.reader import TraceError, decode


def patched(data: bytes, offset: int, pattern: str, *values: int) -> bytes:
    part = struct.pack("<" + pattern, *values)
    return data[:offset] + part + data[offset + len(part) :]


def segment_offset(data: bytes, index: int = 0) -> int:
    return struct.unpack_from("<Q", data, 512 + 8 * index)[0]


class Decoding(unittest.TestCase):
    def test_every_field_of_a_switch(self) -> None:
        w = Writer()
        site = w.site("src/a.c", "leave", 12)
        w.raw(0, 1, arg=YIELD, site=site, fiber=7, sequence=3, peer=9, value=208 << 32 | 4,
              tick=5000)
        trace = decode("a", w.bytes())
        record = trace.segments[0].records[0]
        event = trace.schema.events[record.type]
        self.assertEqual((event.name, record.tick, record.sequence), ("SWITCH", 5000, 3))
        self.assertEqual(event.values(record), {
            "reason": YIELD, "next": 7, "previous": 9, "previous_stack_used": 208,
            "previous_sequence": 4})
        self.assertEqual(trace.schema.choice(event, "reason", YIELD), "yield")
        self.assertEqual(trace.site(record), reader.Site(1, "src/a.c", "leave", 12))

    def test_wide_low_field_takes_all_of_value(self) -> None:
        w = Writer()
        w.raw(0, 8, value=0x1122334455667788)
        trace = decode("a", w.bytes())
        record = trace.segments[0].records[0]
        self.assertEqual(trace.schema.events[8].values(record), {"monotonic": 0x1122334455667788})

    def test_the_schema_in_the_file_decides(self) -> None:
        w = Writer(schema=schema_text().replace("event\t1\tSWITCH", "event\t99\tSWITCH"))
        w.raw(0, 99, fiber=2, peer=1)
        trace = decode("a", w.bytes())
        self.assertEqual(trace.schema.events[99].name, "SWITCH")
        self.assertNotIn(1, trace.schema.events)

    def test_lines_and_columns_of_a_newer_schema_are_skipped(self) -> None:
        text = schema_text().replace("a worker ends, running this fiber last",
                                     "a worker ends\tnewer column")
        trace = decode("a", Writer(schema=text + "colour\tred\n").bytes())
        self.assertEqual(trace.schema.events[6].sentence, "a worker ends")

    def test_strings_that_are_not_there_are_empty(self) -> None:
        w = Writer()
        offset = w.string("play")
        trace = decode("a", w.bytes())
        self.assertEqual(trace.string(offset), "play")
        self.assertEqual(trace.string(0), "")
        self.assertEqual(trace.string(10**6), "")

    def test_losses_and_the_end_are_known(self) -> None:
        trace = decode("a", pingpong(dropped=3, clean=False).bytes())
        self.assertEqual((trace.dropped, trace.clean), (3, False))
        self.assertTrue(decode("a", pingpong().bytes()).clean)

    def test_records_behind_the_head_are_not_read(self) -> None:
        trace = decode("a", pingpong(spare=9).bytes())
        self.assertEqual(len(trace.segments[0].records), len(pingpong().records[0]))


class Damage(Files):
    def assert_refused(self, data: bytes, *parts: str) -> None:
        with self.assertRaises(TraceError) as raised:
            decode("a", data)
        for part in parts:
            self.assertIn(part, str(raised.exception))
        self.assertNotIn("\n", str(raised.exception))

    def test_every_truncation(self) -> None:
        data = pingpong(1).bytes()
        for size in range(len(data)):
            with self.subTest(size=size), self.assertRaises(TraceError):
                decode("a", data[:size])

    def test_every_byte_of_the_headers_damaged(self) -> None:
        """A damaged file is read or refused; nothing else happens."""
        data = pingpong(1).bytes()
        at = segment_offset(data)
        refused = 0
        for offset in [*range(520), *range(4096, 4400), *range(at, at + 64)]:
            for value in (0, 0xFF, data[offset] ^ 0x80):
                try:
                    decode("a", data[:offset] + bytes([value]) + data[offset + 1 :])
                except TraceError as error:
                    self.assertNotIn("\n", str(error))
                    refused += 1
        self.assertGreater(refused, 300)

    def test_header(self) -> None:
        data = pingpong(1).bytes()
        self.assert_refused(b"", "empty")
        self.assert_refused(b"ELF" + data[3:], "WEFT_TRACE")
        self.assert_refused(data.replace(b"\r\n", b"\n", 1), "text mode")
        self.assert_refused(patched(data, 8, "I", 0x04030201), "little-endian")
        self.assert_refused(patched(data, 12, "H", 2), "format is 2.1")
        self.assert_refused(patched(data, 16, "I", 64), "64 bytes")
        self.assert_refused(patched(data, 20, "I", 0), "0 segments")
        self.assert_refused(patched(data, 20, "I", 257), "257 segments")
        self.assert_refused(patched(data, 24, "Q", 0), "0 ticks")
        self.assert_refused(patched(data, 112, "I", 2), "2 workers with 1 segments")

    def test_a_newer_minor_is_read(self) -> None:
        self.assertEqual(len(decode("a", patched(pingpong(1).bytes(), 14, "H", 9)).segments), 1)

    def test_regions(self) -> None:
        data = pingpong(1).bytes()
        self.assert_refused(patched(data, 64, "I", 4097), "multiple of 64")
        self.assert_refused(patched(data, 64, "I", 0), "overlap")
        self.assert_refused(patched(data, 72, "I", 2**32 - 64), "sites", "do not lie")
        self.assert_refused(patched(data, 72, "I", 4096), "overlap")
        self.assert_refused(patched(data, 88, "Q", 2**40), "more sites")
        self.assert_refused(patched(data, 88, "Q", 8), "not whole")
        self.assert_refused(patched(data, 96, "Q", 2**40), "more strings")
        self.assert_refused(patched(data, 96, "Q", 0), "first string")
        self.assert_refused(patched(data, 96, "Q", 4), "no end")

    def test_segments(self) -> None:
        data = pingpong(1).bytes()
        at = segment_offset(data)
        self.assert_refused(patched(data, 512, "Q", at + 8), "multiple of 64")
        self.assert_refused(patched(data, 512, "Q", 2**63), "does not lie in the file")
        self.assert_refused(patched(data, at, "I", 1), "does not begin as one")
        self.assert_refused(patched(data, at + 4, "H", 5), "calls itself segment 5")
        self.assert_refused(patched(data, at + 6, "H", 2), "flags 0x2")
        self.assert_refused(patched(data, at + 6, "H", 0x8001), "flags 0x8001")
        self.assert_refused(patched(data, at + 52, "I", 3), "role 3")
        self.assert_refused(patched(data, at + 52, "I", 1), "is a worker's and has role 1")
        self.assert_refused(patched(data, at + 8, "Q", 10**6), "claims 1000000 records")
        self.assert_refused(patched(data, at + 24, "Q", 2**60), "ends at byte")
        two = crowd(2).bytes()
        self.assert_refused(patched(two, 520, "Q", segment_offset(two)), "calls itself segment 0")

    def test_schema(self) -> None:
        for bad in ("events 2\n", "weft-events 1\nchoice\tleave\tx\ty\n",
                    "weft-events 1\nevent\t1\tSWITCH\n", "weft-events 1\nchoice\ta\t300\tb\n",
                    "weft-events 1\n" + "choice\ta\t1\tb\n" * 2,
                    schema_text() + schema_text().split("\n", 1)[1]):
            with self.subTest(bad=bad[:40]):
                self.assert_refused(Writer(schema=bad).bytes(), "schema")
        bytes_ = bytearray(Writer().bytes())
        bytes_[4100] = 0xFF
        self.assert_refused(bytes(bytes_), "no ASCII text")

    def test_the_command_says_it_in_one_line(self) -> None:
        path = self.trace(pingpong(1))
        data = path.read_bytes()
        for name, damaged in (("empty", b""), ("short", data[:5000]),
                              ("major", patched(data, 12, "H", 3))):
            with self.subTest(name=name):
                path.write_bytes(damaged)
                run = viz("workers", path, self.directory / "x.svg")
                self.assert_one_line(run, 3, str(path))
        self.assert_one_line(viz("workers", self.directory / "none", "x.svg"), 3,
                             "cannot be read: No such file")
        self.assert_one_line(viz("workers", self.directory, "x.svg"), 3, "directory")


class Rings(unittest.TestCase):
    def marks(self, worker: int, numbers: range, w: Writer) -> None:
        for number in numbers:
            w.raw(worker, MARK, fiber=worker + 1, sequence=number, value=number)

    def test_a_ring_has_its_newest_in_order(self) -> None:
        for head in range(9, 30):
            w = Writer(rings={0: (8, head)})
            self.marks(0, range(head - 8, head), w)
            trace = decode("a", w.bytes())
            self.assertEqual([r.value for r in trace.segments[0].records],
                             [*range(head - 7, head)])
            self.assertEqual((trace.is_window, trace.segments[0].first, trace.dropped),
                             (True, head - 7, 0))

    def test_a_ring_that_is_not_full_has_all(self) -> None:
        w = Writer(rings={0: (8, 7)})
        self.marks(0, range(7), w)
        trace = decode("a", w.bytes())
        self.assertEqual([r.value for r in trace.segments[0].records], [*range(7)])
        self.assertFalse(trace.is_window)

    def test_what_was_overwritten_while_it_was_read_is_not_believed(self) -> None:
        w = Writer(rings={0: (8, 20)})
        self.marks(0, range(12, 20), w)
        trace = decode("a", w.bytes(), {0: 23})
        self.assertEqual([r.value for r in trace.segments[0].records], [*range(16, 20)])
        self.assertEqual(decode("a", w.bytes(), {0: 99}).segments[0].records, [])

    def window(self) -> Writer:
        w = Writer(workers=2, rings={0: (4, 9), 1: (9, 5)})
        w.raw(1, MARK, fiber=2, sequence=4, tick=1000)
        w.raw(1, STATUS, arg=4, peer=3, value=12, tick=1500)
        w.raw(1, MARK, fiber=2, sequence=5, tick=2000)
        for sequence, tick in ((7, 2500), (8, 2600), (9, 2700)):
            w.raw(0, MARK, fiber=2, sequence=sequence, tick=tick)
        w.raw(1, MARK, fiber=2, sequence=10, tick=2750)
        w.raw(1, MARK, fiber=1, sequence=31, tick=2800)
        return w

    def test_all_segments_are_cut_to_one_window(self) -> None:
        trace = decode("a", self.window().bytes())
        self.assertEqual([r.tick for r in trace.segments[0].records], [2500, 2600, 2700])
        self.assertEqual([r.tick for r in trace.segments[1].records], [1500, 2750, 2800])
        self.assertEqual([s.first for s in trace.segments], [6, 3])

    def test_fibers_begin_anywhere_in_a_window(self) -> None:
        merged = merge.merge(decode("a", self.window().bytes()))
        self.assertEqual(merged.forced, 0)
        self.assertEqual([s.record.tick for s in merged.steps],
                         [1500, 2500, 2600, 2700, 2750, 2800])

    def test_helpers_come_behind_the_workers(self) -> None:
        w = Writer(workers=2, roles={1: 1}, lost_writers=3, cost=10200)
        self.marks(1, range(3), w)
        trace = decode("a", w.bytes())
        self.assertEqual((trace.workers, [s.role for s in trace.segments]), (1, [0, 1]))
        self.assertEqual((trace.record_picoseconds, trace.dropped), (10200, 3))

    def test_a_file_of_minor_0_has_workers_only(self) -> None:
        data = patched(crowd(2).bytes(), 14, "H", 0)
        self.assertEqual(decode("a", patched(data, 112, "I", 0)).workers, 2)

    def test_the_last_anchor_knows_the_clock_of_an_unclosed_trace(self) -> None:
        for clean, rate in ((True, 1_000_000_000), (False, 3_000_000_000)):
            w = Writer(clock=2, clean=clean)
            w.raw(0, ANCHOR, value=2000, tick=2000)
            w.raw(0, ANCHOR, value=100_001_000, tick=300_001_000)
            self.assertEqual(decode("a", w.bytes()).ticks_per_second, rate)


class Live(Files):
    def test_a_file_that_is_cut_short_is_read_again(self) -> None:
        path = self.trace(pingpong(1, spare=9))
        data, heads = reader.read_file(path)
        self.assertEqual(data, path.read_bytes())
        self.assertEqual(heads, {0: len(pingpong(1).records[0])})


class Unused(unittest.TestCase):
    def test_an_unclaimed_segment_has_no_worker(self) -> None:
        w = pingpong(1, workers=2)
        data = w.bytes()
        data = patched(data, segment_offset(data, 1) + 48, "Q", 0)
        self.assertEqual([s.worker for s in decode("a", data).segments], [0])

    def test_a_segment_that_is_not_there(self) -> None:
        with self.assertRaises(TraceError):
            decode("a", patched(crowd(2).bytes(), 512, "Q", 0))


if __name__ == "__main__":
    unittest.main()
