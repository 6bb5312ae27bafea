   0.0 us  worker 0: main is created
   0.0 us  worker 0: fiber 1 is named main
   0.1 us  worker 0 starts, running main
   0.2 us  worker 1 starts, running idle 1
   1.0 us  worker 0: main creates reader, with a stack of 64 KiB; main makes reader ready (newest)
   1.1 us  worker 0: main creates sleeper, with a stack of 64 KiB; main makes sleeper ready (newest)
   1.2 us  worker 0: main creates caller, with a stack of 64 KiB; main makes caller ready (newest)
   1.3 us  worker 1 steals reader from worker 0 (newest); idle 1 leaves for reader (idle); 100 bytes of idle 1's stack stay in use
   1.4 us  worker 1: reader has the kernel watch descriptor 5 for reading and writing
   1.4 us  worker 1: reader waits until descriptor 5 is readable; reader sets a timer for 4.9 ms from now; reader leaves for idle 1 (park); 240 bytes of reader's stack stay in use
   1.5 us  worker 0: main awaits reader, which has not finished; main leaves for caller (park); 208 bytes of main's stack stay in use
   1.5 us  worker 0: caller waits for an offloaded call; caller leaves for sleeper (park); 144 bytes of caller's stack stay in use
   1.5 us  worker 0: sleeper sets a timer for 6.4 us from now; sleeper leaves for idle 0 (park); 144 bytes of sleeper's stack stay in use
   1.7 us  helper 2 begins a call for caller
   1.8 us  worker 1 goes to sleep in the poller
   2.0 us  worker 0 goes to sleep
   3.0 us  worker 1 has 1 event from the kernel; worker 1 goes on: an event or deadline came
   3.0 us  worker 1: the kernel tells that descriptor 5 is readable; idle 1 wakes reader; idle 1 makes reader ready (local); idle 1 leaves for reader (idle); 100 bytes of idle 1's stack stay in use
   3.1 us  worker 1: reader finds that descriptor 5 is not readable after all, and is first in line again; reader leaves for idle 1 (park); 240 bytes of reader's stack stay in use
   4.0 us  helper 2 has made a call for caller; caller becomes ready (injected)
   4.1 us  worker 1 takes caller out of the injection queue; idle 1 leaves for caller (idle); 100 bytes of idle 1's stack stay in use
   4.1 us  worker 1: caller asks reader to end early; caller makes reader ready (local)
   4.1 us  worker 1: caller's function returns
   4.2 us  worker 1: caller leaves for reader for good (finish); caller's stack is free again
   4.2 us  worker 1: reader drops its timer
   4.2 us  worker 1: reader is told that it is to end early
   4.3 us  worker 1: reader closes descriptor 5
   4.3 us  worker 1: reader's function returns; at most 240 bytes of its stack were in use at a switch
   4.3 us  worker 1: reader leaves for idle 1 for good (finish); reader's stack is free again; its end is told to main
   4.3 us  worker 1: idle 1 makes main ready (remote); idle 1 wakes worker 0: the pinned fiber is ready
   4.5 us  worker 0 goes on: the pinned fiber is ready
   4.5 us  worker 0: idle 0 leaves for main (idle); 100 bytes of idle 0's stack stay in use
   4.5 us  worker 0: main awaits sleeper, which has not finished; main leaves for idle 0 (park); 208 bytes of main's stack stay in use
   8.1 us  worker 0: sleeper's deadline has come; idle 0 makes sleeper ready (local); idle 0 leaves for sleeper (idle); 100 bytes of idle 0's stack stay in use
   8.1 us  worker 0: sleeper's function returns
   8.1 us  worker 0: sleeper makes main ready (direct); sleeper leaves for main for good (finish); sleeper's stack is free again; its end is told to main
   8.3 us  worker 0 stops; it ran main last
   8.4 us  worker 1 stops; it ran idle 1 last
In all: 14 switches on 2 workers in 8.4 us; 4 fibers created, 3 finished.
exit 0
