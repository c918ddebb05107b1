/* dburl_test - what is a database url and what is not. */
#include "../../../src/io/dburl.c"
#include "tap.h"

TEST(a_whole_url_is_taken_apart_and_decoded)
{
    struct tg_dburl url;
    struct tg_err err = {0};
    is_int(tg_dburl_parse("mysql://us%40er:p%2fa%3Ass@db.example:3307/toll?socket=/run/my%20sql.sock&tls=verify", &url,
                          &err),
           0);
    is_str(url.user, "us@er");
    is_str(url.password, "p/a:ss");
    is_str(url.host, "db.example");
    is_int(url.port, 3307);
    is_str(url.database, "toll");
    is_str(url.socket, "/run/my sql.sock");
    is_true(url.tls_verify);
    tg_dburl_deinit(&url);
    is_null(url.user);
}

TEST(the_smallest_url_has_defaults)
{
    struct tg_dburl url;
    struct tg_err err = {0};
    is_int(tg_dburl_parse("mysql://u@h/d", &url, &err), 0);
    is_str(url.password, "");
    is_int(url.port, 3306);
    is_null(url.socket);
    is_false(url.tls_verify);
    tg_dburl_deinit(&url);
    is_int(tg_dburl_parse("mysql://u:p@ss@[::1]:33/d", &url, &err), 0);
    is_str(url.password, "p@ss");
    is_str(url.host, "::1");
    is_int(url.port, 33);
    tg_dburl_deinit(&url);
}

TEST(what_is_wrong_is_named_and_the_password_never_shown)
{
    static const struct {
        const char *url, *says;
    } cases[] = {
        {"postgres://u:hunter2@h/d", "mysql://"},
        {"", "mysql://"},
        {"mysql://h/d", "user"},
        {"mysql://:hunter2@h/d", "user"},
        {"mysql://u:hunter2@/d", "host"},
        {"mysql://u:hunter2@h", "/database"},
        {"mysql://u:hunter2@h/", "/database"},
        {"mysql://u:hunter2@h:0/d", "port"},
        {"mysql://u:hunter2@h:65536/d", "port"},
        {"mysql://u:hunter2@h:3x/d", "port"},
        {"mysql://u:hunter2@[::1/d", "]"},
        {"mysql://u:hunter2@[::1]3/d", "port"},
        {"mysql://u:hunter2%4@h/d", "password"},
        {"mysql://u:hunter2%zz@h/d", "password"},
        {"mysql://u:hunter2%00@h/d", "password"},
        {"mysql://u:hunter2@h/d?ssl=1", "ssl"},
        {"mysql://u:hunter2@h/d?tls=maybe", "tls"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_dburl url;
        struct tg_err err = {0};
        tap_case("%s", cases[i].url);
        is_int(tg_dburl_parse(cases[i].url, &url, &err), -1);
        is_int(err.code, TG_ERR_INPUT);
        contains(err.text, cases[i].says);
        is_null(strstr(err.text, "hunter2"));
    }
}

TAP_MAIN()
