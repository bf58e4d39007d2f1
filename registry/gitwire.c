#include "registry/gitwire.h"

#include "core/buf.h"
#include "core/codec.h"
#include "core/err.h"
#include "core/fetch.h"
#include "core/pool.h"

#include <git2.h>
#include <git2/sys/transport.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REQUEST_MAX (4u << 20)

static struct gitwire_config settings;
static uint64_t received;

/* One exchange: what libgit2 writes is collected, the first read sends it, the answer lies in a
 * memory file. */
struct exchange {
    git_smart_subtransport_stream parent;
    struct pool *pool;
    char *url;
    bool post;
    struct buf body;
    int answer; /* -1: not asked yet */
};

static int fail(const char *text)
{
    git_error_set_str(GIT_ERROR_HTTP, text);
    return -1;
}

static size_t add_auth(struct exchange *x, struct fetch_header *headers, size_t n)
{
    if (settings.token == NULL)
        return n;
    /* Any user name goes: hosts take the token as the password. */
    struct text pair = text_printf(x->pool, "git:%s", settings.token);
    headers[n] = (struct fetch_header){
        TEXT("authorization"),
        text_printf(x->pool, "Basic %.*s", TEXT_ARG(b64_encode(x->pool, pair.base, pair.len)))};
    return n + 1;
}

static int ask(struct exchange *x)
{
    struct fetch_header headers[3] = {{TEXT("git-protocol"), TEXT("version=0")}};
    struct fetch_reply reply;
    struct err err;
    size_t n = 1;

    if (x->post)
        headers[n++] = (struct fetch_header){TEXT("content-type"),
                                             TEXT("application/x-git-upload-pack-request")};
    n = add_auth(x, headers, n);
    x->answer = memfd_create("git", MFD_CLOEXEC);
    struct fetch_request request = {.method = x->post ? "POST" : "GET",
                                    .url = x->url,
                                    .headers = headers,
                                    .n_headers = n,
                                    .body = x->post ? buf_view(&x->body) : TEXT_NONE,
                                    .deadline_ms = settings.deadline_ms,
                                    .max_bytes = (size_t)(settings.max_bytes - received),
                                    .body_fd = x->answer,
                                    .max_redirects = settings.token == NULL ? 3 : 0,
                                    .refuse_private = !settings.allow_private};
    if (x->answer < 0 || fetch(settings.fetcher, &request, x->pool, &reply, &err) != 0)
        return fail(x->answer < 0 ? "no memory for the answer" : err.text);
    received += reply.body_bytes;
    if (reply.status == 401 || reply.status == 403)
        return fail(
            "The repository needs credentials: give the source an access token that may read it.");
    if (reply.status == 404)
        return fail("There is no repository at this address, or it needs credentials.");
    if (reply.status != 200)
        return fail(pool_printf(x->pool, "The git server answered with status %d.", reply.status));
    lseek(x->answer, 0, SEEK_SET);
    return 0;
}

static int on_read(git_smart_subtransport_stream *stream, char *out, size_t room, size_t *got)
{
    struct exchange *x = (struct exchange *)stream;

    if (x->answer < 0 && ask(x) != 0)
        return -1;
    ssize_t n = read(x->answer, out, room);
    if (n < 0)
        return fail("The answer of the git server cannot be read back.");
    *got = (size_t)n;
    return 0;
}

static int on_write(git_smart_subtransport_stream *stream, const char *bytes, size_t n)
{
    struct exchange *x = (struct exchange *)stream;

    buf_add(&x->body, bytes, n);
    return buf_failed(&x->body) ? fail("The request to the git server grew too large.") : 0;
}

static void on_free(git_smart_subtransport_stream *stream)
{
    struct exchange *x = (struct exchange *)stream;

    if (x->answer >= 0)
        close(x->answer);
    buf_release(&x->body);
    pool_free(x->pool);
    free(x->url);
    free(x);
}

static int on_action(git_smart_subtransport_stream **out, git_smart_subtransport *transport,
                     const char *url, git_smart_service_t action)
{
    struct exchange *x;

    if (action != GIT_SERVICE_UPLOADPACK_LS && action != GIT_SERVICE_UPLOADPACK)
        return fail("Sources are only read.");
    x = xcalloc(1, sizeof(*x));
    x->parent = (git_smart_subtransport_stream){transport, on_read, on_write, on_free};
    x->pool = pool_new();
    x->post = action == GIT_SERVICE_UPLOADPACK;
    x->url =
        xprintf("%s/%s", url, x->post ? "git-upload-pack" : "info/refs?service=git-upload-pack");
    x->answer = -1;
    buf_init(&x->body, REQUEST_MAX);
    *out = &x->parent;
    return 0;
}

static int on_close(git_smart_subtransport *transport)
{
    return 0;
}

static void on_transport_free(git_smart_subtransport *transport)
{
    free(transport);
}

static int make(git_smart_subtransport **out, git_transport *owner, void *param)
{
    git_smart_subtransport *t = xcalloc(1, sizeof(*t));

    *t = (git_smart_subtransport){on_action, on_close, on_transport_free};
    *out = t;
    return 0;
}

int gitwire_register(const struct gitwire_config *config, struct err *err)
{
    /* rpc: every action is a request of its own. */
    static git_smart_subtransport_definition definition = {make, 1, NULL};
    static const char *const schemes[] = {"http", "https"};

    settings = *config;
    for (int i = 0; i < 2; i++) {
        git_transport_unregister(schemes[i]);
        if (git_transport_register(schemes[i], git_transport_smart, &definition) != 0)
            return err_set(err, ERR_INTERNAL, "git", "The git transport cannot be set up.");
    }
    return 0;
}
