"""Pictures of a trace.

reader   the file, checked and decoded by the schema inside it
merge    the records of all workers in one order
model    fibers, runs, switches and states, from that order
svg      what all pictures share: colours for dark and light, text, accessible names
switches states rendezvous stacks lanes    the pictures
source page              the page that stands alone
__main__ the command

A picture depends on the trace and nothing else: the same trace gives the same bytes.
"""
