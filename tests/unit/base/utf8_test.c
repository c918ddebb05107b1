/* utf8_test - RFC 3629: what is UTF-8, and where it stops. */
#include "../../../src/base/utf8.c"
#include "tap.h"

struct utf8_case {
    const char *name, *bytes;
    size_t valid; /* leading bytes that are */
};

TEST(takes_every_length_of_character)
{
    static const struct utf8_case cases[] = {
        {"nothing", "", 0},
        {"ascii", "hello", 5},
        {"control characters", "\x01\x1f\x7f", 3},
        {"two bytes, first and last", "\xc2\x80\xdf\xbf", 4},
        {"three bytes, first and last", "\xe0\xa0\x80\xef\xbf\xbf", 6},
        {"around the surrogates", "\xed\x9f\xbf\xee\x80\x80", 6},
        {"four bytes, first and last", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8},
        {"behind a long plain stretch", "0123456789abcdef\xc3\xa9", 18},
        {"a byte order mark",
         "\xef\xbb\xbf"
         "a",
         4},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tap_case("%s", cases[i].name);
        is_int(tg_utf8_valid_len(cases[i].bytes, strlen(cases[i].bytes)), cases[i].valid);
        is_int(cases[i].valid, strlen(cases[i].bytes));
    }
    is_int(tg_utf8_valid_len("a\0b", 3), 3);
}

TEST(stops_before_what_is_not_a_character)
{
    static const struct utf8_case cases[] = {
        {"a lone continuation", "ab\x80", 2},
        {"overlong slash, two bytes", "\xc0\xaf", 0},
        {"overlong, c1", "x\xc1\xbf", 1},
        {"overlong, three bytes", "\xe0\x9f\xbf", 0},
        {"overlong NUL, three bytes", "\xe0\x80\x80", 0},
        {"overlong, four bytes", "\xf0\x8f\xbf\xbf", 0},
        {"first surrogate", "a\xed\xa0\x80", 1},
        {"last surrogate", "a\xed\xbf\xbf", 1},
        {"beyond U+10FFFF", "\xf4\x90\x80\x80", 0},
        {"f5", "\xf5\x80\x80\x80", 0},
        {"fe and ff", "\xfe\xff", 0},
        {"cut after one of two", "ab\xc3", 2},
        {"cut after two of three", "ab\xe2\x82", 2},
        {"cut after three of four", "ab\xf0\x9f\x98", 2},
        {"second byte is none", "\xc3(", 0},
        {"third byte is none", "\xe2\x82(", 0},
        {"fourth byte is none", "\xf0\x9f\x98(", 0},
        {"latin 1 behind a plain stretch", "0123456789abcde\xe9 and more", 15},
        {"valid before and after", "\xc3\xa9\xff\xc3\xa9", 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tap_case("%s", cases[i].name);
        is_int(tg_utf8_valid_len(cases[i].bytes, strlen(cases[i].bytes)), cases[i].valid);
    }
}

/* Encodes by the definition: what the code point needs, and nothing else is valid. */
static size_t encode(uint32_t point, char out[4])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & 63));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 63));
        out[2] = (char)(0x80 | (point & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 63));
    out[2] = (char)(0x80 | (point >> 6 & 63));
    out[3] = (char)(0x80 | (point & 63));
    return 4;
}

TEST(every_code_point_is_valid_but_the_surrogates)
{
    for (uint32_t point = 0; point < 0x120000 && tap.checks_failed < 5; point++) {
        char bytes[4];
        size_t len = encode(point, bytes);
        bool valid = point < 0x110000 && (point < 0xd800 || point > 0xdfff);
        ok(tg_utf8_valid_len(bytes, len) == (valid ? len : 0), "U+%04X", point);
    }
}

TEST(a_text_is_repaired_and_what_was_right_stays)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"a\xff\xfe b", "a?? b"},
        {"\x80\x80\x80\x80", "????"},
        {"cut \xe2\x82", "cut "},
        {"cut \xc3", "cut "},
        {"\xe2\x82 in the middle", "?? in the middle"},
        {"\xed\xa0\x80 surrogate", "??? surrogate"},
        {"end \xff", "end ?"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];
        snprintf(text, sizeof(text), "%s", cases[i].text);
        tap_case("%zu", i);
        tg_utf8_repair(text);
        is_str(text, cases[i].expected);
        is_uint(tg_utf8_valid_len(text, strlen(text)), strlen(text));
    }
}

TAP_MAIN()
