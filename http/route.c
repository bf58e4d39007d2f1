#include "http/route.h"

#include "core/codec.h"

#include <stdlib.h>

#define MAX_SEGMENTS 32

/* A trie by segments. Rows end at a node, or at its "*rest". */
struct row {
    const struct route *route;
    void *area;
    unsigned method; /* bit in methods */
    unsigned faces;
    struct row *next;
};

struct node {
    struct text label; /* of a literal segment */
    struct node *next; /* sibling literal */
    struct node *literals;
    struct node *param;
    bool param_is_pkg;
    struct row *rows;
    struct row *rest;
};

struct router {
    struct pool *pool;
    struct node root;
    const struct route **table;
    size_t n, room;
    size_t max_body;
};

static const char *const methods[] = {"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"};
#define N_METHODS (sizeof(methods) / sizeof(methods[0]))
#define METHOD_GET (1u << 0)
#define METHOD_HEAD (1u << 1)

static unsigned method_bit(struct text method)
{
    for (unsigned i = 0; i < N_METHODS; i++) {
        if (text_is(method, methods[i]))
            return 1u << i;
    }
    return 0;
}

struct router *router_new(void)
{
    struct router *router = xcalloc(1, sizeof(*router));
    router->pool = pool_new();
    return router;
}

void router_free(struct router *router)
{
    if (router == NULL)
        return;
    pool_free(router->pool);
    free(router->table);
    free(router);
}

const struct route *router_row(const struct router *router, size_t index)
{
    return index < router->n ? router->table[index] : NULL;
}

size_t router_max_body(const struct router *router)
{
    return router->max_body;
}

/* Building. */

static struct node *literal_of(struct router *router, struct node *node, struct text label)
{
    for (struct node *child = node->literals; child != NULL; child = child->next) {
        if (text_eq(child->label, label))
            return child;
    }
    struct node *child = pool_zalloc(router->pool, sizeof(*child));
    child->label = label;
    child->next = node->literals;
    node->literals = child;
    return child;
}

/* NULL when the node has a parameter of the other kind. */
static struct node *param_of(struct router *router, struct node *node, bool pkg)
{
    if (node->param == NULL) {
        node->param = pool_zalloc(router->pool, sizeof(*node->param));
        node->param_is_pkg = pkg;
    }
    return node->param_is_pkg == pkg ? node->param : NULL;
}

static int bad_row(struct err *err, const struct route *route, const char *why)
{
    return err_set(err, ERR_INTERNAL, "bad_route", "The route %s %s %s.",
                   route->method != NULL ? route->method : "?",
                   route->path != NULL ? route->path : "?", why);
}

static int check_row(const struct route *route, struct err *err)
{
    if (route->method == NULL || method_bit(text_of(route->method)) == 0)
        return bad_row(err, route, "has no method we know");
    if (route->path == NULL || route->path[0] != '/')
        return bad_row(err, route, "does not begin with a slash");
    if (route->handle == NULL)
        return bad_row(err, route, "has no handler");
    if ((unsigned)route->lane >= LANE_COUNT)
        return bad_row(err, route, "names no lane");
    if (route->who == WHO_MEMBER && strstr(route->path, "/:tenant/") == NULL &&
        !text_ends(text_of(route->path), "/:tenant"))
        return bad_row(err, route, "asks for members but names no :tenant");
    return 0;
}

/* Walks the pattern to where its rows hang. */
static int place(struct router *router, const struct route *route, struct row ***slot,
                 struct err *err)
{
    struct node *node = &router->root;
    struct text rest = text_of(route->path + 1), segment;
    unsigned params = 0, segments = 0;
    while (rest.len > 0 && text_cut(&rest, '/', &segment)) {
        if (++segments > MAX_SEGMENTS)
            return bad_row(err, route, "has too many segments");
        bool is_rest = text_starts(segment, "*");
        if ((is_rest || text_starts(segment, ":")) && ++params > CALL_MAX_PARAMS)
            return bad_row(err, route, "has too many parameters");
        if (is_rest && rest.base != NULL)
            return bad_row(err, route, "goes on after its rest");
        if (is_rest) {
            *slot = &node->rest;
            return 0;
        }
        if (segment.len == 0)
            return bad_row(err, route, "has an empty segment");
        node = segment.base[0] == ':' ? param_of(router, node, text_is(segment, ":pkg"))
                                      : literal_of(router, node, segment);
        if (node == NULL)
            return bad_row(err, route, "has another kind of parameter than a row before it");
    }
    *slot = &node->rows;
    return 0;
}

static int add_row(struct router *router, const struct route *route, void *area, struct err *err)
{
    struct row **slot = NULL;
    if (check_row(route, err) != 0 || place(router, route, &slot, err) != 0)
        return -1;
    struct row row = {.route = route, .area = area, .method = method_bit(text_of(route->method))};
    row.faces = route->faces != 0 ? route->faces : FACE_PLATFORM;
    for (; *slot != NULL; slot = &(*slot)->next) {
        if ((*slot)->method == row.method && ((*slot)->faces & row.faces) != 0)
            return bad_row(err, route, "is there already");
    }
    *slot = pool_alloc(router->pool, sizeof(row));
    **slot = row;
    if (router->n == router->room) {
        router->room = router->room == 0 ? 64 : router->room * 2;
        router->table = xrealloc(router->table, router->room * sizeof(*router->table));
    }
    router->table[router->n++] = route;
    if (route->max_body > router->max_body)
        router->max_body = route->max_body;
    return 0;
}

int router_add(struct router *router, const struct route *table, size_t n, void *area,
               struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (add_row(router, &table[i], area, err) != 0)
            return -1;
    }
    return 0;
}

