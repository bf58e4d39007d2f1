/* The commands of versions that wait for approval. Inside server/ only. */
#pragma once

struct ask;
struct err;

int stage_list_command(struct ask *ask, struct err *err);
int stage_approve_command(struct ask *ask, struct err *err);
int stage_reject_command(struct ask *ask, struct err *err);
