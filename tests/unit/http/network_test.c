#include "http/network.h"

#include "tests/unit/unit.h"

static const struct {
    const char *network, *address;
    bool parses, has;
} table[] = {
    {"10.0.0.0/8", "10.255.1.2", true, true},
    {"10.0.0.0/8", "11.0.0.1", true, false},
    {"10.0.0.0/8", "::ffff:10.1.2.3", true, true},
    {"::ffff:10.0.0.0/104", "10.9.9.9", true, true},
    {"::ffff:10.0.0.0/104", "11.9.9.9", true, false},
    {"10.1.2.3", "10.1.2.3", true, true},
    {"10.1.2.3", "10.1.2.4", true, false},
    {"10.1.2.3/32", "10.1.2.3", true, true},
    {"10.1.2.3/31", "10.1.2.2", true, true},
    {"10.1.2.3/31", "10.1.2.4", true, false},
    {"0.0.0.0/0", "255.255.255.255", true, true},
    {"0.0.0.0/0", "2001:db8::1", true, false},
    {"::/0", "2001:db8::1", true, true},
    {"::/0", "10.0.0.1", true, true},
    {"2001:db8::/32", "2001:db8:ffff::1", true, true},
    {"2001:db8::/32", "2001:db9::1", true, false},
    {"2001:db8::/33", "2001:db8:8000::1", true, false},
    {"2001:db8::1", "2001:db8:0:0:0:0:0:1", true, true},
    {"10.0.0.0/33", "", false, false},
    {"10.0.0.0/-1", "", false, false},
    {"10.0.0.0/08", "", false, false},
    {"10.0.0.0/", "", false, false},
    {"10.0.0.0/8/8", "", false, false},
    {"10.0.0.0/ 8", "", false, false},
    {" 10.0.0.0/8", "", false, false},
    {"10.0.0/8", "", false, false},
    {"010.0.0.1", "", false, false},
    {"256.0.0.1", "", false, false},
    {"2001:db8::/129", "", false, false},
    {"2001:db8::1%eth0", "", false, false},
    {"[2001:db8::1]", "", false, false},
    {"localhost", "", false, false},
    {"", "", false, false},
    {"/8", "", false, false},
    {"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", "", false, false},
};

static void a_range_is_read_strictly_and_holds_what_it_says(void **state)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct network network;
        unsigned char address[16];
        bool parses = network_parse(text_of(table[i].network), &network);
        if (parses != table[i].parses)
            fail_msg("%s: %s", table[i].network, parses ? "was taken" : "was refused");
        if (!parses)
            continue;
        assert_true(network_address(text_of(table[i].address), address));
        if (network_has(&network, address) != table[i].has)
            fail_msg("%s and %s", table[i].network, table[i].address);
    }
}

static void an_address_with_something_around_it_is_none(void **state)
{
    static const char *const bad[] = {"10.0.0.1:80", "10.0.0.1 ", "unix", "", "::1/128", "::g"};
    unsigned char address[16];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(network_address(text_of(bad[i]), address));
    assert_false(network_address(text_n("10.0.0.1\0x", 10), address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_is_read_strictly_and_holds_what_it_says),
        cmocka_unit_test(an_address_with_something_around_it_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
