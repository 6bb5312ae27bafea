"""switches.svg: a column a fiber, a box a run, an arrow a switch, time downwards.

Every position is ours (a step is a row, a fiber is a column); Graphviz draws what the dot text
says, with `neato -n2`. A window keeps the picture to NODES_MAX nodes.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field

from . import paints, svg
from .model import (AFTER, FINISHED, NEW, PARKED, READY, Create, Model, Ready, Run, Switch,
                    count)
from .plot import MissingTool
from .reader import Site
from .window import Window

NODES_MAX = 100
COLUMNS_MAX = 24
DOT_MAX = 64 * 1024
SECONDS_MAX = 5
ROW, GAP = 30, 7  # between rows; between a row's line and the boxes on either side
HEADER = 52
FONT_SIZE = 11
FIGURE_SPACE = "\u2007"  # as wide as a digit
LIFE = {NEW: svg.SKY, READY: svg.ORANGE, PARKED: svg.GREY}


@dataclass
class Row:
    step: int
    text: str
    switch: Switch | None = None
    create: Create | None = None
    wake: Ready | None = None  # but for a new fiber's


@dataclass
class Plan:
    """What is drawn, and where."""

    model: Model
    window: Window
    rows: list[Row]
    runs: list[Run]
    columns: dict[int, int] = field(default_factory=dict)  # by fiber
    link: str = ""  # of the page with the source, to which #site-N is added; "" for none

    @property
    def nodes(self) -> int:
        dots = sum(row.create is not None or row.wake is not None for row in self.rows)
        return 1 + len(self.columns) + len(self.rows) + dots + len(self.runs)

    @property
    def gutter(self) -> float:
        return svg.MARGIN + 40 + max(
            (svg.text_width(r.text, FONT_SIZE) for r in self.rows), default=0) + 24

    @property
    def pitch(self) -> float:
        longest = max((svg.text_width(self.model.fibers[f].label, 12) for f in self.columns),
                      default=0)
        return min(150, max(84, longest + 18))

    @property
    def box(self) -> float:
        return min(72, self.pitch - 12)

    @property
    def width(self) -> float:
        return max(620, self.gutter + len(self.columns) * self.pitch + svg.MARGIN)

    @property
    def height(self) -> float:
        return HEADER + (len(self.rows) + 1) * ROW

    def x(self, fiber: int) -> float:
        return self.gutter + (self.columns[fiber] + 0.5) * self.pitch

    def y(self, step: int) -> float:
        """Of a row's line; before the first row or after the last for other steps."""
        passed = sum(row.step < step for row in self.rows)
        on_row = passed < len(self.rows) and self.rows[passed].step == step
        return HEADER + (passed + (0.5 if on_row else 0)) * ROW

    def span(self, run: Run) -> tuple[float, float]:
        """Top and bottom of its box, which a window may cut off."""
        cut_above = run.start < self.window.first
        cut_below = run.end > self.window.last or not run.reason
        top = HEADER - 10 if cut_above else self.y(run.start) + GAP
        bottom = self.height - ROW / 2 if cut_below else self.y(run.end) - GAP
        return top, max(bottom, top + 6)

    def middle(self, run: Run) -> tuple[float, float]:
        """The x of its box, and the box's width: half for a fiber that also runs elsewhere at
        that time, which must not be."""
        others = [r for r in self.runs if r.fiber == run.fiber and r.worker != run.worker
                  and r.start < run.end and run.start < r.end]
        if not others:
            return self.x(run.fiber), self.box
        side = -1 if run.worker < others[0].worker else 1
        return self.x(run.fiber) + side * self.box / 4, self.box / 2 - 2

    @property
    def doubled(self) -> bool:
        return any(self.middle(run)[1] != self.box for run in self.runs)


# ---- what to draw ----


