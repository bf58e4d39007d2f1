#include "themes/token.h"

#include "core/err.h"

#include <ctype.h>

const struct token token_table[] = {
    {"primary",
     TOKEN_COLOR,
     "#8f0000",
     "#ff6b5e",
     {"deploy-button-background", "link-color", "workspace-button-background-primary", NULL}},
    {"primaryHover",
     TOKEN_COLOR,
     "#6f0000",
     "#ff8a7f",
     {"deploy-button-background-hover", "deploy-button-background-active",
      "workspace-button-background-primary-hover", NULL}},
    {"primaryText",
     TOKEN_COLOR,
     "#ffffff",
     "#1b0b0a",
     {"deploy-button-color", "workspace-button-color-primary", NULL}},
    {"header",
     TOKEN_COLOR,
     "#1d1b1a",
     "#141312",
     {"header-background", "header-button-background", "header-menu-background", NULL}},
    {"headerText",
     TOKEN_COLOR,
     "#ffffff",
     "#f3efec",
     {"header-menu-color", "header-menu-heading-color", NULL}},
    {"headerAccent", TOKEN_COLOR, "#8f0000", "#ff6b5e", {"header-accent", NULL}},
    {"background",
     TOKEN_COLOR,
     "#faf8f6",
     "#1b1a19",
     {"primary-background", "secondary-background", "tertiary-background",
      "palette-header-background", NULL}},
    {"surface",
     TOKEN_COLOR,
     "#ffffff",
     "#262422",
     {"form-input-background", "view-background", "list-item-background", NULL}},
    {"text",
     TOKEN_COLOR,
     "#221f1d",
     "#f0ece8",
     {"primary-text-color", "form-text-color", "list-item-color", "palette-header-color", NULL}},
    {"muted",
     TOKEN_COLOR,
     "#6b645f",
     "#a9a19b",
     {"secondary-text-color", "tertiary-text-color", NULL}},
    {"border",
     TOKEN_COLOR,
     "#d9d2cc",
     "#44403c",
     {"primary-border-color", "secondary-border-color", "form-input-border-color", NULL}},
    {"font", TOKEN_FONT, "system-ui, sans-serif", NULL, {"primary-font", NULL}},
    {"radius", TOKEN_LENGTH, "6px", NULL, {NULL}},
};
const size_t token_count = sizeof(token_table) / sizeof(token_table[0]);

const struct token *token_find(struct text name)
{
    for (size_t i = 0; i < token_count; i++)
        if (text_is(name, token_table[i].name))
            return &token_table[i];
    return NULL;
}

bool token_is_color(struct text value)
{
    if (value.len != 4 && value.len != 7 && value.len != 9)
        return false;
    if (value.base[0] != '#')
        return false;
    for (size_t i = 1; i < value.len; i++)
        if (!isxdigit((unsigned char)value.base[i]))
            return false;
    return true;
}

/* Names of fonts separated by commas: letters, digits, spaces, hyphens. Quotes are ours to add. */
static bool is_font(struct text value)
{
    if (value.len == 0 || value.len > 200)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.base[i];
        if (!isalnum(c) && c != ' ' && c != ',' && c != '-')
            return false;
    }
    return true;
}

static bool is_length(struct text value)
{
    int64_t n;

    return text_ends(value, "px") && text_number(text_sub(value, 0, value.len - 2), 0, 64, &n);
}

int token_check(const struct token *token, struct text value, struct err *err)
{
    static const struct {
        bool (*is)(struct text);
        const char *wanted;
    } kinds[] = {
        [TOKEN_COLOR] = {token_is_color, "a colour such as #8f0000"},
        [TOKEN_FONT] = {is_font, "names of fonts separated by commas"},
        [TOKEN_LENGTH] = {is_length, "a length from 0px to 64px"},
    };

    if (kinds[token->kind].is(value))
        return 0;
    return err_set(err, ERR_UNPROCESSABLE, "bad_token", "The theme's token \"%s\" must be %s.",
                   token->name, kinds[token->kind].wanted);
}
