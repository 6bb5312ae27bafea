"""The trace file: checked, then decoded by the schema that it carries.

read_trace checks everything that a later access relies on, as the C reader does. What a record
says may still be nonsense. Only the schema's first line and the layout of format.h are known
here; names and fields of events come from the file.

A ring that went round has lost its beginning, by design. Its file is a window, cut as
trace/reader.h says: no record is kept that is older than the oldest of each such ring, but for
those of type STATUS.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

HEADER_SIZE = 4096
MAGIC = b"\x89WFT\r\n\x1a\n"
ENDIAN_PROBE = 0x01020304
MAJOR = 1
RECORD_SIZE = 32
SEGMENT_SIZE = 64
SEGMENT_MAGIC = 0x31474553
SEGMENTS_MAX = 256
SITE_SIZE = 16
IDLE_FIBERS = 0xFFFF0000

RING = 1  # a segment's only flag
WORKER, HELPER, FOREIGN = 0, 1, 2  # roles
CLOCK_CYCLES = 2
ANCHOR_NS = 10_000_000  # from so long after the start on, an anchor knows the clock better
READINGS = 3  # of a file that its program cuts short meanwhile; it does so once

HEADER = struct.Struct("<8sIHHIIQIIQQQIIIIIIQQQIIQQ")
SEGMENT = struct.Struct("<IHHQQQQQII8x")
RECORD = struct.Struct("<QBBHIIIQ")
SITE = struct.Struct("<IIII")
OFFSETS_AT = 512

MAKE_TRACE = "make one with WEFT_TRACE=path"
COPY_AGAIN = "copy it again, or record it again"
NEWER_TOOL = "use the tools of the version that wrote it"

PLACES = ("arg", "fiber", "peer", "high", "low")
WIDE_TYPES = ("ns64", "id64")  # of a low field that takes all of value


class TraceError(Exception):
    """A file that is not a sound trace; the text is one line for a person."""


class Record(NamedTuple):
    tick: int
    type: int
    arg: int
    site: int
    fiber: int
    sequence: int
    peer: int
    value: int


@dataclass(frozen=True)
class Field:
    name: str
    type: str
    place: str


@dataclass(frozen=True)
class Event:
    """A line of the schema: what the records of one type mean."""

    number: int
    name: str
    module: str
    fields: tuple[Field, ...]  # the used ones only
    sentence: str

    @property
    def sequence_place(self) -> str | None:
        """Where the record's number among those of its peer stands, if it has one."""
        return next((f.place for f in self.fields
                     if f.type == "sequence" and f.place in ("high", "low")), None)

    @property
    def has_object(self) -> bool:
        """Whether high names an object, and low numbers the record among the object's."""
        types = {f.place: f.type for f in self.fields}
        return types.get("high") == "object" and types.get("low") == "object_sequence"

    def values(self, record: Record) -> dict[str, int]:
        return {f.name: value_at(record, f) for f in self.fields}


def value_at(record: Record, f: Field) -> int:
    if f.place == "arg":
        return record.arg
    if f.place == "fiber":
        return record.fiber
    if f.place == "peer":
        return record.peer
    if f.place == "high":
        return record.value >> 32
    return record.value if f.type in WIDE_TYPES else record.value & 0xFFFFFFFF


@dataclass
class Schema:
    events: dict[int, Event] = field(default_factory=dict)
    choices: dict[tuple[str, int], str] = field(default_factory=dict)

    def choice(self, event: Event, name: str, number: int) -> str:
        """The text of a choice, or its number where the schema has none."""
        kind = next((f.type for f in event.fields if f.name == name), "")
        return self.choices.get((kind, number), str(number))

    def number(self, name: str) -> int | None:
        """Of the event with that name."""
        return next((e.number for e in self.events.values() if e.name == name), None)


@dataclass(frozen=True)
class Site:
    number: int  # as records name it: from 1
    file: str
    function: str
    line: int


@dataclass
class Segment:
    worker: int  # its number; for a worker's segment, the worker's
    dropped: int
    clean: bool
    claimed: bool
    records: list[Record]  # the kept ones
    first: int = 0  # the number of the first of them that is no older than the window
    role: int = WORKER


