/* callanswer - the answers to authorize, renew and settle, as JSON. */
#include "charge/callanswer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"

/* --- pieces --------------------------------------------------------------------------------------------------------- */

static struct tg_jsonw begin(const struct tg_call_context *ctx, struct tg_call_step *step)
{
    struct tg_jsonw w;
    step->answer_at = ctx->out->len;
    tg_jsonw_init(&w, ctx->out);
    tg_jsonw_object(&w);
    return w;
}

static void end(const struct tg_call_context *ctx, struct tg_jsonw *w, struct tg_call_step *step)
{
    tg_jsonw_object_end(w);
    step->answer_len = ctx->out->len - step->answer_at;
}

static void write_str(struct tg_jsonw *w, const char *key, const char *value)
{
    tg_jsonw_key(w, key);
    tg_jsonw_str(w, value);
}

static void write_int(struct tg_jsonw *w, const char *key, int64_t value)
{
    tg_jsonw_key(w, key);
    tg_jsonw_int(w, value);
}

static void write_true(struct tg_jsonw *w, const char *key)
{
    tg_jsonw_key(w, key);
    tg_jsonw_bool(w, true);
}

static void write_money(struct tg_jsonw *w, const char *key, struct tg_decimal amount, const char *currency)
{
    tg_jsonw_key(w, key);
    tg_jsonw_object(w);
    tg_jsonw_key(w, "amount");
    tg_jsonw_decimal(w, amount);
    write_str(w, "currency", currency);
    tg_jsonw_object_end(w);
}

/* --- authorize ------------------------------------------------------------------------------------------------------ */

void tg_callanswer_deny(const struct tg_call_context *ctx, const char *reason, struct tg_call_step *step)
{
    struct tg_jsonw w = begin(ctx, step);
    write_str(&w, "decision", "deny");
    write_str(&w, "reason", reason);
    end(ctx, &w, step);
}

void tg_callanswer_allow(const struct tg_call_context *ctx, const struct tg_call *call,
                         const struct tg_call_quote *quote, struct tg_call_step *step)
{
    struct tg_jsonw w = begin(ctx, step);
    write_str(&w, "decision", "allow");
    write_str(&w, "call_id", call->call_id);
    write_money(&w, "hold", call->held, call->currency);
    write_int(&w, "max_seconds", call->granted_s);
    write_int(&w, "renew_in_seconds", quote->renew_in_s);
    if (quote->is_final)
        write_true(&w, "final");
    if (quote->has_rate) {
        tg_jsonw_key(&w, "rate");
        tg_jsonw_object(&w);
        tg_jsonw_key(&w, "per_minute");
        tg_jsonw_decimal(&w, quote->per_minute);
        write_str(&w, "prefix", quote->prefix);
        tg_jsonw_object_end(&w);
    }
    end(ctx, &w, step);
}

/* --- renew ---------------------------------------------------------------------------------------------------------- */

void tg_callanswer_continue(const struct tg_call_context *ctx, const struct tg_call *call, uint32_t renew_in_s,
                            bool is_final, struct tg_call_step *step)
{
    struct tg_jsonw w = begin(ctx, step);
    write_str(&w, "decision", "continue");
    write_int(&w, "max_seconds", call->granted_s);
    write_int(&w, "renew_in_seconds", renew_in_s);
    if (is_final)
        write_true(&w, "final");
    write_money(&w, "charged", call->debited, call->currency);
    end(ctx, &w, step);
}

void tg_callanswer_stop(const struct tg_call_context *ctx, const char *reason, uint32_t grace_s,
                        struct tg_call_step *step)
{
    struct tg_jsonw w = begin(ctx, step);
    write_str(&w, "decision", "stop");
    write_str(&w, "reason", reason);
    write_int(&w, "grace_seconds", grace_s);
    end(ctx, &w, step);
}

/* --- settle --------------------------------------------------------------------------------------------------------- */

