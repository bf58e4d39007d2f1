#include "registry/loginpage.h"

#include "core/buf.h"
#include "core/codec.h"

/* style-src 'unsafe-inline' allows the sheet below; nothing else may load or run. */
const char loginpage_policy[] =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'";

static const char style[] =
    "body{margin:0;min-height:100vh;display:grid;place-items:center;background:#f4f4f5;color:#"
    "18181b;"
    "font:16px/1.5 system-ui,sans-serif}main{background:#fff;border:1px solid "
    "#e4e4e7;border-radius:12px;"
    "padding:2rem;width:min(24rem,calc(100vw - 4rem))}h1{font-size:1.25rem;margin:0 0 .75rem}"
    "p{margin:0 0 1rem}label{display:block;margin:0 0 .75rem;font-size:.875rem}input{display:block;"
    "box-sizing:border-box;width:100%;margin-top:.25rem;padding:.5rem;font:inherit;border:1px "
    "solid #a1a1aa;"
    "border-radius:6px;background:inherit;color:inherit}button{width:100%;padding:.6rem;border:0;"
    "border-radius:6px;background:#b91c1c;color:#fff;font:inherit;font-weight:600;cursor:pointer}"
    ".alert{background:#fee2e2;color:#7f1d1d;border-radius:6px;padding:.5rem .75rem}"
    ".note{font-size:.875rem;color:#52525b}"
    "@media(prefers-color-scheme:dark){body{background:#18181b;color:#f4f4f5}main{background:#"
    "27272a;"
    "border-color:#3f3f46}.note{color:#a1a1aa}}";

static void head(struct buf *out, struct text domain, const char *title)
{
    buf_str(out, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
                 "content=\"width=device-width\"><title>");
    buf_str(out, title);
    buf_str(out, " – ");
    html_escape(out, domain);
    buf_str(out, "</title><style>");
    buf_str(out, style);
    buf_str(out, "</style><main><h1>");
    buf_str(out, title);
    buf_str(out, "</h1>");
}

static void password_fields(struct buf *out)
{
    buf_str(
        out,
        "<label>User name<input name=\"user\" autocomplete=\"username\" autofocus required></label>"
        "<label>Password<input name=\"password\" type=\"password\" "
        "autocomplete=\"current-password\" required></label>");
}

/* Also a recovery code: more than six digits. */
static void code_field(struct buf *out, struct text name)
{
    buf_str(out, "<p>Show a one-time password of your authenticator app as <b>");
    html_escape(out, name);
    buf_str(out, "</b>, or one of your recovery codes.</p><label>Code<input name=\"code\" "
                 "inputmode=\"numeric\" autocomplete=\"one-time-code\" autofocus "
                 "required></label>");
}

static void end_form(struct buf *out, const struct loginpage *page)
{
    buf_str(out, "<button>Allow</button></form><p class=\"note\" style=\"margin:1rem 0 0\">Go on "
                 "only if you have just typed ");
    buf_str(out, page->change ? "that command" : "<code>npm login</code>");
    buf_str(out, " yourself.</p></main>");
}

void loginpage_form(struct buf *out, const struct loginpage *page)
{
    head(out, page->domain, page->change ? "Confirm a change" : "Log in to npm");
    if (page->alert.base != NULL) {
        buf_str(out, "<p class=\"alert\" role=\"alert\">");
        html_escape(out, page->alert);
        buf_str(out, "</p>");
    }
    buf_str(out, "<p>npm at <b>");
    html_escape(out, page->peer);
    buf_str(out, page->change ? "</b> asks to change a package in your name.</p>"
                              : "</b> asks to read and publish packages in your name.</p>");
    buf_str(out, "<form method=\"post\">");
    if (page->code.base != NULL) {
        code_field(out, page->code);
    } else if (page->user.base != NULL) {
        buf_str(out, "<p>You are <b>");
        html_escape(out, page->user);
        buf_str(out, "</b>.</p><input type=\"hidden\" name=\"use\" value=\"session\">");
    } else {
        password_fields(out);
    }
    end_form(out, page);
}

void loginpage_end(struct buf *out, struct text domain, const char *title, const char *sentence)
{
    head(out, domain, title);
    buf_str(out, "<p>");
    buf_str(out, sentence);
    buf_str(out, "</p></main>");
}
