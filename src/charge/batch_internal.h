/* batch_internal - what the files of batch share: the tables of one attempt. */
#ifndef TG_CHARGE_BATCH_INTERNAL_H
#define TG_CHARGE_BATCH_INTERNAL_H

#include "base/strbuf.h"
#include "charge/batch.h"
#include "charge/credits.h"
#include "charge/keymap.h"
#include "charge/levels.h"
#include "charge/plancache.h"
#include "charge/planstore.h"
#include "charge/rate.h"
#include "charge/ratestate.h"

#define TG_BATCH_NONE UINT32_MAX

struct tg_batch_entry { /* what one kind of operation takes from one company in the batch */
    struct tg_decimal amount;
    uint32_t n; /* how many rows it stands for; 0: there is none */
    struct tg_id id; /* given when all is decided */
    struct tg_decimal balance_after;
};
enum { TG_BATCH_CALLS, TG_BATCH_USAGE, TG_BATCH_ENTRIES }; /* in the order in which they reach the wallet */
struct tg_batch_company { /* a company that something in the batch is about */
    struct tg_id id, wallet;
    bool has_wallet, is_locked;
    bool is_shared; /* more than one operation brought usage of it */
    bool is_purse_changed; /* by a call */
    char currency[4];
    char status[16]; /* "active", "suspended", "closed" */
    json_t *limits; /* NULL none */
    struct tg_id deck_id;
    uint32_t deck_version; /* 0: no deck */
    struct tg_rate_plan plan;
    struct tg_id plan_id; /* of the plan: tg_planstore_id() */
    bool has_allowances; /* free seconds may exist */
    bool has_credits; /* says the wallet */
    bool has_expired; /* a credit, and was broken */
    uint32_t credits; /* the wallet's number among those with credits, or TG_BATCH_NONE */
    struct tg_levels_band band;
    struct tg_purse
        purse; /* as locked, without credits that have expired; calls take from it at once, usage when all is decided */
    struct tg_batch_entry entries[TG_BATCH_ENTRIES];
    unsigned limits_met; /* by rules, with its calls and usage */
    const struct tg_batch_item *item; /* that brought its first usage */
};
struct tg_batch_call { /* a call that an operation or a usage event names */
    struct tg_call call;
    uint32_t company; /* index */
    uint8_t key[16];
    bool exists; /* a row, or authorized in this batch */
    bool is_new, is_changed; /* to be inserted; to be updated */
    bool has_entry; /* its end moved money */
    bool has_overrun, is_late; /* somebody should know */
    bool has_digits; /* of the called number; asked for when somebody wants to know */
    char digits[TG_CALL_DIGITS_SIZE];
    uint8_t request_hash[16];
    struct tg_id plan_id, deck_id; /* what it is priced with, like the bundle */
    uint32_t deck_version; /* 0: no deck */
    uint8_t bundle[32];
    struct tg_rate_plan plan; /* by that; borrowed. Of a call that is there or was opened in this batch */
    struct tg_deck *pinned_deck; /* a reference; NULL: the deck is the company's of today, or there is none */
    int64_t counted;
    struct tg_text authorize_answer, late_report;
};
struct tg_batch_counter { /* of calls of a company: on a number, of an agent, all of them */
    uint32_t company; /* index */
    uint8_t key[16];
    int64_t open, minute, minute_before, hour; /* now, those of this batch too */
    int64_t open_change, begun; /* by this batch */
};
struct tg_batch_debit { /* by a renewal */
    uint32_t call, seq;
    struct tg_decimal amount;
};
struct tg_batch_work { /* one event to decide */
    struct tg_usage_event *event;
    uint32_t item, company;
    uint32_t owner; /* the work that has the same key and came first; itself when it is the first */
    bool is_stored; /* a row with this key is in the database */
    uint8_t body_hash[16]; /* of an owner: of the delivery that came first, stored or its own */
    bool is_charged;
    bool has_taken; /* tiers, memories of prices or free seconds */
    size_t rating_at, rating_len; /* in ratings */
    uint32_t call; /* that it is a row of, or that it names; TG_BATCH_NONE */
    bool is_of_end; /* a row that the end of its call makes */
};

