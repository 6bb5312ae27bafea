"""The picture of a benchmark's table."""

from __future__ import annotations

import re
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

from helpers import SVG, Files, needs_matplotlib, texts, viz

from weft_viz import bench, svg

TABLE = """name\tnanoseconds\tgoal\tratio_to_goal\tratio_to_limit\tnote
slow\t24.00\t12\t2.000\t2.400\ttwice its goal
fast\t9.00\t12\t0.750\t0.900\twithin it
nothing\t-0.02\t0.5\t-0.040\t-\ttoo short to measure
limit_store\t10.00\t-\t-\t1.000\twhat cannot be beaten
limit_other\t8.00\t-\t-\t0.800\tanother
lttng_ust\t120.00\t-\t-\t12.000\ta peer
boost_gone\t-\t-\t-\t-\tnot installed
system_calls\t-\t-\t-\t-\t122 in 1000000 events
"""
GOALLESS = """name\tnanoseconds\tratio_to_boost\tratio_to_goal\tnote
spawn\t43.70\t0.152\t1.457\tone at a time
boost_spawn\t287.01\t1.000\t-\tBoost.Fiber
"""


class Reading(unittest.TestCase):
    def rows(self, text: str) -> dict[str, bench.Row]:
        return {r.name: r for r in bench.read(text, "a.tsv")}

    def test_a_row_is_its_columns(self) -> None:
        rows = self.rows(TABLE)
        self.assertEqual((rows["slow"].nanoseconds, rows["slow"].goal), (24, 12))
        self.assertIsNone(rows["boost_gone"].nanoseconds)
        self.assertIsNone(rows["lttng_ust"].goal)

    def test_missing_a_goal_is_to_reach_past_it(self) -> None:
        rows = self.rows(TABLE)
        self.assertEqual([n for n, r in rows.items() if r.missed], ["slow"])
        self.assertFalse(self.rows(TABLE.replace("24.00", "12.00"))["slow"].missed)

    def test_a_ratio_leads_to_the_goal_where_no_column_names_it(self) -> None:
        rows = self.rows(GOALLESS)
        self.assertEqual(rows["spawn"].goal, 30)
        self.assertIsNone(rows["boost_spawn"].goal)

    def test_the_limit_is_the_one_that_ratios_refer_to(self) -> None:
        rows = self.rows(TABLE)
        self.assertEqual([n for n, r in rows.items() if r.is_limit], ["limit_store"])

    def test_colours_tell_whose_a_row_is(self) -> None:
        rows = self.rows(TABLE)
        self.assertEqual([rows[n].color for n in ("slow", "lttng_ust", "limit_other")],
                         [svg.GREEN, svg.SKY, svg.GREY])
        names = ("go_yield", "tokio_yield", "boost_yield", "yield", "good")
        text = "name\tnanoseconds\n" + "".join(f"{name}\t1\n" for name in names)
        self.assertEqual([r.color for r in bench.read(text, "a.tsv")],
                         [svg.SKY] * 3 + [svg.GREEN] * 2)

    def test_damaged_tables_are_refused(self) -> None:
        for text, words in (("", "no table"), ("name\tmilliseconds\na\t1\n", "no table"),
                            (TABLE + "short\t1.00\n", "line 10"),
                            (TABLE.replace("24.00", "many"), "line 2"),
                            (TABLE.replace("24.00", "nan"), "line 2"),
                            (TABLE.replace("24.00", "inf"), "line 2")):
            with self.subTest(text=text[-20:]), self.assertRaisesRegex(bench.TableError, words):
                bench.read(text, "a.tsv")


class Scales(unittest.TestCase):
    def scale(self, *values: float) -> bench.Scale:
        return bench.scale([bench.Row("a", v, None, False, "") for v in values])

    def test_decades_hold_every_number(self) -> None:
        self.assertEqual(self.scale(0.3, 120), bench.Scale(-1, 3))
        self.assertEqual(self.scale(10, 1000), bench.Scale(1, 3))
        self.assertEqual(self.scale(10), bench.Scale(1, 2))

    def test_what_is_next_to_nothing_does_not_stretch_the_axis(self) -> None:
        self.assertEqual(self.scale(-3, 0, 0.001, 20), bench.Scale(1, 2))
        self.assertEqual(self.scale(), bench.Scale(0, 1))

    def test_a_goal_is_on_the_axis_too(self) -> None:
        rows = [bench.Row("a", 9.0, 0.5, False, "")]
        self.assertEqual(bench.scale(rows), bench.Scale(-1, 1))

    def test_a_decade_is_one_step(self) -> None:
        scaled = bench.Scale(-1, 2)
        self.assertAlmostEqual(scaled.x(1), 1)
        self.assertAlmostEqual(scaled.x(10), 2)
        self.assertEqual(scaled.x(-1), 0)

    def test_decades_are_written_as_people_do(self) -> None:
        self.assertEqual([bench.decade(e) for e in (-2, -1, 0, 1, 3)],
                         ["0.01", "0.1", "1", "10", "1,000"])


