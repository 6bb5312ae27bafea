"""Each picture: the same bytes each time, well-formed, named, and honest about what it omits."""

from __future__ import annotations

import unittest
import xml.etree.ElementTree as ET
from xml.dom import minidom

from helpers import (SVG, Files, build, ids, needs_matplotlib, needs_neato, texts, viz, whole)
from scheduled import scheduled
from trace_writer import (FINISH, HAD_FINISHED, PARK, WAITS, YIELD, Writer, awaits, crowd,
                          elsewhere, pingpong)
from waited import story, waited

from weft_viz import (fibers, lanes, latency, plot, rendezvous, stacks, states, svg, switches,
                      tickets, timers, waiters, waits, window, workers)
from weft_viz.model import PARKED, READY, RUNNING, Model

ODD = 'a<b>&"\'$x$ \\N é 漢字 {|}'


def draw_switches(built: Model, shown: window.Window) -> bytes:
    return switches.draw(*switches.switches(built, shown, "index.html"))


def draw_states(built: Model, shown: window.Window) -> bytes:
    text, graph = states.states(built, shown)
    return states.draw(graph, text)


def draw_tickets(built: Model, shown: window.Window) -> bytes:
    text, graph = tickets.tickets(built, shown)
    return states.draw(graph, text)


PICTURES = {"switches": draw_switches, "states": draw_states,
            "rendezvous": rendezvous.rendezvous, "stacks": stacks.stacks,
            "workers": workers.workers, "fibers": fibers.fibers, "latency": latency.latency,
            "waits": waits.waits, "waiters": waiters.waiters, "timers": timers.timers,
            "tickets": draw_tickets}
NAMELESS = ("states", "rendezvous", "latency", "waiters", "timers", "tickets")
NAMING = {name: draw for name, draw in PICTURES.items() if name not in NAMELESS}


def odd() -> Writer:
    w = Writer(workers=2, clean=False, dropped=2)
    w.start(1)
    w.name(1, ODD)
    w.create(2, 1, b"\xff\x01")
    w.switch(1, 2, PARK)
    w.switch(2, 1, YIELD)
    return w


def nothing_happened() -> Writer:
    w = Writer()
    w.anchor()
    return w


def three_events() -> Writer:
    w = Writer()
    w.start(1)
    w.name(1, "main")
    w.stop(1)
    return w


TRACES = {"5 rounds": pingpong(5, site=True), "50 rounds": pingpong(50), "crowd": crowd(9, 2),
          "three events": three_events(), "no event": nothing_happened(), "no record": Writer(),
          "odd": odd(), "awaits": awaits(site=True), "elsewhere": elsewhere(),
          "between": elsewhere(between=True), "scheduled": scheduled(2, 20, 3, 300).writer,
          "story": story(), "out of turn": story(True), "waits": waited(4, 40, 600).writer}


