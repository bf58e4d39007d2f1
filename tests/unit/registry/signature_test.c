#include "tests/unit/registry/world.h"

#include "core/sign.h"
#include "registry/packument.h"
#include "registry/signature/signature.h"

#define NAME "@acme/red-hello"

/* dist of a version as the full form shows it. */
static const struct json *dist_of(struct world *w, struct pool *pool, const char *version)
{
    struct err err;
    struct text body;
    struct json *doc;
    auto_read struct db_read r = db_read(w->db, &err);

    assert_works(
        packument_version(r.conn, pool, "http://x", TEXT(NAME), text_of(version), &body, &err),
        err);
    assert_works(json_read(pool, body, 10000, &doc, &err), err);
    return json_get(doc, "dist");
}

/* The served keys, newest first. */
static const struct json *keys_of(struct world *w, struct pool *pool)
{
    struct err err;
    struct json_writer out;
    struct json *keys;
    auto_buf struct buf b = {0};
    auto_read struct db_read r = db_read(w->db, &err);

    buf_init(&b, 1 << 20);
    json_writer_init(&out, &b);
    json_open_array(&out);
    assert_works(signing_put_keys(r.conn, pool, &out, &err), err);
    json_close_array(&out);
    assert_works(json_read(pool, buf_take(&b, pool), 1000, &keys, &err), err);
    return keys;
}

/* As a client judges: the key that the signature names is there and made it. */
static bool holds(struct pool *pool, const struct json *dist, const struct json *keys,
                  const char *version)
{
    struct text integrity = json_get(dist, "integrity")->text;
    const struct json *list = json_get(dist, "signatures");
    if (list == NULL || list->count != 1)
        return false;
    struct text keyid = json_get(list->child, "keyid")->text;
    struct text sig = json_get(list->child, "sig")->text;
    struct text said = text_printf(pool, NAME "@%s:%.*s", version, TEXT_ARG(integrity));
    json_each (key, keys) {
        if (!text_eq(json_get(key, "keyid")->text, keyid))
            continue;
        struct text b64 = json_get(key, "key")->text;
        char *der = pool_alloc(pool, b64_decoded_max(b64.len)),
             *made = pool_alloc(pool, b64_decoded_max(sig.len));
        size_t n_der, n_made;
        assert_true(b64_decode(b64, der, &n_der) && b64_decode(sig, made, &n_made));
        return sign_holds(text_n(der, n_der), said, text_n(made, n_made));
    }
    return false;
}

static void every_version_is_signed_when_it_is_published(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL);
    struct err err;

    assert_works(world_publish(w, pool, &ada, NAME, "1.0.0", &err), err);
    const struct json *keys = keys_of(w, pool), *dist = dist_of(w, pool, "1.0.0");
    assert_int_equal(keys->count, 1);
    assert_true(text_starts(json_get(keys->child, "keyid")->text, "SHA256:"));
    assert_int_equal(json_get(keys->child, "expires")->type, JSON_NULL);
    assert_true(holds(pool, dist, keys, "1.0.0"));
    assert_false(holds(pool, dist, keys, "1.0.1"));
}

static void a_new_key_signs_and_the_old_one_still_proves(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL);
    struct err err;

    assert_works(world_publish(w, pool, &ada, NAME, "1.0.0", &err), err);
    assert_works(signing_rotate(w->registry->signing, &err), err);
    assert_works(world_publish(w, pool, &ada, NAME, "1.1.0", &err), err);
    const struct json *keys = keys_of(w, pool);
    assert_int_equal(keys->count, 2);
    assert_int_equal(json_get(keys->child, "expires")->type, JSON_NULL);
    assert_int_equal(json_get(keys->child->next, "expires")->type, JSON_STRING);
    assert_true(holds(pool, dist_of(w, pool, "1.0.0"), keys, "1.0.0"));
    assert_true(holds(pool, dist_of(w, pool, "1.1.0"), keys, "1.1.0"));
    assert_true(
        text_eq(json_get(json_get(dist_of(w, pool, "1.1.0"), "signatures")->child, "keyid")->text,
                json_get(keys->child, "keyid")->text));
}

static void the_key_is_the_same_after_a_start(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct err err;
    struct text before = json_get(keys_of(w, pool)->child, "keyid")->text;
    struct signing *again = signing_open(w->db, w->seal, &err);

    assert_non_null(again);
    signing_close(again);
    assert_int_equal(keys_of(w, pool)->count, 1);
    assert_true(text_eq(json_get(keys_of(w, pool)->child, "keyid")->text, before));
}

static void a_key_that_another_secret_sealed_is_an_error_and_not_replaced(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct err err;
    const char *path = pool_printf(pool, "%s/other.key", w->dir);

    assert_works(seal_create(path, &err), err);
    struct seal *other = seal_open(path, &err);
    assert_non_null(other);
    assert_null(signing_open(w->db, other, &err));
    assert_true(strlen(err.text) > 0);
    assert_int_equal(keys_of(w, pool)->count, 1);
    seal_close(other);
}

static void what_was_published_before_is_signed_afterwards_in_steps(void **state)
{
    static const char sql[] = "UPDATE package_version SET key = NULL, dist = json_remove(dist, "
                              "'$.signatures')";
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL);
    struct err err;
    unsigned n;

    for (int i = 0; i < 3; i++)
        assert_works(world_publish(w, pool, &ada, NAME, pool_printf(pool, "1.%d.0", i), &err), err);
    {
        auto_tx struct db_tx tx = {0};
        assert_works(db_begin(&tx, w->db, &err), err);
        assert_int_equal(db_do(tx.conn, &err, sql, ""), 3);
        assert_works(db_commit(&tx, &err), err);
    }
    assert_false(holds(pool, dist_of(w, pool, "1.0.0"), keys_of(w, pool), "1.0.0"));
    assert_works(signing_catch_up(w->registry->signing, w->ready, 2, &n, &err), err);
    assert_int_equal(n, 2);
    assert_works(signing_catch_up(w->registry->signing, w->ready, 2, &n, &err), err);
    assert_int_equal(n, 1);
    assert_works(signing_catch_up(w->registry->signing, w->ready, 2, &n, &err), err);
    assert_int_equal(n, 0);
    for (int i = 0; i < 3; i++) {
        const char *version = pool_printf(pool, "1.%d.0", i);
        assert_true(holds(pool, dist_of(w, pool, version), keys_of(w, pool), version));
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)
static const struct CMUnitTest tests[] = {
    TEST(every_version_is_signed_when_it_is_published),
    TEST(a_new_key_signs_and_the_old_one_still_proves),
    TEST(the_key_is_the_same_after_a_start),
    TEST(a_key_that_another_secret_sealed_is_an_error_and_not_replaced),
    TEST(what_was_published_before_is_signed_afterwards_in_steps),
};
UNIT_MAIN(tests)
