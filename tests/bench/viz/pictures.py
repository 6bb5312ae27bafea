"""pictures.py PROGRAM: what each picture of each trace beside PROGRAM takes, in a process of its
own as a person would start it. One row a picture. Removes the traces, which are large. EVENTS_MOST=N draws no larger ones.

The time is the processor's, Graphviz's included, which a busy machine hardly stretches. One
thread draws, so on a machine with nothing else to do it is the time that one waits."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

NEEDS = {"switches": "neato", "states": "dot", "rendezvous": "", "stacks": "matplotlib",
         "workers": "matplotlib", "fibers": "matplotlib", "latency": "matplotlib",
         "all": "matplotlib"}
GOAL, GOAL_MANY = 5.0, 20.0  # seconds; of a million events
MANY = 1_000_000
EVENTS_MOST = int(os.environ.get("EVENTS_MOST", MANY))


def there(tool: str) -> bool:
    return not tool or bool(shutil.which(tool)) or importlib.util.find_spec(tool) is not None


def events(run: str) -> int:
    return int(re.match(r"\d+", run)[0])


def draw(picture: str, trace: Path) -> tuple[float, float]:
    """Seconds of the processor, and mebibytes at the most."""
    out = trace.with_suffix(".out")
    rest = ["--out", str(out)] if picture == "all" else [str(out)]
    process = subprocess.Popen([sys.executable, "-m", "weft_viz", picture, str(trace), *rest])
    _, status, usage = os.wait4(process.pid, 0)
    took = usage.ru_utime + usage.ru_stime
    process.returncode = os.waitstatus_to_exitcode(status)
    shutil.rmtree(out) if out.is_dir() else out.unlink(missing_ok=True)
    out.with_suffix(".dot").unlink(missing_ok=True)
    if process.returncode:
        sys.exit(f"pictures.py: {picture} of {trace} ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return took, usage.ru_maxrss * unit / 2**20


def row(picture: str, trace: Path, run: str) -> str:
    if not there(NEEDS[picture]):
        return f"{picture}-{run}\t-\t-\t-\t{NEEDS[picture]} is not installed"
    goal = GOAL_MANY if events(run) >= MANY else GOAL
    took, memory = draw(picture, trace)
    against = "-" if picture == "all" else f"{took / goal:.3f}"
    note = "index.html with every picture" if picture == "all" else f"goal {goal:g} s"
    return f"{picture}-{run}\t{took * 1e9:.0f}\t{against}\t{memory:.0f}\t{note}"


def main(program: Path) -> None:
    traces = program.parent.glob(f"{program.name}-*.weft")
    for trace in sorted(traces, key=lambda path: (path.stat().st_size, path.name)):
        run = trace.stem.removeprefix(f"{program.name}-")
        for picture in NEEDS if events(run) <= EVENTS_MOST else ():
            print(row(picture, trace, run), flush=True)
        trace.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
