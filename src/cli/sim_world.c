/* sim_world - where simulated calls take place: a deck, companies of their own and their money (sim.h).
 *
 * They are named, so that a second run finds them: the deck "tollgate sim", companies with external_ref sim-1, sim-2, ….
 * A company's money is its credit limit, which is left alone when between one and two times as much is available.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/sim.h"

#define DECK_NAME "tollgate sim"
#define AT_ONCE 32

/* The last is in no deck: denied. */
const char *const tg_sim_destinations[TG_SIM_DESTINATIONS] = {"+1212", "+4420", "+4477", "+4930", "+999"};
static const struct {
    const char *prefix;
    int per_minute_milli; /* thousandths of a dollar */
    uint32_t increment_s;
} rates[TG_SIM_DESTINATIONS - 1] = {{"1", 12, 6}, {"44", 24, 6}, {"447", 60, TG_SIM_BLOCK_S}, {"49", 18, 1}};

/* Both in millionths of a dollar. */
#define TOKEN_PRICE 2
#define CHARACTER_PRICE 30
static const char prices[] = "{\"prices\":{\"llm.tokens.in\":{\"model\":\"per_unit\",\"price\":\"0.000002\"},"
                             "\"tts.characters\":{\"model\":\"per_unit\",\"price\":\"0.00003\"}}}";

struct tg_decimal tg_sim_price(unsigned destination, uint64_t duration_ms, uint32_t tokens, uint32_t characters)
{
    assert(destination < TG_SIM_DESTINATIONS);
    int64_t micros = (int64_t)tokens * TOKEN_PRICE + (int64_t)characters * CHARACTER_PRICE;
    if (destination < TG_SIM_DESTINATIONS - 1) {
        uint64_t step = rates[destination].increment_s, seconds = (duration_ms + 999) / 1000;
        uint64_t billed = (seconds + step - 1) / step * step;
        micros += (int64_t)(billed * (uint64_t)rates[destination].per_minute_milli * 1000 / 60);
    }
    return (struct tg_decimal){(__int128)micros * 1000000};
}

/* --- the same request for each company ----------------------------------------------------------------------------- */

struct fan;
typedef void make_fn(struct fan *fan, size_t i, struct tg_strbuf *path, struct tg_strbuf *body);
typedef int take_fn(struct fan *fan, size_t i, const json_t *answer, struct tg_err *err_r);
struct fan {
    struct tg_sim *sim;
    make_fn *make;
    take_fn *take;
    const char *deck;
    size_t next, n, n_running;
    int rc;
    struct tg_err err;
};
struct fan_request {
    struct fan *fan;
    size_t i;
};

static void on_fan_answer(int status, const char *body, size_t len, void *arg)
{
    struct fan_request r = *(struct fan_request *)arg;
    struct fan *fan = r.fan;
    free(arg);
    fan->n_running--;
    if (fan->rc != 0)
        return;
    json_t *answer = status != 0 ? json_loadb(body, len, 0, NULL) : NULL;
    if (status == 0)
        fan->rc = tg_err_set(&fan->err, TG_ERR_UPSTREAM, "the server does not answer");
    else if (status >= 300 || status == 202)
        fan->rc = tg_api_problem(&(struct tg_api_answer){status, answer}, &fan->err);
    else
        fan->rc = fan->take(fan, r.i, answer, &fan->err);
    json_decref(answer);
}

static void start_one(struct fan *fan)
{
    struct tg_strbuf path, body;
    struct fan_request *r = TG_NEW(struct fan_request);
    *r = (struct fan_request){fan, fan->next++};
    tg_strbuf_init(&path, 1024);
    tg_strbuf_init(&body, 4096);
    fan->make(fan, r->i, &path, &body);
    if (path.len == 0) {
        free(r);
    } else {
        struct tg_simhttp_request req = {0, "POST", path.bytes, "application/json", body.bytes, body.len, -1};
        fan->n_running++;
        tg_simhttp_send(fan->sim->http, &req, on_fan_answer, r);
    }
    tg_strbuf_deinit(&path);
    tg_strbuf_deinit(&body);
}

static int fan_out(struct fan *fan, struct tg_err *err_r)
{
    while (fan->n_running > 0 || (fan->rc == 0 && fan->next < fan->n)) {
        while (fan->rc == 0 && fan->next < fan->n && fan->n_running < AT_ONCE)
            start_one(fan);
        if (fan->n_running > 0)
            tg_loop_run_once(fan->sim->loop, 100);
    }
    if (fan->rc != 0)
        *err_r = fan->err;
    return fan->rc;
}

/* --- lists --------------------------------------------------------------------------------------------------------- */

