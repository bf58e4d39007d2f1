#include "themes/document.h"

#include "core/json.h"
#include "themes/token.h"

static void put_layer(struct json_writer *w, const struct theme *theme)
{
    json_key(w, "theme");
    json_raw(w, theme->text.base != NULL ? theme->document->raw : TEXT("{}"));
    json_key(w, "files");
    json_open_array(w);
    for (size_t i = 0; i < theme->n_files; i++) {
        json_open(w);
        json_put_text(w, "name", theme->files[i].name);
        json_put_text(w, "type", theme->files[i].type);
        json_put_int(w, "bytes", theme->files[i].bytes);
        json_close(w);
    }
    json_close_array(w);
}

static void put_tokens(struct json_writer *w)
{
    static const char *const kinds[] = {
        [TOKEN_COLOR] = "color", [TOKEN_FONT] = "font", [TOKEN_LENGTH] = "length"};

    json_key(w, "tokens");
    json_open_array(w);
    for (size_t i = 0; i < token_count; i++) {
        json_open(w);
        json_put_str(w, "name", token_table[i].name);
        json_put_str(w, "kind", kinds[token_table[i].kind]);
        json_put_str(w, "light", token_table[i].light);
        json_put_str(w, "dark", token_table[i].dark);
        json_close(w);
    }
    json_close_array(w);
}

static const char *name_of(const struct theme *theme, const char *name)
{
    return theme->text.base != NULL ? name : NULL;
}

void document_write(struct json_writer *w, const struct layers *layers, bool of_tenant)
{
    static const struct theme product = {0};
    const struct theme *own = of_tenant ? &layers->own : &layers->platform;
    const struct theme *below = of_tenant ? &layers->platform : &product;
    const char *own_name = name_of(own, of_tenant ? "tenant" : "platform");
    const char *below_name = name_of(below, "platform");

    if (below_name == NULL)
        below_name = "product";
    json_open(w);
    json_put_str(w, "from", own_name != NULL ? own_name : below_name);
    json_put_text(w, "version", own->version);
    json_put_time(w, "updated_at", own->updated_at);
    put_layer(w, own);
    json_key(w, "inherited");
    json_open(w);
    json_put_str(w, "from", below_name);
    put_layer(w, below);
    json_close(w);
    put_tokens(w);
    json_close(w);
}