/* The end of the JSON object that begins at text, or NULL. */
static const char *object_end(const char *text, const char *limit)
{
    int depth = 0;
    bool in_string = false;
    for (const char *at = text; at < limit; at++) {
        if (in_string && *at == '\\') {
            at++;
        } else if (in_string) {
            in_string = *at != '"';
        } else if (*at == '"') {
            in_string = true;
        } else if (*at == '{') {
            depth++;
        } else if (*at == '}' && --depth == 0) {
            return at + 1;
        }
    }
    return NULL;
}

/* Where the value of a member begins, or NULL: in a text the quotes of its key would be escaped. */
static const char *find_member(const char *line, size_t len, const char *key)
{
    const char *at = memmem(line, len, key, strlen(key));
    return at == NULL ? NULL : at + strlen(key);
}

/* Copies one line of a rating, with the meter it is of: as text, since it is on the way of every call. Rows of a deck
 * count from 1 where people read them. */
static void write_line(struct tg_strbuf *out, const char *line, size_t len, const char *meter)
{
    static const char key[] = "\"meter\":";
    struct tg_jsonw w;
    char *after_row = NULL;
    const char *row = find_member(line, len, "\"row\":");
    tg_strbuf_append_char(out, '{');
    if (find_member(line, len, key) == NULL) {
        tg_strbuf_append(out, key, sizeof(key) - 1);
        tg_jsonw_init(&w, out);
        tg_jsonw_str(&w, meter);
        if (len > 2)
            tg_strbuf_append_char(out, ',');
    }
    if (row != NULL) {
        const long number = strtol(row, &after_row, 10);
        tg_strbuf_append(out, line + 1, (size_t)(row - line) - 1);
        tg_strbuf_printf(out, "%ld", number + 1);
        tg_strbuf_append(out, after_row, (size_t)(line + len - after_row));
    } else {
        tg_strbuf_append(out, line + 1, len - 1);
    }
}

/* The lines of a rating {"lines":[…]…} as values of the array that w is in. */
static void write_lines_of(const struct tg_call_context *ctx, const struct tg_call_row *row, struct tg_strbuf *text,
                           struct tg_jsonw *w)
{
    static const char head[] = "{\"lines\":[";
    tg_strbuf_reset(text);
    tg_strbuf_append(text, ctx->out->bytes + row->rating_at, row->rating_len);
    const char *at = text->bytes, *limit = at + text->len;
    if (strncmp(at, head, sizeof(head) - 1) != 0)
        return;
    for (at += sizeof(head) - 1; at < limit && *at == '{'; at += *at == ',') {
        const char *after = object_end(at, limit);
        if (after == NULL)
            return;
        tg_jsonw_raw(w, "", 0);
        write_line(ctx->out, at, (size_t)(after - at), row->event.meter);
        at = after;
    }
}

static void write_lines(const struct tg_call_context *ctx, const struct tg_call_bill *bill, struct tg_jsonw *w)
{
    struct tg_strbuf text;
    tg_strbuf_init(&text, ctx->out->max);
    tg_jsonw_key(w, "lines");
    tg_jsonw_array(w);
    for (size_t i = 0; i < bill->n; i++)
        write_lines_of(ctx, &bill->rows[i], &text, w);
    tg_jsonw_array_end(w);
    tg_strbuf_deinit(&text);
}

/* A rating without lines says why: {"reason":"…"}. */
static void write_not_rated(const struct tg_call_context *ctx, const struct tg_call_row *row, struct tg_jsonw *w)
{
    json_t *rating = json_loadb(ctx->out->bytes + row->rating_at, row->rating_len, 0, NULL);
    const char *reason = json_string_value(json_object_get(rating, "reason"));
    tg_jsonw_object(w);
    write_str(w, "meter", row->event.meter);
    write_str(w, "status", tg_usage_status_name(row->event.status));
    if (reason != NULL)
        write_str(w, "reason", reason);
    tg_jsonw_object_end(w);
    json_decref(rating);
}