int tg_sim_each_row(struct tg_sim *sim, const char *path, tg_sim_row_fn *fn, void *arg, struct tg_err *err_r)
{
    char cursor[1024] = "", whole[1400];
    int rc = 0;
    do {
        json_t *page = NULL;
        const json_t *row;
        size_t i;
        snprintf(whole, sizeof(whole), "%s&limit=500%s%s", path, *cursor != '\0' ? "&cursor=" : "", cursor);
        if (tg_api_json(sim->api, "GET", whole, NULL, &page, err_r) != 0)
            return -1;
        json_array_foreach(json_object_get(page, "data"), i, row)
        {
            if (rc == 0)
                rc = fn(sim, row, arg, err_r);
        }
        const char *next = json_string_value(json_object_get(page, "next_cursor"));
        snprintf(cursor, sizeof(cursor), "%s", next != NULL ? next : "");
        json_decref(page);
    } while (rc == 0 && *cursor != '\0');
    return rc;
}

static const char *text_of(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text != NULL ? text : "";
}

static int amount_of(const json_t *row, const char *name, struct tg_decimal *d_r, struct tg_err *err_r)
{
    const char *text = json_string_value(json_object_get(json_object_get(row, name), "amount"));
    *d_r = tg_decimal_zero;
    return text != NULL ? tg_decimal_parse(text, strlen(text), d_r, err_r) : 0;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct tg_sim_company *)a)->id, ((const struct tg_sim_company *)b)->id);
}

static struct tg_sim_company *find_company(struct tg_sim *sim, const char *id)
{
    struct tg_sim_company key;
    snprintf(key.id, sizeof(key.id), "%s", id);
    return bsearch(&key, sim->companies, sim->set->companies, sizeof(key), by_id);
}

/* --- making them --------------------------------------------------------------------------------------------------- */

static int take_deck_row(struct tg_sim *sim, const json_t *row, void *arg, struct tg_err *err_r)
{
    (void)sim;
    (void)err_r;
    if (strcmp(text_of(row, "name"), DECK_NAME) == 0)
        snprintf(arg, TG_ID_TEXT_SIZE, "%s", text_of(row, "id"));
    return 0;
}

static int put_rates(struct tg_sim *sim, const char *deck, struct tg_err *err_r)
{
    struct tg_strbuf csv;
    char path[128];
    struct tg_api_answer answer = {0, NULL};
    tg_strbuf_init(&csv, 4096);
    tg_strbuf_append_str(&csv, "prefix,per_minute,connect_fee,initial_s,increment_s\n");
    for (int i = 0; i != TG_SIM_DESTINATIONS - 1; ++i)
        tg_strbuf_printf(&csv, "%s,0.%03d,0,%u,%u\n", rates[i].prefix, rates[i].per_minute_milli, rates[i].increment_s,
                         rates[i].increment_s);
    snprintf(path, sizeof(path), "/v1/rate-decks/%s/rates", deck);
    int rc = tg_api_send(sim->api, &(struct tg_api_request){"PUT", path, "text/csv", csv.bytes, csv.len, NULL}, &answer,
                         err_r);
    if (rc == 0 && answer.status >= 300)
        rc = tg_api_problem(&answer, err_r);
    tg_api_answer_free(&answer);
    tg_strbuf_deinit(&csv);
    return rc;
}

static int prepare_deck(struct tg_sim *sim, char deck[static TG_ID_TEXT_SIZE], struct tg_err *err_r)
{
    json_t *answer = NULL;
    if (tg_sim_each_row(sim, "/v1/rate-decks?name=tollgate%20sim", take_deck_row, deck, err_r) != 0)
        return -1;
    if (*deck == '\0') {
        json_t *body = json_pack("{s:s, s:s}", "name", DECK_NAME, "currency", "USD");
        if (tg_api_json(sim->api, "POST", "/v1/rate-decks", body, &answer, err_r) != 0)
            return -1;
        snprintf(deck, TG_ID_TEXT_SIZE, "%s", text_of(answer, "id"));
        json_decref(answer);
    }
    return put_rates(sim, deck, err_r);
}

static int take_company_row(struct tg_sim *sim, const json_t *row, void *arg, struct tg_err *err_r)
{
    const char *ref = text_of(row, "external_ref");
    (void)arg;
    (void)err_r;
    if (strncmp(ref, "sim-", 4) != 0)
        return 0;
    unsigned long n = strtoul(ref + 4, NULL, 10);
    if (n >= 1 && n <= sim->set->companies)
        snprintf(sim->companies[n - 1].id, TG_ID_TEXT_SIZE, "%s", text_of(row, "id"));
    return 0;
}

