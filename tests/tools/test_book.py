"""Tests of chapters/tools/book.py, each on a small book in a temporary folder."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "chapters" / "tools"))

import book  # noqa: E402
from bookkit.markdown import Page, slug_of  # noqa: E402
from bookkit.recording import trim  # noqa: E402

CHAPTER = "chapters/01-context/README.md"

CONTEXT_C = """\
#include "context/context.h"

#define DEPTH 3
#define TWICE(x) \\
	((x) + \\
	 (x))

enum state { NEW, RUNNING };

struct pair {
	int a; /* a brace in a comment: { */
	int b;
};

/* Turns it round.
 * In two lines. */
static __attribute__((noinline)) struct pair turn(struct pair pair,
						  const char *text)
{
	if (text[0] == '{')
		return pair;
	return (struct pair){pair.b, pair.a};
}

void context_init(void)
{
	const char *marks = "}{";
	turn((struct pair){1, 2}, marks);
}
"""

CONTEXT_S = """\
/* Parks one, goes on in another. */
	.globl	context_swap
	.type	context_swap, @function
context_swap:
	.cfi_startproc
	popq	%rax /* the return address */
	movq	%rsp, 0(%rdi)
	notrack jmpq *%r8
	fldcw	-52(%rsp)
	.size	context_swap, .-context_swap
"""

PARTS = """\
# Chapter 1: context

<!-- nav -->
<!-- /nav -->

## The question

