"""Both readers on the same files: the C tools and weft_viz must refuse the same ones, and merge the
others into the same order with the same counts.

    readers.py TOOL CASES DIRECTORY...

Each file of the directories is a case, and then CASES more are made of them: copies with one to
four places changed, by numbers that depend on the case alone. Nothing but a TraceError may come out
of the Python reader, and that within SECONDS.
"""

from __future__ import annotations

import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from weft_viz import model, reader
from weft_viz.reader import Trace, TraceError

SECONDS = 20  # for one case; it takes milliseconds
HEADER_FIELDS = ((8, "I"), (12, "H"), (14, "H"), (16, "I"), (20, "I"), (24, "Q"), (40, "Q"),
                 (64, "I"), (68, "I"), (72, "I"), (76, "I"), (80, "I"), (84, "I"), (88, "Q"),
                 (96, "Q"), (104, "Q"), (112, "I"), (512, "Q"), (520, "Q"))
SEGMENT_FIELDS = ((0, "I"), (4, "H"), (6, "H"), (8, "Q"), (16, "Q"), (24, "Q"), (40, "Q"),
                  (48, "I"), (52, "I"))
RECORD_FIELDS = ((0, "Q"), (8, "B"), (9, "B"), (10, "H"), (12, "I"), (16, "I"), (20, "I"),
                 (24, "I"), (28, "I"))
SIZES = {"B": 1, "H": 2, "I": 4, "Q": 8}


class Disagreement(Exception):
    """What is wrong with this case, in one line."""


# ---- what each of them says ----


@dataclass(frozen=True)
class Answer:
    """Of a file that is read: (worker, tick, event) of each step, and counts by name."""

    steps: tuple[tuple[int, int, str], ...]
    facts: dict[str, int]


def ask(tool: str, command: str, path: Path) -> str | None:
    """None for a file that is refused."""
    run = subprocess.run([tool, command, str(path)], capture_output=True, timeout=SECONDS,
                         check=False)
    if run.returncode not in (0, 3):
        raise Disagreement(f"weft-trace {command} exits {run.returncode}: {run.stderr!r}")
    return run.stdout.decode() if run.returncode == 0 else None


def from_c(tool: str, path: Path) -> Answer | None:
    dump = ask(tool, "dump", path)
    if dump is None:
        return None
    steps = []
    for line in dump.splitlines():
        if line[:1].isdigit():
            worker, tick, event = line.split(" ", 3)[:3]
            steps.append((int(worker), int(tick), event))
    facts = (line.rsplit(" ", 1) for line in (ask(tool, "facts", path) or "").splitlines())
    return Answer(tuple(steps), {name: int(value) for name, value in facts})


def event_name(trace: Trace, number: int) -> str:
    event = trace.schema.events.get(number)
    return event.name if event else f"type-{number}"


def count_facts(built: model.Model) -> dict[str, int]:
    """The facts that both count, under the names of the C tool. What an event means, C knows by
    its number and Python by its name; so only where the schema is the usual one."""
    trace, merged = built.trace, built.merged
    facts = {"records": len(merged.steps), "repairs": merged.repairs, "dropped": trace.dropped % 2**64,
             "clean": int(trace.clean), "lost_strings": trace.lost_strings}
    usual = {1: "SWITCH", 2: "CREATE", 9: "READY", 10: "AWAIT"}
    if all(event_name(trace, number) == name and len(trace.schema.events[number].fields) >= 2
           for number, name in usual.items()):
        facts |= {"switches": len(built.switches), "readies": len(built.readies),
                  "awaits": len(built.awaits),
                  "fibers": sum(c.child < reader.IDLE_FIBERS for c in built.creates)}
    return facts


def from_python(data: bytes) -> Answer | None:
    try:
        built = model.build(reader.decode("case", data))
    except TraceError as error:
        if "\n" in str(error) or not str(error).isprintable():
            raise Disagreement(f"not one line that can be shown: {error!r}") from None
        return None
    built.warnings()
    steps = ((s.worker, s.record.tick, event_name(built.trace, s.record.type))
             for s in built.merged.steps)
    return Answer(tuple(steps), count_facts(built))


def say(answer: Answer | None) -> str:
    return "refuses it" if answer is None else f"reads {len(answer.steps)} records"


def compare(c: Answer | None, python: Answer | None) -> None:
    if c is None or python is None:
        if c is not python:
            raise Disagreement(f"weft-trace {say(c)}, weft_viz {say(python)}")
        return
    for number, (one, other) in enumerate(zip(c.steps, python.steps)):
        if one != other:
            raise Disagreement(f"step {number} is {one} for weft-trace, {other} for weft_viz")
    if len(c.steps) != len(python.steps):
        raise Disagreement(f"weft-trace {say(c)}, weft_viz {say(python)}")
    for name, value in python.facts.items():
        if c.facts.get(name) != value:
            raise Disagreement(f"{name} is {c.facts.get(name)} for weft-trace, {value} for weft_viz")


