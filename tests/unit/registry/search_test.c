#include "tests/unit/registry/world.h"

#include "registry/search/index.h"
#include "registry/search/query.h"
#include "registry/search/search.h"

static struct text match(struct world *w, const char *text)
{
    struct query q;
    query_read(w->pool, text_of(text), &q);
    return q.match;
}

static void words_become_phrases_of_ours(void **state)
{
    struct world *w = *state;
    assert_text(match(w, "red Hello"), "\"red\"* AND \"hello\"*");
    assert_text(match(w, "node-red"), "\"node red\"*");
    assert_text(match(w, "a"), "\"a\"");
    assert_text(match(w, "mqtt keywords:red,blue-green"),
                "\"mqtt\"* AND keywords : (\"red\" OR \"blue green\")");
    assert_text(match(w, "keywords:red+blue"), "keywords : (\"red\" AND \"blue\")");
    assert_null(match(w, "scope:acme is:unstable keywords:-red").base);
}

static void nothing_of_a_client_is_syntax(void **state)
{
    struct world *w = *state;
    assert_text(match(w, "x\"\"OR\"y"), "\"x or y\"");
    assert_text(match(w, "name:x NEAR(a,b) NOT ^z"),
                "\"name x\" AND \"near a b\" AND \"not\"* AND \"z\"");
    assert_text(match(w, "(((((((( hello"), "\"hello\"*");
    struct query q;
    query_read(w->pool, TEXT("*** \"\""), &q);
    assert_true(q.empty);
    query_read(w->pool, TEXT("1 2 3 4 5 6 7 8 9 10"), &q);
    assert_null(strstr(text_c(w->pool, q.match), "10"));
}

static void names_are_taken_apart(void **state)
{
    struct buf b;
    buf_init(&b, 1000);
    index_parts(&b, TEXT("node-red-mqttBroker"));
    index_parts(&b, TEXT("JSONStream"));
    index_parts(&b, TEXT("plain-name"));
    index_parts(&b, TEXT(""));
    index_joined(&b, TEXT("node-red"));
    assert_text(buf_view(&b), "node-red-mqtt Broker JSON Stream nodered ");
    buf_release(&b);
}

/* Names that who finds, best first, with blanks between; total in *total. */
static struct text found(struct world *w, const struct identity *who, const char *text)
{
    static const struct search_weights usual = {-1, -1, -1};
    struct err err;
    struct query q;
    struct search_hits hits;
    struct text name, out = TEXT("");
    struct sight sight = origin_sight(w->registry, w->pool, who);
    query_read(w->pool, text_of(text), &q);
    auto_read struct db_read r = db_read(w->db, &err);
    assert_works(search_find(r.conn, w->pool, &sight, &q, &usual, &hits, &err), err);
    for (size_t i = 0; i < hits.n; i++) {
        assert_works(db_get(r.conn, w->pool, &err,
                            "SELECT package FROM package_search WHERE id = ?", "i", "s",
                            hits.all[i].id, &name),
                     err);
        out = text_printf(w->pool, "%.*s%s%.*s", TEXT_ARG(out), out.len > 0 ? " " : "",
                          TEXT_ARG(name));
    }
    free(hits.all);
    return out;
}

static void publish(struct world *w, const struct identity *who, const char *name,
                    const char *version, const char *members)
{
    struct err err;
    struct text tarball = world_tarball(w->pool, name, version, members);
    struct text doc = world_document(w->pool, name, version, "latest", tarball);
    /* The document says what the tarball says. */
    const char *before = "\"description\":\"A node\",\"keywords\":[\"node-red\"],";
    char *at = strstr((char *)(uintptr_t)doc.base, before);
    assert_non_null(at);
    doc = text_printf(w->pool, "%.*s%s,%s", (int)(at - doc.base - 1), doc.base, members,
                      at + strlen(before));
    assert_works(world_put(w, w->pool, who, name, doc, &err), err);
}

static void everybody_finds_what_they_may_see(void **state)
{
    struct world *w = *state;
    struct identity ada = world_who(w, w->pool, w->ada, SCOPE_ALL),
                    bob = world_who(w, w->pool, w->bob, SCOPE_ALL),
                    root = world_who(w, w->pool, w->root, SCOPE_ALL), nobody = {0};
    publish(w, &ada, "@acme/red-zebra", "1.0.0", ",\"description\":\"Stripes\"");
    publish(w, &bob, "@beta/zebra", "1.0.0", ",\"description\":\"Stripes\"");
    publish(w, &ada, "@shared/zebra-kit", "1.0.0", ",\"description\":\"Stripes\"");
    assert_text(found(w, &ada, "stripes scope:acme"), "@acme/red-zebra");
    assert_text(found(w, &ada, "stripes scope:beta"), "");
    assert_text(found(w, &bob, "zebra"), "@beta/zebra @shared/zebra-kit");
    assert_text(found(w, &root, "zebra scope:acme"), "@acme/red-zebra");
    assert_text(found(w, &nobody, "zebra"), "");
    struct identity instance = {.kind = IDENTITY_INSTANCE,
                                .tenant = w->acme,
                                .instance = "x",
                                .narrowed = SCOPE_PACKAGE_READ};
    assert_text(found(w, &instance, "scope:beta"), "");
    assert_text(found(w, &instance, "scope:acme zebra"), "@acme/red-zebra");
    assert_text(found(w, &instance, "scope:shared"), "@shared/zebra-kit");
}

