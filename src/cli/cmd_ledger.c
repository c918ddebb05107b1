/* cmd_ledger - `tollgate ledger verify`. */
#include <inttypes.h>
#include <stdio.h>

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

static int run_verify(const struct tg_args *args)
{
    struct tg_dburl url;
    struct tg_err err;
    struct tg_verify_counts counts;
    if (tg_database_url(args, false, &url) != 0)
        return TG_EXIT_FAILED;
    struct tg_sqlconn *conn = tg_sqlconn_new(&url);
    int rc = tg_verify_ledger(conn, on_difference, NULL, &counts, &err);
    tg_sqlconn_free(&conn);
    tg_dburl_deinit(&url);
    if (rc != 0)
        return tg_cli_fail(args, "%s", err.text);
    printf("%" PRIu64 " entries, %" PRIu64 " postings, %" PRIu64 " wallets, %" PRIu64 " usage events: %" PRIu64
           " differences\n",
           counts.entries, counts.postings, counts.wallets, counts.usage_events, counts.differences);
    return counts.differences == 0 ? TG_EXIT_OK : TG_EXIT_PARTLY;
}

static const struct tg_option options[] = {
    TG_DATABASE_OPTIONS,
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_ledger_verify = {
    "ledger verify",
    "",
    0,
    0,
    "Replays the ledger and compares it with every balance",
    "Postings sum to zero, a wallet's balance is the sum of its postings, a usage charge is the sum of its events. The "
    "server may run meanwhile. Exit code 3 when something differs; each difference is a line.",
    options,
    run_verify};
