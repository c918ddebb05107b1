/* hash_test - published vectors of SHA-256 (FIPS 180-4) and HMAC (RFC 4231). */
#include "../../../src/base/hash.c"
#include "tap.h"

static const char *hex_of(const uint8_t digest[TG_SHA256_LEN])
{
    static char text[2 * TG_SHA256_LEN + 1];
    tg_hex(digest, TG_SHA256_LEN, text);
    return text;
}

TEST(sha_256_of_the_standards_messages)
{
    static const struct {
        const char *message, *digest;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    uint8_t digest[TG_SHA256_LEN];
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tg_sha256(cases[i].message, strlen(cases[i].message), digest);
        is_str(hex_of(digest), cases[i].digest);
    }
    char *million = malloc(1000000);
    memset(million, 'a', 1000000);
    tg_sha256(million, 1000000, digest);
    is_str(hex_of(digest), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

TEST(pieces_hash_as_the_whole)
{
    uint8_t whole[TG_SHA256_LEN], pieces[TG_SHA256_LEN];
    tg_sha256("abc", 3, whole);
    tg_sha256_v((const struct tg_iov[]){{"a", 1}, {NULL, 0}, {"bc", 2}}, 3, pieces);
    is_mem(pieces, sizeof(pieces), whole, sizeof(whole));
    tg_sha256_v(NULL, 0, pieces);
    tg_sha256("", 0, whole);
    is_mem(pieces, sizeof(pieces), whole, sizeof(whole));
}

TEST(hmac_of_rfc_4231)
{
    uint8_t key[131], data[50], mac[TG_SHA256_LEN];
    memset(key, 0x0b, 20);
    tg_hmac_sha256(key, 20, "Hi There", 8, mac);
    is_str(hex_of(mac), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    tg_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac);
    is_str(hex_of(mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    memset(data, 0xdd, sizeof(data));
    tg_hmac_sha256(key, 20, data, sizeof(data), mac);
    is_str(hex_of(mac), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    const char *text = "Test Using Larger Than Block-Size Key - Hash Key First";
    tg_hmac_sha256(key, sizeof(key), text, strlen(text), mac);
    is_str(hex_of(mac), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(hmac_of_nothing_with_no_key)
{
    uint8_t mac[TG_SHA256_LEN];
    tg_hmac_sha256("other", 5, "other", 5, mac); /* a NULL key must not mean this one again */
    tg_hmac_sha256(NULL, 0, NULL, 0, mac);
    is_str(hex_of(mac), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(hex_is_lower_case_and_terminated)
{
    char out[7];
    tg_hex("\x00\xab\xff", 3, out);
    is_str(out, "00abff");
    tg_hex("", 0, out);
    is_str(out, "");
}

TEST(what_is_hex_is_read_back_and_nothing_else)
{
    uint8_t out[3] = {9, 9, 9};
    ok(tg_unhex("00abff", out, 3) && memcmp(out, "\x00\xab\xff", 3) == 0, "as it was written");
    ok(tg_unhex("0a.", out, 1) && out[0] == 10, "what follows is not looked at");
    ok(tg_unhex("", out, 0), "nothing is nothing");
    static const char *const cases[] = {"", "0", "00ab", "00abf", "00ABFF", "00abfg", " 0abff", "+0abff"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tap_case("'%s'", cases[i]);
        ok(!tg_unhex(cases[i], out, 3), "refused");
    }
}

TEST(equality_sees_every_byte)
{
    char a[64], b[64];
    memset(a, 'x', sizeof(a));
    memcpy(b, a, sizeof(b));
    is_true(tg_equal_constant_time(a, b, sizeof(a)));
    for (size_t i = 0; i < sizeof(a); i++) {
        b[i] ^= 1;
        is_false(tg_equal_constant_time(a, b, sizeof(a)));
        b[i] ^= 1;
    }
    is_true(tg_equal_constant_time(a, b, 0));
}

TAP_MAIN()
