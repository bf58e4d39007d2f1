/*
 * The server with accounts, people's routes, events, operations and one instance, for tests over
 * HTTP. Prints "ready"; obeys lines on standard input and answers each with one line:
 *   emit TENANT KIND JSON    an event (TENANT a slug or "-")
 *   begin TENANT SUBJECT     an operation; the answer is its id
 *   end ID                   it is done
 *   flush                    account_flush
 *   sql STATEMENT            on the control database
 * A POST to /api/v1/test/counted?wait=MS answers 201 with how often it was done, /failing 409.
 * Usage: people_fixture DATABASE PORT PUBLIC_URL COOKIE SOCKET
 */
#include "core/db.h"
#include "core/embedded.h"
#include "core/pool.h"
#include "http/account.h"
#include "http/events.h"
#include "http/hosts.h"
#include "http/idempotency.h"
#include "http/operation.h"
#include "http/people.h"
#include "http/route.h"
#include "http/server.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct embedded http_sql[];

static struct db *db;
static struct account *account;
static struct events *events;
static struct operations *operations;
static struct http_server *server;
static atomic_int counted;

static void stop_on(int rc, const struct err *err)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static void post_counted(struct call *c)
{
    char text[32];
    int64_t wait = 0;

    (void)text_number(call_query(c, "wait"), 0, 5000, &wait);
    usleep((useconds_t)wait * 1000);
    snprintf(text, sizeof(text), "{\"count\": %d}", atomic_fetch_add(&counted, 1) + 1);
    call_set(c, "location", TEXT("/api/v1/test/1"));
    call_bytes(c, 201, "application/json", text_dup(c->pool, text_of(text)));
}

static void post_failing(struct call *c)
{
    struct err err;

    err_set(&err, ERR_CONFLICT, "failing", "Done %d times.", atomic_fetch_add(&counted, 1) + 1);
    call_fail(c, &err);
}

static void get_events(struct call *c)
{
    events_serve(events, c);
}

static const struct route routes[] = {
    {.method = "POST", .path = "/api/v1/test/counted", .handle = post_counted, .who = WHO_USER},
    {.method = "POST", .path = "/api/v1/test/failing", .handle = post_failing, .who = WHO_USER},
    {.method = "GET", .path = "/api/v1/events", .handle = get_events, .who = WHO_USER},
};

static int remove_tenant(void *arg, const char *tenant, struct err *err)
{
    return 0;
}

static int count_instances(void *arg, const char *tenant, long long *n, struct err *err)
{
    *n = 0;
    return 0;
}

static const char *tenant_id(struct pool *pool, const char *slug)
{
    struct snapshot *s = account_snapshot(account);
    const struct account_tenant *t = account_tenant_by_slug(s, text_of(slug));
    const char *id = t != NULL ? pool_strdup(pool, t->id) : NULL;

    snapshot_drop(s);
    return id;
}

static void run_sql(const char *sql)
{
    /* a statement is cached by its address */
    char *kept = xstrdup(sql);
    auto_tx struct db_tx tx = {0};
    struct err err;

    stop_on(db_begin(&tx, db, &err), &err);
    stop_on(db_do(tx.conn, &err, kept, "") < 0 ? -1 : 0, &err);
    stop_on(db_commit(&tx, &err), &err);
}

static void obey(char *line)
{
    auto_pool struct pool *pool = pool_new();
    char *word = strtok_r(line, " ", &line);
    char id[27] = "";
    struct err err;

    if (word == NULL)
        return;
    if (strcmp(word, "emit") == 0) {
        const char *tenant = tenant_id(pool, strtok_r(NULL, " ", &line));
        const char *kind = strtok_r(NULL, " ", &line);
        events_emit(events, tenant, kind, text_of(line));
    } else if (strcmp(word, "begin") == 0) {
        struct operation_spec spec = {.kind = "test.run"};
        spec.tenant = tenant_id(pool, strtok_r(NULL, " ", &line));
        spec.subject = text_of(line);
        stop_on(operation_begin(operations, &spec, id, &err), &err);
    } else if (strcmp(word, "end") == 0) {
        operation_end(operations, line, NULL);
    } else if (strcmp(word, "flush") == 0) {
        stop_on(account_flush(account, &err), &err);
    } else if (strcmp(word, "sql") == 0) {
        run_sql(line);
    }
    printf("%s\n", id);
    fflush(stdout);
}

