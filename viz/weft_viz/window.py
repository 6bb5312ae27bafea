"""Which steps a picture shows, and how it says what it left out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .model import Model


@dataclass(frozen=True)
class Window:
    first: int  # steps, both shown
    last: int

    def holds(self, step: int) -> bool:
        return self.first <= step <= self.last

    def meets(self, start: int, end: int) -> bool:
        """Whether a stay from `start` to `end` shows in it."""
        return start <= self.last and end >= self.first

    def whole(self, model: Model) -> bool:
        return self.first <= model.first and self.last >= model.last

    def note(self, model: Model) -> list[str]:
        """Nothing when all is shown."""
        if self.whole(model):
            return []
        return [f"Steps {self.first:,} to {self.last:,} of {model.first:,} to {model.last:,}; the "
                "others are left out (--steps A:B shows another window)."]


def parse(text: str) -> tuple[int | None, int | None]:
    """A:B, A: or :B. Raises ValueError."""
    match = re.fullmatch(r"(\d{0,18}):(\d{0,18})", text, re.ASCII)
    if not match:
        raise ValueError(f"'{text}' is no window of steps; write A:B, as in 0:60")
    first, last = (int(part) if part else None for part in match.groups())
    if first is not None and last is not None and first > last:
        raise ValueError(f"the window {text} ends before it begins")
    return first, last


def window(model: Model, steps: tuple[int | None, int | None]) -> Window:
    """Raises ValueError for one that lies beside the trace."""
    first = model.first if steps[0] is None else max(steps[0], model.first)
    last = model.last if steps[1] is None else min(steps[1], model.last)
    if first > last:
        raise ValueError(f"the window holds no step: the trace has steps {model.first:,} to "
                         f"{model.last:,}")
    return Window(first, last)