def rows(model: Model, window: Window) -> list[Row]:
    def name(fiber: int) -> str:
        return svg.fit(model.fibers[fiber].label, 110, FONT_SIZE) if fiber in model.fibers \
            else "nobody"

    found = [Row(s.step, f"{name(s.previous)} → {name(s.next)} ({s.reason})", switch=s)
             for s in model.switches if window.holds(s.step)]
    found += [Row(c.step, f"{name(c.parent)} creates {name(c.child)}", create=c)
              for c in model.creates if window.holds(c.step) and c.parent]
    found += [Row(r.step, (f"{name(r.waker)} wakes {name(r.fiber)}" if r.waker
                           else f"{name(r.fiber)} is woken")
                  + ("" if r.was == PARKED else f" ({r.was})"), wake=r)
              for r in model.readies if window.holds(r.step) and r.was not in ("", NEW)]
    found += [Row(a.step, f"{name(a.awaiter)} awaits {name(a.target)}"
                  + (" (finished)" if a.finished else " (waits)"))
              for a in model.awaits if window.holds(a.step)]
    found += [Row(n.step, f"{name(n.fiber)} {svg.fit(n.words, 150, FONT_SIZE)}")
              for n in model.notes if window.holds(n.step)]
    taken = {row.step for row in found}
    for run in model.runs:
        if run.start not in taken and window.holds(run.start):
            found.append(Row(run.start, f"worker {run.worker} runs {name(run.fiber)}"))
        if run.reason == "stop" and window.holds(run.end):
            found.append(Row(run.end, f"worker {run.worker} ends"))
    return sorted(found, key=lambda row: row.step)


def plan(model: Model, window: Window, link: str = "") -> Plan:
    """The longest beginning of `window` that NODES_MAX and COLUMNS_MAX allow."""
    window = hopeful(model, window)
    every = rows(model, window)
    runs = [r for r in model.runs if window.meets(r.start, r.end)]
    for length in range(len(every), -1, -1):
        last = every[length].step - 1 if length < len(every) else window.last
        best = part(model, Window(window.first, last), every[:length], runs, link)
        if allowed(best):
            break
    return best


def hopeful(model: Model, window: Window) -> Window:
    """The beginning of `window` with as many rows as there may be nodes, or a few more."""
    steps = sorted(event.step for event in (*model.switches, *model.creates, *model.awaits,
                                            *model.notes) if window.holds(event.step))
    return window if len(steps) <= NODES_MAX else Window(window.first, steps[NODES_MAX])


def allowed(candidate: Plan) -> bool:
    return candidate.nodes <= NODES_MAX and len(candidate.columns) <= COLUMNS_MAX


def part(model: Model, window: Window, some: list[Row], near: list[Run], link: str) -> Plan:
    """`window` with its rows; `near` holds at least its runs."""
    runs = [r for r in near if window.meets(r.start, r.end)]
    shown = {r.fiber for r in runs} | {r.create.child for r in some if r.create}
    shown |= {f for r in some if r.switch for f in (r.switch.previous, r.switch.next)}
    shown |= {r.wake.fiber for r in some if r.wake}
    columns = {f: i for i, f in enumerate(f for f in model.fibers if f in shown)}
    return Plan(model, window, some, runs, columns, link)


# ---- the dot text ----


def quote(text: str) -> str:
    """For a label or a tooltip: no escape of dot's, no entity."""
    for old, new in (("\\", "\\\\"), ('"', '\\"'), ("&", "&amp;")):
        text = text.replace(old, new)
    return f'"{text}"'


def node(name: str, x: float, y: float, **attributes: str | float) -> str:
    words = " ".join(f"{k}={v if isinstance(v, str) else f'{v:g}'}" for k, v in attributes.items())
    return f'  {name} [pos="{x:g},{-y:g}!" {words}];\n'


def inches(pixels: float) -> float:
    return round(pixels / 72, 5)


def path(points: list[tuple[float, float]], arrow: bool) -> str:
    """The pos of an edge along straight lines: splines whose handles lie on them."""
    flat = [points[0]]
    for (ax, ay), (bx, by) in zip(points, points[1:]):
        flat += [(ax + (bx - ax) / 3, ay + (by - ay) / 3),
                 (ax + (bx - ax) * 2 / 3, ay + (by - ay) * 2 / 3), (bx, by)]
    spline = " ".join(f"{x:.2f},{-y:.2f}" for x, y in flat)
    if not arrow:
        return f'"{spline}"'
    # The line stops where the arrow's head begins.
    (ax, ay), (bx, by) = points[-2:]
    length = max(abs(bx - ax) + abs(by - ay), 1e-6)
    head = min(7.0, length)
    stop = (bx - (bx - ax) / length * head, by - (by - ay) / length * head)
    spline = " ".join([*spline.split(" ")[:-3],
                       *(f"{ax + (stop[0] - ax) * t:.2f},{-(ay + (stop[1] - ay) * t):.2f}"
                         for t in (1 / 3, 2 / 3, 1))])
    return f'"e,{bx:.2f},{-by:.2f} {spline}"'


