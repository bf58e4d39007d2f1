#include "registry/routes.h"
#include "core/err.h"
#include "core/json.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/uplink/admin.h"
#include "registry/uplink/outside.h"
#include "registry/uplink/part.h"
#include "registry/uplink/store.h"

#define MOST_ANSWER ((size_t)4 << 20)
#define MOST_NAMES 200 /* that are asked outside at once */

static struct uplinks *uplinks_of(struct call *c)
{
    return ((struct registry *)c->area)->uplinks;
}

static struct text by(struct call *c)
{
    return text_of(c->who->name);
}

/* The first element of the array that out holds. */
static void answer_first(struct call *c, int status, const struct buf *out)
{
    call_bytes(c, status, "application/json",
               text_dup(c->pool, text_sub(buf_view(out), 1, out->len - 2)));
}

static void answer_uplink(struct call *c, int status, struct text name)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MOST_ANSWER);
    json_writer_init(&w, &out);
    json_open_array(&w);
    if (!asked_went_well(c, uplink_put_all(uplinks_of(c), c->pool, &w, name, &err), &err))
        return;
    json_close_array(&w);
    answer_first(c, status, &out);
}

static void get_uplinks(struct call *c)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MOST_ANSWER);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    json_open_array(&w);
    if (!asked_went_well(c, uplink_put_all(uplinks_of(c), c->pool, &w, TEXT_NONE, &err), &err))
        return;
    json_close_array(&w);
    json_put_str(&w, "next", NULL);
    json_close(&w);
    call_json(c, 200, &out);
}

static void get_uplink(struct call *c)
{
    answer_uplink(c, 200, call_param(c, "uplink"));
}

static void post_uplink(struct call *c)
{
    struct err err;
    const struct json *doc;
    struct text name = TEXT_NONE;
    if (asked_went_well(c, call_json_body(c, &doc, &err), &err) &&
        asked_went_well(c, uplink_add(uplinks_of(c), c->pool, doc, by(c), &err), &err) &&
        asked_went_well(c, json_need_text(doc, "name", &name, &err), &err))
        answer_uplink(c, 201, name);
}

static void patch_uplink(struct call *c)
{
    struct err err;
    const struct json *doc;
    struct text name = call_param(c, "uplink");
    if (asked_went_well(c, call_json_body(c, &doc, &err), &err) &&
        asked_went_well(c, uplink_change(uplinks_of(c), c->pool, name, doc, &err), &err))
        answer_uplink(c, 200, name);
}

static void delete_uplink(struct call *c)
{
    struct err err;
    if (asked_went_well(c, uplink_remove(uplinks_of(c), c->pool, call_param(c, "uplink"), &err),
                        &err))
        call_empty(c, 204);
}

static void post_test(struct call *c)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    if (asked_went_well(c, uplink_test(uplinks_of(c), c->pool, call_param(c, "uplink"), &w, &err),
                        &err))
        call_json(c, 200, &out);
}

/* {"items":[…],"next":null} of what fills an array. */
static bool open_list(struct json_writer *w, struct buf *out)
{
    buf_init(out, MOST_ANSWER);
    json_writer_init(w, out);
    json_open(w);
    json_key(w, "items");
    return true;
}

static void close_list(struct call *c, struct json_writer *w, struct buf *out)
{
    json_put_str(w, "next", NULL);
    json_close(w);
    call_json(c, 200, out);
}

static void get_rules(struct call *c)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    if (open_list(&w, &out) &&
        asked_went_well(c, uplink_rule_put_all(uplinks_of(c), &w, TEXT_NONE, &err), &err))
        close_list(c, &w, &out);
}

static void post_rule(struct call *c)
{
    struct err err;
    const struct json *doc;
    struct json_writer w;
    auto_buf struct buf out = {0};
    char id[27];
    buf_init(&out, MOST_ANSWER);
    json_writer_init(&w, &out);
    if (asked_went_well(c, call_json_body(c, &doc, &err), &err) &&
        asked_went_well(c, uplink_rule_add(uplinks_of(c), c->pool, doc, by(c), id, &err), &err) &&
        asked_went_well(c, uplink_rule_put_all(uplinks_of(c), &w, text_of(id), &err), &err))
        answer_first(c, 201, &out);
}

static void delete_rule(struct call *c)
{
    struct err err;
    if (asked_went_well(c, uplink_rule_remove(uplinks_of(c), c->pool, call_param(c, "rule"), &err),
                        &err))
        call_empty(c, 204);
}

