/*
 * What a search asks for: words and the qualifiers of the public registry. Words become a full-text
 * expression of ours, quoted token by token: the syntax of SQLite never comes from a client. Pure.
 */
#pragma once

#include "core/text.h"

struct pool;

#define QUERY_MAX_WORDS 8

enum query_wish { QUERY_ANY, QUERY_IS, QUERY_NOT };

struct query {
    struct text match; /* for MATCH; absent: no words and no keywords, only what stands below */
    struct text exact; /* the one word, lower case; absent: none or several */
    struct text scope, author, maintainer; /* absent: any; author lower case */
    /* keywords:a,b one of them; a+b all; -a none: JSON arrays in lower case; absent: any */
    struct text keywords_any, keywords_all, keywords_none;
    enum query_wish deprecated, unstable, insecure;
    bool plain; /* boost-exact:false */
    bool empty; /* words that can be in no package: "***" */
};

/* Qualifiers that are not known count as words; words and keywords past QUERY_MAX_WORDS are left
 * out. */
void query_read(struct pool *pool, struct text text, struct query *out);
