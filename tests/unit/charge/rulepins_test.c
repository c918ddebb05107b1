/* rulepins_test - a call is priced by the rules it began with, and by none when they are gone. */
#include "../../../src/charge/rulepins.c"

#include "fixture.h"
#include "rt/ruleset_fixture.h"

#define SAY "return {hook = 'a.say', api = 1, decide = function(input) "

static struct tg_luasource *host;
static struct tg_ruleseat *seat;
static struct tg_bundle *bundles[8]; /* what the keeper finds */
static size_t n_bundles, n_loads;
static enum tg_errcode load_error;

static int load(const char *id, struct tg_bundle **bundle_r, void *arg, struct tg_err *err_r)
{
    (void)arg;
    n_loads++;
    if (load_error != TG_ERR_NONE)
        return tg_err_set(err_r, load_error, "the database is away");
    for (size_t i = 0; i < n_bundles; i++) {
        if (strcmp(tg_bundle_id(bundles[i]), id) == 0) {
            *bundle_r = tg_bundle_ref(bundles[i]);
            return 0;
        }
    }
    return tg_err_set(err_r, TG_ERR_NOT_FOUND, "there is no bundle %s", id);
}

/* Publishes a rule; its id as calls have it. */
static const uint8_t *publish(const char *source)
{
    static uint8_t ids[8][TG_SHA256_LEN];
    struct tg_faults faults = {0};
    const struct tg_bundle_file file = {"a/rules.lua", source, strlen(source)};
    is_int(tg_bundle_new(&file, 1, &faults, &bundles[n_bundles]), 0);
    ok(tg_unhex(tg_bundle_id(bundles[n_bundles]), ids[n_bundles], TG_SHA256_LEN), "an id");
    return ids[n_bundles++];
}

/* Makes the bundle published as id the one that decides. */
static void activate(const uint8_t *id)
{
    static uint64_t revision;
    char hex[TG_BUNDLE_ID_SIZE];
    struct tg_err err = {0};
    tg_hex(id, TG_SHA256_LEN, hex);
    for (size_t i = 0; i < n_bundles; i++) {
        if (strcmp(tg_bundle_id(bundles[i]), hex) != 0)
            continue;
        const struct tg_rulestate state = {.host = host,
                                           .bundle = bundles[i],
                                           .revision = ++revision,
                                           .is_confirmed = true};
        ok(tg_rulebook_set(world.book, &state, &err) == 0, "%s", err.text);
    }
    ok(tg_ruleseat_take(seat), "taken");
}

static void begin(void)
{
    if (seat != NULL)
        return;
    char root[] = "/tmp/tg-pins-XXXXXX";
    struct tg_err err = {0};
    if (mkdtemp(root) == NULL || tg_luasource_read(root, &host, &err) != 0)
        printf("Bail out! %s\n", err.text);
    rmdir(root);
    world.book = tg_rulebook_new();
    tg_rulebook_set_keeper(world.book, &(struct tg_rulebook_keeper){.load = load});
    seat = tg_ruleseat_new(world.book, "engine", NULL, NULL, NULL);
}

TEST(a_call_keeps_its_rules_over_a_swap_and_they_are_built_once)
{
    begin();
    struct tg_rulepins *pins = tg_rulepins_new(seat);
    struct tg_ruleset *set;
    struct tg_err err = {0};
    const uint8_t *a = publish(SAY "return 'A' end}"), *b = publish(SAY "return 'B' end}");
    activate(a);
    ok(tg_rulepins_get(pins, a, &set, &err) == 0, "%s", err.text);
    ok(set == tg_ruleseat_current(seat), "what decides");
    activate(b);
    is_int(n_loads, 0);
    for (int i = 0; i < 3; i++) {
        ok(tg_rulepins_get(pins, a, &set, &err) == 0, "%s", err.text);
        is_str(hook_says(set, "a.say"), "A");
        ok(tg_rulepins_get(pins, b, &set, &err) == 0, "%s", err.text);
        is_str(hook_says(set, "a.say"), "B");
    }
    is_int(n_loads, 1);
    tg_rulepins_free(&pins);
}

TEST(rules_that_are_gone_or_do_not_load_are_none_and_nobody_looks_again_at_once)
{
    begin();
    struct tg_rulepins *pins = tg_rulepins_new(seat);
    struct tg_ruleset *set = NULL;
    struct tg_err err = {0};
    const uint8_t nobody[TG_SHA256_LEN] = {1}, *broken = publish("return 5");
    n_loads = 0;
    for (int i = 0; i < 2; i++) {
        is_int(tg_rulepins_get(pins, nobody, &set, &err), -1);
        is_int(err.code, TG_ERR_NOT_FOUND);
        contains(err.text, "cannot be loaded: there is no bundle 01000");
        is_int(tg_rulepins_get(pins, broken, &set, &err), -1);
        is_int(err.code, TG_ERR_NOT_FOUND);
    }
    is_int(n_loads, 2);
    ok(set == NULL, "untouched");
    pins->refused[0].until_us = pins->refused[1].until_us = 0; /* half a minute later */
    is_int(tg_rulepins_get(pins, nobody, &set, &err), -1);
    is_int(n_loads, 3);
    tg_rulepins_free(&pins);
}

TEST(while_the_database_is_away_it_is_not_known_whether_there_are_rules)
{
    begin();
    struct tg_rulepins *pins = tg_rulepins_new(seat);
    struct tg_ruleset *set;
    struct tg_err err = {0};
    const uint8_t *c = publish(SAY "return 'C' end}");
    load_error = TG_ERR_UPSTREAM;
    is_int(tg_rulepins_get(pins, c, &set, &err), -1);
    is_int(err.code, TG_ERR_UPSTREAM);
    load_error = TG_ERR_NONE;
    ok(tg_rulepins_get(pins, c, &set, &err) == 0, "%s", err.text);
    is_str(hook_says(set, "a.say"), "C");
    tg_rulepins_free(&pins);
}

TEST(a_set_that_met_a_limit_is_mended_and_the_others_notice_nothing)
{
    begin();
    struct tg_rulepins *pins = tg_rulepins_new(seat);
    struct tg_ruleset *set, *other;
    struct tg_err err = {0};
    const uint8_t *loop = publish(SAY "while true do end end}"), *d = publish(SAY "return 'D' end}");
    activate(d);
    ok(tg_rulepins_get(pins, loop, &set, &err) == 0, "%s", err.text);
    ok(strncmp(hook_says(set, "a.say"), "busy", 4) == 0, "it has met a limit");
    ok(tg_ruleset_is_spoilt(set), "spoilt");
    ok(tg_rulepins_get(pins, d, &other, &err) == 0, "%s", err.text);
    is_str(hook_says(other, "a.say"), "D");
    ok(tg_rulepins_get(pins, loop, &set, &err) == 0, "%s", err.text);
    ok(!tg_ruleset_is_spoilt(set), "mended");
    tg_rulepins_free(&pins);
}

TEST(nothing_is_left_behind)
{
    tg_ruleseat_free(&seat);
    tg_rulebook_free(&world.book);
    tg_luasource_unref(&host);
    while (n_bundles > 0)
        tg_bundle_unref(&bundles[--n_bundles]);
}

TAP_MAIN()
