#include "tests/unit/unit.h"

#include "core/blob.h"
#include "core/buf.h"
#include "core/db.h"
#include "core/embedded.h"
#include "core/file.h"
#include "core/json.h"
#include "core/pool.h"
#include "themes/css.h"
#include "themes/document.h"

#include <stdio.h>
#include <unistd.h>

extern const struct embedded themes_sql[];

#define LOGO "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"

struct world {
    char dir[64];
    struct db *db;
    struct themes *themes;
    struct pool *pool;
};

static int set_up(void **state)
{
    const struct db_schema schemas[] = {{"themes", themes_sql}, {NULL, NULL}};
    struct world *w = xcalloc(1, sizeof(*w));
    struct err err;

    snprintf(w->dir, sizeof(w->dir), "/tmp/themes-test-XXXXXX");
    if (mkdtemp(w->dir) == NULL)
        return -1;
    w->pool = pool_new();
    struct db_config config = {
        .path = pool_printf(w->pool, "%s/control.db", w->dir), .schemas = schemas, .readers = 1};
    w->db = db_open(&config, &err);
    struct themes_config themes = {.control = w->db, .name = "Redhouse"};
    themes.blobs = blobs_open(pool_printf(w->pool, "%s/blobs", w->dir), &err);
    w->themes = themes_open(&themes, &err);
    *state = w;
    return w->db != NULL && themes.blobs != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    blobs_close(w->themes->config.blobs);
    themes_close(w->themes);
    db_close(w->db);
    pool_free(w->pool);
    file_remove_tree(w->dir, NULL);
    free(w);
    return 0;
}

/* tenant "" is the platform. */
static void put(struct world *w, const char *tenant, const char *document, bool logo)
{
    struct theme_file file = {.name = TEXT("logo.svg"),
                              .type = TEXT("image/svg+xml"),
                              .content = TEXT(LOGO),
                              .bytes = sizeof(LOGO) - 1};
    struct theme theme = {.text = text_of(document), .files = &file, .n_files = logo ? 1 : 0};
    struct json *parsed;
    struct err err;

    assert_works(json_read(w->pool, theme.text, 1000, &parsed, &err), err);
    theme.document = parsed;
    assert_works(theme_check(&theme, &err), err);
    assert_works(store_put(w->themes, w->pool, tenant, &theme, &err), err);
}

static const struct json *answer(struct world *w, const char *tenant)
{
    struct layers layers;
    struct json_writer writer;
    struct json *parsed;
    struct err err;
    auto_buf struct buf out = {0};

    buf_init(&out, 1u << 20);
    json_writer_init(&writer, &out);
    assert_works(store_layers(w->themes, w->pool, tenant, &layers, &err), err);
    document_write(&writer, &layers, tenant[0] != '\0');
    struct text copy = text_dup(w->pool, buf_view(&out));
    assert_works(json_read(w->pool, copy, 10000, &parsed, &err), err);
    return parsed;
}

static void is_text(const struct json *document, const char *path, const char *wanted)
{
    const struct json *node = json_at(document, path);

    assert_non_null(node);
    assert_text(node->type == JSON_STRING ? node->text : node->raw, wanted);
}

static void is_raw(const struct json *document, const char *path, const char *wanted)
{
    const struct json *node = json_at(document, path);

    assert_non_null(node);
    assert_text(node->raw, wanted);
}

static struct text sheet(struct world *w, const char *tenant,
                         void (*make)(struct buf *out, const struct layers *layers))
{
    struct layers layers;
    struct err err;
    auto_buf struct buf out = {0};

    buf_init(&out, 1u << 20);
    assert_works(store_layers(w->themes, w->pool, tenant, &layers, &err), err);
    make(&out, &layers);
    return text_dup(w->pool, buf_view(&out));
}

static bool holds(struct text sheet, const char *part)
{
    return memmem(sheet.base, sheet.len, part, strlen(part)) != NULL;
}

