/* The commands of teams and of what they may do with packages. Inside server/ only. */
#pragma once

struct ask;
struct err;

int team_create_command(struct ask *ask, struct err *err);
int team_list_command(struct ask *ask, struct err *err);
int team_remove_command(struct ask *ask, struct err *err);
int team_join_command(struct ask *ask, struct err *err);
int team_leave_command(struct ask *ask, struct err *err);
int package_access_command(struct ask *ask, struct err *err);
int package_grant_command(struct ask *ask, struct err *err);
int package_revoke_command(struct ask *ask, struct err *err);
