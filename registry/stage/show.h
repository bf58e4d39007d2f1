/* Staged versions as JSON. */
#pragma once

struct err;
struct json_writer;
struct pool;
struct registry;
struct snapshot;
struct stage;

/* An object as npm knows it. */
void stage_write_npm(struct json_writer *w, struct pool *pool, const struct stage *stage);
/* The members of the API's. */
void stage_write(struct json_writer *w, struct snapshot *accounts, const struct stage *stage);
/* And of what it holds: files, and dependencies beside those of the latest version. */
int stage_write_inside(struct json_writer *w, struct registry *registry, struct pool *pool,
                       const struct stage *stage, struct err *err);
