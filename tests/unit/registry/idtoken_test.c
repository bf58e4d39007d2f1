#include "registry/trust/idtoken.h"

#include "core/codec.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/trust/claims.h"
#include "tests/unit/unit.h"

#include <cjose/cjose.h>
#include <stdlib.h>

#define NOW INT64_C(1900000000000)
#define CLAIMS                                                                                     \
    "{\"iss\":\"https://ci.example.org\",\"aud\":\"npm:x\",\"iat\":1900000000,\"exp\":1900000300," \
    "\"jti\":\"1\"}"

struct world {
    struct pool *pool;
    cjose_jwk_t *rsa, *weak, *ec, *other;
};

static int set_up(void **state)
{
    struct world *w = xcalloc(1, sizeof *w);
    cjose_err why;
    w->pool = pool_new();
    w->rsa = cjose_jwk_create_RSA_random(2048, NULL, 0, &why);
    w->weak = cjose_jwk_create_RSA_random(1024, NULL, 0, &why);
    w->ec = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &why);
    w->other = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &why);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    cjose_jwk_release(w->rsa);
    cjose_jwk_release(w->weak);
    cjose_jwk_release(w->ec);
    cjose_jwk_release(w->other);
    pool_free(w->pool);
    free(w);
    return 0;
}

static struct text sign(struct world *w, const cjose_jwk_t *key, const char *alg, const char *kid,
                        const char *claims)
{
    cjose_err why;
    const char *compact;
    cjose_header_t *header = cjose_header_new(&why);
    assert_true(cjose_header_set(header, "alg", alg, &why));
    if (kid != NULL)
        assert_true(cjose_header_set(header, "kid", kid, &why));
    cjose_jws_t *jws = cjose_jws_sign(key, header, (const uint8_t *)claims, strlen(claims), &why);
    assert_non_null(jws);
    assert_true(cjose_jws_export(jws, &compact, &why));
    struct text out = text_dup(w->pool, text_of(compact));
    cjose_jws_release(jws);
    cjose_header_release(header);
    return out;
}

/* A key set of the public halves; more is put into the first. */
static struct text set_of(struct world *w, const cjose_jwk_t *one, const cjose_jwk_t *two,
                          const char *more)
{
    cjose_err why;
    char *first = cjose_jwk_to_json(one, false, &why);
    char *second = two != NULL ? cjose_jwk_to_json(two, false, &why) : NULL;
    struct text out = text_printf(w->pool, "{\"keys\":[{%s%s%s%s]}", more, first + 1,
                                  second != NULL ? "," : "", second != NULL ? second : "");
    cjose_get_dealloc()(first);
    cjose_get_dealloc()(second);
    return out;
}

static int take(struct world *w, struct text compact, struct text jwks, struct err *err)
{
    struct idtoken token;
    if (idtoken_read(w->pool, compact, &token, err) != 0 ||
        idtoken_verify(w->pool, &token, jwks, err) != 0)
        return -1;
    return idtoken_check(&token, TEXT("npm:x"), NOW, err);
}

static void each_algorithm_that_is_taken_verifies_with_its_key_and_no_other(void **state)
{
    struct world *w = *state;
    struct err err;
    static const char *const rsa[] = {"RS256", "PS256"};
    for (size_t i = 0; i < 2; i++) {
        struct text token = sign(w, w->rsa, rsa[i], "a", CLAIMS);
        assert_works(take(w, token, set_of(w, w->rsa, w->ec, "\"kid\":\"a\","), &err), err);
        assert_fails(take(w, token, set_of(w, w->ec, NULL, "\"kid\":\"a\","), &err), err,
                     ERR_UNAUTHORIZED, "unknown_key");
    }
    struct text token = sign(w, w->ec, "ES256", "a", CLAIMS);
    assert_works(take(w, token, set_of(w, w->ec, w->rsa, "\"kid\":\"a\","), &err), err);
    assert_fails(take(w, token, set_of(w, w->other, NULL, "\"kid\":\"a\","), &err), err,
                 ERR_UNAUTHORIZED, "bad_signature");
}

static void other_algorithms_are_refused_before_any_key_is_looked_at(void **state)
{
    struct world *w = *state;
    static const char *const algorithms[] = {"RS384", "RS512", "PS512", "HS256"};
    struct err err;
    for (size_t i = 0; i < 3; i++)
        assert_fails(take(w, sign(w, w->rsa, algorithms[i], "a", CLAIMS),
                          set_of(w, w->rsa, NULL, "\"kid\":\"a\","), &err),
                     err, ERR_UNAUTHORIZED, "bad_id_token");
}

