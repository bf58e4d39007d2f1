#include "http/answer.h"

#include "http/access.h"
#include "http/negotiate.h"
#include "http/request.h"

#include "core/log.h"

#include <stdlib.h>

struct answer *call_answer(struct call *c)
{
    return &((struct request *)c->http)->answer;
}

const char *answer_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Unknown";
}

bool answer_begin(struct call *c, int status)
{
    if (c->answered) {
        log_error("http", "a handler answered twice", "id=%s", c->id);
#ifndef NDEBUG
        abort();
#endif
        return false;
    }
    c->answered = true;
    call_answer(c)->status = status;
    call_answer(c)->no_length = status == 204 || status == 304;
    return true;
}

static bool may_repeat(const char *name)
{
    return strcmp(name, "set-cookie") == 0 || strcmp(name, "vary") == 0 ||
           strcmp(name, "link") == 0;
}

static struct answer_header *find(const struct answer *answer, const char *name)
{
    for (struct answer_header *h = answer->headers; h != NULL; h = h->next) {
        if (strcmp(h->name, name) == 0)
            return h;
    }
    return NULL;
}

void answer_set(struct call *c, const char *name, struct text value)
{
    struct answer *answer = call_answer(c);
    struct answer_header *h = may_repeat(name) ? NULL : find(answer, name);
    if (h != NULL) {
        h->value = value;
        return;
    }
    h = pool_alloc(c->pool, sizeof(*h));
    *h = (struct answer_header){.name = name, .value = value};
    if (answer->last != NULL)
        answer->last->next = h;
    else
        answer->headers = h;
    answer->last = h;
}

void call_set(struct call *c, const char *name, struct text value)
{
    if (!text_is_printable(value)) {
        log_warn("http", "a header's value was refused", "name=%s id=%s", name, c->id);
        return;
    }
    answer_set(c, name, text_dup(c->pool, value));
}

static void set_if_absent(struct call *c, const char *name, struct text value)
{
    if (find(call_answer(c), name) == NULL)
        answer_set(c, name, value);
}

void call_bytes(struct call *c, int status, const char *mime, struct text bytes)
{
    if (!answer_begin(c, status))
        return;
    set_if_absent(c, "content-type", text_of(mime));
    call_answer(c)->body = bytes;
}

void call_json(struct call *c, int status, const struct buf *json)
{
    if (buf_failed(json)) {
        struct err err;
        err_set(&err, ERR_INTERNAL, "internal", "The answer is larger than its ceiling.");
        call_fail(c, &err);
        return;
    }
    set_if_absent(c, "cache-control", TEXT("no-store"));
    call_bytes(c, status, "application/json", text_dup(c->pool, buf_view(json)));
}

void call_empty(struct call *c, int status)
{
    if (answer_begin(c, status))
        set_if_absent(c, "cache-control", TEXT("no-store"));
}

void call_redirect(struct call *c, int status, struct text location)
{
    call_set(c, "location", location);
    call_empty(c, status);
}

static void write_problem(struct json_writer *w, const struct call *c, const struct err *err,
                          struct text detail)
{
    int status = call_answer((struct call *)(uintptr_t)c)->status;
    json_open(w);
    json_put_str(w, "type", "about:blank");
    json_put_str(w, "title", answer_reason(status));
    json_put_int(w, "status", status);
    json_put_str(w, "code", err->code != NULL ? err->code : "error");
    json_put_text(w, "detail", detail);
    json_put_str(w, "request", c->id);
    json_close(w);
}

/* npm asks for a one-time password at this word and at no other. */
static bool wants_code(const struct err *err)
{
    return err->code != NULL &&
           (strcmp(err->code, "otp_required") == 0 || strcmp(err->code, "wrong_otp") == 0);
}

static void set_failure_headers(struct call *c, int status, const struct err *err)
{
    bool npm = text_starts(c->path, "/npm/");
    if (status == 401 && wants_code(err))
        set_if_absent(c, "www-authenticate", TEXT("OTP"));
    else if (status == 401)
        set_if_absent(c, "www-authenticate", npm ? TEXT("Basic, Bearer") : TEXT("Bearer"));
    if (status == 503)
        set_if_absent(c, "retry-after", TEXT("1"));
    if (status == 429)
        set_if_absent(c, "retry-after", TEXT("60"));
    answer_set(c, "cache-control", TEXT("no-store"));
    answer_set(c, "x-request-id", text_of(c->id));
    answer_set(c, "content-type",
               npm ? TEXT("application/json") : TEXT("application/problem+json"));
}

void answer_fail(struct call *c, int status, const struct err *err)
{
    struct text detail = text_of(err->text);
    if (err->kind == ERR_INTERNAL || err->kind == ERR_NO_SPACE)
        log_error("http", "a request failed", "id=%s method=%.*s path=%.*s text=%s", c->id,
                  TEXT_ARG(c->method), TEXT_ARG(access_path(c->path)), err->text);
    if (err->kind == ERR_INTERNAL)
        detail =
            text_printf(c->pool, "Something went wrong here. The log has more under %s.", c->id);
    if (!answer_begin(c, status))
        return;
    struct buf auto_buf out;
    struct json_writer w;
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    if (text_starts(c->path, "/npm/")) {
        json_open(&w);
        json_put_text(&w, "error", detail);
        json_close(&w);
    } else {
        write_problem(&w, c, err, detail);
    }
    set_failure_headers(c, status, err);
    call_answer(c)->body = text_dup(c->pool, buf_view(&out));
}

void call_fail(struct call *c, const struct err *err)
{
    answer_fail(c, err_status(err->kind), err);
}

bool call_not_modified(struct call *c, struct text etag)
{
    call_set(c, "etag", etag);
    if (!text_is(c->method, "GET") && !text_is(c->method, "HEAD"))
        return false;
    if (!negotiate_has(call_header(c, "if-none-match"), etag))
        return false;
    return answer_begin(c, 304);
}
