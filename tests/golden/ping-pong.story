   0.0 us  main is created
   0.0 us  fiber 1 is named main
   0.5 us  worker 0 starts, running main
   4.5 us  main creates ping, which is to run play, with a stack of 64 KiB
   4.5 us  fiber 2 is named ping
   4.7 us  main creates pong, which is to run play, with a stack of 64 KiB
   4.7 us  fiber 3 is named pong
   4.9 us  main leaves for ping (start); 416 bytes of main's stack stay in use
  10.2 us  ping leaves for pong (yield); 192 bytes of ping's stack stay in use
  13.2 us  pong leaves for ping (yield); 192 bytes of pong's stack stay in use
  13.4 us  ping leaves for pong (yield); 192 bytes of ping's stack stay in use
  13.4 us  pong leaves for ping (yield); 192 bytes of pong's stack stay in use
  13.4 us  ping leaves for pong (yield); 192 bytes of ping's stack stay in use
  13.4 us  pong leaves for ping (yield); 192 bytes of pong's stack stay in use
  14.4 us  ping's function returns; at most 192 bytes of its stack were in use at a switch
  14.4 us  ping leaves for pong for good (finish)
  14.5 us  pong's function returns; at most 192 bytes of its stack were in use at a switch
  14.5 us  pong leaves for main for good (finish)
  14.6 us  worker 0 stops; it ran main last
In all: 9 switches on 1 worker in 14.6 us; 3 fibers created, 2 finished.
exit 0
