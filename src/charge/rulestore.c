/* rulestore - the rules' rows in the database: slots, bundles, what nodes report. */
#include "charge/rulestore.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define ALIVE_US INT64_C(10000000)
#define FORGOTTEN_US INT64_C(3600000000)
#define REVISIONS_KEPT 20

/* --- ids ---------------------------------------------------------------------------------------------------------- */

static bool is_id(const char *hex)
{
    uint8_t bytes[TG_SHA256_LEN];
    return strlen(hex) == 2 * sizeof(bytes) && tg_unhex(hex, bytes, sizeof(bytes));
}

/* The column of an id; "" is NULL. */
static struct tg_dbval bind_id(const char *hex, uint8_t bytes[static TG_SHA256_LEN])
{
    if (hex[0] == '\0')
        return TG_DBVAL_NULL;
    if (!tg_unhex(hex, bytes, TG_SHA256_LEN))
        assert(!"an id of ours");
    return TG_DBVAL_BYTES((const char *)bytes, TG_SHA256_LEN);
}

static void read_id(const struct tg_dbval *cell, char hex[static TG_BUNDLE_ID_SIZE])
{
    hex[0] = '\0';
    if (cell->type == TG_DB_BYTES && cell->len == TG_SHA256_LEN)
        tg_hex(cell->bytes, TG_SHA256_LEN, hex);
}

/* --- slots and bundles -------------------------------------------------------------------------------------------- */

int tg_rulestore_read(struct tg_sqlconn *conn, struct tg_ruleslots *slots_r, struct tg_err *err_r)
{
    struct tg_dbresult *res;
    if (tg_sqlconn_query(conn,
                         "SELECT a.revision, a.bundle_id, a.set_at, c.revision, c.bundle_id, c.share_ppm"
                         " FROM rule_slots a JOIN rule_slots c ON c.role = 'candidate' WHERE a.role = 'active'",
                         NULL, 0, &res, err_r) != 0)
        return -1;
    if (tg_dbresult_n_rows(res) != 1) {
        tg_dbresult_free(&res);
        return tg_err_set(err_r, TG_ERR_BUG, "the slots of the rules are not there");
    }
    *slots_r = (struct tg_ruleslots){.revision = (uint64_t)tg_dbresult_cell(res, 0, 0)->num,
                                     .set_at_us = tg_dbresult_cell(res, 0, 2)->num,
                                     .candidate_revision = (uint64_t)tg_dbresult_cell(res, 0, 3)->num,
                                     .share_ppm = (uint32_t)tg_dbresult_cell(res, 0, 5)->num};
    read_id(tg_dbresult_cell(res, 0, 1), slots_r->bundle);
    read_id(tg_dbresult_cell(res, 0, 4), slots_r->candidate);
    tg_dbresult_free(&res);
    return 0;
}

static char *text_of(const struct tg_dbval *cell)
{
    char *text = tg_malloc(cell->len + 1);
    memcpy(text, cell->bytes, cell->len);
    text[cell->len] = '\0';
    return text;
}

/* The bundle of the files in res, which must hash to id. */
static int make_bundle(const struct tg_dbresult *res, const char *id, struct tg_bundle **bundle_r, struct tg_err *err_r)
{
    struct tg_bundle_file files[TG_BUNDLE_FILES_MAX];
    struct tg_faults faults = {0};
    struct tg_bundle *bundle = NULL;
    const size_t n = tg_dbresult_n_rows(res);
    if (n == 0)
        return tg_err_set(err_r, TG_ERR_NOT_FOUND, "there is no bundle %s", id);
    if (n > TG_BUNDLE_FILES_MAX)
        return tg_err_set(err_r, TG_ERR_BUG, "the bundle %s has more than %d files", id, TG_BUNDLE_FILES_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct tg_dbval *source = tg_dbresult_cell(res, i, 1);
        files[i] = (struct tg_bundle_file){text_of(tg_dbresult_cell(res, i, 0)), source->bytes, source->len};
    }
    int status = tg_bundle_new(files, n, &faults, &bundle);
    if (status != 0 || strcmp(tg_bundle_id(bundle), id) != 0) {
        status = tg_err_set(err_r, TG_ERR_BUG, "the files of the bundle %s are not what they were", id);
        tg_bundle_unref(&bundle);
    }
    for (size_t i = 0; i < n; i++)
        free((char *)files[i].path);
    tg_faults_deinit(&faults);
    if (status == 0)
        *bundle_r = bundle;
    return status;
}

