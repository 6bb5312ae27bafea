"""What becomes of stays that are narrower than a pixel: nothing vanishes, nothing is invented."""

from __future__ import annotations

import random
import unittest

from helpers import needs_matplotlib

from weft_viz import bars, lanes
from weft_viz.bars import Stays


def at_random(dice: random.Random, paints: int, high: float) -> list[tuple[int, float, float]]:
    """Stays in a row, with gaps; some of no length."""
    found, x = [], 0.0
    while x < high:
        if dice.random() < 0.2:
            x += dice.random() * high / 20
        length = dice.choice((0.0, 0.01, 0.5, 1.0, high / 7)) * dice.random()
        if x + length > high:
            break
        found.append((dice.randrange(paints), x, x + length))
        x += length
    return found


def stays(given: list[tuple[int, float, float]]) -> Stays:
    return bars.stays((paint, paint, start, end) for paint, start, end in given)


@needs_matplotlib
class Property(unittest.TestCase):
    """Of random lanes."""

    def each(self):
        for seed in range(150):
            dice = random.Random(seed)
            paints, number = dice.randint(1, 6), dice.randint(1, 60)
            high = dice.choice((1.0, 50.0, 1e9))
            given = at_random(dice, paints, high)
            if given:
                yield given, paints, number, high, bars.columns(stays(given), paints, 0, high,
                                                                number)

    def test_each_column_has_the_time_that_it_had(self) -> None:
        for given, paints, number, high, columns in self.each():
            unit = high / number
            for paint in range(paints):
                for column in range(number):
                    low = column * unit
                    true = sum(max(0.0, min(end, low + unit) - max(start, low))
                               for p, start, end in given if p == paint)
                    self.assertAlmostEqual(columns.time[paint][column] / unit, true / unit, 6)

    def test_no_time_is_lost(self) -> None:
        for given, paints, _, high, columns in self.each():
            for paint in range(paints):
                true = sum(end - start for p, start, end in given if p == paint)
                self.assertAlmostEqual(float(columns.time[paint].sum()) / high, true / high, 9)

    def test_every_stay_is_met_where_it_is(self) -> None:
        for given, _, number, high, columns in self.each():
            for paint, start, end in given:
                column = min(number - 1, int((start + end) / 2 / high * number))
                self.assertTrue(columns.met[paint][column])

    def test_what_is_not_shown_is_mixed(self) -> None:
        for given, paints, number, high, columns in self.each():
            winners = columns.winners()
            for column in range(number):
                met = [p for p in range(paints) if columns.met[p][column]]
                self.assertEqual(winners[column] in met, bool(met))
                if len(met) > 1:
                    self.assertTrue(columns.mixed[column])

    def test_the_winner_took_most(self) -> None:
        for _, _, number, _, columns in self.each():
            for column, winner in enumerate(columns.winners()):
                if winner >= 0:
                    self.assertEqual(columns.time[winner][column], columns.time[:, column].max())

    def test_shares_are_heights_within_a_pixel(self) -> None:
        for _, paints, number, _, columns in self.each():
            room = 24.0
            heights = columns.heights(room, 1)
            for column in range(number):
                met = int(columns.met[:, column].sum())
                self.assertLessEqual(heights[:, column].sum(), room + 1e-6)
                for paint in range(paints):
                    height = heights[paint][column]
                    true = columns.time[paint][column] / columns.unit * room
                    self.assertLessEqual(abs(height - true), bars.LEAST * max(1, met) + 1e-6)
                    self.assertEqual(height > 0, bool(columns.met[paint][column]))
                    if columns.met[paint][column]:
                        self.assertGreaterEqual(height, bars.LEAST - 1e-6)

    def test_the_outline_has_the_area_of_its_heights(self) -> None:
        for _, _, number, high, columns in self.each():
            heights = columns.heights(24.0, 1).sum(axis=0)
            corners = lanes.outline(columns, heights, 24.0)
            area = sum((bx - ax) * (24.0 - ay) for (ax, ay), (bx, _) in zip(corners, corners[1:]))
            self.assertLessEqual(abs(area - float(heights.sum()) * columns.unit),
                                 0.25 * high + 1e-6)


@needs_matplotlib
class Columns(unittest.TestCase):
    def test_a_pixel_shows_its_longest_and_is_mixed(self) -> None:
        given = stays([(0, 0, 4), (1, 4, 4.7), (2, 4.7, 5), (0, 5, 10)])
        columns = bars.columns(given, 3, 0, 10, 10)
        self.assertEqual(columns.stretches(columns.winners()), [(0, 0, 4), (1, 4, 5), (0, 5, 10)])
        self.assertEqual([(a, b) for yes, a, b in columns.stretches(columns.mixed) if yes],
                         [(4, 5)])
        self.assertFalse(columns.crowded)

    def test_a_gap_stays_a_gap(self) -> None:
        columns = bars.columns(stays([(0, 0, 0.5), (0, 8, 10)]), 1, 0, 10, 10)
        self.assertEqual(columns.stretches(columns.winners()), [(0, 0, 1), (-1, 1, 8), (0, 8, 10)])

    def test_two_stays_of_one_kind_are_mixed(self) -> None:
        columns = bars.columns(stays([(0, 0, 0.2), (0, 0.6, 1)]), 1, 0, 10, 10)
        self.assertTrue(columns.mixed[0])

    def test_a_stay_without_length_is_met(self) -> None:
        columns = bars.columns(stays([(0, 0, 10), (1, 3.5, 3.5)]), 2, 0, 10, 10)
        self.assertEqual([bool(x) for x in columns.met[1]], [i == 3 for i in range(10)])
        self.assertTrue(columns.mixed[3])
        self.assertEqual(columns.winners()[3], 0)

    def test_thousands_of_stays_are_crowded(self) -> None:
        columns = bars.columns(stays([(i % 3, i, i + 1) for i in range(30000)]), 3, 0, 30000, 700)
        self.assertTrue(columns.crowded)
        self.assertTrue(columns.mixed.all())
        self.assertAlmostEqual(float(columns.time.sum()), 30000)

    def test_clipping(self) -> None:
        given = stays([(0, 0, 5), (1, 5, 9), (2, 9, 12), (3, 7, 7), (4, 9, 9), (5, 2, 4)])
        clipped = bars.clip(given, 4, 9)
        self.assertEqual([*zip(clipped.paints, clipped.starts, clipped.ends)],
                         [(0, 4, 5), (1, 5, 9), (3, 7, 7), (4, 9, 9)])

    def test_wide(self) -> None:
        self.assertTrue(bars.wide(stays([(0, 0, 1), (1, 1, 3)]), 1))
        self.assertFalse(bars.wide(stays([(0, 0, 1), (1, 1, 1.5)]), 1))


if __name__ == "__main__":
    unittest.main()
