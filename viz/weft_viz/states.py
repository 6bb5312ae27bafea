"""states.svg: the states that fibers were in, and how often they went from one to the next.

`dot` lays the graph out: the states from left to right, new first and finished last, an edge a
transition. Every size is ours, so the layout does not depend on a font. What it answers we draw
ourselves, with text at our own places.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field

from . import paints, svg
from .model import (FINISHED, NEW, PARKED, READY, RECYCLED, RUNNING, Model, count)
from .plot import MissingTool
from .window import Window

SECONDS_MAX = 5
NODE_WIDTH, NODE_HEIGHT = 82, 58  # a box is wider when its text is
NAME_SIZE, LABEL_SIZE, LINE = 14, 11, 15
LABEL_WIDTH = 96
NEWLINE = "\\n"  # as dot writes it
WRONG = svg.VERMILION
COLUMNS = (NEW, READY, PARKED, RUNNING, FINISHED)  # from left to right

Pair = tuple[str, str]

# The transitions of the design: the event of each, and what people call it.
DESIGN: dict[Pair, tuple[str, str]] = {
    (NEW, READY): ("READY", "made ready by its maker"),
    (READY, RUNNING): ("SWITCH", "a worker runs it"),
    (RUNNING, READY): ("SWITCH, yield", "it lets others go first"),
    (RUNNING, PARKED): ("SWITCH, park", "it waits for something"),
    (PARKED, READY): ("READY", "its wait is over"),
    (RUNNING, FINISHED): ("SWITCH, finish", "its function has returned"),
}
# Those of a worker's first fiber, and of bare contexts, which nobody makes ready.
OTHERS: dict[Pair, tuple[str, str]] = {
    (NEW, RUNNING): ("SWITCH", "it runs at once"),
    (PARKED, RUNNING): ("SWITCH", "it runs again"),
}


@dataclass(frozen=True)
class Plan:
    """The states that something may be in, and the transitions that its design has."""

    picture: str  # its name
    question: str
    columns: tuple[str, ...]  # the states, from left to right
    design: dict[Pair, tuple[str, str]]
    others: dict[Pair, tuple[str, str]]  # allowed, and not shown unless they happened
    straight: tuple[Pair, ...]
    colors: dict[str, str]
    left_out: str  # what the picture says of it
    also: dict[Pair, tuple[str, ...]] = field(default_factory=dict)  # other events of the design


FIBERS = Plan("states", "Which states did the fibers go through?", COLUMNS, DESIGN, OTHERS,
              ((NEW, READY), (RUNNING, FINISHED)),
              {state: svg.FAINT if state == FINISHED else paints.STATES[state].color
               for state in COLUMNS},
              "The workers' own idle contexts are left out.")


@dataclass
class Graph:
    model: Model
    window: Window
    plan: Plan
    edges: dict[Pair, Counter[str]] = field(default_factory=dict)  # how often, by event
    inside: dict[str, list[str]] = field(default_factory=dict)  # what a state's box says

    def total(self, pair: Pair) -> int:
        return sum(self.edges[pair].values())

    @property
    def node_width(self) -> int:
        widest = max(svg.text_width(line, LABEL_SIZE)
                     for lines in self.inside.values() for line in lines)
        return max(NODE_WIDTH, math.ceil(widest) + 8)

    def allows(self, pair: Pair, event: str) -> bool:
        """Whether the design has this transition, by this event."""
        usual = {**self.plan.design, **self.plan.others}.get(pair, ("", ""))[0].split(",")[0]
        usual_too = (usual, *self.plan.also.get(pair, ()), "WORKER_START")
        return usual != "" and event.split(",")[0] in usual_too

    def sound(self, pair: Pair) -> bool:
        return all(self.allows(pair, event) for event in self.edges[pair])

    def lines(self, pair: Pair) -> list[str]:
        """The label: a line an event, then what it means."""
        known = {**self.plan.design, **self.plan.others}
        event, meaning = known.get(pair, ("", "not in the design"))
        events = sorted(self.edges[pair].items()) or [(event, 0)]
        return [*(f"{times:,} × {name}" for name, times in events),
                *balanced(meaning)]

    def place(self, pair: Pair) -> tuple[int, int]:
        return self.plan.columns.index(pair[0]), self.plan.columns.index(pair[1])

    def backwards(self, pair: Pair) -> bool:
        return self.place(pair)[0] > self.place(pair)[1]


def balanced(words: str) -> list[str]:
    """In as few lines as LABEL_WIDTH allows, and those as short as they can be."""
    lines = svg.wrap(words, LABEL_WIDTH, LABEL_SIZE)
    width = LABEL_WIDTH
    while len(shorter := svg.wrap(words, width, LABEL_SIZE)) == len(lines) and width > 0:
        lines, width = shorter, width - 4
    return lines


def observe(model: Model, window: Window) -> Graph:
    """The transitions in the window. A fiber that is recycled stays finished."""
    graph = Graph(model, window, FIBERS, {pair: Counter() for pair in DESIGN})
    entered: Counter[str] = Counter()
    stays: Counter[str] = Counter()  # how many fibers are in each state at the end
    changes: Counter[tuple[str, str, str]] = Counter()  # from, to, by which event
    for fiber in model.people():
        before = last = ""
        for state in fiber.states:
            if state.start > window.last:
                break
            last = name = state.name
            inside = window.holds(state.start)
            entered[name] += inside
            if name == RECYCLED:
                continue
            if inside and before:
                changes[before, name, state.cause] += 1
            before = name
        stays.update([last] if last else [])
    for (before, name, cause), times in changes.items():
        graph.edges.setdefault((before, name), Counter())[cause] += times
    for state in COLUMNS:
        graph.inside[state] = [f"{stays[state]:,} at the end"] if stays[state] else []
    graph.inside[NEW].insert(0, f"{entered[NEW]:,} created")
    if entered[RECYCLED]:
        graph.inside[FINISHED].insert(0, f"{entered[RECYCLED]:,} recycled")
    return graph


# ---- the layout, by dot ----


def inches(pixels: float) -> float:
    return round(pixels / 72, 5)


def box_of(lines: list[str]) -> tuple[float, float]:
    """Width and height of a label."""
    width = max(svg.text_width(line, LABEL_SIZE) for line in lines)
    return math.ceil(width) + 2, LINE * len(lines) + 6


def quote(text: str) -> str:
    for old, new in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(old, new)
    return text


def dot(graph: Graph) -> str:
    title = "; ".join([card(graph).title, *graph.window.note(graph.model)])
    columns = graph.plan.columns
    return "".join([
        f"// {title}\n// dot -Tsvg draws it.\n",
        "digraph states {\n"
        "  graph [rankdir=LR nodesep=0.3 ranksep=0.02 margin=0 pad=0];\n"
        f"  node [shape=box style=rounded fixedsize=true width={inches(graph.node_width)} "
        f"height={inches(NODE_HEIGHT)} fontsize={NAME_SIZE}];\n"
        f"  edge [fontsize={LABEL_SIZE} arrowsize=0.8];\n"
        f"  {{ rank=min; \"{columns[0]}\"; }}\n  {{ rank=max; \"{columns[-1]}\"; }}\n",
        *(node(graph, state) for state in columns),
        *(edge(graph, pair) for pair in sorted(graph.edges, key=graph.place)),
        "}\n",
    ])


def node(graph: Graph, state: str) -> str:
    return f'  "{state}" [label="{NEWLINE.join([state, *graph.inside[state]])}"];\n'


def edge(graph: Graph, pair: Pair) -> str:
    """Written from left to right whichever way it goes, so that dot keeps the columns."""
    (left, right), back = (pair[::-1], " dir=back") if graph.backwards(pair) else (pair, "")
    lines = graph.lines(pair)
    width, height = box_of(lines)
    label = (f'<<TABLE BORDER="0" CELLPADDING="0" FIXEDSIZE="TRUE" WIDTH="{width:g}" '
             f'HEIGHT="{height:g}"><TR><TD>{"<BR/>".join(map(quote, lines))}</TD></TR></TABLE>>')
    straight = " weight=8" if pair in graph.plan.straight else ""
    return f'  "{left}" -> "{right}" [id="{"-".join(pair)}" label={label}{back}{straight}];\n'


def run_dot(text: str) -> dict:
    """What dot answers. Raises MissingTool where Graphviz is absent or fails."""
    try:
        run = subprocess.run(["dot", "-Tjson0"], input=text.encode(), check=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             timeout=SECONDS_MAX)
        return json.loads(run.stdout)
    except FileNotFoundError:
        raise MissingTool("needs Graphviz; install the package graphviz") from None
    except subprocess.TimeoutExpired:
        raise MissingTool(f"Graphviz took more than {SECONDS_MAX} s") from None
    except (subprocess.CalledProcessError, ValueError) as error:
        said = getattr(error, "stderr", b"") or b"no sound answer"
        reason = said.decode("utf-8", "replace").strip().split("\n")[0]
        raise MissingTool(f"Graphviz failed: {reason}") from None


def points(words: str) -> list[tuple[float, float]]:
    """Those of a pos; an arrow's tip, marked with e or s, comes first."""
    return [(float(x), float(y)) for x, y in
            re.findall(r"(-?\d[\d.]*(?:e[+-]?\d+)?),(-?\d[\d.]*(?:e[+-]?\d+)?)", words)]


