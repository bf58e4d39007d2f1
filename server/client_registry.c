#include "server/client_registry.h"

#include "server/ask.h"

#include <string.h>

/* Runs it and leaves its report. */
static int run(struct ask *ask, const char *kind, struct err *err)
{
    if (ask_post(ask, pool_printf(ask->pool, "/api/v1/registry/%s", kind), err) != 0 ||
        ask_follow(ask, NULL, err) != 0)
        return -1;
    return ask_get(ask, pool_printf(ask->pool, "/api/v1/registry/reports/%s", kind), err);
}

int registry_verify(struct ask *ask, struct err *err)
{
    bool sound = false;

    if (run(ask, "verify", err) != 0 || json_want_bool(ask->doc, "sound", &sound, err) != 0)
        return -1;
    ask->status = sound ? 0 : 1;
    ask->note = sound ? "All is whole." : "There are problems; each is a line above.";
    return 0;
}

int registry_gc(struct ask *ask, struct err *err)
{
    const char *older = args_flag(&ask->args, "--older");
    int64_t ms;

    if (older != NULL && (!text_duration_ms(text_of(older), &ms) || ms < 0 || ms % 1000 != 0))
        return err_set(err, ERR_INVALID, "bad_older",
                       "--older takes a time in whole seconds, such as 1d or 2h.");
    if (older != NULL)
        json_put_int(&ask->w, "older_seconds", ms / 1000);
    json_put_bool(&ask->w, "dry_run", args_flag(&ask->args, "--dry-run") != NULL);
    return run(ask, "gc", err);
}

int registry_key_list(struct ask *ask, struct err *err)
{
    return ask_list(ask, "/api/v1/registry/keys", err);
}

int registry_key_rotate(struct ask *ask, struct err *err)
{
    return ask_post(ask, "/api/v1/registry/keys", err);
}

/* "any" is null; a number, of bytes also with K, M, G or T. */
static int put_number(struct ask *ask, const char *key, const char *value, bool bytes,
                      struct err *err)
{
    static const char units[] = "KMGT";
    struct text t = text_of(value);
    int64_t n, unit = 1;
    const char *found = bytes && t.len > 1 ? strchr(units, t.base[t.len - 1]) : NULL;

    json_key(&ask->w, key);
    if (text_is(t, "any")) {
        json_null(&ask->w);
        return 0;
    }
    if (found != NULL) {
        unit = (int64_t)1 << (10 * (found - units + 1));
        t.len--;
    }
    if (!text_number(t, 0, (int64_t)1 << 40, &n) || n > INT64_MAX / unit)
        return err_set(err, ERR_INVALID, "bad_number", "\"%s\" is no number, nor any.", value);
    json_int(&ask->w, n * unit);
    return 0;
}

/* Two limits: flags that are not given stay as they are. */
static int limits(struct ask *ask, const char *path, const char *const names[2][2], bool bytes,
                  struct err *err)
{
    bool given = false;

    if (ask_get(ask, path, err) != 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        const char *value = args_flag(&ask->args, names[i][0]);
        given = given || value != NULL;
        if (value == NULL) {
            json_key(&ask->w, names[i][1]);
            json_raw(&ask->w, json_get(ask->doc, names[i][1])->raw);
        } else if (put_number(ask, names[i][1], value, bytes && i == 0, err) != 0) {
            return -1;
        }
    }
    return given ? ask_send(ask, "PUT", path, err) : 0;
}

int tenant_quota(struct ask *ask, struct err *err)
{
    static const char *const names[2][2] = {{"--bytes", "max_bytes"},
                                            {"--versions", "max_versions"}};

    return limits(ask, ask_path(ask, "/api/v1/tenants/", text_of(ask->args.words[0]), "/quota"),
                  names, true, err);
}

int tenant_retention(struct ask *ask, struct err *err)
{
    static const char *const names[2][2] = {{"--keep", "keep"}, {"--days", "days"}};
    const char *path = ask_path(ask, "/api/v1/tenants/", text_of(ask->args.words[0]), "/retention");

    if (limits(ask, path, names, false, err) != 0)
        return -1;
    if (args_flag(&ask->args, "--run") == NULL)
        return 0;
    if (client_call(&ask->client, "POST", path, NULL, &ask->doc, err) != 0)
        return -1;
    return ask_follow(ask, "done", err);
}

/* Of the tenant that the first word names, "-" being the platform; rest: "" or "/…". */
static const char *hooks_of(struct ask *ask, const char *rest)
{
    struct text tenant = text_of(ask->args.words[0]);

    if (text_is(tenant, "-"))
        return pool_printf(ask->pool, "/api/v1/hooks%s", rest);
    return ask_path(ask, "/api/v1/tenants/", tenant, pool_printf(ask->pool, "/hooks%s", rest));
}

static const char *one_hook(struct ask *ask, const char *rest)
{
    return hooks_of(ask, ask_path(ask, "/", text_of(ask->args.words[1]), rest));
}

int hook_add(struct ask *ask, struct err *err)
{
    struct text rest = text_of(args_flag(&ask->args, "--events")), event;

    json_put_str(&ask->w, "url", ask->args.words[1]);
    if (rest.base != NULL) {
        json_key(&ask->w, "events");
        json_open_array(&ask->w);
        while (text_cut(&rest, ',', &event))
            json_text(&ask->w, text_trim(event));
        json_close_array(&ask->w);
    }
    ask->note = "The last word is the secret that signs deliveries; it is shown only once.";
    return ask_post(ask, hooks_of(ask, ""), err);
}

int hook_list(struct ask *ask, struct err *err)
{
    return ask_list(ask, hooks_of(ask, ""), err);
}

int hook_enable(struct ask *ask, struct err *err)
{
    json_put_bool(&ask->w, "active", true);
    return ask_send(ask, "PATCH", one_hook(ask, ""), err);
}

int hook_remove(struct ask *ask, struct err *err)
{
    return ask_delete(ask, one_hook(ask, ""), err);
}

int hook_deliveries(struct ask *ask, struct err *err)
{
    return ask_list(ask, one_hook(ask, "/deliveries"), err);
}

int hook_ping(struct ask *ask, struct err *err)
{
    return ask_post(ask, one_hook(ask, "/deliveries"), err);
}

int hook_redeliver(struct ask *ask, struct err *err)
{
    struct text delivery = text_of(ask->args.words[2]);

    return ask_post(ask, one_hook(ask, ask_path(ask, "/deliveries/", delivery, "")), err);
}