int tg_rulestore_load(struct tg_sqlconn *conn, const char *bundle_id, struct tg_bundle **bundle_r, struct tg_err *err_r)
{
    uint8_t bytes[TG_SHA256_LEN];
    struct tg_dbresult *res;
    if (!is_id(bundle_id))
        return tg_err_set(err_r, TG_ERR_INPUT, "'%s' is no bundle's id", bundle_id);
    const struct tg_dbval id = bind_id(bundle_id, bytes);
    if (tg_sqlconn_query(conn, "SELECT path, source FROM rule_files WHERE bundle_id = ? ORDER BY path", &id, 1, &res,
                         err_r) != 0)
        return -1;
    const int status = make_bundle(res, bundle_id, bundle_r, err_r);
    tg_dbresult_free(&res);
    return status;
}

static int insert_files(struct tg_sqlconn *conn, const struct tg_dbval *id, const struct tg_bundle *bundle,
                        struct tg_err *err_r)
{
    const size_t n = tg_bundle_n(bundle);
    struct tg_dbval *values = tg_calloc(3 * n, sizeof(*values));
    uint64_t affected;
    for (size_t i = 0; i < n; i++) {
        const struct tg_bundle_file *file = tg_bundle_file(bundle, i);
        values[3 * i] = *id;
        values[3 * i + 1] = TG_DBVAL_STR(file->path);
        values[3 * i + 2] = TG_DBVAL_BYTES(file->text, file->len);
    }
    const int status = tg_sqlconn_bulk(conn, "INSERT IGNORE INTO rule_files (bundle_id, path, source) VALUES (?, ?, ?)",
                                       values, 3, n, &affected, err_r);
    free(values);
    return status;
}

