"""Tests of tests/check/: a tree with a violation fails and is told file and line, a clean
tree passes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CHECKS = REPOSITORY / "tests" / "check"

# The forbidden words are put together here so that this file does not hold them.
LEFT_OVER = "TO" + "DO"

CLEAN = {
    "src/weft.h": """\
#ifndef WEFT_H
#define WEFT_H

#define WEFT_EDEADLINE 10000

#ifdef __cplusplus
extern "C" {
#endif

const char *weft_strerror(int error);

#ifdef __cplusplus
}
#endif

#endif
""",
    "src/base/atomic.h": """\
#include <stdatomic.h>

#define load_acquire(place) atomic_load_explicit((place), memory_order_acquire)
""",
    "src/base/error.c": """\
#include "weft.h"

const char *weft_strerror(int error)
{
	return error == -WEFT_EDEADLINE ? "deadline" : "error";
}
""",
    "src/base/system_posix.c": """\
#include <errno.h>
#if defined(__linux__)
#include <unistd.h>
#endif

int system_error(void);
int system_error(void)
{
	return -errno;
}
""",
    "src/base/thread_local.c": """\
static _Thread_local int here;

int base_here(void);
int base_here(void)
{
	return here;
}
""",
    "src/context/context.c": """\
#include <errno.h> /* errno is not used here, EINVAL is */

#include "base/atomic.h"

static _Atomic int flag; /* relaxed: nothing hangs on it */

