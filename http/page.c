#include "http/page.h"

#include "core/buf.h"
#include "core/codec.h"
#include "core/digest.h"
#include "core/embedded.h"
#include "core/json.h"
#include "core/pool.h"

#include <stdio.h>

#define MAX_PAGE 65536

extern const struct embedded page_files[];

static struct text file(const char *name)
{
    const struct embedded *f = page_files;

    while (f->name != NULL && strcmp(f->name, name) != 0)
        f++;
    return text_n(f->bytes, f->len);
}

static bool header_has(const h2o_req_t *req, const char *name, const char *part)
{
    ssize_t i = h2o_find_header_by_str(&req->headers, name, strlen(name), -1);

    return i != -1 && h2o_strstr(req->headers.entries[i].value.base,
                                 req->headers.entries[i].value.len, part, strlen(part)) != SIZE_MAX;
}

bool page_wants_html(const h2o_req_t *req)
{
    return header_has(req, "accept", "text/html");
}

bool page_is_navigation(const h2o_req_t *req)
{
    ssize_t mode = h2o_find_header_by_str(&req->headers, H2O_STRLIT("sec-fetch-mode"), -1);

    return h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("GET")) &&
           req->upgrade.base == NULL && page_wants_html(req) &&
           (mode == -1 || header_has(req, "sec-fetch-mode", "navigate"));
}

static void put_hash(struct buf *out, struct pool *pool, struct text source)
{
    unsigned char hash[SHA256_BYTES];

    sha256(source, hash);
    buf_str(out, " 'sha256-");
    buf_text(out, b64_encode(pool, hash, sizeof(hash)));
    buf_char(out, '\'');
}

/* Everything of the page is in the page, and nothing else may run in it. */
static struct text policy(struct pool *pool, struct text style, bool script)
{
    struct buf out;

    buf_init(&out, 1024);
    buf_str(&out, "default-src 'none'; style-src");
    put_hash(&out, pool, style);
    if (script) {
        buf_str(&out, "; script-src");
        put_hash(&out, pool, file("page.js"));
        buf_str(&out, "; connect-src 'self'");
    }
    buf_str(&out, "; base-uri 'none'; form-action 'none'; frame-ancestors 'self'");
    return buf_take(&out, pool);
}

/* Typed tokens hold no '<'; whatever does is not a look. */
static struct text style_of(struct pool *pool, const struct page *page)
{
    struct text look = text_of(page->look), css = file("page.css");

    if (look.base == NULL || text_has(look, '<'))
        return css;
    return text_printf(pool, "%.*s%.*s", TEXT_ARG(css), TEXT_ARG(look));
}

static void put_head(struct buf *out, const struct page *page, struct text style)
{
    buf_str(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                 "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                 "<meta name=\"robots\" content=\"noindex\"><title>");
    html_escape(out, text_of(page->heading));
    if (page->title != NULL) {
        buf_str(out, " · ");
        html_escape(out, text_of(page->title));
    }
    buf_str(out, "</title><style>");
    buf_text(out, style);
    buf_str(out, "</style>");
    if (page->from != NULL)
        buf_str(out, "<noscript><meta http-equiv=\"refresh\" content=\"3\"></noscript>");
    buf_str(out, "</head>");
}

static void put_body(struct buf *out, const struct page *page)
{
    buf_printf(out, "<body data-from=\"%s\"><main>", page->from != NULL ? page->from : "");
    if (page->title != NULL) {
        buf_str(out, "<p class=\"title\">");
        html_escape(out, text_of(page->title));
        buf_str(out, "</p>");
    }
    buf_str(out, "<h1>");
    html_escape(out, text_of(page->heading));
    buf_str(out, "</h1><p role=\"status\">");
    html_escape(out, text_of(page->detail));
    buf_str(out, "</p>");
    if (page->login != NULL) {
        buf_str(out, "<p><a href=\"");
        html_escape(out, text_of(page->login));
        buf_str(out, "\">Log in</a></p>");
    }
    if (page->from != NULL && text_starts(text_of(page->from), "starting"))
        buf_str(out, "<div class=\"bar\" aria-hidden=\"true\"></div>");
    buf_str(out, "</main>");
    if (page->from != NULL) {
        buf_str(out, "<script>");
        buf_text(out, file("page.js"));
        buf_str(out, "</script>");
    }
    buf_str(out, "</body></html>\n");
}

static void put_problem(struct buf *out, const struct page *page)
{
    struct json_writer w;

    json_writer_init(&w, out);
    json_open(&w);
    json_put_str(&w, "type", "about:blank");
    json_put_str(&w, "title", page->heading);
    json_put_int(&w, "status", page->status);
    json_put_str(&w, "code", page->code);
    json_put_str(&w, "detail", page->detail);
    json_close(&w);
}

static const char *reason_of(int status)
{
    switch (status) {
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 502:
        return "Bad Gateway";
    case 504:
        return "Gateway Timeout";
    default:
        return "Service Unavailable";
    }
}

static void add(h2o_req_t *req, const char *name, struct text value)
{
    h2o_iovec_t copy = h2o_strdup(&req->pool, value.base, value.len);

    h2o_add_header_by_str(&req->pool, &req->res.headers, name, strlen(name), 1, NULL, copy.base,
                          copy.len);
}

void page_send(h2o_req_t *req, const struct page *page)
{
    static h2o_generator_t generator;
    auto_pool struct pool *pool = pool_new();
    auto_buf struct buf out = {0};
    bool html = page_wants_html(req);
    struct text style = style_of(pool, page);
    bool head = h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD"));
    h2o_iovec_t body;

    buf_init(&out, MAX_PAGE);
    if (html) {
        put_head(&out, page, style);
        put_body(&out, page);
        add(req, "content-security-policy", policy(pool, style, page->from != NULL));
    } else {
        put_problem(&out, page);
    }
    add(req, "content-type",
        text_of(html ? "text/html; charset=utf-8" : "application/problem+json"));
    add(req, "cache-control", TEXT("no-store"));
    add(req, "x-content-type-options", TEXT("nosniff"));
    add(req, "referrer-policy", TEXT("same-origin"));
    if (page->retry_s > 0)
        add(req, "retry-after", text_printf(pool, "%u", page->retry_s));
    body = h2o_strdup(&req->pool, out.base, out.len);
    req->res.status = page->status;
    req->res.reason = reason_of(page->status);
    req->res.content_length = body.len;
    req->compress_hint = H2O_COMPRESS_HINT_DISABLE;
    h2o_start_response(req, &generator);
    h2o_send(req, &body, head ? 0 : 1, H2O_SEND_STATE_FINAL);
}
