/* The commands of tokens, of issuers of ID tokens and of trusted publishers. In the table of
 * client_commands.c. */
#pragma once

struct ask;
struct err;

int token_create(struct ask *ask, struct err *err);
int token_list(struct ask *ask, struct err *err);
int token_remove(struct ask *ask, struct err *err);

int issuer_add(struct ask *ask, struct err *err);
int issuer_list(struct ask *ask, struct err *err);
int issuer_remove(struct ask *ask, struct err *err);

#define TRUST_COLUMNS "id,issuer,publish,stage,last_used_at,last_refused"
int trust_add_command(struct ask *ask, struct err *err);
int trust_list_command(struct ask *ask, struct err *err);
int trust_remove_command(struct ask *ask, struct err *err);
