#include "tests/unit/registry/world.h"

#include "registry/package.h"
#include "registry/policy/policy.h"
#include "registry/policy/rules.h"

#define DENIES                                                                                     \
    "{\"public\":{\"deny\":[{\"name\":\"x\"}]},\"private\":{\"install_scripts\":\"deny\"}}"

static void set(struct world *w, const char *tenant, const char *rules)
{
    struct err err;
    assert_works(policy_write(w->registry, w->pool, tenant, text_of(rules), "root", &err), err);
}

static struct policy_view look(struct world *w, const struct identity *who, enum origin_kind kind,
                               const char *tenant)
{
    struct policy_view view;
    struct origin origin = {kind, tenant};
    policy_look(w->registry, w->pool, who, &origin, &view);
    return view;
}

static void without_rules_nothing_is_asked(void **state)
{
    struct world *w = *state;
    struct identity ada = world_who(w, w->pool, w->ada, SCOPE_ALL);
    struct policy_view view = look(w, &ada, ORIGIN_PUBLIC, NULL);
    assert_int_equal(view.n, 0);
    assert_text(view.key, "");
    set(w, NULL, "{\"public\":{\"allow\":[{\"name\":\"x\"}]}}");
    assert_int_equal(look(w, &ada, ORIGIN_PUBLIC, NULL).n, 0);
}

static void a_tenants_rules_bind_its_people_and_instances(void **state)
{
    struct world *w = *state;
    struct identity ada = world_who(w, w->pool, w->ada, SCOPE_ALL),
                    bob = world_who(w, w->pool, w->bob, SCOPE_ALL);
    struct identity instance = {.kind = IDENTITY_INSTANCE, .tenant = w->acme};
    set(w, w->acme, DENIES);
    assert_int_equal(look(w, &ada, ORIGIN_PUBLIC, NULL).n, 1);
    assert_int_equal(look(w, &instance, ORIGIN_PUBLIC, NULL).n, 1);
    assert_int_equal(look(w, &bob, ORIGIN_PUBLIC, NULL).n, 0);
    set(w, NULL, DENIES);
    assert_int_equal(look(w, &ada, ORIGIN_PUBLIC, NULL).n, 2);
    assert_int_equal(look(w, &bob, ORIGIN_PUBLIC, NULL).n, 1);
    /* A private package is its tenant's matter, whoever asks. */
    assert_int_equal(look(w, &bob, ORIGIN_TENANT, w->acme).n, 2);
    assert_int_equal(look(w, &ada, ORIGIN_TENANT, w->beta).n, 1);
    assert_int_equal(look(w, &ada, ORIGIN_PLATFORM, NULL).n, 1);
}

static void the_key_of_bodies_changes_with_rules_and_askers(void **state)
{
    struct world *w = *state;
    struct identity ada = world_who(w, w->pool, w->ada, SCOPE_ALL),
                    bob = world_who(w, w->pool, w->bob, SCOPE_ALL);
    set(w, NULL, DENIES);
    set(w, w->acme, DENIES);
    struct text first = look(w, &ada, ORIGIN_PUBLIC, NULL).key;
    assert_true(text_eq(first, look(w, &ada, ORIGIN_PUBLIC, NULL).key));
    assert_false(text_eq(first, look(w, &bob, ORIGIN_PUBLIC, NULL).key));
    set(w, w->acme, DENIES);
    assert_false(text_eq(first, look(w, &ada, ORIGIN_PUBLIC, NULL).key));
}

static void what_was_good_is_remembered_until_rules_change(void **state)
{
    struct world *w = *state;
    struct err err;
    struct identity ada = world_who(w, w->pool, w->ada, SCOPE_ALL);
    struct origin origin = {ORIGIN_PUBLIC, NULL};
    set(w, NULL, DENIES);
    struct policy_view view = look(w, &ada, ORIGIN_PUBLIC, NULL);
    struct policy_asking asking = {
        .view = &view, .who = &ada, .origin = &origin, .name = TEXT("y"), .version = TEXT("1.0.0")};
    assert_false(policy_remembers(&view, TEXT("y"), TEXT("1.0.0")));
    assert_works(policy_check(w->pool, &asking, &err), err);
    assert_true(policy_remembers(&view, TEXT("y"), TEXT("1.0.0")));
    asking.name = TEXT("x");
    assert_fails(policy_check(w->pool, &asking, &err), err, ERR_FORBIDDEN, "policy");
    assert_false(policy_remembers(&view, TEXT("x"), TEXT("1.0.0")));
    set(w, NULL, DENIES);
    view = look(w, &ada, ORIGIN_PUBLIC, NULL);
    assert_false(policy_remembers(&view, TEXT("y"), TEXT("1.0.0")));
}

static void who_is_in_very_many_tenants_is_judged_by_all_of_them(void **state)
{
    enum { TENANTS = 40 };
    struct world *w = *state;
    struct err err;
    char id[ACCOUNT_ID];
    for (int i = 0; i < TENANTS; i++) {
        struct text slug = text_printf(w->pool, "tenant-%d", i);
        assert_works(account_tenant_create(w->account, slug, slug, id, &err), err);
        assert_works(account_member_set(w->account, id, w->ada, ROLE_DEVELOPER, &err), err);
        set(w, id, "{\"public\":{\"deny\":[{\"name\":\"y\"}]}}");
    }
    struct identity ada = world_who(w, w->pool, w->ada, SCOPE_ALL);
    struct policy_view before = look(w, &ada, ORIGIN_PUBLIC, NULL);
    assert_int_equal(before.n, TENANTS);
    set(w, id, DENIES);
    struct origin origin = {ORIGIN_PUBLIC, NULL};
    struct policy_view view = look(w, &ada, ORIGIN_PUBLIC, NULL);
    struct policy_asking asking = {
        .view = &view, .who = &ada, .origin = &origin, .name = TEXT("x"), .version = TEXT("1.0.0")};
    assert_fails(policy_check(w->pool, &asking, &err), err, ERR_FORBIDDEN, "policy");
    assert_in_range(view.key.len, 1, 100);
    assert_false(text_eq(view.key, before.key));
}

static void a_publish_that_is_forbidden_leaves_nothing(void **state)
{
    struct world *w = *state;
    struct err err;
    struct package p;
    struct identity ada = world_who(w, w->pool, w->ada, SCOPE_ALL);
    set(w, NULL, "{\"private\":{\"licences_allowed\":[\"MIT\"]}}");
    assert_fails(world_publish(w, w->pool, &ada, "@acme/red-x", "1.0.0", &err), err, ERR_FORBIDDEN,
                 "policy");
    auto_read struct db_read r = db_read(w->db, &err);
    assert_int_equal(package_get(r.conn, w->pool, TEXT("@acme/red-x"), &p, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_rules_nothing_is_asked, world_open, world_close),
        cmocka_unit_test_setup_teardown(a_tenants_rules_bind_its_people_and_instances, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(the_key_of_bodies_changes_with_rules_and_askers, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(what_was_good_is_remembered_until_rules_change, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(who_is_in_very_many_tenants_is_judged_by_all_of_them,
                                        world_open, world_close),
        cmocka_unit_test_setup_teardown(a_publish_that_is_forbidden_leaves_nothing, world_open,
                                        world_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