@dataclass
class Trace:
    path: str
    ticks_per_second: int
    tick0: int
    schema: Schema
    sites: list[Site]
    segments: list[Segment]  # those that somebody claimed
    strings: bytes
    lost_strings: int
    workers: int = 0  # how many of the segments are workers'
    record_picoseconds: int = 0  # what writing a record costs; 0: not measured
    dropped: int = 0  # records lost, in all segments, and one for each thread without a segment
    lost_statuses: int = 0
    is_window: bool = False  # the beginning is missing by design; that is no loss
    monotonic_ns0: int = 0  # what two clocks said at tick0
    realtime_ns0: int = 0

    @property
    def clean(self) -> bool:
        return all(s.clean for s in self.segments)

    def string(self, offset: int) -> str:
        return string_at(self.strings, offset)

    def site(self, record: Record) -> Site | None:
        index = record.site - 1
        return self.sites[index] if 0 <= index < len(self.sites) else None

    def ns(self, tick: int) -> float:
        """Nanoseconds from the start of the trace."""
        return max(0, tick - self.tick0) * 1e9 / self.ticks_per_second


def string_at(strings: bytes, offset: int) -> str:
    if offset >= len(strings):
        return ""
    return strings[offset : strings.index(b"\0", offset)].decode("utf-8", "backslashreplace")


# ---- the schema ----

KIND, NAME, MODULE, TEXT, SENTENCE = 15, 31, 15, 31, 127  # bytes, at most; a type is a kind
CHOICES_MAX = 128


def parse_schema(text: bytes) -> Schema:
    *lines, rest = text.split(b"\n")
    schema = Schema()
    for number, line in enumerate(lines, 1):
        try:
            demand_ascii(line)
            words = line.decode("ascii").split("\t")
            if number == 1 and words[0] != "weft-events 1":
                raise ValueError("it is not 'weft-events 1'")
            parse_line(schema, words)
        except ValueError as error:
            raise TraceError(f"line {number} of its schema is damaged: {error}; {COPY_AGAIN}"
                             ) from None
    demand(lines != [] and rest == b"", f"line {len(lines) + 1} of its schema has no end")
    return schema


def demand_ascii(line: bytes) -> None:
    strange = re.search(rb"[^\t -~]", line)
    if strange:
        raise ValueError(f"the byte {strange[0][0]} is no ASCII text")


def parse_line(schema: Schema, words: list[str]) -> None:
    if words[0] == "choice":
        parse_choice(schema, columns(words, 4))
    elif words[0] == "event":
        event = parse_event(columns(words, 10))
        if event.number in schema.events:
            raise ValueError(f"event {event.number} stands twice")
        if any(e.name == event.name for e in schema.events.values()):
            raise ValueError(f"the name {event.name} stands twice")
        schema.events[event.number] = event


def parse_choice(schema: Schema, words: list[str]) -> None:
    kind, number, text = words
    key = word(kind, KIND), byte(number, 0)
    if not text:
        raise ValueError("a choice has no text")
    if key in schema.choices or (kind, bounded(text, TEXT)) in (
            (k, t) for (k, _), t in schema.choices.items()):
        raise ValueError(f"choice {kind} {number} stands twice")
    if len(schema.choices) == CHOICES_MAX:
        raise ValueError(f"there are more than {CHOICES_MAX} choices")
    schema.choices[key] = text


def columns(words: list[str], count: int) -> list[str]:
    """Without the first, and without those that a newer minor may have added."""
    if len(words) < count:
        raise ValueError(f"it has {len(words)} of its {count} columns")
    return words[1:count]


def byte(text: str, least: int = 1) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or not least <= int(text) <= 255:
        raise ValueError(f"{text!r} stands where a number from {least} to 255 belongs")
    return int(text)


def bounded(text: str, most: int) -> str:
    if len(text) > most:
        raise ValueError(f"{text[:most]!r} goes on, and has more than {most} bytes")
    return text


def word(text: str, most: int) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]+", text):
        raise ValueError(f"{text!r} stands where a word of letters, digits and _ belongs")
    return bounded(text, most)


def parse_event(words: list[str]) -> Event:
    number, name, module, *specs, sentence = words
    fields = []
    for place, spec in zip(PLACES, specs):
        if spec:
            field_name, colon, field_type = spec.partition(":")
            fields.append(Field(word(field_name, NAME), word(field_type, KIND) if colon else "",
                                place))
    if len({f.name for f in fields}) < len(fields):
        raise ValueError(f"two fields of event {number} have one name")
    high, wide = ([f for f in fields if f.place == "high"],
                  [f for f in fields if f.place == "low" and f.type in WIDE_TYPES])
    if high and wide:
        raise ValueError(f"{high[0].name} stands beside a field that takes all of value")
    return Event(byte(number), word(name, NAME), word(module, MODULE), tuple(fields),
                 bounded(sentence, SENTENCE))


# ---- the file ----


