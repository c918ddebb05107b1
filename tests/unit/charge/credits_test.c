/* credits_test - what is taken from a wallet is taken from its credits first, exactly. */
#include "../../../src/charge/credits.c"

#include <jansson.h>

#include "fixture.h"

#define DAY_US (INT64_C(86400) * 1000000)

static struct tg_credits *credits;
static struct tg_id wallet; /* of world.client */
static int64_t now_us;

static struct tg_decimal dec(const char *text)
{
    struct tg_decimal d = {0};
    struct tg_err err;
    if (tg_decimal_parse(text, strlen(text), &d, &err) != 0)
        printf("Bail out! %s: %s\n", text, err.text);
    return d;
}

/* A wallet with this balance and no credits; everything before is forgotten. */
static void wallet_begin(const char *balance)
{
    world_begin();
    if (credits == NULL)
        credits = tg_credits_new();
    tg_credits_forget(credits);
    now_us = tg_clock_now_us();
    wallet = tg_id_new();
    static const char *const tables[] = {"DELETE FROM wallets",         "DELETE FROM credits",
                                         "DELETE FROM credit_draws",    "DELETE FROM ledger_entries",
                                         "DELETE FROM ledger_postings", "DELETE FROM call_debits"};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        DB_INT(tables[i]);
    const struct tg_dbval values[] = {TG_DBVAL_ID(world.client), TG_DBVAL_ID(wallet), TG_DBVAL_DEC(dec(balance)),
                                      TG_DBVAL_TIME(now_us)};
    db_int("INSERT INTO wallets (company_id, id, currency, balance, has_credits, created_at)"
           " VALUES (?, ?, 'USD', ?, 1, ?)",
           values, 4);
}

/* A credit known by its note. days: until it expires, negative: since, 0: never. */
static struct tg_id grant(const char *note, int priority, const char *amount, int days)
{
    const struct tg_id id = tg_id_new();
    const struct tg_dbval values[] = {TG_DBVAL_ID(world.client),
                                      TG_DBVAL_ID(id),
                                      TG_DBVAL_ID(wallet),
                                      TG_DBVAL_INT(priority),
                                      TG_DBVAL_DEC(dec(amount)),
                                      TG_DBVAL_DEC(dec(amount)),
                                      days == 0 ? TG_DBVAL_NULL : TG_DBVAL_TIME(now_us + days * DAY_US),
                                      TG_DBVAL_STR(note),
                                      TG_DBVAL_ID(id),
                                      TG_DBVAL_TIME(now_us)};
    db_int("INSERT INTO credits (company_id, id, wallet_id, kind, priority, granted, remaining, expires_at, note,"
           " entry_id, created_at) VALUES (?, ?, ?, 'promotion', ?, ?, ?, ?, ?, ?, ?)",
           values, 10);
    return id;
}

static void load(void)
{
    struct tg_err err = {0};
    is_int(tg_credits_add(credits, world.client, wallet, "USD"), 0);
    ok(tg_credits_load(credits, world.conn, &err) == 0, "%s", err.text);
}

static void write_all(void)
{
    struct tg_err err = {0};
    ok(tg_sqlconn_begin(world.conn, &err) == 0, "%s", err.text);
    ok(tg_credits_write(credits, world.conn, now_us, &err) == 0, "%s", err.text);
    ok(tg_sqlconn_commit(world.conn, &err) == 0, "%s", err.text);
    tg_credits_forget(credits);
}

/* "first 3, second 5.5" by note; what is used up is left out. */
static const char *remaining(void)
{
    return DB_TEXT("SELECT COALESCE(GROUP_CONCAT(note, ' ', TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM remaining))"
                   " ORDER BY note SEPARATOR ', '), '') FROM credits WHERE remaining > 0");
}

static struct tg_id take(const char *amount)
{
    const struct tg_id entry = tg_id_new();
    load();
    tg_credits_draw(credits, 0, entry, dec(amount));
    write_all();
    return entry;
}

