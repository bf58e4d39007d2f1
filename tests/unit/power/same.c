#include "tests/unit/power/same.h"

#include "core/buf.h"
#include "core/file.h"
#include "core/pool.h"
#include "core/text.h"

#include <dirent.h>
#include <string.h>

static const char *same_entry(const char *is, const char *rebuilt, const struct dirent *entry)
{
    struct pool *pool = pool_new();
    const char *a = pool_printf(pool, "%s/%s", is, entry->d_name);
    const char *b = pool_printf(pool, "%s/%s", rebuilt, entry->d_name);
    const char *bad = NULL;
    auto_buf struct buf x = {0}, y = {0};

    buf_init(&x, 256u << 20);
    buf_init(&y, 256u << 20);
    if (entry->d_type == DT_DIR)
        bad = same_tree(a, b);
    else if (file_read(a, 200u << 20, &x, NULL) != 0 || file_read(b, 200u << 20, &y, NULL) != 0 ||
             !text_eq(buf_view(&x), buf_view(&y)))
        bad = xstrdup(a);
    pool_free(pool);
    return bad;
}

const char *same_tree(const char *is, const char *rebuilt)
{
    DIR *list = opendir(is);
    struct dirent *entry;
    const char *bad = list == NULL ? xstrdup(is) : NULL;

    while (bad == NULL && (entry = readdir(list)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            bad = same_entry(is, rebuilt, entry);
    if (list != NULL)
        closedir(list);
    return bad;
}
