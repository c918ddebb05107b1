/* api_db_test - tg.db against a real MariaDB: values, scopes, transactions, retries, what ends half-way. */
#include "../../../src/rt/api_db.c"

#include "base/fault.h"
#include "io/services.h"
#include "rt/vm_fixture.h"

static struct tg_dbpool *pool;
static struct tg_vm *vm;
static struct tg_principal *principal;

static const char app[] =
    "local sql = tg.db.declare {\n"
    "  drop = {unscoped = 'test', sql = 'DROP TABLE IF EXISTS things'},\n"
    "  create = {unscoped = 'test', sql = 'CREATE TABLE things (company_id BINARY(16) NOT NULL, id BINARY(16) NOT "
    "NULL,'\n"
    "    .. ' name VARCHAR(50), n BIGINT, amount DECIMAL(38,12), at DATETIME(6), extra JSON, yes BOOLEAN, raw BLOB,'\n"
    "    .. ' PRIMARY KEY (company_id, id), UNIQUE KEY name_once (name)) ENGINE=InnoDB'},\n"
    "  add = 'INSERT INTO things (company_id, id, name, n, amount, at, extra, yes, raw) VALUES ({scope}, {id:id}, "
    "{name},'\n"
    "    .. ' {n}, {amount}, {at:time}, {extra:json}, {yes}, {raw:hex})',\n"
    "  all = 'SELECT id AS `id:thing`, name, n, amount, at, extra AS `extra:json`, yes AS `yes:bool`, raw FROM "
    "things'\n"
    "    .. ' WHERE company_id = {scope} ORDER BY id',\n"
    "  by_name = 'SELECT id AS `id:thing`, n FROM things WHERE company_id = {scope} AND name = {name}',\n"
    "  any = 'SELECT n FROM things WHERE company_id = {scope}',\n"
    "  set_n = 'UPDATE things SET n = {n} WHERE company_id = {scope} AND name = {name}',\n"
    "  lock = 'SELECT n FROM things WHERE company_id = {scope} AND name = {name} FOR UPDATE',\n"
    "  count = {unscoped = 'test', sql = 'SELECT COUNT(*) AS n FROM things'},\n"
    "  bad = {unscoped = 'test', sql = 'SELECT nothing FROM nowhere'},\n"
    "  pause = {unscoped = 'test', sql = 'SELECT SLEEP(0.2) AS x'},\n"
    "}\n"
    "local t = {sql = sql}\n"
    "function t.add(db, name, n) return db:execute(sql.add, {id = tg.id.new('thing'), name = name, n = n}) end\n"
    "function t.n(name) local row = assert(tg.db.one(sql.by_name, {name = name})) return row.n end\n"
    "return t\n";
#define T "local t, sql = require('app'), require('app').sql "

static void set_up(void)
{
    if (pool != NULL)
        return;
    struct tg_dburl url = services_dburl();
    const struct tg_dbpool_settings set = {.connections_max = 4, .queue_len_max = 100, .connect_timeout_ms = 5000};
    pool = fixture.services.db = tg_dbpool_new(fixture.loop, &url, &set);
    tg_dburl_deinit(&url);
    tg_loop_run_once(fixture.loop, 0); /* the servers took their time to start, which its clock has not seen */
    principal = tg_principal_new();
    principal->company = tg_id_new();
    memcpy(principal->actor_prefix, "key", 4);
    vm = fixture_vm_of(fixture_source("app.lua", app, NULL), "app", NULL);
}

static void start_as(const char *code, struct outcome *o)
{
    const struct tg_co_context ctx = {.principal = principal};
    start_with(vm, &ctx, code, o);
}

/* Runs code as the company and checks its results. */
static void gives(const char *code, const char *expected)
{
    struct outcome o;
    set_up();
    start_as(code, &o);
    turn_until(&o.ended);
    tap_case("%.150s", code);
    contains(o.text, expected);
    tap_case("%s", "");
}

static void fresh_table(void)
{
    gives(T "assert(tg.db.execute(sql.drop)) assert(tg.db.execute(sql.create)) return 'made'", "made");
}

TEST(every_kind_of_value_goes_in_and_comes_out_the_same)
{
    fresh_table();
    gives(T "local id = tg.id.new('thing')\n"
            "local n = assert(tg.db.execute(sql.add, {id = id, name = 'naïve', n = math.maxinteger,\n"
            "  amount = tg.decimal.new('-12345678901234567890.000000000001'), at = 1784109600123456,\n"
            "  extra = {b = {1, 2}, a = tg.json.null}, yes = true, raw = '00ff7f'}))\n"
            "local rows = assert(tg.db.query(sql.all))\n"
            "local r = rows[1]\n"
            "return n, #rows, tg.json.is_array(rows), r.id == id, r.name, r.n == math.maxinteger, r.amount,\n"
            "  tg.time.format(r.at), tg.json.encode(r.extra), r.yes, r.raw == '\\0\\xff\\x7f'",
          "1 1 true true naïve true -12345678901234567890.000000000001 2026-07-15T10:00:00.123456Z "
          "{\"a\":null,\"b\":[1,2]} true true");
}

