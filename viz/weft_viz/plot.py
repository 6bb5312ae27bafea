"""Drawing with matplotlib: sheets measured in pixels, panels on them, no state of its own.

matplotlib is imported by the first sheet and not before: the rest of the package works
without it.
"""

from __future__ import annotations

import io
import logging
import os
import warnings
from dataclasses import dataclass
from typing import Any

from . import svg

SETTINGS = {
    "svg.fonttype": "none", "svg.hashsalt": "weft", "path.simplify": False,
    "font.family": ["DejaVu Sans"], "axes.unicode_minus": False, "hatch.linewidth": 0.8,
}


class MissingTool(Exception):
    """Something this picture needs is not installed; the text is one line for a person."""


@dataclass
class Sheet:
    """A figure, `width` by `height` pixels, y downwards."""

    figure: Any
    width: float
    height: float

    def panel(self, left: float, top: float, width: float, height: float) -> Any:
        """An Axes whose y, too, is pixels downwards from its top; its caller sets x."""
        axes = self.figure.add_axes((left / self.width, 1 - (top + height) / self.height,
                                     width / self.width, height / self.height))
        axes.set_facecolor("none")
        axes.set_ylim(height, 0)
        axes.set_yticks([])
        for side in ("top", "left", "right"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(svg.SOFT)
        return axes

    def text(self, x: float, y: float, text: str, size: float = 12, color: str = svg.INK,
             **options: Any) -> None:
        """The baseline begins at x, y."""
        self.figure.text(x / self.width, 1 - y / self.height, text, size=size, color=color,
                         va="baseline", parse_math=False, **options)

    def finish(self, card: svg.Card) -> bytes:
        out = io.BytesIO()
        with matplotlib().rc_context(SETTINGS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a glyph our font lacks: the reader's has it
            self.figure.savefig(out, format="svg", facecolor="none",
                                metadata={"Date": None, "Creator": None})
        return svg.card(card, out.getvalue(), self.width, self.height)


def matplotlib() -> Any:
    """The package, imported quietly."""
    os.environ.setdefault("MPLBACKEND", "svg")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        import matplotlib as package
        import matplotlib.figure
    except ImportError:
        raise MissingTool(
            "needs matplotlib; install the package python3-matplotlib") from None
    return package


def numpy() -> Any:
    """The package, which comes with matplotlib."""
    try:
        import numpy as package
    except ImportError:
        raise MissingTool("needs numpy; install the package python3-numpy") from None
    return package


def sheet(width: float, height: float) -> Sheet:
    package = matplotlib()
    with package.rc_context(SETTINGS):
        return Sheet(package.figure.Figure(figsize=(width / 72, height / 72), dpi=72), width,
                     height)


def number_axis(axes: Any, low: float, high: float, name: str, integers: bool) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(MaxNLocator(9, integer=integers, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{round(x, 9):,g}" if abs(x) < 1e5
                                                 else f"{x:,.0f}"))
    axes.tick_params(axis="x", color=svg.SOFT, labelcolor=svg.SOFT, labelsize=11, length=4,
                     pad=13)
    for label in axes.get_xticklabels():
        label.set_verticalalignment("baseline")
    axes.annotate(name, (1, 0), (0, -33), xycoords="axes fraction", textcoords="offset points",
                  ha="right", va="baseline", color=svg.SOFT, size=11)


def nice_top(value: int) -> tuple[int, int]:
    """A round number not under `value`, and its half."""
    value = max(value, 2)
    size = 1
    while True:
        for factor in (2, 4, 6, 8, 10, 12, 16):
            if factor * size >= value:
                return factor * size, factor * size // 2
        size *= 10