/* Matching. */

struct search {
    struct call *call;
    enum face face;
    unsigned method;
    unsigned allow;
};

static bool is_plain(struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.base[i];
        if (c < 0x20 || c == 0x7f)
            return false;
    }
    return true;
}

/* Decodes once. False for what may match nothing. */
static bool decode(struct pool *pool, struct text raw, struct text *out)
{
    bool ascii = true, escaped = false;
    for (size_t i = 0; i < raw.len; i++) {
        escaped = escaped || raw.base[i] == '%';
        ascii = ascii && (unsigned char)raw.base[i] < 0x80;
    }
    *out = raw;
    if (escaped && !percent_decode(pool, raw, false, out))
        return false;
    if (!escaped && !ascii && !text_is_utf8(raw))
        return false;
    return is_plain(*out);
}

static bool decode_segment(struct pool *pool, struct text raw, struct text *out)
{
    return raw.len > 0 && decode(pool, raw, out) && !text_is(*out, ".") && !text_is(*out, "..");
}

/* "a/b" or "": no empty, "." or ".." part. One slash at the end is kept. */
static bool is_safe_rest(struct text rest)
{
    struct text part;
    while (rest.len > 0 && text_cut(&rest, '/', &part)) {
        if (part.len == 0 || text_is(part, ".") || text_is(part, ".."))
            return false;
    }
    return true;
}

static bool choose(struct search *search, const struct row *rows)
{
    const struct row *found = NULL;
    for (const struct row *row = rows; row != NULL; row = row->next) {
        if ((row->faces & search->face) == 0)
            continue;
        search->allow |= row->method | (row->method == METHOD_GET ? METHOD_HEAD : 0);
        if (row->method == search->method)
            found = row;
        else if (found == NULL && search->method == METHOD_HEAD && row->method == METHOD_GET)
            found = row;
    }
    if (found == NULL)
        return false;
    search->call->route = found->route;
    search->call->area = found->area;
    return true;
}

/* Takes the first raw segment; *rest is absent when it was the last. */
static bool next_segment(struct text *rest, struct text *segment)
{
    if (rest->base == NULL)
        return false;
    return text_cut(rest, '/', segment);
}

/* A package name from one or two raw segments. */
static bool take_package(struct search *search, struct text segment, struct text *rest,
                         struct text *name)
{
    struct pool *pool = search->call->pool;
    if (segment.base[0] != '@') {
        *name = segment;
        return !text_has(segment, '/');
    }
    size_t slash = text_find(segment, '/', 0);
    if (slash != SIZE_MAX) {
        *name = segment;
        struct text scope = text_sub(segment, 1, slash - 1);
        struct text bare = text_sub(segment, slash + 1, SIZE_MAX);
        return scope.len > 0 && bare.len > 0 && !text_has(bare, '/') && is_safe_rest(scope) &&
               is_safe_rest(bare);
    }
    struct text raw, bare;
    if (segment.len < 2 || !next_segment(rest, &raw) || !decode_segment(pool, raw, &bare) ||
        text_has(bare, '/'))
        return false;
    *name = text_printf(pool, "%.*s/%.*s", TEXT_ARG(segment), TEXT_ARG(bare));
    return true;
}

static bool match_rest(struct search *search, const struct node *node, struct text rest,
                       unsigned params)
{
    struct text decoded = TEXT("");
    if (node->rest == NULL)
        return false;
    if (rest.len > 0 && (!decode(search->call->pool, rest, &decoded) || !is_safe_rest(decoded)))
        return false;
    if (!choose(search, node->rest))
        return false;
    search->call->params[params] = decoded;
    return true;
}

/* rest is what stands after the slash that leads here; absent: the path ends here. Each node of the
 * trie is entered at most once for a path, so going back costs no more than the table is long. */
static bool match(struct search *search, const struct node *node, struct text rest, unsigned params)
{
    if (rest.len == 0 && choose(search, node->rows))
        return true;
    struct text after = rest, raw, segment;
    if (rest.len == 0 || !next_segment(&after, &raw))
        return match_rest(search, node, rest, params);
    if (!decode_segment(search->call->pool, raw, &segment))
        return false;
    for (const struct node *child = node->literals; child != NULL; child = child->next) {
        if (text_eq(child->label, segment) && match(search, child, after, params))
            return true;
    }
    if (node->param != NULL && node->param_is_pkg) {
        struct text name;
        if (take_package(search, segment, &after, &name) &&
            match(search, node->param, after, params + 1)) {
            search->call->params[params] = name;
            return true;
        }
    } else if (node->param != NULL && !text_has(segment, '/') &&
               match(search, node->param, after, params + 1)) {
        search->call->params[params] = segment;
        return true;
    }
    return match_rest(search, node, rest, params);
}

enum route_match router_match(const struct router *router, enum face face, struct text method,
                              struct text raw_path, struct call *c)
{
    if (raw_path.len == 0 || raw_path.base[0] != '/')
        return ROUTE_NO_PATH;
    struct search search = {.call = c, .face = face, .method = method_bit(method)};
    if (match(&search, &router->root, text_sub(raw_path, 1, SIZE_MAX), 0))
        return ROUTE_FOUND;
    c->allow = search.allow;
    return search.allow != 0 ? ROUTE_NO_METHOD : ROUTE_NO_PATH;
}

struct text router_allow(const struct call *c)
{
    struct text all = TEXT("");
    for (unsigned i = 0; i < N_METHODS; i++) {
        if ((c->allow & (1u << i)) != 0)
            all = text_printf(c->pool, "%.*s%s%s", TEXT_ARG(all), all.len > 0 ? ", " : "",
                              methods[i]);
    }
    return all;
}