# ---- the drawing ----


@dataclass
class Canvas:
    """An SVG of its own, y downwards from the top of dot's drawing."""

    root: ET.Element
    width: float
    height: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        return x + svg.MARGIN, self.height - svg.MARGIN - y

    def text(self, x: float, y: float, words: str, size: float, color: str,
             weight: str = "normal") -> None:
        svg.element(self.root, "text", words, x=f"{x:g}", y=f"{y:g}", fill=color,
                    font_size=size, font_weight=weight, text_anchor="middle")


def canvas(answer: dict) -> Canvas:
    _, _, width, height = (float(word) for word in answer["bb"].split(","))
    width, height = math.ceil(width) + 2 * svg.MARGIN, math.ceil(height) + 2 * svg.MARGIN
    return Canvas(ET.Element(f"{{{svg.SVG}}}svg"), width, height)


def draw_node(on: Canvas, graph: Graph, answer: dict) -> None:
    """A box; an empty one for a state in which no fiber was."""
    state = answer["name"]
    x, y = on.at(*points(answer["pos"])[0])
    seen = bool(graph.inside[state]) or any(graph.total(p) for p in graph.edges if state in p)
    color = graph.plan.colors[state]
    width = graph.node_width
    svg.element(on.root, "rect", x=f"{x - width / 2:g}", y=f"{y - NODE_HEIGHT / 2:g}",
                width=width, height=NODE_HEIGHT, rx=9, fill=color if seen else "none",
                stroke=color, stroke_width=1.5)
    ink = svg.ON_COLOR if seen and color not in (svg.FAINT, svg.LANE) else svg.INK
    lines = graph.inside[state]
    top = y + 5 - LINE / 2 * len(lines)
    on.text(x, top, state, NAME_SIZE, ink, "bold")
    for number, line in enumerate(lines, 1):
        on.text(x, top + number * LINE, line, LABEL_SIZE, ink)


