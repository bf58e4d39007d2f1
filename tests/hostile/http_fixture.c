/*
 * The HTTP server with a few routes, real accounts and nothing else, for hostile tests. Prints one
 * line of JSON with its port and credentials, then obeys lines on standard input and answers each
 * with one line of JSON: stats | emit TEXT | drop KEY | role NAME | revoke | reload | stop MS
 * Usage: http_fixture DIR [NAME VALUE]…, of: tls, carrier-tls, log, trusted, domain, url, loops,
 * workers, connections, spool, files, head, idle, stall
 */
#include "tests/hostile/http_fixture.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/embedded.h"
#include "core/json.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

extern const struct embedded http_sql[];

struct fixture world = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Noreturn void die(const char *what, const struct err *err)
{
    fprintf(stderr, "%s: %s\n", what, err != NULL ? err->text : "failed");
    exit(1);
}

/* Setting up. */

static void open_accounts(void)
{
    const struct db_schema schemas[] = {{"http", http_sql}, {NULL, NULL}};
    struct text path = text_printf(world.pool, "%s/control.db", world.dir);
    struct db_config config = {.path = path.base, .schemas = schemas, .readers = 2};
    struct account_user ada = {.name = TEXT("ada"), .password = TEXT("correct horse")};
    struct account_user root = {
        .name = TEXT("root"), .password = TEXT("correct horse"), .admin = true};
    struct account_user new = {
        .name = TEXT("new"), .password = TEXT("correct horse"), .must_change = true};
    char id[ACCOUNT_ID];
    struct err err;
    struct db *db = db_open(&config, &err);
    if (db == NULL || (world.account = account_open(db, "rh", &err)) == NULL)
        die("accounts", &err);
    if (account_user_create(world.account, &ada, world.user, &err) != 0 ||
        account_user_create(world.account, &root, world.admin, &err) != 0 ||
        account_user_create(world.account, &new, id, &err) != 0 ||
        account_tenant_create(world.account, TEXT("acme"), TEXT("Acme"), world.tenant, &err) != 0 ||
        account_tenant_create(world.account, TEXT("other"), TEXT("Other"), id, &err) != 0 ||
        account_member_set(world.account, world.tenant, world.user, ROLE_DEVELOPER, &err) != 0)
        die("accounts", &err);
}

static void put_token(struct json_writer *w, const char *name, const struct account_token *spec)
{
    struct text token;
    char id[ACCOUNT_ID];
    struct err err;
    if (account_token_create(world.account, world.pool, spec, &token, id, &err) != 0)
        die("token", &err);
    if (strcmp(name, "token") == 0)
        memcpy(world.token_id, id, sizeof(id));
    json_put_text(w, name, token);
}

static void put_cookie(struct json_writer *w, const char *name, const char *user, struct text host)
{
    struct text cookie;
    struct err err;
    if (account_session_create(world.account, world.pool, user, host, NULL, &cookie, &err) != 0)
        die("session", &err);
    json_put_text(w, name, cookie);
}

static void say_hello(const char *domain)
{
    struct snapshot *s = account_snapshot(world.account);
    struct text host = text_printf(world.pool, "%s:%d", domain, http_server_port(world.server));
    struct buf auto_buf out;
    struct json_writer w;
    buf_init(&out, 8192);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_int(&w, "port", http_server_port(world.server));
    put_token(
        &w, "token",
        &(struct account_token){.label = TEXT("test"), .user = world.user, .scopes = SCOPE_ALL});
    put_token(&w, "reader",
              &(struct account_token){
                  .label = TEXT("test"), .user = world.user, .scopes = SCOPE_READ_ONLY});
    put_token(
        &w, "admin",
        &(struct account_token){.label = TEXT("test"), .user = world.admin, .scopes = SCOPE_ALL});
    put_token(&w, "fresh",
              &(struct account_token){.label = TEXT("test"),
                                      .user = account_user_by_name(s, TEXT("new")),
                                      .scopes = SCOPE_ALL});
    put_token(&w, "instance",
              &(struct account_token){.label = TEXT("test"),
                                      .scopes = SCOPE_PACKAGE_READ,
                                      .instance = "01demo",
                                      .tenant = world.tenant,
                                      .generation = 1});
    put_cookie(&w, "cookie", world.user, host);
    put_cookie(&w, "freshCookie", account_user_by_name(s, TEXT("new")), host);
    json_close(&w);
    printf("%.*s\n", TEXT_ARG(buf_view(&out)));
    fflush(stdout);
    snapshot_drop(s);
}

static void open_hosts(void)
{
    const struct host_entry entries[] = {
        {.host = "demo.localhost",
         .face = FACE_EDITOR,
         .instance = "01demo",
         .slug = "demo",
         .tenant = world.tenant,
         .state = HOST_STOPPED,
         .title = "Demo"},
        {.host = "demo--app.localhost",
         .face = FACE_APP,
         .instance = "01demo",
         .slug = "demo",
         .tenant = world.tenant,
         .state = HOST_STOPPED,
         .title = "Demo"},
    };
    world.hosts = hosts_new();
    hosts_put(world.hosts, entries, 2);
}

static unsigned long most_files;

