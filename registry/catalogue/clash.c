#include "registry/catalogue/clash.h"

#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/area.h"

/* What Node-RED's own nodes register, in any version that runs here. */
#define OWN                                                                                        \
    "[\"batch\",\"catch\",\"change\",\"comment\",\"complete\",\"csv\",\"debug\",\"delay\","        \
    "\"exec\","                                                                                    \
    "\"file\",\"file in\",\"function\",\"global-config\",\"group\",\"html\",\"http in\","          \
    "\"http proxy\",\"http request\",\"http response\",\"inject\",\"join\",\"json\",\"junction\"," \
    "\"link call\",\"link in\",\"link out\",\"mqtt in\",\"mqtt out\",\"mqtt-broker\",\"range\","   \
    "\"rbe\",\"sort\",\"split\",\"status\",\"switch\",\"tab\",\"tcp in\",\"tcp out\","             \
    "\"tcp request\",\"template\",\"tls-config\",\"trigger\",\"udp in\",\"udp out\",\"unknown\","  \
    "\"watch\",\"websocket in\",\"websocket out\",\"websocket-client\",\"websocket-listener\","    \
    "\"xml\",\"yaml\"]"
/* ?1 tenant, ?2 package, ?3 types. Packages without types are not looked into. */
#define OTHERS                                                                                     \
    "SELECT t.value AS type, o.name AS package FROM"                                               \
    " (SELECT name, types FROM package WHERE (tenant = ?1 OR tenant IS NULL) AND types <> '[]'"    \
    "  UNION ALL SELECT p.name, p.types FROM catalogue_public AS p WHERE p.types <> '[]' AND"      \
    "  EXISTS (SELECT 1 FROM catalogue_pick AS k WHERE k.name = p.name AND k.tenant IN ('', ?1)) " \
    "UNION ALL SELECT 'node-red', '" OWN "')"                                                      \
    " AS o, json_each(o.types) AS t WHERE o.name <> ?2 AND t.value IN (SELECT value FROM "         \
    "json_each(?3)) ORDER BY t.value, o.name"

int clash_json(struct json_writer *w, struct db_conn *conn, const struct clash_query *query,
               struct err *err)
{
    static const char sql[] = OTHERS " LIMIT 50";

    if (query->types.len <= 2) {
        json_open_array(w);
        json_close_array(w);
        return 0;
    }
    return db_json(w, conn, err, sql, "zss", query->tenant, query->name, query->types);
}

struct text clash_notice(struct registry *registry, struct pool *pool, const char *tenant,
                         struct text name, struct text version)
{
    static const char types_sql[] =
        "SELECT types FROM package_version WHERE package = ? AND version = ?";
    static const char sql[] = "SELECT type, package, count(*) OVER () FROM (" OTHERS ") LIMIT 1";
    struct text types, type, other;
    int64_t n = 0;
    struct err err;
    auto_read struct db_read r = db_read(registry->config.control, &err);

    if (r.conn == NULL ||
        db_get(r.conn, pool, &err, types_sql, "ss", "s", name, version, &types) != 0 ||
        types.len <= 2 ||
        db_get(r.conn, pool, &err, sql, "zss", "ssi", tenant, name, types, &type, &other, &n) != 0)
        return TEXT_NONE;
    struct text more =
        n > 1 ? text_printf(pool, " (and %lld more of that kind)", (long long)n - 1) : TEXT("");
    return text_printf(
        pool,
        "The node type \"%.*s\" is registered by %.*s too%.*s: Node-RED loads only the "
        "package that was there first.",
        TEXT_ARG(type), TEXT_ARG(other), TEXT_ARG(more));
}
