   0.000 ms  worker 0: main is created
   0.000 ms  worker 0: fiber 1 is named main
   0.000 ms  worker 0 starts, running main
   0.084 ms  worker 0: main creates early, with a stack of 60864 bytes; main makes early ready (shared); main leaves for early (yield)
   0.085 ms  worker 0: fiber 2 is named early
   2.122 ms  worker 1 starts, running idle 1
   2.125 ms  worker 1: idle 1 leaves for main (idle)
   2.129 ms  worker 1: main creates late, with a stack of 60736 bytes; main makes late ready (shared); main leaves for late (yield)
   2.129 ms  worker 1: fiber 1026 is named late
   2.129 ms  worker 1: late's function returns
   2.129 ms  worker 1: late leaves for main for good (finish); late's stack is free again
   2.130 ms  worker 1: main begins "await early"
   2.130 ms  worker 1: main awaits early, which has not finished
 100.089 ms  worker 0: early's function returns
 100.090 ms  worker 0: early makes main ready (direct); early leaves for main for good (finish); early's stack is free again; its end is told to main
In all: 5 switches on 2 workers in 100.090 ms; 3 fibers created, 2 finished.
The program did not close this trace: it was killed, it crashed, or it still runs.
exit 0