def read_trace(path: str | Path) -> Trace:
    """Raises TraceError, its text one line that starts with the path."""
    try:
        data, heads = read_file(Path(path))
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror}; give the path of a trace "
                         "that you may read") from None
    try:
        return decode(str(path), data, heads)
    except TraceError as error:
        raise TraceError(f"{path}: is not a sound trace: {error}") from None


def read_file(path: Path) -> tuple[bytes, dict[int, int]]:
    """The bytes, and the heads of the segments after these were read: a program may be writing
    the file."""
    with path.open("rb", buffering=0) as file:
        for _ in range(READINGS):
            file.seek(0)
            data = file.readall()
            heads = read_heads(file.fileno(), data)
            if os.fstat(file.fileno()).st_size == len(data):
                break
    return data, heads


def read_heads(fd: int, data: bytes) -> dict[int, int]:
    if len(data) < HEADER_SIZE:
        return {}
    (segments,) = struct.unpack_from("<I", data, 20)
    offsets = struct.unpack_from(f"<{min(segments, SEGMENTS_MAX)}Q", data, OFFSETS_AT)
    read = {i: os.pread(fd, 8, offset + 8) for i, offset in enumerate(offsets)
            if 0 < offset < len(data)}
    return {i: int.from_bytes(head, "little") for i, head in read.items()}


def demand(holds: bool, message: str, advice: str = COPY_AGAIN) -> None:
    if not holds:
        raise TraceError(f"{message}; {advice}")


def decode(path: str, data: bytes, heads: dict[int, int] | None = None) -> Trace:
    """heads: those of a file that was being written, after `data` was read."""
    check_start(data)
    header = HEADER.unpack_from(data)
    major, record_size, segments, ticks = (header[i] for i in (2, 4, 5, 6))
    demand(major == MAJOR, f"its format is {major}.{header[3]}, and this reader knows {MAJOR}.x",
           NEWER_TOOL)
    demand(record_size == RECORD_SIZE, f"its records have {record_size} bytes, not 32")
    demand(1 <= segments <= SEGMENTS_MAX, f"it claims {segments} segments, of 1 to 256")
    demand(ticks > 0, "its clock has 0 ticks a second")
    workers, cost, lost_writers, lost_statuses = header[21:25]
    demand(workers <= segments, f"it claims {workers} workers with {segments} segments")
    regions = read_regions(data, header)
    offsets = struct.unpack_from(f"<{segments}Q", data, OFFSETS_AT)
    parts = [read_segment(data, i, offset, workers or segments, (heads or {}).get(i, 0))
             for i, offset in enumerate(offsets)]
    check_apart([*regions.spans, *(span for _, span in parts)])
    trace = Trace(path, ticks, header[9], parse_schema(regions.schema),
                  read_sites(regions.sites, regions.strings),
                  [segment for segment, _ in parts if segment.claimed], regions.strings,
                  header[20], workers or segments, cost,
                  sum(segment.dropped for segment, _ in parts) + lost_writers, lost_statuses,
                  monotonic_ns0=header[10], realtime_ns0=header[11])
    cut_to_window(trace)
    if header[7] == CLOCK_CYCLES and not trace.clean:
        trace.ticks_per_second = rate_of_anchors(trace, header[10])
    return trace


def cut_to_window(trace: Trace) -> None:
    """Before the oldest record of a ring that went round, that ring has a gap."""
    round_ = [s for s in trace.segments if s.first > 0]
    if not round_:
        return
    trace.is_window = True
    # Of a ring without a record nothing is known at all.
    start = max(s.records[0].tick if s.records else 2**64 - 1 for s in round_)
    status = trace.schema.number("STATUS")
    for segment in trace.segments:
        # From there on all of it, also where the clock goes back.
        begin = next((i for i, r in enumerate(segment.records) if r.tick >= start),
                     len(segment.records))
        before = [r for r in segment.records[:begin] if r.type == status]
        segment.records = before + segment.records[begin:]
        segment.first += begin


def rate_of_anchors(trace: Trace, monotonic_ns0: int) -> int:
    """A program that did not close its trace has measured its clock in the first millisecond
    only; then the last anchor tells more."""
    number = trace.schema.number("ANCHOR")
    rate, longest = trace.ticks_per_second, ANCHOR_NS
    for segment in trace.segments:
        last = next((r for r in reversed(segment.records) if r.type == number), None)
        if last is None or last.tick <= trace.tick0 or last.value - monotonic_ns0 <= longest:
            continue
        measured = float(last.tick - trace.tick0) * 1e9 / float(last.value - monotonic_ns0) + 0.5
        if 1 <= measured < 1e18:
            rate, longest = int(measured), last.value - monotonic_ns0
    return rate


