#include "registry/advisory/cvss.h"

#include <math.h>

enum metric { AV, AC, PR, UI, SCOPE, CONF, INTEG, AVAIL, METRICS };

static const struct {
    const char *name, *values;
    double weights[4];
} metrics[METRICS] = {
    [AV] = {"AV", "NALP", {0.85, 0.62, 0.55, 0.2}},
    [AC] = {"AC", "LH", {0.77, 0.44}},
    [PR] = {"PR", "NLH", {0.85, 0.62, 0.27}},
    [UI] = {"UI", "NR", {0.85, 0.62}},
    [SCOPE] = {"S", "UC", {0, 1}},
    [CONF] = {"C", "HLN", {0.56, 0.22, 0}},
    [INTEG] = {"I", "HLN", {0.56, 0.22, 0}},
    [AVAIL] = {"A", "HLN", {0.56, 0.22, 0}},
};

/* Up to the next tenth, as the standard says (appendix A). */
static int round_up(double score)
{
    long long n = llround(score * 100000);
    return (int)(n % 10000 == 0 ? n / 10000 : n / 10000 + 1);
}

static bool take(struct text part, double weights[METRICS], bool given[METRICS])
{
    struct text value = part, key;
    text_cut(&value, ':', &key);
    for (int m = 0; m < METRICS; m++) {
        if (!text_is(key, metrics[m].name))
            continue;
        size_t at =
            value.len == 1 ? text_find(text_of(metrics[m].values), value.base[0], 0) : SIZE_MAX;
        if (at == SIZE_MAX || given[m])
            return false;
        weights[m] = metrics[m].weights[at];
        given[m] = true;
    }
    return true; /* temporal and environmental ones do not change the base score */
}

int cvss_score(struct text vector)
{
    double w[METRICS] = {0};
    bool given[METRICS] = {false};
    struct text rest = vector, part;
    if (vector.len > 200 || !text_cut(&rest, '/', &part) ||
        (!text_is(part, "CVSS:3.0") && !text_is(part, "CVSS:3.1")))
        return -1;
    while (text_cut(&rest, '/', &part))
        if (!take(part, w, given))
            return -1;
    for (int m = 0; m < METRICS; m++)
        if (!given[m])
            return -1;
    bool changed = w[SCOPE] > 0;
    double privileges = w[PR];
    if (changed && privileges < 0.85)
        privileges = privileges > 0.5 ? 0.68 : 0.5;
    double iss = 1 - (1 - w[CONF]) * (1 - w[INTEG]) * (1 - w[AVAIL]);
    double impact = changed ? 7.52 * (iss - 0.029) - 3.25 * pow(iss - 0.02, 15) : 6.42 * iss;
    double ease = 8.22 * w[AV] * w[AC] * privileges * w[UI];
    if (impact <= 0)
        return 0;
    return round_up(fmin(changed ? 1.08 * (impact + ease) : impact + ease, 10));
}
