/* What fetching's files share. Inside core/ only. */
#pragma once

#include "core/err.h"
#include "core/fetch.h"

#include <curl/curl.h>
#include <pthread.h>

struct transfer {
    const struct fetch_request *request;
    struct pool *pool;
    struct fetch_reply reply;
    struct buf body;
    size_t header_bytes;
    struct err problem; /* a code: why we ended it ourselves */
    CURL *easy;
    struct curl_slist *headers;
    CURLcode code;
    int64_t deadline_at;
    int64_t moved_at; /* when a byte went either way; 0: no connection yet */
    curl_off_t moved; /* how many by then */
    pthread_cond_t ended;
    bool done;
    struct transfer *next;
};

/* ERR_INVALID for a method, header name or value that could not be sent as it is. */
int transfer_check(const struct fetch_request *request, struct err *err);
/* Makes the easy handle; -1 and a problem when there is none to be had. */
int transfer_set_up(struct transfer *t, const struct fetch_options *options);
/* Milliseconds until the transfer is due again; 0 and a problem once it is too slow. */
int64_t transfer_left(struct transfer *t, int64_t now);
/* Frees what transfer_set_up made and notes the status. */
void transfer_end(struct transfer *t, CURLcode code);
/* The outcome as an error, or 0. */
int transfer_judge(const struct transfer *t, struct err *err);
