/* purity - what a rule file would keep from one call to the next, told from its compiled form.
 *
 * The dump of a chunk is a header and one function; a function holds its code, constants, upvalues, the functions
 * inside it, and behind those what an error message needs: lines and names. So each function is read to its end, and
 * then its code is looked through.
 */
#include "rt/purity.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define COMPILE_MEMORY (32u << 20) /* of 64 KiB of text nothing honest takes more */
#define DUMP_MAX (16u << 20)
#define DEPTH_MAX 220 /* functions in functions; Lua's own parser stops at 200 */

#define CONSTANTS_NEAR_MAX 255 /* MAXINDEXRK: an operand of 8 bits finds no more of them */

/* lopcodes.h: 7 bits opcode, 8 A, 1 k, 8 B, 8 C */
enum {
    OP_GETUPVAL = 9,
    OP_SETUPVAL,
    OP_GETTABUP,
    OP_GETTABLE,
    OP_GETI,
    OP_GETFIELD,
    OP_SETTABUP,
    OP_SELF = 20,
    OP_BAND = 41,
    OP_BXOR = 43,
    OP_JMP = 56,
    N_OPCODES = 83
};
enum { OP_LFALSESKIP = 6 };
#define OPCODE(i) ((i)&0x7f)
#define ARG_A(i) ((i) >> 7 & 0xff)
#define ARG_B(i) ((i) >> 16 & 0xff)
#define ARG_C(i) ((i) >> 24 & 0xff)
/* lobject.h: the tags of constants */
enum {
    TAG_NIL = 0x00,
    TAG_FALSE = 0x01,
    TAG_TRUE = 0x11,
    TAG_INT = 0x03,
    TAG_FLOAT = 0x13,
    TAG_STR = 0x04,
    TAG_LONG_STR = 0x14
};
#define ABSOLUTE_LINE (-0x80) /* this instruction's line is in the other list */

/* --- reading the dump ---------------------------------------------------------------------------------------------- */

struct reader { /* broken: something did not fit; from there on it gives zeros */
    const uint8_t *at, *end;
    bool broken;
};
struct bytes {
    const char *bytes;
    size_t len;
};

static const uint8_t *take(struct reader *r, size_t len)
{
    if (r->broken || len > (size_t)(r->end - r->at)) {
        r->broken = true;
        return NULL;
    }
    r->at += len;
    return r->at - len;
}

static uint8_t take_byte(struct reader *r)
{
    const uint8_t *byte = take(r, 1);
    return byte == NULL ? 0 : *byte;
}

/* Seven bits a byte, the highest first; the last byte has the eighth. */
static size_t take_size(struct reader *r)
{
    size_t n = 0;
    for (;;) {
        const uint8_t byte = take_byte(r);
        if (r->broken || n > (SIZE_MAX >> 8)) {
            r->broken = true;
            return 0;
        }
        n = n << 7 | (byte & 0x7f);
        if ((byte & 0x80) != 0)
            return n;
    }
}

/* How many entries follow, each of at least so many bytes. */
static size_t take_count(struct reader *r, size_t bytes_each)
{
    const size_t n = take_size(r);
    if (n > INT_MAX || n * bytes_each > (size_t)(r->end - r->at))
        r->broken = true;
    return r->broken ? 0 : n;
}

static struct bytes take_str(struct reader *r)
{
    const size_t size = take_size(r); /* 0: there is none; else the length and one */
    const uint8_t *bytes = take(r, size == 0 ? 0 : size - 1);
    return (struct bytes){bytes == NULL ? "" : (const char *)bytes, bytes == NULL || size == 0 ? 0 : size - 1};
}

static struct bytes take_constant(struct reader *r)
{
    switch (take_byte(r)) {
    case TAG_NIL:
    case TAG_FALSE:
    case TAG_TRUE: break;
    case TAG_INT:
    case TAG_FLOAT: (void)take(r, 8); break;
    case TAG_STR:
    case TAG_LONG_STR: return take_str(r);
    default: r->broken = true;
    }
    return (struct bytes){"", 0};
}

/* --- one function -------------------------------------------------------------------------------------------------- */

struct function {
    int line; /* where it begins */
    size_t n_code, n_constants, n_lines, n_absolutes, n_locals, n_names;
    const uint8_t *code, *lines;
    struct reader constants, absolutes, locals, names; /* each at its first entry */
};

struct walk {
    tg_purity_found_fn *found;
    void *arg;
    int depth;
};

