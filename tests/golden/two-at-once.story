   0.0 us  worker 0: main is created
   0.1 us  worker 0: fiber 1 is named main
   0.2 us  worker 0 starts, running main
   0.3 us  worker 0: main creates mover, which is to run work, with a stack of 64 KiB
   0.4 us  worker 0: fiber 2 is named mover
   0.6 us  worker 1 starts, running idle
   0.7 us  worker 0: main leaves for mover (yield); 400 bytes of main's stack stay in use
   0.9 us  worker 1: idle leaves for mover (idle); 100 bytes of idle's stack stay in use
   1.5 us  worker 1: mover notes "on the other worker" 1
   1.6 us  worker 1: mover's function returns; at most 200 bytes of its stack were in use at a switch
   1.7 us  worker 1: mover leaves for idle for good (finish)
   1.8 us  worker 1 stops; it ran idle last
   1.9 us  worker 0 stops; it ran main last
In all: 3 switches on 2 workers in 1.9 us; 2 fibers created, 1 finished.
exit 0
