#include "registry/trust/idtoken.h"

#include "core/codec.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"

#include <cjose/cjose.h>

#define NODES 500
#define KEYS_NODES 5000
#define SKEW_MS 60000
#define LIFE_MS (24ll * 3600 * 1000)
#define RSA_BITS_LEAST 2048
#define BAD ERR_UNAUTHORIZED, "bad_id_token"

static const struct algorithm {
    const char *name, *kty;
} algorithms[] = {{"RS256", "RSA"}, {"PS256", "RSA"}, {"ES256", "EC"}};

static const struct algorithm *algorithm_of(struct text name)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
        if (text_is(name, algorithms[i].name))
            return &algorithms[i];
    return NULL;
}

static int read_part(struct pool *pool, struct text part, const struct json **out, struct err *err)
{
    char *plain = pool_alloc(pool, b64_decoded_max(part.len) + 1);
    struct json *doc;
    struct err why;
    size_t n = 0;
    if (part.len == 0 || !b64url_decode(part, plain, &n) ||
        json_read(pool, text_n(plain, n), NODES, &doc, &why) != 0 || doc->type != JSON_OBJECT)
        return err_set(err, BAD, "The ID token is malformed.");
    *out = doc;
    return 0;
}

static int read_header(const struct json *header, struct idtoken *out, struct err *err)
{
    if (json_want_text(header, "alg", &out->alg, NULL) != 0 || algorithm_of(out->alg) == NULL)
        return err_set(err, BAD, "The ID token must be signed by RS256, PS256 or ES256.");
    if (json_get(header, "crit") != NULL)
        return err_set(err, BAD, "The ID token asks for extensions that are not known here.");
    if (json_want_text(header, "kid", &out->kid, NULL) != 0 || out->kid.len > 500)
        return err_set(err, BAD, "The ID token names no key that could be.");
    return 0;
}

int idtoken_read(struct pool *pool, struct text compact, struct idtoken *out, struct err *err)
{
    struct text rest = compact, parts[3], more;
    const struct json *header;
    *out = (struct idtoken){.compact = compact};
    if (compact.len == 0 || compact.len > IDTOKEN_MOST)
        return err_set(err, BAD, "Send the ID token of a CI job as a bearer, of at most %d bytes.",
                       IDTOKEN_MOST);
    for (int i = 0; i < 3; i++)
        if (!text_cut(&rest, '.', &parts[i]) || parts[i].len == 0)
            return err_set(err, BAD, "The ID token is malformed.");
    if (text_cut(&rest, '.', &more))
        return err_set(err, BAD, "The ID token is malformed.");
    char *signature = pool_alloc(pool, b64_decoded_max(parts[2].len) + 1);
    size_t n = 0;
    if (!b64url_decode(parts[2], signature, &n))
        return err_set(err, BAD, "The ID token is malformed.");
    out->signed_part = text_sub(compact, 0, compact.len - parts[2].len - 1);
    if (read_part(pool, parts[0], &header, err) != 0 || read_header(header, out, err) != 0 ||
        read_part(pool, parts[1], &out->claims, err) != 0)
        return -1;
    if (json_want_text(out->claims, "iss", &out->issuer, NULL) != 0 || out->issuer.len == 0 ||
        json_want_text(out->claims, "jti", &out->jti, NULL) != 0)
        return err_set(err, BAD, "The ID token does not say who issued it.");
    return 0;
}

static bool says(const struct json *key, const char *member, struct text wanted)
{
    const struct json *value = json_get(key, member);
    return value == NULL || (value->type == JSON_STRING && text_eq(value->text, wanted));
}

/* A key for signatures of this algorithm, with the token's kid if it names one. */
static bool fits(const struct json *key, const struct idtoken *token)
{
    const struct algorithm *algorithm = algorithm_of(token->alg);
    const struct json *kty = json_get(key, "kty");
    if (kty == NULL || kty->type != JSON_STRING || !text_is(kty->text, algorithm->kty) ||
        !says(key, "alg", token->alg) || !says(key, "use", TEXT("sig")))
        return false;
    if (text_is(token->alg, "ES256") &&
        (json_get(key, "crv") == NULL || !says(key, "crv", TEXT("P-256"))))
        return false;
    const struct json *kid = json_get(key, "kid");
    return token->kid.base == NULL ||
           (kid != NULL && kid->type == JSON_STRING && text_eq(kid->text, token->kid));
}