static void get_cache(struct call *c)
{
    struct err err;
    struct json_writer w;
    struct store_sums sums;
    struct uplinks *us = uplinks_of(c);
    auto_buf struct buf out = {0};
    if (!asked_went_well(c, store_sum(us, c->pool, &sums, &err), &err))
        return;
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_int(&w, "documents", sums.documents);
    json_put_int(&w, "tarballs", sums.tarballs);
    json_put_int(&w, "bytes", sums.bytes);
    json_put_int(&w, "bundle_bytes", sums.kept_bytes);
    json_put_int(&w, "ceiling_bytes", us->config.cache_bytes);
    json_put_bool(&w, "offline", us->config.offline);
    json_close(&w);
    call_json(c, 200, &out);
}

static void get_outside(struct call *c)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    if (asked_went_well(c, outside_learn(c->area, &err), &err) && open_list(&w, &out) &&
        asked_went_well(c, outside_put_all(c->area, &w, &err), &err))
        close_list(c, &w, &out);
}

static int ask_names(struct call *c, const struct json *names, struct json_writer *w,
                     struct err *err)
{
    if (names == NULL || names->type != JSON_ARRAY || names->count == 0 ||
        names->count > MOST_NAMES)
        return err_set(err, ERR_UNPROCESSABLE, "bad_names",
                       "names: 1 to %d private names, which the uplink then gets to know.",
                       MOST_NAMES);
    json_open_array(w);
    json_each (name, names) {
        bool found = false;
        if (outside_ask(c->area, name->text, &found, err) != 0)
            return -1;
        json_open(w);
        json_put_text(w, "name", name->text);
        json_put_bool(w, "found", found);
        json_close(w);
    }
    json_close_array(w);
    return 0;
}

static void post_outside(struct call *c)
{
    struct err err;
    const struct json *doc;
    struct json_writer w;
    auto_buf struct buf out = {0};
    if (!asked_went_well(c, call_json_body(c, &doc, &err), &err) || !open_list(&w, &out) ||
        !asked_went_well(c, ask_names(c, json_get(doc, "names"), &w, &err), &err))
        return;
    json_close(&w);
    call_json(c, 200, &out);
}

#define ADMIN(verb, where, fn) .method = (verb), .path = (where), .handle = (fn), .who = WHO_ADMIN

static const struct route table[] = {
    {ADMIN("GET", "/api/v1/uplinks", get_uplinks),
     .summary = "The registries outside that public packages come from, with their state",
     .answer = "[Uplink]"},
    {ADMIN("POST", "/api/v1/uplinks", post_uplink), .summary = "Adds an uplink",
     .body = "NewUplink", .answer = "Uplink", .status = 201, .max_body = (size_t)1 << 20},
    {ADMIN("GET", "/api/v1/uplinks/:uplink", get_uplink), .summary = "One uplink",
     .answer = "Uplink"},
    {ADMIN("PATCH", "/api/v1/uplinks/:uplink", patch_uplink), .summary = "Changes an uplink",
     .body = "UplinkChange", .answer = "Uplink", .max_body = (size_t)1 << 20},
    {ADMIN("DELETE", "/api/v1/uplinks/:uplink", delete_uplink),
     .summary = "Removes an uplink and what is kept of it"},
    {ADMIN("POST", "/api/v1/uplinks/:uplink/test", post_test), .lane = LANE_OUTSIDE,
     .summary = "Asks the uplink whether it is there", .answer = "UplinkTest"},
    {ADMIN("GET", "/api/v1/uplink-rules", get_rules),
     .summary = "Which uplink a public name comes from: the first rule that fits",
     .answer = "[UplinkRule]"},
    {ADMIN("POST", "/api/v1/uplink-rules", post_rule), .summary = "Adds a rule",
     .body = "NewUplinkRule", .answer = "UplinkRule", .status = 201},
    {ADMIN("DELETE", "/api/v1/uplink-rules/:rule", delete_rule), .summary = "Removes a rule"},
    {ADMIN("GET", "/api/v1/uplink-cache", get_cache),
     .summary = "How much is kept of public packages", .answer = "UplinkCache"},
    {ADMIN("GET", "/api/v1/uplink-outside", get_outside),
     .summary = "Private names that are known to exist outside too", .answer = "[OutsideName]"},
    {ADMIN("POST", "/api/v1/uplink-outside", post_outside), .lane = LANE_OUTSIDE,
     .summary = "Asks the uplinks whether they have private names, which tells them the names",
     .body = "OutsideQuestion", .answer = "OutsideAnswer"},
};

int routes_uplinks(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
