   0.0 us  worker 0: main is created
   0.0 us  worker 0: fiber 1 is named main
   0.1 us  worker 0 starts, running main
   0.2 us  worker 1 starts, running idle 1
   0.3 us  worker 1 looks into every queue 4 times and finds nothing
   0.3 us  worker 1 goes to sleep in the poller
   1.0 us  worker 0: main creates ping, with a stack of 64 KiB; main makes ping ready (newest); main wakes worker 1: something is ready
   1.1 us  worker 0: main creates pong, with a stack of 64 KiB; main makes pong ready (newest)
   1.2 us  worker 0: main creates echo, with a stack of 64 KiB; main makes echo ready (newest)
   1.2 us  worker 1 goes on: something is ready
   1.3 us  worker 1 steals ping from worker 0 (newest); idle 1 leaves for ping (idle); 100 bytes of idle 1's stack stay in use
   1.4 us  worker 0: main awaits ping, which has not finished; main leaves for echo (park); 208 bytes of main's stack stay in use
   1.5 us  worker 0: echo leaves for pong (yield); 112 bytes of echo's stack stay in use
   1.6 us  worker 0: pong leaves for echo (yield); 112 bytes of pong's stack stay in use
   1.6 us  worker 0: echo creates late, with a stack of 64 KiB; echo makes late ready (newest); echo leaves for late (yield); 112 bytes of echo's stack stay in use
   1.7 us  worker 1: ping's function returns; at most 96 bytes of its stack were in use at a switch
   1.8 us  worker 1: ping leaves for idle 1 for good (finish); ping's stack is free again; its end is told to main
   1.8 us  worker 1: idle 1 makes main ready (remote)
   1.9 us  worker 1 steals pong from worker 0 (local), in a batch of 2; and echo
   1.9 us  worker 1: idle 1 leaves for pong (idle); 100 bytes of idle 1's stack stay in use
   1.9 us  worker 0: late's function returns
   2.0 us  worker 0: late leaves for main for good (finish); late's stack is free again
   2.0 us  worker 0: main awaits echo, which has not finished; main leaves for idle 0 (park); 208 bytes of main's stack stay in use
   2.0 us  worker 0 looks into every queue 2 times and finds nothing
   2.1 us  worker 0 goes to sleep in the poller
   2.2 us  worker 1: pong's function returns; at most 112 bytes of its stack were in use at a switch
   2.2 us  worker 1: pong leaves for echo for good (finish); pong's stack is free again
   2.3 us  worker 1: echo's function returns; at most 112 bytes of its stack were in use at a switch
   2.3 us  worker 1: echo leaves for idle 1 for good (finish); echo's stack is free again; its end is told to main
   2.3 us  worker 1: idle 1 makes main ready (remote); idle 1 wakes worker 0: the pinned fiber is ready
   2.4 us  worker 1 looks into every queue 4 times and finds nothing
   2.4 us  worker 1 goes to sleep
   2.5 us  worker 0 goes on: the pinned fiber is ready
   2.5 us  worker 0: idle 0 leaves for main (idle); 100 bytes of idle 0's stack stay in use
   2.6 us  worker 0: main wakes worker 1: the runtime ends
   2.6 us  worker 1 goes on: the runtime ends
   2.7 us  worker 1 stops; it ran idle 1 last
   2.8 us  worker 0 stops; it ran main last
In all: 12 switches on 2 workers in 2.8 us; 5 fibers created, 4 finished.
exit 0
