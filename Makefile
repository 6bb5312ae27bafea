# Weft. `make help` lists what a person types.
#
# Settings: CC, OPT, CFLAGS, BUILD (where everything goes), SANITIZE (flags), WERROR=1, and
# SANITIZE_LIBRARY (flags of the library alone, in place of SANITIZE). Of install: PREFIX, DESTDIR.
# NO_INSTALL=1 never installs a missing tool; YES=1 installs it with sudo.

BUILD    ?= build
OPT      ?= -O2
CHAPTERS := $(patsubst chapters/0%,%,$(filter-out chapters/00-%,$(wildcard chapters/0*)))
NUMBERS  := $(foreach c,$(CHAPTERS),$(firstword $(subst -, ,$(c))))
MODULES  := $(notdir $(patsubst %/,%,$(dir $(wildcard tests/*/test_*.c))))
MODULES  := $(sort $(MODULES))

STANDARD   := -std=c17 -D_GNU_SOURCE -DWEFT_TRACING $(if $(EMULATED),-DEMULATED)
WARNINGS   := -Wall -Wextra -Wconversion -Wpedantic $(if $(WERROR),-Werror)
INSTRUMENT  = $(SANITIZE)
CFLAGS_ALL  = $(STANDARD) $(OPT) -g $(WARNINGS) -Isrc -I. $(INSTRUMENT) $(CFLAGS)
LIBRARIES  := -lpthread

export CC CFLAGS_ALL BUILD BENCH

LIBRARY_SOURCES := $(wildcard src/*/*.c src/*/*.S) trace/trace.c
TOOL_SOURCES    := $(filter-out trace/trace.c trace/main.c,$(wildcard trace/*.c))
objects          = $(patsubst %,$(BUILD)/obj/%.o,$(1))

.PHONY: all help test criterion test-programs asan tsan valgrind explore stress bench check \
        book-record book-sync golden fuzz fuzzers fuzz-replays install uninstall clean compiler
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BUILD)/libweft.a $(BUILD)/weft-trace

help:
	@echo 'make                     the library and weft-trace, in $(BUILD)/'
	@echo 'make chapter-N           run a chapter: trace, check, pictures ($(BUILD)/chapter-N/)'
	@echo 'make chapter-1 ROUNDS=5  with its knobs; the run prints them'
	@echo 'make chapter-N BROKEN=x  break it on purpose and see the bug caught'
	@echo 'make work-N.k            start exercise N.k in work/N.k/'
	@echo 'make check-N.k           grade it'
	@echo 'make test                all tests'
	@echo 'make asan                the tests and the stress under ASan and UBSan (build/asan/)'
	@echo 'make tsan                under TSan, twice (build/tsan/, build/tsan-no-sync/)'
	@echo 'make valgrind            under valgrind (build/valgrind/)'
	@echo 'make stress              10^8 switches and 10^7 migrations, of random trees and of crowds;'
	@echo '                         10^7 random waits'
	@echo 'make fuzz                invent traces, texts and rules, and see no tool stumble'
	@echo 'make explore             try all interleavings of the scheduler; a table, and seeded bugs'
	@echo 'make bench               measure, beside peers and limits ($(BUILD)/bench/);'
	@echo '                         BENCH="context fiber" measures those only'
	@echo 'make check               layers, atomics, formatting, prose and other house rules'
	@echo 'make golden              rewrite the golden traces of the tests'
	@echo 'make book-record         run demos and benches for the book (chapters/*/recorded/);'
	@echo '                         CHAPTER=N: of that chapter only'
	@echo 'make book-sync           rewrite listings, numbers and figures from them'
	@echo 'make install             the library, header, tool and gdb commands to PREFIX ($(PREFIX))'
	@echo 'make uninstall           remove them'
	@echo 'make clean               remove $(BUILD)/'

# ---- building ----

# A machine with make and nothing else gets its compiler here.
compiler:
	@sh chapters/tools/need.sh compiler

$(BUILD)/obj/%.c.o: %.c | compiler
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(BUILD)/obj/%.S.o: %.S | compiler
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

SANITIZE_LIBRARY ?= $(SANITIZE)
$(call objects,$(LIBRARY_SOURCES) tests/scheduler/test_fair.c tests/waitqueue/test_peek.c): INSTRUMENT = $(SANITIZE_LIBRARY)

$(BUILD)/libweft.a: $(call objects,$(LIBRARY_SOURCES))
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/weft-trace: $(call objects,trace/main.c $(TOOL_SOURCES)) $(BUILD)/libweft.a
	$(CC) $(CFLAGS_ALL) $^ $(LIBRARIES) -o $@

$(BUILD)/run: $(call objects,chapters/tools/run.c)
	$(CC) $(CFLAGS_ALL) $^ -o $@

# ---- chapters ----

# $(1) is the chapter's number, $(2) its folder.
define chapter
.PHONY: chapter-$(1)
$(BUILD)/chapter-$(1)/demo: $(call objects,$(2)/demo.c) $(BUILD)/libweft.a
	@mkdir -p $$(@D)
	$(CC) $$(CFLAGS_ALL) $$^ $(LIBRARIES) -o $$@
chapter-$(1): $(BUILD)/chapter-$(1)/demo $(BUILD)/weft-trace $(BUILD)/run
ifdef BROKEN
	@sh chapters/tools/broken.sh $(1) '$(BROKEN)'
else
	@sh chapters/tools/need.sh --optional graphviz matplotlib
	@sh chapters/tools/chapter.sh $(1)
endif
endef
$(foreach c,$(CHAPTERS),$(eval $(call chapter,$(firstword $(subst -, ,$(c))),chapters/0$(c))))

.PHONY: work-% check-%
work-%:
	@sh chapters/tools/exercise.sh work $*

check-%: $(BUILD)/libweft.a $(BUILD)/weft-trace $(BUILD)/run
	@sh chapters/tools/exercise.sh check $*

# ---- tests ----

test:
	@sh chapters/tools/need.sh compiler criterion graphviz matplotlib patch
	@$(MAKE) --no-print-directory test-programs
	@sh tests/run.sh

# What tests/run.sh runs, built at once so that -j helps.
test-programs: all $(BUILD)/run criterion $(NUMBERS:%=$(BUILD)/chapter-%/demo)

criterion: $(MODULES:%=$(BUILD)/tests/%)

# TSan and Criterion need a hand to live in one address space, and Criterion another to start
# its processes in an emulator (EMULATED=1); elsewhere neither is linked.
CRITERION_HELP := $(if $(findstring thread,$(SANITIZE)),tests/criterion_tsan.c) \
        $(if $(EMULATED),tests/platforms/execve_in_qemu.c)

# Functions that a module's tests have a version of their own of, and sources beside test_*.c.
WRAPS_scheduler := pthread_create
WRAPS_waitqueue := read write poll close clock_gettime pthread_create pthread_cond_timedwait
WRAPS_faults    := $(shell sed -n 's/^wrap //p' tests/faults/calls.txt)
ALSO_faults     := tests/faults/inject.c tests/faults/scenarios.c

define module
$(BUILD)/tests/$(1): $(call objects,$(wildcard tests/$(1)/test_*.c tests/$(1)/*.S) $(ALSO_$(1)) $(CRITERION_HELP) \
        $(if $(filter trace,$(1)),$(TOOL_SOURCES))) $(BUILD)/libweft.a
	@mkdir -p $$(@D)
	$(CC) $$(CFLAGS_ALL) $$^ $(WRAPS_$(1):%=-Wl,--wrap=%) -lcriterion $(LIBRARIES) -lm -o $$@
endef
$(foreach m,$(MODULES),$(eval $(call module,$(m))))

# Programs that are run under sanitizers, beside the modules' tests.
$(BUILD)/stress/stress $(BUILD)/stress/waits $(BUILD)/fiber/sanitized: $(BUILD)/%: $(BUILD)/obj/tests/%.c.o $(BUILD)/libweft.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $^ $(LIBRARIES) -o $@

# clang's sanitizers, unless CC says otherwise.
asan tsan:
	@CC='$(CC_CHOSEN)' sh chapters/tools/need.sh --optional criterion $(if $(CC_CHOSEN),compiler,clang)
	@CC='$(CC_CHOSEN)' MAKE='$(MAKE)' sh tests/instrumented.sh $@

valgrind:
	@sh chapters/tools/need.sh --optional compiler criterion valgrind
	@CC='$(CC)' MAKE='$(MAKE)' sh tests/instrumented.sh $@

stress: $(BUILD)/stress/stress $(BUILD)/stress/waits
	@PROGRAM='$<' sh tests/stress/stress.sh all
	@PROGRAM='$(BUILD)/stress/waits' sh tests/stress/waits.sh all

CC_CHOSEN := $(if $(filter command environment,$(firstword $(origin CC))),$(CC))

golden: all $(BUILD)/run
	@sh tests/golden/golden.sh write

# ---- fuzzing ----

# A harness is tests/fuzz/fuzz_NAME.c. fuzz.sh builds them in folders of their own, each with its
# compiler and flags: with libFuzzer to look for something new, with replay.c for the corpus.
FUZZERS      := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SOURCES := tests/fuzz/memory.c tests/fuzz/use.c tests/fuzz/exports.c $(TOOL_SOURCES)
FUZZ_WRAPS   := $(addprefix system_,open create remove file_size reserve truncate close read_at \
                map_shared map_private map_anonymous unmap give_back) \
                $(addprefix output_,open write print finish)
FUZZ_LINK     = $(CC) $(CFLAGS_ALL) $^ $(LIBRARIES) $(FUZZ_WRAPS:%=-Wl,--wrap=%) -o $@

$(BUILD)/fuzz-%: $(BUILD)/obj/tests/fuzz/fuzz_%.c.o $(call objects,$(FUZZ_SOURCES)) $(BUILD)/libweft.a
	$(FUZZ_LINK) -fsanitize=fuzzer

$(BUILD)/replay-%: $(BUILD)/obj/tests/fuzz/fuzz_%.c.o \
        $(call objects,tests/fuzz/replay.c $(FUZZ_SOURCES)) $(BUILD)/libweft.a
	$(FUZZ_LINK)

fuzzers: $(FUZZERS:%=$(BUILD)/fuzz-%)

fuzz-replays: $(FUZZERS:%=$(BUILD)/replay-%)

fuzz:
	@sh chapters/tools/need.sh compiler clang
	@sh tests/fuzz/fuzz.sh run

# ---- all interleavings ----

explore:
	@CC='$(CC)' sh tests/explore/explore.sh run

# ---- measuring ----

# The tools of the peers: Go and Rust are large, and one benchmark's only.
bench: all
	@sh chapters/tools/need.sh --optional boost lttng strace matplotlib \
		$(if $(filter scheduler,$(or $(BENCH),scheduler)),go tokio) \
		$(if $(filter waitqueue,$(or $(BENCH),waitqueue)),statethreads)
	@sh tests/bench/bench.sh

# ---- the house rules and the book ----

check: all
	@sh chapters/tools/need.sh --optional python clang-format
	@sh tests/check/all.sh

# Of all chapters, or of CHAPTER=N.
RECORDED := $(if $(CHAPTER),$(filter $(CHAPTER)-%,$(CHAPTERS)),$(CHAPTERS))

book-record: all $(BUILD)/run $(NUMBERS:%=$(BUILD)/chapter-%/demo)
	@sh chapters/tools/need.sh graphviz matplotlib
	@$(MAKE) --no-print-directory bench \
		BENCH='$(foreach c,$(RECORDED),$(lastword $(subst -, ,$(c))))'
	@sh chapters/tools/record.sh $(CHAPTER)

book-sync: all
	@sh chapters/tools/need.sh graphviz matplotlib
	@sh chapters/tools/python.sh chapters/tools/book.py sync

# ---- installing ----

# DESTDIR is put before every path, for packages; it does not get into weft.pc.
VERSION    := 0.1
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR    ?= $(PREFIX)/share/weft
INSTALL    ?= install

# What a program needs that is linked with libweft.a.
define weft_pc
includedir=$(INCLUDEDIR)
libdir=$(LIBDIR)

Name: weft
Description: A fiber runtime in C
Version: $(VERSION)
Cflags: -I"$${includedir}"
Libs: -L"$${libdir}" -lweft $(LIBRARIES)
endef
export weft_pc

install: all
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(LIBDIR)/pkgconfig' \
		'$(DESTDIR)$(INCLUDEDIR)' '$(DESTDIR)$(DATADIR)'
	$(INSTALL) -m 755 $(BUILD)/weft-trace '$(DESTDIR)$(BINDIR)'
	$(INSTALL) -m 644 $(BUILD)/libweft.a '$(DESTDIR)$(LIBDIR)'
	$(INSTALL) -m 644 src/weft.h '$(DESTDIR)$(INCLUDEDIR)'
	$(INSTALL) -m 644 src/weft-gdb.py '$(DESTDIR)$(DATADIR)'
	printf '%s\n' "$$weft_pc" >$(BUILD)/weft.pc
	$(INSTALL) -m 644 $(BUILD)/weft.pc '$(DESTDIR)$(LIBDIR)/pkgconfig'

# The folders stay, but for the one that is ours alone.
uninstall:
	rm -f '$(DESTDIR)$(BINDIR)/weft-trace' '$(DESTDIR)$(LIBDIR)/libweft.a' \
		'$(DESTDIR)$(INCLUDEDIR)/weft.h' '$(DESTDIR)$(LIBDIR)/pkgconfig/weft.pc' \
		'$(DESTDIR)$(DATADIR)/weft-gdb.py'
	-test ! -d '$(DESTDIR)$(DATADIR)' || rmdir '$(DESTDIR)$(DATADIR)'

clean:
	rm -rf $(BUILD)

-include $(shell test -d $(BUILD)/obj && find $(BUILD)/obj -name '*.d')
