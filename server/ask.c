#include "server/ask.h"

#include "core/codec.h"

#include <stdarg.h>
#include <stdio.h>

#define BODY_MAX (1u << 20)
#define LIST_MAX (256u << 20)

int ask_get(struct ask *ask, const char *path, struct err *err)
{
    return client_call(&ask->client, "GET", path, NULL, &ask->doc, err);
}

int ask_delete(struct ask *ask, const char *path, struct err *err)
{
    return client_call(&ask->client, "DELETE", path, NULL, &ask->doc, err);
}

int ask_send(struct ask *ask, const char *method, const char *path, struct err *err)
{
    json_close(&ask->w);
    return client_call(&ask->client, method, path, &ask->body, &ask->doc, err);
}

int ask_post(struct ask *ask, const char *path, struct err *err)
{
    return ask_send(ask, "POST", path, err);
}

const char *ask_path(struct ask *ask, const char *before, struct text arg, const char *after)
{
    return pool_printf(ask->pool, "%s%.*s%s", before, TEXT_ARG(percent_encode(ask->pool, arg)),
                       after);
}

static int read_back(struct ask *ask, struct buf *written, struct err *err)
{
    struct json *doc;
    struct text text = buf_take(written, ask->pool);

    if (text.base == NULL)
        return err_set(err, ERR_TOO_LARGE, "too_large", "The answer is too large to be shown.");
    if (json_read(ask->pool, text, SIZE_MAX, &doc, err) != 0)
        return -1;
    ask->doc = doc;
    return 0;
}

int ask_list(struct ask *ask, const char *path, struct err *err)
{
    struct text next = TEXT_NONE;
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, LIST_MAX);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    json_open_array(&w);
    do {
        struct text before = next;
        const char *page = pool_printf(ask->pool, "%s?limit=200", path);
        if (next.base != NULL)
            page = ask_path(ask, pool_printf(ask->pool, "%s&cursor=", page), next, "");
        next = TEXT_NONE;
        if (ask_get(ask, page, err) != 0 || json_want_text(ask->doc, "next", &next, err) != 0)
            return -1;
        if (next.base != NULL && text_eq(next, before))
            return err_set(err, ERR_UPSTREAM, "endless_list", "The server's list does not end.");
        json_each (item, json_get(ask->doc, "items")) {
            json_raw(&w, item->raw);
        }
    } while (next.base != NULL);
    json_close_array(&w);
    json_put_str(&w, "next", NULL);
    json_close(&w);
    return read_back(ask, &out, err);
}

int ask_follow(struct ask *ask, const char *done, struct err *err)
{
    ask->done = done;
    return client_follow(&ask->client, ask->doc, &ask->doc, err);
}

int ask_add(struct ask *ask, const char *key, struct text value, struct err *err)
{
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, BODY_MAX);
    json_writer_init(&w, &out);
    json_open(&w);
    json_each (member, ask->doc) {
        json_key_text(&w, member->key);
        json_raw(&w, member->raw);
    }
    json_put_text(&w, key, value);
    json_close(&w);
    return read_back(ask, &out, err);
}

/* Titles and causes are others' words: they do not move a terminal's cursor, nor the columns. */
static void print_plain(FILE *to, struct text value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.base[i];
        bool c1 = c == 0xc2 && i + 1 < value.len && (unsigned char)value.base[i + 1] < 0xa0;
        if (c1)
            i++;
        putc(c1 || c < ' ' || c == 0x7f ? '?' : c, to);
    }
}

static void print_value(const struct json *value)
{
    if (value == NULL || value->type == JSON_NULL)
        putchar('-');
    else
        print_plain(stdout, value->type == JSON_STRING || value->type == JSON_NUMBER ? value->text
                                                                                     : value->raw);
}

void ask_say(const struct ask *ask, FILE *to, const char *fmt, ...)
{
    auto_pool struct pool *pool = pool_new();
    va_list ap;

    if (ask->client.config.json)
        return;
    va_start(ap, fmt);
    const char *line = pool_vprintf(pool, fmt, ap);
    va_end(ap);
    print_plain(to, text_of(line));
    putc('\n', to);
}

static void print_row(const struct json *object, const char *columns)
{
    struct text rest = text_of(columns), column;

    for (bool first = true; text_cut(&rest, ',', &column); first = false) {
        if (!first)
            putchar('\t');
        print_value(json_get_text(object, column));
    }
    putchar('\n');
}

static void print(const struct ask *ask)
{
    if (ask->doc == NULL)
        return;
    if (ask->client.config.json) {
        printf("%.*s\n", TEXT_ARG(ask->doc->raw));
        return;
    }
    const struct json *items = json_get(ask->doc, "items");
    if (ask->done != NULL)
        printf("%s: %s\n", ask->args.words[0], ask->done);
    else if (items == NULL)
        print_row(ask->doc, ask->columns);
    json_each (item, items) {
        print_row(item, ask->columns);
    }
    if (ask->note != NULL) {
        fflush(stdout);
        fprintf(stderr, "%s\n", ask->note);
    }
}

int ask_run(const struct command *command, int argc, char **argv)
{
    struct ask ask = {.columns = command->columns};
    struct err err;

    ask.pool = client_init(&ask.client);
    buf_init(&ask.body, BODY_MAX);
    json_writer_init(&ask.w, &ask.body);
    json_open(&ask.w);
    int rc = args_read(&ask.args, ask.pool, command, argc, argv, &err);
    if (rc == 0)
        rc = client_open(&ask.client, ask.args.options, &err);
    if (rc == 0)
        rc = command->ask(&ask, &err);
    if (rc == 0)
        print(&ask);
    else
        command_fail(&err);
    buf_release(&ask.body);
    client_close(&ask.client);
    return rc == 0 ? ask.status : 1;
}
