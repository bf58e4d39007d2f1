/* The commands that talk to a server. Each is one request or two of the API (docs/api.md). */
#include "core/codec.h"
#include "core/digest.h"
#include "core/file.h"
#include "server/ask.h"
#include "server/client_advisories.h"
#include "server/client_bundle.h"
#include "server/client_catalogue.h"
#include "server/client_packages.h"
#include "server/client_policy.h"
#include "server/client_registry.h"
#include "server/client_stage.h"
#include "server/client_teams.h"
#include "server/client_tokens.h"
#include "server/client_uplinks.h"
#include "server/init.h"
#include "server/move/mover.h"

#include <stdio.h>
#include <string.h>

#define BUNDLE_MAX (32u << 20)

#define INSTANCE_COLUMNS "slug,tenant,state,stack,url,cause"
#define ONCE "; it is shown only once"

static struct text word(const struct ask *ask, unsigned i)
{
    return text_of(ask->args.words[i]);
}

static const char *flag(const struct ask *ask, const char *name)
{
    return args_flag(&ask->args, name);
}

static int tenant_create(struct ask *ask, struct err *err)
{
    const char *title = flag(ask, "--title");

    json_put_text(&ask->w, "slug", word(ask, 0));
    json_put_str(&ask->w, "name", title != NULL ? title : ask->args.words[0]);
    return ask_post(ask, "/api/v1/tenants", err);
}

static int tenant_list(struct ask *ask, struct err *err)
{
    return ask_list(ask, "/api/v1/tenants", err);
}

/* Without a file one is made, for the first login only. */
static int user_create(struct ask *ask, struct err *err)
{
    const struct config *config = &ask->client.config;
    const char *tenant = flag(ask, "--tenant"), *role = flag(ask, "--role");
    bool made = config->password_file == NULL;
    struct text password = TEXT_NONE;

    if (made)
        password = random_text(ask->pool, 12);
    else if (init_password(ask->pool, config->password_file, &password, err) != 0)
        return -1;
    json_put_text(&ask->w, "name", word(ask, 0));
    json_put_text(&ask->w, "password", password);
    json_put_str(&ask->w, "email", flag(ask, "--email"));
    json_put_bool(&ask->w, "must_change_password", made || config->must_change_password);
    if (tenant != NULL) {
        json_put_str(&ask->w, "tenant", tenant);
        json_put_str(&ask->w, "role", role != NULL ? role : "developer");
    }
    if (ask_post(ask, "/api/v1/users", err) != 0)
        return -1;
    if (!made)
        return 0;
    ask->columns = "name,email,password";
    ask->note = "The last word is the first password, to be changed at the first login" ONCE ".";
    return ask_add(ask, "password", password, err);
}

static int user_list(struct ask *ask, struct err *err)
{
    return ask_list(ask, "/api/v1/users", err);
}

static int user_reset_factor(struct ask *ask, struct err *err)
{
    if (ask_delete(ask, ask_path(ask, "/api/v1/users/", word(ask, 0), "/factor"), err) != 0)
        return -1;
    return ask_get(ask, ask_path(ask, "/api/v1/users/", word(ask, 0), ""), err);
}

/* TENANT/SLUG; a slug alone will do where the tenant is not needed: tenant is absent then. */
static int read_instance(struct ask *ask, bool need_tenant, struct text *tenant, struct text *slug,
                         struct err *err)
{
    struct text rest = word(ask, 0), first = TEXT_NONE;
    bool both = text_has(rest, '/');

    if (both)
        (void)text_cut(&rest, '/', &first);
    if (rest.len == 0 || (both ? first.len == 0 : need_tenant))
        return err_set(err, ERR_INVALID, "usage",
                       "Name the tenant and the instance, such as acme/one.");
    *tenant = first;
    *slug = rest;
    return 0;
}

/* The slug of the instance, which is one of the tenant that was named, if one was. */
static int find_instance(struct ask *ask, struct text *slug, struct err *err)
{
    struct text tenant, found = TEXT_NONE, name;

    if (read_instance(ask, false, &tenant, &name, err) != 0)
        return -1;
    if (tenant.base != NULL) {
        if (ask_get(ask, ask_path(ask, "/api/v1/instances/", name, ""), err) != 0 ||
            json_need_text(ask->doc, "tenant", &found, err) != 0)
            return -1;
        if (!text_eq(found, tenant))
            return err_set(err, ERR_NOT_FOUND, "instance_not_found",
                           "The tenant %.*s has no instance %.*s.", TEXT_ARG(tenant),
                           TEXT_ARG(name));
    }
    *slug = name;
    return 0;
}

