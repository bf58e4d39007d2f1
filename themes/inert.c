#include "themes/inert.h"

#include "core/err.h"
#include "core/pool.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static size_t find_nocase(struct text t, const char *needle, size_t from)
{
    size_t n = strlen(needle);

    for (size_t i = from; i + n <= t.len; i++)
        if (strncasecmp(t.base + i, needle, n) == 0)
            return i;
    return SIZE_MAX;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Style sheets. */

/* The character that an escape stands for; *at moves behind it. What is not ASCII names nothing. */
static char unescape(struct text css, size_t *at)
{
    char digits[7] = "";
    size_t i = *at + 1, n = 0;

    while (n < 6 && i < css.len && isxdigit((unsigned char)css.base[i]))
        digits[n++] = css.base[i++];
    if (n == 0) {
        *at = i + 1;
        return i < css.len ? css.base[i] : ' ';
    }
    *at = i < css.len && is_blank(css.base[i]) ? i + 1 : i;
    unsigned long code = strtoul(digits, NULL, 16);
    return code < 128 ? (char)code : '?';
}

/* The sheet as a browser takes it: escapes read, without blanks and quotes, and a backslash in an
 * address is a slash. */
static struct text spoken(struct pool *pool, struct text css)
{
    char *out = pool_alloc(pool, css.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < css.len;) {
        char c = css.base[i];
        if (c == '\\')
            c = unescape(css, &i);
        else
            i++;
        if (!is_blank(c) && c != '"' && c != '\'')
            out[n++] = c == '\\' ? '/' : c;
    }
    return text_n(out, n);
}

int inert_css(struct pool *pool, struct text css, struct err *err)
{
    static const char *const refused[] = {
        "@import",     "http:",       "https:",  "(//",         ",//",
        "javascript:", "expression(", "</style", "-moz-binding"};

    if (!text_is_utf8(css))
        return err_set(err, ERR_UNPROCESSABLE, "bad_css", "The theme's style sheet is not UTF-8.");
    struct text read = spoken(pool, css);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (find_nocase(read, refused[i], 0) != SIZE_MAX)
            return err_set(
                err, ERR_UNPROCESSABLE, "bad_css",
                "The theme's style sheet holds \"%s\": it may name only files of its own bundle.",
                refused[i]);
    return 0;
}

/* Images. */

static int runs(struct text name, struct text what, struct err *err)
{
    return err_set(err, ERR_UNPROCESSABLE, "bad_image",
                   "\"%.*s\" holds \"%.*s\": a theme's image must not run anything.",
                   TEXT_ARG(name), TEXT_ARG(text_sub(what, 0, 40)));
}

static int leads_out(struct text name, struct text where, struct err *err)
{
    where = text_sub(where, 0, text_utf8_prefix(text_sub(where, 0, 60)));
    return err_set(err, ERR_UNPROCESSABLE, "bad_image",
                   "\"%.*s\" names \"%.*s\": a theme's image may hold only what is in itself.",
                   TEXT_ARG(name), TEXT_ARG(where));
}

static bool is_own(struct text address)
{
    while (address.len > 0 && (is_blank(address.base[0]) || strchr("'\"", address.base[0]) != NULL))
        address = text_sub(address, 1, address.len);
    return address.len == 0 || address.base[0] == '#' ||
           find_nocase(address, "data:image/", 0) == 0;
}

static int check_attribute(struct text name, struct text key, struct text value, struct err *err)
{
    size_t colon = text_find(key, ':', 0);
    struct text local = colon == SIZE_MAX ? key : text_sub(key, colon + 1, key.len);

    if (local.len > 2 && find_nocase(text_sub(local, 0, 2), "on", 0) == 0)
        return runs(name, key, err);
    if ((text_eq_nocase(local, TEXT("href")) || text_eq_nocase(local, TEXT("src"))) &&
        !is_own(value))
        return leads_out(name, value, err);
    return 0;
}

/* One attribute at *at, which moves behind it. */
static int next_attribute(struct text name, struct text svg, size_t *at, struct err *err)
{
    size_t i = *at, start = i;
    struct text value = TEXT("");

    while (i < svg.len && !is_blank(svg.base[i]) && strchr("=>/\"'", svg.base[i]) == NULL)
        i++;
    struct text key = text_sub(svg, start, i - start);
    while (i < svg.len && is_blank(svg.base[i]))
        i++;
    if (i < svg.len && svg.base[i] == '=') {
        for (i++; i < svg.len && is_blank(svg.base[i]); i++)
            ;
        char quote = i < svg.len && (svg.base[i] == '"' || svg.base[i] == '\'') ? svg.base[i++] : 0;
        size_t end = i;
        while (end < svg.len && (quote != 0 ? svg.base[end] != quote
                                            : !is_blank(svg.base[end]) && svg.base[end] != '>'))
            end++;
        value = text_sub(svg, i, end - i);
        i = quote != 0 && end < svg.len ? end + 1 : end;
    }
    *at = i > start ? i : start + 1;
    return check_attribute(name, key, value, err);
}

static int check_tags(struct text name, struct text svg, struct err *err)
{
    for (size_t i = 0; (i = text_find(svg, '<', i)) != SIZE_MAX;) {
        if (find_nocase(text_sub(svg, i, 4), "<!--", 0) == 0) {
            i = find_nocase(svg, "-->", i + 4);
            if (i == SIZE_MAX)
                return 0;
            continue;
        }
        for (i++; i < svg.len && svg.base[i] != '>';) {
            if (is_blank(svg.base[i]))
                i++;
            else if (next_attribute(name, svg, &i, err) != 0)
                return -1;
        }
    }
    return 0;
}

int inert_svg(struct text name, struct text svg, struct err *err)
{
    static const char *const refused[] = {"<script",  "javascript:", "<foreignobject",
                                          "<!entity", "http-equiv",  "@import"};

    if (!text_is_utf8(svg) || find_nocase(svg, "<svg", 0) == SIZE_MAX)
        return err_set(err, ERR_UNPROCESSABLE, "bad_image", "\"%.*s\" is no SVG image.",
                       TEXT_ARG(name));
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (find_nocase(svg, refused[i], 0) != SIZE_MAX)
            return runs(name, text_of(refused[i]), err);
    for (size_t i = 0; (i = find_nocase(svg, "url(", i)) != SIZE_MAX; i += 4)
        if (!is_own(text_sub(svg, i + 4, svg.len)))
            return leads_out(name, text_sub(svg, i, 60), err);
    return check_tags(name, svg, err);
}
