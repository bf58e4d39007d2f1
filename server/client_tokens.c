#include "server/client_tokens.h"

#include "server/ask.h"

#include <string.h>

/* "a,b" as a list; nothing for NULL. */
static void put_words(struct ask *ask, const char *key, const char *value)
{
    struct text rest = text_of(value), item;

    if (value == NULL)
        return;
    json_key(&ask->w, key);
    json_open_array(&ask->w);
    while (text_cut(&rest, ',', &item))
        json_text(&ask->w, text_trim(item));
    json_close_array(&ask->w);
}

int token_create(struct ask *ask, struct err *err)
{
    const char *user = args_flag(&ask->args, "--user"), *name = args_flag(&ask->args, "--name");
    const char *expires = args_flag(&ask->args, "--expires");
    int64_t life_ms = 0;

    if (user == NULL || name == NULL)
        return err_set(err, ERR_INVALID, "usage",
                       "Say whose token it is and what it is called: --user NAME --name LABEL.");
    if (expires != NULL &&
        (!text_duration_ms(text_of(expires), &life_ms) || life_ms < 1000 || life_ms % 1000 != 0))
        return err_set(err, ERR_INVALID, "bad_expires",
                       "--expires takes a time in whole seconds, such as 30d, 1h or 90s.");
    json_put_str(&ask->w, "name", name);
    json_put_str(&ask->w, "description", args_flag(&ask->args, "--description"));
    json_put_bool(&ask->w, "read_only", args_flag(&ask->args, "--read-only") != NULL);
    json_put_bool(&ask->w, "bypass_2fa", args_flag(&ask->args, "--bypass-2fa") != NULL);
    json_put_int(&ask->w, "expires_seconds", life_ms / 1000);
    put_words(ask, "scopes", args_flag(&ask->args, "--scopes"));
    put_words(ask, "packages", args_flag(&ask->args, "--packages"));
    put_words(ask, "addresses", args_flag(&ask->args, "--addresses"));
    put_words(ask, "tenants", args_flag(&ask->args, "--tenants"));
    return ask_post(ask, ask_path(ask, "/api/v1/users/", text_of(user), "/tokens"), err);
}

static int need_user(const char *user, struct err *err)
{
    return user != NULL ? 0 : err_set(err, ERR_INVALID, "usage", "Say whose tokens: --user NAME.");
}

int token_list(struct ask *ask, struct err *err)
{
    const char *user = args_flag(&ask->args, "--user");

    if (need_user(user, err) != 0)
        return -1;
    return ask_list(ask, ask_path(ask, "/api/v1/users/", text_of(user), "/tokens"), err);
}

int token_remove(struct ask *ask, struct err *err)
{
    const char *user = args_flag(&ask->args, "--user");

    if (need_user(user, err) != 0)
        return -1;
    ask->done = "removed";
    return ask_delete(ask,
                      ask_path(ask, ask_path(ask, "/api/v1/users/", text_of(user), "/tokens/"),
                               text_of(ask->args.words[0]), ""),
                      err);
}

int issuer_add(struct ask *ask, struct err *err)
{
    json_put_str(&ask->w, "name", ask->args.words[0]);
    json_put_str(&ask->w, "url", args_flag(&ask->args, "--address"));
    return ask_post(ask, "/api/v1/trust/issuers", err);
}

int issuer_list(struct ask *ask, struct err *err)
{
    return ask_list(ask, "/api/v1/trust/issuers", err);
}

int issuer_remove(struct ask *ask, struct err *err)
{
    ask->done = "removed";
    return ask_delete(ask, ask_path(ask, "/api/v1/trust/issuers/", text_of(ask->args.words[0]), ""),
                      err);
}

static const char *trust_of(struct ask *ask)
{
    return ask_path(ask, "/api/v1/packages/", text_of(ask->args.words[0]), "/trust");
}

int trust_add_command(struct ask *ask, struct err *err)
{
    const char *issuer = args_flag(&ask->args, "--issuer");
    bool stage_only = args_flag(&ask->args, "--stage-only") != NULL;
    struct text rest = text_of(args_flag(&ask->args, "--claims")), pair, key;

    if (issuer == NULL || rest.base == NULL)
        return err_set(err, ERR_INVALID, "usage",
                       "Say whose job it is and which: --issuer NAME --claims CLAIM=TEXT,...");
    json_put_str(&ask->w, "issuer", issuer);
    json_key(&ask->w, "claims");
    json_open(&ask->w);
    while (text_cut(&rest, ',', &pair)) {
        if (!text_cut(&pair, '=', &key) || pair.base == NULL)
            return err_set(err, ERR_INVALID, "usage", "A claim is written CLAIM=TEXT.");
        json_key_text(&ask->w, text_trim(key));
        json_text(&ask->w, text_trim(pair));
    }
    json_close(&ask->w);
    json_put_bool(&ask->w, "publish", !stage_only);
    json_put_bool(&ask->w, "stage", true);
    return ask_post(ask, trust_of(ask), err);
}

int trust_list_command(struct ask *ask, struct err *err)
{
    return ask_list(ask, trust_of(ask), err);
}

int trust_remove_command(struct ask *ask, struct err *err)
{
    ask->done = "removed";
    return ask_delete(ask,
                      ask_path(ask, pool_printf(ask->pool, "%s/", trust_of(ask)),
                               text_of(ask->args.words[1]), ""),
                      err);
}