TEST(by_priority_then_expiry_then_id)
{
    wallet_begin("100");
    grant("e never", 1, "5", 0);
    grant("c later", 1, "5", 9);
    grant("b sooner", 1, "5", 8);
    grant("a urgent", 0, "5", 0);
    grant("d later, too", 1, "5", 9);
    take("7");
    is_str(remaining(), "b sooner 3, c later 5, d later, too 5, e never 5");
    take("3.000000000001");
    is_str(remaining(), "c later 4.999999999999, d later, too 5, e never 5");
    take("6");
    is_str(remaining(), "d later, too 3.999999999999, e never 5");
    is_int(DB_INT("SELECT has_credits FROM wallets"), 1);
    take("1000");
    is_str(remaining(), "");
    is_int(DB_INT("SELECT has_credits FROM wallets"), 0);
    is_int(DB_INT("SELECT COUNT(*) FROM credits d WHERE d.remaining <> d.granted -"
                  " (SELECT SUM(t.amount) FROM credit_draws t WHERE t.credit_id = d.id)"),
           0);
    is_int(DB_INT("SELECT COUNT(*) FROM credit_draws"), 8);
    is_int(DB_INT("SELECT COUNT(*) FROM ledger_entries"), 0);
}

TEST(what_is_not_moved_is_not_written)
{
    wallet_begin("10");
    load();
    write_all();
    is_int(DB_INT("SELECT has_credits FROM wallets"), 0);
    grant("a", 0, "5", 0);
    DB_INT("UPDATE wallets SET has_credits = 1");
    load();
    write_all();
    is_str(remaining(), "a 5");
    is_int(DB_INT("SELECT COUNT(*) FROM credit_draws"), 0);
    tg_credits_forget(credits);
    struct tg_err err = {0};
    ok(tg_credits_load(credits, world.conn, &err) == 0 && tg_credits_write(credits, world.conn, now_us, &err) == 0,
       "without wallets nothing is asked and nothing is written");
}

/* What expires of the wallet as it stands, and the entry of it. */
static const char *expire(const char *balance, const char *limit, const char *held)
{
    static char text[TG_DECIMAL_TEXT_SIZE];
    struct tg_decimal broken;
    load();
    const int made = tg_credits_expire(credits, 0, dec(balance), dec(limit), dec(held), now_us, &broken);
    is_int(made, !tg_decimal_is_zero(broken));
    write_all();
    tg_decimal_format(broken, text);
    return text;
}

TEST(what_has_expired_is_broken_by_an_entry_of_its_own)
{
    wallet_begin("30");
    grant("a gone", 0, "4", -1);
    grant("b stays", 0, "5", 1);
    grant("c gone", 0, "6.5", -2);
    is_str(expire("30", "0", "0"), "10.5");
    is_str(remaining(), "b stays 5");
    is_str(DB_TEXT("SELECT GROUP_CONCAT(e.kind, ' ', p.account, ' ', p.amount, ' ', COALESCE(p.balance_after, '')"
                   " ORDER BY p.leg SEPARATOR ', ') FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id"),
           "credit.expired wallet -10.500000000000 19.500000000000, credit.expired breakage 10.500000000000 ");
    is_int(DB_INT("SELECT COUNT(*) FROM credit_draws WHERE entry_id = (SELECT id FROM ledger_entries)"), 2);
    is_str(expire("19.5", "0", "0"), "0");
    is_int(DB_INT("SELECT COUNT(*) FROM ledger_entries"), 1);
}

TEST(a_credit_ends_at_its_instant)
{
    wallet_begin("5");
    grant("a", 0, "5", 1);
    now_us += DAY_US - 1;
    is_str(expire("5", "0", "0"), "0");
    now_us++;
    is_str(expire("5", "0", "0"), "5");
}

