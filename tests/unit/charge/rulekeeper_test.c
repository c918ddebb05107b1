/* rulekeeper_test - the rules follow the slots, whatever is in them, and go back when they fail. TG_TSAN: its thread. */
#include "../../../src/charge/rulekeeper.c"

#include <sys/stat.h>

#include "fixture.h"
#include "rt/metrics.h"
#include "rt/ruleset_fixture.h"

static struct tg_loop *loop;
static struct tg_ruleseat *seat;
static struct tg_rulekeeper *keeper;
static char dir[80];

/* A release whose own rule says `text`; it has one file. */
static struct tg_luasource *release_saying(const char *text)
{
    char root[80], path[120], command[120];
    struct tg_luasource *src = NULL;
    struct tg_err err = {0};
    snprintf(root, sizeof(root), "%s/release-XXXXXX", services.dir);
    if (mkdtemp(root) == NULL)
        abort();
    snprintf(path, sizeof(path), "%s/a", root);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/a/rules.lua", root);
    FILE *file = fopen(path, "w");
    fprintf(file, "return {hook='a.say', api=1, decide=function() return '%s' end}\n", text);
    fclose(file);
    ok(tg_luasource_read(root, &src, &err) == 0, "%s", err.text);
    snprintf(command, sizeof(command), "rm -r %s", root);
    ok(system(command) == 0, "removed");
    return src;
}

/* Stores a bundle whose rule says `text`; its id, static. */
static const char *publish(const char *text)
{
    static char id[TG_BUNDLE_ID_SIZE];
    struct tg_luasource *src = release_saying(text);
    struct tg_bundle *bundle = NULL;
    struct tg_err err = {0};
    ok(tg_bundle_of_source(src, &bundle, &err) == 0 && tg_rulestore_keep_release(world.conn, bundle, &err) == 0, "%s",
       err.text);
    snprintf(id, sizeof(id), "%s", tg_bundle_id(bundle));
    tg_bundle_unref(&bundle);
    tg_luasource_unref(&src);
    return id;
}

/* As the service does it, without a check of the revision; id NULL: the release. */
static uint64_t activate(const char *id, int64_t set_at_us)
{
    const struct tg_dbval values[] = {id == NULL ? TG_DBVAL_NULL : TG_DBVAL_STR(id), TG_DBVAL_TIME(set_at_us)};
    db_int("INSERT INTO rule_activations (revision, bundle_id, previous_id, reason, set_by, set_at)"
           " SELECT revision + 1, UNHEX(?), bundle_id, 'activate', 'test', ? FROM rule_slots WHERE role = 'active'",
           values, 2);
    db_int("UPDATE rule_slots SET revision = revision + 1, bundle_id = UNHEX(?), set_at = ? WHERE role = 'active'",
           values, 2);
    return (uint64_t)DB_INT("SELECT revision FROM rule_slots WHERE role = 'active'");
}

static const char *say(void)
{
    return hook_says(tg_ruleseat_current(seat), "a.say");
}

static uint64_t revision_here(void)
{
    struct tg_ruleset *set = tg_ruleseat_current(seat);
    return set == NULL ? UINT64_MAX : tg_ruleset_state(set)->revision;
}

static void turn(void)
{
    tg_loop_run_once(loop, 10);
}

/* Runs the loop until the seat has the revision. */
static void wait_for(uint64_t revision)
{
    const uint64_t until_us = tg_clock_mono_us() + 10000000;
    tg_rulekeeper_wake(keeper);
    while (revision_here() != revision && tg_clock_mono_us() < until_us)
        turn();
    is_int(revision_here(), revision);
}

static bool holds(const char *sql)
{
    const uint64_t until_us = tg_clock_mono_us() + 10000000;
    while (DB_INT(sql) == 0 && tg_clock_mono_us() < until_us)
        turn();
    return DB_INT(sql) != 0;
}