@needs_matplotlib
@needs_neato
class EveryPicture(Files):
    def test_well_formed_and_named(self) -> None:
        for name, draw in PICTURES.items():
            for trace, writer in TRACES.items():
                with self.subTest(picture=name, trace=trace):
                    built = build(writer)
                    picture = draw(built, whole(built))
                    root = minidom.parseString(picture).documentElement
                    self.assertEqual(root.getAttribute("id"), name)
                    self.assertTrue(root.getAttribute("aria-label").endswith("?"))
                    self.assertEqual(root.getElementsByTagName("title")[0].firstChild.data,
                                     root.getAttribute("aria-label"))
                    self.assertTrue(root.getElementsByTagName("desc")[0].firstChild.data)
                    self.assertIn(root.getAttribute("aria-label"), texts(picture).split("\n"))

    def test_ids_are_the_pictures_own_and_lead_somewhere(self) -> None:
        for name, draw in PICTURES.items():
            with self.subTest(picture=name):
                built = build(awaits() if name == "rendezvous" else crowd(12, 2))
                picture = draw(built, whole(built)).decode()
                found = ids(picture)
                self.assertEqual(len(found), len(set(found)))
                for each in found:
                    self.assertTrue(each == name or each.startswith(name + "-"), each)
                for part in picture.split("url(#")[1:]:
                    self.assertIn(part.split(")")[0], found)
                for part in picture.split('href="#')[1:]:
                    self.assertIn(part.split('"')[0], found)

    def test_nothing_of_the_tools_or_from_outside(self) -> None:
        for name, draw in PICTURES.items():
            with self.subTest(picture=name):
                built = build(pingpong(5, site=True))
                picture = draw(built, whole(built)).decode().replace(svg.SVG, "")
                for word in ("http", "DOCTYPE", "<!--", "metadata", "xlink", "graphviz",
                             "Matplotlib"):
                    self.assertNotIn(word, picture)

    def test_every_fiber_is_named(self) -> None:
        for name, draw in NAMING.items():
            with self.subTest(picture=name):
                built = build(pingpong(5))
                seen = texts(draw(built, whole(built))).split("\n")
                for fiber in ("main", "ping", "pong"):
                    self.assertIn(fiber, seen)

    def test_forty_fibers_are_named_in_the_lanes(self) -> None:
        built = build(crowd(40, 2))
        for draw in (workers.workers, fibers.fibers):
            seen = texts(draw(built, whole(built))).split("\n")
            for number in range(40):
                self.assertIn(f"job{number}", seen)

    def test_odd_names_are_text(self) -> None:
        """Where fibers are named at all."""
        for name, draw in PICTURES.items():
            if name in ("latency", "waiters", "timers", "tickets"):
                continue
            with self.subTest(picture=name):
                w = odd()
                w.wait_for(1, 2, HAD_FINISHED)
                w.recycle(2)
                built = build(w)
                root = ET.fromstring(draw(built, whole(built)))
                said = root.find(SVG + "desc").text
                self.assertIn(svg.fit(ODD, 130, 12) if name == "rendezvous" else ODD, said)
                self.assertIn("\\xff\\x01", said)

    def test_follows_the_readers_theme(self) -> None:
        for name, draw in PICTURES.items():
            with self.subTest(picture=name):
                built = build(pingpong(5))
                picture = draw(built, whole(built)).decode()
                self.assertIn("prefers-color-scheme:dark", picture)
                body = picture.split("</style>")[1]
                for light, _ in svg.ROLES.values():
                    self.assertNotIn(light, body)

    def test_warnings_are_in_the_picture(self) -> None:
        for name, draw in PICTURES.items():
            with self.subTest(picture=name):
                built = build(odd())
                seen = texts(draw(built, whole(built)))
                self.assertIn("4 records lost", seen)
                self.assertIn("never closed", seen)

    def test_a_window_says_what_it_leaves_out(self) -> None:
        for name, draw in PICTURES.items():
            with self.subTest(picture=name):
                built = build(pingpong(50))
                shown = window.window(built, (20, 40))
                self.assertIn(f"Steps 20 to 40 of 1 to {built.last}",
                              texts(draw(built, shown)).replace("\n", " "))

    def test_the_same_bytes_in_every_process(self) -> None:
        for name in PICTURES:
            path = self.trace(awaits() if name == "rendezvous" else crowd(9, 2))
            made = []
            for seed in ("1", "2"):
                out = self.directory / f"{seed}.svg"
                self.assertEqual(viz(name, path, out, PYTHONHASHSEED=seed).returncode, 0)
                made.append(out.read_bytes())
            with self.subTest(picture=name):
                self.assertEqual(made[0], made[1])


