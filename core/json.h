/*
 * JSON: one reader and one writer for everything, over yajl.
 *
 * The reader builds nodes in a pool; a string that needs no unescaping stays a view into the input,
 * so the input must live as long as the nodes. Refused: depth over 64, more than the given number
 * of nodes, duplicate keys, invalid UTF-8, NUL in keys, trailing bytes. A 60 MB base64 string costs
 * no copy.
 */
#pragma once

#include "core/buf.h"
#include "core/text.h"

struct err;
struct pool;

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    bool boolean;
    struct text text;   /* string: unescaped; number: its digits as written */
    struct text raw;    /* this value exactly as it stood in the input */
    struct text key;    /* when inside an object */
    struct json *child; /* first element */
    struct json *next;  /* next sibling */
    size_t count;       /* children */
};

#define JSON_MAX_DEPTH 64
#define JSON_MAX_NODES 1000000

/* ERR_INVALID "bad_json" with what and where. */
int json_read(struct pool *pool, struct text input, size_t max_nodes, struct json **out,
              struct err *err);
/* Child by key; NULL when missing or not an object. */
const struct json *json_get(const struct json *node, const char *key);
const struct json *json_get_text(const struct json *node, struct text key);
/* By dotted path: "dist.integrity". */
const struct json *json_at(const struct json *node, const char *path);
/* Typed access by dotted path. Missing or null: returns 0 and leaves *out; wrong type: -1
 * ERR_INVALID "bad_field" naming the path. */
int json_want_text(const struct json *node, const char *path, struct text *out, struct err *err);
int json_want_int(const struct json *node, const char *path, int64_t *out, struct err *err);
int json_want_bool(const struct json *node, const char *path, bool *out, struct err *err);
/* As json_want_text, but missing is an error as well: ERR_INVALID "missing_field". */
int json_need_text(const struct json *node, const char *path, struct text *out, struct err *err);
#define json_each(item, node)                                                                      \
    for (const struct json *item = (node) != NULL ? (node)->child : NULL; item != NULL;            \
         item = item->next)

/* Writer: begin/append/end over a bounded buffer. Commas are its business; errors stick in the buf.
 * Inside an object every value is preceded by json_key. */
struct json_writer {
    struct buf *out;
    /* below: not written by callers */
    unsigned depth;
    bool comma[JSON_MAX_DEPTH + 1];
    bool after_key;
};

void json_writer_init(struct json_writer *w, struct buf *out);
void json_open(struct json_writer *w);  /* { */
void json_close(struct json_writer *w); /* } */
void json_open_array(struct json_writer *w);
void json_close_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_key_text(struct json_writer *w, struct text key);
void json_text(struct json_writer *w,
               struct text t); /* absent writes null; bad UTF-8 becomes U+FFFD */
void json_str(struct json_writer *w, const char *s); /* NULL writes null */
void json_int(struct json_writer *w, int64_t n);
void json_bool(struct json_writer *w, bool b);
void json_null(struct json_writer *w);
void json_raw(struct json_writer *w,
              struct text t); /* already JSON, written verbatim; empty: null */
/* key and value in one statement */
void json_put_text(struct json_writer *w, const char *key, struct text t);
void json_put_str(struct json_writer *w, const char *key, const char *s);
void json_put_int(struct json_writer *w, const char *key, int64_t n);
void json_put_bool(struct json_writer *w, const char *key, bool b);
/* ISO time, or null when 0. */
void json_put_time(struct json_writer *w, const char *key, int64_t wall_ms);
