/* `redhouse init`: folder, system user, master key, first admin. Refuses to run twice. */
#include "server/init.h"
#include "core/buf.h"
#include "core/child.h"
#include "core/db.h"
#include "core/err.h"
#include "core/file.h"
#include "core/json.h"
#include "core/pool.h"
#include "core/seal.h"
#include "http/account.h"
#include "server/app.h"
#include "server/commands.h"
#include "server/config.h"
#include "server/datadir.h"
#include "server/plugins.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NPM_DEADLINE_MS 20000

/* The first line of the file. */
int init_password(struct pool *pool, const char *path, struct text *password, struct err *err)
{
    auto_buf struct buf content = {0};
    struct text line;

    buf_init(&content, 4096);
    if (path == NULL)
        return err_set(err, ERR_INVALID, "no_password",
                       "Give the password in a file: --password-file FILE.");
    if (file_read(path, 4096, &content, err) != 0)
        return -1;
    struct text rest = buf_view(&content);
    if (!text_cut(&rest, '\n', &line) || line.len == 0)
        return err_set(err, ERR_INVALID, "no_password", "The first line of %s is empty.", path);
    *password = text_dup(pool, line);
    return 0;
}

/* The npm that the caller would run. */
static const char *find_npm(struct pool *pool)
{
    const char *path = getenv("PATH");
    struct text rest = text_of(path != NULL ? path : "/usr/local/bin:/usr/bin:/bin"), folder;

    while (text_cut(&rest, ':', &folder)) {
        const char *npm = pool_printf(pool, "%.*s/npm", TEXT_ARG(folder));
        if (text_starts(folder, "/") && access(npm, X_OK) == 0)
            return npm;
    }
    return NULL;
}

static const char *first_line(struct pool *pool, int fd)
{
    char line[1000];
    ssize_t n = read(fd, line, sizeof(line));
    struct text rest = text_n(line, n > 0 ? (size_t)n : 0), first;

    (void)text_cut(&rest, '\n', &first);
    return text_c(pool, text_trim(first));
}

/* npm's own configuration says where public packages come from, as for everything else that the
 * caller installs: its files and the environment. */
static const char *uplink_of_npm(struct pool *pool)
{
    const char *argv[] = {"npm", "config", "get", "registry", NULL};
    const char *npm = find_npm(pool), *line;
    int fds[2], status = 0;
    struct child child;
    struct err err;

    if (npm == NULL || pipe2(fds, O_CLOEXEC) != 0)
        return NULL;
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK); /* whoever npm leaves behind is not waited for */
    struct child_fd out = {fds[1], 1};
    struct child_spec spec = {
        .path = npm, .argv = argv, .env = (const char *const *)environ, .fds = &out, .n_fds = 1};
    bool ran = child_start(&child, &spec, &err) == 0;
    if (ran) {
        ran = child_wait(&child, NPM_DEADLINE_MS, &status, &err) == 0 && status == 0;
        child_close(&child);
    }
    line = ran ? first_line(pool, fds[0]) : "";
    close(fds[0]);
    close(fds[1]);
    return strncmp(line, "http", 4) == 0 ? line : NULL;
}

static int write_conf(const struct config *config, const char *uplink, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    const char *path = pool_printf(pool, "%s/redhouse.conf", config->data);
    struct text content =
        text_printf(pool,
                    "# Options of this platform; `redhouse options` lists them all.\n"
                    "%s%s%s"
                    "uid-base = %lld\n",
                    uplink != NULL ? "uplink = " : "# uplink = ", uplink != NULL ? uplink : "URL",
                    "\n", (long long)config->uid_base);

    return file_replace(path, content, 0644, err);
}

/* The control database with its first admin, below folder. */
static int make_control(const struct config *config, const char *folder, struct text password,
                        struct err *err)
{
    struct account_user user = {.name = text_of(config->admin),
                                .password = password,
                                .admin = true,
                                .must_change = config->must_change_password};
    char id[ACCOUNT_ID];

