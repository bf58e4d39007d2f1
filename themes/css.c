#include "themes/css.h"

#include "core/json.h"
#include "themes/token.h"

#include <stdio.h>

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

/* Only what a layer sets: an editor without a theme is the editor as its authors made it. */
static void put_editor(struct buf *out, const struct layers *layers, const char *scheme)
{
    for (size_t i = 0; i < token_count; i++) {
        const struct token *token = &token_table[i];
        struct text value = value_of(layers, scheme, token);
        if (value.base == NULL)
            continue;
        for (size_t k = 0; token->editor[k] != NULL; k++)
            buf_printf(out, "--red-ui-%s:%.*s;", token->editor[k], TEXT_ARG(value));
        buf_printf(out, "--rh-%s:%.*s;", token->name, TEXT_ARG(value));
    }
}

void css_editor(struct buf *out, const struct layers *layers)
{
    /* The editor's own sheet sets its variables on :root; the doubled selector outweighs it in any
     * order. */
    buf_str(out, ":root:root{");
    put_editor(out, layers, "light");
    buf_str(out, "}\n:root:root[data-theme=\"dark\"],:root:root.red-ui-dark,body.red-ui-dark{");
    put_editor(out, layers, "dark");
    buf_str(out,
            "}\n#red-ui-header .red-ui-header-logo img,#red-ui-header span.red-ui-header-logo img"
            "{height:32px;width:auto;max-width:220px}\n");
    if (layers_get(layers, "tokens.light.headerText", NULL) != NULL)
        buf_str(out,
                "#red-ui-header span.red-ui-header-logo,#red-ui-header .red-ui-header-logo span,"
                "#red-ui-header .button{color:var(--rh-headerText)}\n");
}
