/*
 * What the program promised: a key ("theme TENANT") has a value from the moment on that its change
 * was acknowledged. Changes of one key follow one another; threads may share a ledger.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct disk;

#define LEDGER_NOTHING "-" /* the value of what is not there */
#define LEDGER_VALUE 72

struct promise {
    char *key;
    char value[LEDGER_VALUE];
    size_t begun, kept; /* positions on the disk; kept SIZE_MAX: not acknowledged */
};

struct ledger {
    struct disk *disk; /* NULL: nothing is recorded, all is at position 0 */
    pthread_mutex_t lock;
    struct promise *list;
    size_t n, cap;
};

void ledger_open(struct ledger *ledger, struct disk *disk);
void ledger_close(struct ledger *ledger);
/* Before the change. Returns what ledger_keep wants to know. */
size_t ledger_begin(struct ledger *ledger, const char *key, const char *value);
/* After it was acknowledged. */
void ledger_keep(struct ledger *ledger, size_t promise);
/* For a key whose name only the acknowledgement tells. */
void ledger_note(struct ledger *ledger, const char *key, const char *value);
/* For walking each key once: no later promise that was begun by `at` has the key of `index`. */
bool ledger_is_last(const struct ledger *ledger, size_t index, size_t at);
/* What the key of promise `index` may be when the power goes at `at`: what was acknowledged last,
 * or what was under way. True if value is one of these. *wanted: what was acknowledged. */
bool ledger_allows(const struct ledger *ledger, size_t index, size_t at, const char *value,
                   const char **wanted);
