/* What a start needs, made on the keeper's lane: a new generation, its token, the settings
 * document. */
#include "core/codec.h"
#include "core/db.h"
#include "core/json.h"
#include "core/seal.h"
#include "http/account.h"
#include "tenants/document.h"
#include "tenants/keeper_part.h"
#include "tenants/storage.h"
#include "tenants/tenants.h"

#include <stdlib.h>
#include <string.h>

#define DOCUMENT_MAX (1u << 20)
#define GRACE_MS 20000

static int write_document(struct job *job, struct text token, struct text secret, struct text theme,
                          struct buf *out)
{
    const struct tenants_config *config = &job->keeper->tenants->config;
    struct unit *u = job->unit;
    struct json_writer w;

    json_writer_init(&w, out);
    json_open(&w);
    document_put(&w, job->pool, config, &job->row, theme);
    json_put_int(&w, "generation", job->spec.generation);
    json_put_text(&w, "token", token);
    json_put_text(&w, "carrier",
                  text_printf(job->pool, "http://127.0.0.1:%d", job->spec.public_port));
    json_put_text(&w, "ca", config->carrier_ca);
    json_put_text(&w, "identityKey", b64url_encode(job->pool, u->key, sizeof(u->key)));
    json_put_text(&w, "credentialSecret", secret);
    json_put_bool(&w, "safe", u->safe);
    json_close(&w);
    return buf_failed(out) ? err_set(&job->err, ERR_TOO_LARGE, "settings_too_large",
                                     "The settings of this instance are too large.")
                           : 0;
}

static int stack_ready(struct job *job)
{
    static const char sql[] = "SELECT state FROM stack WHERE name = ?";
    struct text state;
    auto_read struct db_read r = db_read(job->keeper->tenants->config.control, &job->err);

    if (r.conn == NULL)
        return -1;
    if (db_get(r.conn, job->pool, &job->err, sql, "s", "s", job->row.stack, &state) != 0 ||
        !text_is(state, "ready"))
        return err_set(
            &job->err, ERR_UNAVAILABLE, "no_stack",
            "The stack \"%.*s\" is not there; an admin adds it with `redhouse stack add %.*s`.",
            TEXT_ARG(job->row.stack), TEXT_ARG(job->row.stack));
    return 0;
}

static void fill_spec(struct job *job, int64_t generation)
{
    struct tenants *tenants = job->keeper->tenants;
    struct instance_spec *spec = &job->spec;

    spec->instance = job->unit->id;
    spec->tenant = job->unit->tenant;
    spec->stack = text_c(job->pool, job->row.stack);
    spec->plugins = tenants->config.plugins;
    spec->generation = generation;
    char *host = pool_alloc(job->pool, 256);
    int32_t port;
    tenants_public_address(tenants->config.public_url, host, 256, &port);
    spec->public_host = host;
    spec->public_port = port;
    spec->node_options = "--max-semi-space-size=1";
    spec->memory_bytes = job->row.memory_bytes;
    spec->cpu_percent = job->row.cpu_percent;
    spec->pids = job->row.pids;
    spec->grace_ms = GRACE_MS;
}

int launch_prepare(struct job *job)
{
    struct tenants *tenants = job->keeper->tenants;
    const struct tenants_config *config = &tenants->config;
    struct unit *u = job->unit;
    struct text token, secret, theme;
    char token_id[ACCOUNT_ID];
    int64_t generation = 0;

    if (instance_by_id(tenants, job->pool, text_of(u->id), &job->row, &job->err) != 0 ||
        stack_ready(job) != 0 ||
        seal_get(config->seal, job->pool, text_printf(job->pool, "instance.credentials:%s", u->id),
                 job->row.credential_secret, &secret, &job->err) != 0 ||
        config->theme_json(config->theme_arg, job->pool, u->tenant, u->name, &theme, &job->err) !=
            0)
        return -1;
    /* The tenant's file first, the control row follows (design: no transaction spans two files). */
    if (storage_begin(tenants, u->tenant, u->id, job->row.generation + 1, &job->err) != 0 ||
        instance_next_generation(tenants, &job->row, &generation, &job->err) != 0)
        return -1;
    struct account_token spec = {.label = TEXT("instance"),
                                 .scopes = SCOPE_PACKAGE_READ,
                                 .instance = u->id,
                                 .tenant = u->tenant,
                                 .generation = generation};
    if (account_token_create(config->account, job->pool, &spec, &token, token_id, &job->err) != 0 ||
        account_instance_tokens_retire(config->account, u->id, generation, &job->err) != 0)
        return -1;
    fill_spec(job, generation);
    auto_buf struct buf out = {0};
    buf_init(&out, DOCUMENT_MAX);
    if (write_document(job, token, secret, theme, &out) != 0)
        return -1;
    job->spec.document = buf_take(&out, job->pool);
    return 0;
}