int context_flag(void);
int context_flag(void)
{
	/* Acquire: sees what the other wrote. Pairs with: context_flag
	 * and system_error, which need not say so. */
	return load_acquire(&flag) + EINVAL;
}
""",
    "trace/trace.h": '#include "base/atomic.h"\n',
    "trace/trace.c": '#include "trace/trace.h"\n#include "weft.h"\n',
    "chapters/01-context/demo.c": '#include "trace/trace.h"\n\nint main(void)\n{\n\treturn 0;\n}\n',
    "README.md": "# Weft\n",
}


class CheckCase(unittest.TestCase):
    """A clean tree; `check` runs one check on it."""

    script = ""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for path, text in CLEAN.items():
            self.write(path, text)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def check(self, **environment: str) -> tuple[int, str]:
        script = CHECKS / self.script
        command = [sys.executable, "-B"] if self.script.endswith(".py") else ["sh"]
        answer = subprocess.run(
            [*command, str(script), str(self.root)], text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHON": sys.executable, **environment})
        return answer.returncode, answer.stdout

    def assert_ok(self, **environment: str) -> str:
        status, output = self.check(**environment)
        self.assertEqual(status, 0, output)
        self.assertRegex(output, r"(?m)^%s: ok \(.+\)$" % self.script.partition(".")[0])
        return output

    def assert_fails(self, place: str, *words: str, **environment: str) -> None:
        status, output = self.check(**environment)
        self.assertEqual(status, 1, output)
        self.assertRegex(output, r"(?m)^%s: FAILED \(" % self.script.partition(".")[0])
        said = [line for line in output.splitlines() if line.startswith(place)]
        self.assertTrue(any(all(word in line for word in words) for line in said),
                        f"no {place}...{words} in:\n{output}")


class Layers(CheckCase):
    script = "layers.py"

    def test_clean(self) -> None:
        self.assertIn("(8 files)", self.assert_ok())

    def test_upward(self) -> None:
        self.write("src/fiber/fiber.h", "")
        self.write("src/context/context.h", '\n#include "fiber/fiber.h"\n')
        self.assert_fails("src/context/context.h:2:", "upward", "fiber")

    def test_beside(self) -> None:
        self.write("src/net/net.h", "")
        self.write("src/file/file.c", '#include "net/net.h"\n')
        self.assert_fails("src/file/file.c:1:", "beside", "net")

    def test_downward(self) -> None:
        self.write("src/poller/poller.h", '#include "base/atomic.h"\n')
        self.write("src/scheduler/scheduler.h", '#include "poller/poller.h"\n'
                                                '#include "weft.h"\n')
        self.assert_ok()

    def test_the_runtime_does_without_the_trace(self) -> None:
        self.write("src/context/context.h", '#include "trace/trace.h"\n')
        self.assert_fails("src/context/context.h:1:", "does not include trace/")

    def test_leaves(self) -> None:
        self.write("src/context/context.h", "")
        self.write("trace/dump.c", '#include "context/context.h"\n')
        self.assert_fails("trace/dump.c:1:", "leaf")
        self.write("trace/dump.c", "")
        self.write("src/poller/poller.h", "")
        self.write("src/fiber/fiber.h", '#include "poller/poller.h"\n')
        self.assert_fails("src/fiber/fiber.h:1:", "poller")

    def test_the_public_header_stands_alone(self) -> None:
        self.write("src/weft.h", '#include "base/atomic.h"\n')
        self.assert_fails("src/weft.h:1:", "nothing of ours")

    def test_an_include_without_its_folder(self) -> None:
        self.write("src/base/error.c", '#include "atomic.h"\n')
        self.assert_fails("src/base/error.c:1:", "write module/file")

    def test_an_unknown_module(self) -> None:
        self.write("src/misc/misc.c", "")
        self.assert_fails("src/misc/misc.c:1:", "no module")

    def test_an_include_in_a_comment_is_none(self) -> None:
        self.write("src/base/error.c", '/*\n#include "fiber/fiber.h"\n*/\n')
        self.assert_ok()


class Pairs(CheckCase):
    script = "pairs.py"

    def test_clean(self) -> None:
        self.assertIn("1 ordered or relaxed use, 2 pairs", self.assert_ok())

    def test_a_function_that_is_not_there(self) -> None:
        self.write("src/base/error.c", "\n/* Release. Pairs with: gone. */\n")
        self.assert_fails("src/base/error.c:2:", "gone, which is no function")

    def test_the_second_name_counts_too(self) -> None:
        self.write("src/base/error.c", "/* Pairs with:\n * base_here and gone_too. */\n")
        self.assert_fails("src/base/error.c:1:", "gone_too")

    def test_what_follows_the_names_is_prose(self) -> None:
        self.write("src/base/error.c", "/* Pairs with: base_here, which reads it later. */\n")
        self.assert_ok()

    def test_an_ordered_access_without_a_pair(self) -> None:
        for access in ("store_release(&flag, 1)", "cas_acq_rel(&flag, &old, 1)",
                       "fetch_add_seq_cst(&flag, 1)", "atomic_store(&flag, 1)",
                       "atomic_load_explicit(&flag, memory_order_acquire)",
                       "atomic_thread_fence(memory_order_seq_cst)"):
            with self.subTest(access):
                self.write("src/base/error.c", f"void f(void)\n{{\n\t/* why */\n\t{access};\n}}\n")
                self.assert_fails("src/base/error.c:4:", "Pairs with:")

    def test_a_comment_too_far_above(self) -> None:
        self.write("src/base/error.c", "/* Pairs with: base_here. */\n\n\n\n\n"
                                       "int x = load_acquire(&flag);\n")
        self.assert_fails("src/base/error.c:6:", "Pairs with:")

    def test_relaxed_without_a_reason(self) -> None:
        self.write("src/base/error.c", "\n\n\n\nint x = load_relaxed(&other);\n")
        self.assert_fails("src/base/error.c:5:", "relaxed access")

    def test_reasons_for_relaxed(self) -> None:
        self.write("src/base/error.c", """\
struct s {
	/* Relaxed: a hint. */
	_Atomic int hint;
	_Atomic int count;
	_Atomic int locked;
};

void far(void)
{
	int x;
	x = load_relaxed(&s->hint);
	fetch_add_relaxed(&s->count, 1);
	x = load_relaxed(&s->count);

	/* nobody else is left */
	store_relaxed(&s->locked, x);
}