static struct bytes name_at(struct reader *r, const struct function *f, size_t i)
{
    struct reader names = f->names;
    struct bytes name = {"", 0};
    if (i >= f->n_names)
        r->broken = true;
    for (size_t k = 0; !r->broken && k <= i; k++)
        name = take_str(&names);
    return name;
}

static struct bytes constant_at(struct reader *r, const struct function *f, size_t i)
{
    struct reader constants = f->constants;
    struct bytes constant = {"", 0};
    if (i >= f->n_constants)
        r->broken = true;
    for (size_t k = 0; !r->broken && k <= i; k++)
        constant = take_constant(&constants);
    return constant;
}

static void look_for_writes(struct reader *r, const struct function *f, uint32_t instruction, int line,
                            const struct walk *walk)
{
    if (OPCODE(instruction) == OP_SETUPVAL) {
        const struct bytes name = name_at(r, f, ARG_B(instruction));
        if (!r->broken)
            walk->found(TG_PURITY_OUTER, line, name.bytes, name.len, walk->arg);
    } else if (OPCODE(instruction) == OP_SETTABUP) {
        const struct bytes table = name_at(r, f, ARG_A(instruction));
        const struct bytes name = constant_at(r, f, ARG_B(instruction));
        if (!r->broken && table.len == 4 && memcmp(table.bytes, "_ENV", 4) == 0)
            walk->found(TG_PURITY_GLOBAL, line, name.bytes, name.len, walk->arg);
    }
}

/* The two bugs of 5.4's compiler that honest code can meet; lcode.c of 5.4.5 and 5.4.8 say what they repaired. */
static void look_for_wrong_code(const struct function *f, uint32_t instruction, uint32_t before, int line,
                                const struct walk *walk)
{
    const unsigned op = OPCODE(instruction);
    /* What comes here is the end of a comparison, and right before it stands its jump: if not, the table of the index
     * was fetched in between, and the jump goes past that. */
    if (op == OP_LFALSESKIP && OPCODE(before) != OP_JMP)
        walk->found(TG_PURITY_INDEX, line, "", 0, walk->arg);
    if (op >= OP_BAND && op <= OP_BXOR && f->n_constants > CONSTANTS_NEAR_MAX)
        walk->found(TG_PURITY_BITS, line, "", 0, walk->arg);
}

/* How many steps the value in each register is away from one that has a name. `sizes` is after the instruction what it
 * was before; registers below n_locals have names. */
static void look_for_chains(uint8_t *sizes, int n_locals, uint32_t instruction, int line, const struct walk *walk)
{
    const unsigned op = OPCODE(instruction), a = ARG_A(instruction), b = ARG_B(instruction), c = ARG_C(instruction);
    unsigned size = 0;
    if (op == OP_GETTABLE || op == OP_GETI || op == OP_GETFIELD || op == OP_SELF)
        size = 1 + ((int)b < n_locals ? 0 : sizes[b]);
    if (op == OP_GETTABLE && (int)c >= n_locals)
        size += sizes[c];
    if (size > TG_PURITY_CHAIN_MAX) {
        walk->found(TG_PURITY_CHAIN, line, "", 0, walk->arg);
        size = 0; /* told once */
    }
    sizes[a] = (uint8_t)size;
}

/* By how much the number of named registers changes at each instruction; the caller's to free(). */
static int16_t *count_locals(struct reader *r, const struct function *f)
{
    struct reader locals = f->locals;
    int16_t *changes = tg_calloc(f->n_code + 1, sizeof(*changes));
    for (size_t i = 0; !r->broken && i < f->n_locals; i++) {
        (void)take_str(&locals);
        const size_t from = take_size(&locals), to = take_size(&locals);
        if (from > to || to > f->n_code || f->n_locals > INT16_MAX) {
            r->broken = true;
            break;
        }
        changes[from]++;
        changes[to]--;
    }
    return changes;
}

static int line_of(struct function *f, size_t pc, int line_before)
{
    const int8_t step = (int8_t)f->lines[pc];
    if (step != ABSOLUTE_LINE)
        return (int)((unsigned)line_before + (unsigned)step);
    (void)take_size(&f->absolutes); /* the instruction's place, which is pc */
    return (int)(take_size(&f->absolutes) & INT_MAX);
}

