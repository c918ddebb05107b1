/* rating_session - the operations `session` and `max_usage` of rating cases: live calls on one balance, decided as the
 * server decides.
 *
 * session
 * input  {plan, state?, balance, credit_limit?, limits?, steps = [{op, session, …}]}
 *   init      to, answered_at, request_s
 *   update    seq, used_total_ms, request_s          terminate  used_total_ms, status?        expire
 * output {steps = [{session, op, granted_s, final_unit, reserved, committed, balance} | {…, closed, overrun} |
 *         {…, duplicate}], balance, charged = {session: amount}}
 * max_usage
 * input  {plan, state?, call = {to, answered_at}, available}          output {seconds} | {error}
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "charge/callrules.h"
#include "charge/callstate.h"
#include "cli/rating_input.h"
#include "cli/rating_world.h"

#define SECOND_US INT64_C(1000000)

struct session { /* a call, with the texts it refers to */
    const char *name;
    struct tg_call call;
    char *request, *consumed, *renewed, *settled;
};

struct table {
    struct tg_rating_world *world;
    struct tg_ruleset *rules;
    const json_t *limits;
    struct tg_purse purse;
    int64_t now_us;
    struct session *sessions;
    size_t n;
};

static struct session *find(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->sessions[i].name, name) == 0)
            return &t->sessions[i];
    }
    return NULL;
}

static void keep(char **kept, struct tg_text *text)
{
    free(*kept);
    *kept = text->bytes == NULL ? NULL : tg_memdup(text->bytes, text->len);
    text->bytes = *kept;
}

/* Texts of a decision live as long as the next one. */
static void keep_texts(struct table *t, struct session *s, const struct tg_call_step *step)
{
    const struct tg_text answer = {t->world->out.bytes + step->answer_at, step->answer_len};
    struct tg_text consumed = s->call.consumed;
    keep(&s->consumed, &consumed);
    s->call.consumed = consumed;
    if (step->outcome != TG_CALL_CHANGED)
        return;
    struct tg_text *text = s->call.state == TG_CALL_OPEN ? &s->call.renew_answer : &s->call.settle_answer;
    *text = answer;
    keep(s->call.state == TG_CALL_OPEN ? &s->renewed : &s->settled, text);
}

static struct tg_call_context context(struct table *t)
{
    tg_usage_batch_free(&t->world->arena);
    t->world->arena = tg_usage_batch_new();
    tg_strbuf_reset(&t->world->out);
    tg_ratestate_want(&t->world->state, true, t->now_us);
    return (struct tg_call_context){.rules = t->rules,
                                    .plan = &t->world->plan,
                                    .company_status = "active",
                                    .limits = t->limits,
                                    .counts = {t->purse.open_calls, -1, -1, -1, -1, -1},
                                    .state = &t->world->state,
                                    .now_us = t->now_us,
                                    .arena = t->world->arena,
                                    .out = &t->world->out};
}

/* --- what a step answers ---------------------------------------------------------------------------------------------- */

static json_t *answer(const struct table *t, const json_t *step)
{
    return json_pack("{s:O, s:O, s:o}", "session", json_object_get(step, "session"), "op", json_object_get(step, "op"),
                     "balance", tg_rating_amount(t->world, t->purse.balance));
}

static json_t *answer_duplicate(const struct table *t, const json_t *step)
{
    json_t *json = answer(t, step);
    json_object_set_new(json, "duplicate", json_true());
    return json;
}

static json_t *answer_grant(const struct table *t, const json_t *step, const struct tg_call *call,
                            const struct tg_call_step *made, uint32_t request_s)
{
    const uint32_t more_s = call->granted_s > call->used_s && made->reason == NULL ? call->granted_s - call->used_s : 0;
    json_t *json = answer(t, step);
    json_object_set_new(json, "granted_s", json_integer(more_s < request_s ? more_s : request_s));
    json_object_set_new(json, "final_unit", json_boolean(more_s < request_s));
    json_object_set_new(json, "reserved", tg_rating_amount(t->world, call->held));
    json_object_set_new(json, "committed", tg_rating_amount(t->world, call->debited));
    if (made->reason != NULL)
        json_object_set_new(json, "error", json_string(made->reason));
    return json;
}

static json_t *answer_closed(const struct table *t, const json_t *step, const struct tg_call *call)
{
    json_t *json = answer(t, step);
    json_object_set_new(json, "closed", json_true());
    json_object_set_new(json, "committed", tg_rating_amount(t->world, call->charge));
    json_object_set_new(json, "overrun", json_boolean(!tg_decimal_is_zero(call->overrun)));
    return json;
}

/* --- steps ------------------------------------------------------------------------------------------------------------ */

