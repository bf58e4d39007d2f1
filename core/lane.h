/*
 * A lane: a bounded queue with worker threads of its own, so that slow work of one kind cannot hold
 * up another. Those of requests are listed at enum route_lane.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct lane;

struct lane *lane_new(const char *name, unsigned threads, size_t max_waiting);
/* For long work: its threads let the process's others go first (nice 10; others' processes lose
 * nothing where the system shares the processor by session or cgroup). */
struct lane *lane_new_patient(const char *name, unsigned threads, size_t max_waiting);
/* False when full: answer 503 with Retry-After. fn(arg) runs once on a worker. Any thread. */
bool lane_post(struct lane *lane, void (*fn)(void *), void *arg);
size_t lane_waiting(struct lane *lane);
/* Takes no more, runs what waits, joins, frees. */
void lane_stop(struct lane *lane);