static void look_through(struct reader *r, struct function *f, const struct walk *walk)
{
    uint8_t sizes[256] = {0};
    uint32_t instruction = 0, before;
    int line = f->line, n_locals = 0;
    if (f->n_lines != f->n_code)
        r->broken = true;
    if (r->broken)
        return;
    int16_t *changes = count_locals(r, f);
    for (size_t pc = 0; !r->broken && pc < f->n_code; pc++) {
        before = instruction;
        memcpy(&instruction, f->code + pc * sizeof(instruction), sizeof(instruction));
        line = line_of(f, pc, line);
        n_locals += changes[pc];
        if (OPCODE(instruction) >= N_OPCODES)
            r->broken = true;
        look_for_writes(r, f, instruction, line, walk);
        look_for_wrong_code(f, instruction, before, line, walk);
        look_for_chains(sizes, n_locals, instruction, line, walk);
    }
    free(changes);
}

static void take_debug(struct reader *r, struct function *f)
{
    f->n_lines = take_count(r, 1);
    f->lines = take(r, f->n_lines);
    f->n_absolutes = take_count(r, 2);
    f->absolutes = *r;
    for (size_t i = 0; !r->broken && i < 2 * f->n_absolutes; i++)
        (void)take_size(r);
    f->n_locals = take_count(r, 3);
    f->locals = *r;
    for (size_t i = 0; !r->broken && i < f->n_locals; i++) {
        (void)take_str(r);
        (void)take_size(r);
        (void)take_size(r);
    }
    f->n_names = take_count(r, 1);
    f->names = *r;
    for (size_t i = 0; !r->broken && i < f->n_names; i++)
        (void)take_str(r);
}

static void walk_function(struct reader *r, struct walk *walk)
{
    struct function f = {0};
    (void)take_str(r); /* the file */
    f.line = (int)(take_size(r) & INT_MAX);
    (void)take_size(r);
    (void)take(r, 3); /* parameters, varargs, stack */
    f.n_code = take_count(r, sizeof(uint32_t));
    f.code = take(r, f.n_code * sizeof(uint32_t));
    f.n_constants = take_count(r, 1);
    f.constants = *r;
    for (size_t i = 0; !r->broken && i < f.n_constants; i++)
        (void)take_constant(r);
    (void)take(r, 3 * take_count(r, 3)); /* where upvalues come from */
    const size_t n_functions = take_count(r, 10);
    if (++walk->depth > DEPTH_MAX)
        r->broken = true;
    for (size_t i = 0; !r->broken && i < n_functions; i++)
        walk_function(r, walk);
    walk->depth--;
    take_debug(r, &f);
    look_through(r, &f, walk);
}

int tg_purity_walk(const void *dump, size_t len, tg_purity_found_fn *found, void *arg)
{
    /* Sizes of an instruction, an integer and a float, then one of each. */
    static const char header[] = "\x1bLua\x54\0\x19\x93\r\n\x1a\n\x04\x08\x08"
                                 "\x78\x56\0\0\0\0\0\0"
                                 "\0\0\0\0\0\x28\x77\x40";
    struct reader r = {dump, (const uint8_t *)dump + len, false};
    struct walk walk = {found, arg, 0};
    const uint8_t *begin = take(&r, sizeof(header) - 1);
    if (begin == NULL || memcmp(begin, header, sizeof(header) - 1) != 0)
        return -1;
    (void)take_byte(&r); /* upvalues of the chunk */
    walk_function(&r, &walk);
    return r.broken || r.at != r.end ? -1 : 0;
}

/* --- a file -------------------------------------------------------------------------------------------------------- */

