"""What a chapter's recorded/ folder holds, and what is derived from it.

    trace.weft          a small trace of the demo with default knobs
    terminal.txt        what `make chapter-N` printed
    output.txt          what the demo itself printed, its knobs first
    check.txt           the checker's verdict
    facts.tsv           NAME<TAB>value, from weft-trace facts
    costs.tsv           from the chapter's benchmark; a header line, then one line a row
    machine             one line: processor, cores, kernel, compiler
    date                one line: the day of the recording
    values.tsv          NAME<TAB>text, derived from the files above: see derive_values
    xxd-record.txt      one record of trace.weft as xxd shows it, and as weft-trace does
    NAME.txt            what the chapter's other program NAME.c printed, and how it ended
    broken-NAME.txt     what `make chapter-N BROKEN=NAME` printed
    broken-NAME.weft    the trace that the variant left, if it left one, trimmed, as trace.weft
                        is: a worker's unused space is given back in the last segment only
    facts               by hand: predicates for weft-trace rules, one a line
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from bookkit.problem import Wrong

# Of trace/format.h and trace/events.def.
MAGIC = b"\x89WFT\r\n\x1a\n"
SEGMENT_OFFSETS = 512
SEGMENT_HEADER_SIZE = 64
SEGMENT_ALIGNMENT = 64
SEGMENT_HEAD = 8
SEGMENT_CAPACITY = 24
RECORD_SIZE = 32
RECORD_TYPE = 8
SWITCH = 1

KNOB = re.compile(r"^([A-Z][A-Z0-9_]*)=(\S+)$", re.M)


def read_table(path: Path) -> list[list[str]]:
    """The rows of a tab-separated file, all of the header's width."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line]
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise Wrong(f"{path.name}:{number}: {len(row)} columns, its header has "
                        f"{len(rows[0])}")
    return rows


def read_pairs(path: Path) -> dict[str, str]:
    """A file of NAME<TAB>text lines."""
    pairs = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        name, tab, text = line.partition("\t")
        if not tab or not name:
            raise Wrong(f"{path.name}:{number}: not NAME<TAB>text")
        pairs[name] = text
    return pairs


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclass
class Recording:
    folder: Path  # chapters/NN-name/recorded

    def exists(self, name: str) -> bool:
        return (self.folder / name).is_file()

    def path(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise Wrong(f"{path.name} is not in {self.folder.parent.name}/recorded; "
                        "run make book-record")
        return path

    def values(self) -> dict[str, str]:
        return read_pairs(self.path("values.tsv"))

    def line(self, name: str) -> str:
        lines = self.path(name).read_text(encoding="utf-8").splitlines()
        if len(lines) != 1:
            raise Wrong(f"recorded/{name}: {len(lines)} lines where one is wanted")
        return lines[0]

    def derive_values(self) -> str:
        """The text of values.tsv: facts.NAME as it is; for each row of the costs
        costs.ROW.ns rounded to a tenth, and costs.ROW.COLUMN for its other numbers;
        demo.KNOB for each line KNOB=value that the demo printed; machine and date."""
        pairs: list[tuple[str, str]] = []
        if self.exists("facts.tsv"):
            facts = read_pairs(self.path("facts.tsv"))
            pairs += [(f"facts.{name}", text) for name, text in facts.items()]
        if self.exists("costs.tsv"):
            pairs += self._costs()
        if self.exists("output.txt"):
            text = self.path("output.txt").read_text(encoding="utf-8")
            pairs += [(f"demo.{m[1].lower()}", m[2]) for m in KNOB.finditer(text)]
        for name in ("machine", "date"):
            if self.exists(name):
                pairs.append((name, self.line(name)))
        return "".join(f"{name}\t{text}\n" for name, text in sorted(pairs))

    def _costs(self) -> list[tuple[str, str]]:
        header, *rows = read_table(self.path("costs.tsv"))
        pairs = []
        for row in rows:
            for column, text in zip(header[1:], row[1:]):
                if not is_number(text):
                    continue
                if column in ("ns", "nanoseconds"):
                    column, text = "ns", f"{float(text):.1f}"
                pairs.append((f"costs.{row[0]}.{column}", text))
        return pairs

    def first_switch(self) -> int:
        """The offset of trace.weft's first SWITCH record, in segment order."""
        data = self.path("trace.weft").read_bytes()
        if data[:8] != MAGIC:
            raise Wrong("recorded/trace.weft is not a trace")
        (segments,) = struct.unpack_from("<I", data, 20)
        for index in range(segments):
            (start,) = struct.unpack_from("<Q", data, SEGMENT_OFFSETS + 8 * index)
            (head,) = struct.unpack_from("<Q", data, start + SEGMENT_HEAD)
            first = start + SEGMENT_HEADER_SIZE
            for at in range(first, first + head * RECORD_SIZE, RECORD_SIZE):
                if at + RECORD_SIZE <= len(data) and data[at + RECORD_TYPE] == SWITCH:
                    return at
        raise Wrong("recorded/trace.weft has no SWITCH record")

    def derive_xxd(self) -> str:
        """The command and what it prints, before the line of weft-trace dump."""
        at = self.first_switch()
        data = self.path("trace.weft").read_bytes()
        lines = [f"$ xxd -s {at} -l {RECORD_SIZE} recorded/trace.weft"]
        lines += [xxd_line(at + i, data[at + i : at + i + 16]) for i in (0, 16)]
        return "\n".join(lines) + "\n"


def trim(data: bytes) -> bytes:
    """The trace without the records that its segments had room for and that were not written:
    each segment moved up to the one before it. What a ring that went round holds stays."""
    (segments,) = struct.unpack_from("<I", data, 20)
    offsets = struct.unpack_from(f"<{segments}Q", data, SEGMENT_OFFSETS)
    trimmed = bytearray(data[: min(offsets)])
    for index, start in sorted(enumerate(offsets), key=lambda pair: pair[1]):
        trimmed += bytes(-len(trimmed) % SEGMENT_ALIGNMENT)
        (head,) = struct.unpack_from("<Q", data, start + SEGMENT_HEAD)
        (capacity,) = struct.unpack_from("<Q", data, start + SEGMENT_CAPACITY)
        kept = min(head, capacity)
        at = len(trimmed)
        trimmed += data[start : start + SEGMENT_HEADER_SIZE + kept * RECORD_SIZE]
        struct.pack_into("<Q", trimmed, at + SEGMENT_CAPACITY, kept)
        struct.pack_into("<Q", trimmed, SEGMENT_OFFSETS + 8 * index, at)
    return bytes(trimmed)


def xxd_line(offset: int, data: bytes) -> str:
    pairs = " ".join(data[i : i + 2].hex() for i in range(0, len(data), 2))
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
    return f"{offset:08x}: {pairs:<39}  {text}"
