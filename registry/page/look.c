#include "registry/page/look.h"

/* A reader of JavaScript that knows where literals, comments and brackets end, and no more. */
struct reader {
    struct text s;
    size_t at;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$';
}

static char peek(const struct reader *r)
{
    return r->at < r->s.len ? r->s.base[r->at] : '\0';
}

static bool starts(const struct reader *r, const char *sign)
{
    return text_starts(text_sub(r->s, r->at, r->s.len), sign);
}

static void skip_past(struct reader *r, const char *sign)
{
    size_t len = strlen(sign);
    const char *hit =
        r->at < r->s.len ? memmem(r->s.base + r->at, r->s.len - r->at, sign, len) : NULL;

    r->at = hit != NULL ? (size_t)(hit - r->s.base) + len : r->s.len;
}

static void skip_blank(struct reader *r)
{
    for (;;) {
        if (r->at < r->s.len && is_space(r->s.base[r->at]))
            r->at++;
        else if (starts(r, "//"))
            skip_past(r, "\n");
        else if (starts(r, "/*"))
            r->at += 2, skip_past(r, "*/");
        else
            return;
    }
}

/* Stands on a quote. False: it does not end. *out is what stands between, absent when that is not
 * just text. */
static bool read_string(struct reader *r, struct text *out)
{
    char quote = r->s.base[r->at++];
    size_t start = r->at;
    bool plain = true;

    for (; r->at < r->s.len; r->at++) {
        char c = r->s.base[r->at];
        if (c == quote) {
            *out = plain ? text_sub(r->s, start, r->at - start) : TEXT_NONE;
            r->at++;
            return true;
        }
        if (c == '\n' && quote != '`')
            return false;
        if (c == '\\')
            plain = false, r->at++;
        if (c == '$' && quote == '`')
            plain = false;
    }
    return false;
}

/* Stands on the slash of a regular expression. */
static void skip_regex(struct reader *r)
{
    bool set = false;

    for (r->at++; r->at < r->s.len && r->s.base[r->at] != '\n'; r->at++) {
        char c = r->s.base[r->at];
        if (c == '\\')
            r->at++;
        else if (c == '[')
            set = true;
        else if (c == ']')
            set = false;
        else if (c == '/' && !set) {
            r->at++;
            return;
        }
    }
}

/* A slash after one of these begins a regular expression, after all else it divides. */
static bool before_regex(char last)
{
    return last == '\0' || strchr("(,=:[!&|?{};+*%~^<>", last) != NULL;
}

/* To the comma or bracket that ends the value which begins here. */
static void skip_value(struct reader *r)
{
    size_t depth = 0;
    char last = ':';
    struct text ignored;

    while (skip_blank(r), r->at < r->s.len) {
        char c = r->s.base[r->at];
        if (depth == 0 && (c == ',' || c == '}' || c == ']' || c == ')'))
            return;
        if (c == '"' || c == '\'' || c == '`') {
            if (!read_string(r, &ignored)) {
                r->at = r->s.len;
                return;
            }
        } else if (c == '/' && before_regex(last)) {
            skip_regex(r);
        } else {
            depth += c == '(' || c == '[' || c == '{';
            depth -= c == ')' || c == ']' || c == '}';
            r->at++;
        }
        last = c;
    }
}

static bool ends_value(struct reader *r)
{
    skip_blank(r);
    return peek(r) == ',' || peek(r) == '}' || peek(r) == ')';
}

/* A literal text that is all of the value; else the value is skipped and out stays absent. */
static void read_text(struct reader *r, struct text *out)
{
    struct reader ahead = *r;
    struct text found = TEXT_NONE;

    skip_blank(&ahead);
    char c = peek(&ahead);
    if ((c == '"' || c == '\'' || c == '`') && read_string(&ahead, &found) && ends_value(&ahead) &&
        found.base != NULL && found.len <= LOOK_TEXT_MAX && text_is_printable(found) &&
        text_is_utf8(found)) {
        *out = found;
        *r = ahead;
        return;
    }
    skip_value(r);
}

static void read_number(struct reader *r, int64_t *out)
{
    struct reader ahead = *r;

    skip_blank(&ahead);
    size_t start = ahead.at;
    while (is_word(peek(&ahead)))
        ahead.at++;
    struct text digits = text_sub(r->s, start, ahead.at - start);
    if (!ends_value(&ahead) || !text_number(digits, 0, 1000, out))
        skip_value(r);
    else
        *r = ahead;
}

