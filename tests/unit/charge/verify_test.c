/* verify_test - each kind of damage, planted in a good ledger, is found and named. */
#include "../../../src/charge/verify.c"

#include "fixture.h"

struct found {
    char check[40], text[400];
    struct tg_id company;
    const char *prefix;
    int n;
};

static void on_found(const struct tg_verify_difference *d, void *arg)
{
    struct found *found = arg;
    if (found->n++ > 0)
        return;
    snprintf(found->check, sizeof(found->check), "%s", d->check);
    snprintf(found->text, sizeof(found->text), "%s", d->text);
    found->company = d->company;
    found->prefix = d->prefix;
}

static struct found verify(void)
{
    struct found found = {.n = 0};
    struct tg_verify_counts counts = {0};
    struct tg_err err = {0};
    ok(tg_verify_ledger(world.conn, on_found, &found, &counts, &err) == 0, "%s", err.text);
    is_int(counts.differences, found.n);
    is_int(counts.postings, 2 * counts.entries);
    return found;
}

static void charge_some(void)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    char body[2000];
    snprintf(body, sizeof(body), "[%s,%s,%s]", call_event("v1", &world.client, "+12125550100", "61"),
             call_event("v2", &world.client, "+12125550100", "10"),
             call_event("v3", &world.other, "+442079460000", "10"));
    contains(ask(engine, loop, world.platform, body), "\"accepted\":3");
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(a_good_ledger_has_no_differences)
{
    charge_some();
    is_int(verify().n, 0);
    is_int(DB_INT("SELECT COUNT(*) FROM ledger_entries"), 2);
}

TEST(planted_damage_is_found_and_named)
{
    static const struct {
        const char *damage, *check, *text, *prefix, *repair;
    } cases[] = {
        {"UPDATE wallets SET balance = balance + 0.000000000001 WHERE balance = -0.036", "wallet_balance",
         "the postings give a balance of -0.036, the wallet says -0.035999999999", "wal",
         "UPDATE wallets SET balance = balance - 0.000000000001 WHERE balance < -0.03"},
        {"UPDATE wallets SET version = version + 1", "wallet_version",
         "1 entries touched the wallet, its version says 2", "wal", "UPDATE wallets SET version = version - 1"},
        {"UPDATE ledger_postings SET amount = amount + 1 WHERE account = 'revenue' AND amount = 0.005", "entry_balance",
         "should sum to 0, and sum to 1 USD", "ent",
         "UPDATE ledger_postings SET amount = amount - 1 WHERE account = 'revenue' AND amount = 1.005"},
        {"UPDATE usage_events SET amount = amount + 0.01 WHERE event_id = 'v2'", "usage_charge",
         "its events cost 0.046 for 2, the entry charges 0.036 for 2", "ent",
         "UPDATE usage_events SET amount = amount - 0.01 WHERE event_id = 'v2'"},
        {"UPDATE ledger_entries SET event_count = 3 WHERE event_count = 2", "usage_charge", "0.036 for 3", "ent",
         "UPDATE ledger_entries SET event_count = 2 WHERE event_count = 3"},
        {"UPDATE usage_events SET entry_id = REVERSE(entry_id) WHERE event_id = 'v3'", "usage_charge",
         "its events cost 0 for 0, the entry charges 0.005 for 1", "ent",
         "UPDATE usage_events SET entry_id = REVERSE(entry_id) WHERE event_id = 'v3'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        DB_INT(cases[i].damage);
        const struct found found = verify();
        ok(found.n > 0, "case %zu is found", i);
        is_str(found.check, cases[i].check);
        contains(found.text, cases[i].text);
        is_str(found.prefix, cases[i].prefix);
        DB_INT(cases[i].repair);
        is_int(verify().n, 0);
    }
}

TEST(what_cannot_be_read_is_an_error_and_no_verdict)
{
    struct tg_dburl url = world.url;
    url.database = "tollgate_nowhere";
    struct tg_sqlconn *conn = tg_sqlconn_new(&url);
    struct tg_verify_counts counts;
    struct tg_err err = {0};
    is_int(tg_verify_ledger(conn, on_found, NULL, &counts, &err), -1);
    ok(err.code != TG_ERR_NONE, "it says why");
    tg_sqlconn_free(&conn);
}

TAP_MAIN()