static uint32_t seconds_of(const json_t *step, const char *name, uint32_t unit, uint32_t otherwise)
{
    const json_t *value = json_object_get(step, name);
    const json_int_t n = json_integer_value(value);
    return value == NULL || n < 0 ? otherwise : (uint32_t)((n + unit - 1) / unit);
}

static json_t *begin(struct table *t, const json_t *step, const char *name, int64_t answered_at_us)
{
    static const char *const copied[] = {"to", "from", "direction", "agent_id", "meters", "properties"};
    struct tg_call_step made;
    struct session *s = &t->sessions[t->n++];
    json_t *request = json_object();
    for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++) {
        if (json_object_get(step, copied[i]) != NULL)
            json_object_set(request, copied[i], json_object_get(step, copied[i]));
    }
    t->now_us = answered_at_us;
    *s = (struct session){.name = name, .request = json_dumps(request, JSON_COMPACT)};
    s->call = (struct tg_call){.call_id = name, .request = {s->request, strlen(s->request)}};
    const uint32_t request_s = seconds_of(step, "request_s", 1, TG_CALL_REQUEST_S);
    const struct tg_call_context ctx = context(t);
    tg_call_authorize(&ctx, &t->purse, &s->call, request_s, &made);
    s->call.has_answered_at = true;
    s->call.answered_at_us = answered_at_us;
    keep_texts(t, s, &made);
    json_t *json = answer_grant(t, step, &s->call, &made, request_s);
    json_decref(request);
    if (made.outcome == TG_CALL_DENIED) {
        free(s->request);
        t->n--;
    }
    return json;
}

/* The clock goes with the calls: at least so far. */
static void move_clock(struct table *t, int64_t to_us)
{
    if (to_us > t->now_us)
        t->now_us = to_us;
}

static json_t *update(struct table *t, const json_t *step, struct session *s)
{
    struct tg_call_step made;
    const uint32_t used_s = seconds_of(step, "used_total_ms", 1000, 0);
    const uint32_t request_s = seconds_of(step, "request_s", 1, TG_CALL_REQUEST_S);
    const struct tg_call_renewal renewal = {.seq = seconds_of(step, "seq", 1, s->call.seq + 1),
                                            .elapsed_s = used_s,
                                            .request_s = request_s};
    move_clock(t, s->call.answered_at_us + used_s * SECOND_US);
    const struct tg_call_context ctx = context(t);
    tg_call_renew(&ctx, &t->purse, &s->call, &renewal, &made);
    keep_texts(t, s, &made);
    return made.outcome == TG_CALL_REPLAYED ? answer_duplicate(t, step)
                                            : answer_grant(t, step, &s->call, &made, request_s);
}

static json_t *terminate(struct table *t, const json_t *step, struct session *s)
{
    struct tg_call_step made;
    if (seconds_of(step, "seq", 1, UINT32_MAX) <= s->call.seq) /* rating.md R18 */
        return answer_duplicate(t, step);
    const char *status = json_string_value(json_object_get(step, "status"));
    const struct tg_call_end end = {.duration_ms = json_integer_value(json_object_get(step, "used_total_ms")),
                                    .status = status == NULL ? "answered" : status};
    move_clock(t, s->call.answered_at_us + end.duration_ms * 1000);
    const struct tg_call_context ctx = context(t);
    tg_call_settle(&ctx, &t->purse, &s->call, &end, &made);
    keep_texts(t, s, &made);
    return made.outcome == TG_CALL_CHANGED ? answer_closed(t, step, &s->call) : answer_duplicate(t, step);
}

static json_t *expire(struct table *t, const json_t *step, struct session *s)
{
    struct tg_call_step made;
    move_clock(t, s->call.expires_at_us);
    const struct tg_call_context ctx = context(t);
    tg_call_expire(&ctx, &t->purse, &s->call, &made);
    keep_texts(t, s, &made);
    return made.outcome == TG_CALL_CHANGED ? answer_closed(t, step, &s->call) : answer_duplicate(t, step);
}

/* NULL: the step cannot be read. */
static json_t *run_step(struct table *t, const json_t *step, struct tg_err *err_r)
{
    static const struct {
        const char *op;
        json_t *(*run)(struct table *t, const json_t *step, struct session *s);
    } steps[] = {{"update", update}, {"terminate", terminate}, {"expire", expire}};
    const char *op = json_string_value(json_object_get(step, "op"));
    const char *name = json_string_value(json_object_get(step, "session"));
    int64_t answered_at_us = t->now_us;
    if (op == NULL || name == NULL || tg_rating_read_time(step, "answered_at", &answered_at_us, err_r) < 0) {
        (void)tg_err_set(err_r, TG_ERR_INPUT, "a step has op and session, and answered_at is a time");
        return NULL;
    }
    struct session *s = find(t, name);
    if (strcmp(op, "init") == 0)
        return s == NULL ? begin(t, step, name, answered_at_us) : answer_duplicate(t, step);
    for (size_t i = 0; s != NULL && i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (strcmp(op, steps[i].op) == 0)
            return steps[i].run(t, step, s);
    }
    (void)tg_err_set(err_r, TG_ERR_INPUT, "step %s of session %s: unknown", op, name);
    return NULL;
}