def place(site: Site | None) -> str:
    return f" in {site.function}, {site.file}" if site else ""


def links(drawn: Plan, tooltip: str, site: Site | None) -> dict[str, str]:
    result = {"tooltip": quote(tooltip)}
    if drawn.link and site:
        result["URL"] = quote(f"{drawn.link}#site-{site.number}")
    return result


def dot(drawn: Plan) -> str:
    title = "; ".join([card(drawn).title, *drawn.window.note(drawn.model)])
    return "".join([
        f"// {title}\n// neato -n2 -Tsvg draws it: every position is given.\n",
        "digraph switches {\n"
        '  graph [bgcolor="transparent" pad=0 margin=0 outputorder=edgesfirst];\n'
        f'  node [shape=box fixedsize=true margin=0 labelloc=t fontname="sans-serif" '
        f'fontsize={FONT_SIZE} fontcolor="{svg.INK}"];\n'
        f'  edge [color="{svg.INK}" arrowsize=0.6];\n',
        frame(drawn), *headers(drawn), *row_texts(drawn), *boxes(drawn), *lifelines(drawn),
        *arrows(drawn),
        "}\n",
    ])


def frame(drawn: Plan) -> str:
    """Graphviz moves a drawing to its own bounds: this makes them ours."""
    return node("frame", drawn.width / 2, drawn.height / 2, style="invis",
                width=inches(drawn.width), height=inches(drawn.height))


def headers(drawn: Plan) -> list[str]:
    return [node(f"fiber_{f}", drawn.x(f), 20, shape="none",
                 width=inches(drawn.pitch), height=inches(16), fontsize=12,
                 label=quote(svg.fit(drawn.model.fibers[f].label, drawn.pitch - 6, 12)))
            for f in drawn.columns]


def row_texts(drawn: Plan) -> list[str]:
    lines, width = [], drawn.gutter - svg.MARGIN
    digits = max((len(f"{row.step:,}") for row in drawn.rows), default=0)
    for i, row in enumerate(drawn.rows):
        number = f"{row.step:,}".ljust(digits, FIGURE_SPACE)
        label = quote(f"{number}   {row.text}")[:-1] + '\\l"'
        lines.append(node(f"row_{i}", svg.MARGIN + width / 2, drawn.y(row.step), shape="none",
                          width=inches(width), height=inches(16), fontcolor=f'"{svg.SOFT}"',
                          label=label))
        if row.create:
            lines.append(node(f"create_{i}", drawn.x(row.create.child), drawn.y(row.step),
                              shape="circle", width=inches(9), height=inches(9), label='""',
                              style="filled", fillcolor=f'"{svg.SKY}"',
                              color=f'"{svg.SKY}"'))
        if row.wake:
            lines.append(node(f"wake_{i}", drawn.x(row.wake.fiber), drawn.y(row.step),
                              shape="circle", width=inches(6), height=inches(6), label='""',
                              style="filled", fillcolor=f'"{svg.ORANGE}"',
                              color=f'"{svg.ORANGE}"'))
    return lines


def boxes(drawn: Plan) -> list[str]:
    colors = paints.fiber_paints(drawn.model)
    lines = []
    for run in drawn.runs:
        top, bottom = drawn.span(run)
        name = drawn.model.fibers[run.fiber].label
        tip = (f"{name}, run {run.number}: worker {run.worker}, steps {run.start:,} to "
               f"{run.end:,}" + (f", left by {run.reason}{place(run.site)}" if run.reason else ""))
        color = colors[run.fiber].color
        x, width = drawn.middle(run)
        lines.append(node(
            f"run_{run.number}", x, (top + bottom) / 2,
            id=f'"run-{run.number}"', width=inches(width), height=inches(bottom - top),
            style='"filled,rounded"', fillcolor=f'"{color}"', color=f'"{color}"',
            fontcolor=f'"{svg.INK if color == svg.FAINT else svg.ON_COLOR}"',
            label=quote(box_label(drawn, run, width)),
            **links(drawn, tip, run.site)))
    return lines


