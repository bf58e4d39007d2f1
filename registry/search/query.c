#include "registry/search/query.h"

#include "core/buf.h"
#include "core/json.h"
#include "core/pool.h"

#define MAX_MATCH ((size_t)16 << 10)

struct reading {
    struct pool *pool;
    struct query *query;
    struct buf match;
    unsigned words, keywords;
    bool blank; /* a word without letters */
    struct buf lists[3];
};

/* What the tokenizer takes for a part of a word; all else stands between words. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

/* "red hello" in quotes: a phrase. False: it has no letters. */
static bool add_phrase(struct buf *out, struct text word, bool prefix)
{
    size_t letters = 0, run = 0;
    buf_char(out, '"');
    for (size_t i = 0; i < word.len; i++) {
        if (!is_letter(word.base[i])) {
            run = 0;
            continue;
        }
        if (run == 0 && letters > 0)
            buf_char(out, ' ');
        buf_char(out, word.base[i]);
        letters++;
        run++;
    }
    /* A word of one letter as a prefix would be half of the index. */
    buf_str(out, prefix && run > 1 ? "\"*" : "\"");
    return letters > 0;
}

static void add_word(struct reading *r, struct text word)
{
    auto_buf struct buf phrase = {0};
    if (word.len == 0 || r->words == QUERY_MAX_WORDS)
        return;
    buf_init(&phrase, MAX_MATCH);
    if (!add_phrase(&phrase, word, true)) {
        r->blank = true;
        return;
    }
    if (r->match.len > 0)
        buf_str(&r->match, " AND ");
    buf_text(&r->match, buf_view(&phrase));
    r->query->exact = r->words++ == 0 ? word : TEXT_NONE;
}

/* Into one of the lists, as a string of a JSON array. */
static void add_keyword(struct reading *r, struct buf *list, struct text word)
{
    struct json_writer w;
    if (word.len == 0 || r->keywords++ >= QUERY_MAX_WORDS)
        return;
    buf_char(list, list->len == 0 ? '[' : ',');
    json_writer_init(&w, list);
    json_text(&w, word);
}

/* "a,b" one of them, "a+b" all of them, "-a" none. */
static void add_keywords(struct reading *r, struct text value)
{
    struct text rest = value, part, word;
    while (text_cut(&rest, ',', &part)) {
        if (part.len > 1 && part.base[0] == '-') {
            add_keyword(r, &r->lists[2], text_sub(part, 1, part.len));
            continue;
        }
        bool all = text_has(part, '+');
        while (text_cut(&part, '+', &word))
            add_keyword(r, &r->lists[all ? 1 : 0], word);
    }
}

/* A list as its JSON text and, but for what must not be there, as a condition of the full text:
 * that one finds too much (parts of keywords), the list itself is asked afterwards. */
static struct text end_list(struct reading *r, struct buf *list, const char *between)
{
    struct json *doc;
    bool any = false;
    auto_buf struct buf phrases = {0};
    if (list->len == 0)
        return TEXT_NONE;
    buf_char(list, ']');
    struct text text = text_dup(r->pool, buf_view(list));
    if (between == NULL || json_read(r->pool, text, 100, &doc, NULL) != 0)
        return text;
    buf_init(&phrases, MAX_MATCH);
    buf_str(&phrases, r->match.len > 0 ? " AND keywords : (" : "keywords : (");
    json_each (item, doc) {
        auto_buf struct buf phrase = {0};
        buf_init(&phrase, MAX_MATCH);
        if (!add_phrase(&phrase, item->text, false))
            continue;
        buf_str(&phrases, any ? between : "");
        buf_text(&phrases, buf_view(&phrase));
        any = true;
    }
    buf_char(&phrases, ')');
    if (any)
        buf_text(&r->match, buf_view(&phrases));
    return text;
}

static bool take_wish(struct query *q, enum query_wish wish, struct text value)
{
    if (text_is(value, "deprecated"))
        q->deprecated = wish;
    else if (text_is(value, "unstable"))
        q->unstable = wish;
    else if (text_is(value, "insecure"))
        q->insecure = wish;
    else
        return false;
    return true;
}

static bool take_qualifier(struct reading *r, struct text key, struct text value)
{
    struct query *q = r->query;
    if (text_is(key, "scope"))
        q->scope = value.base[0] == '@' ? text_sub(value, 1, value.len) : value;
    else if (text_is(key, "author"))
        q->author = value;
    else if (text_is(key, "maintainer"))
        q->maintainer = value;
    else if (text_is(key, "keywords"))
        add_keywords(r, value);
    else if (text_is(key, "boost-exact"))
        q->plain = text_is(value, "false");
    else if (text_is(key, "not"))
        return take_wish(q, QUERY_NOT, value);
    else if (text_is(key, "is"))
        return take_wish(q, QUERY_IS, value);
    else
        return false;
    return true;
}

void query_read(struct pool *pool, struct text text, struct query *out)
{
    struct reading r = {.pool = pool, .query = out};
    struct text rest = text_lower(pool, text), word, key, value;
    *out = (struct query){0};
    buf_init(&r.match, MAX_MATCH);
    for (size_t i = 0; i < 3; i++)
        buf_init(&r.lists[i], MAX_MATCH);
    while (text_cut(&rest, ' ', &word)) {
        value = word;
        text_cut(&value, ':', &key);
        if (value.len == 0 || !take_qualifier(&r, key, value))
            add_word(&r, word);
    }
    out->keywords_any = end_list(&r, &r.lists[0], " OR ");
    out->keywords_all = end_list(&r, &r.lists[1], " AND ");
    out->keywords_none = end_list(&r, &r.lists[2], NULL);
    out->match = r.match.len > 0 ? text_dup(pool, buf_view(&r.match)) : TEXT_NONE;
    out->empty = r.blank && out->match.base == NULL;
    for (size_t i = 0; i < 3; i++)
        buf_release(&r.lists[i]);
    buf_release(&r.match);
}
