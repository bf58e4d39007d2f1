#include "server/openapi.h"

#include "core/json.h"
#include "core/pool.h"
#include "http/route.h"

#include <string.h>

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
        if (part.len > 0 && (part.base[0] == ':' || part.base[0] == '*'))
            buf_printf(&out, "{%.*s}", TEXT_ARG(text_sub(part, 1, part.len)));
        else
            buf_text(&out, part);
    }
    return buf_take(&out, pool);
}

static void put_parameters(struct json_writer *w, struct text path)
{
    struct text part;

    json_key(w, "parameters");
    json_open_array(w);
    while (text_cut(&path, '/', &part)) {
        if (part.len == 0 || (part.base[0] != ':' && part.base[0] != '*'))
            continue;
        json_open(w);
        json_put_text(w, "name", text_sub(part, 1, part.len));
        json_put_str(w, "in", "path");
        json_put_bool(w, "required", true);
        json_key(w, "schema");
        json_raw(w, TEXT("{\"type\":\"string\"}"));
        json_close(w);
    }
    json_close_array(w);
}

static void put_operation(struct json_writer *w, struct pool *pool, const struct route *r)
{
    static const char *const access[] = {"anyone", "a user", "a member of the tenant", "an admin",
                                         "an instance"};
    struct text method = text_lower(pool, text_of(r->method));

    json_key_text(w, method);
    json_open(w);
    json_put_str(w, "summary", r->summary);
    json_put_text(w, "description", text_printf(pool, "For %s.", access[r->who]));
    put_parameters(w, text_of(r->path));
    json_key(w, "security");
    json_raw(w, r->who == WHO_ANYONE ? TEXT("[]") : TEXT("[{\"session\":[]},{\"token\":[]}]"));
    json_key(w, "responses");
    json_raw(w, TEXT("{\"default\":{\"description\":\"A problem, or the answer that docs/api.md "
                     "describes.\","
                     "\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":\"#/"
                     "components/schemas/"
                     "Problem\"}}}}}"));
    json_close(w);
}

static bool is_api(const struct route *r)
{
    return text_starts(text_of(r->path), "/api/v1/");
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

void openapi_write(struct buf *out, const struct router *router, const char *public_url)
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
    json_key(&w, "components");
    json_raw(
        &w,
        TEXT("{\"securitySchemes\":{\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":"
             "\"redhouse\"},"
             "\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}},\"schemas\":{\"Problem\":{"
             "\"type\":\"object\","
             "\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
             "\"status\":{\"type\":"
             "\"integer\"},\"code\":{\"type\":\"string\"},\"detail\":{\"type\":\"string\"},"
             "\"request\":{\"type\":"
             "\"string\"}},\"required\":[\"type\",\"title\",\"status\",\"code\",\"detail\"]}}}"));
    json_close(&w);
}
