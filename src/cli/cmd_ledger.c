/* cmd_ledger - `tollgate ledger verify`. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "charge/chain.h"
#include "charge/verify.h"
#include "cli/commands.h"
#include "cli/database.h"

static void on_difference(const struct tg_verify_difference *d, void *arg)
{
    char company[TG_ID_TEXT_SIZE], object[TG_ID_TEXT_SIZE];
    (void)arg;
    tg_id_format(d->company, "co", company);
    tg_id_format(d->object, d->prefix, object);
    printf("%s %s %s: %s\n", d->check, company, object, d->text);
}

static void on_link(const struct tg_chain_difference *d, void *arg)
{
    char company[TG_ID_TEXT_SIZE];
    (void)arg;
    tg_id_format(d->company, "co", company);
    printf("ledger_chain %s link %" PRIu64 ": %s\n", company, d->seq, d->text);
}

static void on_head(const struct tg_chain_head *head, void *arg)
{
    char company[TG_ID_TEXT_SIZE], hash[2 * TG_SHA256_LEN + 1];
    (void)arg;
    tg_id_format(head->company, "co", company);
    tg_hex(head->hash, sizeof(head->hash), hash);
    printf("head %s %" PRIu64 " %s\n", company, head->seq, hash);
}

static void print_counts(const struct tg_verify_counts *counts, const struct tg_chain_counts *chain)
{
    printf("%" PRIu64 " links seal %" PRIu64 " entries, %" PRIu64 " wait\n", chain->links, chain->rows, chain->waiting);
    printf("%" PRIu64 " entries, %" PRIu64 " postings, %" PRIu64 " wallets, %" PRIu64 " usage events: %" PRIu64
           " differences\n",
           counts->entries, counts->postings, counts->wallets, counts->usage_events, counts->differences);
}

static void print_json(const struct tg_verify_counts *counts, const struct tg_chain_counts *chain)
{
    json_t *out = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "entries", (json_int_t)counts->entries,
                            "postings", (json_int_t)counts->postings, "wallets", (json_int_t)counts->wallets,
                            "usage_events", (json_int_t)counts->usage_events, "links", (json_int_t)chain->links,
                            "sealed", (json_int_t)chain->rows, "waiting", (json_int_t)chain->waiting, "differences",
                            (json_int_t)counts->differences);
    char *text = json_dumps(out, JSON_COMPACT);
    puts(text);
    free(text);
    json_decref(out);
}

static int run_verify(const struct tg_args *args)
{
    struct tg_dburl url;
    struct tg_err err;
    struct tg_verify_counts counts;
    struct tg_chain_counts chain;
    if (tg_database_url(args, false, &url) != 0)
        return TG_EXIT_FAILED;
    struct tg_sqlconn *conn = tg_sqlconn_new(&url);
    int rc = tg_verify_ledger(conn, on_difference, NULL, &counts, &err);
    if (rc == 0)
        rc = tg_chain_verify(&tg_chain_ledger, conn, on_link, tg_args_has(args, "heads") ? on_head : NULL, NULL, &chain,
                             &err);
    tg_sqlconn_free(&conn);
    tg_dburl_deinit(&url);
    if (rc != 0)
        return tg_cli_fail(args, "%s", err.text);
    counts.differences += chain.differences;
    (tg_args_has(args, "json") ? print_json : print_counts)(&counts, &chain);
    return counts.differences == 0 ? TG_EXIT_OK : TG_EXIT_PARTLY;
}

static const struct tg_option options[] = {
    {"heads", NULL, "also print the end of each company's chain: company, number, hash"},
    {"json", NULL, "end with one line of JSON on stdout"},
    TG_DATABASE_OPTIONS,
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_ledger_verify = {
    "ledger verify",
    "",
    0,
    0,
    "Replays the ledger and compares it with every balance and with the chain it was sealed by",
    "Postings sum to zero, a wallet's balance is the sum of its postings, a charge is the sum of the usage or of the "
    "calls it is for, a correction is the difference that it makes, a wallet holds what its open calls hold, what "
    "remains of a credit or of free seconds is what was not used. Each company's entries are sealed every minute by a "
    "hash over them and over the seal before: found is what was changed, added or taken away since. The server may run "
    "meanwhile. Exit code 3 when something differs; each difference is a line. That the end of a chain is missing "
    "together with its entries shows only a comparison with a head that was kept elsewhere: --heads, or ledger_sealed "
    "in the server's log.",
    options,
    run_verify};