@needs_matplotlib
class Picture(unittest.TestCase):
    def draw(self, text: str = TABLE, machine: str = "a machine") -> bytes:
        return bench.bench(bench.read(text, "trace.tsv"), "trace", machine)

    def bars(self, picture: bytes) -> list[tuple[str, float]]:
        """Colour and width of each bar."""
        found = []
        for path in ET.fromstring(picture).iter(SVG + "path"):
            if path.get("fill") in (svg.GREEN, svg.SKY, svg.GREY):
                xs = [float(x) for x, _ in re.findall(r"[ML] (\S+) (\S+)", path.get("d", ""))]
                found.append((path.get("fill", ""), max(xs) - min(xs)))
        return found

    def test_every_time_stands_beside_its_goal(self) -> None:
        seen = texts(self.draw())
        for words in ("24.00, goal 12: missed", "9.00, goal 12\n", "-0.02, goal 0.5\n", "120.00",
                      "limit\n", "slow", "lttng_ust", "nanoseconds", "a machine"):
            self.assertIn(words, seen + "\n")

    def test_bars_are_as_long_as_the_logarithm(self) -> None:
        bars = self.bars(self.draw())
        self.assertEqual([c for c, _ in bars], [svg.GREEN] * 3 + [svg.GREY] * 2 + [svg.SKY])
        decade = bench.PANEL / 4  # 0.1 to 1,000
        lengths = [decade * n for n in (2.3802, 1.9542, 0, 2, 1.9031, 3.0792)]
        for (_, found), expected in zip(bars, lengths, strict=True):
            self.assertAlmostEqual(found, expected, delta=0.5)

    def test_what_is_no_time_is_named(self) -> None:
        seen = " ".join(texts(self.draw()).split())
        self.assertIn("Not measured here: boost_gone.", seen)
        self.assertIn("Only in the table, as it is no time: system_calls.", seen)

    def test_those_who_cannot_see_it_hear_the_numbers(self) -> None:
        description = ET.fromstring(self.draw()).find(SVG + "desc")
        self.assertIn("slow takes 24.00 ns, its goal is 12.", description.text)

    def test_the_bytes_depend_on_the_table_alone(self) -> None:
        self.assertEqual(self.draw(), self.draw())
        self.assertNotEqual(self.draw(), self.draw(TABLE.replace("24.00", "25.00")))

    def test_it_is_readable_on_dark_and_light(self) -> None:
        picture = self.draw().decode()
        self.assertIn("prefers-color-scheme:dark", picture)
        drawn = re.sub(r"<style>.*?</style>", "", picture)
        self.assertNotRegex(drawn, "#000000|#1d1f23|fill=\"black\"")

    def test_a_table_without_a_time_is_still_a_picture(self) -> None:
        self.assertIn("Nothing was measured.", texts(self.draw(TABLE.split("slow")[0])))


class Command(Files):
    def table(self, text: str = TABLE) -> Path:
        path = self.directory / "trace.tsv"
        path.write_text(text)
        return path

    @needs_matplotlib
    def test_it_draws_a_table(self) -> None:
        machine, out = self.directory / "machine", self.directory / "trace.svg"
        machine.write_text("seven cores\n")
        run = viz("bench", self.table(), out, "--machine", machine)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("seven cores", texts(out.read_bytes()))

    def test_errors_are_one_line(self) -> None:
        out = self.directory / "trace.svg"
        self.assert_one_line(viz("bench", self.directory / "none.tsv", out), 3, "none.tsv")
        self.assert_one_line(viz("bench", self.table("nonsense\n"), out), 3, "make bench")
        self.assertFalse(out.exists())

    @needs_matplotlib
    def test_a_picture_that_cannot_be_written_is_an_error(self) -> None:
        self.assert_one_line(viz("bench", self.table(), self.directory / "no/trace.svg"), 5, "no/")


if __name__ == "__main__":
    unittest.main()
