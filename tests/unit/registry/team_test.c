#include "tests/unit/registry/world.h"

#include "registry/package.h"
#include "registry/permission.h"
#include "registry/star.h"
#include "registry/team/team.h"

#define NAME "@acme/red-hello"

/* ada owns the package; bob is a developer too, root an administrator. */
struct scene {
    struct world *w;
    struct team team;
    struct identity ada, bob;
    struct change change; /* ada's */
};

static struct scene set(struct world *w)
{
    struct scene s = {.w = w, .team = {w->registry, w->acme, TEXT("devs")}};
    struct err err;
    assert_works(account_member_set(w->account, w->acme, w->bob, ROLE_DEVELOPER, &err), err);
    s.ada = world_who(w, w->pool, w->ada, SCOPE_ALL);
    s.bob = world_who(w, w->pool, w->bob, SCOPE_ALL);
    assert_works(world_publish(w, w->pool, &s.ada, NAME, "1.0.0", &err), err);
    assert_works(team_create(&s.team, TEXT("who writes"), &err), err);
    s.change = world_change(w, w->pool, NULL, w->acme, NAME);
    return s;
}

static int tag_by(struct scene *s, struct identity *who, struct err *err)
{
    struct change change = s->change;
    change.who = who;
    return change_set_tag(&change, TEXT("t"), TEXT("1.0.0"), err);
}

static int64_t members(struct world *w)
{
    struct err err;
    int64_t n = -1;
    auto_read struct db_read r = db_read(w->db, &err);
    assert_works(db_get(r.conn, w->pool, &err, "SELECT count(*) FROM team_member", "", "i", &n),
                 err);
    return n;
}

static void a_grant_leaves_a_package_to_owners_and_teams_with_read_write(void **state)
{
    struct world *w = *state;
    struct scene s = set(w);
    struct err err;
    s.change.who = &s.ada;
    assert_works(tag_by(&s, &s.bob, &err), err);
    assert_works(team_add_user(&s.team, TEXT("bob"), &err), err);
    assert_works(change_grant(&s.change, TEXT("devs"), TEXT("read-only"), &err), err);
    assert_fails(tag_by(&s, &s.bob, &err), err, ERR_FORBIDDEN, "not_granted");
    assert_fails(world_publish(w, w->pool, &s.bob, NAME, "1.0.1", &err), err, ERR_FORBIDDEN,
                 "not_granted");
    assert_works(tag_by(&s, &s.ada, &err), err);
    assert_works(change_grant(&s.change, TEXT("devs"), TEXT("read-write"), &err), err);
    assert_works(world_publish(w, w->pool, &s.bob, NAME, "1.0.1", &err), err);
    assert_works(team_remove_user(&s.team, TEXT("bob"), &err), err);
    assert_fails(tag_by(&s, &s.bob, &err), err, ERR_FORBIDDEN, "not_granted");
    /* An owner of the tenant may whatever the grants say; without grants all may again. */
    assert_works(account_member_set(w->account, w->acme, w->bob, ROLE_OWNER, &err), err);
    struct identity boss = world_who(w, w->pool, w->bob, SCOPE_ALL);
    assert_works(tag_by(&s, &boss, &err), err);
    assert_works(change_grant(&s.change, TEXT("devs"), TEXT_NONE, &err), err);
    assert_works(tag_by(&s, &s.bob, &err), err);
}

static void a_removed_team_takes_its_grants_with_it(void **state)
{
    struct world *w = *state;
    struct scene s = set(w);
    struct err err;
    s.change.who = &s.ada;
    assert_works(change_grant(&s.change, TEXT("devs"), TEXT("read-only"), &err), err);
    assert_fails(tag_by(&s, &s.bob, &err), err, ERR_FORBIDDEN, "not_granted");
    assert_works(team_remove(&s.team, &err), err);
    assert_works(tag_by(&s, &s.bob, &err), err);
    assert_fails(team_remove(&s.team, &err), err, ERR_NOT_FOUND, "team_not_found");
}

static void only_members_are_in_teams_and_who_leaves_leaves_them(void **state)
{
    struct world *w = *state;
    struct scene s = set(w);
    struct err err;
    assert_fails(team_add_user(&s.team, TEXT("root"), &err), err, ERR_UNPROCESSABLE,
                 "not_a_member");
    assert_works(team_add_user(&s.team, TEXT("bob"), &err), err);
    assert_works(team_add_user(&s.team, TEXT("bob"), &err), err);
    assert_int_equal(members(w), 1);
    assert_works(account_member_set(w->account, w->acme, w->bob, ROLE_VIEWER, &err), err);
    assert_int_equal(members(w), 1);
    assert_works(account_member_set(w->account, w->acme, w->bob, ROLE_NONE, &err), err);
    assert_int_equal(members(w), 0);
    assert_works(account_member_set(w->account, w->acme, w->bob, ROLE_DEVELOPER, &err), err);
    assert_int_equal(members(w), 0);
}

