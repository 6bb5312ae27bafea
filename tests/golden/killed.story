   0.0 us  worker 0: main is created
   0.1 us  worker 0: fiber 1 is named main
   0.2 us  worker 0 starts, running main
   0.3 us  worker 0: main creates mover, which is to run work, with a stack of 64 KiB
   0.4 us  worker 0: fiber 2 is named mover
   0.6 us  worker 1 starts, running idle
   0.7 us  worker 0: main leaves for mover (yield); 400 bytes of main's stack stay in use
   1.0 us  worker 0: mover leaves for main (yield); 200 bytes of mover's stack stay in use
   1.0 us  worker 1: idle leaves for mover (idle); 100 bytes of idle's stack stay in use
In all: 3 switches on 2 workers in 1.0 us; 2 fibers created, 0 finished.
The program did not close this trace: it was killed, it crashed, or it still runs.
exit 0
