#include "registry/page/page.h"

#include "core/db.h"
#include "core/err.h"
#include "http/call.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/package.h"

int page_check_known(struct call *c, const struct asked *a, size_t told, struct err *err)
{
    struct package p;

    if (told > 0)
        return 0;
    auto_read struct db_read r = db_read(a->registry->config.control, err);
    return r.conn == NULL ? -1 : package_get(r.conn, c->pool, a->name.full, &p, err);
}

int page_routes(struct registry *registry, struct router *router, struct err *err)
{
    if (users_routes(registry, router, err) != 0 || files_routes(registry, router, err) != 0 ||
        needs_routes(registry, router, err) != 0 || downloads_routes(registry, router, err) != 0)
        return -1;
    return manage_routes(registry, router, err);
}