TEST(null_is_an_absent_field_both_ways)
{
    fresh_table();
    gives(T "assert(tg.db.execute(sql.add, {id = tg.id.new('thing'), n = tg.json.null}))\n"
            "local r = assert(tg.db.query(sql.all))[1]\n"
            "local fields = {} for k in pairs(r) do fields[#fields + 1] = k end\n"
            "return #fields, fields[1]",
          "1 id");
}

TEST(one_is_a_row_or_nil_and_two_rows_are_a_bug)
{
    fresh_table();
    gives(T "t.add({execute = function(_, ...) return tg.db.execute(...) end}, 'a', 1)\n"
            "local none, err = tg.db.one(sql.by_name, {name = 'zzz'})\n"
            "return t.n('a'), none, err",
          "1 nil nil");
    gives(T "t.add({execute = function(_, ...) return tg.db.execute(...) end}, 'b', 1)\n"
            "return pcall(tg.db.one, sql.any)",
          "statement 'any': one row expected, got 2");
    gives(T "local rows = tg.db.query(sql.by_name, {name = 'zzz'}) return #rows, tg.json.encode(rows)", "0 []");
}

TEST(another_company_sees_nothing_and_nobody_is_refused)
{
    struct outcome o;
    gives(T "return #tg.db.query(sql.any) > 0", "true");
    struct tg_id own = principal->company;
    principal->company = tg_id_new();
    gives(T "return #tg.db.query(sql.any)", "0");
    principal->company = own;
    run_lua(vm, T "return pcall(tg.db.query, sql.any)", &o);
    contains(o.text, "statement 'any' needs a company, and nobody is signed in");
}

TEST(what_cannot_be_bound_raises_and_what_a_client_may_get_wrong_is_input)
{
    gives(T "return pcall(tg.db.query, sql.by_name, {name = 1.5})",
          "statement 'by_name': {name} must be an integer or a decimal (never a float), not number");
    gives(T "return pcall(tg.db.query, sql.by_name, {name = {}})",
          "statement 'by_name': {name} must be an integer, a string, a boolean or a decimal, not table");
    gives(T "return pcall(tg.db.query, sql.by_name, 'x')", "the arguments must be a table");
    gives(T "return pcall(tg.db.query, 'SELECT 1')", "a statement of tg.db.declare expected, got string");
    gives(T "return pcall(tg.db.execute, sql.add, {id = 7})", "{id} must be the text of an id");
    gives(T "return pcall(tg.db.execute, sql.add, {at = 'now'})", "{at} must be microseconds, an integer");
    gives(T "return pcall(tg.db.execute, sql.add, {extra = 1.5})", "{extra}: a float");
    gives(T "local v, err = tg.db.execute(sql.add, {id = 'thing_zzz'}) return v, err.code, err.detail",
          "nil input id: not an id");
    gives(T "local v, err = tg.db.execute(sql.add, {id = 'no'}) return v, err.code", "nil input");
    gives(T "local v, err = tg.db.execute(sql.add, {raw = 'xyz'}) return v, err.code, err.detail",
          "nil input raw: not hex digits");
    gives(T "return pcall(tg.db.declare, {x = 'SELECT 1'})", "tg.db.declare: only while a module loads");
}

TEST(what_the_database_refuses_went_past_our_checks_and_is_a_bug)
{
    gives(T "local v, err = tg.db.execute(sql.add, {id = tg.id.new('thing'), name = ('x'):rep(60)})"
            " return v, err.code, err.native",
          "nil bug 1406");
    gives(T "local v, err = tg.db.execute(sql.add, {name = 'no id'}) return v, err.code, err.native", "nil bug 1048");
    gives(T "local v, err = tg.db.transaction(function(tx) return tx:execute(sql.add, {name = 'no id'}) end)"
            " return v, err.code",
          "nil bug");
    gives(T "local v, err = tg.db.execute(sql.add, {id = tg.id.new('thing'), at = math.maxinteger}) return v, err.code",
          "nil bug");
}

TEST(a_failed_statement_is_nil_and_an_error)
{
    gives(T "local v, err = tg.db.query(sql.bad) return v, err.code, err.native", "nil ");
    gives(T "local add = function() return tg.db.execute(sql.add, {id = tg.id.new('thing'), name = 'twice'}) end\n"
            "add() local v, err = add() return v, err.code, err.native, err.detail:find('name_once', 1, true) ~= nil",
          "nil conflict 1062 true");
}

