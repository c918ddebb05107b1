/* api_secrets_test - tg.secrets, and the signatures and codes of tg.crypto, as Lua sees them. */
#include "../../../src/rt/api_secrets.c"

#include "rt/vm_fixture.h"

struct expectation {
    const char *code, *expected;
};

static void check(struct tg_keyring *ring, const struct expectation *cases, size_t n)
{
    struct outcome o;
    const struct tg_vm_lib libs[] = {{"secrets", tg_api_open_secrets, ring}, {NULL, NULL, NULL}};
    struct tg_vm *vm = fixture_vm(libs);
    for (size_t i = 0; i < n; i++) {
        tap_case("%.150s", cases[i].code);
        run_lua(vm, cases[i].code, &o);
        contains(o.text, cases[i].expected);
    }
    fixture_free(&vm);
}
#define CHECK(ring, cases) check((ring), (cases), sizeof(cases) / sizeof(*(cases)))

TEST(a_secret_is_sealed_for_one_purpose)
{
    static const struct expectation cases[] = {
        {"return #tg.secrets.newest()", "4"},
        {"return #tg.secrets.seal('', 'p'), tg.secrets.open(tg.secrets.seal('', 'p'), 'p') == ''", "33 true"},
        {"return tg.secrets.open(tg.secrets.seal('hush', 'table/row'), 'table/row')", "hush"},
        {"return tg.secrets.seal('a', 'p') == tg.secrets.seal('a', 'p')", "false"},
        {"local v, err = tg.secrets.open(tg.secrets.seal('hush', 'a'), 'b') return v, err.code", "nil input"},
        {"local v, err = tg.secrets.open('', 'b') return v, err.code, err.detail", "nil input this is no sealed value"},
        {"local s = ('x'):rep(100000) return tg.secrets.open(tg.secrets.seal(s, 'p'), 'p') == s", "true"},
        {"return pcall(tg.secrets.seal, 'x', '')", "1 to 1000 bytes"},
        {"return pcall(tg.secrets.seal, 'x')", "string expected"},
    };
    struct tg_keyring *ring = NULL;
    struct tg_err err;
    is_int(tg_keyring_parse("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE", &ring, &err), 0);
    CHECK(ring, cases);
    tg_keyring_free(&ring);
}

TEST(without_a_key_ring_nothing_is_sealed_and_nothing_breaks)
{
    static const struct expectation cases[] = {
        {"return tg.secrets.newest()", "nil"},
        {"local v, err = tg.secrets.seal('a', 'p') return v, err.code, err.detail",
         "nil upstream a master key is not conf"},
        {"local v, err = tg.secrets.open('a', 'p') return v, err.code", "nil upstream"},
    };
    CHECK(NULL, cases);
}

TEST(ed25519_gives_the_signatures_of_rfc_8032)
{
#define UNHEX "local function b(s) return (s:gsub('..', function(c) return string.char(tonumber(c, 16)) end)) end "
#define RFC                                                                                                            \
    UNHEX "local ed, seed = tg.crypto.ed25519, b('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb') " \
          "local public = b('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c') "
    static const struct expectation cases[] = {
        {RFC "return tg.crypto.hex(ed.sign(seed, '\\x72'))", "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223e"
                                                             "bdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb0"
                                                             "0d291612bb0c00"},
        {RFC "local s = ed.sign(seed, '\\x72') return ed.verify(public, '\\x72', s), ed.verify(public, '\\x73', s), "
             "ed.verify(public, '\\x72', s:sub(1, 63)), ed.verify(seed, '\\x72', s), ed.verify(public, '\\x72', '')",
         "true false false false false"},
        {RFC "local s = ed.sign(seed, 'm') for i = 1, 64 do local c = s:sub(1, i - 1) .. string.char(s:byte(i) ~ 1) .. "
             "s:sub(i + 1) assert(not ed.verify(public, 'm', c)) end return 'none'",
         "none"},
        {"local seed, public = tg.crypto.ed25519.keypair() return #seed, #public, "
         "tg.crypto.ed25519.verify(public, '', tg.crypto.ed25519.sign(seed, ''))",
         "32 32 true"},
        {"return pcall(tg.crypto.ed25519.sign, 'short', 'x')", "a seed of 32 bytes expected"},
        {"return pcall(tg.crypto.ed25519.verify, 'short', 'x', 'y')", "a public key of 32 bytes expected"},
        {UNHEX "return tg.crypto.hex(tg.crypto.hmac_sha1(b(('0b'):rep(20)), 'Hi There'))", /* RFC 2202 */
         "b617318655057264e28bc0b6fb378c8ef146be00"},
        {"return tg.crypto.hex(tg.crypto.hmac_sha1('Jefe', 'what do ya want for nothing?'))",
         "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        {"return #tg.crypto.hmac_sha1('', '')", "20"},
    };
    CHECK(NULL, cases);
}

TAP_MAIN()
