#include "http/upstream_part.h"

#define SMALL_PIECE 512 /* cheaper to move than to send as a view of its own */

/* Adds a run of body to the views, behind the last one where that is possible. */
static void add_piece(h2o_iovec_t *out, size_t *n, const struct chunk *chunk, struct text piece)
{
    h2o_iovec_t *last = *n > 0 ? &out[*n - 1] : NULL;
    bool same =
        last != NULL && last->base >= chunk->bytes && last->base < chunk->bytes + CHUNK_BYTES;

    if (same && piece.len < SMALL_PIECE) {
        memmove(last->base + last->len, piece.base, piece.len);
        last->len += piece.len;
        return;
    }
    out[(*n)++] = h2o_iovec_init(piece.base, piece.len);
}

/* One run of body off the chunk; false: the body ended or is broken. */
static bool decode(struct upstream_call *call, struct chunk *chunk, struct text *piece)
{
    struct text in = text_n(chunk->bytes + chunk->start, chunk->end - chunk->start);
    enum h1_piece result = H1_PIECE_DATA;

    *piece = TEXT_NONE;
    if (call->framing == H1_CHUNKED) {
        result = h1_chunks_next(&call->chunks, &in, piece);
    } else {
        *piece = in;
        if (call->framing == H1_LENGTH && call->left < in.len)
            piece->len = (size_t)call->left;
        call->left -= call->framing == H1_LENGTH ? piece->len : 0;
        in = text_n(in.base + piece->len, in.len - piece->len);
    }
    chunk->start = chunk->end - in.len;
    call->broken = result == H1_PIECE_BAD;
    call->ended = result == H1_PIECE_END || (call->framing == H1_LENGTH && call->left == 0);
    return !call->broken && !call->ended;
}

static bool is_used_up(const struct upstream_call *call)
{
    const struct chunk *chunk = call->cursor;

    return chunk == NULL || (chunk->start == chunk->end && chunk->next == NULL);
}

/* The answer is whole: anything that follows it was not asked for. */
static void finish(struct upstream_call *call)
{
    bool keep = call->conn != NULL && !call->conn->tainted && !call->eof && is_used_up(call) &&
                !h2o_socket_is_writing(call->conn->sock);

    upstream_resume(call);
    upstream_call_leave(call, keep);
}

enum upstream_body upstream_take(struct upstream_call *call, h2o_iovec_t *out, size_t max,
                                 size_t *n)
{
    bool more = true;

    *n = 0;
    if (call->framing == H1_NO_BODY || (call->framing == H1_LENGTH && call->left == 0))
        call->ended = true;
    while (more && !call->ended && !call->broken && *n < max && !is_used_up(call)) {
        struct chunk *chunk = call->cursor;
        struct text piece;
        if (chunk->start == chunk->end) {
            call->cursor = chunk->next;
            continue;
        }
        more = decode(call, chunk, &piece);
        if (piece.len > 0)
            add_piece(out, n, chunk, piece);
    }
    if (!call->ended && !call->broken && call->eof && is_used_up(call)) {
        call->ended = call->framing == H1_UNTIL_CLOSE;
        call->broken = !call->ended;
    }
    if (call->broken) {
        upstream_call_leave(call, false);
        return UPSTREAM_BROKEN;
    }
    if (!call->ended)
        return UPSTREAM_OPEN;
    finish(call);
    return UPSTREAM_DONE;
}

void upstream_sent(struct upstream_call *call)
{
    struct chunk *chunk;

    while ((chunk = call->first) != NULL && chunk != call->cursor) {
        call->first = chunk->next;
        chunk_free(&call->upstream->chunks, chunk);
        call->n_chunks--;
    }
    if (chunk != NULL && chunk->start == chunk->end && chunk->next == NULL)
        chunk->start = chunk->end = 0;
    if (call->conn == NULL)
        return;
    h2o_timeout_unlink(&call->timer);
    h2o_timeout_link(call->upstream->loop, &call->upstream->stall_timeout, &call->timer);
    upstream_resume(call);
}
