/* sim_call - one simulated call, from its arrival to its end, and the requests of it (sim.h).
 *
 * A step of a call is one request, or several at once: the same twice, or two renewals in the wrong order. The next step
 * comes when each has its answer. A request whose answer was lost is sent again, the very same bytes, to any of the
 * servers, until somebody answers: that is what the API promises to be harmless.
 */
#include "cli/sim.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define COMPLAINTS_MAX 20
#define NOT_ANSWERED_PERCENT 10
#define NOT_IN_THE_DECK_PERCENT 3
#define RING_MS_MEAN 6000
#define BACKOFF_FIRST_MS 20
#define BACKOFF_MAX_MS 1000

struct op { /* a request until its answer */
    struct tg_simcall *call;
    enum tg_simroute route;
    uint32_t seq, elapsed_s;
    bool is_again; /* of something that was acknowledged: its answer must be the same */
    bool has_hash, was_lost;
    unsigned n_left; /* copies without an answer */
    uint64_t hash, give_up_us;
    size_t len;
    char path[96], body[700];
};

struct copy { /* one of the same requests */
    struct op *op;
    struct tg_timer timer;
    unsigned attempts;
    uint64_t due_us;
    bool is_dropped;
};

static void advance(struct tg_simcall *call);

/* splitmix64: the same seed, the same calls */
static uint64_t next_random(struct tg_sim *sim)
{
    uint64_t z = sim->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t tg_sim_dice(struct tg_sim *sim, uint64_t below)
{
    return next_random(sim) % below;
}

double tg_sim_uniform(struct tg_sim *sim)
{
    return (double)((next_random(sim) >> 11) + 1) / 9007199254740992.0;
}

static bool happens(struct tg_sim *sim, unsigned percent)
{
    return percent != 0 && tg_sim_dice(sim, 100) < percent;
}

void tg_sim_complain(struct tg_sim *sim, const char *fmt, ...)
{
    va_list ap;
    if (sim->complaints++ >= COMPLAINTS_MAX)
        return;
    tg_simstats_clear(&sim->stats);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

static uint64_t hash_of(const char *bytes, size_t len) /* FNV-1a */
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i != len; ++i)
        h = (h ^ (uint8_t)bytes[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* --- a call's own time ------------------------------------------------------------------------------------------- */

static uint32_t now_ms(const struct tg_simcall *call)
{
    double speed = call->sim->set->speed;
    if (speed == 0)
        return call->at_ms;
    return (uint32_t)((double)(tg_clock_mono_us() - call->allowed_us) / 1000 * speed);
}

/* Seconds since answer that it has the money for are its last; so is what it was cut at. */
static uint32_t end_ms(const struct tg_simcall *call)
{
    uint32_t end = call->ring_ms + (call->talk_ms < call->max_s * 1000 ? call->talk_ms : call->max_s * 1000);
    if (!call->is_answered)
        end = call->ring_ms;
    return end < call->cut_ms ? end : call->cut_ms;
}

static uint32_t talked_ms(const struct tg_simcall *call, uint32_t at_ms)
{
    return call->is_answered && at_ms > call->ring_ms ? at_ms - call->ring_ms : 0;
}

static bool is_obedient(const struct tg_simcall *call)
{
    return call->sim->companies[call->company].is_obedient;
}

static void on_time(void *arg)
{
    advance(arg);
}

static void wait_for_next(struct tg_simcall *call)
{
    uint32_t end = end_ms(call), now = now_ms(call);
    uint32_t next = !call->is_stopped && call->renew_at_ms < end ? call->renew_at_ms : end;
    double speed = call->sim->set->speed;
    uint64_t delay_ms = speed == 0 || next <= now ? 0 : (uint64_t)((double)(next - now) / speed) + 1;
    if (speed == 0 && next > call->at_ms)
        call->at_ms = next;
    tg_timer_start(call->sim->loop, &call->timer, delay_ms, on_time, call);
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

static void finish(struct tg_simcall *call, enum tg_simstate state)
{
    struct tg_sim *sim = call->sim;
    call->state = state;
    sim->n_busy--;
    if (state == TG_SIMCALL_SETTLED || state == TG_SIMCALL_ABANDONED ||
        (state == TG_SIMCALL_FAILED && call->allowed_us))
        sim->stats.open--;
    if (sim->set->at_once != 0 && !sim->is_over)
        tg_sim_arrive(sim);
}

static void fail(struct op *op, int status, const char *body)
{
    struct tg_simcall *call = op->call;
    call->sim->stats.routes[op->route].errors++;
    tg_sim_complain(call->sim, "%s-%" PRIu64 ": POST %s answers %d: %.300s", call->sim->run, call->number, op->path,
                    status, body);
}

static struct tg_decimal money_of(const json_t *answer, const char *name)
{
    const char *text = json_string_value(json_object_get(json_object_get(answer, name), "amount"));
    struct tg_decimal d = tg_decimal_zero;
    struct tg_err ignored;
    if (text != NULL && tg_decimal_parse(text, strlen(text), &d, &ignored) != 0)
        d = tg_decimal_zero;
    return d;
}

static bool says(const json_t *answer, const char *name, const char *value)
{
    const char *text = json_string_value(json_object_get(answer, name));
    return text != NULL && strcmp(text, value) == 0;
}

static uint32_t number_of(const json_t *answer, const char *name)
{
    return (uint32_t)json_integer_value(json_object_get(answer, name));
}

/* What the server said of the same request before, it must say again, byte for byte. */
static void compare(struct op *op, uint64_t before, uint64_t now, const char *body)
{
    if (before != now) {
        op->call->sim->stats.routes[op->route].errors++;
        tg_sim_complain(op->call->sim, "%s-%" PRIu64 ": a repeat of %s got another answer: %.300s", op->call->sim->run,
                        op->call->number, op->path, body);
    }
}

static void on_authorized(struct op *op, const json_t *answer, const char *body, uint64_t hash)
{
    struct tg_simcall *call = op->call;
    struct tg_sim *sim = call->sim;
    if (!says(answer, "decision", "allow")) {
        if (op->is_again && !says(answer, "reason", "call_closed")) /* it has come after the end */
            compare(op, call->authorize_hash, hash, body);
        return;
    }
    if (call->allowed_us != 0) {
        compare(op, call->authorize_hash, hash, body);
        return;
    }
    call->allowed_us = tg_clock_mono_us();
    call->authorize_hash = hash;
    call->max_s = number_of(answer, "max_seconds");
    call->renew_at_ms = number_of(answer, "renew_in_seconds") * 1000;
    if (json_is_true(json_object_get(answer, "final")))
        call->renew_at_ms = UINT32_MAX;
    sim->stats.allowed++;
    if (++sim->stats.open > sim->stats.open_max)
        sim->stats.open_max = sim->stats.open;
}

static void on_renewed(struct op *op, const json_t *answer, const char *body, uint64_t hash)
{
    struct tg_simcall *call = op->call;
    bool is_duplicate = json_is_true(json_object_get(answer, "duplicate"));
    if (op->is_again)
        return; /* the latest answer, or that the call is closed */
    if (!is_duplicate && op->has_hash) {
        compare(op, op->hash, hash, body);
        return;
    }
    bool is_closed = says(answer, "decision", "stop") && says(answer, "reason", "call_closed");
    if (!is_duplicate) {
        op->has_hash = true;
        op->hash = hash;
    }
    if (!is_duplicate && !is_closed) {
        struct tg_decimal charged = money_of(answer, "charged"); /* by renewals so far */
        call->renewed = tg_decimal_cmp(charged, call->renewed) > 0 ? charged : call->renewed;
        call->told_s = op->elapsed_s > call->told_s ? op->elapsed_s : call->told_s;
    }
    if (says(answer, "decision", "stop")) {
        uint32_t grace_ms = is_obedient(call) ? 0 : number_of(answer, "grace_seconds") * 1000;
        uint32_t cut = now_ms(call) + (uint32_t)tg_sim_dice(call->sim, grace_ms + 1);
        call->sim->stats.stopped += !call->is_stopped;
        call->is_stopped = true;
        cut = is_closed ? 0 : cut; /* it had expired; settle will say what it cost */
        call->cut_ms = cut < call->cut_ms ? cut : call->cut_ms;
        return;
    }
    if (number_of(answer, "max_seconds") > call->max_s)
        call->max_s = number_of(answer, "max_seconds");
    call->renew_at_ms = json_is_true(json_object_get(answer, "final"))
                            ? UINT32_MAX
                            : now_ms(call) + number_of(answer, "renew_in_seconds") * 1000;
}

static void on_settled(struct op *op, const json_t *answer, const char *body, uint64_t hash)
{
    struct tg_simcall *call = op->call;
    if (call->settle_hash != 0) {
        compare(op, call->settle_hash, hash, body);
        return;
    }
    call->settle_hash = hash;
    call->charge = money_of(answer, "charge");
    call->is_late = json_is_true(json_object_get(answer, "duplicate"));
    call->sim->stats.settled++;
    call->sim->stats.late += call->is_late;
}

static void take_answer(struct op *op, const char *body, size_t len)
{
    json_t *answer = json_loadb(body, len, 0, NULL);
    uint64_t hash = hash_of(body, len) | 1;
    if (op->route == TG_SIM_AUTHORIZE)
        on_authorized(op, answer, body, hash);
    else if (op->route == TG_SIM_RENEW)
        on_renewed(op, answer, body, hash);
    else
        on_settled(op, answer, body, hash);
    json_decref(answer);
}

static void send_copy(struct copy *copy);

static void on_backoff(void *arg)
{
    send_copy(arg);
}

/* Nobody knows whether it happened: again. False when its time is over. */
static bool repeat_later(struct copy *copy)
{
    struct tg_sim *sim = copy->op->call->sim;
    if (tg_clock_mono_us() > copy->op->give_up_us)
        return false;
    unsigned doublings = copy->attempts < 6 ? copy->attempts : 6;
    uint64_t delay_ms = BACKOFF_FIRST_MS << doublings;
    delay_ms = delay_ms < BACKOFF_MAX_MS ? delay_ms : BACKOFF_MAX_MS;
    if (copy->is_dropped)
        delay_ms = BACKOFF_FIRST_MS;
    tg_timer_start(sim->loop, &copy->timer, tg_sim_dice(sim, delay_ms), on_backoff, copy);
    return true;
}

static void end_copy(struct copy *copy, bool has_failed)
{
    struct op *op = copy->op;
    struct tg_simcall *call = op->call;
    free(copy);
    if (has_failed && call->state != TG_SIMCALL_FAILED && !op->is_again) {
        call->is_uncertain = true;
        finish(call, TG_SIMCALL_FAILED);
    }
    if (--op->n_left != 0)
        return;
    call->is_uncertain = call->is_uncertain || op->was_lost;
    free(op);
    if (--call->n_under_way == 0 && call->state != TG_SIMCALL_FAILED)
        advance(call);
}

static bool is_worth_repeating(int status)
{
    return status == 0 || status == 502 || status == 503 || status == 504 || status == 429;
}

static void on_copy_answer(int status, const char *body, size_t len, void *arg)
{
    struct copy *copy = arg;
    struct op *op = copy->op;
    struct tg_simstats_route *route = &op->call->sim->stats.routes[op->route];
    if (status == 200) {
        tg_histogram_add(&route->answers, tg_clock_mono_us() - copy->due_us);
        if (op->call->state != TG_SIMCALL_FAILED)
            take_answer(op, body, len);
        end_copy(copy, false);
        return;
    }
    op->was_lost = op->was_lost || status == 0 || status == 504;
    if (copy->is_dropped)
        route->dropped++;
    else if (status == 0)
        route->lost++;
    else if (is_worth_repeating(status))
        route->refused++;
    if (is_worth_repeating(status) && repeat_later(copy))
        return;
    fail(op, status, body != NULL ? body : "no answer");
    end_copy(copy, true);
}

static void send_copy(struct copy *copy)
{
    const struct op *op = copy->op;
    struct tg_sim *sim = op->call->sim;
    copy->is_dropped = copy->attempts == 0 && happens(sim, sim->set->drop);
    copy->attempts++;
    copy->due_us = tg_clock_mono_us();
    struct tg_simhttp_request req = {
        .server = (unsigned)tg_sim_dice(sim, tg_simhttp_n_servers(sim->http)),
        .method = "POST",
        .path = op->path,
        .content_type = "application/json",
        .body = op->body,
        .body_len = op->len,
        .drop_after_ms = copy->is_dropped ? (int)tg_sim_dice(sim, 10) : -1,
    };
    tg_simhttp_send(sim->http, &req, on_copy_answer, copy);
}

static struct op *new_op(struct tg_simcall *call, enum tg_simroute route)
{
    struct op *op = TG_NEW(struct op);
    op->call = call;
    op->route = route;
    op->give_up_us = tg_clock_mono_us() + call->sim->set->retry_s * UINT64_C(1000000);
    return op;
}

static void start_op(struct op *op, unsigned n_copies)
{
    assert(op->len < sizeof(op->body));
    op->call->n_under_way++;
    op->n_left = n_copies;
    op->call->sim->stats.routes[op->route].repeated += n_copies - 1 + op->is_again;
    for (unsigned i = 0; i != n_copies; ++i) {
        struct copy *copy = TG_NEW(struct copy);
        copy->op = op;
        send_copy(copy);
    }
}

static unsigned n_copies(struct tg_sim *sim)
{
    return happens(sim, sim->set->repeat) ? 2 : 1;
}

/* --- steps ------------------------------------------------------------------------------------------------------- */

static struct op *make_authorize(struct tg_simcall *call)
{
    struct tg_sim *sim = call->sim;
    struct op *op = new_op(call, TG_SIM_AUTHORIZE);
    snprintf(op->path, sizeof(op->path), "/v1/calls/authorize");
    op->len = (size_t)snprintf(op->body, sizeof(op->body),
                               "{\"call_id\":\"%s-%" PRIu64 "\",\"company\":\"%s\",\"from\":\"+12125550100\","
                               "\"to\":\"%s%07" PRIu64 "\",\"direction\":\"outbound\",\"agent_id\":\"agent-%" PRIu64
                               "\",\"meters\":[\"call.seconds\"%s],\"request_seconds\":%u}",
                               sim->run, call->number, sim->companies[call->company].id,
                               tg_sim_destinations[call->destination], call->number % 10000000, call->number % 50,
                               is_obedient(call) ? "" : ",\"llm.tokens.in\",\"tts.characters\"", sim->set->slice_s);
    return op;
}

static void put_answered_at(struct tg_simcall *call, char out[static 64])
{
    char text[TG_RFC3339_SIZE];
    *out = '\0';
    if (call->answered_at_us == 0)
        call->answered_at_us = tg_clock_now_us() / 1000 * 1000;
    tg_time_format(call->answered_at_us, text);
    if (call->is_answered)
        snprintf(out, 64, "\"answered_at\":\"%s\",", text);
}

static struct op *make_renew(struct tg_simcall *call, uint32_t seq, uint32_t elapsed_s)
{
    struct tg_sim *sim = call->sim;
    struct op *op = new_op(call, TG_SIM_RENEW);
    char answered[64] = "";
    if (elapsed_s > 0)
        put_answered_at(call, answered);
    op->seq = seq;
    op->elapsed_s = elapsed_s;
    snprintf(op->path, sizeof(op->path), "/v1/calls/%s-%" PRIu64 "/renew", sim->run, call->number);
    op->len = (size_t)snprintf(op->body, sizeof(op->body),
                               "{\"company\":\"%s\",\"seq\":%u,%s\"elapsed_seconds\":%u,\"request_seconds\":%u}",
                               sim->companies[call->company].id, seq, answered, elapsed_s, sim->set->slice_s);
    return op;
}

static struct op *make_settle(struct tg_simcall *call)
{
    struct tg_sim *sim = call->sim;
    struct op *op = new_op(call, TG_SIM_SETTLE);
    char answered[64] = "", usage[160] = "";
    if (call->is_answered)
        put_answered_at(call, answered);
    snprintf(op->path, sizeof(op->path), "/v1/calls/%s-%" PRIu64 "/settle", sim->run, call->number);
    if (!is_obedient(call))
        snprintf(usage, sizeof(usage),
                 ",\"usage\":[{\"meter\":\"llm.tokens.in\",\"quantity\":\"%u\"},"
                 "{\"meter\":\"tts.characters\",\"quantity\":\"%u\"}]",
                 call->tokens, call->characters);
    op->len =
        (size_t)snprintf(op->body, sizeof(op->body), "{\"company\":\"%s\",%s\"duration_ms\":%u,\"status\":\"%s\"%s}",
                         sim->companies[call->company].id, answered, call->talk_ms,
                         call->is_answered ? "answered" : "no_answer", usage);
    return op;
}

static void renew(struct tg_simcall *call)
{
    struct tg_sim *sim = call->sim;
    uint32_t elapsed_s = talked_ms(call, now_ms(call)) / 1000, before_s = call->told_s;
    if (elapsed_s > call->max_s)
        elapsed_s = call->max_s; /* hung up, its end comes next */
    if (happens(sim, sim->set->reorder)) { /* the later one overtakes */
        start_op(make_renew(call, call->seq + 2, elapsed_s), 1);
        start_op(make_renew(call, call->seq + 1, before_s + (elapsed_s > before_s ? (elapsed_s - before_s) / 2 : 0)),
                 1);
        sim->stats.routes[TG_SIM_RENEW].repeated++;
        call->seq += 2;
        return;
    }
    call->seq++;
    start_op(make_renew(call, call->seq, elapsed_s), n_copies(sim));
}

static void settle(struct tg_simcall *call, uint32_t at_ms)
{
    uint32_t talked = talked_ms(call, at_ms);
    call->state = TG_SIMCALL_ENDING;
    if (talked == 0)
        call->is_answered = false;
    call->talk_ms = talked > call->told_s * 1000 ? talked : call->told_s * 1000; /* never less than it has told */
    call->tokens = (uint32_t)tg_sim_dice(call->sim, call->talk_ms / 20 + 1);
    call->characters = (uint32_t)tg_sim_dice(call->sim, call->talk_ms / 80 + 1);
    if (!call->is_answered || is_obedient(call))
        call->tokens = call->characters = 0;
    start_op(make_settle(call), n_copies(call->sim));
}

/* A settled call is asked about once more, now and then. */
static void end_settled(struct tg_simcall *call)
{
    struct tg_sim *sim = call->sim;
    if (happens(sim, sim->set->repeat)) {
        uint64_t which = tg_sim_dice(sim, 3);
        struct op *op = which == 0 && call->seq > 0 ? make_renew(call, call->seq, call->told_s)
                        : which == 1                ? make_authorize(call)
                                                    : make_settle(call);
        op->is_again = true;
        call->state = TG_SIMCALL_SETTLED;
        start_op(op, 1);
        return;
    }
    finish(call, TG_SIMCALL_SETTLED);
}

static void on_allowed(struct tg_simcall *call)
{
    if (call->allowed_us == 0) {
        call->sim->stats.denied++;
        finish(call, TG_SIMCALL_DENIED);
        return;
    }
    call->is_uncertain = false;
    call->state = TG_SIMCALL_OPEN;
    wait_for_next(call);
}

/* Every request of the last step has its answer, or it is time for the next. */
static void advance(struct tg_simcall *call)
{
    if (call->state == TG_SIMCALL_ASKING) {
        on_allowed(call);
        return;
    }
    if (call->state == TG_SIMCALL_ENDING) {
        end_settled(call);
        return;
    }
    if (call->state == TG_SIMCALL_SETTLED) { /* the repeat after the end was answered, too */
        finish(call, TG_SIMCALL_SETTLED);
        return;
    }
    if (call->steps_left != 0 && --call->steps_left == 0) {
        call->sim->stats.abandoned++;
        finish(call, TG_SIMCALL_ABANDONED);
        return;
    }
    uint32_t end = end_ms(call), now = now_ms(call);
    if (now >= end)
        settle(call, end);
    else if (!call->is_stopped && now >= call->renew_at_ms) {
        call->renew_at_ms = UINT32_MAX; /* until the answer */
        renew(call);
    } else
        wait_for_next(call);
}

/* --- arrivals ---------------------------------------------------------------------------------------------------- */

/* Lognormal with sigma 1, at most ten times the mean: many short calls, few long ones. */
static uint32_t draw_ms(struct tg_sim *sim, double mean_ms)
{
    double normal = sqrt(-2 * log(tg_sim_uniform(sim))) * cos(6.283185307179586 * tg_sim_uniform(sim));
    double ms = exp(log(mean_ms) - 0.5 + normal);
    return (uint32_t)(ms < 10 * mean_ms ? ms : 10 * mean_ms);
}

void tg_sim_arrive(struct tg_sim *sim)
{
    if (sim->is_over || (sim->set->calls_max != 0 && sim->stats.arrived == sim->set->calls_max)) {
        sim->is_over = true;
        return;
    }
    struct tg_simcall *call = TG_NEW(struct tg_simcall);
    if (sim->n_calls == sim->calls_size) {
        sim->calls_size = sim->calls_size == 0 ? 1024 : 2 * sim->calls_size;
        sim->calls = tg_realloc(sim->calls, sim->calls_size * sizeof(struct tg_simcall *));
    }
    call->sim = sim;
    call->number = sim->n_calls;
    sim->calls[sim->n_calls++] = call;
    call->company = (uint32_t)tg_sim_dice(sim, sim->set->companies);
    call->destination = (uint8_t)tg_sim_dice(sim, TG_SIM_DESTINATIONS - 1);
    if (happens(sim, NOT_IN_THE_DECK_PERCENT))
        call->destination = TG_SIM_DESTINATIONS - 1;
    call->is_answered = !happens(sim, NOT_ANSWERED_PERCENT);
    call->ring_ms = draw_ms(sim, RING_MS_MEAN);
    call->talk_ms = draw_ms(sim, sim->set->talk_s * 1000.0);
    call->cut_ms = UINT32_MAX;
    call->steps_left = happens(sim, sim->set->abandon) ? 1 + (unsigned)tg_sim_dice(sim, 3) : 0;
    sim->stats.arrived++;
    sim->n_busy++;
    start_op(make_authorize(call), n_copies(sim));
}

void tg_sim_hang_up(struct tg_sim *sim, uint32_t within_ms)
{
    for (size_t i = 0; i != sim->n_calls; ++i) {
        struct tg_simcall *call = sim->calls[i];
        double wait_ms = (double)tg_sim_dice(sim, within_ms) * sim->set->speed;
        if (call->state == TG_SIMCALL_OPEN && now_ms(call) + wait_ms < call->cut_ms)
            call->cut_ms = now_ms(call) + (uint32_t)wait_ms;
        if (call->state == TG_SIMCALL_OPEN && call->n_under_way == 0)
            wait_for_next(call);
    }
}