def check_start(data: bytes) -> None:
    demand(data != b"", "it is empty", MAKE_TRACE)
    demand(data[1:4] != MAGIC[1:4] or data[:8] == MAGIC[: len(data)],
           "its first bytes were changed, as by a copy in text mode",
           "copy it again as a binary file")
    demand(data[:8] == MAGIC[: len(data)], "it begins with other bytes", MAKE_TRACE)
    demand(len(data) >= HEADER_SIZE, f"it has {len(data)} bytes, and its header alone has 4096")
    (probe,) = struct.unpack_from("<I", data, 8)
    demand(probe == ENDIAN_PROBE, "its bytes are not in little-endian order")


@dataclass
class Regions:
    schema: bytes
    sites: bytes
    strings: bytes
    spans: list[tuple[int, int, str]]


def read_regions(data: bytes, header: tuple) -> Regions:
    spans = [(0, HEADER_SIZE, "header")]
    for i, name in enumerate(("schema", "sites", "strings")):
        offset, length = header[12 + 2 * i], header[13 + 2 * i]
        demand(offset % 64 == 0, f"its {name} begin at {offset}, no multiple of 64")
        demand(offset + length <= len(data),
               f"its {name}, bytes {offset} to {offset + length}, do not lie in the file")
        spans.append((offset, offset + length, name))
    sites_head, strings_head = header[18], header[19]
    demand(sites_head <= header[15], "it claims more sites than there is room for")
    demand(sites_head % SITE_SIZE == 0, "its last site is not whole")
    demand(strings_head <= header[17], "it claims more strings than there is room for")
    strings = data[header[16] : header[16] + strings_head]
    demand(strings[:1] == b"\0", "its first string is not empty")
    demand(strings[-1:] == b"\0", "its last string has no end")
    return Regions(data[header[12] : header[12] + header[13]],
                   data[header[14] : header[14] + sites_head], strings, spans)


def read_sites(table: bytes, strings: bytes) -> list[Site]:
    sites = []
    for number, (file, function, line, _) in enumerate(SITE.iter_unpack(table), 1):
        sites.append(Site(number, string_at(strings, file), string_at(strings, function), line))
    return sites


def read_segment(data: bytes, index: int, offset: int, workers: int,
                 head_after: int) -> tuple[Segment, tuple[int, int, str]]:
    """The segment, and the bytes it takes."""
    name = f"segment {index}"
    demand(offset % 64 == 0, f"{name} begins at {offset}, no multiple of 64")
    demand(offset + SEGMENT_SIZE <= len(data),
           f"{name}, at byte {offset}, does not lie in the file")
    (magic, number, flags, head, dropped, capacity, _, clean, claimed,
     role) = SEGMENT.unpack_from(data, offset)
    demand(magic == SEGMENT_MAGIC, f"{name} does not begin as one")
    demand(number == index, f"{name} calls itself segment {number}")
    demand(flags & ~RING == 0, f"{name} has flags {flags:#x}, which this reader does not know",
           NEWER_TOOL)
    demand(role <= FOREIGN, f"{name} has role {role}, which this reader does not know", NEWER_TOOL)
    demand(index >= workers or role == WORKER, f"{name} is a worker's and has role {role}")
    start = offset + SEGMENT_SIZE
    end = start + capacity * RECORD_SIZE
    demand(end <= len(data), f"{name} ends at byte {end}, the file has {len(data)}")
    demand(head == 0 or (capacity > 0 if flags else head <= capacity),
           f"{name} claims {head} records, it has room for {capacity}")
    slots = [Record._make(r) for r in RECORD.iter_unpack(data[start : start + min(
        head, capacity) * RECORD_SIZE])]
    first = oldest_in_ring(head, head_after, capacity) if flags else 0
    records = unroll(slots, first, head, capacity) if first else slots
    return Segment(index, dropped, clean != 0, claimed != 0 or head > 0, records, first,
                   role), (offset, end, name)


def oldest_in_ring(head: int, head_after: int, capacity: int) -> int:
    """The oldest record that a ring surely still has: the slot behind the newest may be half
    overwritten."""
    return min(head, max(0, max(head, head_after) - capacity + 1))


def unroll(slots: list[Record], first: int, head: int, capacity: int) -> list[Record]:
    if first >= head:
        return []
    at, end = first % capacity, head % capacity
    return slots[at:end] if at < end else slots[at:] + slots[:end]


def check_apart(spans: list[tuple[int, int, str]]) -> None:
    spans = sorted(spans)
    for (_, end, first), (start, _, second) in zip(spans, spans[1:]):
        demand(end <= start, f"its {first} and {second} overlap")