def box_label(drawn: Plan, run: Run, width: float) -> str:
    worker = f" w{run.worker}" if len(drawn.model.workers) > 1 else ""
    name = drawn.model.fibers[run.fiber].label
    if not worker:
        return svg.fit(name, width - 8, FONT_SIZE)
    fits = svg.text_width(name + worker, FONT_SIZE) <= width - 4
    return name + worker if fits else worker.strip()


def edge(start: str, end: str, pos: str, **attributes: str) -> str:
    words = " ".join(f"{k}={v}" for k, v in attributes.items())
    return f"  {start} -> {end} [pos={pos} {words}];\n"


def lifelines(drawn: Plan) -> list[str]:
    """Between a fiber's runs, in the colours of the states in which it waits."""
    lines = []
    born = {row.create.child: (i, row) for i, row in enumerate(drawn.rows) if row.create}
    readied: dict[int, list[int]] = {}
    for ready in drawn.model.readies:
        readied.setdefault(ready.fiber, []).append(ready.step)
    for fiber in drawn.columns:
        own = [r for r in drawn.runs if r.fiber == fiber]
        life = Life(drawn, fiber, readied.get(fiber, []))
        if fiber in born:
            i, row = born[fiber]
            lines += life.lines(f"create_{i}", drawn.y(row.step), row.step,
                                own[0] if own else None, NEW)
        for before, after in zip(own, own[1:]):
            lines += life.after(before, after)
        if own and own[-1].end <= drawn.window.last and own[-1].reason not in ("", "stop"):
            lines += life.after(own[-1], None)
    return lines


@dataclass
class Life:
    """Draws the waits of one fiber."""

    drawn: Plan
    fiber: int
    readied: list[int]  # the steps of its READYs, ascending

    def after(self, before: Run, following: Run | None) -> list[str]:
        return self.lines(f"run_{before.number}", self.drawn.span(before)[1], before.end,
                          following, AFTER.get(before.reason, PARKED))

    def lines(self, start: str, y: float, step: int, following: Run | None,
              state: str) -> list[str]:
        """From y, at `step`, to the next run, or to the end of the picture; from a READY
        between them it is ready. Nothing for a finished fiber."""
        if state == FINISHED:
            return []
        end = self.drawn.span(following)[0] if following else self.drawn.height - ROW / 2
        until = following.start if following else self.drawn.window.last
        turn = next((r for r in self.readied if step < r <= until), None)
        goal = f"run_{following.number}" if following else "frame"
        if turn is None or state == READY:
            return [self.line(start, goal, y, end, state)]
        middle = min(max(self.drawn.y(turn), y), end)
        return [self.line(start, goal, y, middle, state),
                self.line(start, goal, middle, end, READY)]

    def line(self, start: str, goal: str, y: float, end: float, state: str) -> str:
        x = self.drawn.x(self.fiber)
        return edge(start, goal, path([(x, y), (x, end)], False), dir="none", penwidth="2",
                    color=f'"{LIFE[state]}"', tooltip=f'"{state}"')


def arrows(drawn: Plan) -> list[str]:
    lines = []
    starts = {(r.start, r.worker): r for r in drawn.runs}
    ends = {(r.end, r.worker): r for r in drawn.runs if r.reason}
    for i, row in enumerate(drawn.rows):
        if row.create and row.create.parent in drawn.columns:
            lines.append(create_arrow(drawn, i, row.create))
        if row.wake and row.wake.waker in drawn.columns:
            lines.append(wake_arrow(drawn, i, row.wake))
        if row.switch is None:
            continue
        key = row.switch.step, row.switch.worker
        if key in starts and key in ends:
            lines.append(switch_arrow(drawn, row.switch, ends[key], starts[key]))
    return lines


def run_at(drawn: Plan, fiber: int, step: int) -> str:
    """The node from which an arrow of that fiber begins."""
    owner = next((r for r in drawn.runs if r.fiber == fiber and r.start <= step <= r.end), None)
    return f"run_{owner.number}" if owner else f"fiber_{fiber}"


def across(drawn: Plan, giver: int, taker: int, step: int, gap: float) -> str:
    """An arrow along a row's line, from the giver's box to `gap` before the taker's dot."""
    a, b, y = drawn.x(giver), drawn.x(taker), drawn.y(step)
    side = 1 if b > a else -1
    return path([(a + side * drawn.box / 2, y), (b - side * gap, y)], arrow=True)


