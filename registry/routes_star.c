/* Stars, in the forms of npm and of pnpm. */
#include "core/err.h"
#include "core/json.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/routes.h"
#include "registry/star.h"

#define MAX_ANSWER ((size_t)4 << 20)

void star_answer(struct call *c, const struct asked *a, bool star)
{
    struct err err;
    int failed =
        star ? star_set(a->registry, c->who, a->name.full, a->origin.kind != ORIGIN_PUBLIC, &err)
             : star_clear(a->registry, c->who, a->name.full, &err);
    if (asked_went_well(c, failed, &err))
        call_bytes(c, 200, "application/json", TEXT("{\"ok\":true}"));
}

static void set_star(struct call *c, bool star)
{
    struct asked a;
    if (asked_to_read(c, &a))
        star_answer(c, &a, star);
}

static void put_star(struct call *c)
{
    set_star(c, true);
}

static void delete_star(struct call *c)
{
    set_star(c, false);
}

/* {"name":"@acme/red","package":"@acme/red"} */
static void set_named(struct call *c, bool star)
{
    struct err err;
    const struct json *doc;
    struct text name = TEXT_NONE;
    struct asked a;
    if (asked_went_well(c,
                        call_json_body(c, &doc, &err) != 0 ||
                            json_need_text(doc, "package", &name, &err) != 0,
                        &err) &&
        asked_to_read_name(c, name, &a))
        star_answer(c, &a, star);
}

static void put_named(struct call *c)
{
    set_named(c, true);
}

static void delete_named(struct call *c)
{
    set_named(c, false);
}

enum form { FORM_LIST, FORM_MAP, FORM_ROWS };
struct stars {
    struct call *call;
    enum form form;
    struct json_writer w;
};

/* Of somebody's stars only what the asker may see as well. */
static void put_one(void *arg, struct text name)
{
    struct stars *s = arg;
    struct registry *registry = s->call->area;
    struct pkgname split;
    struct err err;
    if (!pkgname_split(name, &split))
        return;
    struct origin origin = origin_of(registry, s->call->pool, s->call->accounts, &split);
    if (origin.kind == ORIGIN_NOBODY || !origin_may_read(registry, s->call->who, &origin) ||
        origin_check_limits(s->call->who, &origin, name, &err) != 0)
        return;
    if (s->form == FORM_LIST) {
        json_text(&s->w, name);
    } else if (s->form == FORM_MAP) {
        json_key_text(&s->w, name);
        json_bool(&s->w, true);
    } else {
        json_open(&s->w);
        json_put_text(&s->w, "value", name);
        json_close(&s->w);
    }
}

static void answer_stars(struct call *c, const char *user, enum form form)
{
    struct stars s = {.call = c, .form = form};
    struct err err;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&s.w, &out);
    if (form != FORM_LIST)
        json_open(&s.w);
    if (form == FORM_ROWS)
        json_key(&s.w, "rows");
    if (form != FORM_MAP)
        json_open_array(&s.w);
    if (!asked_went_well(c, star_each(c->area, c->pool, user, put_one, &s, &err), &err))
        return;
    if (form != FORM_MAP)
        json_close_array(&s.w);
    if (form != FORM_LIST)
        json_close(&s.w);
    call_json(c, 200, &out);
}

static void get_own(struct call *c)
{
    answer_stars(c, c->who->user, FORM_LIST);
}

static void answer_of(struct call *c, struct text name, enum form form)
{
    struct err err;
    const char *user = account_user_by_name(c->accounts, name);
    if (user != NULL) {
        answer_stars(c, user, form);
        return;
    }
    err_set(&err, ERR_NOT_FOUND, "user_not_found", "There is no user \"%.*s\".",
            TEXT_ARG(text_sub(name, 0, 64)));
    call_fail(c, &err);
}

static void get_of_user(struct call *c)
{
    answer_of(c, call_param(c, "user"), FORM_MAP);
}

/* ?key="ann" */
static void get_view(struct call *c)
{
    struct text key = call_query(c, "key");
    if (key.len >= 2 && key.base[0] == '"' && key.base[key.len - 1] == '"')
        key = text_sub(key, 1, key.len - 2);
    answer_of(c, key, FORM_ROWS);
}

#define ROW(verb, where, what, text)                                                               \
    {                                                                                              \
        .method = (verb), .path = (where), .handle = (what), .who = WHO_USER, .summary = (text)    \
    }

static const struct route table[] = {
    ROW("GET", "/npm/-/user/v1/star", get_own, "The asker's stars"),
    ROW("PUT", "/npm/-/user/v1/star", put_named, "Stars a package"),
    ROW("DELETE", "/npm/-/user/v1/star", delete_named, "Takes a star back"),
    ROW("PUT", "/npm/-/user/package/:pkg/star", put_star, "Stars a package"),
    ROW("DELETE", "/npm/-/user/package/:pkg/star", delete_star, "Takes a star back"),
    ROW("GET", "/npm/-/user/:user/stars", get_of_user, "A user's stars"),
    ROW("GET", "/npm/-/_view/starredByUser", get_view, "A user's stars, as npm asks for them"),
};

int routes_star(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