TEST(a_statement_without_scope_or_reason_does_not_load)
{
    struct tg_err err;
    struct tg_vm *none = NULL;
    struct tg_luasource *src = fixture_source("app.lua", "\nreturn tg.db.declare({x = 'SELECT 1'})", NULL);
    is_int(tg_vm_new(src, "app", NULL, &none, &err), -1);
    is_str(err.text,
           "lua/app.lua:2: statement 'x': has no {scope}; write {unscoped = \"why\", sql = …} when it must not");
    tg_luasource_unref(&src);
    src = fixture_source("app.lua", "return tg.db.declare({x = {unscoped = '', sql = 'SELECT 1'}})", NULL);
    is_int(tg_vm_new(src, "app", NULL, &none, &err), -1);
    contains(err.text, "sql and a reason in unscoped must be texts");
    tg_luasource_unref(&src);
}

/* --- transactions ------------------------------------------------------------------------------------------------- */

TEST(a_transaction_commits_what_its_closure_did_and_gives_its_value)
{
    fresh_table();
    gives(T "local v = tg.db.transaction(function(tx)\n"
            "  assert(t.add(tx, 'a', 1)) assert(t.add(tx, 'b', 2))\n"
            "  return #assert(tx:query(sql.all)) + assert(tx:one(sql.by_name, {name = 'b'})).n\n"
            "end) return v, t.n('a'), t.n('b')",
          "4 1 2");
}

TEST(nil_and_an_error_or_a_raise_roll_back)
{
    fresh_table();
    gives(T "local v, err = tg.db.transaction(function(tx) t.add(tx, 'a', 1) return nil, {code = 'denied'} end)\n"
            "return v, err.code, tg.db.one(sql.count).n",
          "nil denied 0");
    gives(T "local fine, why = pcall(tg.db.transaction, function(tx) t.add(tx, 'a', 1) error('broken') end)\n"
            "return fine, tg.db.one(sql.count).n, why",
          "false 0 chunk:1: broken\nstack traceback:");
    gives(T "local fine, why = pcall(tg.db.transaction, function(tx) t.add(tx, 'a', 1) error({code = 'x'}) end)\n"
            "return fine, why.code, tg.db.one(sql.count).n",
          "false x 0");
    gives(T "local v = tg.db.transaction(function(tx) t.add(tx, 'a', 1) end) return v, tg.db.one(sql.count).n",
          "nil 1");
}

TEST(inside_a_transaction_everything_goes_through_it)
{
    gives("return tg.db.transaction(function() return pcall(tg.db.transaction, error) end)", "false");
    gives("return select(2, pcall(tg.db.transaction, function() tg.db.transaction(error) end))",
          "a transaction is open already");
    gives(T "return select(2, pcall(tg.db.transaction, function() tg.db.query(sql.any) end))",
          "statement 'any': a transaction is open, use tx:query, tx:one or tx:execute");
    gives(T "local kept tg.db.transaction(function(tx) kept = tx return 1 end)\n"
            "return select(2, pcall(kept.query, kept, sql.any))",
          "this transaction has ended");
    gives(T "return tg.db.one(sql.count) ~= nil", "true");
}

TEST(two_that_lock_crosswise_both_succeed_because_the_loser_runs_again)
{
    struct outcome a, b;
    static const char code[] =
        T "local first, second = %s\n"
          "local runs = 0\n"
          "local v, err = tg.db.transaction(function(tx)\n"
          "  runs = runs + 1\n"
          "  local x, refused = tx:one(sql.lock, {name = first}) if not x then return nil, refused end\n"
          "  tg.time.sleep(100)\n"
          "  local y, refused2 = tx:one(sql.lock, {name = second}) if not y then return nil, refused2 end\n"
          "  assert(tx:execute(sql.set_n, {name = first, n = x.n + 1}))\n"
          "  assert(tx:execute(sql.set_n, {name = second, n = y.n + 1}))\n"
          "  return 'done'\n"
          "end)\n"
          "return v, runs, err and err.detail";
    char one[1500], two[1500];
    fresh_table();
    gives(T "return tg.db.transaction(function(tx) t.add(tx, 'a', 0) t.add(tx, 'b', 0) return 'two' end)", "two");
    snprintf(one, sizeof(one), code, "'a', 'b'");
    snprintf(two, sizeof(two), code, "'b', 'a'");
    start_as(one, &a);
    start_as(two, &b);
    turn_until(&a.ended);
    turn_until(&b.ended);
    contains(a.text, "done");
    contains(b.text, "done");
    ok(strcmp(a.text, "done 1 nil") != 0 || strcmp(b.text, "done 1 nil") != 0, "one of them ran twice");
    gives(T "return t.n('a'), t.n('b')", "2 2");
}