/* Under the lock. */
void under(void)
{
	int x;
	x = 1;
	x++;
	store_relaxed(&s->locked, x);
}
""")
        self.assert_ok()


class Format(CheckCase):
    script = "format.sh"

    def fake(self, script: str) -> str:
        path = self.root / "fake-clang-format"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    def test_clean(self) -> None:
        self.assertIn("(9 files)", self.assert_ok(CLANG_FORMAT=self.fake("exit 0")))

    def test_a_file_laid_out_otherwise(self) -> None:
        fake = self.fake('case $3 in src/base/error.c) echo "$3:3:9: error: code should be '
                         'clang-formatted [-W]" >&2; exit 1;; esac')
        self.assert_fails("src/base/error.c:3:9:", "clang-format", CLANG_FORMAT=fake)

    def test_without_clang_format(self) -> None:
        status, output = self.check(CLANG_FORMAT="clang-format-that-is-not-here")
        self.assertEqual((status, output), (0, "format: skipped (clang-format is not here)\n"))


class Conditions(CheckCase):
    script = "conditions.py"

    def test_clean(self) -> None:
        self.assert_ok()

    def test_each_way_to_ask(self) -> None:
        for line in ("#if defined(__x86_64__)", "#ifdef __APPLE__", "#ifndef _WIN32",
                     "#if 0\n#elif defined(__FreeBSD__)", "#if 1 && \\\n\t__CET__"):
            with self.subTest(line):
                self.write("src/base/error.c", f"{line}\n#endif\n")
                self.assert_fails(f"src/base/error.c:{1 + line.count(chr(10))}:", "here")

    def test_where_it_is_allowed(self) -> None:
        for path in ("src/poller/epoll.c", "src/base/system_linux.c", "src/context/a.S"):
            self.write(path, "#if defined(__linux__)\n#endif\n")
        self.assert_ok()

    def test_trace_and_demos_count(self) -> None:
        self.write("trace/trace.c", "#ifdef __linux__\n#endif\n")
        self.assert_fails("trace/trace.c:1:", "__linux__")
        self.write("trace/trace.c", "")
        self.write("chapters/01-context/demo.c", "\n#ifdef __aarch64__\n#endif\n")
        self.assert_fails("chapters/01-context/demo.c:2:", "__aarch64__")

    def test_compilers_and_comments_are_no_platform(self) -> None:
        self.write("src/base/error.c", "/* __linux__ */\n#ifdef __clang__\n#endif\n"
                                       "#ifdef __cplusplus\n#endif\n")
        self.assert_ok()


class Confined(CheckCase):
    script = "confined.py"

    def test_clean(self) -> None:
        self.assert_ok()

    def test_errno_elsewhere(self) -> None:
        self.write("trace/trace.c", "#include <errno.h>\nint f(void)\n{\n\treturn errno;\n}\n")
        self.assert_fails("trace/trace.c:4:", "errno", "system_posix.c")

    def test_errno_in_a_demo(self) -> None:
        self.write("chapters/01-context/demo.c", "int x = errno;\n")
        self.assert_fails("chapters/01-context/demo.c:1:", "errno")

    def test_thread_locals_elsewhere(self) -> None:
        for word in ("_Thread_local", "__thread", "thread_local"):
            with self.subTest(word):
                self.write("src/base/error.c", f"\nstatic {word} int x;\n")
                self.assert_fails("src/base/error.c:2:", word, "thread_local.c")

    def test_names_that_contain_the_words(self) -> None:
        self.write("src/base/error.c", '#include "base/thread_local.h"\n'
                                       'static const char *x = "errno"; // errno\n'
                                       "int last_errno_of(void);\n")
        self.assert_ok()


class Alone(CheckCase):
    script = "alone.sh"

    def test_clean(self) -> None:
        self.assertIn("C++", self.assert_ok())

    def test_a_header_from_outside(self) -> None:
        self.write("src/base/error.c", '#include "trace/trace.h"\n')
        self.assert_fails("src/base/error.c:1:", "trace/trace.h")

    def test_a_symbol_from_outside(self) -> None:
        self.write("src/base/error.c", "int trace_gone(void);\nint error(void);\n"
                                       "int error(void)\n{\n\treturn trace_gone();\n}\n")
        status, output = self.check()
        self.assertEqual(status, 1)
        self.assertIn("trace_gone", output)

    def test_a_public_header_that_is_no_cpp(self) -> None:
        self.write("src/weft.h", CLEAN["src/weft.h"] + "extern int class;\n")
        status, output = self.check(CXX="c++-that-is-not-here")
        self.assertEqual(status, 0, output)
        self.assertIn("no C++ compiler", output)
        if subprocess.run(["sh", "-c", "command -v c++"], capture_output=True,
                          check=False).returncode == 0:
            self.assert_fails(f"src/weft.h:{CLEAN['src/weft.h'].count(chr(10)) + 1}:")


class ProseCheck(CheckCase):
    script = "prose.sh"

    def test_clean(self) -> None:
        self.assertIn("(1 pages)", self.assert_ok())

    def test_a_dead_link(self) -> None:
        self.write("README.md", "# Weft\n\nSee [it](gone.md).\n")
        self.assert_fails("README.md:3:", "dead link")


class Functions(CheckCase):
    script = "functions.py"

    def function(self, name: str, lines: int) -> str:
        return f"void {name}(void)\n{{\n" + "\tf();\n" * (lines - 3) + "}\n"

    def test_clean(self) -> None:
        self.assertRegex(self.assert_ok(), r"4 functions: median 4, .*; \d+ % comment")

    def test_a_function_of_70_lines_passes(self) -> None:
        small = "".join(self.function(f"s{i}", 4) for i in range(20))
        self.write("trace/trace.c", self.function("big", 70) + small)
        self.assertIn("longest 70", self.assert_ok())

    def test_a_function_of_71_lines(self) -> None:
        small = "".join(self.function(f"s{i}", 4) for i in range(20))
        self.write("trace/trace.c", "\n" + self.function("big", 71) + small)
        self.assert_fails("trace/trace.c:2:", "big has 71 lines")

    def test_the_median(self) -> None:
        text = "".join(self.function(f"m{i}", 13) for i in range(9))
        self.write("trace/trace.c", text)
        self.assert_fails("trace/trace.c:105:", "median function has 13 lines")

    def test_one_in_ten(self) -> None:
        text = "".join(self.function(f"m{i}", 36) for i in range(2))
        self.write("trace/trace.c", text)
        self.assert_fails("trace/trace.c:37:", "one function in ten", "36")


class TopLevel(CheckCase):
    script = "toplevel.py"

    def test_clean(self) -> None:
        self.assert_ok()

    def test_a_name_that_has_no_place(self) -> None:
        self.write("notes/x.md", "x\n")
        self.assert_fails("notes/x.md:1:", "no place at the top")

    def test_what_no_file_says(self) -> None:
        for words in ("see /wo" + "rk/main", "as in sha" + "red/design.md", "(S" + ":123)",
                      "fixes iss" + "ue 12", f"/* {LEFT_OVER}: later */", "FIX" + "ME"):
            with self.subTest(words):
                self.write("src/base/error.c", f"\n{words}\n")
                self.assert_fails("src/base/error.c:2:")

    def test_what_looks_alike(self) -> None:
        self.write("src/base/error.c", 'mktemp x.XXXXXX; $PWD/work/1.5 context.S:57 '
                                       '"$root/work/x" an issue of 12\n')
        self.write(".gitignore", "/wo" + "rk/\n")
        self.assert_ok()

    def test_generated_folders_are_not_looked_at(self) -> None:
        self.write("build/x.c", f"{LEFT_OVER}\n")
        self.write("work/1.3/start.c", f"{LEFT_OVER}\n")
        self.assert_ok()

    def test_in_a_repository_what_git_ignores_is_not_looked_at(self) -> None:
        subprocess.run(["git", "init", "-q", str(self.root)], check=True)
        self.write(".gitignore", "*.log\n")
        self.write("left.log", f"{LEFT_OVER}\n")
        self.assert_ok()
        self.write("left.txt", "x\n")
        self.assert_fails("left.txt:1:", "no place at the top")

    def test_files_that_are_no_text(self) -> None:
        (self.root / "trace" / "x.weft").write_bytes(b"\0" + LEFT_OVER.encode())
        self.assert_ok()


class All(unittest.TestCase):
    """The repository's own all.sh knows every check."""

    def test_every_check_is_called(self) -> None:
        text = (CHECKS / "all.sh").read_text(encoding="utf-8")
        called = text.split("for check in ")[1].split(";")[0].split()
        scripts = {path.stem for path in CHECKS.iterdir()
                   if path.suffix in (".py", ".sh")} - {"all", "common"}
        self.assertEqual(set(called), scripts)

    def test_all_run_even_if_one_fails(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "chapters/tools").mkdir(parents=True)
            (root / "tests/check").mkdir(parents=True)
            (root / "chapters/tools/python.sh").write_text('exec "$PYTHON" "$@"\n')
            names = (CHECKS / "all.sh").read_text().split("for check in ")[1].split(";")[0]
            for name in names.split():
                status = 1 if name == "layers" else 0
                (root / f"tests/check/{name}.sh").write_text(f"echo {name}; exit {status}\n")
            answer = subprocess.run(
                ["sh", str(CHECKS / "all.sh")], cwd=root, text=True, capture_output=True,
                check=False, env={**os.environ, "PYTHON": sys.executable})
            self.assertEqual(answer.returncode, 1)
            self.assertEqual(answer.stdout.split(), names.split())


if __name__ == "__main__":
    unittest.main()
