"""A benchmark's picture: what each operation takes, beside its goal, peers and the limit.

`make bench` writes a table a benchmark: a header line, then one line a row, columns apart by
tabs. The first column is the row's name, `nanoseconds` its median, a dash where there is none;
`ratio_to_goal` leads to the goal, the last column says what was measured. The axis is
logarithmic, as a tenth of a nanosecond and a microsecond stand in one table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from . import plot, svg

WIDTH = 880
LEFT, RIGHT = 216, 150  # the names; the last number and its goal
PANEL = WIDTH - LEFT - RIGHT
TOP, ROW, BAR, AXIS = 22, 27, 15, 44
LEAST = 0.1  # nanoseconds: below it there is no bar

# How the names of rows begin that are not Weft's. What is left is Weft's.
PEERS = ("boost", "go_", "lttng", "tokio", "swapcontext", "clock_gettime")
LIMITS = ("limit", "loop_without")
MISSING = ("not installed", "not measured", "not counted")


class TableError(ValueError):
    """What is wrong with a table; the text is one line for a person."""


@dataclass(frozen=True)
class Row:
    name: str
    nanoseconds: float | None
    goal: float | None
    is_limit: bool  # the one to which the others' ratios are
    note: str

    @property
    def color(self) -> str:
        if self.name.startswith(LIMITS):
            return svg.GREY
        return svg.SKY if self.name.startswith(PEERS) else svg.GREEN

    @property
    def missed(self) -> bool:
        return self.goal is not None and (self.nanoseconds or 0) > self.goal


def number(text: str) -> float | None:
    if text in ("", "-"):
        return None
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def row(columns: dict[str, str]) -> Row:
    nanoseconds = number(columns["nanoseconds"])
    ratio = number(columns.get("ratio_to_goal", "-"))
    goal = number(columns.get("goal", "-"))
    if goal is None and nanoseconds and ratio:
        goal = float(f"{nanoseconds / ratio:.2g}")  # goals are round, ratios are rounded
    return Row(columns["name"], nanoseconds, goal,
               columns["name"].startswith("limit") and columns.get("ratio_to_limit") == "1.000",
               columns.get("note", ""))


def read(text: str, path: str) -> list[Row]:
    lines = [line.split("\t") for line in text.splitlines() if line.strip()]
    header = lines[0] if lines else []
    if header[:1] != ["name"] or "nanoseconds" not in header:
        raise TableError(f"{path}: is no table of a benchmark; `make bench` writes them")
    rows = []
    for position, line in enumerate(lines[1:], 2):
        try:
            rows.append(row(dict(zip(header, line, strict=True))))
        except ValueError:
            raise TableError(f"{path}: line {position} does not fit its header; run `make bench` "
                             "again") from None
    return rows


@dataclass(frozen=True)
class Scale:
    """Decades of nanoseconds, as the panel's x."""

    low: int
    high: int

    def x(self, nanoseconds: float) -> float:
        least = 10.0 ** self.low
        return math.log10(max(nanoseconds, least)) - self.low


def scale(rows: list[Row]) -> Scale:
    shown = [v for r in rows for v in (r.nanoseconds, r.goal) if v is not None and v >= LEAST]
    shown = shown or [1.0]
    low = math.floor(math.log10(min(shown)))
    return Scale(low, max(low + 1, math.ceil(math.log10(max(shown)))))


def decade(exponent: int) -> str:
    return f"{10 ** exponent:,}" if exponent >= 0 else f"{10.0 ** exponent:.{-exponent}f}"


def axis(axes: Any, scaled: Scale, height: float) -> None:
    decades = range(scaled.high - scaled.low + 1)
    axes.set_xlim(0, scaled.high - scaled.low)
    axes.vlines(list(decades), 0, height, colors=svg.FAINT, linewidth=0.7, zorder=0)
    axes.set_xticks(list(decades), [decade(scaled.low + d) for d in decades])
    axes.tick_params(axis="x", color=svg.SOFT, labelcolor=svg.SOFT, labelsize=11, length=4)
    axes.annotate("nanoseconds", (1, 0), (0, -36), xycoords="axes fraction",
                  textcoords="offset points", ha="right", va="baseline", color=svg.SOFT, size=11)


def limit_line(axes: Any, rows: list[Row], scaled: Scale, height: float) -> None:
    for limit in rows:
        if limit.is_limit:
            x = scaled.x(limit.nanoseconds or 0)
            axes.vlines([x], -4, height, colors=svg.SOFT, linewidth=1.2, linestyles="dashed")
            axes.text(x, -8, "limit", size=11, color=svg.SOFT, ha="center", va="baseline")


def bar(axes: Any, drawn: Row, scaled: Scale, middle: float) -> None:
    """One row: its bar, a stroke at its goal, and both as numbers."""
    value = drawn.nanoseconds or 0
    end = scaled.x(value)
    axes.broken_barh([(0, end)], (middle - BAR / 2, BAR), facecolors=drawn.color, zorder=2)
    words = f"{value + 0.0:,.2f}"
    if drawn.goal is not None:
        stroke = scaled.x(drawn.goal)
        axes.vlines([stroke], middle - ROW / 2 + 2, middle + ROW / 2 - 2, colors=svg.INK,
                    linewidth=2.4, zorder=4)
        end = max(end, stroke)
        words += f", goal {drawn.goal:g}" + (": missed" if drawn.missed else "")
    axes.annotate(words, (end, middle + 4), (6, 0), textcoords="offset points", size=11,
                  color=svg.INK, weight="bold" if drawn.missed else "normal", ha="left",
                  va="baseline", annotation_clip=False)


def notes(rows: list[Row], drawn: list[Row], machine: str) -> list[str]:
    lines = ["Medians. Green: Weft. Blue: other software. Grey: what this machine cannot beat, "
             "or the measuring loop itself. Each line of the axis is ten times the one before."]
    if any(r.goal is not None for r in drawn):
        lines.append("A stroke is the row's goal: a bar that reaches past it misses it.")
    missing = [r.name for r in rows if r.nanoseconds is None and r.note.startswith(MISSING)]
    others = [r.name for r in rows if r.nanoseconds is None and r.name not in missing]
    if missing:
        lines.append(f"Not measured here: {', '.join(missing)}.")
    if others:
        lines.append(f"Only in the table, as it is no time: {', '.join(others)}.")
    return [*lines, *([machine] if machine else [])]


def describe(drawn: list[Row]) -> str:
    return " ".join(f"{r.name} takes {r.nanoseconds:,.2f} ns"
                    + (f", its goal is {r.goal:g}" if r.goal is not None else "") + "."
                    for r in drawn)


def bench(rows: list[Row], name: str, machine: str) -> bytes:
    drawn = [r for r in rows if r.nanoseconds is not None]
    scaled = scale(drawn)
    height = max(1, len(drawn)) * ROW
    sheet = plot.sheet(WIDTH, TOP + height + AXIS)
    axes = sheet.panel(LEFT, TOP, PANEL, height)
    axis(axes, scaled, height)
    limit_line(axes, drawn, scaled, height)
    for position, shown in enumerate(drawn):
        middle = (position + 0.5) * ROW
        bar(axes, shown, scaled, middle)
        sheet.text(svg.MARGIN, TOP + middle + 4, svg.fit(shown.name, LEFT - svg.MARGIN - 8, 12), 12)
    if not drawn:
        sheet.text(LEFT, TOP + 18, "Nothing was measured.", 13, svg.SOFT)
    return sheet.finish(svg.Card(f"bench-{name}", f"What does each operation take? ({name})",
                                 describe(drawn), notes(rows, drawn, machine)))
