#include "themes/css.h"

#include "core/json.h"
#include "themes/token.h"

#include <stdio.h>
#include <string.h>

/* The value of a token in a scheme ("light", "dark"), by layer; absent if no layer sets it. */
static struct text value_of(const struct layers *layers, const char *scheme,
                            const struct token *token)
{
    char path[64];

    snprintf(path, sizeof(path), "tokens.%s.%s", scheme, token->name);
    const struct json *node = layers_get(layers, path, NULL);
    return node != NULL ? node->text : TEXT_NONE;
}

static void put_page(struct buf *out, const struct layers *layers, const char *scheme, bool dark)
{
    for (size_t i = 0; i < token_count; i++) {
        const struct token *token = &token_table[i];
        const char *preset = dark ? token->dark : token->light;
        struct text value = value_of(layers, scheme, token);
        if (value.base == NULL && preset != NULL)
            value = text_of(preset);
        if (value.base != NULL)
            buf_printf(out, "--rh-%s:%.*s;", token->name, TEXT_ARG(value));
    }
}

void css_look(struct buf *out, const struct layers *layers)
{
    buf_str(out, ":root{color-scheme:light dark;");
    put_page(out, layers, "light", false);
    buf_str(out, "}@media(prefers-color-scheme:dark){:root{");
    put_page(out, layers, "dark", true);
    buf_str(out, "}}\n");
}

/* Fonts and lengths are the same in the dark unless it says otherwise. */
static struct text editor_value(const struct layers *layers, const char *scheme,
                                const struct token *token)
{
    struct text value = value_of(layers, scheme, token);

    return value.base != NULL || token->kind == TOKEN_COLOR ? value
                                                            : value_of(layers, "light", token);
}

static void put_variables(struct buf *out, const struct token *token, struct text value,
                          bool of_header)
{
    for (size_t k = 0; token->editor[k] != NULL; k++)
        if (text_starts(text_of(token->editor[k]), "header-") == of_header)
            buf_printf(out, "--red-ui-%s:%.*s;", token->editor[k], TEXT_ARG(value));
}

/* Only what a layer sets: an editor without a theme is the editor as its authors made it. */
static void put_editor(struct buf *out, const struct layers *layers, const char *scheme)
{
    for (size_t i = 0; i < token_count; i++) {
        const struct token *token = &token_table[i];
        struct text value = editor_value(layers, scheme, token);
        if (value.base == NULL)
            continue;
        put_variables(out, token, value, false);
        buf_printf(out, "--rh-%s:%.*s;", token->name, TEXT_ARG(value));
    }
}

/* The editor takes the header's variables for trays, tabs and tables as well, where they would not
 * fit: they are set inside the header only. What is pointed at there is mixed from its colours. */
static void put_header(struct buf *out, const struct layers *layers, const char *scheme)
{
    static const char *const mixed[] = {"header-button-background-hover",
                                        "header-button-background-active", "header-menu-item-hover",
                                        "header-menu-item-border-active", "header-button-border"};
    static const char *const quiet[] = {"header-menu-color-disabled", "header-menu-sublabel-color"};
    bool ground = false, words = false;

    for (size_t i = 0; i < token_count; i++) {
        const struct token *token = &token_table[i];
        struct text value = value_of(layers, scheme, token);
        if (value.base == NULL)
            continue;
        put_variables(out, token, value, true);
        ground |= strcmp(token->name, "header") == 0;
        words |= strcmp(token->name, "headerText") == 0;
    }
    for (size_t i = 0; ground && i < sizeof(mixed) / sizeof(mixed[0]); i++)
        buf_printf(out,
                   "--red-ui-%s:color-mix(in srgb,var(--rh-header) 84%%,"
                   "var(--red-ui-header-menu-color));",
                   mixed[i]);
    for (size_t i = 0; words && i < sizeof(quiet) / sizeof(quiet[0]); i++)
        buf_printf(out,
                   "--red-ui-%s:color-mix(in srgb,var(--rh-headerText) 65%%,"
                   "var(--red-ui-header-menu-background));",
                   quiet[i]);
}

static void put_scheme(struct buf *out, const struct layers *layers, const char *scheme,
                       const char *root)
{
    buf_printf(out, "%s{", root);
    put_editor(out, layers, scheme);
    buf_printf(out, "}\n%s #red-ui-header{", root);
    put_header(out, layers, scheme);
    buf_str(out, "}\n");
}

void css_editor(struct buf *out, const struct layers *layers)
{
    /* The editor's own sheet sets its variables on :root and html.nr-theme-dark; the doubled
     * selector outweighs both in any order. */
    put_scheme(out, layers, "light", ":root:root:not(.nr-theme-dark)");
    put_scheme(out, layers, "dark", ":root:root.nr-theme-dark");
    buf_str(out, "#red-ui-header .red-ui-header-logo img,#red-ui-header span.red-ui-header-logo img"
                 "{height:32px;width:auto;max-width:220px}\n");
}
