/* format.h: what a trace file is made of, byte for byte. All numbers are little-endian.
 *
 *        0  FILE HEADER, 4 KiB: struct trace_header, then the offsets of the segments
 *     4096  schema: the text of events.def, one line an event
 *           sites: struct trace_site_entry, append-only
 *           strings: NUL-terminated, append-only; a string's id is its offset, 0 is ""
 *           segments: each a struct trace_segment_header and `capacity` records
 *
 * A segment has one writer, which fills a record and then release-stores the new head.
 * Readers trust heads and nothing beyond them, so a killed process leaves a readable
 * trace. FORMAT.md shows the same for people, with a record decoded by hand.
 *
 * Record number n of a segment lies in slot n % capacity. A linear segment stops when it is
 * full. A ring goes on, over its oldest records: a reader believes the newest capacity - 1,
 * for the slot after them may be half overwritten.
 *
 * Minor 1 added workers, record_picoseconds, lost_writers and lost_statuses, TRACE_RING, and
 * role. A file of minor 0 has zeros there; all its segments are workers'. */
#ifndef WEFT_TRACE_FORMAT_H
#define WEFT_TRACE_FORMAT_H

#include <stdatomic.h>
#include <stdint.h>

#define TRACE_MAGIC         "\x89WFT\r\n\x1a\n" /* 8 bytes; a text-mode copy damages it */
#define TRACE_ENDIAN_PROBE  0x01020304u
#define TRACE_MAJOR         1 /* another major: refuse the file */
#define TRACE_MINOR         1 /* a newer minor: skip what is unknown */
#define TRACE_HEADER_SIZE   4096u
#define TRACE_SEGMENT_MAGIC 0x31474553u /* 'SEG1' */
#define TRACE_SEGMENTS_MAX  256u
#define TRACE_IDLE_FIBERS   0xFFFF0000u /* ids from here on are workers' own contexts */

#define TRACE_CALIBRATION_NS                                                           \
	1000000u /* how long a clock is watched before the first record */

enum trace_clock { TRACE_CLOCK_MONOTONIC = 1, TRACE_CLOCK_CYCLES = 2 };

/* The flags of a segment. */
enum trace_flag { TRACE_RING = 1 };

/* Who writes a segment. */
enum trace_role { TRACE_WORKER = 0, TRACE_HELPER = 1, TRACE_FOREIGN = 2 };

struct trace_region {
	uint32_t offset; /* from the start of the file, a multiple of 64 */
	uint32_t length; /* bytes reserved */
};

struct trace_header {
	char magic[8];
	uint32_t endian_probe;
	uint16_t major, minor;
	uint32_t record_size;
	uint32_t segments; /* how many segment offsets follow at segment_offset */
	uint64_t ticks_per_second;
	uint32_t clock; /* enum trace_clock */
	uint32_t pid;
	uint64_t tick0; /* a tick, and what two clocks said at it */
	uint64_t monotonic_ns0;
	uint64_t realtime_ns0;
	struct trace_region schema, sites, strings;
	_Atomic uint64_t sites_head;   /* bytes of sites ever written */
	_Atomic uint64_t strings_head; /* bytes of strings ever written */
	_Atomic uint64_t
		lost_strings; /* strings and sites for which there was no room */
	uint32_t workers; /* segment i of the first so many is worker i's; 0: all are */
	uint32_t record_picoseconds; /* what writing a record costs; 0: not measured */
	_Atomic uint64_t lost_writers;  /* threads for which there was no segment */
	_Atomic uint64_t lost_statuses; /* STATUS records for which there was no room */
	char unused[512 - 136];
	uint64_t segment_offset[TRACE_SEGMENTS_MAX]; /* multiples of 64; 0 from
							`segments` on */
	char unused_end[TRACE_HEADER_SIZE - 512 - 8 * TRACE_SEGMENTS_MAX];
};

struct trace_site_entry {
	uint32_t file, function; /* strings */
	uint32_t line;
	uint32_t event;
};

/* 64 bytes. A worker's segment has its number as index. */
struct trace_segment_header {
	uint32_t magic;
	uint16_t index;
	uint16_t flags;           /* TRACE_RING: keeps the end; else the beginning */
	_Atomic uint64_t head;    /* records ever written */
	_Atomic uint64_t dropped; /* records for which there was no room */
	uint64_t capacity;        /* records */
	uint64_t os_thread;
	uint64_t clean_close;     /* 1 once the trace was closed; 0 tells a crash */
	_Atomic uint32_t claimed; /* 1 once a writer owns it */
	uint32_t role;            /* enum trace_role */
	uint64_t unused;
};

struct trace_record {
	uint64_t tick;
	uint8_t type; /* enum trace_event; 0: never written */
	uint8_t arg;
	uint16_t site; /* 1 + index of its trace_site_entry; 0: unknown */
	uint32_t fiber;
	uint32_t fiber_sequence;
	uint32_t peer;
	uint64_t value; /* high << 32 | low */
};

_Static_assert(sizeof(struct trace_header) == TRACE_HEADER_SIZE, "header");
_Static_assert(sizeof(struct trace_site_entry) == 16, "site");
_Static_assert(sizeof(struct trace_segment_header) == 64, "segment header");
_Static_assert(sizeof(struct trace_record) == 32, "record");

enum trace_event {
#define CHOICE(kind, name, number, text)
#define EVENT(number, name, module, arg, fiber, peer, high, low, sentence)             \
	TRACE_##name = (number),
#include "trace/events.def"
#undef EVENT
#undef CHOICE
};

/* TRACE_leave_YIELD and so on. */
enum trace_choice {
#define CHOICE(kind, name, number, text) TRACE_##kind##_##name = (number),
#define EVENT(number, name, module, arg, fiber, peer, high, low, sentence)
#include "trace/events.def"
#undef EVENT
#undef CHOICE
};

#endif
