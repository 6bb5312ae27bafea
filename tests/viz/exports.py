"""The traces that both exporters are tried with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from expected import TOOL, weft_trace
from helpers import Files
from trace_writer import REPOSITORY, schema_text

GOLDEN = sorted((REPOSITORY / "tests/golden").glob("*.txt"))

# Events of a scheduler that no Weft of today has, and one of a type that the schema lacks.
NEWER = """weft-trace-text 1
schema "weft-events 1"
{schema}
segment 0
segment 1
0 1000 CREATE child=1
0 1100 WORKER_START running=1
1 1200 WORKER_START running=4294901761
0 1250 STATUS state=parked fiber=9
0 1260 STATUS state=ready fiber=8
0 1300 CREATE child=2 parent=1
0 1400 READY place=local fiber=2 waker=1 cause=77
0 1500 QUEUE_LENGTH local=1 injected=3
1 1600 STEAL queue=local fiber=2 victim=0 size=1 batch=5
1 1700 SWITCH reason=idle next=2 previous=4294901761
1 1800 type-222 .fiber=0 .arg=7
1 1900 SWITCH reason=park next=4294901761 previous=2
0 2000 QUEUE_LENGTH local=0 injected=0
0 2100 READY place=remote fiber=2 waker=0 cause=78
0 2200 WORKER_STOP running=1
1 2300 WORKER_STOP running=4294901761
"""


def newer_text() -> str:
    """READY with a cause, by a schema of its own."""
    lines = []
    for line in schema_text().splitlines()[1:]:
        words = line.split("\t")
        if words[:3] == ["event", "9", "READY"]:
            words[7] = "cause:object"
        lines.append('schema "' + "\\t".join(words) + '"')
    return NEWER.format(schema="\n".join(lines))


class Exports(Files):
    def assert_same(self, found: list, expected: list) -> None:
        """assertEqual for long lists: names the first difference, and takes no time."""
        for at, (left, right) in enumerate(zip(found, expected)):
            if left != right:
                self.fail(f"number {at} is {left} and should be {right}")
        self.assertEqual(len(found), len(expected))

    def undump(self, text: str, name: str = "made") -> Path:
        source, path = self.directory / f"{name}.txt", self.directory / f"{name}.weft"
        source.write_text(text)
        made = weft_trace("undump", source, path)
        self.assertEqual(made.returncode, 0, made.stderr)
        return path

    def export(self, path: Path, form: str) -> bytes:
        out = path.with_suffix(f".{form}")
        run = weft_trace(form, path, out)
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, "", ""))
        self.assertEqual([p.name for p in self.directory.glob("*partial*")], [])
        return out.read_bytes()

    def demo(self, chapter: int, **knobs: str) -> Path:
        """A trace of that chapter's demo, run now."""
        program, path = TOOL.parent / f"chapter-{chapter}/demo", self.directory / "run.weft"
        if not program.exists():
            self.skipTest(f"{program} is not built")
        subprocess.run([program], check=True, capture_output=True, timeout=60,
                       env={**os.environ, "WEFT_TRACE": str(path), **knobs})
        return path

    def ring(self) -> Path:
        """A trace that holds the end of a run only, and a STATUS of each fiber."""
        path = self.directory / "ring.weft"
        environment = {**os.environ, "WEFT_TRACE": f"{path},ring,200", "YIELDS": "300", "WORK": "0"}
        program = TOOL.parent / "chapter-2/demo"
        if not program.exists():
            self.skipTest(f"{program} is not built")
        subprocess.run([program], check=True, capture_output=True, timeout=60, env=environment)
        return path

    def golden(self) -> list[Path]:
        return [self.undump(text.read_text(), text.stem) for text in GOLDEN]
