"""Pictures of a trace.

reader   the file, checked and decoded by the schema inside it
merge    the records of all workers in one order
model    fibers, runs, switches and states, from that order
waiting  who waits in which queue, and what the kernel said; a part of the model
svg      what all pictures share: colours for dark and light, text, accessible names
bars     stays narrower than a pixel: what becomes of them, with numpy
paints   the colours of fibers, states and queues
queues   where ready fibers wait for a worker, and how long
lanes strips arrows     what workers and fibers share; scheduling is what workers adds
switches states rendezvous stacks workers fibers latency sleepers waits waiters timers tickets
         the pictures
source page              the page that stands alone
__main__ the command

A picture depends on the trace and nothing else: the same trace gives the same bytes.

A record is decoded, merged and told to the model by plain Python, about 6 us for each: a million
records are some seconds, and a small trace needs neither numpy nor matplotlib for switches, states
and rendezvous. Reading with numpy would save less than a tenth of that. What is drawn of a million
stays is counted with numpy, which matplotlib needs anyway.
"""
