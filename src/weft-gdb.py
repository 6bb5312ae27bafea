"""weft-gdb.py: fibers for gdb.

    (gdb) source src/weft-gdb.py
    (gdb) weft fibers       lists the fibers of all runtimes of the process
    (gdb) weft bt 7         shows the stack of fiber 7
    (gdb) weft bt all       the stacks of all that have one

Works on a live process and on a core file, of a program and a libweft.a built with -g, and
changes nothing in either.

Concepts. A worker's thread has a pointer to its `struct worker` in the thread-local of
src/base/thread_local.c; that leads to the runtime, and the runtime to its slabs, in whose
slots all fibers lie but those that stand for a thread's own stack, which lie in their
workers. A parked fiber's stack is walked from the three words of its context: an unwinder
says to gdb, of the innermost frame of the thread that happens to be selected, that a
function of the parked fiber called it. So no register is written, which a core file would
not allow.

What a parked fiber waits for is not written down anywhere: the fiber that it awaits has a
future, and in that future's word stands who awaits it (src/future/rendezvous.h). Where no
fiber's future names the parked one, the function above the switch is what can be said.

gdb's own generate-core-file leaves out memory that has guards of MADV_GUARD_INSTALL in it,
which it cannot read; a core file that the kernel writes has it all.

Rejected: a list of all runtimes in a global variable. It would be there for the debugger
alone, and each weft_init would have to lock it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import gdb
from gdb.unwinder import Unwinder

# Registers that lie below a parked context's sp, by architecture: src/context/context_*.S.
FRAME_POINTER = {"i386:x86-64": "rbp", "aarch64": "x29"}
STACK_POINTER = {"i386:x86-64": "rsp", "aarch64": "sp"}
PROGRAM_COUNTER = {"i386:x86-64": "rip", "aarch64": "pc"}
BELOW_SP = {
    "i386:x86-64": {"rbx": 16, "r12": 24, "r13": 32, "r14": 40, "r15": 48},
    "aarch64": {"x30": 8, "x19": 32, "x20": 24, "x21": 48, "x22": 40, "x23": 64, "x24": 56,
                "x25": 80, "x26": 72, "x27": 96, "x28": 88},
}
SWITCH = re.compile(r"^(context_|scheduler_)")  # functions of the switch itself
FREE = "free"
WORD = 8


class Problem(gdb.GdbError):
    """What is wrong and what to do, in one line; gdb prints it and no traceback."""


# ---- finding the runtimes ----


def need_types() -> None:
    if not gdb.selected_inferior().threads():
        raise Problem("weft: there is no process and no core file to look into")
    try:
        gdb.lookup_type("struct weft")
        gdb.lookup_type("enum fiber_state")
    except gdb.error:
        raise Problem("weft: no debug information about Weft in this program; build it, and "
                      "libweft.a, with -g, and do not strip it") from None


@contextmanager
def clear_errors() -> Iterator[None]:
    """Says what it means that memory is not there."""
    try:
        yield
    except gdb.MemoryError as error:
        raise Problem(f"weft: fibers' memory is not in this core file ({error}); one that the "
                      "kernel writes has it, one of generate-core-file may not") from None


@contextmanager
def each_thread_selectable() -> Iterator[None]:
    """Has gdb go back to the thread and frame that were selected."""
    thread = gdb.selected_thread()
    frame = gdb.selected_frame() if thread else None
    try:
        yield
    finally:
        if thread and thread.is_valid():
            thread.switch()
            if frame and frame.is_valid():
                frame.select()


def worker_of_thread() -> gdb.Value | None:
    """The worker that the selected thread is, or None."""
    ours = [symbol for symbol in gdb.lookup_static_symbols("this_thread")
            if symbol.symtab.filename.endswith("base/thread_local.c")]
    try:
        if not ours or int(ours[0].value()) == 0:
            return None
        return ours[0].value().cast(gdb.lookup_type("struct worker").pointer())
    except gdb.error:
        return None  # a thread that has just begun


def find_runtimes() -> dict[int, gdb.Value]:
    """The runtimes of all workers, by address, and for each worker its thread's number."""
    need_types()
    found: dict[int, gdb.Value] = {}
    with each_thread_selectable():
        for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
            thread.switch()
            worker = worker_of_thread()
            if worker is not None:
                found.setdefault(int(worker["io"]), worker["io"])
    if not found:
        raise Problem("weft: no thread of this process runs a runtime now (before weft_init, "
                      "or after weft_deinit)")
    return found


# ---- fibers ----


