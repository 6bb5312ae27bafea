   0.000 ms  worker 0: main is created
   0.000 ms  worker 0: fiber 1 is named main
   0.000 ms  worker 0 starts, running main
   0.113 ms  worker 1 starts, running idle 1
  20.729 ms  worker 0: main creates slow, with a stack of 60864 bytes; main makes slow ready (shared)
  20.768 ms  worker 1: idle 1 leaves for slow (idle)
  20.768 ms  worker 1: fiber 2 is named slow
  20.769 ms  worker 1: slow begins "count"
  25.837 ms  worker 0: main creates turns 3, with a stack of 60736 bytes; main makes turns 3 ready (shared)
  25.847 ms  worker 0: main creates turns 4, with a stack of 60608 bytes; main makes turns 4 ready (shared)
  25.851 ms  worker 0: main creates quick, with a stack of 60480 bytes; main makes quick ready (shared)
  25.851 ms  worker 0: main awaits quick, which has not finished; main leaves for quick (park)
  25.852 ms  worker 0: fiber 5 is named quick
  25.852 ms  worker 0: quick's function returns
  25.852 ms  worker 0: quick makes main ready (direct); quick leaves for main for good (finish); quick's stack is free again; its end is told to main
  25.852 ms  worker 0: main awaits turns 4, which has not finished; main leaves for turns 4 (park)
  25.852 ms  worker 0: fiber 4 is named turns 4
  25.853 ms  worker 0: turns 4 leaves for turns 3 (yield); 192 bytes of turns 4's stack stay in use
  25.853 ms  worker 0: fiber 3 is named turns 3
  25.853 ms  worker 0: turns 3 and turns 4 alternate 15 times, until 25.853 ms
  25.853 ms  worker 0: turns 4's function returns; at most 192 bytes of its stack were in use at a switch
  25.853 ms  worker 0: turns 4 makes main ready (direct); turns 4 leaves for main for good (finish); turns 4's stack is free again; its end is told to main
  25.853 ms  worker 0: main awaits slow, which has not finished; main leaves for turns 3 (park)
  25.854 ms  worker 0: turns 3's function returns; at most 192 bytes of its stack were in use at a switch
  25.854 ms  worker 0: turns 3 leaves for idle 0 for good (finish); turns 3's stack is free again
  40.852 ms  worker 1: slow notes "half way" 1
  41.926 ms  worker 1: slow ends "count"
  41.926 ms  worker 1: slow's function returns
  41.927 ms  worker 1: slow leaves for idle 1 for good (finish); slow's stack is free again
  41.928 ms  worker 1: idle 1 makes main ready (shared)
  41.966 ms  worker 0: idle 0 leaves for main (idle); 128 bytes of idle 0's stack stay in use
  41.966 ms  worker 0: main awaits turns 3, which has finished
  41.966 ms  worker 0: main creates walker, with a stack of 60736 bytes; main makes walker ready (shared)
  41.986 ms  worker 1: idle 1 leaves for walker (idle)
  41.986 ms  worker 1: fiber 6 is named walker
  41.986 ms  worker 1: walker begins "from one worker to another"
  41.986 ms  worker 1: walker creates child, with a stack of 60864 bytes; walker makes child ready (shared)
  48.709 ms  worker 0: main awaits walker, which has not finished; main leaves for child (park)
  48.711 ms  worker 0: fiber 1026 is named child
  52.075 ms  worker 1: walker awaits child, which has not finished; walker leaves for idle 1 (park); 224 bytes of walker's stack stay in use
  78.820 ms  worker 0: child's function returns
  78.820 ms  worker 0: child makes walker ready (direct); child leaves for walker for good (finish); child's stack is free again; its end is told to walker
  78.822 ms  worker 0: walker ends "from one worker to another"
  78.822 ms  worker 0: walker's function returns; at most 224 bytes of its stack were in use at a switch
  78.823 ms  worker 0: walker makes main ready (direct); walker leaves for main for good (finish); walker's stack is free again; its end is told to main
  78.841 ms  worker 1 stops; it ran idle 1 last
  78.891 ms  worker 0 stops; it ran main last
In all: 30 switches on 2 workers in 78.891 ms; 7 fibers created, 6 finished.
exit 0
