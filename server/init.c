/* `redhouse init`: folder, system user, master key, first admin. Refuses to run twice. */
#include "server/init.h"
#include "core/buf.h"
#include "core/child.h"
#include "core/db.h"
#include "core/err.h"
#include "core/file.h"
#include "core/pool.h"
#include "core/seal.h"
#include "http/account.h"
#include "server/app.h"
#include "server/commands.h"
#include "server/config.h"
#include "server/datadir.h"
#include "server/plugins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* npm's own configuration says where public packages come from, as for everything else on this
 * machine. */
static const char *uplink_of_npm(struct pool *pool)
{
    static const char *const paths[] = {"/usr/bin/npm", "/usr/local/bin/npm", NULL};
    char line[1000] = "";
    int fds[2];

    for (int i = 0; paths[i] != NULL; i++) {
        if (access(paths[i], X_OK) != 0 || pipe(fds) != 0)
            continue;
        FILE *in = fdopen(fds[0], "r");
        const char *home = getenv("HOME");
        const char *argv[] = {"npm", "config", "get", "registry", NULL};
        const char *env[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                             pool_printf(pool, "HOME=%s", home != NULL ? home : "/root"), NULL};
        struct child_fd out = {fds[1], 1};
        struct child_spec spec = {
            .path = paths[i], .argv = argv, .env = env, .fds = &out, .n_fds = 1};
        struct child child;
        struct err err;
        int status = 0;
        bool ok = child_start(&child, &spec, &err) == 0;
        close(fds[1]);
        if (ok && fgets(line, sizeof(line), in) == NULL)
            line[0] = '\0';
        fclose(in);
        if (ok) {
            child_wait(&child, 20000, &status, &err);
            child_close(&child);
        }
        if (strncmp(line, "http", 4) == 0)
            break;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return strncmp(line, "http", 4) == 0 ? pool_strdup(pool, line) : NULL;
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

/* As the system user: what the server will own. */
static int fill_folder(const struct config *config, struct text password, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    const char *key = pool_printf(pool, "%s/secret.key", config->data);
    struct account_user user = {.name = text_of(config->admin),
                                .password = password,
                                .admin = true,
                                .must_change = config->must_change_password};
    char id[ACCOUNT_ID];

    if (seal_create(key, err) != 0)
        return -1;
    struct db *db = app_control_open(config->data, err);
    if (db == NULL)
        return -1;
    struct account *account = account_open(db, APP_TOKEN_PREFIX, err);
    int rc = account != NULL ? account_user_create(account, &user, id, err) : -1;
    account_close(account);
    db_close(db);
    return rc;
}

static int init(const struct config *config, struct pool *pool, struct err *err)
{
    const char *control = pool_printf(pool, "%s/redhouse.db", config->data);
    const char *uplink = config->uplink;
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
    if (access(control, F_OK) == 0)
        return err_set(err, ERR_CONFLICT, "already_there",
                       "%s holds a platform already; nothing was changed.", config->data);
    if (init_password(pool, config->password_file, &password, err) != 0 ||
        datadir_user(&uid, &gid, 1, err) != 0 || datadir_make(config->data, uid, gid, err) != 0)
        return -1;
    if (uplink == NULL)
        uplink = uplink_of_npm(pool);
    /* Here, so that the first start is as quick as every other. */
    if (plugins_unpack(config->data, plugins, err) != 0)
        return -1;
    if (write_conf(config, uplink, err) != 0 || datadir_drop(uid, gid, err) != 0 ||
        datadir_lock(config->data, &lock, err) != 0)
        return -1;
    if (fill_folder(config, password, err) != 0) {
        (void)unlink(control); /* so that a second try with a better password is not refused */
        return -1;
    }
    return 0;
}

int command_init(const struct command *command, int argc, char **argv)
{
    auto_pool struct pool *pool = pool_new();
    struct config config;
    struct err err;

    if (config_read(&config, pool, argv, NULL, &err) != 0 || init(&config, pool, &err) != 0)
        return command_fail(&err);
    printf("The platform is in %s; start it with `redhouse serve --data %s`.\n", config.data,
           config.data);
    return 0;
}
