/* boost_peer.h: what fiber_bench.c and scheduler/boost_side.cpp ask of Boost.Fiber. Each call does
 * what the function of the same row does with Weft, on the calling thread, and returns when all
 * is done. */
#ifndef BOOST_PEER_H
#define BOOST_PEER_H

#ifdef __cplusplus
extern "C" {
#endif

/* From here on fibers run on several threads. Before the first is spawned. */
void boost_share_stacks(void);

void boost_spawn_await(int fibers);
void boost_batch(int fibers);
void boost_yield(int fibers, int yields);
long boost_fork_join(int n);

/* Parks a chain of fibers, each in the join of the next; the last one calls deepest(). */
void boost_chain(int fibers, void (*deepest)(void));

#ifdef __cplusplus
}
#endif

#endif
