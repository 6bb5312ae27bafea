/* The lane picture, character for character, and what holds for it at every width. */
#include <string.h>

#include "tests/trace/made.h"
#include "trace/commands.h"
#include "trace/names.h"

static const struct terminal unicode60 = {.width = 60, .unicode = true};
static const struct terminal ascii60 = {.width = 60};
static const struct terminal ascii20 = {.width = 20};

static void expect_lanes(struct made *made, struct terminal terminal,
			 const char *expected)
{
	struct made_output output;
	cr_assert_eq(command_lanes(&made->file, &terminal, made_out(&output)),
		     EXIT_HOLDS);
	made_expect(&output, expected);
}

Test(lanes, a_short_run)
{
	struct made made;
	made_game(&made, 2);
	made_close(&made);
	expect_lanes(&made, unicode60,
		     "Which fiber ran when? A column is a step, not a length of\n"
		     "time.\n"
		     "\n"
		     "main  ███·······█┤\n"
		     "ping   ░░█·█╌█╌█┤\n"
		     "pong    ░░█╌█╌█┤\n"
		     "\n"
		     "░ new  █ running  ╌ ready  · parked  ┤ finished\n");
	expect_lanes(&made, ascii60,
		     "Which fiber ran when? A column is a step, not a length of\n"
		     "time.\n"
		     "\n"
		     "main  ===.......=|\n"
		     "ping   ::=.=-=-=|\n"
		     "pong    ::=-=-=|\n"
		     "\n"
		     ": new  = running  - ready  . parked  | finished\n");
	made_free(&made);
}

Test(lanes, more_steps_than_columns)
{
	struct made made;
	made_game(&made, 40);
	made_close(&made);
	expect_lanes(&made, unicode60,
		     "Which fiber ran when? A column is a step, not a length of\n"
		     "time.\n"
		     "\n"
		     "main  ███·································…···············█┤\n"
		     "ping   ░░█·█╌█╌█╌█╌█╌█╌█╌█╌█╌█╌█╌█╌█╌█╌█╌█…█╌█╌█╌█╌█╌█╌█╌█┤\n"
		     "pong    ░░█╌█╌█╌█╌█╌█╌█╌█╌█╌█╌█╌█╌█╌█╌█╌█╌…╌█╌█╌█╌█╌█╌█╌█┤\n"
		     "\n"
		     "░ new  █ running  ╌ ready  · parked  ┤ finished\n"
		     "Shown are the first 36 and the last 17 of 88 steps.\n");
	expect_lanes(&made, ascii20,
		     "Which fiber ran\n"
		     "when? A column is a\n"
		     "step, not a length\n"
		     "of time.\n"
		     "\n"
		     "main  ===......~..=|\n"
		     "ping   ::=.=-=-~-=|\n"
		     "pong    ::=-=-=~=|\n"
		     "\n"
		     ": new  = running\n"
		     "- ready  . parked\n"
		     "| finished\n"
		     "Shown are the first\n"
		     "9 and the last 4 of\n"
		     "88 steps.\n");
	made_free(&made);
}

Test(lanes, as_many_steps_as_columns_need_no_gap)
{
	struct made made;
	struct terminal terminal = {.width = 6 + 14};
	made_game(&made, 3); /* 14 steps: 1 start, 2 creates, 10 switches, 1 stop */
	made_close(&made);
	expect_lanes(&made, terminal,
		     "Which fiber ran\n"
		     "when? A column is a\n"
		     "step, not a length\n"
		     "of time.\n"
		     "\n"
		     "main  ===.........=|\n"
		     "ping   ::=.=-=-=-=|\n"
		     "pong    ::=-=-=-=|\n"
		     "\n"
		     ": new  = running\n"
		     "- ready  . parked\n"
		     "| finished\n");
	made_free(&made);
}