    struct db *db = app_control_open(folder, err);
    if (db == NULL)
        return -1;
    struct account *account = account_open(db, APP_TOKEN_PREFIX, err);
    int rc = account != NULL ? account_user_create(account, &user, id, err) : -1;
    account_close(account);
    db_close(db);
    return rc;
}

/* All of it is in the one file, none in a log beside it, and it gets its name. */
static int publish_control(struct pool *pool, const char *folder, const char *control,
                           struct err *err)
{
    const char *made = pool_printf(pool, "%s/redhouse.db", folder);
    struct stat log;
    auto_close int fd = open(made, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return err_errno(err, "%s cannot be opened", made);
    if (stat(pool_printf(pool, "%s-wal", made), &log) == 0 && log.st_size > 0)
        return err_set(err, ERR_INTERNAL, "internal", "%s could not be closed.", made);
    return file_publish(fd, made, control, err);
}

/* As the system user: what the server will own. The database is made aside and appears with its
 * admin in it or not at all, so that what was cut short is begun anew. */
static int fill_folder(const struct config *config, struct text password, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    const char *control = pool_printf(pool, "%s/redhouse.db", config->data);
    const char *folder = pool_printf(pool, "%s/init", config->data);

    if (file_remove_tree(folder, err) != 0 || file_mkdirs(folder, 0700, err) != 0 ||
        seal_create(pool_printf(pool, "%s/secret.key", config->data), err) != 0)
        return -1;
    int rc = make_control(config, folder, password, err);
    if (rc == 0)
        rc = publish_control(pool, folder, control, err);
    struct err ignored;
    (void)file_remove_tree(folder, &ignored);
    return rc;
}

static int check_new(const struct config *config, const char *control, struct err *err)
{
    return access(control, F_OK) != 0
               ? 0
               : err_set(err, ERR_CONFLICT, "already_there",
                         "%s holds a platform already; nothing was changed.", config->data);
}

static int init(struct config *config, struct pool *pool, struct err *err)
{
    const char *control = pool_printf(pool, "%s/redhouse.db", config->data);
    struct text password;
    char plugins[PLUGINS_HASH];
    uid_t uid;
    gid_t gid;
    int lock;

    if (geteuid() != 0)
        return err_set(err, ERR_FORBIDDEN, "not_root",
                       "Run `redhouse init` as root (sudo): it makes the system user.");
    if (config->admin == NULL)
        return err_set(err, ERR_INVALID, "no_admin", "Name the first admin: --admin NAME.");
    if (check_new(config, control, err) != 0 ||
        init_password(pool, config->password_file, &password, err) != 0 ||
        datadir_user(&uid, &gid, 1, err) != 0 || datadir_make(config->data, uid, gid, err) != 0 ||
        datadir_lock(config->data, &lock, err) != 0)
        return -1;
    /* again, now that no other init is at it; the server opens the lock as its own user */
    if (check_new(config, control, err) != 0)
        return -1;
    if (fchown(lock, uid, gid) != 0)
        return err_errno(err, "The lock of %s cannot be given to its owner", config->data);
    if (config->uplink == NULL)
        config->uplink = uplink_of_npm(pool);
    /* Here, so that the first start is as quick as every other. */
    if (plugins_unpack(config->data, plugins, err) != 0)
        return -1;
    if (write_conf(config, config->uplink, err) != 0 || datadir_drop(uid, gid, err) != 0)
        return -1;
    return fill_folder(config, password, err);
}

static int print_made(const struct config *config)
{
    auto_buf struct buf out = {0};
    struct json_writer w;

    if (!config->json) {
        printf("The platform is in %s; start it with `redhouse serve --data %s`.\n", config->data,
               config->data);
        return 0;
    }
    buf_init(&out, 1u << 16);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_str(&w, "data", config->data);
    json_put_str(&w, "admin", config->admin);
    json_put_str(&w, "uplink", config->uplink);
    json_close(&w);
    return command_print(&out);
}

int command_init(const struct command *command, int argc, char **argv)
{
    auto_pool struct pool *pool = pool_new();
    struct config config;
    struct err err;

    if (config_read(&config, pool, argv, NULL, &err) != 0 || init(&config, pool, &err) != 0)
        return command_fail(&err);
    return print_made(&config);
}
