/* The rows of rules. */
#include "core/clock.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/uplink/admin.h"
#include "registry/uplink/part.h"

struct rule {
    struct text pattern, uplink, reason; /* uplink absent: blocked */
    int64_t position;
};

static int bad(struct err *err, const char *text)
{
    return err_set(err, ERR_UNPROCESSABLE, "bad_rule", "%s", text);
}

static int read_rule(struct pool *pool, const struct json *doc, struct rule *rule, struct err *err)
{
    bool block = false;
    if (json_need_text(doc, "pattern", &rule->pattern, err) != 0 ||
        json_want_text(doc, "uplink", &rule->uplink, err) != 0 ||
        json_want_bool(doc, "block", &block, err) != 0 ||
        json_want_text(doc, "reason", &rule->reason, err) != 0 ||
        json_want_int(doc, "position", &rule->position, err) != 0)
        return -1;
    rule->pattern = text_lower(pool, text_trim(rule->pattern));
    if (rule->pattern.len == 0 || rule->pattern.len > 214 || !text_is_printable(rule->pattern) ||
        text_has(rule->pattern, ' '))
        return bad(err,
                   "pattern: a name, or one with * for any run, such as @acme/* or *-internal.");
    if (rule->reason.len > 200 || !text_is_printable(rule->reason))
        return bad(err, "reason: at most 200 characters.");
    if (block == (rule->uplink.base != NULL))
        return bad(err, "Say either which uplink the names come from, or that they are blocked.");
    if (rule->position < 0 || rule->position > UPLINK_RULES_MOST)
        return bad(err, "position: from 1; without one the rule is the last.");
    return 0;
}

static bool is_there(struct uplinks *us, struct text name)
{
    struct uplink_table *table = uplinks_table(us);
    const struct uplink *u = uplink_find(table, name);
    bool there = u != NULL && (u->url != NULL || text_is(name, UPLINK_DEFAULT));
    snapshot_drop(&table->base);
    return there;
}

static int insert(struct uplinks *us, struct pool *pool, struct rule *rule, struct text by,
                  const char *id, struct err *err)
{
    static const char count_sql[] = "SELECT count(*), coalesce(max(position), 0) FROM uplink_rule";
    static const char move_sql[] =
        "UPDATE uplink_rule SET position = position + 1 WHERE position >= ?";
    static const char sql[] = "INSERT INTO uplink_rule (id, position, pattern, uplink, reason, "
                              "created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)";
    int64_t n = 0, last = 0;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, us->config.control, err) != 0 ||
        db_get(tx.conn, pool, err, count_sql, "", "ii", &n, &last) != 0)
        return -1;
    if (n >= UPLINK_RULES_MOST)
        return err_set(err, ERR_TOO_MANY, "too_many_rules", "There are %d rules already.",
                       UPLINK_RULES_MOST);
    if (rule->position == 0 || rule->position > last)
        rule->position = last + 1;
    else if (db_do(tx.conn, err, move_sql, "i", rule->position) < 0)
        return -1;
    if (db_do(tx.conn, err, sql, "zisssis", id, rule->position, rule->pattern, rule->uplink,
              rule->reason, clock_wall_ms(), by) < 0)
        return err->kind == ERR_CONFLICT
                   ? err_set(err, ERR_CONFLICT, "rule_exists", "There is a rule for \"%.*s\".",
                             TEXT_ARG(text_sub(rule->pattern, 0, 80)))
                   : -1;
    return db_commit(&tx, err);
}

int uplink_rule_add(struct uplinks *uplinks, struct pool *pool, const struct json *doc,
                    struct text by, char id[27], struct err *err)
{
    struct rule rule = {TEXT_NONE, TEXT_NONE, TEXT_NONE, 0};
    if (read_rule(pool, doc, &rule, err) != 0)
        return -1;
    if (rule.uplink.base != NULL && !is_there(uplinks, rule.uplink))
        return err_set(err, ERR_UNPROCESSABLE, "uplink_not_found", "There is no uplink \"%.*s\".",
                       TEXT_ARG(text_sub(rule.uplink, 0, 60)));
    random_id(id);
    return insert(uplinks, pool, &rule, by, id, err) != 0 ? -1 : uplinks_reload(uplinks, err);
}

int uplink_rule_remove(struct uplinks *uplinks, struct pool *pool, struct text id, struct err *err)
{
    static const char sql[] = "DELETE FROM uplink_rule WHERE id = ?1";
    static const char close_sql[] =
        "UPDATE uplink_rule SET position = (SELECT count(*) FROM uplink_rule AS r "
        "WHERE r.position <= uplink_rule.position)";
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, uplinks->config.control, err) != 0)
        return -1;
    int rows = db_do(tx.conn, err, sql, "s", id);
    if (rows == 0)
        return err_set(err, ERR_NOT_FOUND, "rule_not_found", "There is no such rule.");
    if (rows < 0 || db_do(tx.conn, err, close_sql, "") < 0 || db_commit(&tx, err) != 0)
        return -1;
    return uplinks_reload(uplinks, err);
}

int uplink_rule_put_all(struct uplinks *uplinks, struct json_writer *w, struct text only,
                        struct err *err)
{
    static const char sql[] =
        "SELECT id, position, pattern, uplink, uplink IS NULL AS \"block?\", reason, "
        "created_at AS \"created_at@\", created_by FROM uplink_rule "
        "WHERE ?1 IS NULL OR id = ?1 ORDER BY position";
    auto_read struct db_read r = db_read(uplinks->config.control, err);
    return r.conn != NULL ? db_json(w, r.conn, err, sql, "s", only) : -1;
}
