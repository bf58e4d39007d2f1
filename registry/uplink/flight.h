/*
 * One fetch at a time for one thing, and a memory of how the last one ended: fresh, missing or
 * failed, each until a moment. Thread-safe; bounded. Not for: the fetching itself.
 */
#pragma once

#include "core/text.h"

struct flights;

enum flight {
    FLIGHT_NONE,    /* nothing is known (any more) */
    FLIGHT_FRESH,   /* is here and good */
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
/* Ends the caller's fetch and wakes who waits. The outcome is known until until_ms. */
void flights_land(struct flights *flights, struct text key, enum flight outcome, int64_t until_ms);
/* Drops what is known; a fetch under way goes on. */
void flights_forget(struct flights *flights, struct text key);
