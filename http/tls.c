#include "http/tls.h"

#include "core/err.h"
#include "core/pool.h"
#include "core/text.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <unistd.h>

struct certificate {
    char *name; /* lower case; "default" */
    SSL_CTX *ctx;
};

struct set {
    struct snapshot base;
    struct certificate *all;
    size_t n;
    SSL_CTX *fallback;
};

struct tls {
    struct snapshot_slot slot;
    char *dir;
};

static void set_free(struct snapshot *s)
{
    struct set *set = (struct set *)s;
    for (size_t i = 0; i < set->n; i++) {
        free(set->all[i].name);
        SSL_CTX_free(set->all[i].ctx);
    }
    free(set->all);
    free(set);
}

/* The certificate of a name: its own, then "*." and what stands after its first dot. */
static SSL_CTX *find(const struct set *set, struct text name)
{
    struct text wild = text_sub(name, text_find(name, '.', 0), SIZE_MAX);
    SSL_CTX *found = NULL;
    for (size_t i = 0; i < set->n; i++) {
        struct text own = text_of(set->all[i].name);
        if (text_eq_nocase(own, name))
            return set->all[i].ctx;
        if (wild.len > 0 && text_starts(own, "*.") &&
            text_eq_nocase(text_sub(own, 1, SIZE_MAX), wild))
            found = set->all[i].ctx;
    }
    return found;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_CTX *ctx = name != NULL ? find(arg, text_of(name)) : NULL;
    if (ctx != NULL)
        SSL_set_SSL_CTX(ssl, ctx);
    return SSL_TLSEXT_ERR_OK;
}

/* HTTP/2 would reach the part of libh2o that can be brought down from outside. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int refuse(struct err *err, const char *path, const char *what)
{
    char why[120];
    unsigned long code = ERR_peek_last_error();
    ERR_error_string_n(code, why, sizeof(why));
    ERR_clear_error();
    return err_set(err, ERR_INVALID, "bad_tls", "%s: %s (%s).", path, what,
                   code != 0 ? why : "no more is known");
}

static SSL_CTX *ctx_new(struct set *set)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL)
        return NULL;
    static const unsigned char session[] = "redhouse";
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_id_context(ctx, session, sizeof(session) - 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(ctx, set);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    return ctx;
}

static int no_password(char *buf, int size, int writing, void *arg)
{
    return -1;
}

/* NAME.key if it is there, else the key is in NAME.pem. */
static int load(SSL_CTX *ctx, const char *pem, const char *key, struct err *err)
{
    const char *key_path = access(key, F_OK) == 0 ? key : pem;
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    if (SSL_CTX_use_certificate_chain_file(ctx, pem) != 1)
        return refuse(err, pem, "not a certificate chain in PEM");
    if (SSL_CTX_use_PrivateKey_file(ctx, key_path, SSL_FILETYPE_PEM) != 1)
        return refuse(err, key_path, "not the certificate's private key in PEM");
    if (SSL_CTX_check_private_key(ctx) != 1)
        return refuse(err, key_path, "not the key of this certificate");
    return 0;
}

static int add(struct set *set, const char *dir, struct text name, struct err *err)
{
    struct pool *auto_pool pool = pool_new();
    const char *pem = pool_printf(pool, "%s/%.*s.pem", dir, TEXT_ARG(name));
    const char *key = pool_printf(pool, "%s/%.*s.key", dir, TEXT_ARG(name));
    SSL_CTX *ctx = ctx_new(set);
    if (ctx == NULL)
        return refuse(err, pem, "OpenSSL could not start");
    set->all = xrealloc(set->all, (set->n + 1) * sizeof(*set->all));
    set->all[set->n++] = (struct certificate){.name = xstrndup(name.base, name.len), .ctx = ctx};
    if (text_is(name, "default"))
        set->fallback = ctx;
    return load(ctx, pem, key, err);
}

static int read_all(struct set *set, const char *dir, DIR *d, struct err *err)
{
    const struct dirent *e;
    ERR_clear_error();
    while ((e = readdir(d)) != NULL) {
        struct text name = text_of(e->d_name);
        if (name.len <= 4 || name.base[0] == '.' || !text_ends(name, ".pem"))
            continue;
        if (add(set, dir, text_sub(name, 0, name.len - 4), err) != 0)
            return -1;
    }
    if (set->fallback == NULL && set->n > 0)
        set->fallback = set->all[0].ctx;
    if (set->fallback == NULL)
        return err_set(err, ERR_INVALID, "bad_tls",
                       "%s holds no certificate: put default.pem there.", dir);
    return 0;
}

static struct set *set_read(const char *dir, struct err *err)
{
    DIR *d = opendir(dir);
    if (d == NULL) {
        err_set(err, ERR_INVALID, "bad_tls",
                "%s cannot be read: %s. The server's own user must be able to read what is in it.",
                dir, strerrordesc_np(errno));
        return NULL;
    }
    struct set *set = xcalloc(1, sizeof(*set));
    snapshot_init(&set->base, set_free);
    int rc = read_all(set, dir, d, err);
    closedir(d);
    if (rc != 0) {
        snapshot_drop(&set->base);
        return NULL;
    }
    return set;
}

struct tls *tls_open(const char *dir, struct err *err)
{
    struct set *set = set_read(dir, err);
    if (set == NULL)
        return NULL;
    struct tls *tls = xcalloc(1, sizeof(*tls));
    snapshot_slot_init(&tls->slot);
    tls->dir = xstrdup(dir);
    snapshot_put(&tls->slot, &set->base);
    return tls;
}

int tls_reload(struct tls *tls, struct err *err)
{
    struct set *set = set_read(tls->dir, err);
    if (set == NULL)
        return -1;
    snapshot_put(&tls->slot, &set->base);
    return 0;
}

struct snapshot *tls_take(struct tls *tls)
{
    return snapshot_take(&tls->slot);
}

SSL_CTX *tls_ctx(struct snapshot *s)
{
    return ((struct set *)s)->fallback;
}