struct tg_batch {
    struct tg_sqlconn *conn;
    struct tg_deckstore *decks;
    struct tg_rulepins *pins;
    struct tg_planstore *plans;
    struct tg_plancache *plans_of_today;
    struct tg_ratestates *states;
    tg_batch_rules_fn *get_rules;
    void *rules_arg;
    /* of the running attempt */
    struct tg_batch_item *const *items;
    size_t n_items;
    int flags;
    int64_t now_us;
    bool must_repeat; /* what cannot be written has taken something: again, without it */
    struct tg_ruleset *rules;
    uint8_t bundle[32]; /* of the rules, zeroes without */
    struct tg_keymap access; /* (caller, company) → index of companies, or N_DENIED */
    struct tg_keymap company_map; /* (company, 0) → index of companies */
    struct tg_keymap seen; /* (company, dedupe) → index of works */
    struct tg_batch_company *companies;
    size_t n_companies, companies_capacity;
    struct tg_batch_work *works;
    size_t n_works, works_capacity;
    struct tg_keymap call_map; /* (company, key) → index of calls */
    struct tg_batch_call *calls;
    size_t n_calls, calls_capacity;
    size_t n_alerts; /* at most, of calls */
    struct tg_batch_debit *debits;
    size_t n_debits, debits_capacity;
    struct tg_keymap counter_map; /* (company, key) → index of counters */
    struct tg_batch_counter *counters;
    size_t n_counters, counters_capacity;
    struct tg_credits *credits;
    struct tg_usage_batch *arena; /* texts of calls, rows that their ends make */
    struct tg_strbuf json; /* the list that the running statement takes */
    struct tg_strbuf ratings; /* JSON of all that was rated, answers about calls */
    struct tg_dbval *values; /* of a bulk write */
    size_t values_capacity;
};

/* batch_read.c, in the order of an attempt. */
int tg_batch_read_keys(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;
/* 1: wallets are missing and must be made outside of the transaction. */
int tg_batch_read_companies(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;
int tg_batch_make_wallets(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;
int tg_batch_lock_wallets(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;
int tg_batch_read_stored(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;
/* Lists for a statement: ["hex", …], each of one or two times 16 bytes. */
void tg_batch_list_begin(struct tg_batch *b);
void tg_batch_list_add(struct tg_batch *b, const uint8_t *first, const uint8_t *second);
/* False: it is empty. */
bool tg_batch_list_end(struct tg_batch *b, struct tg_dbval *list_r);
struct tg_id tg_batch_id(const struct tg_dbval *cell);

/* batch_call.c: calls that operations and events name, and what is decided about them. */
void tg_batch_collect_calls(struct tg_batch *b);
int tg_batch_decide_calls(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;
/* batch_call_rows.c */
int tg_batch_read_calls(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;
int tg_batch_write_calls(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;

/* Finds has_digits and digits of a call to `to`: always anew, since operations of one name may have several. */
void tg_batch_read_digits(struct tg_batch *b, struct tg_batch_call *call, const struct tg_rate_plan *plan,
                          const char *to);
/* batch_call_counts.c */
int tg_batch_read_counts(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;
struct tg_call_counts tg_batch_counts(struct tg_batch *b, const struct tg_batch_call *call,
                                      const struct tg_call_op *op);
void tg_batch_count_begun(struct tg_batch *b, struct tg_batch_call *call, const struct tg_call_op *op);
void tg_batch_count_ended(struct tg_batch *b, struct tg_batch_call *call);
int tg_batch_write_counts(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;

/* batch_credits.c: credits of the locked wallets, and balances that leave their band. Once the purses are final, write. */
int tg_batch_expire_credits(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;
int tg_batch_write_credits(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;
int tg_batch_write_levels(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;

/* How many entries touch the company's wallet. */
unsigned tg_batch_n_entries(const struct tg_batch_company *company);

/* batch_price.c: what is priced by what. */
/* Calls that are there get the plan and deck of their rows. */
int tg_batch_pin_calls(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;
/* One that is opened now: what the company has today. */
void tg_batch_price_new(struct tg_batch *b, struct tg_batch_call *call);
/* The rules of the call's bundle; NULL: gone, and its plan says so. */
int tg_batch_rules_of(struct tg_batch *b, struct tg_batch_call *call, struct tg_ruleset **rules_r,
                      struct tg_err *err_r) TG_MUST_CHECK;
/* Tiers, memories of prices and free seconds that anything in the batch may ask for. */
int tg_batch_read_states(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;
/* The month an event belongs to is that of this instant. */
int64_t tg_batch_answered_at(const struct tg_usage_event *event);
/* Plans that the rows will name. */
int tg_batch_write_prices(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;

/* batch_call_alerts.c */
int tg_batch_write_alerts(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;

/* A new work at the end of works; it owns itself. */
struct tg_batch_work *tg_batch_work_new(struct tg_batch *b, uint32_t item, uint32_t company,
                                        struct tg_usage_event *event);
/* batch.c: every event has been written or rejected; decides those that repeat another and writes the answers. */
void tg_batch_answer(struct tg_batch *b);
/* batch_write.c */
int tg_batch_write(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;

void tg_batch_reject_conflict(struct tg_batch *b, struct tg_batch_work *work);
/* The company named, zeroes: the caller's. */
struct tg_id tg_batch_company_of(const struct tg_op *op, struct tg_id named);
/* Index of the company that the operation may name, or TG_KEYMAP_ABSENT. */
uint32_t tg_batch_company_index(const struct tg_batch *b, const struct tg_op *op, struct tg_id named);
/* Room for n more values of a bulk write, from the start. */
struct tg_dbval *tg_batch_values(struct tg_batch *b, size_t n);

#endif
