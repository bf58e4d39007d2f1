/* The commands that talk to a server. Each is one request or two of the API (docs/api.md). */
#include "core/buf.h"
#include "core/codec.h"
#include "core/err.h"
#include "core/file.h"
#include "core/pool.h"
#include "server/client.h"
#include "server/init.h"

#include <stdio.h>
#include <string.h>

#define BUNDLE_MAX (32u << 20)

#define INSTANCE_COLUMNS "slug,tenant,state,stack,url,cause"

/* Flags that belong to one command are taken out before the option table sees the rest. NULL: not
 * given. */
static char *take_flag(int *argc, char **argv, const char *name, bool has_value)
{
    size_t len = strlen(name);

    for (int i = 0; i < *argc; i++) {
        char *value = NULL;
        int used = 1;
        if (strncmp(argv[i], name, len) != 0 || (argv[i][len] != '\0' && argv[i][len] != '='))
            continue;
        if (!has_value)
            value = argv[i];
        else if (argv[i][len] == '=')
            value = argv[i] + len + 1;
        else if (i + 1 < *argc) {
            value = argv[i + 1];
            used = 2;
        }
        for (int k = i; k + used <= *argc; k++)
            argv[k] = argv[k + used];
        *argc -= used;
        return value;
    }
    return NULL;
}

/* What every command of this file ends with. */
static int finish(struct client *client, int rc, const struct err *err)
{
    if (rc != 0)
        command_fail(err);
    client_close(client);
    return rc != 0 ? 1 : 0;
}

/* before + arg, escaped + after */
static const char *path_of(struct client *client, const char *before, const char *arg,
                           const char *after)
{
    return pool_printf(client->pool, "%s%.*s%s", before,
                       TEXT_ARG(percent_encode(client->pool, text_of(arg))), after);
}

/* GET and print. */
static int list(const struct command *command, int argc, char **argv, const char *path,
                const char *columns)
{
    struct client client;
    const struct json *doc = NULL;
    struct err err;
    int rc = client_open(&client, command, argc, argv, 0, &err);

    if (rc == 0 && (rc = client_call(&client, "GET", path, NULL, &doc, &err)) == 0)
        client_print(&client, doc, columns);
    return finish(&client, rc, &err);
}

/* A request that names one thing, without a body; follows an operation if one was begun. */
static int act(const struct command *command, int argc, char **argv, const char *method,
               const char *before, const char *after)
{
    struct client client;
    const struct json *doc = NULL;
    struct err err;
    int rc = client_open(&client, command, argc, argv, 1, &err);

    if (rc == 0)
        rc = client_call(&client, method, path_of(&client, before, client.args[0], after), NULL,
                         &doc, &err);
    if (rc == 0 && doc != NULL && json_get(doc, "operation") != NULL)
        rc = client_follow(&client, doc, &err);
    if (rc == 0)
        printf("%s: done\n", client.args[0]);
    return finish(&client, rc, &err);
}

static int tenant_create(const struct command *command, int argc, char **argv)
{
    char *name = take_flag(&argc, argv, "--title", true);
    struct client client;
    const struct json *doc = NULL;
    struct err err;
    auto_buf struct buf body = {0};
    struct json_writer w;
    int rc = client_open(&client, command, argc, argv, 1, &err);

    buf_init(&body, 4096);
    json_writer_init(&w, &body);
    if (rc == 0) {
        json_open(&w);
        json_put_str(&w, "slug", client.args[0]);
        json_put_str(&w, "name", name != NULL ? name : client.args[0]);
        json_close(&w);
        rc = client_call(&client, "POST", "/api/v1/tenants", &body, &doc, &err);
    }
    if (rc == 0)
        client_print(&client, doc, "slug,name");
    return finish(&client, rc, &err);
}

static int tenant_list(const struct command *command, int argc, char **argv)
{
    return list(command, argc, argv, "/api/v1/tenants", "slug,name,instances,members");
}

