/* batch_internal - what the files of batch share: the tables of one attempt. */
#ifndef TG_CHARGE_BATCH_INTERNAL_H
#define TG_CHARGE_BATCH_INTERNAL_H

#include "base/strbuf.h"
#include "charge/batch.h"
#include "charge/keymap.h"
#include "charge/rate.h"

#define TG_BATCH_NONE UINT32_MAX

struct tg_batch_company { /* a company whose usage is in the batch */
    struct tg_id id, wallet;
    bool has_wallet, is_locked;
    bool is_shared; /* more than one operation brought usage of it */
    char currency[4];
    struct tg_id deck_id;
    uint32_t deck_version; /* 0: no deck */
    struct tg_rate_plan plan;
    struct tg_decimal balance, charged; /* before; what the batch takes */
    uint32_t n_charged;
    unsigned limits_met; /* by rules, with its usage */
    struct tg_id entry_id;
    const struct tg_batch_item *item; /* that brought its first usage */
};
struct tg_batch_work { /* one event to decide */
    struct tg_usage_event *event;
    uint32_t item, company;
    uint32_t owner; /* the work that has the same key and came first; itself when it is the first */
    bool is_stored; /* a row with this key is in the database */
    uint8_t body_hash[16]; /* of an owner: of the delivery that came first, stored or its own */
    bool is_charged;
    uint32_t rating_at, rating_len; /* in ratings */
};

struct tg_batch {
    struct tg_sqlconn *conn;
    struct tg_deckstore *decks;
    tg_batch_rules_fn *get_rules;
    void *rules_arg;
    /* of the running attempt */
    struct tg_batch_item *const *items;
    size_t n_items;
    int flags;
    int64_t now_us;
    struct tg_ruleset *rules;
    uint8_t bundle[32]; /* of the rules, zeroes without */
    struct tg_keymap access; /* (caller, company) → index of companies, or N_DENIED */
    struct tg_keymap company_map; /* (company, 0) → index of companies */
    struct tg_keymap seen; /* (company, dedupe) → index of works */
    struct tg_batch_company *companies;
    size_t n_companies, companies_capacity;
    struct tg_batch_work *works;
    size_t n_works, works_capacity;
    struct tg_strbuf json; /* the list that the running statement takes */
    struct tg_strbuf ratings; /* JSON of all that was rated */
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
/* batch.c: every event has been written or rejected; decides those that repeat another and writes the answers. */
void tg_batch_answer(struct tg_batch *b);
/* batch_write.c */
int tg_batch_write(struct tg_batch *b, struct tg_err *err_r) TG_MUST_CHECK;

void tg_batch_reject_conflict(struct tg_batch *b, struct tg_batch_work *work);
/* The event's company: as named, or the caller's. */
struct tg_id tg_batch_company_of(const struct tg_batch_item *item, const struct tg_usage_event *event);
/* Room for n more values of a bulk write, from the start. */
struct tg_dbval *tg_batch_values(struct tg_batch *b, size_t n);

#endif
