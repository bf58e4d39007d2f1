#include "tests/unit/power/ledger.h"

#include "tests/unit/power/disk.h"

#include "core/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ledger_open(struct ledger *ledger, struct disk *disk)
{
    *ledger = (struct ledger){.disk = disk};
    pthread_mutex_init(&ledger->lock, NULL);
}

void ledger_close(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->n; i++)
        free(ledger->list[i].key);
    free(ledger->list);
    pthread_mutex_destroy(&ledger->lock);
}

static size_t now(const struct ledger *ledger)
{
    return ledger->disk != NULL ? disk_position(ledger->disk) : 0;
}

size_t ledger_begin(struct ledger *ledger, const char *key, const char *value)
{
    size_t begun = now(ledger);

    pthread_mutex_lock(&ledger->lock);
    if (ledger->n == ledger->cap) {
        ledger->cap = ledger->cap > 0 ? ledger->cap * 2 : 256;
        ledger->list = xrealloc(ledger->list, ledger->cap * sizeof(*ledger->list));
    }
    struct promise *p = &ledger->list[ledger->n];
    *p = (struct promise){.key = xstrdup(key), .begun = begun, .kept = SIZE_MAX};
    snprintf(p->value, sizeof(p->value), "%s", value);
    size_t index = ledger->n++;
    pthread_mutex_unlock(&ledger->lock);
    return index;
}

void ledger_keep(struct ledger *ledger, size_t promise)
{
    size_t kept = now(ledger);

    pthread_mutex_lock(&ledger->lock);
    ledger->list[promise].kept = kept;
    pthread_mutex_unlock(&ledger->lock);
}

void ledger_note(struct ledger *ledger, const char *key, const char *value)
{
    ledger_keep(ledger, ledger_begin(ledger, key, value));
}

bool ledger_is_last(const struct ledger *ledger, size_t index, size_t at)
{
    for (size_t i = index + 1; i < ledger->n; i++)
        if (ledger->list[i].begun <= at &&
            strcmp(ledger->list[i].key, ledger->list[index].key) == 0)
            return false;
    return true;
}

bool ledger_allows(const struct ledger *ledger, size_t index, size_t at, const char *value,
                   const char **wanted)
{
    bool under_way = false;

    *wanted = LEDGER_NOTHING;
    for (size_t i = 0; i <= index; i++) {
        const struct promise *p = &ledger->list[i];
        if (strcmp(p->key, ledger->list[index].key) != 0)
            continue;
        if (p->kept <= at)
            *wanted = p->value;
        else if (p->begun < at && strcmp(p->value, value) == 0)
            under_way = true;
    }
    return under_way || strcmp(*wanted, value) == 0;
}
