/* engine_credits_test - credits and levels of wallets under the engine: calls and usage take from them, and after each
 * story the whole ledger is replayed. */
#include "../../../src/charge/batch_credits.c"

#include "calls_fixture.h"
#include "charge/verify.h"

static struct tg_id wallet;

static void on_difference(const struct tg_verify_difference *d, void *arg)
{
    (void)arg;
    ok(false, "%s: %s", d->check, d->text);
}

static void books_are_right(void)
{
    struct tg_verify_counts counts;
    struct tg_err err = {0};
    ok(tg_verify_ledger(world.conn, on_difference, NULL, &counts, &err) == 0, "%s", err.text);
}

/* The company's wallet with nothing in it. */
static void wallet_begin(void)
{
    begin();
    DB_INT("DELETE FROM credits");
    DB_INT("DELETE FROM credit_draws");
    wallet = tg_id_new();
    const struct tg_dbval values[] = {TG_DBVAL_ID(world.other), TG_DBVAL_ID(wallet)};
    db_int("INSERT INTO wallets (company_id, id, currency, created_at) VALUES (?, ?, 'USD', NOW())", values, 2);
}

/* Money comes in; the entry. */
static struct tg_id post(const char *amount)
{
    const struct tg_id entry = tg_id_new();
    const struct tg_dbval head[] = {TG_DBVAL_ID(world.other), TG_DBVAL_ID(entry)};
    db_int("INSERT INTO ledger_entries (company_id, id, kind, created_at) VALUES (?, ?, 'wallet.topped_up', NOW())",
           head, 2);
    const struct tg_dbval balance[] = {TG_DBVAL_STR(amount), TG_DBVAL_ID(wallet)};
    db_int("UPDATE wallets SET balance = balance + ?, version = version + 1 WHERE id = ?", balance, 2);
    const struct tg_dbval in[] = {TG_DBVAL_ID(entry), TG_DBVAL_STR(amount), TG_DBVAL_ID(wallet)};
    db_int("INSERT INTO ledger_postings SELECT company_id, ?, 0, 'wallet', id, 'USD', ?, balance FROM wallets"
           " WHERE id = ?",
           in, 3);
    const struct tg_dbval out[] = {TG_DBVAL_ID(world.other), TG_DBVAL_ID(entry), TG_DBVAL_STR(amount)};
    db_int("INSERT INTO ledger_postings VALUES (?, ?, 1, 'clearing', NULL, 'USD', -CAST(? AS DECIMAL(38,12)), NULL)",
           out, 3);
    return entry;
}

static void grant(const char *amount, int64_t expires_us)
{
    const struct tg_id entry = post(amount);
    const struct tg_dbval values[] = {TG_DBVAL_ID(world.other), TG_DBVAL_ID(tg_id_new()), TG_DBVAL_ID(wallet),
                                      TG_DBVAL_STR(amount),     TG_DBVAL_STR(amount),     TG_DBVAL_TIME(expires_us),
                                      TG_DBVAL_ID(entry),       TG_DBVAL_TIME(expires_us)};
    db_int("INSERT INTO credits (company_id, id, wallet_id, kind, granted, remaining, expires_at, entry_id, created_at)"
           " VALUES (?, ?, ?, 'promotion', ?, ?, ?, ?, ?)",
           values, 8);
    db_int("UPDATE wallets SET has_credits = 1 WHERE id = ?", &TG_DBVAL_ID(wallet), 1);
}

#define HOUR_US (INT64_C(3600) * 1000000)
#define SOON (tg_clock_now_us() + HOUR_US)
#define GONE (tg_clock_now_us() - HOUR_US)

static const char *remaining(void)
{
    return DB_TEXT("SELECT SUM(remaining) FROM credits");
}

static const char *entries(void)
{
    return DB_TEXT("SELECT GROUP_CONCAT(kind ORDER BY id SEPARATOR ' ') FROM ledger_entries");
}

TEST(calls_and_usage_take_from_credits_first)
{
    wallet_begin();
    post("1");
    grant("0.05", SOON);
    contains(authorize(world.other, "a", "+442079460000"), "\"allow\"");
    contains(renew(world.other, "a", 1, 40), "\"continue\"");
    is_str(remaining(), "0.03");
    contains(settle(world.other, "a", 90000), "\"amount\":\"0.045\"");
    is_str(remaining(), "0.005");
    contains(ask(engine, loop, world.other, call_event("u1", NULL, "+12125550100", "61")), "\"accepted\":1");
    is_str(remaining(), "0");
    is_str(purse_of(world.other), "balance 0.981 held 0 open 0");
    is_int(DB_INT("SELECT has_credits FROM wallets"), 0);
    is_int(DB_INT("SELECT COUNT(*) FROM credit_draws"), 3);
    books_are_right();
    end();
}

TEST(calls_and_usage_of_one_batch_draw_for_their_own_entries)
{
    struct asked a[2];
    struct request usage;
    wallet_begin();
    grant("0.04", SOON);
    contains(authorize(world.other, "a", "+442079460000"), "\"allow\"");
    lock_wallet(world.other);
    submit_settle(&a[0], world.other, "a", 60000);
    ok(request_submit(&usage, engine, loop, world.other, NULL, call_event("u2", NULL, "+12125550100", "60")), "taken");
    unlock_wallet();
    asked_wait(&a[0]);
    request_wait(&usage, loop);
    request_end(&usage);
    is_str(entries(), "wallet.topped_up calls.charged usage.charged");
    is_str(DB_TEXT("SELECT GROUP_CONCAT(amount ORDER BY entry_id) FROM credit_draws"), "0.030000000000,0.010000000000");
    is_str(purse_of(world.other), "balance -0.002 held 0 open 0");
    books_are_right();
    end();
}