static void begin(const struct tg_dburl *url, const char *cache)
{
    world_begin();
    struct tg_luasource *src = release_saying("release");
    struct tg_err err = {0};
    loop = tg_loop_new();
    world.book = tg_rulebook_new();
    seat = tg_ruleseat_new(world.book, "loop-0", loop, NULL, NULL);
    keeper = tg_rulekeeper_new(url, world.book, cache);
    ok(tg_rulekeeper_set_host(keeper, src, &err) == 0, "%s", err.text);
    turn();
    tg_luasource_unref(&src);
}

static void end(void)
{
    tg_rulekeeper_free(&keeper);
    tg_ruleseat_free(&seat);
    turn();
    tg_loop_free(&loop);
    tg_rulebook_free(&world.book);
    db_int("UPDATE rule_slots SET bundle_id = NULL, set_at = '2020-01-01', share_ppm = 0", NULL, 0);
}

TEST(the_slots_decide_and_the_node_says_what_it_has)
{
    begin(&world.url, NULL);
    is_str(say(), "release");
    ok(holds("SELECT COUNT(*) FROM rule_bundles WHERE author = 'release'"), "the release's bundle is kept, too");
    const uint64_t revision = activate(publish("one"), tg_clock_now_us());
    wait_for(revision);
    is_str(say(), "one");
    ok(holds("SELECT COUNT(*) FROM rule_nodes n JOIN rule_slots s ON s.role = 'active' AND n.revision = s.revision"
             " AND n.bundle_id = s.bundle_id AND n.error IS NULL AND n.threads LIKE '%loop-0%'"),
       "the row of the node");
    wait_for(activate(NULL, tg_clock_now_us()));
    is_str(say(), "release");
    end();
}

TEST(what_cannot_decide_changes_nothing_and_is_told)
{
    begin(&world.url, NULL);
    const uint64_t good = activate(publish("good"), tg_clock_now_us());
    wait_for(good);
    (void)activate("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", tg_clock_now_us());
    tg_rulekeeper_wake(keeper);
    ok(holds("SELECT COUNT(*) FROM rule_nodes WHERE error LIKE 'there is no bundle %'"), "a bundle that is not there");
    (void)activate(publish("bad' end, x = = '"), tg_clock_now_us());
    tg_rulekeeper_wake(keeper);
    ok(holds("SELECT COUNT(*) FROM rule_nodes WHERE error LIKE 'a/rules.lua:1:%'"), "one that does not load");
    is_str(say(), "good");
    (void)activate(publish("odd' end, cases = {{name = 'even', input = {}, want = 'even'}}, x = function() return '"),
                   tg_clock_now_us());
    tg_rulekeeper_wake(keeper);
    ok(holds("SELECT COUNT(*) FROM rule_nodes WHERE error LIKE 'a/rules.lua: the case ''even'' of a.say%'"),
       "one whose golden case does not hold");
    is_str(say(), "good");
    const uint64_t next = activate(publish("next"), tg_clock_now_us());
    wait_for(next);
    ok(holds("SELECT COUNT(*) FROM rule_nodes WHERE error IS NULL"), "nothing is wrong any more");
    char id[TG_BUNDLE_ID_SIZE];
    snprintf(id, sizeof(id), "%s", publish("tampered"));
    DB_INT("UPDATE rule_files SET source = REPLACE(source, 'tampered', 'stolen')");
    (void)activate(id, tg_clock_now_us());
    tg_rulekeeper_wake(keeper);
    ok(holds("SELECT COUNT(*) FROM rule_nodes WHERE error LIKE '%are not what they were'"),
       "one that was tampered with");
    is_str(say(), "next");
    end();
}

TEST(another_host_takes_what_is_active_along_and_a_broken_one_is_refused)
{
    begin(&world.url, NULL);
    struct tg_err err = {0};
    struct tg_luasource *broken = release_saying("x' y = '"), *other = release_saying("other release");
    wait_for(activate(publish("active"), tg_clock_now_us()));
    is_int(tg_rulekeeper_set_host(keeper, broken, &err), -1);
    contains(err.text, "a/rules.lua:1:");
    ok(tg_rulekeeper_set_host(keeper, other, &err) == 0, "%s", err.text);
    turn();
    is_str(say(), "active");
    wait_for(activate(NULL, tg_clock_now_us()));
    is_str(say(), "other release");
    tg_luasource_unref(&broken);
    tg_luasource_unref(&other);
    end();
}