@needs_neato
class Switches(unittest.TestCase):
    def test_a_box_a_run_and_an_arrow_a_switch(self) -> None:
        built = build(pingpong(2))
        found = ids(draw_switches(built, whole(built)).decode())
        self.assertEqual({f"switches-run-{r.number}" for r in built.runs},
                         {i for i in found if i.startswith("switches-run-")})
        self.assertEqual({f"switches-switch-{s.number}" for s in built.switches},
                         {i for i in found if i.startswith("switches-switch-")})

    def test_positions_are_ours(self) -> None:
        built = build(pingpong(2))
        text, drawn = switches.switches(built, whole(built))
        heights = [drawn.y(s.step) for s in built.switches]
        self.assertEqual(heights, sorted(set(heights)))
        self.assertEqual(len({drawn.x(f) for f in drawn.columns}), 3)
        for line in text.split("\n"):
            if line.startswith("  ") and "[" in line and "->" not in line and "=" in line:
                self.assertTrue('pos="' in line or line.split()[0] in ("graph", "node", "edge"),
                                line)

    def test_a_long_run_gets_a_window_and_says_so(self) -> None:
        for writer in (pingpong(1000), crowd(60, 3), crowd(200, 2)):
            built = build(writer)
            text, drawn = switches.switches(built, whole(built))
            self.assertLessEqual(drawn.nodes, switches.NODES_MAX)
            self.assertLessEqual(len(drawn.columns), switches.COLUMNS_MAX)
            self.assertLess(len(text.encode()), switches.DOT_MAX)
            self.assertIn(f"to {drawn.window.last:,} of {built.first} to {built.last:,}",
                          texts(switches.draw(text, drawn)).replace("\n", " "))
            placed = [line for line in text.split("\n") if " [pos=" in line]
            self.assertEqual(sum(" -> " not in line.split(" [pos=")[0] for line in placed),
                             drawn.nodes)

    def test_long_names_stay_under_the_bound_on_text(self) -> None:
        w = pingpong(20)
        w.site("d" * 900 + ".c", "f" * 900, 1)
        for records in w.records:
            records[:] = [r[:10] + b"\1\0" + r[12:] for r in records]
        built = build(w)
        text, drawn = switches.switches(built, whole(built), "index.html")
        self.assertLess(len(text.encode()), switches.DOT_MAX)
        self.assertFalse(drawn.window.whole(built))

    def test_boxes_and_arrows_lead_to_the_source(self) -> None:
        built = build(pingpong(2, site=True))
        picture = draw_switches(built, whole(built)).decode()
        self.assertIn('href="index.html#site-1"', picture)
        self.assertIn("left by yield in play, chapters/01-context/demo.c", picture)

    def test_without_a_page_there_are_no_links(self) -> None:
        built = build(pingpong(2, site=True))
        self.assertNotIn("URL=", switches.switches(built, whole(built))[0])

    def test_dot_takes_odd_names_as_they_are(self) -> None:
        w = Writer()
        w.start(1)
        w.name(1, '\\N"&amp;<b>')
        built = build(w)
        self.assertIn('\\N"&amp;<b>', texts(draw_switches(built, whole(built))).split("\n"))


