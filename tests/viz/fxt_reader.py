"""Reads Fuchsia's trace format, strictly, for the tests: written from the format's description
and not from the exporter. Whatever a reader might stumble over raises FxtError: a size of 0, a
record that its parts do not fill, a bit set that must be zero, padding, a string that is no
UTF-8, a reference to nothing, an argument type that nobody defined.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

MAGIC = 0x0016547846040010
INSTANT, COUNTER, BEGIN, END = 0, 1, 2, 3
PROCESS, THREAD = 1, 2
NEW, RUNNING, SUSPENDED, BLOCKED, DYING, DEAD = range(6)
IDLE_WEIGHT = -(2**31)


class FxtError(Exception):
    pass


def demand(holds: bool, message: str) -> None:
    if not holds:
        raise FxtError(message)


@dataclass
class Object:
    kind: int
    koid: int
    name: str
    arguments: dict[str, object]


@dataclass
class Switch:
    ns: int
    cpu: int
    state: int
    outgoing: int
    incoming: int
    arguments: dict[str, object]


@dataclass
class Wakeup:
    ns: int
    cpu: int
    thread: int
    arguments: dict[str, object]


@dataclass
class Event:
    kind: int
    ns: int
    process: int
    thread: int
    category: str
    name: str
    arguments: dict[str, object]
    id: int | None  # a counter's


@dataclass
class Fxt:
    provider: str = ""
    ticks_per_second: int = 0
    buffer_full: int = 0  # how often the provider said that records were dropped
    records: list[Object | Switch | Wakeup | Event] = field(default_factory=list)  # in order
    strings: dict[int, str] = field(default_factory=dict)
    inline_strings: int = 0

    def of(self, kind: type) -> list:
        return [record for record in self.records if isinstance(record, kind)]


def bits(word: int, first: int, last: int) -> int:
    return word >> first & (1 << last - first + 1) - 1


class Cursor:
    """The words of one record."""

    def __init__(self, fxt: Fxt, words: tuple[int, ...], data: bytes) -> None:
        self._fxt, self._words, self._data, self.at = fxt, words, data, 1

    def word(self) -> int:
        demand(self.at < len(self._words), "a record ends before its parts do")
        self.at += 1
        return self._words[self.at - 1]

    def stream(self, length: int) -> str:
        words = (length + 7) // 8
        demand(self.at + words <= len(self._words), "a string goes beyond its record")
        data = self._data[8 * self.at : 8 * (self.at + words)]
        self.at += words
        demand(not any(data[length:]), "padding is not zero")
        try:
            return data[:length].decode("utf-8")
        except UnicodeDecodeError as error:
            raise FxtError(f"a string is no UTF-8: {error}") from None

    def string(self, reference: int) -> str:
        if reference == 0:
            return ""
        if reference & 0x8000:
            self._fxt.inline_strings += 1
            return self.stream(reference & 0x7FFF)
        demand(reference in self._fxt.strings, f"string {reference} was never given")
        return self._fxt.strings[reference]

    def argument(self) -> tuple[str, object]:
        start = self.at
        head = self.word()
        name = self.string(bits(head, 16, 31))
        value = self._value(bits(head, 0, 3), head)
        demand(self.at - start == bits(head, 4, 15), f"argument {name} has another size")
        return name, value

    def _value(self, kind: int, head: int) -> object:
        high = bits(head, 32, 63)
        if kind == 1:
            return high - (1 << 32) if high >> 31 else high
        if kind == 2:
            return high
        if kind == 6:
            demand(high >> 16 == 0, "bits of an argument that must be zero")
            return self.string(high)
        demand(kind in (4, 8), f"an argument of type {kind}")
        demand(high == 0, "bits of an argument that must be zero")
        return self.word()

    def arguments(self, count: int) -> dict[str, object]:
        pairs = [self.argument() for _ in range(count)]
        demand(len(dict(pairs)) == count, "two arguments of one name")
        return dict(pairs)


class Reader:
    def __init__(self) -> None:
        self.fxt = Fxt()

    def read(self, data: bytes) -> Fxt:
        demand(len(data) % 8 == 0 and len(data) >= 8, "no whole words")
        words = struct.unpack(f"<{len(data) // 8}Q", data)
        demand(words[0] == MAGIC, "it does not begin with the magic number")
        at = 1
        while at < len(words):
            size = bits(words[at], 4, 15)
            demand(size > 0, f"a record of size 0 at word {at}: Perfetto would end here")
            demand(at + size <= len(words), "the last record is cut off")
            cursor = Cursor(self.fxt, words[at : at + size], data[8 * at : 8 * (at + size)])
            self._record(words[at], cursor)
            demand(cursor.at == size, f"a record at word {at} of {size} words fills {cursor.at}")
            at += size
        return self.fxt

    def _record(self, head: int, cursor: Cursor) -> None:
        kind = bits(head, 0, 3)
        known = {0: self._metadata, 1: self._initialization, 2: self._string, 4: self._event,
                 7: self._object, 8: self._scheduling}
        demand(kind in known, f"a record of type {kind}")
        demand(kind < 2 or self.fxt.ticks_per_second > 0, "an event before the initialization")
        known[kind](head, cursor)

    def _metadata(self, head: int, cursor: Cursor) -> None:
        kind = bits(head, 16, 19)
        demand(kind in (1, 3), f"metadata of type {kind}")
        if kind == 1:
            demand(bits(head, 60, 63) == 0, "reserved bits")
            self.fxt.provider = cursor.stream(bits(head, 52, 59))
            return
        demand(bits(head, 52, 63) == 0, "a provider event other than 0")
        self.fxt.buffer_full += 1

    def _initialization(self, head: int, cursor: Cursor) -> None:
        demand(bits(head, 16, 63) == 0, "reserved bits")
        self.fxt.ticks_per_second = cursor.word()

    def _string(self, head: int, cursor: Cursor) -> None:
        index, length = bits(head, 16, 30), bits(head, 32, 46)
        demand(index > 0 and length > 0, "a string without an index or a length")
        demand(bits(head, 31, 31) == 0 and bits(head, 47, 63) == 0, "reserved bits")
        demand(index not in self.fxt.strings, f"string {index} is given twice")
        self.fxt.strings[index] = cursor.stream(length)

    def _object(self, head: int, cursor: Cursor) -> None:
        demand(bits(head, 44, 63) == 0, "reserved bits")
        koid = cursor.word()
        name = cursor.string(bits(head, 24, 39))
        self.fxt.records.append(Object(bits(head, 16, 23), koid, name,
                                       cursor.arguments(bits(head, 40, 43))))

    def _scheduling(self, head: int, cursor: Cursor) -> None:
        kind, cpu, ns = bits(head, 60, 63), bits(head, 20, 35), cursor.word()
        count = bits(head, 16, 19)
        demand(kind in (1, 2), f"a scheduling record of type {kind}")
        demand(bits(head, 40 if kind == 1 else 36, 59) == 0, "reserved bits")
        if kind == 1:
            outgoing, incoming = cursor.word(), cursor.word()
            self.fxt.records.append(Switch(ns, cpu, bits(head, 36, 39), outgoing, incoming,
                                           cursor.arguments(count)))
        else:
            thread = cursor.word()
            self.fxt.records.append(Wakeup(ns, cpu, thread, cursor.arguments(count)))

    def _event(self, head: int, cursor: Cursor) -> None:
        kind, count = bits(head, 16, 19), bits(head, 20, 23)
        demand(kind in (INSTANT, COUNTER, BEGIN, END), f"an event of type {kind}")
        demand(bits(head, 24, 31) == 0, "a thread by reference, and no table was given")
        ns, process, thread = cursor.word(), cursor.word(), cursor.word()
        category, name = cursor.string(bits(head, 32, 47)), cursor.string(bits(head, 48, 63))
        arguments = cursor.arguments(count)
        self.fxt.records.append(Event(kind, ns, process, thread, category, name, arguments,
                                      cursor.word() if kind == COUNTER else None))


def read(data: bytes) -> Fxt:
    return Reader().read(data)