TEST(a_bundle_is_found_by_its_id_whether_it_decides_or_lies_in_the_database)
{
    begin(&world.url, NULL);
    struct tg_err err = {0};
    struct tg_bundle *bundle = NULL;
    char id[TG_BUNDLE_ID_SIZE];
    snprintf(id, sizeof(id), "%s", publish("old"));
    ok(tg_rulebook_load(world.book, id, &bundle, &err) == 0, "%s", err.text);
    is_str(tg_bundle_id(bundle), id);
    tg_bundle_unref(&bundle);
    is_int(tg_rulebook_load(world.book, "no id", &bundle, &err), -1);
    is_int(err.code, TG_ERR_INPUT);
    memset(id, '0', sizeof(id) - 1);
    is_int(tg_rulebook_load(world.book, id, &bundle, &err), -1);
    is_int(err.code, TG_ERR_NOT_FOUND);
    end();
}

/* --- taking back ---------------------------------------------------------------------------------------------------- */

static void note_calls(uint64_t revision, int n_calls, int n_failures)
{
    const struct tg_id node = tg_id_new();
    struct tg_err err = {0};
    ok(tg_rulestore_write_calls(world.conn, node, revision, "a.say", (uint64_t)n_calls, (uint64_t)n_failures, &err) ==
           0,
       "%s", err.text);
}

TEST(an_activation_is_taken_back_by_its_failures_once_and_only_while_it_is_young)
{
    static const struct {
        const char *name;
        int calls[2], failures[2]; /* of two nodes */
        int64_t age_us;
        const char *reason;
        int taken_back;
    } cases[] = {
        {"too few calls", {100, 99}, {50, 50}, 0, "activate", 0},
        {"one in a hundred is borne", {100, 100}, {1, 1}, 0, "activate", 0},
        {"more is not, and nodes are added up", {100, 100}, {3, 0}, 0, "activate", 1},
        {"an old one stays", {1000, 1000}, {1000, 1000}, TG_RULES_JUDGED_US + 1000000, "activate", 0},
        {"what was taken back to stays", {1000, 1000}, {1000, 1000}, 0, "automatic", 0},
        {"what somebody went back to stays", {1000, 1000}, {1000, 1000}, 0, "rollback", 0},
    };
    world_begin();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_err err = {0};
        struct tg_ruleslots slots;
        char detail[200];
        tap_case("%s", cases[i].name);
        const uint64_t before = activate(publish("before"), 0);
        const uint64_t revision = activate(publish("after"), tg_clock_now_us() - cases[i].age_us);
        const struct tg_dbval reason[] = {TG_DBVAL_STR(cases[i].reason), TG_DBVAL_INT((int64_t)revision)};
        db_int("UPDATE rule_activations SET reason = ? WHERE revision = ?", reason, 2);
        note_calls(before, 1000, 1000);
        note_calls(revision, cases[i].calls[0], cases[i].failures[0]);
        note_calls(revision, cases[i].calls[1], cases[i].failures[1]);
        ok(tg_rulestore_read(world.conn, &slots, &err) == 0, "%s", err.text);
        is_int(tg_rulestore_judge(world.conn, &slots, detail, &err), cases[i].taken_back);
        is_int(tg_rulestore_judge(world.conn, &slots, detail, &err), 0); /* with what another node has read */
        is_int(DB_INT("SELECT revision FROM rule_slots WHERE role = 'active'"), revision + cases[i].taken_back);
        if (!cases[i].taken_back)
            continue;
        is_str(detail, "a.say failed in 3 of 200 calls");
        is_str(
            DB_TEXT(
                "SELECT CONCAT(a.reason, ' ', a.detail, ' ', a.bundle_id = s.bundle_id, ' ', a.bundle_id = b.bundle_id)"
                " FROM rule_slots s JOIN rule_activations a USING (revision)"
                " JOIN rule_activations b ON b.revision = s.revision - 2 WHERE s.role = 'active'"),
            "automatic a.say failed in 3 of 200 calls 1 1");
    }
    db_int("UPDATE rule_slots SET bundle_id = NULL, set_at = '2020-01-01'", NULL, 0);
}