static json_t *charges_of(const struct table *t)
{
    json_t *charged = json_object();
    for (size_t i = 0; i < t->n; i++) {
        const struct tg_call *call = &t->sessions[i].call;
        json_object_set_new(charged, t->sessions[i].name,
                            tg_rating_amount(t->world, call->has_charge ? call->charge : call->debited));
    }
    return charged;
}

static int run_steps(struct table *t, const json_t *steps, json_t **actual_r, struct tg_err *err_r)
{
    json_t *results = json_array();
    for (size_t i = 0; i < json_array_size(steps); i++) {
        json_t *result = run_step(t, json_array_get(steps, i), err_r);
        if (result == NULL) {
            json_decref(results);
            return -1;
        }
        json_array_append_new(results, result);
    }
    *actual_r =
        json_pack("{s:o, s:o, s:o, s:o}", "steps", results, "balance", tg_rating_amount(t->world, t->purse.balance),
                  "held", tg_rating_amount(t->world, t->purse.held), "charged", charges_of(t));
    tg_rating_world_show(t->world, t->now_us, *actual_r);
    return 1;
}

int tg_rating_run_session(const struct tg_rating_runner *runner, const json_t *input, json_t **actual_r,
                          struct tg_err *err_r)
{
    struct tg_rating_world world;
    const json_t *steps = json_object_get(input, "steps");
    int64_t at_us = 0;
    struct table t = {.world = &world, .rules = runner->rules, .limits = json_object_get(input, "limits")};
    if (tg_rating_read_time(json_array_get(steps, 0), "answered_at", &at_us, err_r) < 0 ||
        tg_rating_read_amount(input, "balance", &t.purse.balance, err_r) != 0 ||
        tg_rating_read_amount(input, "credit_limit", &t.purse.credit_limit, err_r) != 0 ||
        tg_rating_world_open(input, at_us, &world, err_r) != 0)
        return -1;
    t.now_us = at_us;
    t.sessions = tg_calloc(json_array_size(steps) + 1, sizeof(*t.sessions));
    const int status = run_steps(&t, steps, actual_r, err_r);
    for (size_t i = 0; i < t.n; i++) {
        free(t.sessions[i].request);
        free(t.sessions[i].consumed);
        free(t.sessions[i].renewed);
        free(t.sessions[i].settled);
    }
    free(t.sessions);
    tg_rating_world_close(&world);
    return status;
}

/* --- max_usage -------------------------------------------------------------------------------------------------------- */

/* What is granted of a day to a call that has this much. */
static json_t *longest(const struct tg_call_context *ctx, const struct tg_call *call, struct tg_decimal available)
{
    char digits[TG_CALL_DIGITS_SIZE];
    bool met_limit = false;
    struct tg_call_request request;
    json_t *before = NULL;
    tg_call_request_load(call, &request);
    struct tg_call_quote quote = {.refusal = "not_e164"};
    if (tg_call_digits(ctx->rules, ctx->plan, request.to, digits) &&
        tg_callstate_get(ctx, call->answered_at_us, &before))
        quote = tg_callrules_quote(ctx, call, &request, TG_CALL_REQUEST_MAX_S, available, before, &met_limit);
    tg_call_request_deinit(&request);
    json_decref(before);
    json_decref(quote.after);
    if (quote.refusal == NULL || strcmp(quote.refusal, "insufficient_funds") == 0)
        return json_pack("{s:I}", "seconds", (json_int_t)quote.max_s);
    return json_pack("{s:s}", "error", quote.refusal);
}

int tg_rating_run_max_usage(const struct tg_rating_runner *runner, const json_t *input, json_t **actual_r,
                            struct tg_err *err_r)
{
    struct tg_rating_world world;
    struct tg_decimal available;
    const json_t *asked = json_object_get(input, "call");
    int64_t at_us = 0;
    if (tg_rating_read_time(asked, "answered_at", &at_us, err_r) < 0 ||
        tg_rating_read_amount(input, "available", &available, err_r) != 0 ||
        tg_rating_world_open(input, at_us, &world, err_r) != 0)
        return -1;
    struct table t = {.world = &world, .rules = runner->rules, .now_us = at_us};
    char *text = json_dumps(asked, JSON_COMPACT);
    const struct tg_call call = {.call_id = "case",
                                 .request = {text, text == NULL ? 0 : strlen(text)},
                                 .has_answered_at = true,
                                 .answered_at_us = at_us};
    const struct tg_call_context ctx = context(&t);
    *actual_r = longest(&ctx, &call, available);
    free(text);
    tg_rating_world_close(&world);
    return 1;
}