@needs_neato
class Wakes(unittest.TestCase):
    """What switches.svg shows of a runtime."""

    def rows(self, writer: Writer) -> list[str]:
        built = build(writer)
        return [row.text for row in switches.plan(built, whole(built)).rows]

    def test_the_list_of_steps(self) -> None:
        self.assertEqual(self.rows(awaits()), [
            "worker 0 runs main", "main creates early", "main creates late",
            "main → early (yield)", "early → late (yield)", "late → main (finish)",
            "main awaits early (waits)", "main → early (park)", "early wakes main",
            "early → main (finish)", "main begins “look”", "main awaits late (finished)",
            "main ends “look”", "main runs square itself", "worker 0 ends"])

    def test_a_wake_is_an_arrow_and_a_dot_and_a_start_is_none(self) -> None:
        built = build(awaits())
        text, drawn = switches.switches(built, whole(built))
        self.assertEqual([row.wake.fiber for row in drawn.rows if row.wake], [1])
        self.assertEqual(text.count('penwidth=0.6'), 1)
        self.assertIn("-> wake_", text)
        self.assertIn("makes a parked one ready", texts(switches.draw(text, drawn)))

    def test_a_line_turns_orange_where_its_fiber_is_made_ready(self) -> None:
        built = build(awaits())
        colors = []
        for line in switches.lifelines(switches.plan(built, whole(built))):
            colors.append((line.split()[0], line.split('color="')[1][:7]))
        self.assertEqual([c for n, c in colors if n.startswith("create_")],
                         [svg.SKY, svg.ORANGE] * 2)
        parked = next(r for r in built.runs if r.fiber == 1 and r.reason == "park")
        self.assertEqual([c for n, c in colors if n == f"run_{parked.number}"],
                         [svg.GREY, svg.ORANGE])

    def test_one_fiber_on_two_workers(self) -> None:
        w = Writer(workers=2)
        w.start(1)
        w.start(2, 1)
        w.ready(1, 2, worker=1)
        w.switch(2, 1, FINISH, worker=1)
        w.stop(1)
        w.stop(1, 1)
        built = build(w)
        text, drawn = switches.switches(built, whole(built))
        (here, width), (there, other) = (drawn.middle(r) for r in built.runs if r.fiber == 1)
        self.assertGreaterEqual(there - here, (width + other) / 2)
        self.assertIn("two workers at once", texts(switches.draw(text, drawn)))
        self.assertIn("fiber 2 wakes fiber 1 (running)", self.rows(w))
        built = build(elsewhere())
        _, drawn = switches.switches(built, whole(built))
        self.assertFalse(drawn.doubled)

    def test_a_fiber_that_nobody_wakes(self) -> None:
        w = Writer()
        w.start(1)
        w.create(2, 1, "job")
        w.switch(1, 2, PARK)
        w.ready(1, 0)
        self.assertIn("fiber 1 is woken", self.rows(w))

    def test_bare_contexts_look_as_ever(self) -> None:
        built = build(pingpong(2))
        text, drawn = switches.switches(built, whole(built))
        self.assertNotIn("wake", text)
        self.assertIn("Before its first run it is new", switches.card(drawn).notes[0])


@needs_neato
class States(unittest.TestCase):
    def observed(self, writer: Writer, steps: tuple[int | None, int | None] = (None, None)
                 ) -> states.Graph:
        built = build(writer)
        return states.observe(built, window.window(built, steps))

    def test_how_often_and_by_which_event(self) -> None:
        graph = self.observed(awaits())
        found = {pair: dict(events) for pair, events in graph.edges.items()}
        self.assertEqual(found, {
            ("new", "ready"): {"READY": 2}, ("new", "running"): {"WORKER_START": 1},
            ("ready", "running"): {"SWITCH": 5}, ("running", "ready"): {"SWITCH, yield": 2},
            ("running", "parked"): {"SWITCH, park": 1}, ("parked", "ready"): {"READY": 1},
            ("running", "finished"): {"SWITCH, finish": 2}})
        self.assertEqual(graph.inside["new"], ["3 created"])
        self.assertEqual(graph.inside["finished"], ["2 recycled"])
        self.assertEqual(graph.inside["running"], ["1 at the end"])

    def test_what_goes_in_comes_out(self) -> None:
        for writer in (awaits(), elsewhere(), pingpong(5)):
            graph = self.observed(writer)
            for state in (READY, RUNNING, PARKED):
                entered = sum(graph.total(p) for p in graph.edges if p[1] == state)
                left = sum(graph.total(p) for p in graph.edges if p[0] == state)
                stays = [line for line in graph.inside[state] if line.endswith("at the end")]
                self.assertEqual(entered - left, int(stays[0].split()[0]) if stays else 0)

    def test_idle_contexts_are_left_out(self) -> None:
        graph = self.observed(crowd(4, 2))
        for events in graph.edges.values():
            self.assertNotIn("SWITCH, idle", events)

    def test_what_did_not_happen_is_thin_and_grey_and_zero(self) -> None:
        built = build(pingpong(3))
        picture = draw_states(built, whole(built)).decode()
        self.assertEqual(texts(picture.encode()).count("0 × READY"), 2)
        self.assertEqual(picture.count(f'stroke="{svg.GREY}" stroke-width="0.8"'), 2)

    def test_what_the_design_does_not_allow_is_dashed(self) -> None:
        w = awaits()
        w.ready(2, 1)
        w.switch(1, 2, PARK)
        built = build(w)
        picture = draw_states(built, whole(built))
        self.assertIn("stroke-dasharray", picture.decode())
        self.assertIn("the design does not allow it", texts(picture))
        sound = build(awaits())
        self.assertNotIn("stroke-dasharray", draw_states(sound, whole(sound)).decode())

    def test_ready_while_it_runs_is_not_a_yield(self) -> None:
        w = awaits()
        w.ready(1, 1)
        built = build(w)
        picture = draw_states(built, whole(built))
        self.assertIn(states.WRONG, picture.decode())
        self.assertIn("1 × READY", texts(picture))

    def test_new_is_left_and_finished_right(self) -> None:
        for writer in (Writer(), pingpong(5), awaits(), crowd(9, 2), odd()):
            built = build(writer)
            text, _ = states.states(built, whole(built))
            at = {o["name"]: states.points(o["pos"])[0][0]
                  for o in states.boxes(states.run_dot(text))}
            self.assertEqual(sorted(at, key=at.get), list(states.COLUMNS))

    def test_labels_and_boxes_keep_apart(self) -> None:
        for writer in (awaits(), pingpong(400), crowd(9, 2)):
            built = build(writer)
            text, graph = states.states(built, whole(built))
            answer = states.run_dot(text)
            places = []
            for each in states.boxes(answer):
                places.append((*states.points(each["pos"])[0], graph.node_width,
                               states.NODE_HEIGHT))
            for each in answer["edges"]:
                pair = tuple(each["id"].split("-"))
                places.append((*states.points(each["lp"])[0],
                               *states.box_of(graph.lines(pair))))
            for i, (x, y, width, height) in enumerate(places):
                for ox, oy, owidth, oheight in places[:i]:
                    self.assertTrue(abs(x - ox) * 2 >= width + owidth - 2
                                    or abs(y - oy) * 2 >= height + oheight - 2)

    def test_a_window_counts_its_own_steps(self) -> None:
        built = build(pingpong(50))
        graph = self.observed(pingpong(50), (built.switches[10].step, built.switches[13].step))
        self.assertEqual(graph.total((RUNNING, READY)), 4)
        self.assertEqual(graph.inside["new"], ["0 created"])

    def test_points(self) -> None:
        self.assertEqual(states.points("e,1.5,2 3,-4.25 1e+02,0"), [(1.5, 2), (3, -4.25), (100, 0)])