static int user_create(const struct command *command, int argc, char **argv)
{
    char *tenant = take_flag(&argc, argv, "--tenant", true);
    char *role = take_flag(&argc, argv, "--role", true);
    char *email = take_flag(&argc, argv, "--email", true);
    struct client client;
    const struct json *doc = NULL;
    struct text password;
    struct err err;
    auto_buf struct buf body = {0};
    struct json_writer w;
    int rc = client_open(&client, command, argc, argv, 1, &err);

    buf_init(&body, 8192);
    json_writer_init(&w, &body);
    if (rc == 0)
        rc = init_password(client.pool, client.config.password_file, &password, &err);
    if (rc == 0) {
        json_open(&w);
        json_put_str(&w, "name", client.args[0]);
        json_put_text(&w, "password", password);
        json_put_str(&w, "email", email);
        json_put_bool(&w, "must_change_password", client.config.must_change_password);
        if (tenant != NULL) {
            json_put_str(&w, "tenant", tenant);
            json_put_str(&w, "role", role != NULL ? role : "developer");
        }
        json_close(&w);
        rc = client_call(&client, "POST", "/api/v1/users", &body, &doc, &err);
    }
    if (rc == 0)
        client_print(&client, doc, "name,email");
    return finish(&client, rc, &err);
}

static int user_list(const struct command *command, int argc, char **argv)
{
    return list(command, argc, argv, "/api/v1/users", "name,email,admin,last_login_at");
}

static int token_create(const struct command *command, int argc, char **argv)
{
    char *user = take_flag(&argc, argv, "--user", true);
    char *name = take_flag(&argc, argv, "--name", true);
    char *expires = take_flag(&argc, argv, "--expires", true);
    bool read_only = take_flag(&argc, argv, "--read-only", false) != NULL;
    struct client client;
    const struct json *doc = NULL;
    struct err err;
    auto_buf struct buf body = {0};
    struct json_writer w;
    int64_t life_ms = 0;
    int rc = client_open(&client, command, argc, argv, 0, &err);

    buf_init(&body, 4096);
    json_writer_init(&w, &body);
    if (rc == 0 && (user == NULL || name == NULL))
        rc = err_set(&err, ERR_INVALID, "usage", "Usage: redhouse %s %s", command->words,
                     command->args);
    if (rc == 0 && expires != NULL && !text_duration_ms(text_of(expires), &life_ms))
        rc = err_set(&err, ERR_INVALID, "bad_expires", "--expires takes a time such as 30d.");
    if (rc == 0) {
        json_open(&w);
        json_put_str(&w, "name", name);
        json_put_bool(&w, "read_only", read_only);
        if (life_ms > 0)
            json_put_int(&w, "expires_days", (life_ms + 86399999) / 86400000);
        json_close(&w);
        rc = client_call(&client, "POST", path_of(&client, "/api/v1/users/", user, "/tokens"),
                         &body, &doc, &err);
    }
    if (rc == 0)
        client_print(&client, doc, "token");
    return finish(&client, rc, &err);
}

static int instance_create(const struct command *command, int argc, char **argv)
{
    char *stack = take_flag(&argc, argv, "--stack", true);
    struct client client;
    const struct json *doc = NULL;
    struct text rest, tenant;
    struct err err;
    auto_buf struct buf body = {0};
    struct json_writer w;
    int rc = client_open(&client, command, argc, argv, 1, &err);

    buf_init(&body, 4096);
    json_writer_init(&w, &body);
    if (rc == 0) {
        rest = text_of(client.args[0]);
        if (!text_cut(&rest, '/', &tenant) || rest.base == NULL || rest.len == 0)
            rc = err_set(&err, ERR_INVALID, "usage", "Name the tenant and the instance: acme/one.");
    }
    if (rc == 0) {
        json_open(&w);
        json_put_text(&w, "slug", rest);
        if (stack != NULL)
            json_put_str(&w, "stack", stack);
        json_close(&w);
        const char *path =
            path_of(&client, "/api/v1/tenants/", text_c(client.pool, tenant), "/instances");
        rc = client_call(&client, "POST", path, &body, &doc, &err);
    }
    if (rc == 0 && (rc = client_follow(&client, doc, &err)) == 0)
        rc = client_call(&client, "GET",
                         path_of(&client, "/api/v1/instances/", text_c(client.pool, rest), ""),
                         NULL, &doc, &err);
    if (rc == 0)
        client_print(&client, doc, INSTANCE_COLUMNS);
    return finish(&client, rc, &err);
}

