/* cmd_audit - `tollgate audit verify`. */
#include <inttypes.h>
#include <stdio.h>

#include "charge/chain.h"
#include "cli/commands.h"
#include "cli/database.h"

static void on_difference(const struct tg_chain_difference *d, void *arg)
{
    char company[TG_ID_TEXT_SIZE];
    (void)arg;
    tg_id_format(d->company, "co", company);
    printf("%s link %" PRIu64 ": %s\n", company, d->seq, d->text);
}

static void on_head(const struct tg_chain_head *head, void *arg)
{
    char company[TG_ID_TEXT_SIZE], hash[2 * TG_SHA256_LEN + 1];
    (void)arg;
    tg_id_format(head->company, "co", company);
    tg_hex(head->hash, sizeof(head->hash), hash);
    printf("head %s %" PRIu64 " %s\n", company, head->seq, hash);
}

static int run_verify(const struct tg_args *args)
{
    struct tg_dburl url;
    struct tg_err err;
    struct tg_chain_counts counts;
    if (tg_database_url(args, false, &url) != 0)
        return TG_EXIT_FAILED;
    struct tg_sqlconn *conn = tg_sqlconn_new(&url);
    int rc = tg_chain_verify(&tg_chain_audit, conn, on_difference, tg_args_has(args, "heads") ? on_head : NULL, NULL,
                             &counts, &err);
    tg_sqlconn_free(&conn);
    tg_dburl_deinit(&url);
    if (rc != 0)
        return tg_cli_fail(args, "%s", err.text);
    printf("%" PRIu64 " companies, %" PRIu64 " links, %" PRIu64 " rows, %" PRIu64 " waiting: %" PRIu64 " differences\n",
           counts.companies, counts.links, counts.rows, counts.waiting, counts.differences);
    return counts.differences == 0 ? TG_EXIT_OK : TG_EXIT_PARTLY;
}

static const struct tg_option options[] = {
    {"heads", NULL, "Also print the end of each chain: company, number, hash"},
    TG_DATABASE_OPTIONS,
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_audit_verify = {
    "audit verify",
    "",
    0,
    0,
    "Compares the audit log with the chain it was sealed by",
    "Each company's rows are sealed every minute by a hash over them and over the seal before. Found is what was "
    "changed, added or taken away since. The server may run meanwhile. Exit code 3 when something differs; each "
    "difference is a line. That the end of a chain is missing together with its rows shows only a comparison with a "
    "head that was kept elsewhere: --heads, or audit_sealed in the server's log.",
    options,
    run_verify};
