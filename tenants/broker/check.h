/*
 * Whether a request may be acted on: every text terminated, of its own small alphabet, every number
 * within its bounds. What passes here can be put into a path or a record as it is.
 */
#pragma once

#include "core/text.h"

struct broker_request;
struct err;

/* n: bytes received. */
int check_request(const struct broker_request *request, size_t n, struct err *err);
/* 26 characters of 0-9 a-z. */
bool check_id(const char *id);
/* 1 to 47 of a-z 0-9 @ . _ -, no "..", not starting with "." */
bool check_name(const char *name);
/* "--flag" and "--flag=number" words of a fixed list, one blank between. */
bool check_node_options(struct text options);
/* A relative path without "..", empty or odd parts; "" is fine. */
bool check_subdir(struct text path);
