/* levels_test - a balance that leaves its band leaves one job, in the transaction that moved it. */
#include "../../../src/charge/levels.c"

#include "fixture.h"

static struct tg_decimal dec(const char *text)
{
    struct tg_decimal d = {0};
    struct tg_err err;
    ok(tg_decimal_parse(text, strlen(text), &d, &err) == 0, "%s is a decimal", text);
    return d;
}

TEST(a_band_holds_its_lower_end_and_not_its_upper)
{
    const struct tg_levels_band endless = {0}, band = {true, true, dec("5"), dec("20")};
    ok(!tg_levels_is_outside(&endless, dec("-1000")), "without levels nothing is crossed");
    ok(tg_levels_is_outside(&band, dec("4.999999999999")), "below");
    ok(!tg_levels_is_outside(&band, dec("5")), "the lower end");
    ok(!tg_levels_is_outside(&band, dec("19.999999999999")), "within");
    ok(tg_levels_is_outside(&band, dec("20")), "the upper end");
    const struct tg_levels_band open = tg_levels_band(&TG_DBVAL_NULL, &TG_DBVAL_DEC(dec("0")));
    ok(!tg_levels_is_outside(&open, dec("-1")) && tg_levels_is_outside(&open, dec("0")), "NULL is no end");
}

static void leave(const struct tg_levels_left *left, size_t n)
{
    struct tg_err err = {0};
    ok(tg_sqlconn_begin(world.conn, &err) == 0, "%s", err.text);
    ok(tg_levels_write(world.conn, left, n, tg_clock_now_us(), &err) == 0, "%s", err.text);
    ok(tg_sqlconn_commit(world.conn, &err) == 0, "%s", err.text);
}

TEST(one_job_until_it_has_looked)
{
    world_begin();
    const struct tg_levels_left left[] = {
        {.company = world.client, .wallet = tg_id_new()},
        {.company = world.other, .wallet = tg_id_new()},
    };
    leave(left, 2);
    leave(left, 2);
    is_int(DB_INT("SELECT COUNT(*) FROM jobs WHERE handler = 'wallets.jobs:levels' AND state = 'ready'"), 2);
    char company[TG_ID_TEXT_SIZE], wallet[TG_ID_TEXT_SIZE], want[200];
    tg_id_format(left[1].company, "co", company);
    tg_id_format(left[1].wallet, "wal", wallet);
    snprintf(want, sizeof(want), "levels:%s", wallet);
    is_str(db_text("SELECT unique_key FROM jobs WHERE company_id = ?", &TG_DBVAL_ID(world.other), 1), want);
    snprintf(want, sizeof(want), "{\"company\":\"%s\",\"wallet\":\"%s\"}", company, wallet);
    is_str(db_text("SELECT arguments FROM jobs WHERE company_id = ?", &TG_DBVAL_ID(world.other), 1), want);

    DB_INT("UPDATE jobs SET unique_key = NULL, state = 'running'"); /* it has looked */
    leave(left, 1);
    is_int(DB_INT("SELECT COUNT(*) FROM jobs WHERE handler = 'wallets.jobs:levels'"), 3);
    leave(left, 0);
}

TAP_MAIN()