static int instance_list(const struct command *command, int argc, char **argv)
{
    return list(command, argc, argv, "/api/v1/instances?limit=200", INSTANCE_COLUMNS);
}

static int instance_start(const struct command *command, int argc, char **argv)
{
    return act(command, argc, argv, "POST", "/api/v1/instances/", "/start");
}

static int instance_stop(const struct command *command, int argc, char **argv)
{
    return act(command, argc, argv, "POST", "/api/v1/instances/", "/stop");
}

static int instance_restart(const struct command *command, int argc, char **argv)
{
    return act(command, argc, argv, "POST", "/api/v1/instances/", "/restart");
}

static int instance_remove(const struct command *command, int argc, char **argv)
{
    struct client client;
    const struct json *doc = NULL;
    struct err err;
    int rc = client_open(&client, command, argc, argv, 1, &err);

    if (rc == 0) {
        struct text slug = percent_encode(client.pool, text_of(client.args[0]));
        const char *path = pool_printf(client.pool, "/api/v1/instances/%.*s?confirm=%.*s",
                                       TEXT_ARG(slug), TEXT_ARG(slug));
        rc = client_call(&client, "DELETE", path, NULL, &doc, &err);
    }
    if (rc == 0 && (rc = client_follow(&client, doc, &err)) == 0)
        printf("%s: removed\n", client.args[0]);
    return finish(&client, rc, &err);
}

static int instance_logs(const struct command *command, int argc, char **argv)
{
    bool follow = take_flag(&argc, argv, "--follow", false) != NULL;
    struct client client;
    struct err err;
    int rc = client_open(&client, command, argc, argv, 1, &err);

    if (rc == 0)
        rc = client_stream(&client,
                           path_of(&client, "/api/v1/instances/", client.args[0],
                                   follow ? "/logs?follow=true" : "/logs"),
                           &err);
    return finish(&client, rc, &err);
}

static int stack_add(const struct command *command, int argc, char **argv)
{
    struct client client;
    const struct json *doc = NULL;
    struct err err;
    auto_buf struct buf body = {0};
    struct json_writer w;
    int rc = client_open(&client, command, argc, argv, 1, &err);

    buf_init(&body, 1024);
    json_writer_init(&w, &body);
    if (rc == 0) {
        json_open(&w);
        json_put_str(&w, "spec", client.args[0]);
        json_close(&w);
        rc = client_call(&client, "POST", "/api/v1/stacks", &body, &doc, &err);
    }
    if (rc == 0 && (rc = client_follow(&client, doc, &err)) == 0)
        printf("%s: ready\n", client.args[0]);
    return finish(&client, rc, &err);
}

static int stack_list(const struct command *command, int argc, char **argv)
{
    return list(command, argc, argv, "/api/v1/stacks", "name,state,node_red,node,instances");
}

static int package_claim(const struct command *command, int argc, char **argv)
{
    char *tenant = take_flag(&argc, argv, "--tenant", true);
    bool take_over = take_flag(&argc, argv, "--take-over", false) != NULL;
    struct client client;
    const struct json *doc = NULL;
    struct err err;
    auto_buf struct buf body = {0};
    struct json_writer w;
    int rc = client_open(&client, command, argc, argv, 1, &err);

    buf_init(&body, 4096);
    json_writer_init(&w, &body);
    if (rc == 0) {
        json_open(&w);
        json_put_str(&w, "name", client.args[0]);
        json_put_str(&w, "tenant", tenant);
        json_put_bool(&w, "take_over", take_over);
        json_close(&w);
        rc = client_call(&client, "POST", "/api/v1/claims", &body, &doc, &err);
    }
    if (rc == 0)
        client_print(&client, doc, "name,tenant");
    return finish(&client, rc, &err);
}

static int package_list(const struct command *command, int argc, char **argv)
{
    return list(command, argc, argv, "/api/v1/packages?limit=200", "name,latest,tenant,updated_at");
}