static void write_all_not_rated(const struct tg_call_context *ctx, const struct tg_call_bill *bill, struct tg_jsonw *w)
{
    tg_jsonw_key(w, "not_rated");
    tg_jsonw_array(w);
    for (size_t i = 0; i < bill->n; i++) {
        const enum tg_usage_status status = bill->rows[i].event.status;
        if (status != TG_USAGE_RATED && status != TG_USAGE_NOT_BILLABLE)
            write_not_rated(ctx, &bill->rows[i], w);
    }
    tg_jsonw_array_end(w);
}

static void write_wallet(const struct tg_purse *purse, const char *currency, struct tg_jsonw *w)
{
    tg_jsonw_key(w, "wallet");
    tg_jsonw_object(w);
    write_money(w, "balance", purse->balance, currency);
    write_money(w, "held", purse->held, currency);
    write_money(w, "available", tg_purse_available(purse), currency);
    tg_jsonw_object_end(w);
}

void tg_callanswer_settled(const struct tg_call_context *ctx, const struct tg_call *call, const struct tg_purse *purse,
                           const struct tg_call_bill *bill, struct tg_call_step *step)
{
    struct tg_jsonw w = begin(ctx, step);
    write_str(&w, "call_id", call->call_id);
    write_money(&w, "charge", call->charge, call->currency);
    write_lines(ctx, bill, &w);
    if (!bill->is_complete)
        write_all_not_rated(ctx, bill, &w);
    write_wallet(purse, call->currency, &w);
    if (!tg_decimal_is_zero(call->overrun))
        write_money(&w, "overrun", call->overrun, call->currency);
    end(ctx, &w, step);
}

/* --- repeats -------------------------------------------------------------------------------------------------------- */

void tg_callanswer_again(const struct tg_call_context *ctx, struct tg_text stored, bool is_older,
                         struct tg_call_step *step)
{
    static const char mark[] = ",\"duplicate\":true}";
    assert(stored.len > 2 && stored.bytes[stored.len - 1] == '}');
    step->answer_at = ctx->out->len;
    tg_strbuf_append(ctx->out, stored.bytes, stored.len - is_older);
    if (is_older)
        tg_strbuf_append(ctx->out, mark, sizeof(mark) - 1);
    step->answer_len = ctx->out->len - step->answer_at;
}

void tg_callanswer_duplicate(const struct tg_call_context *ctx, const struct tg_call *call, struct tg_call_step *step)
{
    struct tg_jsonw w = begin(ctx, step);
    write_str(&w, "call_id", call->call_id);
    write_true(&w, "duplicate");
    write_money(&w, "charge", call->charge, call->currency);
    end(ctx, &w, step);
}

void tg_callanswer_late(const struct tg_call_context *ctx, const struct tg_call_end *report, struct tg_call_step *step)
{
    struct tg_jsonw w;
    step->late_at = ctx->out->len;
    tg_jsonw_init(&w, ctx->out);
    tg_jsonw_object(&w);
    if (report->has_answered_at) {
        tg_jsonw_key(&w, "answered_at");
        tg_jsonw_time(&w, report->answered_at_us);
    }
    write_int(&w, "duration_ms", report->duration_ms);
    write_str(&w, "status", report->status);
    tg_jsonw_key(&w, "usage");
    tg_jsonw_array(&w);
    for (size_t i = 0; i < report->n_usage; i++) {
        const struct tg_call_usage *usage = &report->usage[i];
        tg_jsonw_object(&w);
        write_str(&w, "meter", usage->meter);
        tg_jsonw_key(&w, "quantity");
        tg_jsonw_decimal(&w, usage->quantity);
        if (usage->has_cost)
            write_money(&w, "provider_cost", usage->cost_amount, usage->cost_currency);
        tg_jsonw_object_end(&w);
    }
    tg_jsonw_array_end(&w);
    if (report->properties.bytes != NULL) {
        tg_jsonw_key(&w, "properties");
        tg_jsonw_raw(&w, report->properties.bytes, report->properties.len);
    }
    tg_jsonw_object_end(&w);
    step->late_len = ctx->out->len - step->late_at;
}
