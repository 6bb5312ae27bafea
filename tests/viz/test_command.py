"""The command and the page that it makes."""

from __future__ import annotations

import html.parser
import re
import shutil
import unittest
from pathlib import Path
from xml.dom import minidom

from helpers import Files, HAS_MATPLOTLIB, HAS_NEATO, ids, needs_matplotlib, needs_neato, viz
from trace_writer import PARK, REPOSITORY, Writer, awaits, crowd, pingpong

from weft_viz import source
from weft_viz.reader import Site

SOURCE = """#include <a.h>

static int other(void)
{
	return 1;
}

/* Plays
 * a round. */
static void play(void *argument)
{
	if (a < b && "x")
		leave();
}
"""


class Links(html.parser.HTMLParser):
    """What a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.unnamed = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.targets += [v for k, v in attrs if k in ("href", "src") and v]
        self.unnamed += tag in ("svg", "img") and not (found.get("aria-label") or found.get("alt"))


@needs_matplotlib
@needs_neato
class Page(Files):
    def make(self, writer: Writer, *words: str | Path) -> str:
        run = viz("all", self.trace(writer), "--out", self.directory / "out", *words)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        return (self.directory / "out/index.html").read_text()

    def full(self) -> str:
        (self.directory / "src").mkdir()
        (self.directory / "src/a.c").write_text(SOURCE)
        for name, text in (("story", "ping leaves, in play <&>\n"), ("check", "all hold\n"),
                           ("lanes", "ping \x1b[32m█\x1b[0m ░\n")):
            (self.directory / name).write_text(text)
        w = pingpong(3)
        w.site("src/a.c", "play", 13)
        w.records[0] = [r[:10] + b"\1\0" + r[12:] for r in w.records[0]]
        return self.make(w, "--title", "Ping & <pong>", "--chapter", "1", "--root",
                         self.directory, *(f"--{n}={self.directory / n}" for n in
                                           ("story", "check", "lanes")))

    def test_everything_is_made(self) -> None:
        self.full()
        self.assertEqual({p.name for p in (self.directory / "out").iterdir()},
                         {"index.html", "switches.dot", "switches.svg", "states.dot",
                          "states.svg", "stacks.svg", "workers.svg", "fibers.svg"})

    def test_a_rendezvous_where_somebody_awaits(self) -> None:
        page = self.make(awaits())
        self.assertTrue((self.directory / "out/rendezvous.svg").exists())
        self.assertIn('id="rendezvous-part"', page)
        page = self.make(pingpong(2))  # into the same directory
        self.assertFalse((self.directory / "out/rendezvous.svg").exists())
        self.assertNotIn("rendezvous", page)

    def test_well_formed_and_whole(self) -> None:
        page = self.full()
        root = minidom.parseString(page.encode()).documentElement
        self.assertEqual(root.getElementsByTagName("title")[0].firstChild.data, "Ping & <pong>")
        self.assertEqual(len(root.getElementsByTagName("svg")), 5)
        for part in ("Chapter 1", "ping leaves", "all hold", "ping █ ░", "&lt;&amp;&gt;",
                     "Who ran when, and who handed over to whom?", "prefers-color-scheme:dark"):
            self.assertIn(part, page)

    def test_ids_are_unique_and_links_lead_to_them(self) -> None:
        page = self.full()
        found = ids(page)
        self.assertEqual(len(found), len(set(found)))
        links = Links()
        links.feed(page)
        self.assertGreater(len(links.targets), 10)
        for target in links.targets:
            self.assertTrue(target.startswith("#"), target)
            self.assertIn(target[1:], found)

    def test_nothing_from_outside(self) -> None:
        page = self.full()
        for word in ("http:", "https:", "//www", "<script", "<link", "@import", "<img"):
            self.assertNotIn(word, page)

    def test_every_picture_has_a_name(self) -> None:
        links = Links()
        links.feed(self.full())
        self.assertEqual(links.unnamed, 0)

    def test_the_source_of_each_site(self) -> None:
        page = self.full()
        self.assertIn('id="site-1"', page)
        self.assertIn("/* Plays", page)
        self.assertIn("if (a &lt; b &amp;&amp; &quot;x&quot;)", page)
        self.assertNotIn("static int other", page)
        self.assertIn('in <a href="#source-0">play</a>', page)
        self.assertIn('href="#site-1"', page)

    def test_only_a_trace_is_needed(self) -> None:
        page = self.make(pingpong(2))
        minidom.parseString(page.encode())
        self.assertNotIn("The story", page)

    def test_small_and_odd_traces(self) -> None:
        w = Writer(clean=False)
        w.start(1)
        w.name(1, '</title><script>&"')
        w.create(2, 1, b"\xff\x1b[31m")
        w.switch(1, 2, PARK, site=w.site("../../etc/<x>", "a&b", 3))
        for writer in (Writer(), w, crowd(30, 3), awaits()):
            page = self.make(writer, "--root", self.directory)
            minidom.parseString(page.encode())
            self.assertNotIn("<script", page)

    def test_the_same_bytes_again(self) -> None:
        path = self.trace(crowd(5, 2))
        pages = []
        for seed in ("3", "4"):
            out = self.directory / seed
            self.assertEqual(viz("all", path, "--out", out, PYTHONHASHSEED=seed).returncode, 0)
            pages.append([(p.name, p.read_bytes()) for p in sorted(out.iterdir())])
        self.assertEqual(pages[0], pages[1])


class Source(Files):
    def excerpt(self, file: str, line: int = 13, root: Path | None = None) -> source.Excerpt:
        return source.excerpts([Site(1, file, "play", line)], root or self.directory)[0]

    def test_a_function_with_its_comment(self) -> None:
        (self.directory / "a.c").write_text(SOURCE)
        found = self.excerpt("a.c")
        self.assertEqual((found.first, found.lines[0], found.lines[-1]), (8, "/* Plays", "}"))

    def test_a_long_function_is_cut(self) -> None:
        (self.directory / "a.c").write_text("void play(void)\n{\n" + "\tx();\n" * 500 + "}\n")
        found = self.excerpt("a.c", 250)
        self.assertEqual((found.first, len(found.lines)), (240, 21))

    def test_no_file_from_outside_the_root(self) -> None:
        (self.directory / "secret.c").write_text(SOURCE)
        inner = self.directory / "inner"
        inner.mkdir()
        (inner / "link.c").symlink_to(self.directory / "secret.c")
        for file in ("../secret.c", str(self.directory / "secret.c"), "link.c"):
            found = self.excerpt(file, root=inner)
            self.assertEqual((found.lines, found.missing), ((), "it lies outside --root"))

    def test_what_is_not_there_is_said(self) -> None:
        (self.directory / "a.c").write_text("one line\n")
        self.assertIn("changed since", self.excerpt("a.c", 400).missing)
        self.assertIn("not below", self.excerpt("b.c").missing)
        self.assertIn("not below", self.excerpt("").missing)
        self.assertIn("no path", self.excerpt("a\0b").missing)
        self.assertIn("no --root", source.excerpts([Site(1, "a.c", "f", 1)], None)[0].missing)


class Errors(Files):
    def setUp(self) -> None:
        super().setUp()
        self.path = self.trace(pingpong(2))
        self.out = self.directory / "out"

    def test_usage(self) -> None:
        for words in ((), ("paint",), ("workers",), ("all", self.path),
                      ("workers", self.path, "x.svg", "--steps", "9:3"),
                      ("workers", self.path, "x.svg", "--steps", "nine"),
                      ("workers", self.path, "x.svg", "--steps", "9999:"),
                      ("workers", self.path, "x.svg", "--targets", "2"),
                      ("rendezvous", self.path, "x.svg", "--targets", "two"),
                      ("rendezvous", self.path, "x.svg", "--targets", "2,"),
                      ("workers", self.path, "x.svg", "--colour", "red")):
            with self.subTest(words=words):
                self.assert_one_line(viz(*words), 2)

    def test_a_window_that_makes_no_sense_is_explained(self) -> None:
        run = viz("workers", self.path, self.directory / "x.svg", "--steps", "9999:")
        self.assert_one_line(run, 2, "has steps 1 to")
        run = viz("workers", self.path, self.directory / "x.svg", "--steps", "nine")
        self.assert_one_line(run, 2, "write A:B")

    def test_a_text_that_is_not_there(self) -> None:
        run = viz("all", self.path, "--out", self.out, "--story", self.directory / "none")
        self.assert_one_line(run, 3, "none: cannot be read")

    def test_a_place_that_cannot_be_written(self) -> None:
        self.out.write_text("a file")
        self.assert_one_line(viz("all", self.path, "--out", self.out), 5, "cannot be made")
        run = viz("switches", self.path, self.directory / "none" / "x.svg")
        self.assert_one_line(run, 5, "cannot be written")

    def test_help(self) -> None:
        run = viz("--help")
        self.assertEqual(run.returncode, 0)
        self.assertIn("Why did this take long?", run.stdout)

    def without_matplotlib(self) -> dict[str, str]:
        fake = self.directory / "fake/matplotlib"
        fake.mkdir(parents=True)
        (fake / "__init__.py").write_text("raise ImportError('not installed')\n")
        return {"PYTHONPATH": f"{fake.parent}:{REPOSITORY / 'viz'}"}

    @unittest.skipUnless(HAS_NEATO, "Graphviz is not installed")
    def test_without_matplotlib_the_rest_is_done(self) -> None:
        run = viz("all", self.path, "--out", self.out, **self.without_matplotlib())
        self.assertEqual(run.returncode, 4)
        self.assertEqual(run.stderr.count("python3-matplotlib"), 3)
        self.assertNotIn("Traceback", run.stderr)
        self.assertEqual({p.name for p in self.out.iterdir()},
                         {"index.html", "switches.svg", "switches.dot", "states.svg",
                          "states.dot"})
        page = (self.out / "index.html").read_text()
        minidom.parseString(page.encode())
        self.assertEqual(len(re.findall("This picture was not drawn", page)), 3)

    def test_one_picture_without_matplotlib(self) -> None:
        run = viz("stacks", self.path, self.directory / "x.svg", **self.without_matplotlib())
        self.assert_one_line(run, 4, "python3-matplotlib")

    @unittest.skipUnless(HAS_MATPLOTLIB, "matplotlib is not installed")
    def test_without_graphviz_the_rest_is_done(self) -> None:
        run = viz("all", self.path, "--out", self.out, PATH="/nonexistent")
        self.assertEqual(run.returncode, 4)
        self.assertEqual(run.stderr.count("install the package graphviz"), 2)
        self.assertEqual({p.name for p in self.out.iterdir()},
                         {"index.html", "switches.dot", "states.dot", "stacks.svg",
                          "workers.svg", "fibers.svg"})

    def test_a_rendezvous_needs_no_tool(self) -> None:
        run = viz("rendezvous", self.trace(awaits()), self.directory / "x.svg",
                  "--targets", "2,3", **{**self.without_matplotlib(), "PATH": "/nonexistent"})
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("The end comes first", (self.directory / "x.svg").read_text())

    @unittest.skipUnless(shutil.which("sh"), "no sh")
    def test_a_graphviz_that_fails(self) -> None:
        tool = self.directory / "neato"
        tool.write_text("#!/bin/sh\necho 'neato: bad day' >&2\nexit 1\n")
        tool.chmod(0o755)
        run = viz("switches", self.path, self.directory / "x.svg",
                  PATH=f"{self.directory}:/usr/bin:/bin")
        self.assert_one_line(run, 4, "bad day")

    @unittest.skipUnless(shutil.which("sh"), "no sh")
    def test_a_dot_that_fails_or_answers_nonsense(self) -> None:
        tool = self.directory / "dot"
        for script, said in (("echo 'dot: bad day' >&2; exit 1", "bad day"),
                             ("echo no json", "no sound answer")):
            tool.write_text(f"#!/bin/sh\n{script}\n")
            tool.chmod(0o755)
            run = viz("states", self.path, self.directory / "x.svg",
                      PATH=f"{self.directory}:/usr/bin:/bin")
            self.assert_one_line(run, 4, said)


if __name__ == "__main__":
    unittest.main()
