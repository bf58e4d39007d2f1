#include "registry/policy/rules.h"

#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/advisory/osv.h"
#include "registry/policy/licence.h"
#include "registry/semver.h"

#define HOUR_MS INT64_C(3600000)
#define MAX_AGE_HOURS 87600
#define MAX_NAME 214
#define MAX_REASON 300

static int bad(struct err *err, const char *key, const char *what)
{
    return err_set(err, ERR_UNPROCESSABLE, "bad_rules", "\"%s\" %s.", key, what);
}

static bool is_line(struct text t, size_t max)
{
    return t.len > 0 && t.len <= max && text_is_printable(t);
}

static int begin_list(struct pool *pool, const struct json *list, const char *key,
                      struct rule_list *out, struct err *err)
{
    *out = (struct rule_list){0};
    if (list == NULL || list->type == JSON_NULL)
        return 0;
    if (list->type != JSON_ARRAY || list->count > RULES_MOST)
        return bad(err, key, "is a list of at most 1000");
    out->all = pool_zalloc(pool, (list->count + 1) * sizeof *out->all);
    return 0;
}

static int read_names(struct pool *pool, const struct json *section, const char *key,
                      struct rule_list *out, struct err *err)
{
    const struct json *list = json_get(section, key);
    if (begin_list(pool, list, key, out, err) != 0)
        return -1;
    json_each (item, out->all != NULL ? list : NULL) {
        if (item->type != JSON_STRING || !is_line(item->text, MAX_NAME))
            return bad(err, key, "holds something that is no name");
        /* once here, not once for every version that is judged */
        out->all[out->n++] = (struct rule){.name = text_lower(pool, item->text)};
    }
    return 0;
}

static int read_rules(struct pool *pool, const struct json *section, const char *key,
                      struct rule_list *out, struct err *err)
{
    const struct json *list = json_get(section, key);
    if (begin_list(pool, list, key, out, err) != 0)
        return -1;
    json_each (item, out->all != NULL ? list : NULL) {
        struct rule rule = {TEXT_NONE, TEXT_NONE, TEXT_NONE};
        if (json_need_text(item, "name", &rule.name, err) != 0 ||
            json_want_text(item, "versions", &rule.versions, err) != 0 ||
            json_want_text(item, "reason", &rule.reason, err) != 0)
            return -1;
        if (!is_line(rule.name, MAX_NAME))
            return bad(err, key, "holds something that is no name");
        if (rule.versions.len == 0 || text_is(rule.versions, "*"))
            rule.versions = TEXT_NONE;
        if (rule.versions.base != NULL && !advisory_is_range(rule.versions))
            return err_set(
                err, ERR_UNPROCESSABLE, "bad_rules",
                "\"%s\": what stands behind \"%.*s\", \"%.*s\", is no range of npm, such as "
                "\"<2.1.0\" or \"1.x\".",
                key, TEXT_ARG(text_sub(rule.name, 0, 60)),
                TEXT_ARG(text_sub(rule.versions, 0, 40)));
        if (rule.reason.len == 0)
            rule.reason = TEXT_NONE;
        else if (!is_line(rule.reason, MAX_REASON))
            return bad(err, key, "holds a reason that is no line of at most 300 characters");
        out->all[out->n++] = rule;
    }
    return 0;
}

static int read_words(const struct json *doc, struct section *s, struct err *err)
{
    struct text scripts = TEXT_NONE, level = TEXT_NONE;
    int64_t hours = 0;
    if (json_want_int(doc, "minimum_age_hours", &hours, err) != 0 ||
        json_want_bool(doc, "only_allowed", &s->only_allowed, err) != 0 ||
        json_want_text(doc, "install_scripts", &scripts, err) != 0 ||
        json_want_text(doc, "advisories", &level, err) != 0)
        return -1;
    if (hours < 0 || hours > MAX_AGE_HOURS)
        return bad(err, "minimum_age_hours", "is a number from 0 to 87600");
    s->minimum_age_ms = hours * HOUR_MS;
    if (scripts.len > 0 && !text_is(scripts, "allow") && !text_is(scripts, "deny"))
        return bad(err, "install_scripts", "is \"allow\" or \"deny\"");
    s->no_scripts = text_is(scripts, "deny");
    s->advisories = advisory_level(level);
    if (level.len > 0 && s->advisories == 0)
        return bad(err, "advisories", "is one of low, moderate, high, critical, or null");
    return 0;
}

/* A rule that is spelt wrong would protect nobody. */
static int check_keys(const struct json *doc, const char *const *known, size_t n, struct err *err)
{
    json_each (item, doc) {
        bool found = false;
        for (size_t i = 0; i < n; i++)
            found = found || text_is(item->key, known[i]);
        if (!found)
            return err_set(err, ERR_UNPROCESSABLE, "bad_rules", "There is no rule \"%.*s\".",
                           TEXT_ARG(text_sub(item->key, 0, 60)));
    }
    return 0;
}

