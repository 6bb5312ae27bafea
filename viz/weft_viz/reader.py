"""The trace file: checked, then decoded by the schema that it carries.

read_trace checks everything that a later access relies on, as the C reader does. What a record
says may still be nonsense. Only the schema's first line and the layout of format.h are known
here; names and fields of events come from the file.
"""

from __future__ import annotations

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

HEADER = struct.Struct("<8sIHHIIQIIQQQIIIIIIQQQ")
SEGMENT = struct.Struct("<IHHQQQQQQ8x")
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
        return next((f.place for f in self.fields if f.type == "sequence"), None)

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


@dataclass(frozen=True)
class Site:
    number: int  # as records name it: from 1
    file: str
    function: str
    line: int


@dataclass
class Segment:
    worker: int
    dropped: int
    clean: bool
    records: list[Record]


@dataclass
class Trace:
    path: str
    ticks_per_second: int
    tick0: int
    schema: Schema
    sites: list[Site]
    segments: list[Segment]
    strings: bytes
    lost_strings: int

    @property
    def dropped(self) -> int:
        return sum(s.dropped for s in self.segments)

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


def parse_schema(text: str) -> Schema:
    lines = text.split("\n")
    if lines[0] != "weft-events 1":
        raise TraceError(f"its schema does not begin with 'weft-events 1'; {NEWER_TOOL}")
    schema = Schema()
    for number, line in enumerate(lines[1:], 2):
        try:
            parse_line(schema, line.split("\t"))
        except ValueError as error:
            raise TraceError(f"line {number} of its schema is damaged: {error}; {COPY_AGAIN}"
                             ) from None
    return schema


def parse_line(schema: Schema, words: list[str]) -> None:
    if words[0] == "choice":
        kind, number, text = columns(words, 4)
        key = word(kind), byte(number, 0)
        if key in schema.choices:
            raise ValueError(f"choice {kind} {number} stands twice")
        schema.choices[key] = text
    elif words[0] == "event":
        event = parse_event(columns(words, 10))
        if event.number in schema.events:
            raise ValueError(f"event {event.number} stands twice")
        schema.events[event.number] = event


def columns(words: list[str], count: int) -> list[str]:
    """Without the first, and without those that a newer minor may have added."""
    if len(words) < count:
        raise ValueError(f"it has {len(words)} of its {count} columns")
    return words[1:count]


def byte(text: str, least: int = 1) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or not least <= int(text) <= 255:
        raise ValueError(f"{text!r} stands where a number from {least} to 255 belongs")
    return int(text)


def word(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]{1,31}", text):
        raise ValueError(f"{text!r} stands where a word of letters, digits and _ belongs")
    return text


def parse_event(words: list[str]) -> Event:
    number, name, module, *specs, sentence = words
    fields = []
    for place, spec in zip(PLACES, specs):
        if spec:
            field_name, colon, field_type = spec.partition(":")
            fields.append(Field(word(field_name), word(field_type) if colon else "", place))
    return Event(byte(number), word(name), module, tuple(fields), sentence)


# ---- the file ----


def read_trace(path: str | Path) -> Trace:
    """Raises TraceError, its text one line that starts with the path."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror}; give the path of a trace "
                         "that you may read") from None
    try:
        return decode(str(path), data)
    except TraceError as error:
        raise TraceError(f"{path}: is not a sound trace: {error}") from None


def demand(holds: bool, message: str, advice: str = COPY_AGAIN) -> None:
    if not holds:
        raise TraceError(f"{message}; {advice}")


def decode(path: str, data: bytes) -> Trace:
    check_start(data)
    header = HEADER.unpack_from(data)
    major, record_size, segments, ticks = (header[i] for i in (2, 4, 5, 6))
    demand(major == MAJOR, f"its format is {major}.{header[3]}, and this reader knows {MAJOR}.x",
           NEWER_TOOL)
    demand(record_size == RECORD_SIZE, f"its records have {record_size} bytes, not 32")
    demand(1 <= segments <= SEGMENTS_MAX, f"it claims {segments} segments, of 1 to 256")
    demand(ticks > 0, "its clock has 0 ticks a second")
    regions = read_regions(data, header)
    offsets = struct.unpack_from(f"<{segments}Q", data, OFFSETS_AT)
    parts = [read_segment(data, i, offset) for i, offset in enumerate(offsets) if offset]
    check_apart([*regions.spans, *(span for _, span in parts)])
    return Trace(path, ticks, header[9], read_schema(regions.schema),
                 read_sites(regions.sites, regions.strings),
                 [segment for segment, _ in parts if segment], regions.strings, header[20])


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
        demand(HEADER_SIZE <= offset and offset + length <= len(data),
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


def read_schema(text: bytes) -> Schema:
    try:
        return parse_schema(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise TraceError(f"its schema is not text; {COPY_AGAIN}") from None


def read_sites(table: bytes, strings: bytes) -> list[Site]:
    sites = []
    for number, (file, function, line, _) in enumerate(SITE.iter_unpack(table), 1):
        sites.append(Site(number, string_at(strings, file), string_at(strings, function), line))
    return sites


def read_segment(data: bytes, index: int,
                 offset: int) -> tuple[Segment | None, tuple[int, int, str]]:
    """The segment, or None for one that nobody claimed; and the bytes it takes."""
    name = f"segment {index}"
    demand(offset % 64 == 0, f"{name} begins at {offset}, no multiple of 64")
    demand(HEADER_SIZE <= offset and offset + SEGMENT_SIZE <= len(data),
           f"{name}, at byte {offset}, does not lie in the file")
    magic, number, flags, head, dropped, capacity, _, clean, claimed = SEGMENT.unpack_from(
        data, offset)
    demand(magic == SEGMENT_MAGIC, f"{name} does not begin as one")
    demand(number == index, f"{name} calls itself segment {number}")
    demand(flags == 0, f"{name} has flags {flags:#x}, which this reader does not know",
           NEWER_TOOL)
    start = offset + SEGMENT_SIZE
    end = start + capacity * RECORD_SIZE
    demand(end <= len(data), f"{name} ends at byte {end}, the file has {len(data)}")
    demand(head <= capacity, f"{name} claims {head} records, it has room for {capacity}")
    span = (offset, end, name)
    if not claimed and head == 0:
        return None, span
    records = data[start : start + head * RECORD_SIZE]
    return Segment(index, dropped, clean != 0,
                   [Record._make(r) for r in RECORD.iter_unpack(records)]), span


def check_apart(spans: list[tuple[int, int, str]]) -> None:
    spans = sorted(spans)
    for (_, end, first), (start, _, second) in zip(spans, spans[1:]):
        demand(end <= start, f"its {first} and {second} overlap")
