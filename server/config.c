#include "server/config.h"

#include "core/err.h"
#include "core/name.h"
#include "core/pool.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT(field) offsetof(struct config, field)

const struct option config_options[] = {
    {"data", OPTION_PATH, 1, 4096, "/var/lib/redhouse", NULL,
     "The data folder: all that the platform holds.", AT(data)},
    {"listen", OPTION_TEXT, 1, 1000, "127.0.0.1:8080", NULL,
     "Addresses and ports to listen on, separated by commas; port 0 takes a free one.", AT(listen)},
    {"domain", OPTION_TEXT, 1, 253, "localhost", NULL,
     "The host name of the portal, the API and the registry.", AT(domain)},
    {"instance-domain", OPTION_TEXT, 1, 253, NULL, NULL,
     "The domain below which instances have their host names; the domain unless given.",
     AT(instance_domain)},
    {"public-url", OPTION_TEXT, 1, 300, NULL, NULL,
     "The address that browsers and npm use; http, the domain and the port of listen unless given.",
     AT(public_url)},
    {"stacks", OPTION_PATH, 1, 4096, NULL, NULL,
     "The folder of the stacks, which several data folders may share; DATA/stacks unless given.",
     AT(stacks)},
    {"admin", OPTION_TEXT, 1, 64, NULL, NULL, "init: the name of the first admin.", AT(admin)},
    {"password-file", OPTION_PATH, 1, 4096, NULL, NULL,
     "init, user create: a file whose first line is the password.", AT(password_file)},
    {"must-change-password", OPTION_BOOL, 0, 1, "false", NULL,
     "init, user create: the password must be changed at the first login.",
     AT(must_change_password)},
    {"uplink", OPTION_TEXT, 1, 1000, NULL, NULL,
     "The registry that public packages come from; init asks npm's configuration when it is not "
     "given.",
     AT(uplink)},
    {"uplink-ca", OPTION_PATH, 1, 4096, NULL, NULL,
     "A PEM file of authorities to trust for the uplink.", AT(uplink_ca)},
    {"uplink-proxy", OPTION_TEXT, 1, 1000, NULL, NULL,
     "The HTTP proxy that the uplink is reached by.", AT(uplink_proxy)},
    {"uplink-fresh", OPTION_DURATION_MS, 1, 86400000, "5m", "ms",
     "How long a public package's document is good before the uplink is asked again.",
     AT(uplink_fresh_ms)},
    {"uplink-stale", OPTION_DURATION_MS, 0, 2592000000, "15m", "ms",
     "How long after that it is still served at once, while the uplink is asked behind the answer.",
     AT(uplink_stale_ms)},
    {"uplink-timeout", OPTION_DURATION_MS, 1000, 600000, "30s", "ms",
     "How long the uplink may send nothing.", AT(uplink_timeout_ms)},
    {"uplink-hosts", OPTION_TEXT, 1, 1000, NULL, NULL,
     "Further addresses (https://HOST) that the uplink's tarballs may lie at and redirects may "
     "lead "
     "to though they are private, separated by commas.",
     AT(uplink_hosts)},
    {"uplink-cache", OPTION_BYTES, 0, INT64_MAX, "20G", "bytes",
     "Ceiling of what is kept of public packages; what was used least goes first. 0: none.",
     AT(uplink_cache)},
    {"offline", OPTION_BOOL, 0, 1, "false", NULL,
     "Nothing goes out to uplinks; what is kept is served.", AT(offline)},
    {"tls-dir", OPTION_PATH, 1, 4096, NULL, NULL,
     "A folder with NAME.pem and NAME.key for each host name and default.pem; turns TLS on.",
     AT(tls_dir)},
    {"access-log", OPTION_PATH, 1, 4096, NULL, NULL, "A file that gets one line for each request.",
     AT(access_log)},
    {"trusted-proxies", OPTION_TEXT, 1, 1000, NULL, NULL,
     "Addresses whose X-Forwarded-For and -Proto are believed, separated by commas.",
     AT(trusted_proxies)},
    {"platform-scope", OPTION_TEXT, 1, 60, NULL, NULL, "An npm scope (@name) that all users share.",
     AT(platform_scope)},
    {"git-local", OPTION_PATH, 1, 4096, NULL, NULL,
     "The folder below which sources may be file addresses.", AT(git_local)},
    {"git-private", OPTION_BOOL, 0, 1, "false", NULL,
     "Lets sources lie at private and loopback addresses.", AT(git_private)},
    {"hook-private", OPTION_BOOL, 0, 1, "false", NULL,
     "Lets webhooks be delivered to private and loopback addresses.", AT(hook_private)},
    {"hook-retry", OPTION_DURATION_MS, 100, 3600000, "10s", "ms",
     "The first pause before a webhook's delivery is tried again; the next ones double.",
     AT(hook_retry_ms)},
    {"source-poll", OPTION_DURATION_MS, 5000, 86400000, "5m", "ms",
     "How often sources are asked for new tags.", AT(source_poll_ms)},
    {"default-stack", OPTION_TEXT, 1, 47, "node-red@5", NULL,
     "The stack of an instance made without one.", AT(default_stack)},
    {"anonymous-reads", OPTION_BOOL, 0, 1, "false", NULL,
     "Lets anybody read public packages through the registry.", AT(anonymous_reads)},
    {"self-registration", OPTION_BOOL, 0, 1, "false", NULL, "Lets npm adduser create users.",
     AT(self_registration)},
    {"ready-fd", OPTION_INT, 0, 1023, "0", NULL,
     "A descriptor that gets one line of JSON once requests are answered.", AT(ready_fd)},
    {"uid-base", OPTION_INT, 1000, 2000000000, "200000", NULL,
     "The first user id given to an instance.", AT(uid_base)},
    {"loops", OPTION_INT, 0, 256, "0", NULL, "HTTP threads; 0: one for each core.", AT(loops)},
    {"workers", OPTION_INT, 0, 1024, "0", NULL, "Threads of the quick lane; 0: four for each core.",
     AT(workers)},
    {"max-connections", OPTION_INT, 16, 1000000, "10000", NULL, "Connections open at once.",
     AT(max_connections)},
    {"max-spool", OPTION_BYTES, 1 << 20, INT64_MAX, "2G", "bytes",
     "Sum of the request bodies under way.", AT(max_spool)},
    {"wait", OPTION_DURATION_MS, 0, 600000, "30s", "ms",
     "How long a request waits for a starting instance.", AT(wait_ms)},
    {"start-deadline", OPTION_DURATION_MS, 1000, 600000, "90s", "ms",
     "How long an instance may take until its editor answers.", AT(start_deadline_ms)},
    {"drain", OPTION_DURATION_MS, 0, 600000, "10s", "ms",
     "How long requests may go on after a stop was asked for.", AT(drain_ms)},
    {"memory", OPTION_BYTES, 128 << 20, 16ll << 30, "512M", "bytes",
     "Memory limit of a new instance.", AT(memory)},
    {"cpu-percent", OPTION_INT, 5, 6400, "100", "percent",
     "CPU limit of a new instance; 100 is one core.", AT(cpu_percent)},
    {"pids", OPTION_INT, 32, 32768, "256", NULL,
     "Limit of processes and threads of a new instance.", AT(pids)},
    {"starts-at-once", OPTION_INT, 0, 256, "0", NULL,
     "Instances that start at the same time; 0: one for each core.", AT(starts_at_once)},
    {"ready-budget", OPTION_BYTES, 1 << 20, INT64_MAX, "256M", "bytes",
     "Memory for finished answers (packuments, catalogues, theme files).", AT(ready_budget)},
    {"url", OPTION_TEXT, 1, 1000, NULL, NULL,
     "Commands that talk to a server: its address; the admin socket of DATA unless given.",
     AT(url)},
    {"token-file", OPTION_PATH, 1, 4096, NULL, NULL,
     "Commands that talk to a server by --url: a file with a token.", AT(token_file)},
    {"otp", OPTION_TEXT, 1, 40, NULL, NULL,
     "Commands that talk to a server by --url: a one-time password of the second factor.", AT(otp)},
    {"json", OPTION_BOOL, 0, 1, "false", NULL, "Prints the answer as JSON.", AT(json)},
};
const size_t config_n_options = sizeof(config_options) / sizeof(config_options[0]);

