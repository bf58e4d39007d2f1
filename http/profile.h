/*
 * What users say of themselves: the fields that npm's profile knows. Rows in
 * the control database.
 */
#pragma once

#include "core/text.h"

struct account;
struct err;
struct json;
struct json_writer;

/* Writes email and the known fields as members of the open object, null where there is none, with
 * "created" and "updated". */
int profile_write(struct account *account, const char *user, struct json_writer *w,
                  struct err *err);
/* Sets the known fields that doc has; null or empty removes one, others stay. ERR_UNPROCESSABLE
 * "bad_profile". */
int profile_set(struct account *account, const char *user, const struct json *doc, struct err *err);