TEST(a_conflict_is_sticky_though_the_closure_swallows_it)
{
    struct outcome a;
    fresh_table();
    gives(T "return tg.db.transaction(function(tx) return t.add(tx, 'a', 0) end)", "1");
    start_as(T "return tg.db.transaction(function(tx) tx:one(sql.lock, {name = 'a'}) tg.time.sleep(2600) return 1 end)",
             &a);
    gives("tg.time.sleep(100) return 1", "1");
    gives(T "local runs, seen = 0\n"
            "local v = tg.db.transaction(function(tx)\n"
            "  runs = runs + 1\n"
            "  local _, err = tx:one(sql.lock, {name = 'a'})\n"
            "  if err then seen = err.native local _, again = tx:query(sql.any) assert(again.code == 'conflict') end\n"
            "  return 'fine'\n"
            "end) return v, runs, seen",
          "fine 2 1205");
    turn_until(&a.ended);
}

TEST(bulk_writes_many_rows_in_few_statements_or_none)
{
    fresh_table();
    gives(T "local list = {} for i = 1, 1000 do list[i] = {id = tg.id.new('thing'), name = 'n' .. i, n = i, extra = {i "
            "= i}} end\n"
            "local before = tg.time.monotonic()\n"
            "local n = assert(tg.db.bulk(sql.add, list))\n"
            "return n, tg.db.one(sql.count).n, t.n('n1'), t.n('n1000'), tg.db.bulk(sql.add, {})",
          "1000 1000 1 1000 0");
    gives(T "local list = {} for i = 1, 300 do list[i] = {id = tg.id.new('thing'), name = 'm' .. i} end\n"
            "list[300].name = 'n1'\n"
            "local v, err = tg.db.bulk(sql.add, list) return v, err.native, tg.db.one(sql.count).n",
          "nil 1062 1000");
    gives(T "return tg.db.transaction(function(tx) return tx:bulk(sql.set_n, {{name = 'n1', n = 7}, {name = 'n2', n = "
            "8}}) end),"
            " t.n('n2')",
          "2 8");
    gives(T "return pcall(tg.db.bulk, sql.add, {{id = 'thing_x'}, {n = 1.5}})", "true nil table");
}

TEST(a_deadline_that_passes_inside_a_transaction_rolls_it_back)
{
    struct outcome o;
    const struct tg_co_context ctx = {.principal = principal, .deadline_ms = tg_loop_now_ms(fixture.loop) + 300};
    fresh_table();
    start_with(vm, &ctx,
               T "local v, err = tg.db.transaction(function(tx)\n"
                 "  assert(t.add(tx, 'late', 1)) tg.time.sleep(500)\n"
                 "  local x, late = tx:query(sql.any) if not x then return nil, late end return 'no'\n"
                 "end) return v, err.code",
               &o);
    turn_until(&o.ended);
    contains(o.text, "nil ");
    gives(T "return tg.db.one(sql.count).n", "0");
}

TEST(a_lost_answer_to_commit_is_uncertain)
{
#ifdef TG_FAULTS
    struct tg_err err;
    fresh_table();
    is_int(tg_fault_arm("db_commit_lost_reply=hit:1", &err), 0);
    gives(T "local v, err = tg.db.transaction(function(tx) return t.add(tx, 'a', 1) end) return v, err.code",
          "nil uncertain");
    tg_fault_disarm_all();
#endif
}

TEST(a_coroutine_that_is_closed_while_its_statement_runs_leaves_nothing_behind)
{
    struct outcome o;
    bool closed = false;
    fresh_table();
    fixture.expect_errors = true;
    start_as(T "return tg.db.transaction(function(tx) t.add(tx, 'a', 1) tx:query(sql.pause) return 1 end)", &o);
    for (uint64_t end_us = tg_clock_mono_us() + 100000; tg_clock_mono_us() < end_us;)
        tg_loop_run_once(fixture.loop, 10);
    tg_vm_retire(&vm, 1, on_closed, &closed);
    turn_until(&closed);
    fixture.expect_errors = false;
    contains(o.text, "generation closed");
    vm = fixture_vm_of(fixture_source("app.lua", app, NULL), "app", NULL);
    gives(T "tg.db.query(sql.pause) tg.db.query(sql.pause) return tg.db.one(sql.count).n", "0");
    is_int(tg_dbpool_stats_get(pool).busy, 0);
}

TEST(the_pool_closes_behind_them)
{
    bool closed = false;
    tg_vm_free(&vm);
    tg_principal_unref(&principal);
    tg_dbpool_close(&pool, on_closed, &closed);
    turn_until(&closed);
    ok(closed, "closed");
}

TAP_MAIN()