# ---- cases ----


def some_number(chance: random.Random, size: int, old: int) -> int:
    """One that is near the old one, near a limit, or any."""
    most = 256**size - 1
    numbers = (old + chance.choice((-64, -32, -16, -2, -1, 1, 2, 16, 32, 64)), old ^ 1 << chance.
               randrange(8 * size), chance.randrange(8), most - chance.randrange(3),
               chance.randrange(most + 1), 64 * chance.randrange(200))
    return chance.choice(numbers) & most


def put(data: bytearray, at: int, kind: str, chance: random.Random) -> None:
    size = SIZES[kind]
    if at + size <= len(data):
        (old,) = struct.unpack_from("<" + kind, data, at)
        struct.pack_into("<" + kind, data, at, some_number(chance, size, old))


def u64(data: bytes, at: int) -> int:
    return struct.unpack_from("<Q", data, at)[0] if at + 8 <= len(data) else 0


def change_text(data: bytearray, chance: random.Random) -> None:
    """A byte of the schema, or one of its lines over another."""
    offset, length = struct.unpack_from("<II", data, 64)
    text = bytes(data[offset : offset + length])
    if not text:
        return
    if chance.randrange(3):
        at = offset + chance.randrange(len(text))
        data[at] = chance.choice(b"\t\n:_09azAZ\x00\x7f\xc3 ")
        return
    lines = text.split(b"\n")
    lines[chance.randrange(len(lines))] = chance.choice(lines)
    text = b"\n".join(lines)[:length]
    data[offset : offset + len(text)] = text


def change(data: bytearray, chance: random.Random) -> None:
    segment = u64(data, 512 + 8 * chance.randrange(2))
    first = segment + reader.SEGMENT_SIZE
    what = chance.randrange(12)
    if what < 2:
        put(data, *chance.choice(HEADER_FIELDS), chance)
    elif what == 2:
        field, kind = chance.choice(SEGMENT_FIELDS)
        put(data, segment + field, kind, chance)
    elif what == 3:
        change_text(data, chance)
    elif what == 4 and len(data) > reader.HEADER_SIZE:
        data[chance.randrange(len(data))] = chance.randrange(256)
    else:
        field, kind = chance.choice(RECORD_FIELDS)
        put(data, first + 32 * chance.randrange(max(1, min(64, u64(data, segment + 8)))) + field,
            kind, chance)


def make_case(bases: list[bytes], number: int) -> bytes:
    chance = random.Random(number)
    data = bytearray(chance.choice(bases))
    for _ in range(chance.randint(1, 4)):
        if len(data) >= reader.HEADER_SIZE:
            change(data, chance)
    if chance.randrange(40) == 0:
        del data[chance.randrange(len(data) + 1) :]
    return bytes(data)


# ---- all of them ----


def too_slow(*_: object) -> None:
    raise Disagreement(f"the Python reader is not done after {SECONDS} s")


@dataclass
class Tally:
    read: int = 0
    refused: int = 0
    failed: int = 0

    def judge(self, tool: str, path: Path, name: str) -> None:
        """The file is looked at by both."""
        signal.alarm(SECONDS)
        try:
            python = from_python(path.read_bytes())
            signal.alarm(0)
            compare(from_c(tool, path), python)
        except Disagreement as error:
            self.fail(f"{name}: {error}")
        except Exception:  # any other is what this looks for
            self.fail(f"{name}: {traceback.format_exc()}")
        else:
            self.read += python is not None
            self.refused += python is None
        finally:
            signal.alarm(0)

    def fail(self, line: str) -> None:
        self.failed += 1
        print("FAILED", line)


def main(tool: str, cases: int, directories: list[str]) -> int:
    signal.signal(signal.SIGALRM, too_slow)
    paths = sorted(p for d in directories for p in Path(d).iterdir())
    bases, tally, started = [p.read_bytes() for p in paths], Tally(), time.monotonic()
    for path in paths:
        tally.judge(tool, path, str(path))
    with tempfile.TemporaryDirectory() as directory:
        case = Path(directory) / "case"
        for number in range(cases if bases else 0):
            case.write_bytes(make_case(bases, number))
            tally.judge(tool, case, f"case {number}")
    print(f"{tally.read} read by both, {tally.refused} refused by both, "
          f"{time.monotonic() - started:.1f} s")
    print(f"{tally.read + tally.refused} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.read or not tally.refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