static int source_add(const struct command *command, int argc, char **argv)
{
    char *tags = take_flag(&argc, argv, "--tags", true);
    struct client client;
    const struct json *doc = NULL;
    struct err err;
    auto_buf struct buf body = {0};
    struct json_writer w;
    int rc = client_open(&client, command, argc, argv, 2, &err);

    buf_init(&body, 8192);
    json_writer_init(&w, &body);
    if (rc == 0) {
        json_open(&w);
        json_put_str(&w, "url", client.args[1]);
        if (tags != NULL)
            json_put_str(&w, "tags", tags);
        json_close(&w);
        rc = client_call(&client, "POST",
                         path_of(&client, "/api/v1/tenants/", client.args[0], "/sources"), &body,
                         &doc, &err);
    }
    if (rc == 0)
        client_print(&client, doc, "id,url,webhook_url,webhook_secret");
    if (rc == 0 && !client.config.json)
        fprintf(stderr, "The last word is the webhook's secret; it is shown only once.\n");
    return finish(&client, rc, &err);
}

static int source_list(const struct command *command, int argc, char **argv)
{
    struct client client;
    const struct json *doc = NULL;
    struct err err;
    int rc = client_open(&client, command, argc, argv, 1, &err);

    if (rc == 0)
        rc = client_call(&client, "GET",
                         path_of(&client, "/api/v1/tenants/", client.args[0], "/sources"), NULL,
                         &doc, &err);
    if (rc == 0)
        client_print(&client, doc, "id,url,tags,last_commit,cause");
    return finish(&client, rc, &err);
}

static int source_build(const struct command *command, int argc, char **argv)
{
    return act(command, argc, argv, "POST", "/api/v1/sources/", "/builds");
}

static int theme_set(const struct command *command, int argc, char **argv)
{
    struct client client;
    const struct json *doc = NULL;
    struct err err;
    auto_buf struct buf bundle = {0};
    int rc = client_open(&client, command, argc, argv, 2, &err);

    buf_init(&bundle, BUNDLE_MAX);
    if (rc == 0)
        rc = file_read(client.args[1], BUNDLE_MAX, &bundle, &err);
    if (rc == 0) {
        struct text name = text_of(client.args[1]);
        const char *type = text_ends(name, ".json")  ? "application/json"
                           : text_ends(name, ".zip") ? "application/zip"
                                                     : "application/gzip";
        rc = client_send(&client, "PUT",
                         path_of(&client, "/api/v1/tenants/", client.args[0], "/theme"),
                         buf_view(&bundle), type, &doc, &err);
    }
    if (rc == 0)
        client_print(&client, doc, "version,updated_at");
    return finish(&client, rc, &err);
}

const struct command client_commands[] = {
    {"tenant create", "SLUG [--title TEXT]", "makes a tenant", tenant_create},
    {"tenant list", "", "lists the tenants", tenant_list},
    {"user create", "NAME --password-file FILE [--email E] [--tenant T --role R]", "makes a user",
     user_create},
    {"user list", "", "lists the users", user_list},
    {"token create", "--user NAME --name LABEL [--read-only] [--expires 30d]",
     "makes a token, shown once", token_create},
    {"instance create", "TENANT/SLUG [--stack NAME]", "makes an instance and starts it",
     instance_create},
    {"instance list", "", "lists the instances", instance_list},
    {"instance start", "SLUG", "starts an instance", instance_start},
    {"instance stop", "SLUG", "stops an instance", instance_stop},
    {"instance restart", "SLUG", "stops and starts an instance", instance_restart},
    {"instance logs", "SLUG [--follow]", "prints the log of an instance", instance_logs},
    {"instance remove", "SLUG", "stops an instance and erases all that it holds", instance_remove},
    {"stack add", "SPEC", "installs a stack, such as node-red@5", stack_add},
    {"stack list", "", "lists the stacks", stack_list},
    {"package claim", "NAME --tenant SLUG [--take-over]", "makes an unscoped name private",
     package_claim},
    {"package list", "", "lists the packages", package_list},
    {"source add", "TENANT GIT-URL [--tags 'v*']", "registers a git repository", source_add},
    {"source list", "TENANT", "lists the sources of a tenant", source_list},
    {"source build", "ID", "fetches a source and builds what is new", source_build},
    {"theme set", "TENANT FILE", "gives a tenant a theme: theme.json, .zip or .tgz", theme_set},
};
const unsigned n_client_commands = sizeof(client_commands) / sizeof(client_commands[0]);
