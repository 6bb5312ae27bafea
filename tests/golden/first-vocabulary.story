   0.0 us  main is created
   0.0 us  fiber 1 is named main
   0.5 us  worker 0 starts, running main
   6.6 us  main creates ping, which is to run play, with a stack of 64 KiB
   6.6 us  fiber 2 is named ping
   6.6 us  main creates pong, which is to run play, with a stack of 64 KiB
   6.6 us  fiber 3 is named pong
   6.9 us  main leaves for ping (start); 416 bytes of main's stack stay in use
  14.2 us  ping and pong alternate 18 times, until 18.8 us
  21.2 us  ping's function returns; at most 384 bytes of its stack were in use at a switch
  21.2 us  ping leaves for pong for good (finish)
  21.3 us  pong's function returns; at most 384 bytes of its stack were in use at a switch
  21.3 us  pong leaves for main for good (finish)
  21.4 us  worker 0 stops; it ran main last
In all: 21 switches on 1 worker in 21.4 us; 3 fibers created, 2 finished.
exit 0
