"""How fibers and states look in every picture that has lanes or boxes."""

from __future__ import annotations

from dataclasses import dataclass

from . import model as m, svg, waiting
from .model import Model


@dataclass(frozen=True)
class Paint:
    """How the bars of one key look."""

    color: str
    hatch: str = ""
    label: str = ""  # in the bar, where it fits
    thin: bool = False  # a line instead of a bar
    ink: str = "#00000048"  # of its hatch
    text: str = svg.ON_COLOR  # of its label


# Paul Tol's light colours: made for dark text on them. After the eighth they come hatched.
FIBER_COLORS = ("#77aadd", "#ee8866", "#eedd88", "#44bb99", "#ffaabb", "#99ddff", "#bbcc33",
                "#cc99dd")
FIBER_HATCHES = ("", "///", "--", "xx", "||", "\\\\\\", "..", "++")
FIBERS_MAX = len(FIBER_COLORS) * len(FIBER_HATCHES)  # that look different
IDLE = Paint(svg.FAINT, "", "idle", text=svg.INK)
SEARCHING = Paint(svg.FAINT, "", "searching", text=svg.INK)
ASLEEP = Paint(svg.LANE, "////", "asleep", ink=svg.FAINT, text=svg.SOFT)
POLLING = Paint(svg.LANE, "....", "in the poller", ink=svg.SOFT, text=svg.SOFT)
OTHERS = Paint(svg.GREY, "", "")

STATES = {
    m.NEW: Paint(svg.SKY, "..", "new"),
    m.RUNNING: Paint(svg.GREEN, "", "running"),
    m.READY: Paint(svg.ORANGE, "////", "ready"),
    m.PARKED: Paint(svg.GREY, "|||", "parked"),
    m.FINISHED: Paint(svg.SOFT, "", "", thin=True),
}

# Why a fiber is parked, where the trace tells: what it waits for.
PURPLE, YELLOW = "#cc79a7", "#f0e442"  # of Okabe and Ito's, too
ON_BLUE = "#ffffff"
WAITS = {
    waiting.IO: Paint(svg.BLUE, "", "I/O", text=ON_BLUE),
    waiting.TIMER: Paint(PURPLE, "\\\\\\\\", "timer"),
    waiting.QUEUE: Paint(svg.VERMILION, "xx", "queue"),
    waiting.OFFLOAD: Paint(YELLOW, "--", "offload"),
    waiting.SIGNAL: Paint(svg.BLUE, "++", "signal", ink="#ffffff70", text=ON_BLUE),
    waiting.AWAIT: Paint(svg.GREY, "", "await"),
}

WAIT_WORDS = {
    waiting.IO: "waits for I/O", waiting.TIMER: "waits for its timer",
    waiting.QUEUE: "waits for its turn in a queue",
    waiting.OFFLOAD: "waits for an offloaded call", waiting.SIGNAL: "waits for a signal",
    waiting.AWAIT: "waits for a fiber's result",
}

# Where ready fibers wait: shades of the colour that ready has, the first for no worker's queue.
INJECTED = Paint(svg.BLUE, "....")
QUEUES = (Paint(svg.ORANGE), Paint("#f5cf80", "////"), Paint("#b97f00"), Paint("#fbe9c6", "xx"))
STOLEN, TAKEN = Paint(svg.VERMILION), Paint(svg.BLUE, "....")


def queue_paint(worker: int) -> Paint:
    return QUEUES[worker % len(QUEUES)]



def fiber_paint(index: int, label: str) -> Paint:
    turn, color = divmod(index, len(FIBER_COLORS))
    return Paint(FIBER_COLORS[color], FIBER_HATCHES[turn % len(FIBER_HATCHES)], label)


def fiber_paints(model: Model) -> dict[int, Paint]:
    """By the fiber's number."""
    found = {f.id: fiber_paint(i, f.label) for i, f in enumerate(model.people())}
    return found | {f.id: IDLE for f in model.fibers.values() if f.idle}
