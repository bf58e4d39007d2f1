#include "tests/unit/unit.h"

#include "core/buf.h"
#include "core/file.h"
#include "core/pool.h"
#include "http/owncert.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[] = "/tmp/owncert-XXXXXX";

static int make_base(void **state)
{
    return mkdtemp(base) != NULL ? 0 : -1;
}

static int remove_base(void **state)
{
    return file_remove_tree(base, NULL);
}

static X509 *parse(struct text pem)
{
    BIO *bio = BIO_new_mem_buf(pem.base, (int)pem.len);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    assert_non_null(cert);
    return cert;
}

static struct text ensure(struct pool *pool, const char *dir, const char *host)
{
    struct text pem;
    struct err err;

    assert_works(owncert_ensure(dir, host, pool, &pem, &err), err);
    return pem;
}

static void it_is_for_the_host_and_what_it_tells_holds_no_key(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct text pem = ensure(pool, pool_printf(pool, "%s/name", base), "nodes.example.org");
    X509 *cert = parse(pem);
    struct stat st;

    assert_int_equal(X509_check_host(cert, "nodes.example.org", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(cert, "one.nodes.example.org", 0, 0, NULL), 0);
    assert_int_equal(X509_verify(cert, X509_get0_pubkey(cert)), 1);
    assert_null(strstr(text_c(pool, pem), "PRIVATE"));
    assert_int_equal(stat(pool_printf(pool, "%s/name/default.pem", base), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    X509_free(cert);
}

static void an_address_can_be_the_host(void **state)
{
    auto_pool struct pool *pool = pool_new();
    X509 *cert = parse(ensure(pool, pool_printf(pool, "%s/address", base), "192.0.2.7"));

    assert_int_equal(X509_check_ip_asc(cert, "192.0.2.7", 0), 1);
    X509_free(cert);
}

static void it_is_kept_until_the_host_changes_or_it_is_broken(void **state)
{
    auto_pool struct pool *pool = pool_new();
    const char *dir = pool_printf(pool, "%s/kept", base);
    struct text first = ensure(pool, dir, "a.example.org");
    struct err err;

    assert_true(text_eq(first, ensure(pool, dir, "a.example.org")));
    struct text other = ensure(pool, dir, "b.example.org");
    assert_false(text_eq(first, other));
    assert_works(file_replace(pool_printf(pool, "%s/default.pem", dir), other, 0600, &err), err);
    assert_false(text_eq(other, ensure(pool, dir, "b.example.org"))); /* its key was gone */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_for_the_host_and_what_it_tells_holds_no_key),
        cmocka_unit_test(an_address_can_be_the_host),
        cmocka_unit_test(it_is_kept_until_the_host_changes_or_it_is_broken),
    };

    return cmocka_run_group_tests(tests, make_base, remove_base);
}