static void make_company(struct fan *fan, size_t i, struct tg_strbuf *path, struct tg_strbuf *body)
{
    if (fan->sim->companies[i].id[0] != '\0')
        return;
    tg_strbuf_append_str(path, "/v1/companies");
    tg_strbuf_printf(
        body,
        "{\"name\":\"Simulated %zu\",\"external_ref\":\"sim-%zu\",\"currency\":\"USD\",\"rate_deck\":\"%s\","
        "\"pricing\":%s}",
        i + 1, i + 1, fan->deck, prices);
}

static int take_company(struct fan *fan, size_t i, const json_t *answer, struct tg_err *err_r)
{
    (void)err_r;
    snprintf(fan->sim->companies[i].id, TG_ID_TEXT_SIZE, "%s", text_of(answer, "id"));
    return 0;
}

/* With what it owes already, so much is available. */
static void make_limit(struct fan *fan, size_t i, struct tg_strbuf *path, struct tg_strbuf *body)
{
    struct tg_sim_company *company = &fan->sim->companies[i];
    struct tg_decimal money, twice, limit;
    struct tg_err err;
    char text[TG_DECIMAL_TEXT_SIZE];
    int rc = tg_decimal_parse(fan->sim->set->money, strlen(fan->sim->set->money), &money, &err);
    if (rc == 0)
        rc = tg_decimal_add(money, money, &twice, &err);
    if (rc == 0)
        rc = tg_decimal_sub(money, company->balance_before, &limit, &err);
    assert(rc == 0);
    if (tg_decimal_cmp(company->available, money) >= 0 && tg_decimal_cmp(company->available, twice) <= 0)
        return;
    company->available = money;
    tg_decimal_format(limit, text);
    tg_strbuf_printf(path, "/v1/wallets/%s/credit-limit", company->wallet);
    tg_strbuf_printf(body, "{\"amount\":\"%s\"}", text);
}

static int take_limit(struct fan *fan, size_t i, const json_t *answer, struct tg_err *err_r)
{
    (void)fan;
    (void)i;
    (void)answer;
    (void)err_r;
    return 0;
}

/* --- reading them -------------------------------------------------------------------------------------------------- */

static int take_wallet(struct tg_sim *sim, const json_t *row, void *arg, struct tg_err *err_r)
{
    bool is_after = *(const bool *)arg;
    struct tg_sim_company *company = find_company(sim, text_of(row, "company"));
    if (company == NULL)
        return 0;
    snprintf(company->wallet, sizeof(company->wallet), "%s", text_of(row, "id"));
    if (!is_after && amount_of(row, "available", &company->available, err_r) != 0)
        return -1;
    if (!is_after)
        return amount_of(row, "balance", &company->balance_before, err_r);
    if (amount_of(row, "held", &company->held_after, err_r) != 0)
        return -1;
    return amount_of(row, "balance", &company->balance_after, err_r);
}

static int read_usage(struct tg_sim *sim, bool is_after, struct tg_err *err_r)
{
    json_t *summary = NULL;
    const json_t *group;
    size_t i;
    int rc = 0;
    if (tg_api_json(sim->api, "GET", "/v1/usage/summary?group_by=company&source=tollgate", NULL, &summary, err_r) != 0)
        return -1;
    json_array_foreach(json_object_get(summary, "data"), i, group)
    {
        struct tg_sim_company *company = find_company(sim, text_of(group, "company"));
        if (rc == 0 && company != NULL)
            rc = amount_of(group, "amount", is_after ? &company->usage_after : &company->usage_before, err_r);
    }
    json_decref(summary);
    return rc;
}

int tg_sim_read_wallets(struct tg_sim *sim, bool is_after, struct tg_err *err_r)
{
    if (tg_sim_each_row(sim, "/v1/wallets?currency=USD", take_wallet, &is_after, err_r) != 0)
        return -1;
    return read_usage(sim, is_after, err_r);
}

int tg_sim_prepare(struct tg_sim *sim, struct tg_err *err_r)
{
    char deck[TG_ID_TEXT_SIZE] = "";
    unsigned n = sim->set->companies;
    sim->companies = tg_calloc(n, sizeof(*sim->companies));
    if (prepare_deck(sim, deck, err_r) != 0 ||
        tg_sim_each_row(sim, "/v1/companies?q=Simulated", take_company_row, NULL, err_r) != 0)
        return -1;
    struct fan make = {.sim = sim, .make = make_company, .take = take_company, .deck = deck, .n = n};
    if (fan_out(&make, err_r) != 0)
        return -1;
    qsort(sim->companies, n, sizeof(*sim->companies), by_id);
    for (unsigned i = 0; i != n; ++i)
        sim->companies[i].is_obedient = (uint64_t)i * 100 / n >= sim->set->overrun;
    if (tg_sim_read_wallets(sim, false, err_r) != 0)
        return -1;
    struct fan limit = {.sim = sim, .make = make_limit, .take = take_limit, .n = n};
    return fan_out(&limit, err_r);
}
