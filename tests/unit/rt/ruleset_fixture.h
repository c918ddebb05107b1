/* ruleset_fixture - rules for a test: a set made in place, and what a hook that answers with text says. */
#ifndef TG_TESTS_RULESET_FIXTURE_H
#define TG_TESTS_RULESET_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "rt/ruleseat.h"
#include "rt/vm.h"

#include "tap.h"

#define ASKED_TEXT_SIZE 300

/* The release's rules; with a source this file and no other. The caller's. */
static inline struct tg_ruleset *ruleset_of(const char *file, const char *source)
{
    struct tg_luasource *host;
    struct tg_rulestate values = {.revision = 1};
    struct tg_ruleset *set = NULL;
    struct tg_err err = {0};
    if (tg_luasource_read("lua", &host, &err) != 0)
        printf("Bail out! %s\n", err.text);
    values.host = host;
    if (source == NULL) {
        is_int(tg_bundle_of_source(host, &values.bundle, &err), 0);
    } else {
        struct tg_faults faults = {0};
        is_int(tg_bundle_new(&(struct tg_bundle_file){file, source, strlen(source)}, 1, &faults, &values.bundle), 0);
    }
    struct tg_rulestate *state = tg_rulestate_new(&values);
    ok(tg_ruleset_new(state, &set, &err) == 0, "%s", err.text);
    tg_rulestate_unref(&state);
    tg_bundle_unref(&values.bundle);
    tg_luasource_unref(&host);
    return set;
}

static inline void push_empty(lua_State *L, void *arg)
{
    (void)arg;
    lua_newtable(L);
}

static inline int read_answer(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    (void)err_r;
    snprintf(arg, ASKED_TEXT_SIZE, "%s", luaL_checkstring(L, index));
    return 0;
}

/* The text that the hook answers; "<error code>: <why>" when it does not. Until the thread's next call. */
static inline const char *hook_says(struct tg_ruleset *set, const char *hook)
{
    static _Thread_local char text[ASKED_TEXT_SIZE];
    struct tg_err err = {0};
    if (set == NULL)
        return "no rules";
    if (tg_ruleset_call(set, hook, &(struct tg_rules_snapshot){0}, push_empty, NULL, read_answer, text, NULL, &err) !=
        0)
        snprintf(text, sizeof(text), "%s: %s", tg_errcode_name(err.code), err.text);
    return text;
}

#endif
