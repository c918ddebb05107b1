/* purity_test - what outlives a call is found with its line and name, and nothing else is. */
#include "../../../src/rt/purity.c"

#include "rt/vm.h"
#include "tap.h"

/* "line what message" of each fault. */
static const char *faults_of(const char *text)
{
    static char out[4000];
    struct tg_faults faults = {0};
    size_t len = 0;
    out[0] = '\0';
    tg_purity_check("pricing/rules.lua", text, strlen(text), &faults);
    for (size_t i = 0; i < faults.n && len < sizeof(out); i++)
        len += (size_t)snprintf(out + len, sizeof(out) - len, "%d %s %s\n", faults.list[i].line, faults.list[i].what,
                                faults.list[i].message);
    tg_faults_deinit(&faults);
    return out;
}

TEST(a_variable_that_outlives_the_call_is_found_with_its_line_and_name)
{
    is_str(
        faults_of("local counter = 0\n"
                  "return { hook = 'a.b', api = 1,\n"
                  "  decide = function(input)\n"
                  "    counter = counter + 1\n"
                  "    return { n = counter }\n"
                  "  end }"),
        "4 purity assigns 'counter', a variable outside of the function: a rule keeps nothing between calls; put it in "
        "a table made inside decide\n");
    contains(faults_of("local n\nlocal function a()\n local function b()\n  n = 1\n end\n return b\nend"),
             "4 purity assigns 'n'");
    contains(faults_of("return function(x)\n return function() x = x + 1 end\nend"), "2 purity assigns 'x'");
    contains(faults_of("local a <const> = 1\nlocal b\nfunction_of = 1"), "3 purity writes the global 'function_of'");
}

TEST(writing_a_global_is_found)
{
    is_str(faults_of("total = 1"), "1 purity writes the global 'total': rules have none; say `local total`\n");
    contains(faults_of("local function f()\n\n seen = true\nend"), "3 purity writes the global 'seen'");
    contains(faults_of("function twice(n) return 2 * n end"), "1 purity writes the global 'twice'");
    contains(faults_of("return function()\n _ENV = {}\nend"), "2 purity assigns '_ENV'");
    contains(faults_of("local _ENV = {}\nreturn function()\n x = 1\nend"), "3 purity writes the global 'x'");
}

TEST(each_is_told_not_only_the_first)
{
    int n = 0;
    for (const char *at = faults_of("local a, b\nreturn function()\n a = 1\n b = 2\n c = 3\n d = 4\nend");
         (at = strchr(at, '\n')) != NULL; at++)
        n++;
    is_int(n, 4);
}

TEST(what_a_pure_function_does_is_no_fault)
{
    static const char *const pure[] = {
        "",
        "local m = {} function m.of(n) local t = {} t.x = n t[n] = t return t end return m",
        "local function fac(n) return n < 2 and 1 or n * fac(n - 1) end return fac",
        ("return function(list) local sum = { n = 0 }\n"
         "  local function add(x) sum.n = sum.n + x end for _, x in ipairs(list) do add(x) end return sum.n end"),
        "local rates <const> = { a = 1 } return function(i) local n = rates[i.k] n = n + 1 return n end",
        "local f f = function() return f end return f",
        "return function(...) local a, b = ... a, b = b, a goto e ::e:: return a, b, select('#', ...) end",
    };
    for (size_t i = 0; i < sizeof(pure) / sizeof(pure[0]); i++) {
        tap_case("%s", pure[i]);
        is_str(faults_of(pure[i]), "");
    }
}

TEST(an_index_that_is_a_comparison_is_refused_where_it_is_compiled_wrongly)
{
    static const char *const wrong[] = {
        "local names = {}\nreturn function(n)\n return names[n > 3] end",
        "local names = {}\nreturn function(n)\n names[n == 3] = 1 end",
        "local names = {}\nreturn function(n)\n return names[not n == 3] end",
        "return function(n)\n local names = {} local function f(m)\nreturn names[m < n] end return f end",
    };
    static const char *const right[] = {
        "return function(n) local names = {} return names[n > 3] end",
        "local names = {} return function(n) return names[n > 3 and 1 or 2] end",
        "local names = {} return function(n) return names[not n], names[n], names.n, names[1], names[n + 1] end",
        "local names = {} return function(n) local is = n > 3 return names[is] end",
        "local n = 1 return function(m) local t = { n > m, n == m } return n < m, t, n ~= m, not (n <= m) end",
        "local names = {} return function(n) return names.list[n > 3] end",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        tap_case("%s", wrong[i]);
        contains(faults_of(wrong[i]), "3 lua an index that is a comparison");
    }
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        tap_case("%s", right[i]);
        is_str(faults_of(right[i]), "");
    }
}

static void on_wrong_code(enum tg_purity_kind kind, int line, const char *name, size_t name_len, void *arg)
{
    (void)name, (void)name_len;
    ok(kind != TG_PURITY_INDEX && kind != TG_PURITY_BITS, "%s:%d is compiled wrongly", (const char *)arg, line);
}

TEST(no_file_of_the_release_is_compiled_wrongly)
{
    struct tg_err err;
    struct tg_luasource *src;
    if (tg_luasource_read("lua", &src, &err) != 0)
        TAP_SKIP("it does not run in the root of the tree");
    for (size_t i = 0; i < tg_luasource_n(src); i++) {
        lua_State *L = luaL_newstate();
        const char *path = tg_luasource_path(src, i);
        struct compilation c = {.text = tg_luasource_file(src, path, &c.len)};
        tg_strbuf_init(&c.dump, DUMP_MAX);
        lua_pushcfunction(L, l_compile);
        lua_pushlightuserdata(L, &c);
        ok(lua_pcall(L, 1, 0, 0) == LUA_OK, "%s compiles", path);
        is_int(tg_purity_walk(c.dump.bytes, c.dump.len, on_wrong_code, (void *)path), 0);
        tg_strbuf_deinit(&c.dump);
        lua_close(L);
    }
    tg_luasource_unref(&src);
}