static int instance_create(struct ask *ask, struct err *err)
{
    const char *stack = flag(ask, "--stack");
    struct text tenant, slug;

    if (read_instance(ask, true, &tenant, &slug, err) != 0)
        return -1;
    json_put_text(&ask->w, "slug", slug);
    if (stack != NULL)
        json_put_str(&ask->w, "stack", stack);
    if (ask_post(ask, ask_path(ask, "/api/v1/tenants/", tenant, "/instances"), err) != 0 ||
        ask_follow(ask, NULL, err) != 0)
        return -1;
    return ask_get(ask, ask_path(ask, "/api/v1/instances/", slug, ""), err);
}

static int instance_list(struct ask *ask, struct err *err)
{
    return ask_list(ask, "/api/v1/instances", err);
}

static int control(struct ask *ask, const char *what, struct err *err)
{
    struct text slug;

    if (find_instance(ask, &slug, err) != 0 ||
        ask_post(ask, ask_path(ask, "/api/v1/instances/", slug, what), err) != 0)
        return -1;
    return ask_follow(ask, "done", err);
}

static int instance_start(struct ask *ask, struct err *err)
{
    return control(ask, "/start", err);
}

static int instance_stop(struct ask *ask, struct err *err)
{
    return control(ask, "/stop", err);
}

static int instance_restart(struct ask *ask, struct err *err)
{
    return control(ask, "/restart", err);
}

static int instance_remove(struct ask *ask, struct err *err)
{
    struct text slug;

    if (find_instance(ask, &slug, err) != 0)
        return -1;
    const char *confirmed = ask_path(ask, "?confirm=", slug, "");
    if (ask_delete(ask, ask_path(ask, "/api/v1/instances/", slug, confirmed), err) != 0)
        return -1;
    return ask_follow(ask, "removed", err);
}

/* data: a line as a JSON string. */
static void print_event(void *arg, struct text data)
{
    const struct ask *ask = arg;
    auto_pool struct pool *pool = pool_new();
    struct json *line = NULL;
    struct err err;

    if (json_read(pool, data, 4, &line, &err) != 0 || line->type != JSON_STRING)
        return;
    if (ask->client.config.json)
        printf("{\"line\":%.*s}\n", TEXT_ARG(data));
    else
        printf("%.*s\n", TEXT_ARG(line->text));
    fflush(stdout);
}

static void print_lines(const struct ask *ask, struct text log)
{
    struct text rest = log, line;

    if (!ask->client.config.json) {
        fwrite(log.base, 1, log.len, stdout);
        return;
    }
    while (text_cut(&rest, '\n', &line)) {
        auto_buf struct buf out = {0};
        struct json_writer w;
        if (rest.base == NULL && line.len == 0)
            break;
        buf_init(&out, 6 * line.len + 64);
        json_writer_init(&w, &out);
        json_open(&w);
        json_put_text(&w, "line", line);
        json_close(&w);
        printf("%.*s\n", TEXT_ARG(buf_view(&out)));
    }
}

static int instance_logs(struct ask *ask, struct err *err)
{
    struct text slug, log;

    if (find_instance(ask, &slug, err) != 0)
        return -1;
    ask->doc = NULL; /* what is printed is printed here */
    if (flag(ask, "--follow") != NULL)
        return client_events(&ask->client,
                             ask_path(ask, "/api/v1/instances/", slug, "/logs?follow=true"), "line",
                             print_event, ask, err);
    if (client_read(&ask->client, ask_path(ask, "/api/v1/instances/", slug, "/logs"), &log, err) !=
        0)
        return -1;
    print_lines(ask, log);
    return 0;
}

static int instance_modules(struct ask *ask, struct err *err)
{
    struct text slug;

    if (find_instance(ask, &slug, err) != 0)
        return -1;
    return ask_list(ask, ask_path(ask, "/api/v1/instances/", slug, "/modules"), err);
}

static int stack_add(struct ask *ask, struct err *err)
{
    json_put_text(&ask->w, "spec", word(ask, 0));
    if (ask_post(ask, "/api/v1/stacks", err) != 0)
        return -1;
    return ask_follow(ask, "ready", err);
}

