/* Opening and closing, and what is asked of the whole. */
#include "registry/uplink/uplinks.h"

#include "core/digest.h"
#include "core/err.h"
#include "core/lane.h"
#include "core/pool.h"
#include "core/seal.h"
#include "registry/uplink/breaker.h"
#include "registry/uplink/flight.h"
#include "registry/uplink/part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RENEWERS 4 /* threads that fetch anew what is stale */
#define RENEWALS_MOST 2000

static char *copy(const char *s)
{
    return s != NULL ? xstrdup(s) : NULL;
}

static void drop(const char *s)
{
    free((char *)(uintptr_t)s);
}

static int load(struct uplinks *uplinks, struct err *err)
{
    pthread_mutex_lock(&uplinks->lock);
    struct uplink_table *table = uplink_table_read(uplinks, err);
    if (table != NULL)
        snapshot_put(&uplinks->table, &table->base);
    pthread_mutex_unlock(&uplinks->lock);
    return table != NULL ? 0 : -1;
}

struct uplinks *uplinks_open(const struct uplinks_config *config, struct err *err)
{
    struct uplinks *u = xcalloc(1, sizeof *u);
    unsigned char mark[32];
    u->config = *config;
    u->config.spool_dir = copy(config->spool_dir);
    u->config.url = copy(config->url);
    u->config.hosts = copy(config->hosts);
    u->config.proxy = copy(config->proxy);
    u->config.public_url = copy(config->public_url);
    u->config.offline = config->offline || config->fetcher == NULL;
    if (config->seal != NULL)
        seal_key(config->seal, TEXT("uplink via"), mark);
    else
        random_bytes(mark, sizeof mark);
    snprintf(u->via, sizeof u->via, "1.1 redhouse-%02x%02x%02x%02x%02x%02x", mark[0], mark[1],
             mark[2], mark[3], mark[4], mark[5]);
    snapshot_slot_init(&u->table);
    pthread_mutex_init(&u->lock, NULL);
    u->flights = flights_new();
    u->lane = lane_new("uplink", RENEWERS, RENEWALS_MOST);
    if (load(u, err) == 0)
        return u;
    uplinks_close(u);
    return NULL;
}

void uplinks_stop(struct uplinks *uplinks)
{
    if (uplinks != NULL)
        atomic_store(&uplinks->closing, true);
}

bool uplinks_is_closing(const struct uplinks *uplinks)
{
    return atomic_load(&uplinks->closing);
}

void uplinks_close(struct uplinks *uplinks)
{
    if (uplinks == NULL)
        return;
    atomic_store(&uplinks->closing, true);
    lane_stop(uplinks->lane);
    snapshot_put(&uplinks->table, NULL);
    for (size_t i = 0; i < uplinks->n_breakers; i++) {
        breaker_free(uplinks->breakers[i].breaker);
        free(uplinks->breakers[i].name);
    }
    free(uplinks->breakers);
    flights_free(uplinks->flights);
    pthread_mutex_destroy(&uplinks->lock);
    drop(uplinks->config.spool_dir);
    drop(uplinks->config.url);
    drop(uplinks->config.hosts);
    drop(uplinks->config.proxy);
    drop(uplinks->config.public_url);
    free(uplinks);
}

int uplinks_reload(struct uplinks *uplinks, struct err *err)
{
    int failed = load(uplinks, err);
    flights_forget_all(uplinks->flights);
    if (failed == 0 && uplinks->config.changed != NULL)
        uplinks->config.changed(uplinks->config.arg, TEXT_NONE);
    return failed;
}

struct uplink_table *uplinks_table(struct uplinks *uplinks)
{
    return (struct uplink_table *)snapshot_take(&uplinks->table);
}

/* Under the lock. One that is made anew under an old name goes on with its breaker. */
struct breaker *uplinks_breaker(struct uplinks *uplinks, struct text name)
{
    for (size_t i = 0; i < uplinks->n_breakers; i++)
        if (text_is(name, uplinks->breakers[i].name))
            return uplinks->breakers[i].breaker;
    char *own = xstrndup(name.base, name.len);
    uplinks->breakers =
        xrealloc(uplinks->breakers, (uplinks->n_breakers + 1) * sizeof *uplinks->breakers);
    uplinks->breakers[uplinks->n_breakers++] = (struct uplink_breaker){own, breaker_new(own)};
    return uplinks->breakers[uplinks->n_breakers - 1].breaker;
}

struct text uplink_secret_purpose(struct pool *pool, const char *name)
{
    return text_printf(pool, "uplink.secret:%s", name);
}

struct text uplink_proxy_purpose(struct pool *pool, const char *name)
{
    return text_printf(pool, "uplink.proxy:%s", name);
}

bool uplinks_began(const struct uplinks *uplinks, struct text via)
{
    return via.base != NULL &&
           memmem(via.base, via.len, uplinks->via, strlen(uplinks->via)) != NULL;
}

const char *uplinks_via(const struct uplinks *uplinks)
{
    return uplinks->via;
}

bool uplink_is_offline(const struct uplink *uplink, struct text what, struct err *err)
{
    if (!uplink->offline && uplink->url != NULL)
        return false;
    if (uplink->url == NULL && !uplink->offline)
        return err_set(err, ERR_NOT_FOUND, "package_not_found",
                       "There is no package \"%.*s\" here, and no uplink to fetch it from.",
                       TEXT_ARG(text_sub(what, 0, 80))) != 0;
    (void)err_set(err, ERR_NOT_FOUND, "offline",
                  "\"%.*s\" is not here, and nothing is fetched: the uplink \"%s\" is offline. An "
                  "administrator brings packages in with redhouse registry bundle import.",
                  TEXT_ARG(text_sub(what, 0, 80)), uplink->name);
    return true;
}
