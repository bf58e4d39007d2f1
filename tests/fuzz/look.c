/*
 * A script or an editor's page of a package: what is read of it are views into it, texts that can
 * be shown, and colours that are colours.
 */
#include "tests/fuzz/fuzz.h"

#include "registry/page/look.h"

#include <stdlib.h>

static void check(struct text whole, struct text t)
{
    if (t.base == NULL)
        return;
    if (t.base < whole.base || t.base + t.len > whole.base + whole.len || !text_is_printable(t) ||
        !text_is_utf8(t) || t.len > LOOK_TEXT_MAX)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct looks looks;
    struct text source = text_n(data, size);

    looks.n = 0;
    looks_scan(&looks, source, "registerType", TEXT("set"));
    looks_scan(&looks, source, "registerPlugin", TEXT("set"));
    for (size_t i = 0; i < looks.n; i++) {
        const struct look *l = &looks.all[i];
        const struct text all[] = {l->name,  l->category, l->color, l->icon,
                                   l->label, l->align,    l->type};
        for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++)
            check(source, all[k]);
        if (l->name.len == 0 || (l->color.base != NULL && !look_is_color(l->color)))
            abort();
    }
    return 0;
}