/* The data folder decides which file is read, so it is looked for before everything else. */
static const char *find_data(char **argv)
{
    const char *data = getenv("REDHOUSE_DATA");

    for (int i = 0; argv[i] != NULL; i++) {
        if (strncmp(argv[i], "--data=", 7) == 0)
            data = argv[i] + 7;
        else if (strcmp(argv[i], "--data") == 0 && argv[i + 1] != NULL)
            data = argv[i + 1];
    }
    return data != NULL ? data : "/var/lib/redhouse";
}

static int fill(struct config *config, struct pool *pool, struct err *err)
{
    struct text listen = text_of(config->listen), first;

    if (!name_is_host(text_of(config->domain)))
        return err_set(err, ERR_INVALID, "bad_domain", "The domain \"%s\" is no host name.",
                       config->domain);
    if (config->instance_domain == NULL)
        config->instance_domain = config->domain;
    if (!name_is_host(text_of(config->instance_domain)))
        return err_set(err, ERR_INVALID, "bad_domain",
                       "The instance domain \"%s\" is no host name.", config->instance_domain);
    if (config->stacks == NULL)
        config->stacks = pool_printf(pool, "%s/stacks", config->data);
    if (config->public_url == NULL) {
        const char *scheme = config->tls_dir != NULL ? "https" : "http";
        int64_t port = 0;
        text_cut(&listen, ',', &first);
        size_t colon = SIZE_MAX;
        for (size_t at = 0; (at = text_find(first, ':', at)) != SIZE_MAX; at++)
            colon = at;
        if (colon == SIZE_MAX ||
            !text_number(text_sub(first, colon + 1, first.len), 0, 65535, &port))
            return err_set(err, ERR_INVALID, "bad_listen", "\"%s\" is not ADDRESS:PORT.",
                           config->listen);
        bool usual = port == (config->tls_dir != NULL ? 443 : 80);
        config->public_url =
            usual ? pool_printf(pool, "%s://%s", scheme, config->domain)
                  : pool_printf(pool, "%s://%s:%lld", scheme, config->domain, (long long)port);
    }
    struct text url = text_of(config->public_url);
    if ((!text_starts(url, "http://") && !text_starts(url, "https://")) || text_ends(url, "/"))
        return err_set(err, ERR_INVALID, "bad_public_url",
                       "The public URL \"%s\" must be http:// or https:// and a host, without a "
                       "slash at its end.",
                       config->public_url);
    return 0;
}

int config_read(struct config *config, struct pool *pool, char **argv, int *rest, struct err *err)
{
    const char *file = pool_printf(pool, "%s/redhouse.conf", find_data(argv));
    int words;

    *config = (struct config){0};
    if (access(file, R_OK) != 0)
        file = NULL;
    words = option_read(config_options, config_n_options, config, pool, file, argv, err);
    if (words < 0)
        return -1;
    if (rest == NULL && argv[words] != NULL)
        return err_set(
            err, ERR_INVALID, "unexpected_word",
            "\"%s\" is not expected here: options are --NAME VALUE, switches --NAME alone.",
            argv[words]);
    if (rest != NULL)
        *rest = words;
    return fill(config, pool, err);
}
