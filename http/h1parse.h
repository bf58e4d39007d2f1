/*
 * HTTP/1.1 as an instance answers it: one response head, one chunked body. Strict where lenience
 * would let two readers disagree: CRLF only, no folded lines, one meaning of the length. Pure
 * functions over views, no memory of their own; fuzzed. Not for requests (libh2o reads those) and
 * not for I/O.
 */
#pragma once

#include "core/text.h"

#define H1_MAX_HEAD 65536
#define H1_MAX_HEADERS 100

enum h1_result { H1_MORE, H1_DONE, H1_BAD };

/* How the body after a head ends. */
enum h1_framing { H1_NO_BODY, H1_LENGTH, H1_CHUNKED, H1_UNTIL_CLOSE };

struct h1_header {
    struct text name;  /* as sent, a token, never empty */
    struct text value; /* trimmed; no control bytes but tabs */
};

struct h1_head {
    int status;   /* 100..599 */
    bool http10;  /* HTTP/1.0, else 1.1 */
    bool chunked; /* Transfer-Encoding is exactly "chunked" */
    bool has_length;
    bool closes;   /* the connection cannot carry another request */
    bool upgrades; /* Connection names "upgrade" */
    bool names;    /* Connection names more than close, keep-alive and upgrade */
    uint64_t length;
    struct text reason; /* may be empty */
    size_t n_headers;
    struct h1_header headers[H1_MAX_HEADERS];
};

/* Looks for the end of a head. *seen is 0 at first and remembers how far earlier calls looked, so
 * that a head that arrives byte by byte costs no more than one in one piece. H1_DONE: *seen is the
 * head's length. H1_BAD: a line end other than CRLF, a head that begins empty, or one past
 * H1_MAX_HEAD. */
enum h1_result h1_head_end(struct text bytes, size_t *seen);
/* Reads a whole head as found by h1_head_end; its views point into bytes. False: refused. */
bool h1_head_parse(struct text bytes, struct h1_head *head);
/* The body that follows; answers_head: the request was HEAD. */
enum h1_framing h1_head_framing(const struct h1_head *head, bool answers_head);
/* Index of the first header of that name (lower case) at or after from; n_headers if none. */
size_t h1_head_find(const struct h1_head *head, const char *name, size_t from);
/* Whether a Connection header of the head names this header. */
bool h1_head_names(const struct h1_head *head, struct text name);
/* Whether a comma-separated list has this item (ASCII case ignored, blanks trimmed). */
bool h1_list_has(struct text list, struct text item);
bool h1_is_token(struct text t);

/* A chunked body under way; zeroed to begin. */
struct h1_chunks {
    /* below: not written by callers */
    int state;
    unsigned digits;
    size_t extra; /* bytes of extensions or trailers so far */
    uint64_t left;
};

enum h1_piece { H1_PIECE_MORE, H1_PIECE_DATA, H1_PIECE_END, H1_PIECE_BAD };

/* Takes framing off the front of *in. H1_PIECE_DATA: *data is a run of body inside it, call again;
 * H1_PIECE_MORE: *in is used up; H1_PIECE_END: the body and its trailers (dropped) are over, *in is
 * what follows. Extensions are skipped up to 256 bytes a chunk, trailers up to 8 KiB. */
enum h1_piece h1_chunks_next(struct h1_chunks *chunks, struct text *in, struct text *data);