static void qualifiers_choose(void **state)
{
    struct world *w = *state;
    struct identity ada = world_who(w, w->pool, w->ada, SCOPE_ALL);
    publish(w, &ada, "@acme/alpha", "0.1.0",
            ",\"description\":\"First\",\"keywords\":[\"node-red\",\"Blue\"],\"author\":{\"name\":"
            "\"Grace\",\"email\":\"grace@example.com\"}");
    publish(w, &ada, "@acme/bravo", "1.0.0",
            ",\"description\":\"Second\",\"keywords\":[\"node-red\",\"blue-green\"]");
    assert_text(found(w, &ada, "keywords:blue"), "@acme/alpha");
    assert_text(found(w, &ada, "keywords:node-red+blue-green"), "@acme/bravo");
    assert_text(found(w, &ada, "keywords:node-red,-blue"), "@acme/bravo");
    assert_text(found(w, &ada, "keywords:node"), "");
    assert_text(found(w, &ada, "author:grace"), "@acme/alpha");
    assert_text(found(w, &ada, "maintainer:ada not:unstable"), "@acme/bravo");
    assert_text(found(w, &ada, "maintainer:bob"), "");
    assert_text(found(w, &ada, "is:unstable"), "@acme/alpha");
    assert_text(found(w, &ada, "is:deprecated"), "");
    assert_text(found(w, &ada, "is:insecure"), "");
    assert_text(found(w, &ada, "***"), "");
}

static void an_exact_name_comes_first_and_parts_are_found(void **state)
{
    struct world *w = *state;
    struct identity ada = world_who(w, w->pool, w->ada, SCOPE_ALL);
    publish(w, &ada, "@acme/mqtt-mqtt-mqtt", "1.0.0", ",\"description\":\"mqtt mqtt mqtt\"");
    publish(w, &ada, "@acme/mqtt", "0.0.1", ",\"description\":\"Something else\"");
    publish(w, &ada, "@acme/node-red-mybroker", "1.0.0", ",\"description\":\"tcpServer\"");
    assert_true(text_starts(found(w, &ada, "mqtt"), "@acme/mqtt @acme/"));
    assert_true(text_starts(found(w, &ada, "@acme/mqtt"), "@acme/mqtt @acme/"));
    assert_text(found(w, &ada, "noderedmybr"), "@acme/node-red-mybroker");
    assert_text(found(w, &ada, "red-mybro"), "@acme/node-red-mybroker");
    assert_text(found(w, &ada, "tcpserver"), "@acme/node-red-mybroker");
}

static void a_change_and_a_removal_are_seen_at_once(void **state)
{
    struct world *w = *state;
    struct err err;
    int64_t left;
    struct identity ada = world_who(w, w->pool, w->ada, SCOPE_ALL);
    publish(w, &ada, "@acme/gnu", "1.0.0", ",\"description\":\"Before\"");
    publish(w, &ada, "@acme/gnu", "1.1.0", ",\"description\":\"After\"");
    assert_text(found(w, &ada, "before"), "");
    assert_text(found(w, &ada, "after"), "@acme/gnu");
    struct change change = world_change(w, w->pool, &ada, w->acme, "@acme/gnu");
    assert_works(change_remove(&change, TEXT_NONE, &err), err);
    assert_text(found(w, &ada, "after"), "");
    auto_read struct db_read r = db_read(w->db, &err);
    assert_works(db_get(r.conn, w->pool, &err,
                        "SELECT count(*) FROM package_text WHERE package_text MATCH 'after'", "",
                        "i", &left),
                 err);
    assert_int_equal(left, 0);
}

static void what_was_there_before_is_indexed_at_start(void **state)
{
    struct world *w = *state;
    struct err err;
    struct identity ada = world_who(w, w->pool, w->ada, SCOPE_ALL);
    publish(w, &ada, "@acme/old", "1.0.0", ",\"description\":\"Ancient\"");
    {
        auto_tx struct db_tx tx = {0};
        assert_works(db_begin(&tx, w->db, &err), err);
        assert_int_equal(db_do(tx.conn, &err, "DELETE FROM package_search", ""), 1);
        assert_works(db_commit(&tx, &err), err);
    }
    assert_text(found(w, &ada, "ancient"), "");
    assert_works(index_missing(w->db, &err), err);
    assert_text(found(w, &ada, "ancient"), "@acme/old");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(words_become_phrases_of_ours, world_open, world_close),
        cmocka_unit_test_setup_teardown(nothing_of_a_client_is_syntax, world_open, world_close),
        cmocka_unit_test_setup_teardown(names_are_taken_apart, world_open, world_close),
        cmocka_unit_test_setup_teardown(everybody_finds_what_they_may_see, world_open, world_close),
        cmocka_unit_test_setup_teardown(qualifiers_choose, world_open, world_close),
        cmocka_unit_test_setup_teardown(an_exact_name_comes_first_and_parts_are_found, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(a_change_and_a_removal_are_seen_at_once, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(what_was_there_before_is_indexed_at_start, world_open,
                                        world_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