class Rendezvous(unittest.TestCase):
    def found(self, writer: Writer, targets: frozenset[int] = frozenset()
              ) -> list[rendezvous.Meeting]:
        built = build(writer)
        return rendezvous.meetings(built, whole(built), targets)

    def draw(self, writer: Writer, targets: frozenset[int] = frozenset()) -> str:
        built = build(writer)
        return texts(rendezvous.rendezvous(built, whole(built), targets)).replace("\n", " ")

    def test_who_came_first(self) -> None:
        self.assertEqual([(m.wait.target, m.kind) for m in self.found(awaits())],
                         [(2, rendezvous.AWAITER_FIRST), (3, rendezvous.END_FIRST)])
        self.assertEqual([m.kind for m in self.found(elsewhere())], [rendezvous.AWAITER_FIRST])
        self.assertEqual([m.kind for m in self.found(elsewhere(between=True))],
                         [rendezvous.BETWEEN])

    def test_the_steps_of_an_await(self) -> None:
        built = build(awaits())
        first = rendezvous.meetings(built, whole(built), frozenset())[0]
        self.assertEqual(first.steps(), [4, 13, 14, 15, 16, 17, 18])
        self.assertEqual((first.create, first.park, first.finish, first.ready, first.leave,
                          first.recycle, first.resume), (4, 14, 15, 16, 17, 18, 17))

    def test_the_word_changes_where_it_is_written(self) -> None:
        built = build(awaits())
        values = []
        for meeting in rendezvous.meetings(built, whole(built), frozenset()):
            panel = rendezvous.Panel(built, meeting, ET.Element(SVG + "svg"), 0)
            places = {panel.x(step): step for step in panel.columns}
            values.append([(places[x], value) for x, _, value in panel.values()])
        self.assertEqual(values, [[(4, "empty"), (14, "awaiter"), (18, "finished")],
                                  [(6, "empty"), (12, "finished")]])

    def test_the_numbers_tell_the_story(self) -> None:
        seen = self.draw(awaits())
        for words in ("main awaits early, and the word is empty.",
                      "main has parked. Its name is written into the word.",
                      "early's function has returned. It finds main in the word.",
                      "main is told: it is ready.",
                      "early leaves its stack for good. main runs again.",
                      "Nobody is on late's stack: the word says finished.",
                      "The word says finished, so main goes on without parking.",
                      "Of 2 awaits, the awaiter came first in 1, the end in 1."):
            self.assertIn(words, seen)

    def test_told_through_the_queue(self) -> None:
        seen = self.draw(elsewhere())
        self.assertIn("the word says finished. main was in it. (w1)", seen)
        self.assertNotIn("It finds main", seen)

    def test_a_kind_that_is_missing(self) -> None:
        self.assertIn("The end comes first No await of this trace went this way.",
                      self.draw(elsewhere()))
        seen = self.draw(elsewhere(between=True))
        self.assertEqual(seen.count("No await of this trace went this way."), 2)
        self.assertIn("and in 1 the end came after the awaiter's look", seen)

    def test_targets(self) -> None:
        self.assertEqual([m.wait.target for m in self.found(awaits(), frozenset({3, 77}))], [3])
        self.assertEqual(self.draw(awaits(), frozenset({3})).count("No await of this trace"), 1)

    def test_an_await_again_meets_nobody(self) -> None:
        w = awaits()
        w.wait_for(1, 2, HAD_FINISHED)
        self.assertEqual([m.kind for m in self.found(w)],
                         [rendezvous.AWAITER_FIRST, rendezvous.END_FIRST])

    def test_what_is_not_told_is_counted(self) -> None:
        w = Writer()
        w.start(1)
        w.wait_for(1, 2, HAD_FINISHED)
        w.wait_for(1, 3, WAITS)
        self.assertEqual([m.kind for m in self.found(w)], ["", ""])
        self.assertIn("of 2 the trace does not tell enough", self.draw(w))

    def test_many_steps_become_few_columns(self) -> None:
        w = Writer()
        w.create(1, 0, "main")
        w.start(1)
        w.spawn(2, 1, "child")
        for _ in range(100):
            w.switch(1, 2, YIELD)
            w.switch(2, 1, YIELD)
        w.wait_for(1, 2, WAITS)
        w.switch(1, 2, PARK)
        w.finish(2)
        w.ready(1, 2)
        w.switch(2, 1, FINISH)
        w.recycle(2, 1)
        built = build(w)
        meeting = rendezvous.meetings(built, whole(built), frozenset())[0]
        panel = rendezvous.Panel(built, meeting, ET.Element(SVG + "svg"), 0)
        self.assertEqual(len(panel.columns), rendezvous.COLUMNS_MAX)
        self.assertLessEqual(set(meeting.steps()), set(panel.columns))
        self.assertEqual([s for _, _, s in panel.stays(2)][:3], ["", "new", "several"])
        self.assertIn("several", [s for _, _, s in panel.stays(2)])
        self.assertLessEqual(panel.end, rendezvous.PANEL)