@dataclass(frozen=True)
class Fiber:
    """One fiber that is alive."""

    value: gdb.Value  # the struct
    runtime: gdb.Value
    worker: int | None  # that runs it

    @property
    def address(self) -> int:
        return int(self.value.address)

    @property
    def number(self) -> int:
        return int(self.value["life"]["word"]) >> 32

    @property
    def state(self) -> str:
        for field in gdb.lookup_type("enum fiber_state").fields():
            if field.enumval == int(self.value["state"]):
                return field.name.removeprefix("FIBER_").lower()
        return "?"

    @property
    def name(self) -> str:
        if int(self.value["name"]) == 0:
            return ""
        try:
            return self.value["name"].string()
        except (gdb.error, UnicodeDecodeError):
            return "?"

    @property
    def is_idle(self) -> bool:
        workers = range(int(self.runtime["workers"]))
        return self.address in (int(self.runtime["worker"][i]["idle"]) for i in workers)

    @property
    def runs(self) -> bool:
        return self.worker is not None

    def called(self) -> str:
        return f"fiber {self.number}" + (f" ({self.name})" if self.name else "")


def slots(pool: gdb.Value) -> Iterator[gdb.Value]:
    """The headers of all slots that were ever carved; slab.h has the layout."""
    fiber_type = gdb.lookup_type("struct fiber")
    layout = pool["layout"]
    per_slab, slot_size = int(layout["slots"]), int(pool["slot_size"])
    slabs = int(pool["slabs"])
    for i in range(slabs):
        start = int(pool["slab"][i])
        for k in range(int(pool["carved"]) if i + 1 == slabs else per_slab):
            end = start + (k + 1) * slot_size - k % int(layout["colours"]) * int(
                layout["colour_step"])
            at = (end - fiber_type.sizeof) & ~63
            yield gdb.Value(at).cast(fiber_type.pointer()).dereference()


def fibers_of(runtime: gdb.Value) -> list[Fiber]:
    workers = [runtime["worker"][i] for i in range(int(runtime["workers"]))]
    current = {int(w["current"]): int(w["index"]) for w in workers if int(w["current"])}
    values = [w["thread_fiber"] for w in workers] + list(slots(runtime["slabs"]))
    found = [Fiber(value, runtime, current.get(int(value.address))) for value in values]
    return sorted((f for f in found if f.state != FREE and f.number), key=lambda f: f.number)


def awaited_by(fibers: list[Fiber]) -> dict[int, Fiber]:
    """Of each fiber that is awaited, by the awaiter's address. The word of a future holds the
    awaiter, or 1 at the end."""
    found: dict[int, Fiber] = {}
    for fiber in fibers:
        try:
            future = fiber.value["future"]
            if int(future):
                found[int(future["meeting"])] = fiber
        except gdb.error:
            continue  # the future is gone: the fiber's end was told a moment ago
    return found


# ---- stacks ----


class ParkedFrame(Unwinder):
    """While `fiber` is set, that fiber's frames are above the innermost one."""

    def __init__(self) -> None:
        super().__init__("weft parked fiber")
        self.fiber: Fiber | None = None
        self.innermost = 0  # the stack pointer of the selected thread

    def __call__(self, pending: gdb.PendingFrame) -> gdb.UnwindInfo | None:
        if self.fiber is None:
            return None
        name = pending.architecture().name()
        sp = pending.read_register(STACK_POINTER[name])
        pc = pending.read_register(PROGRAM_COUNTER[name])
        if int(sp) != self.innermost:
            return None
        # gdb wants stack pointers that grow from frame to frame.
        below = (self.fiber.value["context"]["sp"].cast(pc.type) - WORD).cast(sp.type)
        info = pending.create_unwind_info(FrameId(below, pc))
        for register, value in parked_registers(self.fiber, name).items():
            info.add_saved_register(register, value)
        return info


@dataclass(frozen=True)
class FrameId:
    """As gdb wants it."""

    sp: gdb.Value
    pc: gdb.Value


def parked_registers(fiber: Fiber, architecture: str) -> dict[str, gdb.Value]:
    context = fiber.value["context"]
    word = gdb.lookup_type("unsigned long")
    sp = int(context["sp"])
    registers = {
        STACK_POINTER[architecture]: context["sp"].cast(word),
        FRAME_POINTER[architecture]: context["fp"].cast(word),
        PROGRAM_COUNTER[architecture]: context["pc"].cast(word),
    }
    for register, below in BELOW_SP[architecture].items():
        at = gdb.Value(sp - below).cast(word.pointer())
        registers[register] = at.dereference()
    return registers


def frames_of(fiber: Fiber, unwinder: ParkedFrame) -> list[str]:
    """What `backtrace` says of a fiber that is not running, innermost first."""
    gdb.newest_frame().select()
    name = gdb.newest_frame().architecture().name()
    if name not in STACK_POINTER:
        raise Problem(f"weft: no stacks on {name}")
    unwinder.innermost = int(gdb.newest_frame().read_register(STACK_POINTER[name]))
    unwinder.fiber = fiber
    gdb.invalidate_cached_frames()
    try:
        text = gdb.execute("backtrace", to_string=True)
    finally:
        unwinder.fiber = None
        gdb.invalidate_cached_frames()
    return renumbered(text)