def draw_edge(on: Canvas, graph: Graph, answer: dict) -> None:
    pair: Pair = tuple(answer["id"].split("-"))  # type: ignore[assignment]
    times = graph.total(pair)
    color = WRONG if not graph.sound(pair) else svg.INK if times else svg.GREY
    dash = {} if graph.sound(pair) else {"stroke_dasharray": "5 4"}
    tip, line = spline(answer["pos"])
    flat = [on.at(*point) for point in line]
    words = " ".join(f"{x:.2f},{y:.2f}" for x, y in flat[1:])
    svg.element(on.root, "path", d=f"M{flat[0][0]:.2f},{flat[0][1]:.2f} C{words}", fill="none",
                stroke=color, stroke_width=thickness(times), **dash)
    end = flat[0] if graph.backwards(pair) else flat[-1]
    head(on, end, on.at(*tip), color)
    x, y = on.at(*points(answer["lp"])[0])
    lines = graph.lines(pair)
    top = y - LINE * len(lines) / 2 + 11
    events = sorted(graph.edges[pair])
    for number, text in enumerate(lines):
        event = events[number] if number < len(events) else ""
        ink = svg.SOFT if not event else svg.INK if graph.allows(pair, event) else WRONG
        on.text(x, top + number * LINE, text, LABEL_SIZE, ink, "bold" if event else "normal")