It takes <!-- value: costs.switch.ns -->?<!-- /value --> ns, see [the book](../../book.md#how-to).

## The smallest failing program

<!-- listing: src/context/context.c turn -->

## The mental model
## The walk: one fiber

Read `context_init()` in `src/context/context.c`.

## Predict
## The trace, annotated

<!-- figure: figures/stacks.svg -->
![Two staircases](figures/stacks.svg)

## A broken variant

<!-- patch: broken/off/change.patch -->

## Elsewhere

The original has it at `Kqueue.zig:603`.

## Exercises
## Costs

<!-- table: costs -->
<!-- /table -->

## Further reading

<!-- nav -->
<!-- /nav -->
"""

BOOK = """\
# The book

## How to

<!-- contents -->
<!-- /contents -->

A switch takes <!-- value: 01-context:costs.switch.ns -->?<!-- /value --> ns here.

<!-- recorded: 01-context/terminal.txt lines=2-2 -->
<!-- /recorded -->
"""

FORMAT = """\
# Format

<!-- generated: weft-trace format -->
<!-- /generated -->
"""

VIZ = """\
import sys
kind, trace, out = sys.argv[1:]
with open(trace, "rb") as file:
    size = len(file.read())
with open(out, "w") as file:
    file.write(f"<svg>{kind} {size}</svg>\\n")
"""


def make_trace(room: int = 0) -> bytes:
    """One segment: an anchor, a switch, and room for more."""
    data = bytearray(4096 + 64 + 32 * (2 + room))
    data[:8] = b"\x89WFT\r\n\x1a\n"
    struct.pack_into("<I", data, 20, 1)
    struct.pack_into("<Q", data, 512, 4096)
    struct.pack_into("<QQQ", data, 4096 + 8, 2, 0, 2 + room)
    struct.pack_into("<QBBH", data, 4160, 5, 8, 0, 1)
    struct.pack_into("<QBBHIIIQ", data, 4192, 0x0102, 1, 4, 5, 2, 3, 1, 4)
    return bytes(data)


class BookCase(unittest.TestCase):
    """A book that is whole once it is synced."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "root"
        fakes = Path(folder.name) / "fakes"
        self.write("src/context/context.c", CONTEXT_C)
        self.write("src/context/context_x86_64.S", CONTEXT_S)
        self.write(CHAPTER, PARTS)
        self.write("book.md", BOOK)
        self.write("README.md", "# Weft\n\n[The book](book.md)\n")
        self.write("trace/FORMAT.md", FORMAT)
        self.write("viz/weft_viz/__init__.py", "")
        self.write("viz/weft_viz/__main__.py", VIZ)
        chapter = "chapters/01-context"
        self.write(f"{chapter}/demo.c", "#define HITS 3\nint main(void)\n{\n\treturn 0;\n}\n")
        self.write(f"{chapter}/broken/off/change.patch", "--- a\n+++ b\n-x\n+y\n")
        recorded = f"{chapter}/recorded"
        self.write(f"{recorded}/terminal.txt", "one\ntwo\nthree\n")
        self.write(f"{recorded}/output.txt", "ROUNDS=7\nping\n")
        self.write(f"{recorded}/facts.tsv", "switches\t21\n")
        self.write(f"{recorded}/costs.tsv",
                   "name\tnanoseconds\tratio_to_limit\tnote\n"
                   "switch\t5.57\t6.1\ta|b\nboost\t-\t-\tnot installed\n")
        self.write(f"{recorded}/machine", "a processor, 2 cores\n")
        self.write(f"{recorded}/date", "2026-01-02\n")
        (self.root / recorded / "trace.weft").write_bytes(make_trace())
        self.program("weft-trace", 'case $1 in\nformat) echo "| a |";;\n'
                     'dump) echo "0 258 SWITCH .site=5";;\n'
                     'rules) shift 2; for r; do echo "holds: $r"; done; [ $# = 2 ];;\nesac')
        (fakes / "matplotlib.py").parent.mkdir()
        (fakes / "matplotlib.py").write_text('__version__ = "1.2.3"\n')
        self.matplotlib = fakes / "matplotlib.py"
        environment = mock.patch.dict(os.environ, {
            "PYTHON": sys.executable, "PYTHONPATH": str(fakes), "BUILD": "build"})
        environment.start()
        self.addCleanup(environment.stop)
        status, self.first_sync = self.run_book("derive", "1")
        self.assertEqual(status, 0, self.first_sync)
        status, self.first_sync = self.run_book("sync")
        self.assertEqual(status, 0, self.first_sync)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def program(self, name: str, script: str) -> None:
        self.write(f"build/{name}", f"#!/bin/sh\n{script}\n")
        (self.root / "build" / name).chmod(0o755)

    def run_book(self, *words: str) -> tuple[int, str]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            status = book.main(["--root", str(self.root), *words])
        return status, out.getvalue()

    def change(self, path: str, old: str, new: str) -> None:
        text = self.read(path)
        self.assertIn(old, text)
        self.write(path, text.replace(old, new))

    def line_of(self, path: str, text: str) -> int:
        return next(n for n, line in enumerate(self.read(path).splitlines(), 1)
                    if text in line)

    def add_to_chapter(self, text: str) -> None:
        """Puts a paragraph under the walk, and syncs nothing."""
        self.change(CHAPTER, "## Predict", f"{text}\n\n## Predict")

    def assert_problem(self, path: str, at: str, *words: str) -> None:
        """`check` fails, and says all the words of the line that holds `at`."""
        before = self.read(path)
        status, output = self.run_book("check")
        self.assertEqual(status, 1, output)
        place = f"{path}:{self.line_of(path, at)}: "
        said = [line for line in output.splitlines() if line.startswith(place)]
        self.assertTrue(any(all(word in line for word in words) for line in said),
                        f"no {place}...{words} in:\n{output}")
        self.assertEqual(self.read(path), before, "check changes nothing")

    def assert_sound(self) -> str:
        status, output = self.run_book("check")
        self.assertEqual(status, 0, output)
        return output

    def listing(self, argument: str) -> str:
        """What sync makes of a listing with this argument."""
        self.add_to_chapter(f"<!-- listing: {argument} -->")
        status, output = self.run_book("sync")
        self.assertEqual(status, 0, output)
        return self.read(CHAPTER).split(f"listing: {argument} -->\n")[1].split("\n\n")[0]


class Whole(BookCase):
    def test_a_synced_book_passes_the_check(self) -> None:
        self.assertIn("book: ok (4 pages)", self.assert_sound())

    def test_sync_is_idempotent(self) -> None:
        self.assertIn(f"rewrote {CHAPTER}", self.first_sync)
        self.assertEqual(self.run_book("sync"), (0, ""))

    def test_what_an_author_types_is_enough(self) -> None:
        text = self.read(CHAPTER)
        self.assertIn("takes <!-- value: costs.switch.ns -->5.6<!-- /value --> ns", text)
        self.assertIn("```diff\n--- a\n+++ b\n-x\n+y\n```\n", text)
        self.assertIn("lines=2-2 -->\n```text\ntwo\n```\n<!-- /rec", self.read("book.md"))
        self.assertIn("<!-- generated: weft-trace format -->\n\n| a |\n\n<!-- /generated",
                      self.read("trace/FORMAT.md"))

    def test_directives_inside_code_are_text(self) -> None:
        self.add_to_chapter("```\n<!-- listing: nowhere.c nothing -->\n```\n\n"
                            "Write `<!-- table: x -->` so.")
        self.run_book("sync")
        self.assert_sound()

    def test_a_mistake_leaves_the_other_regions_to_be_written(self) -> None:
        self.change("src/context/context.c", "pair.b, pair.a", "pair.a, pair.b")
        self.add_to_chapter("<!-- listing: src/context/context.c gone -->\n"
                            "```c\nold text\n```")
        status, output = self.run_book("sync")
        self.assertEqual(status, 1)
        self.assertIn("does not define a function gone", output)
        self.assertIn("old text", self.read(CHAPTER))
        self.assertIn("pair.a, pair.b", self.read(CHAPTER))


class Listings(BookCase):
    def test_a_function(self) -> None:
        text = self.listing("src/context/context.c context_init")
        self.assertTrue(text.startswith("```c\nvoid context_init(void)\n{\n\tconst char"))
        self.assertTrue(text.endswith("}\n```\n*src/context/context.c:25, context_init*"))

    def test_attributes_are_no_name(self) -> None:
        self.assertIn("static __attribute__((noinline)) struct pair turn(",
                      self.read(CHAPTER))

    def test_with_its_comment(self) -> None:
        text = self.listing("src/context/context.c turn +comment")
        self.assertTrue(text.startswith("```c\n/* Turns it round.\n * In two lines. */\nstat"))
        self.assertIn("*src/context/context.c:17, turn*", text)

    def test_a_struct_an_enum_a_macro(self) -> None:
        self.assertIn("```c\nstruct pair {\n", self.listing("src/context/context.c struct pair"))
        self.assertIn("```c\nenum state { NEW, RUNNING };\n```",
                      self.listing("src/context/context.c enum state"))
        self.assertIn("\t((x) + \\\n\t (x))\n```",
                      self.listing("src/context/context.c macro TWICE"))

    def test_a_symbol_goes_to_its_size(self) -> None:
        text = self.listing("src/context/context_x86_64.S context_swap")
        self.assertTrue(text.startswith("```asm\ncontext_swap:\n"))
        self.assertTrue(text.endswith(".-context_swap\n```\n"
                                      "*src/context/context_x86_64.S:4, context_swap*"))

    def test_a_symbol_with_its_comment(self) -> None:
        text = self.listing("src/context/context_x86_64.S context_swap +comment")
        self.assertTrue(text.startswith("```asm\n/* Parks one"))

    def test_a_range_is_dedented_and_keeps_tabs(self) -> None:
        text = self.listing("src/context/context.c 'if (text'..'return pair;'")
        self.assertEqual(text, "```c\nif (text[0] == '{')\n\treturn pair;\n```\n"
                               "*src/context/context.c:20, in turn*")

    def test_a_changed_function_is_named(self) -> None:
        self.change("src/context/context.c", "pair.b, pair.a", "pair.a, pair.b")
        self.assert_problem(CHAPTER, "listing: src/context/context.c turn", "differs",
                            "make book-sync")

    def test_a_moved_function_is_a_difference_too(self) -> None:
        self.write("src/context/context.c", "\n" + CONTEXT_C)
        self.assert_problem(CHAPTER, "listing: src/context/context.c turn", "differs")

    def test_a_missing_function_or_file(self) -> None:
        self.add_to_chapter("<!-- listing: src/context/context.c gone -->")
        self.assert_problem(CHAPTER, "context.c gone", "does not define")
        self.add_to_chapter("<!-- listing: src/nowhere.c gone -->")
        self.assert_problem(CHAPTER, "nowhere.c", "no file src/nowhere.c")

    def test_a_text_that_is_not_there(self) -> None:
        self.add_to_chapter("<!-- listing: src/context/context.c 'if (text'..'NEW' -->")
        self.assert_problem(CHAPTER, "'NEW'", "no line with 'NEW'")

    def test_a_long_one_needs_max(self) -> None:
        body = "".join(f"\tf({i});\n" for i in range(23))
        self.write("src/context/long.c", f"void context_long(void)\n{{\n{body}}}\n")
        self.add_to_chapter("<!-- listing: src/context/long.c context_long -->")
        self.assert_problem(CHAPTER, "long.c context_long", "26 lines", "at most 25")
        self.change(CHAPTER, "context_long -->", "context_long max=26 -->")
        self.assertEqual(self.run_book("sync")[0], 0)

    def test_backticks_in_the_source_get_a_longer_fence(self) -> None:
        self.write("src/context/tick.c", "void context_tick(void)\n{\n/*\n```\n*/\n}\n")
        text = self.listing("src/context/tick.c context_tick")
        self.assertTrue(text.startswith("````c\n"))
        self.assert_sound()

    def test_at_most_ten(self) -> None:
        for _ in range(10):
            self.add_to_chapter("<!-- listing: src/context/context.c enum state -->")
        self.run_book("sync")
        self.assert_problem(CHAPTER, "# Chapter 1", "11 listings", "at most 10")


class Numbers(BookCase):
    def test_values_of_each_kind(self) -> None:
        for name, text in (("facts.switches", "21"), ("costs.switch.ratio_to_limit", "6.1"),
                           ("demo.rounds", "7"), ("demo.hits", "3"), ("date", "2026-01-02"),
                           ("switch.instructions", "3"), ("constant.DEPTH", "3")):
            self.add_to_chapter(f"So <!-- value: {name} -->?<!-- /value --> it is.")
            self.assertEqual(self.run_book("sync")[0], 0)
            self.assertIn(f"{name} -->{text}<!--", self.read(CHAPTER))

    def test_kib(self) -> None:
        self.write("chapters/01-context/demo.c", "#define STACK_SIZE (65536u)\n")
        self.add_to_chapter("So <!-- value: demo.stack_size.kib -->?<!-- /value --> KiB.")
        self.assertEqual(self.run_book("sync")[0], 0)
        self.assertIn(".kib -->64<!--", self.read(CHAPTER))

    def test_an_old_value_is_named(self) -> None:
        self.change(CHAPTER, "-->5.6<!--", "-->5.5<!--")
        self.assert_problem(CHAPTER, "-->5.5<!--", "costs.switch.ns", '"5.5"', '"5.6"')

    def test_an_unknown_value(self) -> None:
        self.add_to_chapter("So <!-- value: costs.nothing.ns -->1<!-- /value --> it is.")
        self.assert_problem(CHAPTER, "costs.nothing", "no value costs.nothing.ns")

    def test_what_was_not_measured_has_no_value(self) -> None:
        self.add_to_chapter("So <!-- value: costs.boost.ns -->1<!-- /value --> it is.")
        self.assert_problem(CHAPTER, "costs.boost", "no value")

    def test_outside_a_chapter_the_chapter_is_named(self) -> None:
        self.change("book.md", "01-context:costs.switch", "costs.switch")
        self.assert_problem("book.md", "value: costs", "names no chapter")

    def test_a_value_where_markdown_would_spoil_it(self) -> None:
        self.add_to_chapter("So\n<!-- value: facts.switches -->21<!-- /value --> it is.")
        self.assert_problem(CHAPTER, "facts.switches", "begins this line")
        self.change(CHAPTER, "So\n<!--", "So `x=<!--")
        self.change(CHAPTER, "21<!-- /value -->", "21<!-- /value -->`")
        self.assert_problem(CHAPTER, "facts.switches", "inside code")

    def test_a_value_that_is_not_closed(self) -> None:
        self.add_to_chapter("So <!-- value: facts.switches -->21 it is.")
        self.assert_problem(CHAPTER, "-->21 it", "on one line")

    def test_the_table(self) -> None:
        self.assertIn("| name   | nanoseconds | ratio to limit | note          |\n"
                      "| ------ | ----------: | -------------: | ------------- |\n"
                      "| switch |        5.57 |            6.1 | a\\|b          |\n"
                      "| boost  |           - |              - | not installed |\n\n"
                      "*Measured on: a processor, 2 cores.*\n", self.read(CHAPTER))

    def test_numbers_with_a_unit(self) -> None:
        for number in ("5.6 ns", "64 KiB", "1,000 bytes", "3us"):
            with self.subTest(number):
                self.add_to_chapter(f"It takes {number} here.")
                self.assert_problem(CHAPTER, f"takes {number}", "typed by hand", number)
                self.change(CHAPTER, f"takes {number}",
                            f"takes <!-- fixed: a convention --> {number}")
                self.assert_sound()

    def test_fixed_counts_for_its_paragraph_and_needs_a_reason(self) -> None:
        self.add_to_chapter("The red zone<!-- fixed: the convention's -->\nhas 128 bytes.")
        self.assert_sound()
        self.add_to_chapter("It has 16 bytes. <!-- fixed: -->")
        self.assert_problem(CHAPTER, "16 bytes", "typed by hand")
        self.assert_problem(CHAPTER, "16 bytes", "give the reason")

    def test_the_format_states_its_own_sizes(self) -> None:
        self.change("trace/FORMAT.md", "# Format\n", "# Format\n\nA record has 32 bytes.\n")
        self.assert_sound()


class Recordings(BookCase):
    def test_derived_files_must_agree_with_the_others(self) -> None:
        self.change("chapters/01-context/recorded/facts.tsv", "21", "22")
        self.assert_problem("chapters/01-context/recorded/values.tsv", "costs.switch.ns",
                            "make book-record")

    def test_the_record_in_hexadecimal(self) -> None:
        self.assertEqual(
            self.read("chapters/01-context/recorded/xxd-record.txt"),
            "$ xxd -s 4192 -l 32 recorded/trace.weft\n"
            "00001060: 0201 0000 0000 0000 0104 0500 0200 0000  ................\n"
            "00001070: 0300 0000 0100 0000 0400 0000 0000 0000  ................\n"
            "\n0 258 SWITCH .site=5\n")

    def test_another_trace_needs_another_record(self) -> None:
        data = bytearray(make_trace())
        data[4192] = 9
        (self.root / "chapters/01-context/recorded/trace.weft").write_bytes(data)
        self.assert_problem("chapters/01-context/recorded/xxd-record.txt", "$ xxd",
                            "make book-record")

    def test_a_crashed_trace_is_trimmed(self) -> None:
        self.assertEqual(trim(make_trace(room=1000)), make_trace())
        self.assertEqual(trim(make_trace()), make_trace())

    def test_a_trace_is_trimmed_in_the_middle(self) -> None:
        """Two segments: the first has room left, and an odd number of records, so that the
        second, which starts at a multiple of 64, does not follow at once."""
        first, second = 4096, 4096 + 64 + 32 * 10
        data = bytearray(make_trace(room=8)) + bytes(64 + 32 * 10)
        struct.pack_into("<I", data, 20, 2)
        struct.pack_into("<Q", data, 520, second)
        struct.pack_into("<QQQ", data, first + 8, 3, 0, 10)
        struct.pack_into("<QQQ", data, second + 8, 1, 0, 10)
        data[second + 64] = 77
        trimmed = trim(bytes(data))
        moved = first + 64 + 32 * 4
        self.assertEqual(struct.unpack_from("<QQ", trimmed, 512), (first, moved))
        self.assertEqual(struct.unpack_from("<QQQ", trimmed, first + 8), (3, 0, 3))
        self.assertEqual(struct.unpack_from("<QQQ", trimmed, moved + 8), (1, 0, 1))
        self.assertEqual(trimmed[moved + 64], 77)
        self.assertEqual(len(trimmed), moved + 64 + 32)
        self.assertEqual(trim(trimmed), trimmed)

    def test_a_missing_recording(self) -> None:
        self.add_to_chapter("<!-- recorded: gone.txt -->\n<!-- /recorded -->")
        self.assert_problem(CHAPTER, "gone.txt", "gone.txt is not in", "make book-record")

    def test_lines_that_are_not_there(self) -> None:
        self.change("book.md", "lines=2-2", "lines=2-9")
        self.assert_problem("book.md", "lines=2-9", "has 3 lines")

    def test_a_changed_recording(self) -> None:
        self.write("chapters/01-context/recorded/terminal.txt", "one\nother\n")
        self.assert_problem("book.md", "lines=2-2", "recorded 01-context/terminal.txt",
                            "differs")

    def test_the_tool_must_be_built(self) -> None:
        (self.root / "build/weft-trace").unlink()
        self.assert_problem("trace/FORMAT.md", "generated:", "is not built")

    def test_facts_run_the_demo_and_the_rules(self) -> None:
        self.write("chapters/01-context/recorded/facts", "# why\nswitches >= 2\n\nholds\n")
        self.program("chapter-1/demo", 'echo x >"$WEFT_TRACE"')
        self.assertEqual(self.run_book("facts", "1"),
                         (0, "holds: switches >= 2\nholds: holds\n"))
        self.write("chapters/01-context/recorded/facts", "holds\n")
        self.assertEqual(self.run_book("facts", "1")[0], 1)

    def test_facts_of_a_demo_that_fails(self) -> None:
        self.write("chapters/01-context/recorded/facts", "holds\n")
        self.program("chapter-1/demo", "echo demo: no; exit 1")
        status, output = self.run_book("facts", "1")
        self.assertEqual((status, output), (1, "book: the demo exits 1: demo: no\n"))

    def test_facts_without_predicates(self) -> None:
        self.write("chapters/01-context/recorded/facts", "# none\n")
        status, output = self.run_book("facts", "1")
        self.assertEqual(status, 1)
        self.assertIn("no predicate", output)


class Figures(BookCase):
    SVG = "chapters/01-context/figures/stacks.svg"
    VERSIONS = "chapters/01-context/figures/versions.txt"

    def test_sync_draws_and_notes_the_version(self) -> None:
        self.assertEqual(self.read(self.SVG), "<svg>stacks 4224</svg>\n")
        self.assertEqual(self.read(self.VERSIONS), "matplotlib 1.2.3\n")

    def test_an_old_drawing(self) -> None:
        self.write(self.SVG, "<svg>old</svg>\n")
        self.assert_problem(CHAPTER, "<!-- figure", "stacks.svg differs from a fresh drawing")

    def test_another_version_is_not_compared(self) -> None:
        self.write(self.SVG, "<svg>old</svg>\n")
        self.write(self.VERSIONS, "matplotlib 1.2.2\n")
        self.assertIn("not compared: matplotlib 1.2.2 drew it, here is 1.2.3",
                      self.assert_sound())

    def test_without_matplotlib(self) -> None:
        self.matplotlib.write_text("raise ImportError\n")
        self.write(self.SVG, "<svg>old</svg>\n")
        self.assertIn("matplotlib is not here", self.assert_sound())
        self.assertEqual(self.run_book("sync")[0], 0)
        self.assertEqual(self.read(self.SVG), "<svg>old</svg>\n")

    def test_without_a_version_nothing_is_known(self) -> None:
        (self.root / self.VERSIONS).unlink()
        self.assert_problem(CHAPTER, "<!-- figure", "versions.txt does not say")

    def test_a_drawing_that_fails(self) -> None:
        self.write("viz/weft_viz/__main__.py", "raise SystemExit('no ink')")
        self.assert_problem(CHAPTER, "<!-- figure", "cannot be drawn: no ink")

    def test_of_another_trace_and_kind(self) -> None:
        recorded = self.root / "chapters/01-context/recorded"
        (recorded / "broken-x.weft").write_bytes(make_trace(room=1))
        self.add_to_chapter("<!-- figure: figures/x.svg from=broken-x.weft kind=fibers -->\n"
                            "![Lanes](figures/x.svg)")
        self.assertEqual(self.run_book("sync")[0], 0)
        self.assertEqual(self.read("chapters/01-context/figures/x.svg"),
                         "<svg>fibers 4256</svg>\n")

    def test_the_image_must_follow(self) -> None:
        self.change(CHAPTER, "![Two staircases](figures/stacks.svg)\n", "")
        self.assert_problem(CHAPTER, "<!-- figure", "next line must be its image")

    def test_the_image_must_be_the_figure(self) -> None:
        self.change(CHAPTER, "(figures/stacks.svg)", "(figures/lanes.svg)")
        self.assert_problem(CHAPTER, "<!-- figure", "is not figures/stacks.svg")

    def test_alternative_text(self) -> None:
        self.change(CHAPTER, "![Two staircases]", "![ ]")
        self.assert_problem(CHAPTER, "![ ]", "no alternative text")
        self.change(CHAPTER, "![ ]", "![Two]")
        self.add_to_chapter('Look: <img src="figures/stacks.svg">')
        self.assert_problem(CHAPTER, "<img", "no alternative text")

    def test_a_figure_that_no_page_shows(self) -> None:
        self.write("chapters/01-context/figures/old.svg", "<svg/>\n")
        self.assert_problem("chapters/01-context/figures/old.svg", "<svg/>", "no page shows")

    def test_two_pictures_in_one_file(self) -> None:
        self.add_to_chapter("<!-- figure: figures/stacks.svg kind=fibers -->\n"
                            "![Lanes](figures/stacks.svg)")
        self.assert_problem(CHAPTER, "figure: figures/stacks.svg -->",
                            "draws another picture there")


class Way(BookCase):
    def test_contents_links_to_what_is_written_only(self) -> None:
        text = self.read("book.md")
        self.assertIn("[context](chapters/01-context/README.md)", text)
        self.assertRegex(text, r"\| +2 *\| \*fiber \(not yet written\)\* *\|")
        self.assertNotIn("02-fiber", text)
        self.assertRegex(text, r"\| [12] minutes? *\|")

    def test_contents_and_nav_must_be_there(self) -> None:
        self.write(CHAPTER, self.read(CHAPTER).rsplit("<!-- nav -->", 1)[0])
        self.assert_problem(CHAPTER, "# Chapter 1", "not two <!-- nav -->")
        self.write("book.md", "# The book\n\n## How to\n")
        self.assert_problem("book.md", "# The book", "no <!-- contents -->")

    def test_nav_at_both_ends(self) -> None:
        text = self.read(CHAPTER)
        way = "[The book](../../book.md) · next: *2 fiber (not yet written)*"
        self.assertEqual(text.count(way), 2)
        self.assertEqual(text.count("reading time"), 1)
        self.assertLess(text.index("reading time"), text.index("## The question"))

    def test_a_new_chapter_changes_its_neighbours(self) -> None:
        self.write("chapters/02-fiber/README.md",
                   PARTS.split("## The question")[0] + "\n")
        status, output = self.run_book("check")
        self.assertIn(f"{CHAPTER}:3: nav: differs", output)
        self.assertIn("book.md:5: contents: differs", output)
        self.run_book("sync")
        self.assertIn("next: [2 fiber](../02-fiber/README.md)", self.read(CHAPTER))
        self.assertIn("previous: [1 context](../01-context/README.md)",
                      self.read("chapters/02-fiber/README.md"))


class Prose(BookCase):
    def assert_found(self, text: str, at: str, *words: str) -> None:
        self.add_to_chapter(text)
        self.assert_problem(CHAPTER, at, *words)

    def test_dead_links(self) -> None:
        self.assert_found("See [it](gone.md).", "gone.md", "dead link gone.md")
        self.assert_found("See [it](../../book.md#gone).", "book.md#gone", "no heading #gone")
        self.assert_found("See [it](#nowhere-here).", "#nowhere-here", "no heading")
        self.assert_found("[ref]: lost.md", "lost.md", "dead link lost.md")
        self.assert_found("See [it](../../build/x).", "build/x", "not in the repository")
        self.assert_found("See [it](../../../x).", "../../../x", "not in the repository")

    def test_links_that_live(self) -> None:
        self.add_to_chapter("See [it](demo.c), [there](#the-walk-one-fiber), "
                            "[all](../../src/), [out](https://example.org/x#y), "
                            "[a](#mine).\n\n<a id=\"mine\"></a>")
        self.assert_sound()

    def test_names_that_do_not_exist(self) -> None:
        self.assert_found("Call `gone()`.", "gone()", "no such function")
        self.assert_found("Call `context_gone`.", "context_gone", "no such name")
        self.assert_found("Read `src/context/gone.c`.", "gone.c", "no such file")
        self.assert_found("Read `lost.txt`.", "lost.txt", "no such file")

    def test_names_that_exist(self) -> None:
        self.add_to_chapter("Read `context_swap()`, `TWICE()`, `context_init`, `demo.c`, "
                            "`context/context.c`, `recorded/trace.weft`, `write(2)`, "
                            "`build/x.txt`, `chapters/NN-name/x.c`, `unowned_name`.")
        self.assert_sound()

    def test_a_fixed_paragraph_may_name_what_is_not_there(self) -> None:
        self.add_to_chapter("Later `context_later`. <!-- fixed: chapter 5 makes it -->")
        self.assert_sound()

    def test_line_numbers_by_hand(self) -> None:
        self.assert_found("See context.c:12.", "context.c:12", "line number typed by hand")
        self.assert_found("```\nat `demo.c:7`\n```", "demo.c:7", "line number typed by hand")
        self.assert_found("See [x](demo.c#L9).", "demo.c#L9", "line number typed by hand")

    def test_banned_words(self) -> None:
        self.assert_found("It simply works.", "simply", 'banned: "simply"')
        self.assert_found("This is a\nRobust thing.", "Robust", 'banned: "Robust"')
        self.assert_found("And of\ncourse it is.", "And of", 'banned: "of course"')

    def test_banned_words_in_code_are_code(self) -> None:
        self.add_to_chapter("The word `just`.\n\n```\njust obviously\n```\n\nAdjust it.")
        self.assert_sound()

    def test_a_missing_part(self) -> None:
        self.change(CHAPTER, "## Elsewhere", "## Somewhere")
        self.assert_problem(CHAPTER, "# Chapter 1", 'no section "elsewhere"')

    def test_parts_out_of_order(self) -> None:
        self.change(CHAPTER, "## Predict\n", "")
        self.change(CHAPTER, "## Exercises\n", "## Predict\n## Exercises\n")
        self.assert_problem(CHAPTER, "## The trace", "too late or too early")

    def test_unknown_and_unclosed_directives(self) -> None:
        self.assert_found("<!-- lsiting: src/context/context.c turn -->", "lsiting",
                          "no directive")
        self.assert_found("Here <!-- table: costs --> it is.", "Here <!--", "stands alone")
        self.assert_found("<!-- generated: weft-trace format -->", "<!-- generated",
                          "no line <!-- /generated --> follows")

    def test_a_code_block_that_is_never_closed(self) -> None:
        self.write("chapters/01-context/extra.md", "# Extra\n\n```c\nint x;\n")
        self.assert_problem("chapters/01-context/extra.md", "```c", "never closed")

    def test_other_pages_of_a_chapter_are_read_too(self) -> None:
        self.write("chapters/01-context/exercises/3/task.md", "# Task\n\nIt is powerful.\n")
        self.assert_problem("chapters/01-context/exercises/3/task.md", "powerful", "banned")


class Markdown(unittest.TestCase):
    def test_anchors_as_a_forge_makes_them(self) -> None:
        self.assertEqual(slug_of("The walk: one `context_swap`, step by step"),
                         "the-walk-one-context_swap-step-by-step")
        page = Page("x.md", "# A b\n\n## A b\n\n```\n# No\n```\n")
        self.assertEqual(page.anchors(), {"a-b", "a-b-1"})

    def test_views_keep_their_lines(self) -> None:
        page = Page("x.md", "one `code` two\n\n```\nthree\n```\n<!-- four\nfive -->\nsix\n")
        lines = page.prose.splitlines()
        self.assertEqual([line.split() for line in lines],
                         [["one", "two"], [], [], [], [], [], [], ["six"]])


if __name__ == "__main__":
    unittest.main()
