#include "http/send.h"

#include "http/door.h"
#include "http/file.h"
#include "http/ready_part.h"
#include "http/request.h"
#include "http/stream_part.h"

void send_release(struct answer *answer)
{
    file_body_free(answer->file);
    answer->file = NULL;
    if (answer->stream != NULL)
        stream_release(answer->stream);
    answer->stream = NULL;
    ready_entry_drop(answer->ready);
    answer->ready = NULL;
}

static void put_headers(h2o_req_t *req, const struct answer *answer)
{
    for (const struct answer_header *h = answer->headers; h != NULL; h = h->next)
        h2o_add_header_by_str(&req->pool, &req->res.headers, h->name, strlen(h->name), 0, NULL,
                              h->value.base, h->value.len);
}

static void send_bytes(h2o_req_t *req, struct text body, bool head)
{
    static h2o_generator_t generator;
    h2o_iovec_t bytes = h2o_iovec_init(body.base, body.len);
    h2o_start_response(req, &generator);
    h2o_send(req, &bytes, head || body.len == 0 ? 0 : 1, H2O_SEND_STATE_FINAL);
}

void request_send(struct request *r)
{
    h2o_req_t *req = r->req;
    struct answer *answer = &r->answer;
    bool head = text_is(r->call.method, "HEAD");
    req->res.status = answer->status;
    req->res.reason = answer_reason(answer->status);
    req->compress_hint = H2O_COMPRESS_HINT_DISABLE;
    if (answer->close)
        req->http1_is_persistent = 0;
    put_headers(req, answer);
    if (answer->stream != NULL) {
        stream_send(answer->stream, r, head);
    } else if (answer->file != NULL) {
        file_body_send(answer->file, req, head);
    } else {
        req->res.content_length = answer->no_length ? SIZE_MAX : answer->body.len;
        send_bytes(req, answer->body, head || answer->no_length);
    }
}