static int stack_list(struct ask *ask, struct err *err)
{
    return ask_list(ask, "/api/v1/stacks", err);
}

static int theme_set(struct ask *ask, struct err *err)
{
    struct text name = word(ask, 1);
    const char *type = text_ends(name, ".json")  ? "application/json"
                       : text_ends(name, ".zip") ? "application/zip"
                                                 : "application/gzip";
    auto_buf struct buf bundle = {0};

    buf_init(&bundle, BUNDLE_MAX);
    if (file_read(ask->args.words[1], BUNDLE_MAX, &bundle, err) != 0)
        return -1;
    return client_send(&ask->client, "PUT",
                       ask_path(ask, "/api/v1/tenants/", word(ask, 0), "/theme"), buf_view(&bundle),
                       type, &ask->doc, err);
}

const struct command client_commands[] = {
    {"tenant create", "SLUG [--title TEXT]", "makes a tenant", ask_run, tenant_create, "slug,name"},
    {"tenant quota", "SLUG [--bytes 2G] [--versions N]",
     "shows or says what a tenant's packages may take", ask_run, tenant_quota,
     "bytes,max_bytes,versions,max_versions"},
    {"tenant retention", "SLUG [--keep N] [--days N] [--run]",
     "shows or says which pre-releases stay, and what would go; with --run it goes now", ask_run,
     tenant_retention, "keep,days,due"},
    {"tenant list", "", "lists the tenants", ask_run, tenant_list, "slug,name,instances,members"},
    {"user create", "NAME [--password-file FILE] [--email E] [--tenant T --role R]",
     "makes a user; without a file with a password that is shown once", ask_run, user_create,
     "name,email"},
    {"user list", "", "lists the users", ask_run, user_list, "name,email,admin,last_login_at"},
    {"user reset-factor", "NAME",
     "switches a user's second factor off, for who lost the app and the codes", ask_run,
     user_reset_factor, "name,second_factor"},
    {"token create",
     "--user NAME --name LABEL [--read-only] [--expires 30d] [--packages @acme/a,@acme/b-*]"
     " [--addresses 10.0.0.0/8] [--scopes package:read,package:stage] [--tenants acme]"
     " [--bypass-2fa] [--description TEXT]",
     "makes a token, shown once", ask_run, token_create, "token"},
    {"token list", "--user NAME", "lists a user's tokens", ask_run, token_list,
     "id,name,hint,created_at,expires_at,last_used_at,last_used_from"},
    {"token remove", "ID --user NAME", "ends a token", ask_run, token_remove, ""},
    {"issuer add", "NAME [--address URL]",
     "believes an issuer of ID tokens: github, gitlab, or any by its address", ask_run, issuer_add,
     "name,url"},
    {"issuer list", "", "lists the issuers of ID tokens", ask_run, issuer_list,
     "name,url,publishers"},
    {"issuer remove", "NAME", "believes an issuer no more", ask_run, issuer_remove, ""},
    {"trust add", "PACKAGE --issuer NAME --claims CLAIM=TEXT,... [--stage-only]",
     "trusts a CI job to publish a package", ask_run, trust_add_command, TRUST_COLUMNS},
    {"trust list", "PACKAGE", "lists the CI jobs that a package trusts", ask_run,
     trust_list_command, TRUST_COLUMNS},
    {"trust remove", "PACKAGE ID", "trusts a CI job no more", ask_run, trust_remove_command, ""},
    {"instance create", "TENANT/SLUG [--stack NAME]", "makes an instance and starts it", ask_run,
     instance_create, INSTANCE_COLUMNS},
    {"instance list", "", "lists the instances", ask_run, instance_list, INSTANCE_COLUMNS},
    {"instance start", "TENANT/SLUG", "starts an instance", ask_run, instance_start, ""},
    {"instance stop", "TENANT/SLUG", "stops an instance", ask_run, instance_stop, ""},
    {"instance restart", "TENANT/SLUG", "stops and starts an instance", ask_run, instance_restart,
     ""},
    {"instance logs", "TENANT/SLUG [--follow]", "prints the log of an instance", ask_run,
     instance_logs, ""},
    {"instance modules", "TENANT/SLUG", "lists the packages that an instance has", ask_run,
     instance_modules, "name,version,pending_version,direct"},
    {"instance remove", "TENANT/SLUG", "stops an instance and erases all that it holds", ask_run,
     instance_remove, ""},
    {"stack add", "SPEC", "installs a stack, such as node-red@5", ask_run, stack_add, ""},
    {"stack list", "", "lists the stacks", ask_run, stack_list,
     "name,state,node_red,node,instances"},
    {"package claim", "NAME [--tenant SLUG] [--take-over]", "makes an unscoped name private",
     ask_run, package_claim, "name,tenant"},
    {"package list", "", "lists the packages", ask_run, package_list,
     "name,latest,tenant,updated_at"},
    {"package users", "NAME", "lists the instances that have a package", ask_run, package_users,
     "tenant,instance,version,pending_version"},
    {"registry verify", "", "hashes every blob anew and compares every row with its blob", ask_run,
     registry_verify, "what,package,version,blob,text"},
    {"registry gc", "[--older 1d] [--dry-run]", "removes blobs that nobody needs", ask_run,
     registry_gc, "what,blob,bytes"},
    {"registry key list", "", "lists the keys that sign versions", ask_run, registry_key_list,
     "keyid,expires"},
    {"registry key rotate", "", "makes a new key; what older ones signed stays good", ask_run,
     registry_key_rotate, "keyid,expires"},
    {"hook add", "TENANT URL [--events LIST]", "adds a webhook; TENANT - is the platform", ask_run,
     hook_add, "id,url,secret"},
    {"hook list", "TENANT", "lists the webhooks", ask_run, hook_list,
     "id,url,active,waiting,cause"},
    {"hook enable", "TENANT ID", "switches a webhook on again", ask_run, hook_enable,
     "id,url,active"},
    {"hook remove", "TENANT ID", "removes a webhook", ask_run, hook_remove, ""},
    {"hook deliveries", "TENANT ID", "lists what was and will be delivered", ask_run,
     hook_deliveries, "id,event,state,attempts,status,cause"},
    {"hook ping", "TENANT ID", "delivers a ping", ask_run, hook_ping, "id,event,state"},
    {"hook redeliver", "TENANT ID DELIVERY", "delivers the same once more", ask_run, hook_redeliver,
     "id,event,state"},
    {"advisories import", "FILE", "takes an OSV export: .json, .zip, .tgz or a folder of .json",
     ask_run, advisories_import_files, ""},
    {"advisories list", "", "lists what is known against packages", ask_run, advisories_list,
     "id,level,package,vulnerable,title"},
    {"policy show", "[--tenant SLUG]", "prints the rules for packages", ask_run, policy_show, ""},
    {"policy set", "FILE [--tenant SLUG]", "replaces the rules for packages by those of a file",
     ask_run, policy_set, ""},
    {"policy refusals", "", "lists what the rules refused lately", ask_run, policy_refusals,
     "package,version,who,action,reason,times"},
    {"advisories concerned", "", "lists the instances that something is known against", ask_run,
     advisories_concerned, "tenant,instance,version,advisory"},
    {"uplink add", "NAME URL " UPLINK_FLAGS,
     "adds a registry outside that public packages come from; --auth is bearer or basic", ask_run,
     uplink_add_command, "name,url,auth,offline,state,cause"},
    {"uplink set", "NAME [--to URL] [--switch STATE] " UPLINK_FLAGS,
     "changes an uplink; --switch off: nothing goes out to it", ask_run, uplink_set_command,
     "name,url,auth,offline,state,cause"},
    {"uplink list", "", "lists the uplinks and how they are", ask_run, uplink_list_command,
     "name,url,auth,offline,state,cause"},
    {"uplink remove", "NAME", "removes an uplink and what is kept of it", ask_run,
     uplink_remove_command, ""},
    {"uplink test", "NAME", "asks an uplink whether it is there", ask_run, uplink_test_command,
     "ok,status,ms,error"},
    {"uplink cache", "", "tells how much is kept of public packages", ask_run, uplink_cache_command,
     "documents,tarballs,bytes,bundle_bytes,ceiling_bytes,offline"},
    {"uplink outside", "[--ask NAMES]",
     "lists private names that exist outside too; --ask tells the uplinks those names", ask_run,
     uplink_outside_command, "name,uplink,how,seen_at"},
    {"uplink rule add", "PATTERN UPLINK [--reason TEXT] [--position N]",
     "says which uplink names come from; block instead of UPLINK: from none", ask_run,
     uplink_rule_add_command, "position,pattern,uplink,block,reason"},
    {"uplink rule list", "", "lists the rules in the order in which they are tried", ask_run,
     uplink_rule_list_command, "position,pattern,uplink,block,reason"},
    {"uplink rule remove", "PATTERN", "removes a rule", ask_run, uplink_rule_remove_command, ""},
    {"stage list", "", "lists the versions that wait for approval", ask_run, stage_list_command,
     "id,package,version,tag,actor,created_at"},
    {"stage approve", "ID", "publishes a staged version", ask_run, stage_approve_command,
     "name,version"},
    {"stage reject", "ID", "removes a staged version", ask_run, stage_reject_command, ""},
    {"registry bundle export", "--packages FILE --out FILE",
     "makes one file of all that a list, a package.json or a lock file needs, for a site without "
     "internet",
     ask_run, bundle_export, "packages,versions,bytes,elsewhere"},
    {"registry bundle import", "FILE", "takes in such a file, where there is no internet", ask_run,
     bundle_import, "packages,versions,new_versions,bytes"},
    {"package access", "NAME", "tells who may what with a package", ask_run, package_access_command,
     "name,tenant,teams,people"},
    {"package grant", "NAME TEAM read-only|read-write",
     "gives a team a permission; from the first one on only owners and such teams publish it",
     ask_run, package_grant_command, "name,teams"},
    {"package revoke", "NAME TEAM", "takes a team's permission back", ask_run,
     package_revoke_command, "name,teams"},
    {"team create", "TENANT NAME [--description TEXT]", "makes a team of a tenant's members",
     ask_run, team_create_command, "name,description"},
    {"team list", "TENANT", "lists the teams of a tenant", ask_run, team_list_command,
     "name,description,members,packages"},
    {"team remove", "TENANT NAME", "removes a team and its permissions", ask_run,
     team_remove_command, ""},
    {"team join", "TENANT NAME USER", "adds a member of the tenant to a team", ask_run,
     team_join_command, "name,members"},
    {"team leave", "TENANT NAME USER", "takes somebody out of a team", ask_run, team_leave_command,
     ""},
    {"catalogue list", "TENANT",
     "lists the public packages that were picked; TENANT - is the platform", ask_run,
     catalogue_list_command, "name,version,platform,badge,note,cause"},
    {"catalogue pick", "TENANT NAME [--note TEXT] [--badge TEXT]",
     "picks a public package for the palette", ask_run, catalogue_pick_command, ""},
    {"catalogue remove", "TENANT NAME", "takes a picked package out again", ask_run,
     catalogue_remove_command, ""},
    {"catalogue address", "TENANT", "makes the address of the catalogue for Node-REDs elsewhere",
     ask_run, catalogue_address_command, "url"},
    {"source add", "TENANT GIT-URL [--tags 'v*']", "registers a git repository", ask_run,
     source_add, "id,url,webhook_url,webhook_secret"},
    {"source list", "TENANT", "lists the sources of a tenant", ask_run, source_list,
     "id,url,tags,last_commit,cause"},
    {"source build", "ID", "looks at a source and builds what is new or failed", ask_run,
     source_build, ""},
    {"registry import verdaccio",
     "DIR --tenant SLUG [--map @SCOPE=SLUG,...] [--users] [--tokens] [--take-over] [--dry-run]",
     "takes over the packages, users and tokens of a Verdaccio's storage folder", ask_run,
     import_verdaccio, ""},
    {"registry import registry",
     "URL --tenant SLUG [--packages LIST] [--scope @SCOPE] [--all] [--registry-token-file FILE] "
     "[--map @SCOPE=SLUG,...] [--take-over] [--dry-run]",
     "takes packages over from any registry", ask_run, import_registry, ""},
    {"registry export",
     "--tenant SLUG [--out DIR|FILE.tar] [--to URL] [--registry-token-file FILE]",
     "gives a tenant's packages out as plain npm, or publishes them to any registry", ask_run,
     export_packages, ""},
    {"registry import end-tokens", "", "takes no more legacy tokens of a Verdaccio", ask_run,
     import_end_tokens, ""},
    {"theme set", "TENANT FILE", "gives a tenant a theme: theme.json, .zip or .tgz", ask_run,
     theme_set, "version,updated_at"},
};
const unsigned n_client_commands = sizeof(client_commands) / sizeof(client_commands[0]);