TEST(never_what_holds_or_a_debt_need)
{
    static const struct {
        const char *balance, *limit, *held, *broken, *remaining;
    } cases[] = {
        {"10", "0", "10", "0", "a 10"},
        {"10", "0", "4", "6", "a 4"},
        {"10", "0", "12", "0", "a 10"},
        {"10", "20", "12", "10", ""},
        {"3", "0", "0", "3", "a 7"},
        {"-2", "0", "0", "0", "a 10"},
        {"-2", "5", "0", "3", "a 7"},
        {"50", "0", "40", "10", ""},
        {"50", "0", "40.000000000001", "9.999999999999", "a 0.000000000001"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        wallet_begin(cases[i].balance);
        grant("a", 0, "10", -1);
        is_str(expire(cases[i].balance, cases[i].limit, cases[i].held), cases[i].broken);
        is_str(remaining(), cases[i].remaining);
    }
}

TEST(what_a_hold_has_kept_alive_pays_for_its_call)
{
    wallet_begin("10");
    grant("a", 0, "10", -1);
    is_str(expire("10", "0", "10"), "0");
    take("7"); /* the call settles for less than was held */
    is_str(remaining(), "a 3");
    is_str(expire("3", "0", "0"), "3");
    is_str(remaining(), "");
    is_int(DB_INT("SELECT has_credits FROM wallets"), 0);
}

TEST(an_attempt_breaks_and_draws_at_once)
{
    wallet_begin("9");
    grant("a gone", 0, "4", -1);
    grant("b", 0, "5", 1);
    struct tg_decimal broken;
    const struct tg_id entry = tg_id_new();
    load();
    is_int(tg_credits_expire(credits, 0, dec("9"), dec("0"), dec("2"), now_us, &broken), 1);
    ok(tg_decimal_cmp(broken, dec("4")) == 0, "what has expired");
    tg_credits_draw(credits, 0, entry, dec("6"));
    write_all();
    is_str(remaining(), "");
    is_str(db_text("SELECT SUM(amount) FROM credit_draws WHERE entry_id = ?", &TG_DBVAL_ID(entry), 1), "5");
}

static void debit(struct tg_id entry, struct tg_id call)
{
    const struct tg_dbval values[] = {TG_DBVAL_ID(world.client), TG_DBVAL_ID(entry), TG_DBVAL_ID(call)};
    db_int("INSERT INTO call_debits (company_id, entry_id, call_id, seq, amount) VALUES (?, ?, ?, 1, 1)", values, 3);
}

static void give_back(const char *amount, const struct tg_id *calls, size_t n)
{
    struct tg_err err = {0};
    if (DB_INT("SELECT has_credits FROM wallets") != 0)
        load();
    else
        is_int(tg_credits_add(credits, world.client, wallet, "USD"), 0);
    ok(tg_credits_give_back(credits, world.conn, 0, tg_id_new(), dec(amount), calls, n, &err) == 0, "%s", err.text);
    write_all();
}

TEST(what_a_call_has_taken_too_much_goes_back_where_it_came_from)
{
    wallet_begin("20");
    grant("a", 0, "5", 3);
    grant("b", 1, "5", 0);
    grant("c", 2, "5", 0);
    const struct tg_id call = tg_id_new(), stranger = tg_id_new();
    const struct tg_id first = take("4"), second = take("3");
    debit(first, call);
    debit(second, call);
    take("9");
    is_str(remaining(), "");
    is_int(DB_INT("SELECT has_credits FROM wallets"), 0);
    give_back("1", &stranger, 1);
    is_str(remaining(), "");
    give_back("2.5", &call, 1); /* the call drew 5 from a and 2 from b */
    is_str(remaining(), "a 0.5, b 2");
    is_int(DB_INT("SELECT has_credits FROM wallets"), 1);
    is_int(DB_INT("SELECT COUNT(*) FROM credits d WHERE d.remaining <> d.granted -"
                  " (SELECT SUM(t.amount) FROM credit_draws t WHERE t.credit_id = d.id)"),
           0);
    give_back("100", &call, 1);
    is_str(remaining(), "a 5, b 4");
    give_back("100", &call, 1); /* never more than was granted */
    is_str(remaining(), "a 5, b 5");
    take("1");
    is_str(remaining(), "a 4, b 5");
}

TEST(wallets_of_one_attempt_do_not_mix)
{
    wallet_begin("5");
    grant("a", 0, "5", 0);
    const struct tg_id first = wallet;
    wallet = tg_id_new();
    const struct tg_dbval values[] = {TG_DBVAL_ID(world.other), TG_DBVAL_ID(wallet), TG_DBVAL_TIME(now_us)};
    db_int("INSERT INTO wallets (company_id, id, currency, has_credits, created_at) VALUES (?, ?, 'EUR', 1, ?)", values,
           3);
    grant("b", 0, "7", 0);
    DB_INT("UPDATE credits SET company_id = (SELECT company_id FROM wallets w WHERE w.id = wallet_id)");
    struct tg_err err = {0};
    is_int(tg_credits_add(credits, world.other, wallet, "EUR"), 0);
    is_int(tg_credits_add(credits, world.client, first, "USD"), 1);
    ok(tg_credits_load(credits, world.conn, &err) == 0, "%s", err.text);
    tg_credits_draw(credits, 1, tg_id_new(), dec("1"));
    tg_credits_draw(credits, 0, tg_id_new(), dec("7"));
    write_all();
    is_str(remaining(), "a 4");
    is_int(DB_INT("SELECT COUNT(*) FROM wallets WHERE has_credits = (currency = 'USD')"), 2);
}

/* --- the table that lua/ledger/credits.lua is tried on, too -------------------------------------------------------- */

static struct tg_id small_id(json_int_t n)
{
    return (struct tg_id){.bytes = {[15] = (uint8_t)n}};
}

static void plant(const json_t *credit)
{
    const json_t *expires_at = json_object_get(credit, "expires_at");
    const char *left = json_string_value(json_object_get(credit, "remaining"));
    const struct tg_id id = small_id(json_integer_value(json_object_get(credit, "id")));
    const struct tg_dbval values[] = {
        TG_DBVAL_ID(world.client),
        TG_DBVAL_ID(id),
        TG_DBVAL_ID(wallet),
        TG_DBVAL_INT(json_integer_value(json_object_get(credit, "priority"))),
        TG_DBVAL_DEC(dec(left)),
        TG_DBVAL_DEC(dec(left)),
        json_is_null(expires_at) ? TG_DBVAL_NULL : TG_DBVAL_TIME(json_integer_value(expires_at)),
        TG_DBVAL_ID(id),
    };
    db_int("INSERT INTO credits (company_id, id, wallet_id, kind, priority, granted, remaining, expires_at, entry_id,"
           " created_at) VALUES (?, ?, ?, 'promotion', ?, ?, ?, ?, ?, NOW())",
           values, 8);
}

/* What was moved by [from, to) of draws is this list. */
static void moved_is(size_t from, size_t to, const json_t *list, const char *what)
{
    is_int(to - from, json_array_size(list));
    for (size_t i = 0; i < json_array_size(list) && from + i < to; i++) {
        const json_t *want = json_array_get(list, i);
        const struct draw *draw = &credits->draws[from + i];
        ok(tg_id_equal(credits->credits[draw->credit].id, small_id(json_integer_value(json_object_get(want, "id")))) &&
               tg_decimal_cmp(draw->amount, dec(json_string_value(json_object_get(want, "amount")))) == 0,
           "%s %zu", what, i);
    }
}

static void golden_case(const json_t *c)
{
    const json_t *credit;
    size_t i;
    struct tg_decimal broken;
    wallet_begin("0");
    json_array_foreach(json_object_get(c, "credits"), i, credit) plant(credit);
    load();
    now_us = json_integer_value(json_object_get(c, "now"));
    tg_credits_expire(credits, 0, dec(json_string_value(json_object_get(c, "available"))), dec("0"), dec("0"), now_us,
                      &broken);
    const size_t n_broken = credits->n_draws;
    tg_credits_draw(credits, 0, tg_id_new(), dec(json_string_value(json_object_get(c, "take"))));
    printf("# %s\n", json_string_value(json_object_get(c, "name")));
    moved_is(0, n_broken, json_object_get(c, "broken"), "broken");
    moved_is(n_broken, credits->n_draws, json_object_get(c, "draws"), "drawn");
}

TEST(the_golden_cases)
{
    json_t *golden = json_load_file("tests/golden/credits.json", 0, NULL);
    const json_t *c;
    size_t i;
    ok(json_array_size(json_object_get(golden, "cases")) > 5, "there are cases");
    json_array_foreach(json_object_get(golden, "cases"), i, c) golden_case(c);
    json_decref(golden);
    tg_credits_free(&credits);
}

TAP_MAIN()
