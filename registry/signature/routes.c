/* The keys, as clients of npm read them and as the operator does. */
#include "registry/routes.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/signature/signature.h"
#include "registry/uplink/keys.h"

#define FACES (FACE_PLATFORM | FACE_CARRIER)
#define MAX_ANSWER ((size_t)1 << 20)

static int put_own(struct registry *registry, struct call *c, struct json_writer *w,
                   struct err *err)
{
    auto_read struct db_read r = db_read(registry->config.control, err);
    return r.conn == NULL ? -1 : signing_put_keys(r.conn, c->pool, w, err);
}

static int put_keys(struct call *c, const char *member, bool uplinks, struct json_writer *w,
                    struct err *err)
{
    struct registry *registry = c->area;
    json_open(w);
    json_key(w, member);
    json_open_array(w);
    if (put_own(registry, c, w, err) != 0 ||
        (uplinks && uplinks_put_keys(registry->uplinks, c->pool, w, err) != 0))
        return -1;
    json_close_array(w);
    return 0;
}

static void get_npm_keys(struct call *c)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    if (!asked_went_well(c, put_keys(c, "keys", true, &w, &err), &err))
        return;
    json_close(&w);
    call_json(c, 200, &out);
}

static void answer_keys(struct call *c, int status)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    if (!asked_went_well(c, put_keys(c, "items", false, &w, &err), &err))
        return;
    json_put_str(&w, "next", NULL);
    json_close(&w);
    call_json(c, status, &out);
}

static void get_keys(struct call *c)
{
    answer_keys(c, 200);
}

static void post_key(struct call *c)
{
    struct err err;
    struct registry *registry = c->area;
    if (asked_went_well(c, signing_rotate(registry->signing, &err), &err))
        answer_keys(c, 201);
}

static const struct route table[] = {
    {.method = "GET",
     .path = "/npm/-/npm/v1/keys",
     .handle = get_npm_keys,
     .lane = LANE_OUTSIDE,
     .faces = FACES,
     .summary = "The public keys that sign versions, ours and the uplink's"},
    {.method = "GET",
     .path = "/api/v1/registry/keys",
     .handle = get_keys,
     .who = WHO_ADMIN,
     .summary = "The public keys of the registry, newest first; the one that does not expire signs",
     .answer = "[RegistryKey]"},
    {.method = "POST",
     .path = "/api/v1/registry/keys",
     .handle = post_key,
     .who = WHO_ADMIN,
     .summary = "Makes a new key that signs from now on; what older ones signed stays good",
     .answer = "[RegistryKey]",
     .status = 201},
};

int routes_signature(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