static int read_section(struct pool *pool, const struct json *doc, struct section *s,
                        struct err *err)
{
    static const char *const known[] = {"minimum_age_hours",
                                        "deny",
                                        "allow",
                                        "only_allowed",
                                        "licences_allowed",
                                        "licences_denied",
                                        "install_scripts",
                                        "install_scripts_allowed",
                                        "advisories"};
    *s = (struct section){0};
    if (doc == NULL || doc->type == JSON_NULL)
        return 0;
    if (doc->type != JSON_OBJECT)
        return bad(err, "public and private", "are objects");
    if (check_keys(doc, known, sizeof known / sizeof known[0], err) != 0 ||
        read_words(doc, s, err) != 0 || read_rules(pool, doc, "deny", &s->deny, err) != 0 ||
        read_rules(pool, doc, "allow", &s->allow, err) != 0 ||
        read_names(pool, doc, "licences_allowed", &s->licences_allowed, err) != 0 ||
        read_names(pool, doc, "licences_denied", &s->licences_denied, err) != 0 ||
        read_names(pool, doc, "install_scripts_allowed", &s->scripts_allowed, err) != 0)
        return -1;
    s->any = s->minimum_age_ms > 0 || s->deny.n > 0 || s->only_allowed ||
             s->licences_allowed.n > 0 || s->licences_denied.n > 0 || s->no_scripts ||
             s->advisories > 0;
    return 0;
}

int rules_read(struct pool *pool, const struct json *doc, struct rules *out, struct err *err)
{
    static const char *const known[] = {"public", "private"};
    return check_keys(doc, known, 2, err) != 0 ||
                   read_section(pool, json_get(doc, "public"), &out->public, err) != 0 ||
                   read_section(pool, json_get(doc, "private"), &out->private, err) != 0
               ? -1
               : 0;
}

bool section_needs_facts(const struct section *s)
{
    return s->minimum_age_ms > 0 || s->licences_allowed.n > 0 || s->licences_denied.n > 0 ||
           s->no_scripts;
}

static const struct rule *find(const struct rule_list *list, const struct facts *facts)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct rule *rule = &list->all[i];
        if (text_glob(rule->name, facts->name) &&
            (rule->versions.base == NULL || advisory_covers(rule->versions, facts->version)))
            return rule;
    }
    return NULL;
}

static bool names(struct pool *pool, const struct rule_list *list, struct text name)
{
    struct text folded = text_lower(pool, name);
    for (size_t i = 0; i < list->n; i++)
        if (text_glob(list->all[i].name, folded))
            return true;
    return false;
}

struct licensing {
    const struct section *section;
    struct pool *pool;
};

static bool may_use(void *arg, struct text id)
{
    const struct licensing *l = arg;
    const struct section *s = l->section;
    return !names(l->pool, &s->licences_denied, id) &&
           (s->licences_allowed.n == 0 || names(l->pool, &s->licences_allowed, id));
}

static bool judge_licence(const struct section *s, struct pool *pool, const struct facts *f,
                          struct text *reason)
{
    struct licensing l = {s, pool};
    if (s->licences_allowed.n == 0 && s->licences_denied.n == 0)
        return true;
    if (f->licence.len == 0) {
        *reason = TEXT("it tells no licence");
        return s->licences_allowed.n == 0;
    }
    *reason = text_printf(pool, "its licence, %.*s, is not allowed",
                          TEXT_ARG(text_sub(f->licence, 0, 80)));
    return licence_allows(f->licence, may_use, &l);
}

static bool judge_age(const struct section *s, struct pool *pool, const struct facts *f,
                      int64_t now_ms, struct text *reason)
{
    if (s->minimum_age_ms == 0 || f->fresh)
        return true;
    if (f->published_ms == 0) {
        *reason = TEXT("it is not told when it was published");
        return false;
    }
    if (now_ms - f->published_ms >= s->minimum_age_ms)
        return true;
    *reason = text_printf(pool, "it is younger than %lld hours",
                          (long long)(s->minimum_age_ms / HOUR_MS));
    return false;
}

bool section_allows(const struct section *s, struct pool *pool, const struct facts *f,
                    int64_t now_ms, struct text *reason)
{
    const struct rule *rule = find(&s->deny, f);
    if (rule != NULL) {
        *reason = rule->reason.base != NULL ? rule->reason : TEXT("a rule denies it");
        return false;
    }
    if (find(&s->allow, f) != NULL)
        return true;
    if (s->only_allowed) {
        *reason = TEXT("it is not among what is allowed");
        return false;
    }
    if (s->advisories > 0 && f->level >= s->advisories) {
        *reason = text_printf(pool, "%.*s is known against it", TEXT_ARG(f->advisory));
        return false;
    }
    if (s->no_scripts && f->install_script && !names(pool, &s->scripts_allowed, f->name)) {
        *reason = TEXT("it runs a script when it is installed");
        return false;
    }
    return judge_licence(s, pool, f, reason) && judge_age(s, pool, f, now_ms, reason);
}
