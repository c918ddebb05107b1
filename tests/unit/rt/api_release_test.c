/* api_release_test - tg.rules.release(): what the release brings, as a bundle. */
#include "../../../src/rt/api_release.c"

#include "rt/vm_fixture.h"

#define RULE                                                                                                           \
    "return {hook='a.echo', api=1, decide=function(input) return input end,"                                           \
    " cases={{name='one', input={}, want={}}, {name='two', input={}, want={}}}}\n"

static const char *answer(struct tg_vm *vm, const char *code)
{
    static struct outcome o;
    run_lua(vm, code, &o);
    return o.text;
}

TEST(the_release_is_its_rule_files_and_what_they_decide)
{
    struct tg_vm *vm = fixture_vm_of(fixture_source("a/rules.lua", RULE, "a/lib/x.lua", "return {}\n", "a/service.lua",
                                                    "return {}\n", NULL),
                                     NULL, NULL);
    is_str(answer(vm, "local r = tg.rules.release() return #r.files, r.files[1].path, r.files[2].path"),
           "2 a/lib/x.lua a/rules.lua");
    is_str(answer(vm, "return tg.rules.release().files[2].source:sub(1, 20)"), "return {hook='a.echo");
    is_str(answer(vm, "return tg.json.encode(tg.rules.release().hooks)"),
           "[{\"cases\":2,\"hook\":\"a.echo\",\"path\":\"a/rules.lua\"}]");
    struct tg_bundle *bundle;
    struct tg_err err;
    is_int(tg_bundle_of_source(tg_vm_source(vm), &bundle, &err), 0);
    is_str(answer(vm, "return tg.rules.release().id"), tg_bundle_id(bundle));
    tg_bundle_unref(&bundle);
    is_str(answer(vm, "return tg.rules.release() == tg.rules.release()"), "true");
    fixture_free(&vm);
}

TEST(a_script_has_no_release)
{
    struct tg_vm *vm = fixture_script_vm(NULL);
    is_str(answer(vm, "local r, err = tg.rules.release() return r, err.code"), "nil not_found");
    fixture_free(&vm);
}

TAP_MAIN()
