#include "tests/unit/registry/world.h"

#include "http/limits.h"
#include "registry/package.h"
#include "registry/stage/stage.h"
#include "registry/team/team.h"

#include <unistd.h>

#define NAME "@acme/red-hello"

struct scene {
    struct world *w;
    struct pool *pool;
    struct identity who; /* ada unless told otherwise */
    struct stage_asker asker;
};

static struct scene scene(struct world *w, struct pool *pool)
{
    struct scene s = {w, pool, world_who(w, pool, w->ada, SCOPE_ALL), {0}};
    s.asker.accounts = world_accounts(w, pool);
    return s;
}

/* The request of a document, as the route makes it. */
static struct publish_request request(struct scene *s, const char *name, struct text body)
{
    struct pkgname *n = pool_zalloc(s->pool, sizeof *n);
    struct json *doc;
    struct err err;

    assert_true(pkgname_split(text_of(name), n));
    assert_works(document_read(s->pool, body, &doc, &err), err);
    return (struct publish_request){.who = &s->who, .name = n, .tenant = s->w->acme, .doc = doc};
}

static int put(struct scene *s, const char *version, struct text *id, struct err *err)
{
    struct text tarball = world_tarball(s->pool, NAME, version, NULL);
    struct text body = world_document(s->pool, NAME, version, "latest", tarball);
    struct publish_request req = request(s, NAME, body);

    return stage_put(s->w->registry, s->pool, &req, body, id, err);
}

static int find(struct scene *s, struct text id, struct stage *out, struct err *err)
{
    s->asker.who = &s->who;
    return stage_find(s->w->registry, s->pool, &s->asker, id, out, err);
}

static bool has_blob(struct scene *s, struct text sha512)
{
    struct blob_id id;
    uint64_t bytes;
    int fd;

    memcpy(id.sha512, sha512.base, sizeof id.sha512);
    if (blob_open(s->w->blobs, &id, &fd, &bytes, NULL) != 0)
        return false;
    close(fd);
    return true;
}

static void what_is_staged_is_published_as_it_was_sent_and_then_gone(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct scene s = scene(*state, pool);
    struct publish_request req = {.who = &s.who, .tenant = s.w->acme};
    struct publish_result result;
    struct package_stored stored;
    struct stage stage;
    struct pkgname name;
    struct text id;
    struct err err;

    assert_works(put(&s, "1.0.0", &id, &err), err);
    assert_int_equal(s.w->published, 0);
    assert_works(find(&s, id, &stage, &err), err);
    assert_true(pkgname_split(stage.package, &name));
    req.name = &name;
    assert_works(stage_approve(s.w->registry, pool, &stage, &req, &result, &err), err);
    assert_int_equal(s.w->published, 1);
    assert_text(result.version, "1.0.0");
    assert_int_equal(find(&s, id, &stage, &err), -1);
    assert_string_equal(err.code, "stage_not_found");
    auto_read struct db_read r = db_read(s.w->db, &err);
    assert_works(package_get_stored(r.conn, pool, TEXT(NAME), TEXT("1.0.0"), &stored, &err), err);
    assert_true(text_eq(stored.sha512, stage.sha512));
    assert_true(has_blob(&s, stage.sha512));
}

static void a_tarball_stays_as_long_as_one_staged_version_needs_it(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct scene s = scene(*state, pool);
    struct stage one, two;
    struct text id;
    struct err err;

    assert_works(put(&s, "1.0.0", &id, &err), err);
    assert_works(find(&s, id, &one, &err), err);
    assert_works(put(&s, "1.0.0", &id, &err), err);
    assert_works(find(&s, id, &two, &err), err);
    assert_true(text_eq(one.sha512, two.sha512));
    assert_works(stage_reject(s.w->registry, pool, &one, &s.who, &err), err);
    assert_true(has_blob(&s, two.sha512));
    assert_works(stage_reject(s.w->registry, pool, &two, &s.who, &err), err);
    assert_false(has_blob(&s, two.sha512));
}

static void what_waited_too_long_is_not_seen_and_is_dropped_and_told(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct scene s = scene(*state, pool);
    struct stage stage;
    struct text id, told;
    struct err err;

    world_sql(s.w,
              "INSERT INTO hook (id, tenant, url, events, secret, active, created_by, created_at)"
              " SELECT 'h', id, 'http://127.0.0.1:1/', '[\"stage\"]', '', 1, 'ada', 1"
              " FROM tenant WHERE slug = 'acme'");
    assert_works(put(&s, "1.0.0", &id, &err), err);
    assert_works(find(&s, id, &stage, &err), err);
    assert_works(stage_expire(s.w->registry, &err), err);
    assert_works(find(&s, id, &stage, &err), err);
    world_sql(s.w, "UPDATE stage SET expires_at = 1");
    assert_int_equal(find(&s, id, &stage, &err), -1);
    assert_true(has_blob(&s, stage.sha512));
    assert_works(stage_expire(s.w->registry, &err), err);
    assert_false(has_blob(&s, stage.sha512));
    auto_read struct db_read r = db_read(s.w->db, &err);
    assert_works(db_get(r.conn, pool, &err,
                        "SELECT group_concat(body ->> '$.state' || ' by ' || coalesce(body ->> "
                        "'$.user', 'nobody')) FROM (SELECT body FROM hook_delivery ORDER BY rowid)",
                        "", "s", &told),
                 err);
    assert_text(told, "staged by ada,expired by nobody");
}