static void *allocate(void *arg, void *old, size_t old_size, size_t new_size)
{
    size_t *used = arg;
    old_size = old == NULL ? 0 : old_size;
    if (new_size > old_size && *used + (new_size - old_size) > COMPILE_MEMORY)
        return NULL;
    *used += new_size - old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

static int append(lua_State *L, const void *bytes, size_t len, void *arg)
{
    (void)L;
    tg_strbuf_append(arg, bytes, len);
    return tg_strbuf_overflowed(arg);
}

struct compilation {
    const char *text;
    size_t len;
    struct tg_strbuf dump;
};

static int l_compile(lua_State *L)
{
    struct compilation *c = lua_touserdata(L, 1);
    if (luaL_loadbufferx(L, c->text, c->len, "=?", "t") != LUA_OK)
        return lua_error(L);
    tg_strbuf_reset(&c->dump);
    if (lua_dump(L, append, &c->dump, 0) != 0)
        return luaL_error(L, "it is too big when compiled");
    return 0;
}

struct finding {
    const char *path;
    struct tg_faults *faults;
};

static void on_found(enum tg_purity_kind kind, int line, const char *name, size_t name_len, void *arg)
{
    const struct finding *to = arg;
    const int len = name_len > 100 ? 100 : (int)name_len;
    switch (kind) {
    case TG_PURITY_OUTER:
        tg_faults_add(
            to->faults, to->path, line, "purity",
            "assigns '%.*s', a variable outside of the function: a rule keeps nothing between calls; put it in "
            "a table made inside decide",
            len, name);
        return;
    case TG_PURITY_GLOBAL:
        tg_faults_add(to->faults, to->path, line, "purity",
                      "writes the global '%.*s': rules have none; say `local %.*s`", len, name, len, name);
        return;
    case TG_PURITY_INDEX:
        tg_faults_add(
            to->faults, to->path, line, "lua",
            "an index that is a comparison, as t[a > b], of a table outside of the function: Lua 5.4 compiles "
            "that wrongly; put the comparison into a local first");
        return;
    case TG_PURITY_BITS:
        tg_faults_add(
            to->faults, to->path, line, "lua",
            "& | or ~ in a function with more than %d constants: Lua 5.4 compiles that wrongly; move it into a "
            "function of its own",
            CONSTANTS_NEAR_MAX);
        return;
    case TG_PURITY_CHAIN:
        tg_faults_add(to->faults, to->path, line, "limit",
                      "more than %d steps from one name, as a.b.c.d: put what is on the way into a local",
                      TG_PURITY_CHAIN_MAX);
        return;
    }
}

/* The message begins with "?:line: ", as the chunk was named. */
static void add_syntax(struct tg_faults *faults, const char *path, const char *message)
{
    char *end = NULL;
    const long line = strncmp(message, "?:", 2) == 0 ? strtol(message + 2, &end, 10) : 0;
    if (end != NULL && strncmp(end, ": ", 2) == 0)
        tg_faults_add(faults, path, (int)line, "syntax", "%s", end + 2);
    else
        tg_faults_add(faults, path, 0, "syntax", "%s", message);
}

static void count(enum tg_purity_kind kind, int line, const char *name, size_t name_len, void *arg)
{
    char *seen = arg;
    const size_t len = strlen(seen);
    if (len + name_len + 4 < 16)
        (void)snprintf(seen + len, 16 - len, "%d%d%.*s ", line % 10, (int)kind, (int)name_len, name);
}

/* Whether the linked library's code is what is read here. */
static bool is_known(lua_State *L, struct compilation *c)
{
    static const char probe[] = "local a, b\nreturn function()\nb = 1\nreturn function() c = b end\nend";
    char seen[16] = "";
    struct compilation known = {probe, sizeof(probe) - 1, c->dump};
    lua_settop(L, 0);
    lua_pushcfunction(L, l_compile);
    lua_pushlightuserdata(L, &known);
    const bool compiles = lua_pcall(L, 1, 0, 0) == LUA_OK;
    c->dump = known.dump;
    return compiles && tg_purity_walk(c->dump.bytes, c->dump.len, count, seen) == 0 && strcmp(seen, "41c 30b ") == 0;
}

void tg_purity_check(const char *path, const char *text, size_t len, struct tg_faults *faults)
{
    size_t used = 0;
    struct compilation c = {.text = text, .len = len};
    struct finding to = {path, faults};
    lua_State *L = lua_newstate(allocate, &used);
    tg_strbuf_init(&c.dump, DUMP_MAX);
    lua_pushcfunction(L, l_compile);
    lua_pushlightuserdata(L, &c);
    const int status = lua_pcall(L, 1, 0, 0);
    if (status == LUA_ERRMEM)
        tg_faults_add(faults, path, 0, "limit", "it takes more than %u MiB to compile", COMPILE_MEMORY >> 20);
    else if (status != LUA_OK)
        add_syntax(faults, path, lua_tostring(L, -1));
    else if (tg_purity_walk(c.dump.bytes, c.dump.len, on_found, &to) != 0 || !is_known(L, &c))
        tg_faults_add(faults, path, 0, "purity", "this Lua compiles to a form that cannot be checked here (%s)",
                      LUA_RELEASE);
    lua_close(L);
    tg_strbuf_deinit(&c.dump);
}
