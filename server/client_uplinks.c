#include "server/client_uplinks.h"

#include "core/file.h"
#include "server/ask.h"
#include "server/init.h"

#include <string.h>

#define CA_MOST (256u << 10)

static const char *flag(const struct ask *ask, const char *name)
{
    return args_flag(&ask->args, name);
}

static int put_ca(struct ask *ask, struct err *err)
{
    auto_buf struct buf pem = {0};
    const char *path = flag(ask, "--ca-file");

    buf_init(&pem, CA_MOST);
    if (path == NULL)
        return 0;
    if (file_read(path, CA_MOST, &pem, err) != 0)
        return -1;
    json_put_text(&ask->w, "ca", buf_view(&pem));
    return 0;
}

static void put_hosts(struct ask *ask)
{
    const char *hosts = flag(ask, "--hosts");
    struct text rest = text_of(hosts), host;

    if (hosts == NULL)
        return;
    json_key(&ask->w, "hosts");
    json_open_array(&ask->w);
    while (text_cut(&rest, ',', &host))
        if (host.len > 0)
            json_text(&ask->w, text_trim(host));
    json_close_array(&ask->w);
}

static int put_time(struct ask *ask, const char *name, const char *key, struct err *err)
{
    const char *value = flag(ask, name);
    int64_t ms = 0;

    if (value == NULL)
        return 0;
    if (!text_duration_ms(text_of(value), &ms))
        return err_set(err, ERR_INVALID, "usage", "%s takes a time such as 5m, 1h or 30s.", name);
    json_put_int(&ask->w, key, ms);
    return 0;
}

/* What both add and set take. */
static int put_flags(struct ask *ask, struct err *err)
{
    const char *secret_file = flag(ask, "--secret-file"), *auth = flag(ask, "--auth");
    struct text secret;

    if (secret_file != NULL) {
        if (init_password(ask->pool, secret_file, &secret, err) != 0)
            return -1;
        json_put_text(&ask->w, "secret", secret);
    }
    if (auth != NULL || secret_file != NULL)
        json_put_str(&ask->w, "auth", auth != NULL ? auth : "bearer");
    if (flag(ask, "--proxy") != NULL)
        json_put_str(&ask->w, "proxy", flag(ask, "--proxy"));
    if (flag(ask, "--no-proxy") != NULL)
        json_put_str(&ask->w, "no_proxy", flag(ask, "--no-proxy"));
    put_hosts(ask);
    return put_ca(ask, err) != 0 || put_time(ask, "--fresh", "fresh_ms", err) != 0 ||
                   put_time(ask, "--stale", "stale_ms", err) != 0 ||
                   put_time(ask, "--timeout", "timeout_ms", err) != 0
               ? -1
               : 0;
}

int uplink_add_command(struct ask *ask, struct err *err)
{
    json_put_str(&ask->w, "name", ask->args.words[0]);
    json_put_str(&ask->w, "url", ask->args.words[1]);
    return put_flags(ask, err) != 0 ? -1 : ask_post(ask, "/api/v1/uplinks", err);
}

int uplink_list_command(struct ask *ask, struct err *err)
{
    return ask_list(ask, "/api/v1/uplinks", err);
}

int uplink_set_command(struct ask *ask, struct err *err)
{
    const char *url = flag(ask, "--to"), *offline = flag(ask, "--switch");

    if (url != NULL)
        json_put_str(&ask->w, "url", url);
    if (offline != NULL && strcmp(offline, "on") != 0 && strcmp(offline, "off") != 0)
        return err_set(err, ERR_INVALID, "usage", "--switch takes on or off.");
    if (offline != NULL)
        json_put_bool(&ask->w, "offline", strcmp(offline, "off") == 0);
    if (put_flags(ask, err) != 0)
        return -1;
    return ask_send(ask, "PATCH",
                    ask_path(ask, "/api/v1/uplinks/", text_of(ask->args.words[0]), ""), err);
}

int uplink_remove_command(struct ask *ask, struct err *err)
{
    return ask_delete(ask, ask_path(ask, "/api/v1/uplinks/", text_of(ask->args.words[0]), ""), err);
}

int uplink_test_command(struct ask *ask, struct err *err)
{
    return ask_post(ask, ask_path(ask, "/api/v1/uplinks/", text_of(ask->args.words[0]), "/test"),
                    err);
}

int uplink_cache_command(struct ask *ask, struct err *err)
{
    return ask_get(ask, "/api/v1/uplink-cache", err);
}

int uplink_outside_command(struct ask *ask, struct err *err)
{
    const char *names = flag(ask, "--ask");
    struct text rest = text_of(names), name;

    if (names == NULL)
        return ask_list(ask, "/api/v1/uplink-outside", err);
    json_key(&ask->w, "names");
    json_open_array(&ask->w);
    while (text_cut(&rest, ',', &name))
        if (name.len > 0)
            json_text(&ask->w, text_trim(name));
    json_close_array(&ask->w);
    ask->columns = "name,found";
    return ask_post(ask, "/api/v1/uplink-outside", err);
}

int uplink_rule_add_command(struct ask *ask, struct err *err)
{
    const char *uplink = ask->args.words[1], *reason = flag(ask, "--reason");
    int64_t position = 0;

    json_put_str(&ask->w, "pattern", ask->args.words[0]);
    if (strcmp(uplink, "block") == 0)
        json_put_bool(&ask->w, "block", true);
    else
        json_put_str(&ask->w, "uplink", uplink);
    if (reason != NULL)
        json_put_str(&ask->w, "reason", reason);
    if (flag(ask, "--position") != NULL &&
        !text_number(text_of(flag(ask, "--position")), 1, 500, &position))
        return err_set(err, ERR_INVALID, "usage", "--position takes a number from 1 to 500.");
    if (position > 0)
        json_put_int(&ask->w, "position", position);
    return ask_post(ask, "/api/v1/uplink-rules", err);
}

int uplink_rule_list_command(struct ask *ask, struct err *err)
{
    return ask_list(ask, "/api/v1/uplink-rules", err);
}

int uplink_rule_remove_command(struct ask *ask, struct err *err)
{
    struct text wanted = text_of(ask->args.words[0]), pattern, id = TEXT_NONE;

    if (ask_get(ask, "/api/v1/uplink-rules", err) != 0)
        return -1;
    json_each (rule, json_get(ask->doc, "items")) {
        if (json_need_text(rule, "pattern", &pattern, err) != 0)
            return -1;
        if (text_eq_nocase(pattern, wanted) && json_need_text(rule, "id", &id, err) != 0)
            return -1;
    }
    if (id.base == NULL)
        return err_set(err, ERR_NOT_FOUND, "rule_not_found", "There is no rule for \"%.*s\".",
                       TEXT_ARG(wanted));
    ask->doc = NULL;
    return ask_delete(ask, ask_path(ask, "/api/v1/uplink-rules/", id, ""), err);
}
