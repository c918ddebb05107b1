/* engine_strange_test - live calls that somebody sends who wishes us no good. TG_TSAN: it has a thread. */
#include "../../../src/charge/engine.c"

#include "calls_fixture.h"

static void limit(struct tg_id company, const char *limits)
{
    const struct tg_dbval values[] = {TG_DBVAL_STR(limits), TG_DBVAL_ID(company)};
    db_int("UPDATE companies SET limits = ? WHERE id = ?", values, 2);
}

TEST(a_call_id_that_was_denied_brings_its_next_number_to_no_destination_that_is_blocked)
{
    struct asked a[3];
    begin();
    const struct tg_id limited = add_company("limited", world.platform, true);
    fund(limited, "1");
    limit(limited, "{\"blocked_prefixes\":[\"4420\"],\"calls_per_number\":5}");
    lock_wallet(limited); /* in one batch */
    submit_authorize(&a[0], limited, NULL, "b-1", "+99123456789"); /* the deck has it blocked, the limits have not */
    submit_authorize(&a[1], limited, NULL, "b-1", "+442079460000");
    submit_authorize(&a[2], limited, NULL, "b-1", "+441619460000");
    unlock_wallet();
    for (int i = 0; i < 3; i++)
        asked_wait(&a[i]);
    contains(a[0].answer, "destination_blocked");
    contains(a[1].answer, "destination_blocked");
    contains(a[2].answer, "\"allow\"");
    settle(limited, "b-1", 1000); /* takes back what was counted, and nothing else */
    is_int(DB_INT("SELECT COUNT(*) FROM call_counters WHERE n <> 0"), 0);
    end();
}

TEST(a_number_is_counted_until_its_call_ends_wherever_the_company_is_then)
{
    begin();
    const struct tg_id limited = add_company("limited", world.platform, true);
    fund(limited, "1");
    limit(limited, "{\"calls_per_number\":5}");
    db_int("UPDATE companies SET country = 'GB' WHERE id = ?", &TG_DBVAL_ID(limited), 1);
    contains(authorize(limited, "n-1", "02079460000"), "\"allow\"");
    db_int("UPDATE companies SET country = 'US' WHERE id = ?", &TG_DBVAL_ID(limited), 1);
    contains(settle(limited, "n-1", 1000), "\"charge\"");
    is_int(DB_INT("SELECT COUNT(*) FROM call_counters WHERE n <> 0"), 0);
    end();
}

TEST(the_end_of_a_call_takes_the_room_of_all_its_meters_in_a_batch)
{
    struct tg_op op = {.kind = TG_OP_SETTLE, .call.end.n_usage = 50};
    ok(rows_of(&op) > 50, "%zu rows", rows_of(&op));
    op.kind = TG_OP_AUTHORIZE;
    is_int((int64_t)rows_of(&op), CALL_ROWS);
}

TEST(usage_that_fills_the_queue_leaves_room_for_calls)
{
    static struct request r[5];
    struct asked a;
    int n_taken = 0;
    begin();
    tg_engine_free(&engine);
    engine = engine_begin_with(&(struct tg_engine_settings){.queue_rows_max = 20});
    fund(world.client, "1");
    fund(world.other, "1");
    lock_wallet(world.client);
    for (int i = 0; i < 5; i++) {
        char body[4000] = "[";
        for (int k = 0; k < 6; k++) {
            char id[16];
            snprintf(id, sizeof(id), "fill-%d-%d", i, k);
            snprintf(body + strlen(body), sizeof(body) - strlen(body), "%s%s", k == 0 ? "" : ",",
                     call_event_of("nobody's", id));
        }
        strcat(body, "]");
        n_taken += request_submit(&r[i], engine, loop, world.client, NULL, body);
    }
    is_int(n_taken, 3);
    submit_authorize(&a, world.other, NULL, "room-1", "+442079460000");
    asked_wait(&a);
    contains(a.answer, "\"allow\"");
    unlock_wallet();
    for (int i = 0; i < n_taken; i++)
        request_wait(&r[i], loop);
    for (int i = 0; i < 5; i++)
        request_end(&r[i]);
    end();
}

TAP_MAIN()
