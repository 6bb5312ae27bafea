   0.0 us  main is created
   0.0 us  fiber 1 is named main
   0.1 us  worker 0 starts, running main
   1.0 us  main creates first, with a stack of 64 KiB; main makes first ready (newest); main leaves for first (yield); 208 bytes of main's stack stay in use
   1.0 us  first waits for its turn in a queue, that of object 57; first leaves for main (park); 144 bytes of first's stack stay in use
   2.0 us  main creates second, with a stack of 64 KiB; main makes second ready (newest); main leaves for second (yield); 208 bytes of main's stack stay in use
   2.0 us  second waits for its turn in a queue, that of object 57; second leaves for main (park); 144 bytes of second's stack stay in use
   3.0 us  main wakes second; main makes second ready (local)
   3.0 us  main wakes first; main makes first ready (local)
   3.0 us  main awaits first, which has not finished; main leaves for second (park); 208 bytes of main's stack stay in use
   3.1 us  second's function returns
   3.1 us  second leaves for first for good (finish); second's stack is free again
   3.1 us  first's function returns
   3.2 us  first makes main ready (direct); first leaves for main for good (finish); first's stack is free again; its end is told to main
   3.2 us  worker 0 stops; it ran main last
In all: 7 switches on 1 worker in 3.2 us; 3 fibers created, 2 finished.
exit 0
