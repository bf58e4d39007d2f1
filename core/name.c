#include "core/name.h"

#include "core/err.h"

#define SLUG_MAX 40
#define USER_MAX 64
#define HOST_MAX 253
#define LABEL_MAX 63

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

int name_check_slug(struct text slug, const char *what, const char *code, struct err *err)
{
    if (slug.len < 1 || slug.len > SLUG_MAX)
        return err_set(err, ERR_UNPROCESSABLE, code, "%s must have 1 to %d characters.", what,
                       SLUG_MAX);
    if (!is_lower(slug.base[0]))
        return err_set(err, ERR_UNPROCESSABLE, code, "%s must start with a letter a to z.", what);
    for (size_t i = 0; i < slug.len; i++) {
        char c = slug.base[i];
        if (!is_lower(c) && !is_digit(c) && c != '-')
            return err_set(err, ERR_UNPROCESSABLE, code,
                           "%s may hold only the letters a to z, digits and hyphens.", what);
        if (c == '-' && i + 1 < slug.len && slug.base[i + 1] == '-')
            return err_set(err, ERR_UNPROCESSABLE, code, "%s must not hold two hyphens in a row.",
                           what);
    }
    if (slug.base[slug.len - 1] == '-')
        return err_set(err, ERR_UNPROCESSABLE, code, "%s must not end in a hyphen.", what);
    return 0;
}

int name_check_user(struct text name, struct err *err)
{
    if (name.len < 1 || name.len > USER_MAX)
        return err_set(err, ERR_UNPROCESSABLE, "bad_user_name",
                       "The user name must have 1 to %d characters.", USER_MAX);
    if (!is_lower(name.base[0]) && !is_digit(name.base[0]))
        return err_set(err, ERR_UNPROCESSABLE, "bad_user_name",
                       "The user name must start with a letter a to z or a digit.");
    for (size_t i = 0; i < name.len; i++) {
        char c = name.base[i];
        if (!is_lower(c) && !is_digit(c) && c != '.' && c != '_' && c != '-')
            return err_set(err, ERR_UNPROCESSABLE, "bad_user_name",
                           "The user name may hold only the letters a to z, digits, '.', '_' and "
                           "'-'.");
    }
    return 0;
}

static bool is_label(struct text label)
{
    if (label.len < 1 || label.len > LABEL_MAX)
        return false;
    if (label.base[0] == '-' || label.base[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = label.base[i];
        if (!is_lower(c) && !is_digit(c) && !(c >= 'A' && c <= 'Z') && c != '-')
            return false;
    }
    return true;
}

static bool is_port(struct text port)
{
    int64_t n;

    return port.len > 0 && port.len <= 5 && port.base[0] != '-' && port.base[0] != '0' &&
           text_number(port, 1, 65535, &n);
}

bool name_is_host(struct text host)
{
    size_t colon = text_find(host, ':', 0);
    struct text name = host, label;

    if (colon != SIZE_MAX) {
        if (!is_port(text_sub(host, colon + 1, host.len)))
            return false;
        name = text_sub(host, 0, colon);
    }
    if (name.len < 1 || name.len > HOST_MAX)
        return false;
    while (text_cut(&name, '.', &label))
        if (!is_label(label))
            return false;
    return true;
}
