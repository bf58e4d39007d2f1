#include "server/openapi.h"

#include "core/embedded.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/route.h"

#include <string.h>

extern const struct embedded api_files[]; /* api.json: the components that rows of routes name */

static bool is_parameter(struct text part)
{
    return part.len > 0 && (part.base[0] == ':' || part.base[0] == '*');
}

/* "/tenants/:tenant" as "/tenants/{tenant}". */
static struct text template_of(struct pool *pool, struct text path)
{
    auto_buf struct buf out = {0};
    struct text part;
    bool first = true;

    buf_init(&out, 1024);
    while (text_cut(&path, '/', &part)) {
        if (!first)
            buf_char(&out, '/');
        first = false;
        if (is_parameter(part))
            buf_printf(&out, "{%.*s}", TEXT_ARG(text_sub(part, 1, part.len)));
        else
            buf_text(&out, part);
    }
    return buf_take(&out, pool);
}

/* "GET /api/v1/users/:user/tokens" as "get_users_user_tokens". */
static struct text id_of(struct pool *pool, const struct route *r)
{
    auto_buf struct buf out = {0};
    struct text path = text_sub(text_of(r->path), sizeof("/api/v1") - 1, SIZE_MAX);

    buf_init(&out, 1024);
    buf_text(&out, text_lower(pool, text_of(r->method)));
    for (size_t i = 0; i < path.len; i++)
        if (path.base[i] != ':')
            buf_char(&out, path.base[i] == '/' || path.base[i] == '.' ? '_' : path.base[i]);
    return buf_take(&out, pool);
}

static void put_ref(struct json_writer *w, struct pool *pool, const char *kind, struct text name)
{
    json_open(w);
    json_put_text(w, "$ref", text_printf(pool, "#/components/%s/%.*s", kind, TEXT_ARG(name)));
    json_close(w);
}

static void put_parameters(struct json_writer *w, struct pool *pool, const struct route *r)
{
    struct text path = text_of(r->path), query = text_of(r->query != NULL ? r->query : "");
    struct text part;

    json_key(w, "parameters");
    json_open_array(w);
    while (text_cut(&path, '/', &part)) {
        if (!is_parameter(part))
            continue;
        json_open(w);
        json_put_text(w, "name", text_sub(part, 1, part.len));
        json_put_str(w, "in", "path");
        json_put_bool(w, "required", true);
        json_key(w, "schema");
        json_raw(w, TEXT("{\"type\":\"string\"}"));
        json_close(w);
    }
    while (text_cut(&query, ' ', &part))
        if (part.len > 0)
            put_ref(w, pool, "parameters", part);
    if (strcmp(r->method, "POST") == 0 && r->who != WHO_ANYONE && !r->secret)
        put_ref(w, pool, "parameters", TEXT("idempotency-key"));
    json_close_array(w);
}

/* "[Name]": a page of them. */
static void put_page(struct json_writer *w, struct pool *pool, struct text name)
{
    json_open(w);
    json_put_str(w, "type", "object");
    json_key(w, "properties");
    json_open(w);
    json_key(w, "items");
    json_open(w);
    json_put_str(w, "type", "array");
    json_key(w, "items");
    put_ref(w, pool, "schemas", name);
    json_close(w);
    json_key(w, "next");
    json_raw(w,
             TEXT("{\"type\":[\"string\",\"null\"],\"description\":\"the next page's cursor\"}"));
    json_close(w);
    json_key(w, "required");
    json_raw(w, TEXT("[\"items\",\"next\"]"));
    json_close(w);
}

static void put_content(struct json_writer *w, struct pool *pool, const char *words)
{
    struct text rest = text_of(words), word;

    json_key(w, "content");
    json_open(w);
    while (text_cut(&rest, ' ', &word)) {
        bool is_type = text_has(word, '/');
        json_key_text(w, is_type ? word : TEXT("application/json"));
        json_open(w);
        if (!is_type) {
            json_key(w, "schema");
            if (word.base[0] == '[')
                put_page(w, pool, text_sub(word, 1, word.len - 2));
            else
                put_ref(w, pool, "schemas", word);
        }
        json_close(w);
    }
    json_close(w);
}

static void put_problem(struct json_writer *w, struct pool *pool, bool can, const char *status)
{
    if (!can)
        return;
    json_key(w, status);
    put_ref(w, pool, "responses", TEXT("Problem"));
}

static void put_responses(struct json_writer *w, struct pool *pool, const struct route *r)
{
    int status = r->status != 0 ? r->status : r->answer != NULL ? 200 : 204;
    bool has_body = r->body != NULL, finds = strchr(r->path, ':') != NULL;

    json_key(w, "responses");
    json_open(w);
    json_key_text(w, text_printf(pool, "%d", status));
    json_open(w);
    json_put_str(w, "description",
                 status == 202   ? "It has begun; follow the operation."
                 : status == 204 ? "Done."
                                 : "What was asked for.");
    if (r->answer != NULL)
        put_content(w, pool, r->answer);
    json_close(w);
    put_problem(w, pool, has_body || r->query != NULL, "400");
    put_problem(w, pool, r->who != WHO_ANYONE, "401");
    put_problem(w, pool, r->who != WHO_ANYONE, "403");
    put_problem(w, pool, finds, "404");
    put_problem(w, pool, has_body, "422");
    put_problem(w, pool, true, "default");
    json_close(w);
}