Test(lanes, color)
{
	struct made made;
	struct terminal terminal = {.width = 100, .unicode = true, .color = true};
	made_game(&made, 1);
	made_close(&made);
	expect_lanes(&made, terminal,
		     "Which fiber ran when? A column is a step, not a length of time.\n"
		     "\n"
		     "main  "
		     "\x1b[38;5;36m███\x1b[0m\x1b[38;5;166m·····\x1b[0m\x1b[38;5;"
		     "36m█\x1b[0m\x1b[38;5;246m┤\x1b[0m\n"
		     "ping   "
		     "\x1b[38;5;246m░░\x1b[0m\x1b[38;5;36m█\x1b[0m\x1b[38;5;166m·\x1b["
		     "0m\x1b[38;5;36m█\x1b[0m\x1b[38;5;178m╌\x1b[0m\x1b[38;5;36m█\x1b["
		     "0m\x1b[38;5;246m┤\x1b[0m\n"
		     "pong    "
		     "\x1b[38;5;246m░░\x1b[0m\x1b[38;5;36m█\x1b[0m\x1b[38;5;178m╌\x1b["
		     "0m\x1b[38;5;36m█\x1b[0m\x1b[38;5;246m┤\x1b[0m\n"
		     "\n"
		     "\x1b[38;5;246m░\x1b[0m new  \x1b[38;5;36m█\x1b[0m running  "
		     "\x1b[38;5;178m╌\x1b[0m ready  \x1b[38;5;166m·\x1b[0m parked  "
		     "\x1b[38;5;246m┤\x1b[0m finished\n");
	made_free(&made);
}

static void make_two_workers(struct made *made)
{
	uint32_t idle = TRACE_IDLE_FIBERS + 1;
	made_open(made, 2, 50);
	made_start(made, 0, 1);
	made_name(made, 0, 1, "main");
	made_create(made, 0, 1, 2, "echo");
	made_create(made, 0, 1, 3, "listen");
	made->ns = 500;
	made_start(made, 1, idle);
	made_switch(made, 1, idle, 2, TRACE_leave_IDLE, 0);
	made_switch(made, 0, 1, 3, TRACE_leave_PARK, 0);
	made->ns = 900;
	made_switch(made, 1, 2, idle, TRACE_leave_PARK, 80);
	made_switch(made, 0, 3, 2, TRACE_leave_YIELD, 80);
	made->ns = 1200;
	made_switch(made, 1, idle, 3, TRACE_leave_IDLE, 0);
	made->ns = 1300;
	made_switch(made, 0, 2, 1, TRACE_leave_FINISH, 0);
	made_switch(made, 1, 3, idle, TRACE_leave_FINISH, 0);
	made_stop(made, 1, idle);
	made_stop(made, 0, 1);
	made_close(made);
}

Test(lanes, two_workers)
{
	struct made made;
	make_two_workers(&made);
	expect_lanes(&made, unicode60,
		     "Which fiber ran when? A column is a step, not a length of\n"
		     "time.\n"
		     "\n"
		     "main    000······0┤\n"
		     "echo     ░░░░1·00┤\n"
		     "listen    ░0000╌111┤\n"
		     "\n"
		     "░ new  0-9 run by worker  ╌ ready  · parked  ┤ finished\n"
		     "worker 0 ran main, echo, listen\n"
		     "worker 1 ran echo, listen\n");
	expect_lanes(&made, ascii20,
		     "Which fiber ran\n"
		     "when? A column is a\n"
		     "step, not a length\n"
		     "of time.\n"
		     "\n"
		     "main   000......0|\n"
		     "echo    ::::1.00|\n"
		     "li~en    :0000-111|\n"
		     "\n"
		     ": new\n"
		     "0-9 run by worker\n"
		     "- ready  . parked\n"
		     "| finished\n"
		     "worker 0 ran main,\n"
		     "echo, listen\n"
		     "worker 1 ran echo,\n"
		     "listen\n");
	made_free(&made);
}

