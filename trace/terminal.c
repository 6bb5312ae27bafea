#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "trace/commands.h"

#define WIDTH_LEAST 20
#define WIDTH_USUAL 80
#define WIDTH_MOST  200 /* a longer line is hard to follow */

/* Unset and empty are the same to all who ask here. */
static const char *environment(const char *name)
{
	const char *value = getenv(name);
	return value ? value : "";
}

/* What COLUMNS says, else the terminal, else what is usual. */
static int find_width(void)
{
	struct winsize size = {0};
	char *rest;
	const char *columns = environment("COLUMNS");
	long width = strtol(columns, &rest, 10);
	if (*rest || width <= 0) {
		bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
		width = known && size.ws_col > 0 ? size.ws_col : WIDTH_USUAL;
	}
	if (width < WIDTH_LEAST)
		return WIDTH_LEAST;
	return width > WIDTH_MOST ? WIDTH_MOST : (int)width;
}

/* Systems write it in either way: C.UTF-8, en_US.utf8. */
static bool names_utf8(const char *locale)
{
	for (; *locale; locale++)
		if (strncasecmp(locale, "utf-8", 5) == 0 ||
		    strncasecmp(locale, "utf8", 4) == 0)
			return true;
	return false;
}

/* An empty variable counts as unset, as setlocale(3) has it. */
static bool speaks_unicode(void)
{
	static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		if (*environment(variables[i]))
			return names_utf8(environment(variables[i]));
	return false;
}

/* https://no-color.org: any value that is not empty asks for none. */
void terminal_detect(struct terminal *terminal)
{
	terminal->width = find_width();
	terminal->unicode = speaks_unicode();
	terminal->color = isatty(STDOUT_FILENO) && !*environment("NO_COLOR") &&
			  strcmp(environment("TERM"), "dumb") != 0;
}
