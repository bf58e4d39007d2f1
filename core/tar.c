#include "core/tar.h"

#include "core/err.h"
#include "core/file.h"

#include <stdio.h>
#include <string.h>

#define BLOCK 512

/* Where the fields of a ustar head lie. */
enum { AT_MODE = 100, AT_UID = 108, AT_GID = 116, AT_SIZE = 124, AT_TIME = 136, AT_SUM = 148 };
enum { AT_TYPE = 156, AT_MAGIC = 257 };

static unsigned sum(const unsigned char *head)
{
    unsigned n = 0;
    for (int i = 0; i < BLOCK; i++)
        n += i >= AT_SUM && i < AT_SUM + 8 ? ' ' : head[i];
    return n;
}

static void put_octal(char *field, int digits, uint64_t value)
{
    for (int i = digits - 1; i >= 0; i--, value >>= 3)
        field[i] = (char)('0' + (value & 7));
}

int tar_head(int fd, const char *name, uint64_t bytes, struct err *err)
{
    char head[BLOCK] = {0};
    size_t len = strlen(name);
    if (len == 0 || len > TAR_NAME_MAX || bytes >= (uint64_t)1 << 33)
        return err_set(err, ERR_TOO_LARGE, "too_large", "%.100s does not fit a bundle.", name);
    memcpy(head, name, len);
    put_octal(head + AT_MODE, 7, 0644);
    put_octal(head + AT_UID, 7, 0);
    put_octal(head + AT_GID, 7, 0);
    put_octal(head + AT_SIZE, 11, bytes);
    put_octal(head + AT_TIME, 11, 0);
    head[AT_TYPE] = '0';
    memcpy(head + AT_MAGIC, "ustar\00000", 8);
    put_octal(head + AT_SUM, 6, sum((const unsigned char *)head));
    head[AT_SUM + 7] = ' ';
    return file_write_all(fd, head, sizeof head, err);
}

int tar_pad(int fd, uint64_t bytes, struct err *err)
{
    static const char zero[BLOCK];
    size_t over = bytes % BLOCK;
    return over == 0 ? 0 : file_write_all(fd, zero, BLOCK - over, err);
}

int tar_end(int fd, struct err *err)
{
    static const char zero[2 * BLOCK];
    return file_write_all(fd, zero, sizeof zero, err);
}

int tar_file(int fd, const char *name, struct text content, struct err *err)
{
    return tar_head(fd, name, content.len, err) != 0 ||
                   file_write_all(fd, content.base, content.len, err) != 0
               ? -1
               : tar_pad(fd, content.len, err);
}

void tar_init(struct tar *t, struct text in)
{
    *t = (struct tar){.in = in};
}

static int bad(struct err *err, const char *why)
{
    return err_set(err, ERR_UNPROCESSABLE, "bad_bundle", "This is no whole bundle: %s.", why);
}

static bool read_octal(const char *field, int digits, uint64_t *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++) {
        if (field[i] < '0' || field[i] > '7')
            return false;
        *out = *out << 3 | (uint64_t)(field[i] - '0');
    }
    return field[digits] == '\0' || field[digits] == ' ';
}

static bool is_zero(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (t.base[i] != '\0')
            return false;
    return true;
}

static bool is_plain(struct text name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.base[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        if (!word && !((c == '/' || c == '.') && i > 0 && name.base[i - 1] != c))
            return false;
    }
    return name.len > 0 && !text_ends(name, "/") && !text_ends(name, ".");
}

int tar_next(struct tar *t, struct err *err)
{
    struct text head = text_sub(t->in, t->at, BLOCK);
    uint64_t bytes, check;
    if (head.len < BLOCK)
        return bad(err, "its end is missing");
    if (is_zero(head))
        return is_zero(text_sub(t->in, t->at, t->in.len)) && t->in.len - t->at >= 2 * BLOCK
                   ? 0
                   : bad(err, "something follows its end");
    const char *h = head.base;
    if (memcmp(h + AT_MAGIC, "ustar\00000", 8) != 0 || h[AT_TYPE] != '0' ||
        !read_octal(h + AT_SIZE, 11, &bytes) || !read_octal(h + AT_SUM, 6, &check) ||
        check != sum((const unsigned char *)h) || !is_zero(text_sub(head, AT_MAGIC + 8, BLOCK)))
        return bad(err, "the head of a file is wrong");
    t->name = text_n(h, strnlen(h, TAR_NAME_MAX + 1));
    if (t->name.len > TAR_NAME_MAX || !is_plain(t->name))
        return bad(err, "a file has a name that no bundle has");
    size_t left = t->in.len - t->at - BLOCK;
    if (bytes > left)
        return bad(err, "a file ends in the middle");
    t->content = text_n(h + BLOCK, bytes);
    uint64_t whole = (bytes + BLOCK - 1) / BLOCK * BLOCK;
    if (whole > left || !is_zero(text_n(h + BLOCK + bytes, whole - bytes)))
        return bad(err, "a file ends in the middle");
    t->at += BLOCK + whole;
    return 1;
}