/* child 2 is ready for long, main parked and then ready. */
Test(lanes, ready_is_not_parked)
{
	struct made made;
	made_awaits(&made);
	made_close(&made);
	expect_lanes(&made, unicode60,
		     "Which fiber ran when? A column is a step, not a length of\n"
		     "time.\n"
		     "\n"
		     "main     ░█████·╌█╌█┤\n"
		     "child 2    ░╌╌╌╌╌╌█┤\n"
		     "child 3      ░╌██┤\n"
		     "\n"
		     "░ new  █ running  ╌ ready  · parked  ┤ finished\n");
	made_free(&made);
}

/* One that was published before it had left: made ready while it runs, and run by worker 1
 * before worker 0 has left it. */
Test(lanes, a_fiber_on_two_workers_at_once)
{
	uint32_t idle = TRACE_IDLE_FIBERS;
	struct made made;
	made_open(&made, 2, 50);
	made_start(&made, 0, 1);
	made_create(&made, 0, 1, 2, "echo");
	made_start(&made, 1, idle + 1);
	made_ready(&made, 0, 1, 2, TRACE_place_SHARED);
	made_switch(&made, 1, idle + 1, 2, TRACE_leave_IDLE, 0);
	made.ns += 100;
	made_ready(&made, 1, 2, 1, TRACE_place_DIRECT);
	made_switch(&made, 1, 2, 1, TRACE_leave_FINISH, 0);
	made.ns += 100;
	made_switch(&made, 0, 1, idle, TRACE_leave_PARK, 0);
	made.ns += 100;
	made_switch(&made, 1, 1, idle + 1, TRACE_leave_PARK, 0);
	made_close(&made);
	expect_lanes(&made, unicode60,
		     "Which fiber ran when? A column is a step, not a length of\n"
		     "time.\n"
		     "\n"
		     "fiber 1  000000!1·\n"
		     "echo      ░╌╌11┤\n"
		     "\n"
		     "░ new  0-9 run by worker  ! run by two workers at once\n"
		     "╌ ready  · parked  ┤ finished\n"
		     "worker 0 ran fiber 1\n"
		     "worker 1 ran fiber 1, echo\n");
	made_free(&made);
}

static void make_crowd(struct made *made)
{
	made_open(made, 1, 2000);
	made_start(made, 0, 1);
	for (uint32_t i = 2; i < 302; i++)
		made_create(made, 0, 1, i, "job");
	for (uint32_t i = 1; i < 301; i++)
		made_switch(made, 0, i, i + 1, TRACE_leave_PARK, 64);
	made_close(made);
}

Test(lanes, three_hundred_fibers)
{
	struct made made;
	make_crowd(&made);
	expect_lanes(&made, unicode60,
		     "Which fiber ran when? A column is a step, not a length of\n"
		     "time.\n"
		     "\n"
		     "fiber 1   █████████████████████████████████…················\n"
		     "job 2      ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░…················\n"
		     "job 3       ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░…················\n"
		     "job 4        ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░…················\n"
		     "job 5         ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░…················\n"
		     "job 6          ░░░░░░░░░░░░░░░░░░░░░░░░░░░░…················\n"
		     "job 7           ░░░░░░░░░░░░░░░░░░░░░░░░░░░…················\n"
		     "job 8            ░░░░░░░░░░░░░░░░░░░░░░░░░░…················\n"
		     "job 9             ░░░░░░░░░░░░░░░░░░░░░░░░░…················\n"
		     "job 10             ░░░░░░░░░░░░░░░░░░░░░░░░…················\n"
		     "job 11              ░░░░░░░░░░░░░░░░░░░░░░░…················\n"
		     "job 12               ░░░░░░░░░░░░░░░░░░░░░░…················\n"
		     "job 13                ░░░░░░░░░░░░░░░░░░░░░…················\n"
		     "job 14                 ░░░░░░░░░░░░░░░░░░░░…················\n"
		     "job 15                  ░░░░░░░░░░░░░░░░░░░…················\n"
		     "job 16                   ░░░░░░░░░░░░░░░░░░…················\n"
		     "job 17                    ░░░░░░░░░░░░░░░░░…················\n"
		     "job 18                     ░░░░░░░░░░░░░░░░…················\n"
		     "job 19                      ░░░░░░░░░░░░░░░…················\n"
		     "job 20                       ░░░░░░░░░░░░░░…················\n"
		     "job 21                        ░░░░░░░░░░░░░…················\n"
		     "job 22                         ░░░░░░░░░░░░…················\n"
		     "job 23                          ░░░░░░░░░░░…················\n"
		     "job 24                           ░░░░░░░░░░…················\n"
		     "277 more                                   …████████████████\n"
		     "\n"
		     "░ new  █ running  · parked\n"
		     "Shown are the first 33 and the last 16 of 601 steps.\n"
		     "The last lane shows when any of the other fibers ran.\n");
	made_free(&made);
}