static void a_key_must_be_for_signatures_strong_and_told_from_others(void **state)
{
    struct world *w = *state;
    struct err err;
    struct text token = sign(w, w->rsa, "RS256", NULL, CLAIMS);
    assert_works(take(w, token, set_of(w, w->rsa, w->ec, ""), &err), err);
    assert_fails(take(w, token, set_of(w, w->rsa, w->rsa, ""), &err), err, ERR_UNAUTHORIZED,
                 "unknown_key");
    assert_fails(take(w, token, set_of(w, w->rsa, NULL, "\"use\":\"enc\","), &err), err,
                 ERR_UNAUTHORIZED, "unknown_key");
    assert_fails(take(w, token, set_of(w, w->rsa, NULL, "\"alg\":\"PS256\","), &err), err,
                 ERR_UNAUTHORIZED, "unknown_key");
    assert_fails(take(w, sign(w, w->rsa, "RS256", "b", CLAIMS),
                      set_of(w, w->rsa, NULL, "\"kid\":\"a\","), &err),
                 err, ERR_UNAUTHORIZED, "unknown_key");
    assert_fails(
        take(w, sign(w, w->weak, "RS256", NULL, CLAIMS), set_of(w, w->weak, NULL, ""), &err), err,
        ERR_UNAUTHORIZED, "bad_signature");
    static const char *const sets[] = {"", "{", "[]", "{}", "{\"keys\":7}", "{\"keys\":[7,null]}"};
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        assert_fails(take(w, token, text_of(sets[i]), &err), err, ERR_UNAUTHORIZED, "unknown_key");
}

static void no_prefix_and_no_changed_byte_of_a_token_is_taken(void **state)
{
    struct world *w = *state;
    struct err err;
    struct text token = sign(w, w->ec, "ES256", "a", CLAIMS);
    struct text jwks = set_of(w, w->ec, NULL, "\"kid\":\"a\",");
    for (size_t i = 0; i < token.len; i++) {
        char *bytes = text_c(w->pool, token);
        assert_int_equal(take(w, text_n(bytes, i), jwks, &err), -1);
        bytes[i] = bytes[i] == 'A' ? 'B' : 'A';
        assert_int_equal(take(w, text_n(bytes, token.len), jwks, &err), -1);
    }
    char *huge = pool_alloc(w->pool, IDTOKEN_MOST + 1);
    memset(huge, 'a', IDTOKEN_MOST + 1);
    assert_int_equal(take(w, text_n(huge, IDTOKEN_MOST + 1), jwks, &err), -1);
}

static struct text claims_of(struct world *w, const char *said)
{
    struct json *doc;
    struct text out;
    struct err err;
    assert_works(json_read(w->pool, text_of(said), 100, &doc, &err), err);
    assert_works(claims_read(w->pool, doc, &out, &err), err);
    return out;
}

static bool matches(struct world *w, const char *asked, const char *token)
{
    struct json *doc;
    struct err err;
    assert_works(json_read(w->pool, text_of(token), 100, &doc, &err), err);
    return claims_match(w->pool, claims_of(w, asked), doc, &err) == 0;
}

static void claims_match_texts_globs_lists_and_nothing_that_is_absent(void **state)
{
    struct world *w = *state;
    assert_true(matches(w, "{\"a\":\"x*\"}", "{\"a\":\"xyz\"}"));
    assert_false(matches(w, "{\"a\":\"x*\"}", "{\"a\":\"yxz\"}"));
    assert_false(matches(w, "{\"a\":\"x\"}", "{}"));
    assert_false(matches(w, "{\"a\":\"x\",\"b\":\"*\"}", "{\"a\":\"x\"}"));
    assert_true(matches(w, "{\"a\":\"x\"}", "{\"a\":[\"y\",\"x\"]}"));
    assert_false(matches(w, "{\"a\":\"x\"}", "{\"a\":[[\"x\"]]}"));
    assert_false(matches(w, "{\"a\":\"null\"}", "{\"a\":null}"));
    assert_false(matches(w, "{\"a\":\"x\"}", "{\"a\":{\"a\":\"x\"}}"));
    assert_true(matches(w, "{\"a.b\":\"x\"}", "{\"a.b\":\"x\",\"a\":{\"b\":\"y\"}}"));
    assert_false(matches(w, "{\"a\":[\"x\",\"y\"]}", "{\"a\":[\"x\"]}"));
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(each_algorithm_that_is_taken_verifies_with_its_key_and_no_other),
        in_world(other_algorithms_are_refused_before_any_key_is_looked_at),
        in_world(a_key_must_be_for_signatures_strong_and_told_from_others),
        in_world(no_prefix_and_no_changed_byte_of_a_token_is_taken),
        in_world(claims_match_texts_globs_lists_and_nothing_that_is_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