def thickness(times: int) -> float:
    """Thin for none, then thicker by every factor of ten."""
    return 0.8 if times == 0 else round(1.2 + 0.5 * math.log10(times), 2)


def spline(words: str) -> tuple[tuple[float, float], list[tuple[float, float]]]:
    """The tip of the arrow, which dot names first, and the line up to its head."""
    tip, *line = points(words)
    return tip, line


def head(on: Canvas, end: tuple[float, float], tip: tuple[float, float], color: str) -> None:
    dx, dy = tip[0] - end[0], tip[1] - end[1]
    length = math.hypot(dx, dy) or 1.0
    sx, sy = -dy / length * 3.6, dx / length * 3.6
    corners = [tip, (end[0] + sx, end[1] + sy), (end[0] - sx, end[1] - sy)]
    svg.element(on.root, "polygon", points=" ".join(f"{x:.2f},{y:.2f}" for x, y in corners),
                fill=color)


# ---- the picture ----


def card(graph: Graph) -> svg.Card:
    model, window, plan = graph.model, graph.window, graph.plan
    odd = any(not graph.sound(pair) for pair in graph.edges)
    notes = ["An arrow is a change from one state to the next: how often it happened, the event "
             "that recorded it, and what it means. Thin and grey: the design allows it, and it "
             f"did not happen. {plan.left_out}",
             *(["Dashed and red: the design does not allow it; see the check."] if odd else []),
             *window.note(model), *model.warnings()]
    parts = [who(graph)]
    parts += [f"{state}: {', '.join(lines)}." for state, lines in graph.inside.items() if lines]
    parts += [f"{pair[0]} to {pair[1]}: {'; '.join(graph.lines(pair))}."
              for pair in sorted(graph.edges, key=graph.place)]
    return svg.Card(plan.picture, plan.question,
                    " ".join([*parts, *window.note(model)]), notes)


def who(graph: Graph) -> str:
    """Whose states these are."""
    if graph.plan is not FIBERS:
        return f"{count(len(graph.model.workers), 'worker')}."
    names = [f.label for f in graph.model.people()]
    shown = names if len(names) <= 20 else [*names[:20], "and others"]
    return f"{count(len(names), 'fiber')}: {', '.join(shown)}."


def boxes(answer: dict, columns: tuple[str, ...] = COLUMNS) -> list[dict]:
    """The states, in dot's answer; its groups are objects too."""
    return [each for each in answer["objects"] if each["name"] in columns]


def draw(graph: Graph, text: str) -> bytes:
    answer = run_dot(text)
    on = canvas(answer)
    edges = sorted(answer.get("edges", []), key=lambda e: e["_gvid"])
    for each in edges:
        draw_edge(on, graph, each)
    for each in boxes(answer, graph.plan.columns):
        draw_node(on, graph, each)
    return svg.card(card(graph), ET.tostring(on.root), on.width, on.height)


def states(model: Model, window: Window) -> tuple[str, Graph]:
    """The dot text, and what it shows."""
    graph = observe(model, window)
    return dot(graph), graph