static void a_tenant_stages_so_much_and_no_more(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct scene s = scene(*state, pool);
    struct text id;
    struct err err;

    assert_works(put(&s, "1.0.0", &id, &err), err);
    world_sql(s.w, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 199)"
                   " INSERT INTO stage SELECT 'copy-' || i, package, tenant, version, tag, sha512,"
                   " shasum, bytes, head, tail, actor, actor_type, user, created_at, expires_at"
                   " FROM stage, n WHERE id NOT LIKE 'copy-%'");
    assert_int_equal(put(&s, "1.1.0", &id, &err), -1);
    assert_string_equal(err.code, "stage_full");
    world_sql(s.w, "DELETE FROM stage WHERE id LIKE 'copy-%'");
    assert_works(put(&s, "1.1.0", &id, &err), err);
    world_sql(s.w, "UPDATE stage SET bytes = 2147483648 WHERE version = '1.1.0'");
    assert_int_equal(put(&s, "1.2.0", &id, &err), -1);
    assert_string_equal(err.code, "stage_full");
}

static void only_who_may_publish_or_stage_sees_it(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct scene s = scene(*state, pool);
    struct identity bob = world_who(s.w, pool, s.w->bob, SCOPE_ALL);
    struct identity reader = world_who(s.w, pool, s.w->ada, SCOPE_PACKAGE_READ);
    struct identity machine =
        world_who(s.w, pool, s.w->ada, SCOPE_PACKAGE_READ | SCOPE_PACKAGE_STAGE);
    struct identity root = world_who(s.w, pool, s.w->root, SCOPE_ALL);
    const struct {
        const struct identity *who;
        int64_t sees;
    } cases[] = {{&bob, 0}, {&reader, 0}, {&machine, 1}, {&root, 1}, {&s.who, 1}};
    struct text id;
    struct err err;

    assert_works(put(&s, "1.0.0", &id, &err), err);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stage_page page = {.most = 10};
        s.asker.who = cases[i].who;
        assert_works(stage_list(s.w->registry, pool, &s.asker, &page, &err), err);
        assert_int_equal(page.total, cases[i].sees);
        assert_int_equal(page.n, cases[i].sees);
    }
}

static void a_token_that_is_limited_to_other_names_does_not_see_it(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct scene s = scene(*state, pool);
    struct text names[] = {TEXT("@acme/other-*")}, id;
    struct identity limited = s.who;
    struct limits_spec spec = {.names = {names, 1}};
    struct limits *limits = NULL;
    struct stage stage;
    struct err err;

    assert_works(put(&s, "1.0.0", &id, &err), err);
    assert_works(limits_make(&spec, &limits, &err), err);
    limited.limits = limits;
    s.asker.who = &limited;
    assert_int_equal(stage_find(s.w->registry, pool, &s.asker, id, &stage, &err), -1);
    assert_string_equal(err.code, "stage_not_found");
    struct stage_page page = {.most = 10};
    assert_works(stage_list(s.w->registry, pool, &s.asker, &page, &err), err);
    assert_int_equal(page.total, 0);
    limits_drop(limits);
}

static void with_grants_only_who_may_write_the_package_stages_and_rejects(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct world *w = *state;
    struct scene s = scene(w, pool), other = s;
    struct team team = {w->registry, w->acme, TEXT("devs")};
    struct stage stage;
    struct text id;
    struct err err;

    assert_works(account_member_set(w->account, w->acme, w->bob, ROLE_DEVELOPER, &err), err);
    other.who = world_who(w, pool, w->bob, SCOPE_ALL);
    assert_works(world_publish(w, pool, &s.who, NAME, "1.0.0", &err), err);
    assert_works(put(&other, "1.1.0", &id, &err), err);
    assert_works(team_create(&team, TEXT("who writes"), &err), err);
    struct change change = world_change(w, pool, &s.who, w->acme, NAME);
    assert_works(change_grant(&change, TEXT("devs"), TEXT("read-write"), &err), err);
    assert_fails(put(&other, "1.2.0", &id, &err), err, ERR_FORBIDDEN, "not_granted");
    assert_works(put(&s, "1.2.0", &id, &err), err);
    assert_works(find(&s, id, &stage, &err), err);
    assert_fails(stage_reject(w->registry, pool, &stage, &other.who, &err), err, ERR_FORBIDDEN,
                 "not_granted");
    assert_works(find(&s, id, &stage, &err), err);
    assert_works(team_add_user(&team, TEXT("bob"), &err), err);
    assert_works(put(&other, "1.3.0", &id, &err), err);
    assert_works(stage_reject(w->registry, pool, &stage, &other.who, &err), err);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_open, world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(what_is_staged_is_published_as_it_was_sent_and_then_gone),
        WITH_WORLD(a_tarball_stays_as_long_as_one_staged_version_needs_it),
        WITH_WORLD(what_waited_too_long_is_not_seen_and_is_dropped_and_told),
        WITH_WORLD(a_tenant_stages_so_much_and_no_more),
        WITH_WORLD(only_who_may_publish_or_stage_sees_it),
        WITH_WORLD(a_token_that_is_limited_to_other_names_does_not_see_it),
        WITH_WORLD(with_grants_only_who_may_write_the_package_stages_and_rejects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
