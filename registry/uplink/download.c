#include "registry/uplink/download.h"

#include "core/clock.h"
#include "core/err.h"
#include "core/fetch.h"
#include "core/file.h"
#include "core/pool.h"
#include "registry/uplink/part.h"
#include "registry/uplink/send.h"

#include <unistd.h>

#define TRIES 6 /* that bring nothing new */
#define MOST ((size_t)512 << 20)

/* "bytes 17-99/100": does it begin where the file ends? */
static bool continues(const struct uplink_download *d, const struct fetch_reply *reply)
{
    struct text range = fetch_header(reply, "content-range"), first;
    int64_t from = -1;
    if (!text_starts(range, "bytes "))
        return false;
    range = text_sub(range, 6, range.len);
    return text_cut(&range, '-', &first) && text_number(first, 0, INT64_MAX, &from) &&
           (uint64_t)from == d->asked;
}

static void note_validator(struct uplink_download *d, const struct fetch_reply *reply)
{
    struct text etag = fetch_header(reply, "etag"), date = fetch_header(reply, "last-modified");
    struct text v = text_starts(etag, "\"") ? etag : date;
    d->validator[0] = '\0';
    if (v.len > 0 && v.len < sizeof d->validator) {
        memcpy(d->validator, v.base, v.len);
        d->validator[v.len] = '\0';
    }
}

static int begin(struct uplink_download *d, const struct fetch_reply *reply, struct err *err)
{
    d->begun = true;
    d->wanted = reply->status == 200 || (reply->status == 206 && continues(d, reply));
    if (reply->status != 200)
        return 0;
    note_validator(d, reply);
    d->bytes = 0;
    if (ftruncate(d->fd, 0) != 0 || lseek(d->fd, 0, SEEK_SET) != 0)
        return err_errno(err, "A temporary file cannot be emptied");
    return 0;
}

static int on_bytes(void *arg, const struct fetch_reply *so_far, struct text bytes, struct err *err)
{
    struct uplink_download *d = arg;
    /* a redirect before it, or a refusal: not what was asked for */
    if (so_far->status != 200 && so_far->status != 206)
        return 0;
    if (!d->begun && begin(d, so_far, err) != 0)
        return -1;
    if (!d->wanted)
        return 0;
    if (file_write_all(d->fd, bytes.base, bytes.len, err) != 0)
        return -1;
    d->bytes += bytes.len;
    return 0;
}

/* What the answer's status makes of this try; 0: the file is whole. */
static int judge(const struct uplink *u, struct uplink_download *d, const struct fetch_reply *reply,
                 struct err *err)
{
    if (reply->status == 200 && !d->begun) /* an empty body */
        return begin(d, reply, err);
    if (d->wanted)
        return 0;
    if (reply->status == 404 || reply->status == 410)
        return err_set(err, ERR_NOT_FOUND, "file_not_found",
                       "The uplink \"%s\" does not have this tarball.", u->name);
    if (reply->status != 206 && reply->status != 416)
        return err_set(err, ERR_UPSTREAM, "upstream_refused",
                       "The uplink \"%s\" answered %d for a tarball.", u->name, reply->status);
    d->bytes = 0; /* from the start */
    return err_set(err, ERR_UPSTREAM, "upstream_status",
                   "The uplink \"%s\" answered another part than it was asked for.", u->name);
}

static int once(struct uplinks *us, const struct uplink *u, struct pool *pool,
                struct uplink_download *d, struct err *err)
{
    struct fetch_reply reply = {0};
    struct uplink_question q = {.url = d->url,
                                .deadline_at = d->deadline_at,
                                .max_bytes = MOST,
                                .sink = on_bytes,
                                .sink_arg = d};
    d->asked = d->bytes;
    d->begun = d->wanted = false;
    if (d->bytes > 0) {
        q.range = text_printf(pool, "bytes=%llu-", (unsigned long long)d->bytes);
        q.if_range = text_of(d->validator);
        d->resumed = true;
    }
    return uplink_send(us, u, &q, pool, &reply, &d->rest_ms, err) != 0 ? -1
                                                                       : judge(u, d, &reply, err);
}

int uplink_download(struct uplinks *uplinks, const struct uplink *uplink, struct pool *pool,
                    struct uplink_download *d, struct err *err)
{
    unsigned tries = 0;
    for (;;) {
        struct err why = {0};
        uint64_t before = d->bytes;
        int failed = once(uplinks, uplink, pool, d, &why);
        if (d->bytes > MOST)
            return err_set(err, ERR_UPSTREAM, "upstream_too_large",
                           "The tarball of the uplink \"%s\" is larger than %zu MiB.", uplink->name,
                           MOST >> 20);
        if (failed == 0)
            return 0;
        tries = d->bytes > before ? 1 : tries + 1;
        if (!uplink_may_try_again(&why) || tries >= TRIES ||
            !uplink_wait(uplinks, tries, d->rest_ms, d->deadline_at))
            return err_set(err, why.kind, why.code, "%s", why.text);
    }
}