static bool read_key(struct reader *r, struct text *key)
{
    skip_blank(r);
    char c = peek(r);
    *key = TEXT_NONE;
    if (c == '"' || c == '\'')
        return read_string(r, key);
    size_t start = r->at;
    while (is_word(peek(r)))
        r->at++;
    *key = text_sub(r->s, start, r->at - start);
    return true;
}

static void read_member(struct reader *r, struct text key, struct look *look)
{
    struct {
        const char *key;
        struct text *to;
    } const texts[] = {{"category", &look->category}, {"color", &look->color},
                       {"icon", &look->icon},         {"paletteLabel", &look->label},
                       {"align", &look->align},       {"type", &look->type}};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (text_is(key, texts[i].key)) {
            read_text(r, texts[i].to);
            return;
        }
    if (text_is(key, "inputs"))
        read_number(r, &look->inputs);
    else if (text_is(key, "outputs"))
        read_number(r, &look->outputs);
    else
        skip_value(r);
}

/* Stands behind the brace. */
static void read_object(struct reader *r, struct look *look)
{
    struct text key;

    while (r->at < r->s.len) {
        if (!read_key(r, &key))
            return;
        skip_blank(r);
        if (peek(r) == ':') {
            r->at++;
            read_member(r, key, look);
        } else {
            skip_value(r);
        }
        if (peek(r) != ',')
            return;
        r->at++;
        skip_blank(r);
        if (peek(r) == '}')
            return;
    }
}

static void add(struct looks *looks, const struct look *look)
{
    for (size_t i = 0; i < looks->n; i++)
        if (text_eq(looks->all[i].name, look->name))
            return;
    if (looks->n < LOOKS_MAX)
        looks->all[looks->n++] = *look;
}

/* Stands behind the mark: ( "name" , { … */
static void read_call(struct looks *looks, struct reader r, struct text set)
{
    struct look look = {.set = set, .inputs = -1, .outputs = -1};

    skip_blank(&r);
    if (peek(&r) != '(')
        return;
    r.at++;
    skip_blank(&r);
    char quote = peek(&r);
    if ((quote != '"' && quote != '\'' && quote != '`') || !read_string(&r, &look.name) ||
        look.name.len == 0 || look.name.len > LOOK_TEXT_MAX || !text_is_printable(look.name) ||
        !text_is_utf8(look.name) || !ends_value(&r))
        return;
    if (peek(&r) == ',') {
        r.at++;
        skip_blank(&r);
        if (peek(&r) == '{') {
            r.at++;
            read_object(&r, &look);
        }
    }
    if (look.color.base != NULL && !look_is_color(look.color))
        look.color = TEXT_NONE;
    add(looks, &look);
}

void looks_scan(struct looks *looks, struct text source, const char *call, struct text set)
{
    size_t len = strlen(call), at = 0;

    while (at + len <= source.len) {
        const char *hit = memmem(source.base + at, source.len - at, call, len);
        if (hit == NULL)
            return;
        at = (size_t)(hit - source.base) + len;
        read_call(looks, (struct reader){source, at}, set);
    }
}

bool look_is_color(struct text color)
{
    size_t start = 0;

    if (color.len == 0 || color.len > 40)
        return false;
    if (color.base[0] == '#') {
        for (size_t i = 1; i < color.len; i++)
            if (strchr("0123456789abcdefABCDEF", color.base[i]) == NULL)
                return false;
        return color.len == 4 || color.len == 5 || color.len == 7 || color.len == 9;
    }
    if (text_starts(color, "rgb(") || text_starts(color, "rgba(")) {
        start = text_find(color, '(', 0) + 1;
        for (size_t i = start; i + 1 < color.len; i++)
            if (strchr("0123456789., %", color.base[i]) == NULL)
                return false;
        return color.base[color.len - 1] == ')';
    }
    for (size_t i = 0; i < color.len; i++)
        if (!((color.base[i] >= 'a' && color.base[i] <= 'z') ||
              (color.base[i] >= 'A' && color.base[i] <= 'Z')))
            return false;
    return true;
}
