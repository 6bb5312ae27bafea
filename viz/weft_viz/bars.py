"""Bars on a lane: clipped to a window, and quantised where they are narrower than a pixel.

A bar thinner than a pixel vanishes, so a lane that has one is drawn pixel by pixel: each shows
the fiber or state that takes most of it, and pixels that hold more than one are reported as mixed.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bar:
    key: str | int  # a state, or a fiber
    start: float
    end: float


@dataclass
class Quantised:
    bars: list[Bar] = field(default_factory=list)
    mixed: list[tuple[float, float]] = field(default_factory=list)


def clip(bars: list[Bar], low: float, high: float) -> list[Bar]:
    return [Bar(b.key, max(b.start, low), min(b.end, high)) for b in bars
            if b.end > low and b.start < high and b.end > b.start]


def quantise(bars: list[Bar], low: float, high: float, pixels: int) -> Quantised:
    """`bars` do not overlap and lie between `low` and `high`."""
    unit = (high - low) / pixels
    if all(b.end - b.start >= unit for b in bars):
        return Quantised(bars)
    columns: list[dict[str | int, float]] = [{} for _ in range(pixels)]
    for bar in bars:
        first = min(pixels - 1, int((bar.start - low) / unit))
        last = max(first, min(pixels - 1, int((bar.end - low) / unit - 1e-9)))
        for column in range(first, last + 1):
            left, right = low + column * unit, low + (column + 1) * unit
            share = max(0.0, min(bar.end, right) - max(bar.start, left))
            columns[column][bar.key] = columns[column].get(bar.key, 0.0) + share
    return Quantised(joined(columns, low, unit), mixed(columns, low, unit))


def joined(columns: list[dict[str | int, float]], low: float, unit: float) -> list[Bar]:
    """Each column's longest stay, neighbours of one key as one bar."""
    bars: list[Bar] = []
    for column, shares in enumerate(columns):
        if not shares:
            continue
        key = max(shares, key=lambda k: (shares[k], str(k)))
        start, end = low + column * unit, low + (column + 1) * unit
        if bars and bars[-1].key == key and bars[-1].end > start - unit / 2:
            bars[-1] = Bar(key, bars[-1].start, end)
        else:
            bars.append(Bar(key, start, end))
    return bars


def mixed(columns: list[dict[str | int, float]], low: float,
          unit: float) -> list[tuple[float, float]]:
    """Where columns hold more than one key, neighbours as one stretch."""
    stretches: list[tuple[float, float]] = []
    for column, shares in enumerate(columns):
        if len(shares) < 2:
            continue
        start, end = low + column * unit, low + (column + 1) * unit
        if stretches and stretches[-1][1] > start - unit / 2:
            stretches[-1] = (stretches[-1][0], end)
        else:
            stretches.append((start, end))
    return stretches
