#include "tenants/document.h"

#include "core/pool.h"
#include "tenants/instance.h"
#include "tenants/tenants.h"

static void put_hosts(struct json_writer *w, struct pool *pool, const struct tenants_config *config,
                      struct text slug)
{
    struct text url = text_of(config->public_url);
    size_t colon = text_find(url, ':', text_find(url, '/', 0));
    struct text port = colon != SIZE_MAX ? text_sub(url, colon, url.len) : TEXT("");

    json_key(w, "hosts");
    json_open(w);
    json_put_text(
        w, "editor",
        text_printf(pool, "%.*s.%s%.*s", TEXT_ARG(slug), config->instance_domain, TEXT_ARG(port)));
    json_put_text(w, "app",
                  text_printf(pool, "%.*s--app.%s%.*s", TEXT_ARG(slug), config->instance_domain,
                              TEXT_ARG(port)));
    json_close(w);
}

void document_put(struct json_writer *w, struct pool *pool, const struct tenants_config *config,
                  const struct instance *row, struct text theme)
{
    json_put_int(w, "version", 1);
    json_put_text(w, "instance", row->id);
    json_put_text(w, "slug", row->slug);
    json_put_text(w, "tenant", row->tenant);
    json_put_str(w, "base", config->public_url);
    json_put_str(w, "loginUrl", "/.redhouse/login");
    json_put_str(w, "logoutUrl", "/.redhouse/logout");
    put_hosts(w, pool, config, row->slug);
    json_key(w, "theme");
    json_raw(w, theme);
    json_key(w, "settings");
    json_raw(w, row->settings);
    json_key(w, "env");
    json_raw(w, TEXT("{}"));
    json_key(w, "npm");
    json_raw(w, TEXT("{\"ignoreScripts\":true,\"memoryMb\":256}"));
}