static void put_hosts(struct hosts *hosts, const char *tenant, const char *socket)
{
    struct host_entry entries[2] = {{.host = "demo.localhost", .face = FACE_EDITOR},
                                    {.host = "demo--app.localhost", .face = FACE_APP}};

    for (int i = 0; i < 2; i++) {
        entries[i].instance = "01instance";
        entries[i].slug = "demo";
        entries[i].tenant = tenant;
        entries[i].state = HOST_RUNNING;
        entries[i].socket = socket;
        entries[i].title = "Demo";
        memset(entries[i].key, 7, sizeof(entries[i].key));
    }
    hosts_put(hosts, entries, 2);
}

int main(int argc, char **argv)
{
    const struct db_schema schemas[] = {{"http", http_sql}, {NULL, NULL}};
    struct account_user admin = {
        .name = TEXT("admin"), .password = TEXT("correct horse"), .admin = true};
    char id[ACCOUNT_ID], *line = NULL;
    size_t room = 0;
    struct err err;

    if (argc != 6)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    struct db_config db_config = {.path = argv[1], .schemas = schemas, .readers = 4};
    db = db_open(&db_config, &err);
    stop_on(db != NULL ? 0 : -1, &err);
    account = account_open(db, "rh", &err);
    events = events_new();
    operations = operations_open(db, events, &err);
    stop_on(account != NULL && operations != NULL ? 0 : -1, &err);
    if (account_user_create(account, &admin, id, &err) == 0)
        stop_on(account_tenant_create(account, TEXT("acme"), TEXT("Acme"), id, &err), &err);
    struct hosts *hosts = hosts_new();
    auto_pool struct pool *pool = pool_new();
    put_hosts(hosts, tenant_id(pool, "acme"), argv[5]);
    struct people_config people_config = {.account = account,
                                          .control = db,
                                          .hosts = hosts,
                                          .public_url = argv[3],
                                          .cookie_name = argv[4],
                                          .remove_tenant = remove_tenant,
                                          .count_instances = count_instances};
    struct people *people = people_new(&people_config);
    struct router *router = router_new();
    stop_on(people_routes(people, router, &err), &err);
    stop_on(operations_routes(operations, router, &err), &err);
    stop_on(router_add(router, routes, sizeof(routes) / sizeof(routes[0]), NULL, &err), &err);
    struct idempotency *idempotency = idempotency_new(db);
    struct http_config config = {.listen = pool_printf(pool, "127.0.0.1:%s", argv[2]),
                                 .domain = "localhost",
                                 .instance_domain = "localhost",
                                 .public_url = argv[3],
                                 .cookie_name = argv[4],
                                 .spool_dir = "/tmp",
                                 .loops = 2,
                                 .workers = 4,
                                 .max_connections = 1000,
                                 .max_spool_bytes = 64 << 20,
                                 .wait_ms = 2000,
                                 .router = router,
                                 .account = account,
                                 .hosts = hosts,
                                 .idempotency = idempotency};
    server = http_server_start(&config, &err);
    stop_on(server != NULL ? 0 : -1, &err);
    puts("ready");
    fflush(stdout);
    while (getline(&line, &room, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        obey(line);
    }
    free(line);
    http_server_stop(server, 2000);
    idempotency_free(idempotency);
    people_free(people);
    router_free(router);
    operations_close(operations);
    events_free(events);
    hosts_free(hosts);
    account_close(account);
    db_close(db);
    return 0;
}
