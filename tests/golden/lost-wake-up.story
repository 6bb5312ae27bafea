   0.0 us  worker 0: main is created
   0.0 us  worker 0: fiber 1 is named main
   0.1 us  worker 0 starts, running main
   0.2 us  worker 1 starts, running idle 1
   1.0 us  worker 0: main creates work, with a stack of 64 KiB; main makes work ready (newest)
   1.2 us  worker 1 steals work from worker 0 (newest); idle 1 leaves for work (idle); 100 bytes of idle 1's stack stay in use
   1.4 us  worker 0: main awaits work, which has not finished; main leaves for idle 0 (park); 208 bytes of main's stack stay in use
   1.4 us  worker 0 looks into every queue 2 times and finds nothing
   1.4 us  worker 1: work's function returns; at most 96 bytes of its stack were in use at a switch
   1.5 us  worker 1: work leaves for idle 1 for good (finish); work's stack is free again; its end is told to main
   1.5 us  worker 1: idle 1 makes main ready (remote)
   1.5 us  worker 0 goes to sleep in the poller
   1.6 us  worker 1 looks into every queue 2 times and finds nothing
   1.6 us  worker 1 goes to sleep
In all: 3 switches on 2 workers in 1.6 us; 2 fibers created, 1 finished.
The program did not close this trace: it was killed, it crashed, or it still runs.
exit 0
