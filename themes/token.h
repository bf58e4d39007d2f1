/*
 * The typed tokens of a theme: one table says name, kind, default, the page's variable and the
 * variables of the Node-RED editor that follow it. Values are judged here, once, so that everything
 * made of tokens is safe to write into CSS anywhere, the platform's own origin included.
 */
#pragma once

#include "core/text.h"

struct err;

enum token_kind { TOKEN_COLOR, TOKEN_FONT, TOKEN_LENGTH };

struct token {
    const char *name; /* in theme.json */
    enum token_kind kind;
    const char *light; /* defaults of our pages */
    const char *dark;
    /* variables of the editor, without "--red-ui-"; "header-…" count inside its header only */
    const char *editor[8];
};

extern const struct token token_table[];
extern const size_t token_count;

const struct token *token_find(struct text name);
/* "bad_token" with the token's name and what is expected. */
int token_check(const struct token *token, struct text value, struct err *err);
bool token_is_color(struct text value);
