/*
 * The breaker of one uplink: closed while it answers; open, after several failures in a row, for a
 * while that grows and is never the same twice; then half-open for one request that decides.
 * Thread-safe. Not for: what a failure is (send.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct breaker;
struct err;

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
const char *breaker_state_name(enum breaker_state state); /* "closed", "open", "half-open" */

/* name: of the uplink, for sentences and the log. */
struct breaker *breaker_new(const char *name);
void breaker_free(struct breaker *breaker); /* NULL is fine */

/* May a request go out at now_ms (monotonic)? Who may must leave. ERR_UNAVAILABLE "uplink_resting",
 * which clients hear: without the cause, which may name addresses. */
int breaker_enter(struct breaker *breaker, int64_t now_ms, struct err *err);
/* cause: why it did not go well, a sentence; NULL: it did. rest_ms: the uplink asked to be left
 * alone for so long; 0: it did not. */
void breaker_leave(struct breaker *breaker, const char *cause, int64_t rest_ms, int64_t now_ms);
/* Left without an outcome: the request was cancelled. */
void breaker_cancel(struct breaker *breaker);

struct breaker_view {
    enum breaker_state state;
    int64_t since_ms;   /* wall clock; 0: always */
    int64_t next_in_ms; /* until the next try; 0: now */
    int64_t requests, failures;
    int64_t failed_ms; /* wall clock of the last failure; 0: none */
    char cause[240];   /* of the last failure; empty: none */
};
void breaker_look(struct breaker *breaker, int64_t now_ms, struct breaker_view *out);

/* How long to wait before try number n (from 1): doubles from 200 ms to at most 5 s, minus up to a
 * half by chance. */
int64_t breaker_backoff_ms(unsigned n);