static void without_any_theme_all_comes_from_the_product(void **state)
{
    for (int i = 0; i < 2; i++) {
        const struct json *got = answer(*state, i == 0 ? "" : "t1");
        is_text(got, "from", "product");
        is_text(got, "inherited.from", "product");
        is_raw(got, "theme", "{}");
        is_raw(got, "inherited.theme", "{}");
        is_raw(got, "version", "null");
        is_raw(got, "files", "[]");
    }
}

static void what_a_tenant_inherits_is_told_apart_from_its_own(void **state)
{
    struct world *w = *state;

    put(w, "",
        "{\"header\":{\"image\":\"logo.svg\"},\"tokens\":{\"light\":{\"header\":\"#111111\"}}}",
        true);
    const struct json *got = answer(w, "t1");
    is_text(got, "from", "platform");
    is_raw(got, "version", "null");
    is_raw(got, "theme", "{}");
    is_raw(got, "files", "[]");
    is_text(got, "inherited.from", "platform");
    is_text(got, "inherited.theme.header.image", "logo.svg");
    assert_int_equal(json_at(got, "inherited.files")->count, 1);
    put(w, "t1", "{\"tokens\":{\"light\":{\"primary\":\"#222222\"}}}", false);
    got = answer(w, "t1");
    is_text(got, "from", "tenant");
    is_raw(got, "theme", "{\"tokens\":{\"light\":{\"primary\":\"#222222\"}}}");
    is_text(got, "inherited.theme.tokens.light.header", "#111111");
    /* The platform itself inherits from the product. */
    got = answer(w, "");
    is_text(got, "from", "platform");
    is_text(got, "theme.header.image", "logo.svg");
    is_text(got, "inherited.from", "product");
    is_raw(got, "inherited.theme", "{}");
}

static void what_was_sent_back_goes_on_inheriting(void **state)
{
    struct world *w = *state;

    put(w, "",
        "{\"header\":{\"image\":\"logo.svg\"},\"tokens\":{\"light\":{\"header\":\"#111111\"}}}",
        true);
    const struct json *got = answer(w, "t1");
    put(w, "t1", text_c(w->pool, json_at(got, "theme")->raw), false);
    put(w, "", "{\"tokens\":{\"light\":{\"header\":\"#333333\"}}}", false);
    assert_true(holds(sheet(w, "t1", css_look), "--rh-header:#333333;"));
}

static void the_headers_variables_are_set_in_the_header_only(void **state)
{
    struct world *w = *state;

    put(w, "t1",
        "{\"tokens\":{\"light\":{\"header\":\"#123456\",\"headerText\":\"#fafafa\","
        "\"primary\":\"#0a7d33\",\"font\":\"Inter\"},\"dark\":{\"header\":\"#654321\"}}}",
        false);
    struct text css = sheet(w, "t1", css_editor);
    const char *light = memmem(css.base, css.len, ":root:root:not(.nr-theme-dark){", 31);
    const char *dark = memmem(css.base, css.len, ":root:root.nr-theme-dark{", 25);
    assert_ptr_equal(light, css.base);
    assert_non_null(dark);
    struct text bright = text_n(light, (size_t)(dark - light));
    struct text night = text_n(dark, css.len - (size_t)(dark - light));
    struct text everywhere = text_sub(bright, 0, text_find(bright, '}', 0));
    assert_true(holds(everywhere, "--red-ui-deploy-button-background:#0a7d33;"));
    assert_false(holds(everywhere, "--red-ui-header-"));
    assert_true(holds(bright, " #red-ui-header{--red-ui-header-background:#123456;"));
    assert_true(holds(bright, "--red-ui-header-menu-item-hover:color-mix("));
    /* Colours of the day are not for the night; a font is for both. */
    assert_false(holds(night, "#0a7d33"));
    assert_false(holds(night, "--red-ui-header-menu-color:"));
    assert_true(holds(night, " #red-ui-header{--red-ui-header-background:#654321;"));
    assert_true(holds(night, "--red-ui-primary-font:Inter;"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    TEST(without_any_theme_all_comes_from_the_product),
    TEST(what_a_tenant_inherits_is_told_apart_from_its_own),
    TEST(what_was_sent_back_goes_on_inheriting),
    TEST(the_headers_variables_are_set_in_the_header_only),
};
UNIT_MAIN(tests)