Test(lanes, nothing_to_draw)
{
	struct made made;
	made_open(&made, 1, 10);
	made_close(&made);
	expect_lanes(&made, ascii60,
		     "There is nothing to draw: no fiber ran in this trace.\n");
	made_free(&made);
}

Test(lanes, losses_and_an_end_that_was_not_clean)
{
	struct made made;
	made_open(&made, 1, 10);
	made.lost = 3;
	made.killed = true;
	made_start(&made, 0, 1);
	made_switch(&made, 0, 1, 2, TRACE_leave_PARK, 0);
	made_close(&made);
	expect_lanes(&made, ascii60,
		     "Which fiber ran when? A column is a step, not a length of\n"
		     "time.\n"
		     "\n"
		     "fiber 1  =.\n"
		     "fiber 2   =\n"
		     "\n"
		     "= running  . parked\n"
		     "Records were lost, 3 of them: parts are missing.\n"
		     "The program did not close this trace.\n");
	made_free(&made);
}

static void make_bad_names(struct made *made)
{
	made_open(made, 2, 20);
	made_name(made, 0, 1, "\x1b[31mred");
	made_name(made, 0, 2, "a name that goes on and on and on, without an end, 2");
	made_name(made, 0, 3, "織り手織り手織り手織り手織り手");
	made_start(made, 0, 1);
	made_start(made, 1, 3);
	made_switch(made, 0, 1, 2, TRACE_leave_YIELD, 0);
	made_close(made);
}

Test(lanes, names_that_do_not_fit)
{
	struct made made;
	make_bad_names(&made);
	expect_lanes(&made, unicode60,
		     "Which fiber ran when? A column is a step, not a length of\n"
		     "time.\n"
		     "\n"
		     "\\x1b[31mred      0╌╌\n"
		     "a name … end, 2   00\n"
		     "織り手…織り手      1\n"
		     "\n"
		     "0-9 run by worker  ╌ ready\n"
		     "worker 0 ran \\x1b[31mred, a name that goes on and on and on,\n"
		     "without an end, 2\n"
		     "worker 1 ran 織り手織り手織り手織り手織り手\n");
	expect_lanes(&made, ascii20,
		     "Which fiber ran\n"
		     "when? A column is a\n"
		     "step, not a length\n"
		     "of time.\n"
		     "\n"
		     "\\x~ed  0--\n"
		     "a ~ 2   00\n"
		     "??~??    1\n"
		     "\n"
		     "0-9 run by worker\n"
		     "- ready\n"
		     "worker 0 ran\n"
		     "\\x1b[31mred, a name\n"
		     "that goes on and on\n"
		     "and on, without an\n"
		     "end, 2\n"
		     "worker 1 ran\n"
		     "??????????~????????\n");
	made_free(&made);
}

/* Every line fits the width and has no blank at its end. */
static void check_lines(struct made *made, struct terminal terminal)
{
	struct made_output output;
	size_t lines = 0;
	cr_assert_eq(command_lanes(&made->file, &terminal, made_out(&output)),
		     EXIT_HOLDS);
	fclose(output.out);
	for (char *line = output.text, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		cr_assert_not_null(end);
		*end = '\0';
		lines++;
		cr_expect_leq(text_columns(line), (size_t)terminal.width,
			      "width %d: %s", terminal.width, line);
		cr_expect(end == line || end[-1] != ' ', "width %d: %s|",
			  terminal.width, line);
	}
	cr_expect_geq(lines, 5);
	free(output.text);
}