static int find_key(struct pool *pool, const struct idtoken *token, struct text jwks,
                    const struct json **out, struct err *err)
{
    struct json *doc;
    struct err why;
    size_t n = 0;
    if (json_read(pool, jwks, KEYS_NODES, &doc, &why) == 0) {
        json_each (key, json_get(doc, "keys")) {
            if (key->type == JSON_OBJECT && fits(key, token)) {
                *out = key;
                n++;
            }
        }
    }
    if (n != 1)
        return err_set(err, ERR_UNAUTHORIZED, "unknown_key",
                       n == 0 ? "The issuer has no key that the ID token is signed by."
                              : "The issuer has several keys and the ID token names none of them.");
    return 0;
}

static bool is_strong(const cjose_jwk_t *key)
{
    cjose_err why;
    return cjose_jwk_get_kty(key, &why) != CJOSE_JWK_KTY_RSA ||
           cjose_jwk_get_keysize(key, &why) >= RSA_BITS_LEAST;
}

int idtoken_verify(struct pool *pool, const struct idtoken *token, struct text jwks,
                   struct err *err)
{
    const struct json *raw = NULL;
    cjose_err why;
    if (find_key(pool, token, jwks, &raw, err) != 0)
        return -1;
    cjose_jwk_t *key = cjose_jwk_import(raw->raw.base, raw->raw.len, &why);
    cjose_jws_t *jws = cjose_jws_import(token->compact.base, token->compact.len, &why);
    bool good = key != NULL && jws != NULL && is_strong(key) && cjose_jws_verify(jws, key, &why);
    if (jws != NULL)
        cjose_jws_release(jws);
    cjose_jwk_release(key);
    return good ? 0
                : err_set(err, ERR_UNAUTHORIZED, "bad_signature",
                          "The ID token's signature is wrong.");
}

static int check_audience(const struct json *claims, struct text audience, struct err *err)
{
    const struct json *aud = json_get(claims, "aud");
    if (aud != NULL && aud->type == JSON_ARRAY && aud->count == 1)
        aud = aud->child;
    if (aud != NULL && aud->type == JSON_STRING && text_eq(aud->text, audience))
        return 0;
    return err_set(err, ERR_UNAUTHORIZED, "wrong_audience",
                   "The ID token is for the audience \"%.*s\"; it must be for \"%.*s\" alone.",
                   TEXT_ARG(text_sub(aud != NULL ? aud->raw : TEXT("none"), 0, 80)),
                   TEXT_ARG(audience));
}

/* Seconds, perhaps with a fraction, as milliseconds; false when it is no time. */
static bool read_time(const struct json *claims, const char *name, int64_t *ms)
{
    const struct json *value = json_get(claims, name);
    struct text rest, whole;
    int64_t seconds;
    if (value == NULL || value->type != JSON_NUMBER)
        return false;
    rest = value->text;
    if (!text_cut(&rest, '.', &whole) || !text_number(whole, 0, 1ll << 40, &seconds))
        return false;
    *ms = seconds * 1000;
    return true;
}

int idtoken_check(struct idtoken *token, struct text audience, int64_t now_ms, struct err *err)
{
    int64_t end, from;
    if (check_audience(token->claims, audience, err) != 0)
        return -1;
    if (!read_time(token->claims, "exp", &end) || !read_time(token->claims, "iat", &from))
        return err_set(err, BAD, "The ID token does not say from when until when it is good.");
    if (end + SKEW_MS < now_ms)
        return err_set(err, ERR_UNAUTHORIZED, "id_token_expired", "The ID token has expired.");
    if (from - SKEW_MS > now_ms ||
        (json_get(token->claims, "nbf") != NULL &&
         (!read_time(token->claims, "nbf", &from) || from - SKEW_MS > now_ms)))
        return err_set(err, BAD, "The ID token is from the future: compare the clocks.");
    if (end - now_ms > LIFE_MS)
        return err_set(err, BAD, "The ID token is good for more than a day.");
    token->expires_ms = end;
    return 0;
}