TEST(bit_operators_among_many_constants_are_refused)
{
    char text[4000];
    size_t len = (size_t)snprintf(text, sizeof(text), "return function(a)\n local x = {");
    for (int i = 0; i < 257; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%d.5,", i);
    snprintf(text + len, sizeof(text) - len, "}\n return x, 1 ~ (a or 3) end");
    contains(faults_of(text), "3 lua & | or ~ in a function with more than 255 constants");
    is_str(faults_of("return function(a) return 1 ~ (a or 3), a & 7, a | 8 end"), "");
}

TEST(a_long_chain_of_fields_is_refused_and_a_long_list_of_steps_is_not)
{
    char text[8000];
    size_t len = (size_t)snprintf(text, sizeof(text), "return function(t)\n return t");
    for (int i = 0; i < 40; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, ".a");
    snprintf(text + len, sizeof(text) - len, ".b.c end");
    contains(faults_of(text), "2 limit more than 32 steps from one name");
    len = (size_t)snprintf(text, sizeof(text), "return function(t)\n return t[1]");
    for (int i = 0; i < 20; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "[t.a[t.b]]");
    snprintf(text + len, sizeof(text) - len, " end");
    contains(faults_of(text), "2 limit more than 32 steps from one name");
    len = (size_t)snprintf(text, sizeof(text), "return function(t)\n");
    for (int i = 0; i < 100; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                " t = t.a.b.c local x = t.a.b[t.c] t = x:m() do local y = t[x] end%s",
                                i == 50 ? " return function(t)" : "");
    snprintf(text + len, sizeof(text) - len, " end end");
    is_str(faults_of(text), "");
}

TEST(lines_are_right_far_into_a_file)
{
    char *text = malloc(200000), expected[64];
    size_t len = (size_t)snprintf(text, 200000, "local x\nlocal function f()\n");
    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(text + len, 200000 - len, "do local t = { f, f } t[1] = nil end\n%s",
                                i == 200 ? "\n\n\n\n" : "");
    memset(text + len, '\n', 1000); /* further than one byte can step */
    len += 1000;
    snprintf(text + len, 200000 - len, "x = 1\nend");
    snprintf(expected, sizeof(expected), "%d purity assigns 'x'", 2 + 300 + 4 + 1000 + 1);
    contains(faults_of(text), expected);
    free(text);
}

TEST(a_file_that_does_not_compile_is_told_with_its_line)
{
    is_str(faults_of("return {\n  hook = \n}"), "3 syntax unexpected symbol near '}'\n");
    contains(faults_of("\x1bLua"), "syntax attempt to load a binary chunk");
    contains(faults_of("\n\nlocal x = 'abc"), "3 syntax unfinished string near <eof>");
    contains(faults_of("\xef\xbb\xbfreturn 1"), "1 syntax unexpected symbol near '<\\239>'");
    char *deep = malloc(70000);
    for (const char *open = "({"; *open != '\0'; open++) {
        memset(deep, *open, 60000);
        memcpy(deep, "return ", 7);
        deep[60000] = '\0';
        contains(faults_of(deep), "syntax C stack overflow");
    }
    free(deep);
}

/* A global of a long name, or behind many constants, is another instruction: the frozen environment refuses those. */
TEST(names_are_found_up_to_the_length_and_place_that_the_instruction_can_hold)
{
    contains(faults_of("a123456789a123456789a123456789a123456789 = 1"), "1 purity writes the global 'a123456789");
    is_str(faults_of("a123456789a123456789a123456789a123456789a = 1"), "");
}

static void ignore(enum tg_purity_kind kind, int line, const char *name, size_t name_len, void *arg)
{
    (void)kind, (void)line, (void)name, (void)name_len, (void)arg;
}

/* A dump that is cut anywhere, or has a byte changed, is refused or read; the sanitizer watches. */
TEST(a_damaged_dump_is_no_crash)
{
    static const char text[] =
        "local a, b = 1, 'text'\nreturn function(x)\n a = x y = 2\n return function() b = a end end";
    struct compilation c = {text, sizeof(text) - 1, {0}};
    lua_State *L = luaL_newstate();
    tg_strbuf_init(&c.dump, DUMP_MAX);
    lua_pushcfunction(L, l_compile);
    lua_pushlightuserdata(L, &c);
    is_int(lua_pcall(L, 1, 0, 0), LUA_OK);
    is_int(tg_purity_walk(c.dump.bytes, c.dump.len, ignore, NULL), 0);
    for (size_t len = 0; len < c.dump.len; len++) {
        char *cut = malloc(len + 1);
        memcpy(cut, c.dump.bytes, len);
        is_int(tg_purity_walk(cut, len, ignore, NULL), -1);
        free(cut);
    }
    for (size_t i = 0; i < c.dump.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            c.dump.bytes[i] ^= (char)(1 << bit);
            (void)!tg_purity_walk(c.dump.bytes, c.dump.len, ignore, NULL);
            c.dump.bytes[i] ^= (char)(1 << bit);
        }
    lua_close(L);
    tg_strbuf_deinit(&c.dump);
}

TAP_MAIN()