TEST(nodes_that_are_gone_are_forgotten_with_their_calls)
{
    world_begin();
    struct tg_err err = {0};
    DB_INT("DELETE FROM rule_nodes");
    DB_INT("DELETE FROM rule_calls");
    const struct tg_rulenode node = {.id = tg_id_new(), .host = "here", .revision = 5, .bundle = "", .threads = "[]"};
    ok(tg_rulestore_beat(world.conn, &node, &err) == 0, "%s", err.text);
    ok(tg_rulestore_write_calls(world.conn, node.id, 25, "a.say", 1, 0, &err) == 0, "%s", err.text);
    ok(tg_rulestore_write_calls(world.conn, node.id, 1, "a.say", 1, 0, &err) == 0, "%s", err.text);
    note_calls(25, 1, 0);
    size_t n_behind;
    char host[101];
    is_int(tg_rulestore_count_behind(world.conn, 6, &n_behind, host, &err), 0);
    is_int(n_behind, 1);
    is_str(host, "here");
    is_int(tg_rulestore_purge(world.conn, 30, &err), 0);
    is_int(DB_INT("SELECT COUNT(*) FROM rule_calls"), 1);
    DB_INT("UPDATE rule_nodes SET seen_at = seen_at - INTERVAL 61 MINUTE");
    is_int(tg_rulestore_count_behind(world.conn, 6, &n_behind, host, &err), 0);
    is_int(n_behind, 0);
    is_int(tg_rulestore_purge(world.conn, 30, &err), 0);
    is_int(DB_INT("SELECT COUNT(*) FROM rule_nodes"), 0);
    is_int(DB_INT("SELECT COUNT(*) FROM rule_calls"), 0);
}

/* --- without the database ------------------------------------------------------------------------------------------- */

static struct tg_dburl nobody(void)
{
    struct tg_dburl url;
    tg_dburl_copy(&world.url, &url);
    free(url.socket);
    url.socket = tg_strdup("/nowhere/mysql.sock");
    return url;
}

TEST(the_copy_on_the_disk_stands_in_for_a_database_that_is_away)
{
    snprintf(dir, sizeof(dir), "%s/cache", services.dir);
    begin(&world.url, dir);
    const uint64_t revision = activate(publish("kept"), tg_clock_now_us());
    wait_for(revision);
    ok(tg_ruleset_state(tg_ruleseat_current(seat))->is_confirmed, "the database has said so");
    tg_rulekeeper_stop(keeper); /* it writes the copy after the threads have theirs */
    end();
    struct tg_dburl url = nobody();
    begin(&url, dir);
    is_str(say(), "kept");
    is_int(revision_here(), revision);
    ok(!tg_ruleset_state(tg_ruleseat_current(seat))->is_confirmed, "nobody has said so");
    end();
    char path[100], command[200];
    snprintf(path, sizeof(path), "%s/active.json", dir);
    snprintf(command, sizeof(command), "sed -i s/kept/lost/ %s", path);
    is_int(system(command), 0);
    begin(&url, dir);
    is_str(say(), "release");
    end();
    snprintf(command, sizeof(command), "echo '{\"revision\": 7, \"id\": 7}' >%s", path);
    is_int(system(command), 0);
    begin(&url, dir);
    is_int(revision_here(), 0);
    end();
    is_int(unlink(path), 0);
    begin(&url, dir);
    is_str(say(), "release");
    end();
    tg_dburl_deinit(&url);
}

TAP_MAIN()
