/* Reads users, tenants and members into a new part of the snapshot. */
#include "core/db.h"
#include "http/account_part.h"
#include "http/factor.h"

#include <stdlib.h>
#include <string.h>

static void people_free(struct snapshot *s)
{
    struct account_people *people = (struct account_people *)s;

    pool_free(people->pool);
    free(people);
}

static int by_person_name(const void *a, const void *b)
{
    return strcmp((*(struct account_person *const *)a)->name,
                  (*(struct account_person *const *)b)->name);
}

static int by_tenant_id(const void *a, const void *b)
{
    return strcmp((*(struct account_tenant *const *)a)->id,
                  (*(struct account_tenant *const *)b)->id);
}

static int load_persons(struct account_people *people, struct db_conn *conn, struct err *err)
{
    static const char count[] = "SELECT count(*) FROM user";
    static const char sql[] =
        "SELECT id, name, coalesce(email, ''), admin, must_change, coalesce((SELECT f.mode FROM"
        " factor AS f WHERE f.user = user.id AND f.pending = 0), '') FROM user ORDER BY id";
    auto_rows struct db_rows q = {0};
    struct text id, name, email, mode;
    int64_t n = 0, admin, must_change;

    if (db_get(conn, people->pool, err, count, "", "i", &n) != 0 ||
        db_each (&q, conn, err, sql, "") != 0)
        return -1;
    people->persons = pool_zalloc(people->pool, ((size_t)n + 1) * sizeof(*people->persons));
    while (people->n_persons < (size_t)n &&
           db_next(&q, people->pool, "sssiis", &id, &name, &email, &admin, &must_change, &mode)) {
        struct account_person *person = &people->persons[people->n_persons++];
        *person = (struct account_person){
            .id = text_c(people->pool, id),
            .name = text_c(people->pool, name),
            .email = text_c(people->pool, email),
            .admin = admin != 0,
            .must_change = must_change != 0,
        };
        (void)factor_mode_parse(mode, &person->factor);
    }
    people->by_name = pool_alloc(people->pool, ((size_t)n + 1) * sizeof(*people->by_name));
    for (size_t i = 0; i < people->n_persons; i++)
        people->by_name[i] = &people->persons[i];
    qsort(people->by_name, people->n_persons, sizeof(*people->by_name), by_person_name);
    return q.failed ? -1 : 0;
}

static int load_tenants(struct account_people *people, struct db_conn *conn, struct err *err)
{
    static const char count[] = "SELECT count(*) FROM tenant";
    static const char sql[] = "SELECT id, slug, name, require_factor FROM tenant ORDER BY slug";
    auto_rows struct db_rows q = {0};
    struct text id, slug, name;
    int64_t n = 0, require_factor;

    if (db_get(conn, people->pool, err, count, "", "i", &n) != 0 ||
        db_each (&q, conn, err, sql, "") != 0)
        return -1;
    people->tenants = pool_zalloc(people->pool, ((size_t)n + 1) * sizeof(*people->tenants));
    while (people->n_tenants < (size_t)n &&
           db_next(&q, people->pool, "sssi", &id, &slug, &name, &require_factor))
        people->tenants[people->n_tenants++] =
            (struct account_tenant){text_c(people->pool, id), text_c(people->pool, slug),
                                    text_c(people->pool, name), require_factor != 0};
    people->by_id = pool_alloc(people->pool, ((size_t)n + 1) * sizeof(*people->by_id));
    for (size_t i = 0; i < people->n_tenants; i++)
        people->by_id[i] = &people->tenants[i];
    qsort(people->by_id, people->n_tenants, sizeof(*people->by_id), by_tenant_id);
    return q.failed ? -1 : 0;
}

static int load_members(struct account_people *people, struct db_conn *conn, struct err *err)
{
    static const char count[] = "SELECT count(*) FROM member";
    static const char sql[] = "SELECT m.user, m.tenant, t.slug, m.role, t.require_factor FROM "
                              "member AS m JOIN tenant AS t"
                              " ON t.id = m.tenant ORDER BY m.user, t.slug";
    auto_rows struct db_rows q = {0};
    struct text user, tenant, slug, role;
    struct account_person *person = people->persons;
    int64_t n = 0, require_factor;
    size_t used = 0;

    if (db_get(conn, people->pool, err, count, "", "i", &n) != 0 ||
        db_each (&q, conn, err, sql, "") != 0)
        return -1;
    struct account_member *members = pool_zalloc(people->pool, ((size_t)n + 1) * sizeof(*members));
    while (used < (size_t)n &&
           db_next(&q, people->pool, "ssssi", &user, &tenant, &slug, &role, &require_factor)) {
        while (person < people->persons + people->n_persons &&
               text_cmp(text_of(person->id), user) < 0)
            person++;
        if (person == people->persons + people->n_persons)
            break;
        struct account_member *m = &members[used++];
        m->tenant = text_c(people->pool, tenant);
        m->slug = text_c(people->pool, slug);
        role_parse(role, &m->role);
        if (require_factor != 0 && person->factor == FACTOR_NONE) {
            m->withheld = m->role;
            m->role = ROLE_NONE;
        }
        if (person->members == NULL)
            person->members = m;
        person->n_members++;
    }
    return q.failed ? -1 : 0;
}

struct account_people *account_load_people(struct account *account, struct err *err)
{
    struct account_people *people = xcalloc(1, sizeof(*people));
    auto_read struct db_read r = db_read(account->db, err);

    people->pool = pool_new();
    snapshot_init(&people->base, people_free);
    if (r.conn != NULL && load_persons(people, r.conn, err) == 0 &&
        load_tenants(people, r.conn, err) == 0 && load_members(people, r.conn, err) == 0)
        return people;
    snapshot_drop(&people->base);
    return NULL;
}
