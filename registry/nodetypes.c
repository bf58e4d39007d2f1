#include "registry/nodetypes.h"

static const char MARK[] = "registerType";

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t skip_space(struct text s, size_t at)
{
    while (at < s.len && is_space(s.base[at]))
        at++;
    return at;
}

/* A line that begins as a comment does is taken for one, unless that comment ends on it; a full
 * lexer would have to know regular expressions apart from divisions. */
static bool is_commented(struct text s, size_t at)
{
    size_t line = at;
    while (line > 0 && s.base[line - 1] != '\n')
        line--;
    line = skip_space(s, line);
    if (line >= at)
        return false;
    struct text before = text_sub(s, line, at - line);
    if (text_starts(before, "//"))
        return true;
    return (text_starts(before, "/*") || before.base[0] == '*') &&
           memmem(before.base, before.len, "*/", 2) == NULL;
}

static void add(struct nodetypes *types, struct text type)
{
    if (type.len == 0 || type.len > NODETYPE_MAX_LEN || types->n == NODETYPES_MAX ||
        !text_is_printable(type) || !text_is_utf8(type) || text_has(type, '\\') ||
        text_has(type, '$'))
        return;
    for (size_t i = 0; i < types->n; i++)
        if (text_eq(types->all[i], type))
            return;
    types->all[types->n++] = type;
}

/* at stands behind the mark: ( "type" */
static void scan_call(struct nodetypes *types, struct text s, size_t at)
{
    at = skip_space(s, at);
    if (at >= s.len || s.base[at] != '(')
        return;
    at = skip_space(s, at + 1);
    if (at >= s.len || (s.base[at] != '"' && s.base[at] != '\'' && s.base[at] != '`'))
        return;
    size_t limit = at + 2 + NODETYPE_MAX_LEN < s.len ? at + 2 + NODETYPE_MAX_LEN : s.len;
    size_t end = text_find(text_sub(s, 0, limit), s.base[at], at + 1);
    if (end == SIZE_MAX)
        return;
    /* "a" + b is no literal. */
    size_t after = skip_space(s, end + 1);
    if (after < s.len && (s.base[after] == ',' || s.base[after] == ')'))
        add(types, text_sub(s, at + 1, end - at - 1));
}

void nodetypes_scan(struct nodetypes *types, struct text source)
{
    const size_t len = sizeof MARK - 1;
    size_t at = 0;
    while (at + len <= source.len) {
        const char *hit = memmem(source.base + at, source.len - at, MARK, len);
        if (hit == NULL)
            return;
        size_t found = (size_t)(hit - source.base);
        at = found + len;
        if (!is_commented(source, found))
            scan_call(types, source, at);
    }
}
