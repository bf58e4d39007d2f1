#include "tests/unit/unit.h"

#include "core/pool.h"
#include "registry/nodetypes.h"

static void scan(struct nodetypes *types, const char *source)
{
    memset(types, 0, sizeof *types);
    nodetypes_scan(types, text_of(source));
}

static void literals_are_found_in_every_quote(void **state)
{
    struct nodetypes t;

    scan(&t,
         "RED.nodes.registerType('lower-case', A);\nRED.nodes.registerType ( \"upper case\" ,B);"
         "n.registerType(`tick`,C);RED.nodes.registerType('cfg')");
    assert_int_equal(t.n, 4);
    assert_text(t.all[0], "lower-case");
    assert_text(t.all[1], "upper case");
    assert_text(t.all[2], "tick");
    assert_text(t.all[3], "cfg");
}

static void what_is_no_literal_is_left_out(void **state)
{
    struct nodetypes t;

    scan(&t,
         "registerType(name, A); registerType('a' + b, A); registerType(`x${y}`, A); "
         "registerType('open, A);"
         "\nregisterType('', A); registerType('a\\'b', A); registerType; registerTypes('no', A)");
    assert_int_equal(t.n, 0);
}

static void comments_are_passed_over(void **state)
{
    struct nodetypes t;

    scan(&t, "  // RED.nodes.registerType('old', A)\n/* registerType('older', A) */\n * "
             "registerType('doc', A)\n"
             "/*! licence */RED.nodes.registerType('real', A)");
    assert_int_equal(t.n, 1);
    assert_text(t.all[0], "real");
}

static void a_type_is_named_once_and_has_a_ceiling(void **state)
{
    struct nodetypes *t = xcalloc(1, sizeof *t);
    auto_pool struct pool *pool = pool_new();

    scan(t, "registerType('a',A);registerType('a',B)");
    assert_int_equal(t->n, 1);
    for (int i = 0; i < NODETYPES_MAX + 20; i++)
        nodetypes_scan(t, text_printf(pool, "registerType('t%d',A)", i));
    assert_int_equal(t->n, NODETYPES_MAX);
    free(t);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(literals_are_found_in_every_quote),
    cmocka_unit_test(what_is_no_literal_is_left_out),
    cmocka_unit_test(comments_are_passed_over),
    cmocka_unit_test(a_type_is_named_once_and_has_a_ceiling),
};
UNIT_MAIN(tests)