@needs_matplotlib
class Lanes(unittest.TestCase):
    def test_a_slice_is_never_a_patch(self) -> None:
        built = build(pingpong(3000))
        picture = workers.workers(built, whole(built))
        self.assertLess(picture.count(b"<path"), 200)
        self.assertIn("is divided from bottom to top", texts(picture))

    def test_few_slices_need_no_pixels(self) -> None:
        seen = texts(workers.workers(b := build(pingpong(5)), whole(b)))
        self.assertNotIn("hatching", seen)
        self.assertNotIn("is divided", seen)

    def test_states_have_their_colours_and_ready_has_a_hatch(self) -> None:
        built = build(crowd(6, 2))
        picture = fibers.fibers(built, whole(built)).decode()
        for color in ("#009e73", "#e69f00", "#999999"):
            self.assertIn(color, picture)
        self.assertGreaterEqual(picture.count("<pattern"), 2)
        self.assertIn("ready, not running", picture)

    def test_event_order_and_clock(self) -> None:
        built = build(pingpong(5))
        for draw in (workers.workers, fibers.fibers):
            seen = texts(draw(built, whole(built)))
            self.assertIn("In event order", seen)
            self.assertIn("By the clock", seen)
            self.assertIn("µs since the first step", seen)

    def test_clock_units(self) -> None:
        self.assertEqual([lanes.clock_unit(ns)[0] for ns in (900, 5e3, 5e6, 5e9)],
                         ["ns", "µs", "ms", "s"])