static void grants_are_for_teams_of_the_tenant_and_given_by_owners(void **state)
{
    struct world *w = *state;
    struct scene s = set(w);
    struct err err;
    struct team other = {w->registry, w->beta, TEXT("theirs")};
    assert_works(team_create(&other, TEXT_NONE, &err), err);
    s.change.who = &s.ada;
    assert_fails(change_grant(&s.change, TEXT("theirs"), TEXT("read-write"), &err), err,
                 ERR_NOT_FOUND, "team_not_found");
    assert_fails(change_grant(&s.change, TEXT("devs"), TEXT("write"), &err), err, ERR_UNPROCESSABLE,
                 "bad_permission");
    assert_fails(change_grant(&s.change, TEXT("devs"), TEXT_NONE, &err), err, ERR_NOT_FOUND,
                 "grant_not_found");
    s.change.who = &s.bob;
    assert_fails(change_grant(&s.change, TEXT("devs"), TEXT("read-write"), &err), err,
                 ERR_FORBIDDEN, "not_owner");
    assert_fails(team_create(&s.team, TEXT_NONE, &err), err, ERR_UNPROCESSABLE, "team_exists");
    other.name = TEXT("Not a slug");
    assert_fails(team_create(&other, TEXT_NONE, &err), err, ERR_UNPROCESSABLE, "bad_team");
    assert_fails(team_check_right(&s.bob, w->acme, &err), err, ERR_FORBIDDEN, "forbidden");
}

static void owners_come_and_go_but_one_stays(void **state)
{
    struct world *w = *state;
    struct scene s = set(w);
    struct err err;
    s.change.who = &s.ada;
    assert_fails(change_owner(&s.change, TEXT("ada"), false, &err), err, ERR_UNPROCESSABLE,
                 "bad_owners");
    assert_fails(change_owner(&s.change, TEXT("nobody"), true, &err), err, ERR_UNPROCESSABLE,
                 "unknown_user");
    assert_works(change_owner(&s.change, TEXT("bob"), true, &err), err);
    assert_works(change_owner(&s.change, TEXT("ada"), false, &err), err);
    assert_fails(change_owner(&s.change, TEXT("ada"), false, &err), err, ERR_FORBIDDEN,
                 "not_owner");
}

static void several_tags_are_set_at_once_or_none(void **state)
{
    struct world *w = *state;
    struct scene s = set(w);
    struct err err;
    struct json *doc;
    struct text version;
    s.change.who = &s.ada;
    assert_works(json_read(w->pool, TEXT("{\"a\":\"1.0.0\",\"b\":\"9.9.9\"}"), 10, &doc, &err),
                 err);
    assert_fails(change_set_tags(&s.change, doc, false, &err), err, ERR_NOT_FOUND,
                 "version_not_found");
    assert_works(json_read(w->pool, TEXT("{\"a\":\"1.0.0\"}"), 10, &doc, &err), err);
    assert_works(change_set_tags(&s.change, doc, false, &err), err);
    assert_works(json_read(w->pool, TEXT("{\"b\":\"1.0.0\"}"), 10, &doc, &err), err);
    assert_works(change_set_tags(&s.change, doc, true, &err), err);
    auto_read struct db_read r = db_read(w->db, &err);
    assert_int_not_equal(package_get_tag(r.conn, w->pool, TEXT(NAME), TEXT("a"), &version, &err),
                         0);
    for (int i = 0; i < 2; i++)
        assert_works(package_get_tag(r.conn, w->pool, TEXT(NAME), i ? TEXT("b") : TEXT("latest"),
                                     &version, &err),
                     err);
}

static void a_star_is_the_persons_own(void **state)
{
    struct world *w = *state;
    struct scene s = set(w);
    struct err err;
    struct text users;
    assert_works(star_set(w->registry, &s.bob, TEXT(NAME), true, &err), err);
    assert_works(star_set(w->registry, &s.bob, TEXT(NAME), true, &err), err);
    assert_works(star_set(w->registry, &s.bob, TEXT("public-one"), false, &err), err);
    assert_fails(star_set(w->registry, &s.bob, TEXT("@acme/absent"), true, &err), err,
                 ERR_NOT_FOUND, "package_not_found");
    {
        auto_read struct db_read r = db_read(w->db, &err);
        assert_works(star_users(r.conn, w->pool, TEXT(NAME), &users, &err), err);
    }
    assert_text(users, "{\"bob\":true}");
    assert_works(star_clear(w->registry, &s.bob, TEXT(NAME), &err), err);
    auto_read struct db_read r = db_read(w->db, &err);
    assert_works(star_users(r.conn, w->pool, TEXT(NAME), &users, &err), err);
    assert_text(users, "{}");
}

static void the_last_owner_of_a_tenant_stays_unless_an_administrator_says_so(void **state)
{
    struct world *w = *state;
    struct err err;
    assert_works(account_member_set(w->account, w->acme, w->ada, ROLE_OWNER, &err), err);
    struct identity ada = world_who(w, w->pool, w->ada, SCOPE_ALL),
                    root = world_who(w, w->pool, w->root, SCOPE_ALL);
    struct account_member_change change = {&ada, w->acme, w->ada, ROLE_VIEWER};
    assert_fails(account_member_change(w->account, w->pool, &change, &err), err, ERR_CONFLICT,
                 "last_owner");
    change.who = &root;
    assert_works(account_member_change(w->account, w->pool, &change, &err), err);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)
static const struct CMUnitTest tests[] = {
    TEST(a_grant_leaves_a_package_to_owners_and_teams_with_read_write),
    TEST(a_removed_team_takes_its_grants_with_it),
    TEST(only_members_are_in_teams_and_who_leaves_leaves_them),
    TEST(grants_are_for_teams_of_the_tenant_and_given_by_owners),
    TEST(owners_come_and_go_but_one_stays),
    TEST(several_tags_are_set_at_once_or_none),
    TEST(a_star_is_the_persons_own),
    TEST(the_last_owner_of_a_tenant_stays_unless_an_administrator_says_so),
};
UNIT_MAIN(tests)
