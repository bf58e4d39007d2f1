/*
 * One fetch at a time for one thing, and a memory of how the last one ended: fresh, then stale,
 * missing or failed, each until a moment; and of what was used since it was last asked.
 * Thread-safe; bounded. Not for: the fetching itself.
 */
#pragma once

#include "core/text.h"

struct flights;

enum flight {
    FLIGHT_NONE,    /* nothing is known (any more) */
    FLIGHT_FRESH,   /* is here and good */
    FLIGHT_STALE,   /* is here and good enough while it is fetched anew */
    FLIGHT_MISSING, /* is not there */
    FLIGHT_DOWN,    /* could not be had a moment ago */
    FLIGHT_YOURS,   /* the caller fetches and must land */
};

struct flights *flights_new(void);
void flights_free(struct flights *flights);
/* What is known at now_ms (monotonic); never FLIGHT_YOURS. */
enum flight flights_look(struct flights *flights, struct text key, int64_t now_ms);
/* What is known, after waiting for a fetch under way (*waited is then set); FLIGHT_YOURS when
 * nothing is. FLIGHT_NONE after wait_ms in vain. */
enum flight flights_board(struct flights *flights, struct text key, int64_t wait_ms, bool *waited);
/* For what is stale: true, and the caller fetches and must land, unless somebody does already. */
bool flights_take(struct flights *flights, struct text key);
/* Ends the caller's fetch and wakes who waits. The outcome is known until until_ms; what is fresh
 * is stale from then on for stale_ms. */
void flights_land(struct flights *flights, struct text key, enum flight outcome, int64_t until_ms,
                  int64_t stale_ms);
/* Drops what is known; what a fetch under way brings is not known afterwards either. */
void flights_forget(struct flights *flights, struct text key);
void flights_forget_all(struct flights *flights);
/* Notes that the thing was used; flights_look and flights_board do so by themselves when it is
 * here.
 */
void flights_use(struct flights *flights, struct text key);
/* Gives each that was used since the last time to fn, which may not come back here. */
void flights_used(struct flights *flights, void (*fn)(void *arg, struct text key), void *arg);
