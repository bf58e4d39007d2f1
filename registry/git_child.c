#include "registry/git_child.h"

#include "core/buf.h"
#include "core/err.h"
#include "core/fetch.h"
#include "core/file.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/gitwire.h"

#include <git2.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IN "/job/in"
#define OUT "/job/out"
#define REPOSITORY OUT "/.redhouse-git"
#define LOCAL "/job/repository" /* of a file address */
#define EXCHANGE_MS 120000
#define FETCH_MAX (256ull << 20)
#define REFS_MAX 20000

struct asked {
    struct text url, token, mode, ref, commit;
    bool allow_private;
};

/* libgit2's sentence, or ours. */
static int git_fail(struct err *err, const char *what)
{
    const git_error *e = git_error_last();

    return err_set(err, ERR_UPSTREAM, "git_failed", "%s%s",
                   e != NULL && e->message != NULL ? "" : what,
                   e != NULL && e->message != NULL ? e->message : "");
}

static int read_input(struct pool *pool, struct asked *asked, struct err *err)
{
    auto_buf struct buf content = {0};
    struct json *doc = NULL;

    buf_init(&content, 1u << 20);
    if (file_read(IN, 1u << 20, &content, err) != 0 ||
        json_read(pool, buf_take(&content, pool), 1000, &doc, err) != 0 ||
        json_need_text(doc, "url", &asked->url, err) != 0 ||
        json_need_text(doc, "mode", &asked->mode, err) != 0 ||
        json_want_text(doc, "token", &asked->token, err) != 0 ||
        json_want_text(doc, "ref", &asked->ref, err) != 0 ||
        json_want_text(doc, "commit", &asked->commit, err) != 0 ||
        json_want_bool(doc, "private", &asked->allow_private, err) != 0)
        return -1;
    return 0;
}

/* refs.json: {"refs": [{"name": "refs/tags/v1", "commit": OID}]}; an annotated tag's commit is the
 * peeled one. */
static int write_refs(git_remote *remote, struct err *err)
{
    const git_remote_head **heads = NULL;
    size_t n = 0;
    auto_buf struct buf out = {0};
    struct json_writer w;
    char oid[GIT_OID_HEXSZ + 1];

    if (git_remote_ls(&heads, &n, remote) != 0)
        return git_fail(err, "The repository's references cannot be read.");
    if (n > REFS_MAX)
        return err_set(err, ERR_TOO_LARGE, "too_many_refs",
                       "The repository has more than %d references.", REFS_MAX);
    buf_init(&out, 16u << 20);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "refs");
    json_open_array(&w);
    for (size_t i = 0; i < n; i++) {
        struct text name = text_of(heads[i]->name);
        if (text_ends(name, "^{}"))
            continue;
        const git_oid *id = &heads[i]->oid;
        if (i + 1 < n && strncmp(heads[i + 1]->name, heads[i]->name, name.len) == 0 &&
            strcmp(heads[i + 1]->name + name.len, "^{}") == 0)
            id = &heads[i + 1]->oid;
        git_oid_tostr(oid, sizeof(oid), id);
        json_open(&w);
        json_put_text(&w, "name", name);
        json_put_str(&w, "commit", oid);
        json_close(&w);
    }
    json_close_array(&w);
    json_close(&w);
    return file_replace(OUT "/refs.json", buf_view(&out), 0644, err);
}

static int list(const char *url, struct err *err)
{
    git_remote *remote = NULL;
    int rc = -1;

    if (git_remote_create_detached(&remote, url) != 0)
        return git_fail(err, "The address cannot be used.");
    if (git_remote_connect(remote, GIT_DIRECTION_FETCH, NULL, NULL, NULL) == 0)
        rc = write_refs(remote, err);
    else if (strcmp(url, LOCAL) == 0)
        err_set(err, ERR_UPSTREAM, "git_failed",
                "The folder cannot be read as a repository. Is it one, and may all users read it?");
    else
        git_fail(err, "The git server does not answer.");
    git_remote_free(remote);
    return rc;
}

static int checkout_commit(git_repository *repository, const char *commit, struct err *err)
{
    git_checkout_options options;
    git_object *object = NULL;
    git_oid id;

    git_checkout_options_init(&options, GIT_CHECKOUT_OPTIONS_VERSION);
    options.checkout_strategy = GIT_CHECKOUT_FORCE;
    options.disable_filters = 1;
    options.target_directory = OUT;
    if (git_oid_fromstr(&id, commit) != 0 ||
        git_object_lookup(&object, repository, &id, GIT_OBJECT_COMMIT) != 0)
        return git_fail(err, "The commit is not in what the git server sent.");
    int rc = git_checkout_tree(repository, object, &options) == 0
                 ? 0
                 : git_fail(err, "The commit cannot be checked out.");
    git_object_free(object);
    return rc;
}

static int checkout(struct pool *pool, const struct asked *asked, const char *url, struct err *err)
{
    git_fetch_options options;
    git_repository *repository = NULL;
    git_remote *remote = NULL;
    git_config *config = NULL;
    char *spec = pool_printf(pool, "+%.*s:refs/redhouse/wanted", TEXT_ARG(asked->ref));
    git_strarray specs = {&spec, 1};
    int rc = -1;

    git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    if (git_repository_init(&repository, REPOSITORY, 1) != 0 ||
        git_remote_create_anonymous(&remote, repository, url) != 0 ||
        git_repository_config(&config, repository) != 0 ||
        git_config_set_bool(config, "core.symlinks", 0) != 0 ||
        git_remote_fetch(remote, &specs, &options, NULL) != 0)
        git_fail(err, "The repository cannot be fetched.");
    else
        rc = checkout_commit(repository, text_c(pool, asked->commit), err);
    git_config_free(config);
    git_remote_free(remote);
    git_repository_free(repository);
    struct err ignored;
    (void)file_remove_tree(REPOSITORY, &ignored);
    return rc;
}

static int work(struct pool *pool, struct err *err)
{
    struct fetch_options options = {.user_agent = "git/redhouse", .max_parallel = 1};
    struct asked asked = {0};

    if (read_input(pool, &asked, err) != 0)
        return -1;
    struct fetcher *fetcher = fetcher_new(&options, err);
    if (fetcher == NULL)
        return -1;
    struct gitwire_config config = {.fetcher = fetcher,
                                    .token = asked.token.len > 0 ? text_c(pool, asked.token) : NULL,
                                    .allow_private = asked.allow_private,
                                    .deadline_ms = EXCHANGE_MS,
                                    .max_bytes = FETCH_MAX};
    git_libgit2_init();
    /* Whose a local repository is does not matter: nothing of its configuration is run. */
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    if (gitwire_register(&config, err) != 0)
        return -1;
    const char *url = text_starts(asked.url, "file://") ? LOCAL : text_c(pool, asked.url);
    printf("%.*s %.*s\n", TEXT_ARG(asked.mode), TEXT_ARG(asked.url));
    return text_is(asked.mode, "list") ? list(url, err) : checkout(pool, &asked, url, err);
}

int git_child_main(void)
{
    struct pool *pool = pool_new();
    struct err err;
    int rc = work(pool, &err);

    if (rc != 0) {
        struct err ignored;
        printf("error: %s\n", err.text);
        (void)file_replace(OUT "/error.txt", text_of(err.text), 0644, &ignored);
    }
    fflush(stdout);
    /* A sandbox has no room for what sanitizers do at an ordinary end. */
    _exit(rc == 0 ? 0 : 1);
}
