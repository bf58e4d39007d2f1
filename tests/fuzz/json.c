/*
 * Any bytes through the reader. What it accepts keeps the promises of core/json.h: raw texts lie
 * inside one another and read as the same values again, and the writer's copy of the document reads
 * alike.
 */
#include "tests/fuzz/fuzz.h"

#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"

#include <stdlib.h>

#define NODES 20000

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool contains(struct text outer, struct text inner)
{
    return inner.base >= outer.base && inner.base + inner.len <= outer.base + outer.len;
}

static void check_node(const struct json *node, unsigned depth)
{
    const struct json *before = NULL;
    size_t n = 0;

    check(depth <= JSON_MAX_DEPTH && node->raw.len > 0);
    if (node->type == JSON_STRING)
        check(node->raw.base[0] == '"' && node->raw.base[node->raw.len - 1] == '"');
    if (node->type == JSON_OBJECT || node->type == JSON_ARRAY)
        check(node->raw.base[0] == (node->type == JSON_OBJECT ? '{' : '['));
    check(text_is_utf8(node->text) && text_is_utf8(node->key));
    json_each (child, node) {
        check(contains(node->raw, child->raw));
        check(before == NULL || before->raw.base + before->raw.len < child->raw.base);
        if (node->type == JSON_OBJECT) {
            check(!text_has(child->key, '\0'));
            if (n < 50)
                check(json_get_text(node, child->key) == child);
        }
        check_node(child, depth + 1);
        before = child;
        n++;
    }
    check(n == node->count);
}

static void write_node(struct json_writer *w, const struct json *node)
{
    switch (node->type) {
    case JSON_NULL:
        json_null(w);
        break;
    case JSON_BOOL:
        json_bool(w, node->boolean);
        break;
    case JSON_NUMBER:
        json_raw(w, node->text);
        break;
    case JSON_STRING:
        json_text(w, node->text);
        break;
    case JSON_ARRAY:
        json_open_array(w);
        json_each (child, node) {
            write_node(w, child);
        }
        json_close_array(w);
        break;
    case JSON_OBJECT:
        json_open(w);
        json_each (child, node) {
            json_key_text(w, child->key);
            write_node(w, child);
        }
        json_close(w);
        break;
    }
}

static void check_same(const struct json *a, const struct json *b)
{
    check(a->type == b->type && a->boolean == b->boolean && a->count == b->count);
    check(text_eq(a->text, b->text));
    for (a = a->child, b = b->child; a != NULL; a = a->next, b = b->next) {
        check(text_eq(a->key, b->key));
        check_same(a, b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_pool struct pool *pool = pool_new();
    auto_buf struct buf copy;
    struct json *doc, *again;
    struct json_writer w;
    struct err err;

    buf_init(&copy, size * 8 + 100);
    if (json_read(pool, text_n(data, size), NODES, &doc, &err) != 0) {
        check(err.kind == ERR_INVALID && text_is_utf8(text_of(err.text)));
        return 0;
    }
    check_node(doc, 0);
    check(json_read(pool, doc->raw, NODES, &again, &err) == 0);
    check_same(doc, again);
    json_writer_init(&w, &copy);
    write_node(&w, doc);
    check(!buf_failed(&copy));
    check(json_read(pool, buf_view(&copy), NODES, &again, &err) == 0);
    check_same(doc, again);
    return 0;
}
