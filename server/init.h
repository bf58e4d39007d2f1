/* What init and other commands share. */
#pragma once

#include "core/text.h"

struct err;
struct pool;

/* The first line of the file as a password. */
int init_password(struct pool *pool, const char *path, struct text *password, struct err *err);