int tg_rulestore_keep_release(struct tg_sqlconn *conn, const struct tg_bundle *bundle, struct tg_err *err_r)
{
    uint8_t bytes[TG_SHA256_LEN];
    const struct tg_dbval id = bind_id(tg_bundle_id(bundle), bytes);
    struct tg_dbresult *res;
    if (tg_sqlconn_query(conn, "SELECT 1 FROM rule_bundles WHERE id = ?", &id, 1, &res, err_r) != 0)
        return -1;
    const bool is_known = tg_dbresult_n_rows(res) > 0;
    tg_dbresult_free(&res);
    if (is_known || tg_bundle_n(bundle) == 0)
        return 0;
    const struct tg_dbval values[] = {id, TG_DBVAL_TIME(tg_clock_now_us())};
    if (tg_sqlconn_begin(conn, err_r) != 0)
        return -1;
    if (tg_sqlconn_query(conn,
                         "INSERT IGNORE INTO rule_bundles (id, author, note, hooks, created_at)"
                         " VALUES (?, 'release', 'The rules of the release', '[]', ?)",
                         values, 2, NULL, err_r) == 0 &&
        insert_files(conn, &id, bundle, err_r) == 0)
        return tg_sqlconn_commit(conn, err_r);
    tg_sqlconn_rollback(conn);
    return -1;
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

int tg_rulestore_beat(struct tg_sqlconn *conn, const struct tg_rulenode *node, struct tg_err *err_r)
{
    uint8_t bytes[TG_SHA256_LEN];
    const struct tg_dbval values[] = {TG_DBVAL_ID(node->id),
                                      TG_DBVAL_STR(node->host),
                                      TG_DBVAL_INT((int64_t)node->revision),
                                      bind_id(node->bundle, bytes),
                                      TG_DBVAL_INT((int64_t)node->candidate_revision),
                                      TG_DBVAL_STR(node->threads),
                                      node->error == NULL ? TG_DBVAL_NULL : TG_DBVAL_STR(node->error),
                                      TG_DBVAL_TIME(node->started_at_us),
                                      TG_DBVAL_TIME(tg_clock_now_us())};
    return tg_sqlconn_query(
        conn,
        "INSERT INTO rule_nodes (node_id, host, revision, bundle_id, candidate_revision, threads, error, started_at,"
        " seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE revision = VALUES(revision),"
        " bundle_id = VALUES(bundle_id), candidate_revision = VALUES(candidate_revision), threads = VALUES(threads),"
        " error = VALUES(error), seen_at = VALUES(seen_at)",
        values, 9, NULL, err_r);
}

int tg_rulestore_write_calls(struct tg_sqlconn *conn, struct tg_id node, uint64_t revision, const char *hook,
                             uint64_t calls, uint64_t failures, struct tg_err *err_r)
{
    const struct tg_dbval values[] = {TG_DBVAL_INT((int64_t)revision), TG_DBVAL_ID(node), TG_DBVAL_STR(hook),
                                      TG_DBVAL_INT((int64_t)calls), TG_DBVAL_INT((int64_t)failures)};
    return tg_sqlconn_query(conn,
                            "INSERT INTO rule_calls (revision, node_id, hook, calls, failures) VALUES (?, ?, ?, ?, ?)"
                            " ON DUPLICATE KEY UPDATE calls = VALUES(calls), failures = VALUES(failures)",
                            values, 5, NULL, err_r);
}

int tg_rulestore_count_behind(struct tg_sqlconn *conn, uint64_t revision, size_t *n_r, char host_r[101],
                              struct tg_err *err_r)
{
    const struct tg_dbval values[] = {TG_DBVAL_TIME(tg_clock_now_us() - ALIVE_US), TG_DBVAL_INT((int64_t)revision)};
    struct tg_dbresult *res;
    if (tg_sqlconn_query(conn, "SELECT host FROM rule_nodes WHERE seen_at > ? AND revision < ? ORDER BY host", values,
                         2, &res, err_r) != 0)
        return -1;
    *n_r = tg_dbresult_n_rows(res);
    host_r[0] = '\0';
    if (*n_r > 0)
        snprintf(host_r, 101, "%.*s", (int)tg_dbresult_cell(res, 0, 0)->len, tg_dbresult_cell(res, 0, 0)->bytes);
    tg_dbresult_free(&res);
    return 0;
}

int tg_rulestore_purge(struct tg_sqlconn *conn, uint64_t revision, struct tg_err *err_r)
{
    const struct tg_dbval before = TG_DBVAL_TIME(tg_clock_now_us() - FORGOTTEN_US);
    const struct tg_dbval oldest = TG_DBVAL_INT(revision < REVISIONS_KEPT ? 0 : (int64_t)revision - REVISIONS_KEPT);
    if (tg_sqlconn_query(conn, "DELETE FROM rule_nodes WHERE seen_at < ?", &before, 1, NULL, err_r) != 0)
        return -1;
    return tg_sqlconn_query(conn,
                            "DELETE FROM rule_calls WHERE revision < ? OR node_id NOT IN"
                            " (SELECT node_id FROM rule_nodes)",
                            &oldest, 1, NULL, err_r);
}

/* --- taking back -------------------------------------------------------------------------------------------------- */

/* 1: the revision was activated by somebody, over previous_r, and one of its hooks fails too often. */
static int find_failing(struct tg_sqlconn *conn, uint64_t revision, char previous_r[static TG_BUNDLE_ID_SIZE],
                        char detail_r[200], struct tg_err *err_r)
{
    const struct tg_dbval values[] = {TG_DBVAL_INT((int64_t)revision), TG_DBVAL_INT(TG_RULES_JUDGED_CALLS_MIN)};
    struct tg_dbresult *res;
    if (tg_sqlconn_query(conn,
                         "SELECT a.previous_id, c.hook, CAST(SUM(c.calls) AS SIGNED), CAST(SUM(c.failures) AS SIGNED)"
                         " FROM rule_activations a JOIN rule_calls c ON c.revision = a.revision"
                         " WHERE a.revision = ? AND a.reason = 'activate' GROUP BY a.previous_id, c.hook"
                         " HAVING SUM(c.calls) >= ? AND SUM(c.failures) * 100 > SUM(c.calls)"
                         " ORDER BY SUM(c.failures) DESC LIMIT 1",
                         values, 2, &res, err_r) != 0)
        return -1;
    const int found = tg_dbresult_n_rows(res) > 0;
    if (found) {
        const struct tg_dbval *hook = tg_dbresult_cell(res, 0, 1);
        read_id(tg_dbresult_cell(res, 0, 0), previous_r);
        snprintf(detail_r, 200, "%.*s failed in %" PRId64 " of %" PRId64 " calls", (int)hook->len, hook->bytes,
                 tg_dbresult_cell(res, 0, 3)->num, tg_dbresult_cell(res, 0, 2)->num);
    }
    tg_dbresult_free(&res);
    return found;
}

/* In the audit log, as lua/audit/service.lua does it for whoever asks; the rules are the (first) platform's. */
static int record_back(struct tg_sqlconn *conn, const struct tg_ruleslots *slots, const char *previous,
                       const char *detail, struct tg_err *err_r)
{
    const struct tg_id id = tg_id_new();
    const char *to = *previous == '\0' ? "release" : previous;
    const struct tg_dbval values[] = {TG_DBVAL_ID(id),
                                      TG_DBVAL_TIME(tg_clock_now_us()),
                                      TG_DBVAL_STR(to),
                                      TG_DBVAL_STR(slots->bundle),
                                      TG_DBVAL_INT((int64_t)slots->revision + 1),
                                      TG_DBVAL_STR(detail)};
    return tg_sqlconn_query(
        conn,
        "INSERT INTO audit_log (company_id, id, at, actor, address, request_id, action, object,"
        " outcome, before_state, after_state) SELECT MIN(c.id), ?, ?, '', '', '', 'rules.roll_back',"
        " ?, 'done', JSON_OBJECT('bundle', ?), JSON_OBJECT('revision', ?, 'detail', ?)"
        " FROM companies c WHERE c.parent_id IS NULL HAVING MIN(c.id) IS NOT NULL",
        values, 6, NULL, err_r);
}

/* Inside BEGIN. 0: somebody was first. */
static int take_back(struct tg_sqlconn *conn, const struct tg_ruleslots *slots, const char *previous,
                     const char *detail, struct tg_err *err_r)
{
    uint8_t previous_bytes[TG_SHA256_LEN], bytes[TG_SHA256_LEN];
    const struct tg_dbval now = TG_DBVAL_TIME(tg_clock_now_us()), to = bind_id(previous, previous_bytes);
    const struct tg_dbval swap[] = {to, now, TG_DBVAL_INT((int64_t)slots->revision)};
    const struct tg_dbval row[] = {TG_DBVAL_INT((int64_t)slots->revision + 1), to, bind_id(slots->bundle, bytes),
                                   TG_DBVAL_STR(detail), now};
    struct tg_dbresult *res;
    if (tg_sqlconn_query(conn,
                         "UPDATE rule_slots SET revision = revision + 1, bundle_id = ?, set_by = 'automatic',"
                         " set_at = ? WHERE role = 'active' AND revision = ?",
                         swap, 3, &res, err_r) != 0)
        return -1;
    const bool is_first = tg_dbresult_affected(res) == 1;
    tg_dbresult_free(&res);
    if (!is_first)
        return 0;
    if (tg_sqlconn_query(conn,
                         "INSERT INTO rule_activations (revision, bundle_id, previous_id, reason, detail, set_by,"
                         " set_at) VALUES (?, ?, ?, 'automatic', ?, 'automatic', ?)",
                         row, 5, NULL, err_r) != 0)
        return -1;
    return record_back(conn, slots, previous, detail, err_r) == 0 ? 1 : -1;
}

int tg_rulestore_judge(struct tg_sqlconn *conn, const struct tg_ruleslots *slots, char detail_r[200],
                       struct tg_err *err_r)
{
    char previous[TG_BUNDLE_ID_SIZE];
    if (tg_clock_now_us() - slots->set_at_us > TG_RULES_JUDGED_US)
        return 0;
    int status = find_failing(conn, slots->revision, previous, detail_r, err_r);
    if (status != 1)
        return status;
    if (tg_sqlconn_begin(conn, err_r) != 0)
        return -1;
    status = take_back(conn, slots, previous, detail_r, err_r);
    if (status == 1)
        return tg_sqlconn_commit(conn, err_r) == 0 ? 1 : -1;
    tg_sqlconn_rollback(conn);
    return status;
}