static void limit_files(void)
{
    struct rlimit limit = {most_files, most_files};
    if (most_files > 0 && setrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("setrlimit", NULL);
}

static void read_options(struct http_config *config, char **argv)
{
    for (; argv[0] != NULL && argv[1] != NULL; argv += 2) {
        const char *value = argv[1];
        if (strcmp(argv[0], "tls") == 0)
            config->tls_dir = value;
        else if (strcmp(argv[0], "carrier-tls") == 0)
            config->carrier_tls_dir = value;
        else if (strcmp(argv[0], "log") == 0)
            config->access_log = value;
        else if (strcmp(argv[0], "trusted") == 0)
            config->trusted_proxies = value;
        else if (strcmp(argv[0], "domain") == 0)
            config->domain = config->instance_domain = value;
        else if (strcmp(argv[0], "url") == 0)
            config->public_url = value;
        else if (strcmp(argv[0], "loops") == 0)
            config->loops = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(argv[0], "workers") == 0)
            config->workers = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(argv[0], "connections") == 0)
            config->max_connections = strtoul(value, NULL, 10);
        else if (strcmp(argv[0], "spool") == 0)
            config->max_spool_bytes = strtoul(value, NULL, 10);
        else if (strcmp(argv[0], "head") == 0)
            config->head_ms = strtol(value, NULL, 10);
        else if (strcmp(argv[0], "idle") == 0)
            config->idle_ms = strtol(value, NULL, 10);
        else if (strcmp(argv[0], "stall") == 0)
            config->stall_ms = strtol(value, NULL, 10);
        else if (strcmp(argv[0], "files") == 0)
            most_files = strtoul(value, NULL, 10);
        else
            die(argv[0], NULL);
    }
}

static void open_sockets(void)
{
    struct err err;
    struct text carrier = text_printf(world.pool, "%s/carrier.sock", world.dir);
    struct text admin = text_printf(world.pool, "%s/admin.sock", world.dir);
    if (http_server_carrier_open(world.server, carrier.base, "01demo", &err) != 0 ||
        http_server_admin_open(world.server, admin.base, "the secret", &err) != 0)
        die("sockets", &err);
}

/* Obeying. */

static void emit(const char *data)
{
    pthread_mutex_lock(&world.lock);
    for (struct listener *l = world.listeners; l != NULL; l = l->next)
        stream_event(l->stream, 0, "said", text_of(data));
    pthread_mutex_unlock(&world.lock);
}

static long rss_kb(void)
{
    long size = 0, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%ld %ld", &size, &pages) != 2)
        pages = 0;
    if (f != NULL)
        (void)fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static long cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (long)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static int open_files(void)
{
    int n = 0;
    for (int fd = 0; fd < 4096; fd++)
        n += fcntl(fd, F_GETFD) != -1;
    return n;
}

static int obey(char *line)
{
    char *arg = strchr(line, ' ');
    struct err err = {.text = ""};
    enum role role;
    int rc = 0;
    if (arg != NULL)
        *arg++ = '\0';
    if (strcmp(line, "emit") == 0)
        emit(arg);
    else if (strcmp(line, "drop") == 0)
        ready_drop_prefix(world.ready, text_of(arg));
    else if (strcmp(line, "role") == 0)
        rc = role_parse(text_of(arg), &role)
                 ? account_member_set(world.account, world.tenant, world.user, role, &err)
                 : -1;
    else if (strcmp(line, "revoke") == 0)
        rc = account_token_remove(world.account, world.user, text_of(world.token_id), &err);
    else if (strcmp(line, "reload") == 0)
        rc = http_server_reload(world.server, &err);
    else if (strcmp(line, "stop") == 0)
        http_server_stop(world.server, strtol(arg, NULL, 10));
    printf("{\"ok\": %s, \"handled\": %u, \"builds\": %u, \"closed\": %u, \"rss\": %ld, "
           "\"files\": %d, \"cpu\": %ld, \"error\": \"%s\"}\n",
           rc == 0 ? "true" : "false", atomic_load(&world.handled), atomic_load(&world.builds),
           atomic_load(&world.closed), rss_kb(), open_files(), cpu_ms(), err.text);
    fflush(stdout);
    return strcmp(line, "stop") == 0;
}

int main(int argc, char **argv)
{
    struct http_config config = {.listen = "127.0.0.1:0",
                                 .domain = "localhost",
                                 .instance_domain = "localhost",
                                 .public_url = "http://localhost",
                                 .cookie_name = "redhouse_test",
                                 .token_prefix = "rh",
                                 .loops = 2,
                                 .wait_ms = 1000};
    char line[1024];
    struct err err;
    if (argc < 2)
        return 1;
    (void)signal(SIGPIPE, SIG_IGN);
    world.dir = argv[1];
    world.pool = pool_new();
    config.spool_dir = world.dir;
    read_options(&config, argv + 2);
    open_accounts();
    open_hosts();
    world.ready = ready_new(1 << 20);
    config.router = router_new();
    config.account = world.account;
    config.hosts = world.hosts;
    if (fixture_routes(config.router, &err) != 0 ||
        (world.server = http_server_start(&config, &err)) == NULL)
        die("server", &err);
    open_sockets();
    limit_files();
    say_hello(config.domain);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (obey(line))
            break;
    }
    _exit(0); /* libh2o's contexts cannot be taken down */
}