TEST(what_has_expired_allows_no_call)
{
    wallet_begin();
    grant("1", GONE);
    contains(authorize(world.other, "a", "+442079460000"), "\"deny\",\"reason\":\"insufficient_funds\"");
    is_str(purse_of(world.other), "balance 0 held 0 open 0");
    is_str(entries(), "wallet.topped_up credit.expired");
    contains(authorize(world.other, "b", "+442079460000"), "\"deny\"");
    is_str(entries(), "wallet.topped_up credit.expired");
    books_are_right();
    end();
}

TEST(what_expires_during_a_call_pays_for_it_and_is_broken_afterwards)
{
    wallet_begin();
    grant("0.05", SOON);
    contains(authorize(world.other, "a", "+442079460000"), "\"amount\":\"0.03\"");
    DB_INT("UPDATE credits SET expires_at = '2020-01-01'");
    contains(renew(world.other, "a", 1, 20), "\"charged\":{\"amount\":\"0.01\""); /* 0.02 were not held: broken */
    is_str(purse_of(world.other), "balance 0.02 held 0.02 open 1");
    is_str(remaining(), "0.02");
    contains(settle(world.other, "a", 30000), "\"amount\":\"0.015\"");
    is_str(purse_of(world.other), "balance 0.015 held 0 open 0");
    contains(authorize(world.other, "b", "+442079460000"), "insufficient_funds");
    is_str(purse_of(world.other), "balance 0 held 0 open 0");
    is_str(remaining(), "0");
    books_are_right();
    end();
}

TEST(what_a_renewal_took_too_much_goes_back_to_the_credit)
{
    wallet_begin();
    post("1");
    grant("0.03", SOON);
    contains(authorize(world.other, "a", "+442079460000"), "\"allow\"");
    contains(renew(world.other, "a", 1, 60), "\"continue\"");
    is_str(remaining(), "0");
    is_int(DB_INT("SELECT has_credits FROM wallets"), 0);
    contains(settle(world.other, "a", 20000), "\"amount\":\"0.01\"");
    is_str(remaining(), "0.02");
    is_int(DB_INT("SELECT has_credits FROM wallets"), 1);
    is_str(purse_of(world.other), "balance 1.02 held 0 open 0");
    books_are_right();
    end();
}

TEST(a_balance_that_leaves_its_band_leaves_a_job)
{
    wallet_begin();
    post("1");
    DB_INT("UPDATE wallets SET alert_below = 0.98, alert_above = 5");
    contains(authorize(world.other, "a", "+442079460000"), "\"allow\"");
    contains(settle(world.other, "a", 40000), "\"amount\":\"0.02\"");
    is_int(DB_INT("SELECT COUNT(*) FROM jobs"), 0);
    contains(authorize(world.other, "b", "+442079460000"), "\"allow\"");
    contains(settle(world.other, "b", 2000), "\"amount\":\"0.001\"");
    contains(ask(engine, loop, world.other, call_event("u3", NULL, "+442079460000", "2")), "\"accepted\":1");
    is_int(DB_INT("SELECT COUNT(*) FROM jobs WHERE handler = 'wallets.jobs:levels'"), 1);
    books_are_right();
    end();
}

/* --- whatever happens in whatever order --------------------------------------------------------------------------- */

static uint32_t seed = 20261122;

static uint32_t dice(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static void step(uint32_t n)
{
    char call[16], text[32];
    snprintf(call, sizeof(call), "p-%u", dice(5) + n / 40 * 5);
    switch (dice(12)) {
    case 0:
        snprintf(text, sizeof(text), "0.%03u", 50 + dice(300));
        grant(text, dice(3) == 0 ? GONE : SOON);
        break;
    case 1: DB_INT("UPDATE credits SET expires_at = '2020-01-01' WHERE remaining > 0 ORDER BY id LIMIT 1"); break;
    case 2:
        snprintf(text, sizeof(text), "p-%u", n);
        (void)ask(engine, loop, world.other, call_event(text, NULL, "+442079460000", dice(2) == 0 ? "7" : "31"));
        break;
    case 3:
    case 4:
    case 5: (void)authorize(world.other, call, "+442079460000"); break;
    case 6:
    case 7:
    case 8: (void)renew(world.other, call, n + 1, dice(120)); break;
    default: (void)settle(world.other, call, dice(60000)); break;
    }
}

TEST(the_books_are_right_after_any_steps_in_any_order)
{
    wallet_begin();
    post("0.5");
    for (uint32_t n = 0; n < 240; n++) {
        step(n);
        if (n % 20 == 19)
            books_are_right();
    }
    ok(DB_INT("SELECT COUNT(*) FROM credit_draws WHERE amount < 0") > 0, "something went back");
    ok(DB_INT("SELECT COUNT(*) FROM ledger_entries WHERE kind = 'credit.expired'") > 0, "something expired");
    ok(DB_INT("SELECT COUNT(*) FROM calls WHERE state = 'settled' AND debited <> 0") > 0,
       "calls were renewed and ended");
    printf("# %s\n",
           DB_TEXT(
               "SELECT CONCAT((SELECT COUNT(*) FROM ledger_entries), ' entries, ', (SELECT COUNT(*) FROM credit_draws),"
               " ' draws, ', COUNT(*), ' calls, ', SUM(charge < debited), ' of them refunded') FROM calls"));
    end();
}

TAP_MAIN()
