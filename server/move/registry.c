/* Packages of any registry that speaks npm's protocol, by a list or by what it says it has. */
#include "core/err.h"
#include "core/file.h"
#include "core/url.h"
#include "registry/pkgname.h"
#include "server/move/mover.h"
#include "server/move/remote.h"

#include <string.h>
#include <unistd.h>

#define DOWN_MAX 3 /* packages in a row that could not be asked for */
#define LIST_MAX ((size_t)16 << 20)
#define NAMES_MAX 100000
#define PAGE 250
#define PAGES_END 100000

struct chosen {
    struct remote remote;
    const char *scope; /* "@acme"; NULL: all */
    struct text *names;
    size_t n_names;
    unsigned down;
};

static int read_document(struct mover *m, struct mover_package *p, struct err *err)
{
    struct chosen *r = m->arg;
    struct text text = TEXT_NONE, name = TEXT_NONE;
    struct json *doc;

    const char *url = remote_package(&r->remote, p->pool, p->name);

    if (url == NULL)
        return err_set(err, ERR_UNPROCESSABLE, "bad_package_name", "This is no name of a package.");
    if (remote_get(&r->remote, p->pool, url, MOVER_DOCUMENT_MAX, &text, err) != 0) {
        r->down = err->kind == ERR_NOT_FOUND ? 0 : r->down + 1;
        m->lost = r->down >= DOWN_MAX;
        return -1;
    }
    r->down = 0;
    if (json_read(p->pool, text, JSON_MAX_NODES, &doc, err) != 0 ||
        json_need_text(doc, "name", &name, err) != 0)
        return -1;
    if (!text_eq(name, p->name))
        return err_set(err, ERR_UNPROCESSABLE, "wrong_name",
                       "The registry answers with the document of \"%.*s\".",
                       TEXT_ARG(text_sub(name, 0, 80)));
    p->doc = doc;
    return 0;
}

static int read_tarball(struct mover *m, struct mover_package *p, const struct json *manifest,
                        struct text *out, struct err *err)
{
    struct chosen *r = m->arg;
    struct text address = TEXT_NONE;
    const char *origin;

    if (json_need_text(manifest, "dist.tarball", &address, err) != 0)
        return -1;
    const char *url = text_c(p->pool, address);
    if (text_has(address, '\0') || url_origin(p->pool, url, &origin, err) != 0)
        return err_set(err, ERR_UNPROCESSABLE, "bad_address", "Its dist.tarball is no address.");
    return remote_get(&r->remote, p->pool, url, MOVER_TARBALL_MAX, out, err);
}

static const struct mover_source registry_source = {read_document, NULL, read_tarball};

/* Once, and of the scope that is meant. */
static void add_name(struct chosen *r, struct text name)
{
    size_t len = r->scope != NULL ? strlen(r->scope) : 0;

    if (len > 0 && !(text_starts(name, r->scope) && name.len > len && name.base[len] == '/'))
        return;
    for (size_t i = 0; i < r->n_names; i++)
        if (text_eq(r->names[i], name))
            return;
    if (r->n_names < NAMES_MAX && name.len > 0)
        r->names[r->n_names++] = name;
}

/* A name a line, or between commas. */
static void split_names(struct chosen *r, struct text list)
{
    struct text line, name;

    while (text_cut(&list, '\n', &line)) {
        if (text_ends(line, "\r"))
            line = text_sub(line, 0, line.len - 1);
        while (text_cut(&line, ',', &name))
            add_name(r, text_trim(name));
    }
}

static int read_list(struct chosen *r, struct pool *pool, const char *list, struct err *err)
{
    auto_buf struct buf content = {0};

    if (access(list, R_OK) != 0) {
        split_names(r, text_of(list));
        return 0;
    }
    buf_init(&content, LIST_MAX);
    if (file_read(list, LIST_MAX, &content, err) != 0)
        return -1;
    split_names(r, text_dup(pool, buf_view(&content)));
    return 0;
}

/* One page of a search; *n: how many it held. */
static int search_page(struct chosen *r, struct pool *pool, size_t from, size_t *n, struct err *err)
{
    struct text text;
    struct json *doc;
    const char *url = pool_printf(pool, "%s/-/v1/search?text=%s%s&size=%d&from=%zu", r->remote.base,
                                  r->scope != NULL ? "%40" : "",
                                  r->scope != NULL ? r->scope + 1 : "", PAGE, from);

    if (remote_get(&r->remote, pool, url, MOVER_DOCUMENT_MAX, &text, err) != 0 ||
        json_read(pool, text, JSON_MAX_NODES, &doc, err) != 0)
        return -1;
    *n = 0;
    json_each (object, json_get(doc, "objects")) {
        const struct json *name = json_at(object, "package.name");
        if (name != NULL && name->type == JSON_STRING)
            add_name(r, name->text);
        (*n)++;
    }
    return 0;
}

/* What the registry says that it has: /-/all where it is offered, else what its search finds. */
static int ask_for_names(struct chosen *r, struct pool *pool, struct err *err)
{
    struct text text;
    struct json *doc;
    size_t n = PAGE;

    if (remote_get(&r->remote, pool, pool_printf(pool, "%s/-/all", r->remote.base),
                   MOVER_DOCUMENT_MAX, &text, err) == 0 &&
        json_read(pool, text, JSON_MAX_NODES, &doc, err) == 0 && doc->type == JSON_OBJECT) {
        json_each (package, doc)
            if (package->type == JSON_OBJECT)
                add_name(r, package->key);
    }
    for (size_t from = 0; r->n_names < NAMES_MAX && n > 0 && from < PAGES_END; from += n) {
        size_t before = r->n_names;
        if (search_page(r, pool, from, &n, err) != 0) {
            if (r->n_names == 0)
                return -1;
            break;
        }
        if (r->n_names == before)
            break;
    }
    return r->n_names > 0 ? 0
                          : err_set(err, ERR_NOT_FOUND, "no_list",
                                    "The registry lists no such packages. Name them: --packages "
                                    "NAME,NAME or a file with a name a line.");
}

static int choose_names(struct chosen *r, struct ask *ask, struct err *err)
{
    const char *list = args_flag(&ask->args, "--packages");

    r->names = pool_alloc(ask->pool, NAMES_MAX * sizeof(*r->names));
    bool all = args_flag(&ask->args, "--all") != NULL;

    r->scope = args_flag(&ask->args, "--scope");
    if ((list != NULL) + (r->scope != NULL) + all != 1)
        return err_set(err, ERR_INVALID, "usage",
                       "Say which packages: --packages LIST, --scope @SCOPE or --all.");
    if (r->scope != NULL) {
        struct pkgname n;
        if (r->scope[0] != '@' || !pkgname_split(text_printf(ask->pool, "%s/x", r->scope), &n))
            return err_set(err, ERR_INVALID, "usage", "A scope is written @acme.");
    }
    return list != NULL ? read_list(r, ask->pool, list, err) : ask_for_names(r, ask->pool, err);
}

int import_registry(struct ask *ask, struct err *err)
{
    struct chosen r = {0};
    struct mover m = {.source = &registry_source, .arg = &r};
    struct err end;
    int rc = remote_open(&r.remote, ask, ask->args.words[0], err);

    if (rc == 0)
        rc = choose_names(&r, ask, err);
    if (rc == 0) {
        m.from = r.remote.base;
        rc = mover_open(&m, ask, err);
    }
    if (rc == 0) {
        rc = mover_run(&m, r.names, r.n_names, err);
        if (mover_close(&m, rc != 0 ? &end : err) != 0)
            rc = -1;
    }
    remote_close(&r.remote);
    return rc;
}
