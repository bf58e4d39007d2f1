#include "tests/unit/unit.h"

#include "registry/page/look.h"

#include <stdio.h>

static struct looks looks;

static const struct look *scan(const char *source, const char *name)
{
    looks.n = 0;
    looks_scan(&looks, text_of(source), "registerType", TEXT("set"));
    for (size_t i = 0; i < looks.n; i++)
        if (text_is(looks.all[i].name, name))
            return &looks.all[i];
    return NULL;
}

static void a_node_looks_as_its_literals_say(void **state)
{
    const struct look *l =
        scan("<script>RED.nodes.registerType('lower-case', {\n"
             "  category: 'function', // a comment, with 'quotes'\n"
             "  \"color\": \"#a6bbcf\", defaults: {name: {value: \"}\"}, x: [1, {a: 2}]},\n"
             "  inputs: 1, outputs: 2,\n"
             "  icon: `file.svg`, align: 'right',\n"
             "  label: function() { return this.name || /[/}'\"]/.test('x') || 'lower' },\n"
             "  oneditprepare() { if (a < b) { c = d / e; } },\n"
             "  paletteLabel: 'Lower case',\n"
             "});</script>",
             "lower-case");
    assert_non_null(l);
    assert_true(text_is(l->category, "function") && text_is(l->color, "#a6bbcf"));
    assert_true(text_is(l->icon, "file.svg") && text_is(l->align, "right"));
    assert_true(text_is(l->label, "Lower case") && text_is(l->set, "set"));
    assert_int_equal(l->inputs, 1);
    assert_int_equal(l->outputs, 2);
}

static void what_is_computed_is_not_told(void **state)
{
    const struct look *l =
        scan("registerType(\"x\",{category:'a'+b,color:c,icon:function(){return 'i'},"
             "paletteLabel:`${x}`,inputs:n+1,outputs:0x10,align:'le\\x66t'})",
             "x");
    assert_non_null(l);
    assert_true(l->category.base == NULL && l->color.base == NULL && l->icon.base == NULL);
    assert_true(l->label.base == NULL && l->align.base == NULL);
    assert_int_equal(l->inputs, -1);
    assert_int_equal(l->outputs, -1);
    assert_null(scan("registerType(name, {category: 'x'})", "name"));
    assert_non_null(scan("registerType('alone')", "alone"));
    assert_null(scan("registerType('a' + 'b', {})", "a"));
}

static void a_source_that_ends_anywhere_is_read_without_harm(void **state)
{
    static const char whole[] =
        "registerType('x',{category:'a',color:\"#123\",a:{b:[`c${d}`,/e[/]/]},"
        "/* c */inputs:1,'icon':'i.png',paletteLabel:'l'})";
    for (size_t n = 0; n < sizeof whole; n++) {
        char *part = test_malloc(n + 1);
        memcpy(part, whole, n);
        looks.n = 0;
        looks_scan(&looks, text_n(part, n), "registerType", TEXT("s"));
        test_free(part);
    }
    static const char *const odd[] = {
        "registerType('x',{",         "registerType('x',{:",   "registerType('x',{,",
        "registerType('x',{a:}",      "registerType('x',{a:/", "registerType('x',{a:))))",
        "registerType('x',{a:{}}}}}", "registerType('x',{]:1}"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        scan(odd[i], "x");
}

static void a_colour_is_a_colour_and_nothing_else(void **state)
{
    static const char *const good[] = {"#abc",   "#ABCD",        "#a1b2c3",       "#a1b2c3d4",
                                       "Silver", "rgb(1, 2, 3)", "rgba(1,2,3,.5)"};
    static const char *const bad[] = {
        "",        "#ab",           "#xyz",   "url(x)",  "red;background:x",
        "rgb(1,2", "rgb(1,2,3);x)", "rgb(a)", "var(--x)"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(look_is_color(text_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(look_is_color(text_of(bad[i])));
    assert_null(scan("registerType('x',{color:'url(http://a)'})", "x")->color.base);
}

static void no_more_is_taken_than_there_is_room_for(void **state)
{
    static char many[40 * 600];
    size_t n = 0;
    for (unsigned i = 0; i < 600; i++)
        n += (size_t)snprintf(many + n, sizeof many - n, "registerType('n%u',{});", i);
    scan(many, "n0");
    assert_int_equal(looks.n, LOOKS_MAX);
    scan("registerType('a',{color:'red'});registerType('a',{color:'blue'})", "a");
    assert_int_equal(looks.n, 1);
    assert_true(text_is(looks.all[0].color, "red"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_looks_as_its_literals_say),
        cmocka_unit_test(what_is_computed_is_not_told),
        cmocka_unit_test(a_source_that_ends_anywhere_is_read_without_harm),
        cmocka_unit_test(a_colour_is_a_colour_and_nothing_else),
        cmocka_unit_test(no_more_is_taken_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