class Waves(unittest.TestCase):
    def test_a_parked_stack_does_not_change(self) -> None:
        built = build(pingpong(2))
        ping = stacks.waves(built, whole(built))[1]
        self.assertEqual([used for _, _, used in ping.runs], [192, 304, 192, 80])
        self.assertEqual([(a, b) for a, b, _ in ping.runs], [(1, 2), (3, 4), (5, 6), (7, 8)])
        xs, ys = stacks.parked_line(ping, 9)
        self.assertEqual(xs[:2] + xs[3:5], [2, 3, 4, 5])
        self.assertEqual(ys[:2] + ys[3:5], [192, 192, 304, 304])
        self.assertTrue(ping.over)

    def test_idle_contexts_have_no_wave(self) -> None:
        built = build(crowd(3, 2))
        self.assertNotIn("idle 1", [w.fiber.label for w in stacks.waves(built, whole(built))])

    def test_scales(self) -> None:
        self.assertEqual([plot.nice_top(v) for v in (0, 7, 96, 640, 65536)],
                         [(2, 1), (8, 4), (100, 50), (800, 400), (80000, 40000)])

    @needs_matplotlib
    def test_the_numbers_are_in_the_picture(self) -> None:
        built = build(pingpong(5))
        seen = texts(stacks.stacks(built, whole(built))).split("\n")
        for used in ("192", "304", "416", "528", "640", "80", "96"):
            self.assertIn(used, seen)

    @needs_matplotlib
    def test_many_runs_become_a_range(self) -> None:
        built = build(pingpong(1500))
        picture = stacks.stacks(built, whole(built))
        self.assertIn("from the shallowest to the deepest", texts(picture))
        self.assertLess(len(picture), 200_000)

    @needs_matplotlib
    def test_a_stack_that_was_not_measured_has_no_lane(self) -> None:
        w = Writer()
        w.create(1, 0, "")
        w.name(1, "main")
        w.start(1)
        w.spawn(2, 1, "child")
        w.switch(1, 2, PARK, used=0)
        w.finish(2)
        w.switch(2, 1, FINISH, used=80)
        picture = texts(stacks.stacks(build(w), whole(build(w))))
        self.assertIn("Not measured, on a thread's own stack: main.", picture)
        self.assertIn("80", picture.split("\n"))
        self.assertNotIn("main", picture.split("\n"))  # no lane is called so

    @needs_matplotlib
    def test_many_stacks(self) -> None:
        built = build(crowd(40, 2))
        picture = stacks.stacks(built, whole(built))
        self.assertIn("Of 41 fibers, the first picture counts how many got how deep",
                      texts(picture).replace("\n", " "))
        self.assertEqual(texts(picture).split("\n").count("deepest"), stacks.EACH)


class Text(unittest.TestCase):
    def test_fit(self) -> None:
        self.assertEqual(svg.fit("short", 100, 10), "short")
        cut = svg.fit("a_name_far_too_long_for_this", 60, 10)
        self.assertIn("…", cut)
        self.assertLessEqual(svg.text_width(cut, 10), 60)
        self.assertEqual(svg.fit("wide", 3, 10), "")

    def test_wrap_keeps_every_word(self) -> None:
        words = "one two three four five six seven"
        self.assertEqual(" ".join(svg.wrap(words, 60, 10)), words)


if __name__ == "__main__":
    unittest.main()
