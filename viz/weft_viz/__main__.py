"""The command. Exit codes: 0 drawn; 2 usage; 3 the trace or another file cannot be read;
4 a tool is missing, and what can be done without it is done; 5 a picture cannot be written."""

from __future__ import annotations

import argparse
import gc
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from . import (bench, fibers, latency, model, page, plot, reader, rendezvous, sleepers, stacks,
               states, switches, tickets, timers, waiters, waits, window, workers)

USAGE, UNREADABLE, MISSING, UNWRITABLE = 2, 3, 4, 5
PICTURES = {
    "switches": "Who ran when, and who handed over to whom?",
    "states": "Which states did the fibers go through?",
    "rendezvous": "Who comes first to the rendezvous?",
    "stacks": "How deep is each stack when it is left?",
    "workers": "What did the cores do?",
    "fibers": "Why did this take long?",
    "latency": "How long did a ready fiber wait for a worker?",
    "sleepers": "Which states did the workers go through?",
    "waits": "Who waited for what, and what did the kernel say?",
    "waiters": "Who stood in which queue, and whose turn came?",
    "timers": "How late did the timers fire?",
    "tickets": "How did the waits end?",
}


class Failure(Exception):
    """Ends the command with `code` and one line."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Asked:
    """What one picture needs beside the trace."""

    out: Path
    link: str = ""  # of the page with the source
    targets: frozenset[int] = frozenset()


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        raise Failure(USAGE, f"{message}; --help shows what can be asked")


def steps(words: str) -> tuple[int | None, int | None]:
    try:
        return window.parse(words)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def fiber_numbers(words: str) -> frozenset[int]:
    if not re.fullmatch(r"\d{1,10}(,\d{1,10})*", words, re.ASCII):
        raise argparse.ArgumentTypeError(f"'{words}' are no numbers of fibers; write 2,3")
    return frozenset(map(int, words.split(",")))


def arguments(words: list[str]) -> argparse.Namespace:
    parser = Parser(prog="weft_viz", description="Draws the pictures of a trace.")
    commands = parser.add_subparsers(dest="command", required=True)
    every = commands.add_parser("all", help="every picture, and index.html")
    every.add_argument("trace")
    every.add_argument("--out", required=True, type=Path, help="the directory to fill")
    every.add_argument("--title", default="A run, step by step")
    every.add_argument("--chapter", default="")
    every.add_argument("--root", type=Path, help="where the source files lie")
    for name, what in (("check", "the verdict"), ("story", "the story"),
                       ("lanes", "the terminal's lanes")):
        every.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"{what}, as text")
    for name, question in PICTURES.items():
        one = commands.add_parser(name, help=question)
        one.add_argument("trace")
        one.add_argument("out", type=Path)
    commands.choices["rendezvous"].add_argument(
        "--targets", type=fiber_numbers, metavar="2,3",
        help="only awaits of these fibers, by number")
    for command in commands.choices.values():
        command.add_argument("--steps", type=steps, default=(None, None), metavar="A:B")
    table = commands.add_parser("bench", help="What does each operation take?")
    table.add_argument("table", type=Path, help="NAME.tsv, as `make bench` writes it")
    table.add_argument("out", type=Path)
    table.add_argument("--machine", type=Path, metavar="FILE", help="what it was measured on")
    return parser.parse_args(words)


def read(path: str) -> model.Model:
    try:
        return model.build(reader.read_trace(path))
    except reader.TraceError as error:
        raise Failure(UNREADABLE, str(error)) from None


def read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError as error:
        raise Failure(UNREADABLE, f"{path}: cannot be read: {error.strerror}") from None


def write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise Failure(UNWRITABLE, f"{path}: cannot be written: {error.strerror}") from None


def draw_switches(built: model.Model, shown: window.Window, asked: Asked) -> bytes:
    """Also writes the dot text beside the picture: it needs no tool."""
    text, drawn = switches.switches(built, shown, asked.link)
    write(asked.out.with_suffix(".dot"), text.encode())
    return switches.draw(text, drawn)


def draw_states(built: model.Model, shown: window.Window, asked: Asked) -> bytes:
    """Also writes the dot text."""
    text, graph = states.states(built, shown)
    write(asked.out.with_suffix(".dot"), text.encode())
    return states.draw(graph, text)


def draw_sleepers(built: model.Model, shown: window.Window, asked: Asked) -> bytes:
    """Also writes the dot text."""
    text, graph = sleepers.sleepers(built, shown)
    write(asked.out.with_suffix(".dot"), text.encode())
    return states.draw(graph, text)


def draw_tickets(built: model.Model, shown: window.Window, asked: Asked) -> bytes:
    """Also writes the dot text."""
    text, graph = tickets.tickets(built, shown)
    write(asked.out.with_suffix(".dot"), text.encode())
    return states.draw(graph, text)


def draw(name: str, built: model.Model, shown: window.Window, asked: Asked) -> bytes:
    pictures: dict[str, Callable[[], bytes]] = {
        "switches": lambda: draw_switches(built, shown, asked),
        "states": lambda: draw_states(built, shown, asked),
        "rendezvous": lambda: rendezvous.rendezvous(built, shown, asked.targets),
        "stacks": lambda: stacks.stacks(built, shown),
        "workers": lambda: workers.workers(built, shown),
        "fibers": lambda: fibers.fibers(built, shown),
        "latency": lambda: latency.latency(built, shown),
        "sleepers": lambda: draw_sleepers(built, shown, asked),
        "waits": lambda: waits.waits(built, shown),
        "waiters": lambda: waiters.waiters(built, shown),
        "timers": lambda: timers.timers(built, shown),
        "tickets": lambda: draw_tickets(built, shown, asked),
    }
    picture = pictures[name]()
    write(asked.out, picture)
    return picture


def left_out(name: str, built: model.Model) -> str | None:
    """Why `all` does not make this picture: "" when there is nothing to say; None when it
    does."""
    if name == "rendezvous" and not built.awaits or name == "latency" and not built.readies:
        return ""
    if name == "sleepers" and not built.sleeps:
        return ""
    waiting = built.waiting
    if name == "waits" and not waiting.seen or name == "waiters" and not waiting.queues or (
            name == "timers" and not waiting.timers or name == "tickets" and not (
                waiting.queues or waiting.timers)):
        return ""
    return None


def chosen(built: model.Model, options: argparse.Namespace) -> window.Window:
    try:
        return window.window(built, options.steps)
    except ValueError as error:
        raise Failure(USAGE, str(error)) from None


def run_one(options: argparse.Namespace) -> int:
    built = read(options.trace)
    try:
        draw(options.command, built, chosen(built, options),
             Asked(options.out, targets=getattr(options, "targets", None) or frozenset()))
    except plot.MissingTool as error:
        raise Failure(MISSING, f"{options.out} {error}") from None
    return 0


def run_all(options: argparse.Namespace) -> int:
    built = read(options.trace)
    shown = chosen(built, options)
    texts = [(anchor, heading, read_text(path)) for anchor, heading, path in (
        ("story", "The story", options.story), ("lanes", "In the terminal", options.lanes),
        ("check", "The check", options.check)) if path]
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(UNWRITABLE, f"{options.out}: cannot be made: {error.strerror}") from None
    pictures, code = [], 0
    for name, question in PICTURES.items():
        out = options.out / f"{name}.svg"
        reason = left_out(name, built)
        if reason is not None:
            out.unlink(missing_ok=True)  # an older run's
            pictures += [page.Picture(name, question, None, reason)] if reason else []
            continue
        try:
            pictures.append(page.Picture(name, question,
                                         draw(name, built, shown, Asked(out, "index.html"))))
        except plot.MissingTool as error:
            out.unlink(missing_ok=True)  # an older run's
            pictures.append(page.Picture(name, question, None, f"it {error}"))
            say(f"{out} {error}")
            code = MISSING
    content = page.Content(options.title, built, pictures, texts, options.chapter, options.root)
    write(options.out / "index.html", page.html(content).encode())
    return code


def run_bench(options: argparse.Namespace) -> int:
    machine = read_text(options.machine).strip() if options.machine else ""
    try:
        rows = bench.read(read_text(options.table), str(options.table))
        write(options.out, bench.bench(rows, options.table.stem, machine))
    except bench.TableError as error:
        raise Failure(UNREADABLE, str(error)) from None
    except plot.MissingTool as error:
        raise Failure(MISSING, f"{options.out} {error}") from None
    return 0


def say(line: str) -> None:
    print("weft_viz:", model.printable_line(line), file=sys.stderr)


def main(words: list[str]) -> int:
    try:
        options = arguments(words)
        runs = {"all": run_all, "bench": run_bench}
        return runs.get(options.command, run_one)(options)
    except Failure as failure:
        say(str(failure))
        return failure.code


if __name__ == "__main__":
    gc.disable()  # a short life of many small objects, none of them garbage
    sys.exit(main(sys.argv[1:]))