Test(lanes, every_width_is_kept)
{
	struct made made;
	void (*const make[])(struct made *) = {make_two_workers, make_crowd,
					       make_bad_names};
	for (size_t i = 0; i < sizeof make / sizeof *make; i++) {
		make[i](&made);
		for (int width = 20; width <= 200; width += width < 64 ? 1 : 17) {
			check_lines(&made, (struct terminal){.width = width});
			check_lines(&made,
				    (struct terminal){.width = width, .unicode = true});
		}
		made_free(&made);
	}
}

static void expect_terminal(int width, bool unicode)
{
	struct terminal terminal;
	terminal_detect(&terminal);
	cr_expect_eq(terminal.width, width);
	cr_expect_eq(terminal.unicode, unicode);
}

Test(terminal, the_environment_decides)
{
	unsetenv("LC_ALL");
	setenv("LC_CTYPE", "", 1); /* as if unset */
	setenv("LANG", "de_DE.utf8@euro", 1);
	setenv("COLUMNS", "60", 1);
	expect_terminal(60, true);
	setenv("LC_CTYPE", "C", 1);
	setenv("COLUMNS", "3", 1);
	expect_terminal(20, false);
	setenv("LC_ALL", "C.UTF-8", 1);
	setenv("COLUMNS", "1000", 1);
	expect_terminal(200, true);
	setenv("LC_ALL", "en_US.ISO-8859-1", 1);
	expect_terminal(200, false);
}

Test(terminal, without_a_terminal_there_are_80_columns_and_no_color)
{
	struct terminal terminal;
	cr_assert_not_null(freopen("/dev/null", "w", stdout));
	setenv("COLUMNS", "many", 1);
	terminal_detect(&terminal);
	cr_expect_eq(terminal.width, 80);
	cr_expect_not(terminal.color);
}

/* Worker 1 sleeps, looks for work, steals and runs what it stole. */
Test(lanes, workers_that_sleep_have_lanes)
{
	struct made made;
	made_open(&made, 2, 60);
	made_steals(&made);
	made_close(&made);
	expect_lanes(&made, unicode60,
		     "Which fiber ran when? A column is a step, not a length of\n"
		     "time.\n"
		     "\n"
		     "main      ░000000000000╌╌000000000┤\n"
		     "child 2        ░╌╌╌╌╌╌╌╌╌╌╌»1111·······\n"
		     "child 3          ░╌╌╌╌╌╌0╌╌╌╌╌»╌╌╌╌╌╌╌╌\n"
		     "child 4            ░╌╌╌0╌╌╌╌╌»╌╌╌11····\n"
		     "child 5              ░╌╌╌╌╌╌╌╌╌»1······\n"
		     "\n"
		     "worker 0   ███████████████████████\n"
		     "worker 1     /zzzzzzzzzzzz//███████/z/\n"
		     "\n"
		     "░ new  0-9 run by worker  ╌ ready  » stolen  · parked\n"
		     "┤ finished  █ runs a fiber  / looks for one  z sleeps\n"
		     "worker 0 ran main, child 3, child 4\n"
		     "worker 1 ran child 2, child 4, child 5\n");
	expect_lanes(&made, ascii60,
		     "Which fiber ran when? A column is a step, not a length of\n"
		     "time.\n"
		     "\n"
		     "main      :000000000000--000000000|\n"
		     "child 2        :----------->1111.......\n"
		     "child 3          :------0----->--------\n"
		     "child 4            :---0----->---11....\n"
		     "child 5              :--------->1......\n"
		     "\n"
		     "worker 0   =======================\n"
		     "worker 1     /zzzzzzzzzzzz//=======/z/\n"
		     "\n"
		     ": new  0-9 run by worker  - ready  > stolen  . parked\n"
		     "| finished  = runs a fiber  / looks for one  z sleeps\n"
		     "worker 0 ran main, child 3, child 4\n"
		     "worker 1 ran child 2, child 4, child 5\n");
	made_free(&made);
}
