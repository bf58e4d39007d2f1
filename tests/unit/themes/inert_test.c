#include "tests/unit/unit.h"

#include "core/pool.h"
#include "themes/inert.h"

static void a_style_sheet_may_name_its_own_files(void **state)
{
    static const char *const good[] = {
        "",
        "a{color:red}",
        "a{background:url(logo.svg)}",
        "a{background:url(\"data:image/png;base64,AA==\")}",
        "@font-face{font-family:x;src:url('x.woff2')}",
        "a::before{content:\"\\f101\"}",
        "a{content:\"\\\"\"} b{margin:0}",
        ".sm\\:x{color:red}",
        "a{color:red}\\",
    };
    struct pool *pool = pool_new();
    struct err err;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_works(inert_css(pool, text_of(good[i]), &err), err);
    pool_free(pool);
}

static void a_style_sheet_that_leads_out_is_refused_however_it_is_written(void **state)
{
    static const char *const bad[] = {
        "@import 'x.css';",
        "@IMPORT url(x.css);",
        "@\\69mport 'x.css';",
        "a{background:url(https://evil.example/x)}",
        "a{background:url( \"//evil.example/x\" )}",
        "a{background:url('/\\\\evil.example/x')}",
        "a{background:url(\\68ttps\\3a//evil.example/x)}",
        "a{background:url(\\000068 ttps:\\2f\\2f evil.example/x)}",
        "a{background:u\\rl(HTTP://evil.example/x)}",
        "a{background:image-set(\"a.png\" 1x, \"//evil.example/x\" 2x)}",
        "a{width:expression (alert(1))}",
        "</style ><script>",
        "a{content:'\xff'}",
    };
    struct pool *pool = pool_new();
    struct err err;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(inert_css(pool, text_of(bad[i]), &err), err, ERR_UNPROCESSABLE, "bad_css");
    pool_free(pool);
}

static void an_image_may_hold_what_is_in_itself(void **state)
{
    static const char *const good[] = {
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\"/>",
        "<svg><use href=\"#a\"/><use xlink:href='#b'/><image "
        "href=\"data:image/png;base64,A\"/></svg>",
        "<svg><style>a{fill:url(#g)}</style><path fill=\"url('#g')\" d=\"M0 0\"/></svg>",
        "<svg><!-- <a onclick=x> --><desc>turned on = 1, one=2</desc></svg>",
        "<svg><a title=\"on = off > on=x\"/></svg>",
    };
    struct err err;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_works(inert_svg(TEXT("a.svg"), text_of(good[i]), &err), err);
}

static void an_image_that_runs_or_leads_out_is_refused(void **state)
{
    static const char *const bad[] = {
        "<p>no image</p>",
        "<svg><script/></svg>",
        "<svg onload=\"x()\"/>",
        "<svg\nONLOAD = 'x()'/>",
        "<svg a=\">\" onload=\"x()\"/>",
        "<svg/onload=\"x()\"/>",
        "<svg a='b'onload='x()'/>",
        "<svg a=b onload=x()>",
        "<svg ev:onload='x()'/>",
        "<svg><a href=\" javascript:x()\"/></svg>",
        "<svg><a href=\"&#106;avascript:x()\"/></svg>",
        "<svg><image href=\"https://evil.example/x\"/></svg>",
        "<svg><image xlink:href='//evil.example/x'/></svg>",
        "<svg><image href=x.png",
        "<svg><path fill=\"url( 'https://evil.example/x#a')\"/></svg>",
        "<svg><style>@import 'x'</style></svg>",
        "<!DOCTYPE svg [<!ENTITY a 'b'>]><svg/>",
        "<svg><foreignObject/></svg>",
        "<svg>\xff</svg>",
    };
    struct err err;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (inert_svg(TEXT("a.svg"), text_of(bad[i]), &err) == 0)
            fail_msg("taken: %s", bad[i]);
        else
            assert_string_equal(err.code, "bad_image");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_style_sheet_may_name_its_own_files),
    cmocka_unit_test(a_style_sheet_that_leads_out_is_refused_however_it_is_written),
    cmocka_unit_test(an_image_may_hold_what_is_in_itself),
    cmocka_unit_test(an_image_that_runs_or_leads_out_is_refused),
};
UNIT_MAIN(tests)