def create_arrow(drawn: Plan, row: int, create: Create) -> str:
    return edge(run_at(drawn, create.parent, create.step), f"create_{row}",
                across(drawn, create.parent, create.child, create.step, 5), style="dotted",
                **links(drawn, f"created{place(create.site)}", create.site))


def wake_arrow(drawn: Plan, row: int, wake: Ready) -> str:
    return edge(run_at(drawn, wake.waker, wake.step), f"wake_{row}",
                across(drawn, wake.waker, wake.fiber, wake.step, 4), penwidth="0.6",
                color=f'"{svg.SOFT}"',
                **links(drawn, f"made ready, {wake.place}{place(wake.site)}", wake.site))


def switch_arrow(drawn: Plan, switch: Switch, left: Run, entered: Run) -> str:
    (a, width), (b, other), y = drawn.middle(left), drawn.middle(entered), drawn.y(switch.step)
    side = 0.25 if b > a else -0.25  # beside the lifelines
    a, b = a + side * width, b - side * other
    line = path([(a, drawn.span(left)[1]), (a, y), (b, y), (b, drawn.span(entered)[0])], True)
    return edge(f"run_{left.number}", f"run_{entered.number}", line,
                id=f'"switch-{switch.number}"',
                **links(drawn, f"switch {switch.number}, step {switch.step:,}: {switch.reason}"
                               f"{place(switch.site)}", switch.site))


# ---- the picture ----


def card(drawn: Plan) -> svg.Card:
    model, window = drawn.model, drawn.window
    notes = ["Read downwards: a column is a fiber, a box is a run, an arrow is a switch. Dotted: "
             "a fiber is created. " + colors(drawn),
             *(["Thin, with an orange dot: a fiber makes a parked one ready."]
               if any(row.wake for row in drawn.rows) else []),
             *(["w1: on worker 1, and so on."] if len(model.workers) > 1 else []),
             *(["Boxes side by side: one fiber on two workers at once, which must not be."]
               if drawn.doubled else []),
             *window.note(model), *model.warnings()]
    names = ", ".join(model.fibers[f].label for f in drawn.columns)
    seen = [s for s in model.switches if window.holds(s.step)]
    text = (f"{count(len(seen), 'switch')} between {count(len(drawn.columns), 'fiber')}: {names}. "
            + " ".join(f"Step {row.step:,}: {row.text}." for row in drawn.rows))
    return svg.Card("switches", "Who ran when, and who handed over to whom?", text, notes, True)


def colors(drawn: Plan) -> str:
    """What the lines between the boxes mean."""
    if drawn.model.readies:
        return ("It is new (blue) until it is made ready. Between runs it is ready (orange) or "
                "parked (grey).")
    return "Before its first run it is new (blue), between runs ready (orange) or parked (grey)."


def neato(text: str) -> bytes:
    """Raises MissingTool where Graphviz is absent or fails."""
    try:
        run = subprocess.run(["neato", "-n2", "-Tsvg"], input=text.encode(), check=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             timeout=SECONDS_MAX)
    except FileNotFoundError:
        raise MissingTool("needs Graphviz; install the package graphviz") from None
    except subprocess.TimeoutExpired:
        raise MissingTool(f"Graphviz took more than {SECONDS_MAX} s; choose fewer steps") from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode("utf-8", "replace").strip().split("\n")[0]
        raise MissingTool(f"Graphviz failed: {reason}") from None
    return run.stdout


def switches(model: Model, window: Window, link: str = "") -> tuple[str, Plan]:
    """The dot text, under DOT_MAX bytes, and what it shows."""
    drawn = plan(model, window, link)
    text = dot(drawn)
    while len(text.encode()) > DOT_MAX and len(drawn.rows) > 1:
        shorter = drawn.rows[: len(drawn.rows) * 3 // 4]
        drawn = part(model, Window(drawn.window.first, shorter[-1].step), shorter, drawn.runs,
                     link)
        text = dot(drawn)
    return text, drawn


def draw(text: str, drawn: Plan) -> bytes:
    drawing = neato(text)
    # Text at the top of its box, which no font can move, and from there to the middle.
    drawing = drawing.replace(b'<text text-anchor="middle"', b'<text dy="3" text-anchor="middle"')
    return svg.card(card(drawn), drawing, drawn.width, drawn.height)
