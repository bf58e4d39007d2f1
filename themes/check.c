/* The shape of theme.json, as one table: what may stand where. */
#include "core/err.h"
#include "core/json.h"
#include "themes/theme.h"
#include "themes/token.h"

enum shape {
    SHAPE_TEXT,
    SHAPE_FILE,
    SHAPE_LINK,
    SHAPE_TOKENS,
    SHAPE_CATEGORIES,
    SHAPE_COLORS,
    SHAPE_MENU
};

static const struct {
    const char *path;
    enum shape shape;
} shapes[] = {
    {"tokens.light", SHAPE_TOKENS},
    {"tokens.dark", SHAPE_TOKENS},
    {"page.title", SHAPE_TEXT},
    {"header.title", SHAPE_TEXT},
    {"header.image", SHAPE_FILE},
    {"header.url", SHAPE_LINK},
    {"favicon", SHAPE_FILE},
    {"login.image", SHAPE_FILE},
    {"login.message", SHAPE_TEXT},
    {"palette.categories", SHAPE_CATEGORIES},
    {"palette.theme", SHAPE_COLORS},
    {"deployButton.label", SHAPE_TEXT},
    {"menu", SHAPE_MENU},
    {"codeEditor.theme", SHAPE_TEXT},
    {"css", SHAPE_FILE},
};
#define N_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static int bad(struct err *err, const char *path, const char *wanted)
{
    return err_set(err, ERR_UNPROCESSABLE, "bad_theme", "In theme.json \"%s\" must be %s.", path,
                   wanted);
}

/* A text that people see: any characters but control characters; whoever writes it into a page
 * escapes it. */
static bool is_label(const struct json *node)
{
    return node->type == JSON_STRING && node->text.len <= 200 && text_is_printable(node->text);
}

static int check_tokens(const char *path, const struct json *node, struct err *err)
{
    if (node->type != JSON_OBJECT)
        return bad(err, path, "an object of tokens");
    json_each (item, node) {
        const struct token *token = token_find(item->key);
        if (token == NULL || item->type != JSON_STRING)
            return err_set(err, ERR_UNPROCESSABLE, "bad_token", "\"%.*s\" is no token of a theme.",
                           TEXT_ARG(item->key));
        if (token_check(token, item->text, err) != 0)
            return -1;
    }
    return 0;
}

static int check_colors(const char *path, const struct json *node, struct err *err)
{
    if (node->type != JSON_ARRAY || node->count > 200)
        return bad(err, path, "a list of at most 200 rules");
    json_each (rule, node) {
        struct text category = TEXT_NONE, type = TEXT_NONE, color = TEXT_NONE;
        if (rule->type != JSON_OBJECT || json_want_text(rule, "category", &category, err) != 0 ||
            json_want_text(rule, "type", &type, err) != 0 ||
            json_need_text(rule, "color", &color, err) != 0)
            return bad(err, path, "a list of {category, type, color}");
        /* The editor takes category and type as regular expressions: plain names and '.*' only. */
        if (!token_is_color(color) || category.len > 100 || type.len > 100)
            return bad(err, path, "a list of {category, type, color} with colours such as #c0ffee");
    }
    return 0;
}

static int check_shape(const struct theme *theme, size_t i, const struct json *node,
                       struct err *err)
{
    const char *path = shapes[i].path;

    switch (shapes[i].shape) {
    case SHAPE_TEXT:
        return is_label(node) ? 0 : bad(err, path, "a text of at most 200 bytes");
    case SHAPE_LINK:
        return is_label(node) &&
                       (text_starts(node->text, "https://") || text_starts(node->text, "http://"))
                   ? 0
                   : bad(err, path, "an http or https address");
    case SHAPE_FILE:
        if (node->type != JSON_STRING)
            return bad(err, path, "the name of a file in the bundle");
        return theme_file(theme, node->text) != NULL
                   ? 0
                   : err_set(err, ERR_UNPROCESSABLE, "missing_file",
                             "The bundle holds no file \"%.*s\", which theme.json names in \"%s\".",
                             TEXT_ARG(text_sub(node->text, 0, 60)), path);
    case SHAPE_TOKENS:
        return check_tokens(path, node, err);
    case SHAPE_CATEGORIES:
        if (node->type != JSON_ARRAY || node->count > 100)
            return bad(err, path, "a list of at most 100 names");
        json_each (item, node) {
            if (!is_label(item))
                return bad(err, path, "a list of names");
        }
        return 0;
    case SHAPE_COLORS:
        return check_colors(path, node, err);
    case SHAPE_MENU:
        if (node->type != JSON_OBJECT || node->count > 100)
            return bad(err, path, "an object of menu items that are false");
        json_each (item, node) {
            if (!text_starts(item->key, "menu-item-") || item->type != JSON_BOOL)
                return bad(err, path, "an object of \"menu-item-…\": false");
        }
        return 0;
    }
    return 0;
}

/* "header" is known because "header.title" is. */
static bool known(struct text prefix, struct text name)
{
    for (size_t i = 0; i < N_SHAPES; i++) {
        struct text path = text_of(shapes[i].path);
        if (prefix.len > 0 && (!text_eq(text_sub(path, 0, prefix.len), prefix) ||
                               path.len <= prefix.len || path.base[prefix.len] != '.'))
            continue;
        struct text rest = prefix.len > 0 ? text_sub(path, prefix.len + 1, path.len) : path;
        size_t dot = text_find(rest, '.', 0);
        if (text_eq(dot == SIZE_MAX ? rest : text_sub(rest, 0, dot), name))
            return true;
    }
    return text_is(name, "name") && prefix.len == 0;
}

static bool is_group(struct text name)
{
    return text_is(name, "tokens") || text_is(name, "page") || text_is(name, "header") ||
           text_is(name, "login") || text_is(name, "palette") || text_is(name, "deployButton") ||
           text_is(name, "codeEditor");
}

static int check_names(const struct json *document, struct err *err)
{
    json_each (item, document) {
        if (!known(TEXT(""), item->key))
            return err_set(err, ERR_UNPROCESSABLE, "bad_theme",
                           "theme.json has no member \"%.*s\".",
                           TEXT_ARG(text_sub(item->key, 0, 60)));
        if (!is_group(item->key))
            continue;
        if (item->type != JSON_OBJECT)
            return bad(err, "tokens, page, header, login, palette, deployButton, codeEditor",
                       "objects");
        json_each (member, item) {
            if (!known(item->key, member->key))
                return err_set(
                    err, ERR_UNPROCESSABLE, "bad_theme", "theme.json has no member \"%.*s.%.*s\".",
                    TEXT_ARG(text_sub(item->key, 0, 60)), TEXT_ARG(text_sub(member->key, 0, 60)));
        }
    }
    return 0;
}

int theme_check(const struct theme *theme, struct err *err)
{
    if (theme->document->type != JSON_OBJECT)
        return err_set(err, ERR_UNPROCESSABLE, "bad_theme", "theme.json must be an object.");
    if (check_names(theme->document, err) != 0)
        return -1;
    for (size_t i = 0; i < N_SHAPES; i++) {
        const struct json *node = json_at(theme->document, shapes[i].path);
        if (node != NULL && node->type != JSON_NULL && check_shape(theme, i, node, err) != 0)
            return -1;
    }
    return 0;
}