def renumbered(backtrace: str) -> list[str]:
    """Without frame 0, which is the selected thread's; frame 1 becomes 0. A frame whose text
    is long takes several lines."""
    lines: list[str] = []
    for line in backtrace.splitlines():
        match = re.match(r"#(\d+)( +)(.*)", line)
        if match and match.group(1) == "0":
            continue
        if match:
            line = f"#{int(match.group(1)) - 1:<3}{match.group(3)}"
        elif not lines:
            continue
        lines.append(line)
    return lines


def function_above_switch(frames: list[str]) -> str | None:
    for line in frames:
        match = re.match(r"#\d+ +(?:0x[0-9a-f]+ in )?([\w.]+)", line)
        if match and not SWITCH.match(match.group(1)):
            return match.group(1)
    return None


def name_of_function(pointer: gdb.Value) -> str:
    block = gdb.block_for_pc(int(pointer))
    return block.function.name if block and block.function else f"{int(pointer):#x}"


def stands(fiber: Fiber, awaited: dict[int, Fiber], unwinder: ParkedFrame) -> str:
    """The last column of the list."""
    if fiber.runs:
        return ""
    if fiber.is_idle:
        return "runs when no other is ready"
    if fiber.address in awaited:
        return f"waits for the end of {awaited[fiber.address].called()}"
    if fiber.state == "finished":
        return "has ended; its worker is about to say so"
    function = function_above_switch(frames_of(fiber, unwinder))
    if function is None:
        return f"has yet to begin {name_of_function(fiber.value['function'])}"
    return f"{'left' if fiber.state == 'ready' else 'waits for something'} in {function}"


# ---- commands ----


def counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


class WeftCommand(gdb.Command):
    """Commands that look at Weft's fibers."""

    def __init__(self) -> None:
        super().__init__("weft", gdb.COMMAND_STACK, prefix=True)


class FibersCommand(gdb.Command):
    """Lists the fibers of all runtimes: number, state, worker, name, and where they stand.

Usage: weft fibers"""

    def __init__(self, unwinder: ParkedFrame) -> None:
        super().__init__("weft fibers", gdb.COMMAND_STACK)
        self.unwinder = unwinder

    def invoke(self, argument: str, from_tty: bool) -> None:
        if argument:
            raise Problem("weft: usage: weft fibers")
        with clear_errors():
            self.list_all()

    def list_all(self) -> None:
        for address, runtime in find_runtimes().items():
            fibers = fibers_of(runtime)
            print(f"runtime {address:#x}: {counted(int(runtime['workers']), 'worker')}, "
                  f"{counted(len(fibers), 'fiber')}")
            print(f"  {'fiber':>10}  {'state':8}  {'worker':6}  {'name':16}  where it stands")
            awaited = awaited_by(fibers)
            with each_thread_selectable():
                for fiber in fibers:
                    worker = "" if fiber.worker is None else str(fiber.worker)
                    line = (f"  {fiber.number:>10}  {fiber.state:8}  {worker:6}  "
                            f"{fiber.name:16}  {stands(fiber, awaited, self.unwinder)}")
                    print(line.rstrip())


class BacktraceCommand(gdb.Command):
    """Shows the stack of one fiber, or of all.

Usage: weft bt NUMBER
       weft bt all"""

    def __init__(self, unwinder: ParkedFrame) -> None:
        super().__init__("weft bt", gdb.COMMAND_STACK)
        self.unwinder = unwinder

    def invoke(self, argument: str, from_tty: bool) -> None:
        if argument != "all" and not re.fullmatch(r"\d+", argument):
            raise Problem("weft: usage: weft bt NUMBER, or weft bt all; "
                          "weft fibers lists the numbers")
        with clear_errors():
            self.show_all(argument)

    def show_all(self, argument: str) -> None:
        runtimes = find_runtimes()
        fibers = [fiber for runtime in runtimes.values() for fiber in fibers_of(runtime)]
        if argument != "all":
            fibers = [fiber for fiber in fibers if fiber.number == int(argument)]
        if not fibers:
            raise Problem(f"weft: no fiber {argument} is alive; weft fibers lists the numbers")
        for fiber in fibers:
            where = f" of runtime {int(fiber.runtime):#x}" if len(runtimes) > 1 else ""
            print(f"{fiber.called()}{where}, {fiber.state}:")
            with each_thread_selectable():
                self.show(fiber)

    def show(self, fiber: Fiber) -> None:
        if fiber.runs:
            select_worker(fiber)
            gdb.newest_frame().select()
            gdb.execute("backtrace")
            return
        for line in frames_of(fiber, self.unwinder):
            print(line)


def select_worker(fiber: Fiber) -> None:
    """Selects the thread that runs the fiber."""
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        worker = worker_of_thread()
        if worker is not None and int(worker["current"]) == fiber.address:
            return
    raise Problem(f"weft: the thread that runs {fiber.called()} is not to be found")


def register() -> None:
    unwinder = ParkedFrame()
    gdb.unwinder.register_unwinder(None, unwinder, replace=True)
    WeftCommand()
    FibersCommand(unwinder)
    BacktraceCommand(unwinder)


register()
