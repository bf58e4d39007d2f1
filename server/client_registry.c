#include "server/client_registry.h"

#include "server/ask.h"

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
    json_close(&ask->w);
    return client_call(&ask->client, "PATCH", one_hook(ask, ""), &ask->body, &ask->doc, err);
}

int hook_remove(struct ask *ask, struct err *err)
{
    return client_call(&ask->client, "DELETE", one_hook(ask, ""), NULL, &ask->doc, err);
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