/* The scopes of a row, as roles beside both ways to say who one is. */
static void put_security(struct json_writer *w, const struct route *r)
{
    static const char *const ways[] = {"session", "token"};
    uint32_t scopes = r->who == WHO_ADMIN ? SCOPE_PLATFORM : r->who == WHO_MEMBER ? r->scope : 0;

    json_key(w, "security");
    json_open_array(w);
    for (size_t i = 0; i < 2 && r->who != WHO_ANYONE; i++) {
        json_open(w);
        json_key(w, ways[i]);
        json_open_array(w);
        for (unsigned bit = 0; scope_name(bit) != NULL; bit++)
            if ((scopes >> bit & 1u) != 0)
                json_str(w, scope_name(bit));
        json_close_array(w);
        json_close(w);
    }
    json_close_array(w);
}

static void put_operation(struct json_writer *w, struct pool *pool, const struct route *r)
{
    static const char *const access[] = {
        [WHO_ANYONE] = "For anyone.",
        [WHO_USER] = "For a user; what they may not see is answered as what is not there.",
        [WHO_MEMBER] = "For a member of the tenant with the scope.",
        [WHO_ADMIN] = "For an admin."};
    struct text rest = text_sub(text_of(r->path), sizeof("/api/v1/") - 1, SIZE_MAX), area;

    text_cut(&rest, '/', &area);
    json_key_text(w, text_lower(pool, text_of(r->method)));
    json_open(w);
    json_put_text(w, "operationId", id_of(pool, r));
    json_key(w, "tags");
    json_open_array(w);
    json_text(w, area);
    json_close_array(w);
    json_put_str(w, "summary", r->summary);
    json_put_str(w, "description", access[r->who]);
    put_parameters(w, pool, r);
    if (r->body != NULL) {
        json_key(w, "requestBody");
        json_open(w);
        json_put_bool(w, "required", true);
        put_content(w, pool, r->body);
        json_close(w);
    }
    put_security(w, r);
    put_responses(w, pool, r);
    json_close(w);
}

/* What instances ask by their own sockets is docs/runtime.md. */
static bool is_api(const struct route *r)
{
    return text_starts(text_of(r->path), "/api/v1/") && r->who != WHO_INSTANCE;
}

/* All methods of one path stand together, at its first row. */
static void put_paths(struct json_writer *w, struct pool *pool, const struct router *router)
{
    const struct route *r, *other;

    json_key(w, "paths");
    json_open(w);
    for (size_t i = 0; (r = router_row(router, i)) != NULL; i++) {
        bool seen = !is_api(r);
        for (size_t k = 0; k < i && !seen; k++)
            seen = strcmp(router_row(router, k)->path, r->path) == 0;
        if (seen)
            continue;
        json_key_text(w, template_of(pool, text_of(r->path)));
        json_open(w);
        for (size_t k = i; (other = router_row(router, k)) != NULL; k++)
            if (strcmp(other->path, r->path) == 0)
                put_operation(w, pool, other);
        json_close(w);
    }
    json_close(w);
}

/* The file's "@COOKIE@" is this server's cookie. */
static void put_components(struct json_writer *w, struct pool *pool, const char *cookie)
{
    static const char mark[] = "@COOKIE@";
    struct text all = text_n(api_files[0].bytes, api_files[0].len);
    const char *at = memmem(all.base, all.len, mark, sizeof(mark) - 1);
    size_t head = at != NULL ? (size_t)(at - all.base) : all.len;

    json_key(w, "components");
    json_raw(w, text_printf(pool, "%.*s%s%.*s", TEXT_ARG(text_sub(all, 0, head)), cookie,
                            TEXT_ARG(text_sub(all, head + sizeof(mark) - 1, SIZE_MAX))));
}

void openapi_write(struct buf *out, const struct router *router, const char *public_url,
                   const char *cookie)
{
    auto_pool struct pool *pool = pool_new();
    struct json_writer w;

    json_writer_init(&w, out);
    json_open(&w);
    json_put_str(&w, "openapi", "3.1.0");
    json_key(&w, "info");
    json_open(&w);
    json_put_str(&w, "title", "Redhouse");
    json_put_str(&w, "version", REDHOUSE_VERSION);
    json_close(&w);
    json_key(&w, "servers");
    json_open_array(&w);
    json_open(&w);
    json_put_str(&w, "url", public_url);
    json_close(&w);
    json_close_array(&w);
    put_paths(&w, pool, router);
    put_components(&w, pool, cookie);
    json_close(&w);
}
