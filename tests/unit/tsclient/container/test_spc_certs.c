/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that come with a legacy timestamp, and go with it: the rule as a table of sets before and after, then what the table can't
 * say. Expected sets are built anew and compared octet by octet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_tiny.h"
#include "tsclient/container/spc.h"

#define LIMIT (1u << 20)

struct state {
    struct wbuf now; /* the signature */
};

static void start(struct state *s, const char *certs)
{
    wbuf_init(&s->now, LIMIT);
    tiny_signature(&s->now, OID_SPC_INDIRECT_DATA, certs, BYTES_NONE);
}

static void apply(struct state *s, const struct spc_change *change)
{
    struct wbuf out;

    wbuf_init(&out, LIMIT);
    assert_int_equal(spc_change(wbuf_bytes(&s->now), change, &out), RC_OK);
    wbuf_clear(&s->now);
    s->now = out;
}

static void put(struct state *s, size_t index, const char *countersigner, const char *reply)
{
    struct wbuf value, certs;

    wbuf_init(&value, LIMIT);
    wbuf_init(&certs, LIMIT);
    tiny_signer(&value, countersigner, BYTES_NONE);
    tiny_set(&certs, reply);
    apply(s, &(struct spc_change){index, SPC_STAMP_LEGACY, wbuf_bytes(&value), wbuf_bytes(&certs)});
    wbuf_clear(&value);
    wbuf_clear(&certs);
}

static void drop(struct state *s, size_t index)
{
    apply(s, &(struct spc_change){.index = index});
}

/* NULL: there must be no set at all. */
static void assert_set(struct state *s, size_t index, const char *expected)
{
    struct spc *spc = calloc(1, sizeof *spc);
    struct wbuf set;

    assert_non_null(spc);
    wbuf_init(&set, LIMIT);
    assert_int_equal(spc_parse(wbuf_bytes(&s->now), spc), RC_OK);
    assert_int_equal(spc->signatures[index].cms.has_certificates, expected != NULL);
    tiny_set(&set, expected ? expected : "");
    if (!bytes_equal(spc->signatures[index].cms.certificates, wbuf_bytes(&set))) {
        fail_msg("not '%s'", expected ? expected : "no set");
    }
    wbuf_clear(&set);
    free(spc);
}

/* The signer is s<a. A timestamp is put, and removed. */
static void put_and_removed(void **state)
{
    static const struct {
        const char *before, *stamp, *reply, *stamped, *after;
    } rows[] = {
        /* the usual case */
        {"s<a a<r", "t<u", "t<u u<v", "s<a a<r t<u u<v", "s<a a<r"},
        {"s<a a<r", "t<u", "u<v v<v t<u", "s<a a<r u<v v<v t<u", "s<a a<r"},
        {"s<a", "t<u", "", "s<a", "s<a"},
        /* no set before, and none after */
        {NULL, "t<u", "t<u u<v", "t<u u<v", NULL},
        {NULL, "t<u", "", NULL, NULL},
        {"@", "t<u", "t<u", "@ t<u", "@"},
        {"? @ s<a", "t<u", "t<u u<v", "? @ s<a t<u u<v", "? @ s<a"},
        /* duplicates, and what the timestamp does not need, do not come */
        {"s<a", "t<u", "t<u t<u u<v x<y ? u<v", "s<a t<u u<v", "s<a"},
        /* one root for both: it was there */
        {"s<a a<r r<r", "t<u", "t<u u<r r<r", "s<a a<r r<r t<u u<r", "s<a a<r r<r"},
        /* one intermediate for both */
        {"s<a a<r", "t<a", "t<a a<r", "s<a a<r t<a", "s<a a<r"},
        /* one certificate for both */
        {"s<a a<r", "s<a", "s<a a<r", "s<a a<r", "s<a a<r"},
        /* cross-certificates, of both sides */
        {"s<a", "t<u", "t<u u<v u<w v<v w<w", "s<a t<u u<v u<w v<v w<w", "s<a"},
        {"s<a a<u a<q", "t<u", "t<u u<v", "s<a a<u a<q t<u u<v",
         "s<a a<u a<q u<v"}, /* u issued a, which stays */
        /* circles */
        {"s<a a<b b<a", "t<u", "t<u u<v v<u", "s<a a<b b<a t<u u<v v<u", "s<a a<b b<a"},
        /* an old timestamp's certificates that nothing names any more stay, with their issuers */
        {"s<a o<p p<q", "t<u", "t<u u<v", "s<a o<p p<q t<u u<v", "s<a o<p p<q"},
        {"s<a o<u u<v", "t<u", "t<u u<v", "s<a o<u u<v t<u", "s<a o<u u<v"},
        {"s<a o<u", "t<u", "t<u u<v", "s<a o<u t<u u<v", "s<a o<u u<v"},
        /* the same name in other octets */
        {"s<a a<r", "t<u", "t<u! u<v! v<v", "s<a a<r u<v! v<v", "s<a a<r"}, /* a signer is named by octets */
        {"s<a a<r", "t<u!", "t<u! u<v! v<v", "s<a a<r t<u! u<v! v<v", "s<a a<r"},
        {"s<a! a<r! r<r", "t<u", "t<u u<r r<r", "s<a! a<r! r<r t<u u<r", "s<a! a<r! r<r"},
        /* nobody knows that these stood there before: they go along */
        {"s<a u<v", "t<u", "t<u u<v", "s<a u<v t<u", "s<a"},
        {"t<u s<a u<v", "t<u", "t<u u<v", "t<u s<a u<v", "s<a"},
        /* and this came, but the signer can use it */
        {"s<a", "t<a", "t<a a<r r<r", "s<a t<a a<r r<r", "s<a a<r r<r"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct state s;

        print_message("%s + %s\n", rows[i].before ? rows[i].before : "no set", rows[i].reply);
        start(&s, rows[i].before);
        put(&s, 0, rows[i].stamp, rows[i].reply);
        assert_set(&s, 0, rows[i].stamped);
        drop(&s, 0);
        assert_set(&s, 0, rows[i].after);
        wbuf_clear(&s.now);
    }
}

static void replaced(void **state)
{
    static const struct {
        const char *before, *first, *first_reply, *second, *second_reply, *stamped, *after;
    } rows[] = {
        {"s<a", "o<p", "o<p p<q", "t<u", "t<u u<v", "s<a t<u u<v", "s<a"},
        {"s<a", "o<u", "o<u u<v", "t<u", "t<u u<v", "s<a u<v t<u", "s<a"}, /* u stays where it is */
        {"s<a", "o<u", "o<u u<v", "o<u", "o<u u<v", "s<a o<u u<v", "s<a"},
        {"s<a", "o<u", "o<u u<v", "t<u", "", "s<a u<v", "s<a"},
        {NULL, "o<p", "o<p p<q", "t<u", "t<u u<v", "t<u u<v", NULL},
        {"s<a a<r", "o<p", "o<p p<r r<r", "t<u", "t<u u<v", "s<a a<r r<r t<u u<v", "s<a a<r r<r"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct state s;

        print_message("%s, then %s\n", rows[i].first, rows[i].second);
        start(&s, rows[i].before);
        put(&s, 0, rows[i].first, rows[i].first_reply);
        put(&s, 0, rows[i].second, rows[i].second_reply);
        assert_set(&s, 0, rows[i].stamped);
        drop(&s, 0);
        assert_set(&s, 0, rows[i].after);
        wbuf_clear(&s.now);
    }
}

/* A token has a set of its own. What its chain may need besides stays; what it brought itself does not. */
static void replaced_by_a_token(void **state)
{
    static const struct {
        const char *in_token, *after;
    } rows[] = {
        {"k<l l<m", "s<a"}, {"k<l l<u", "s<a u<v"}, {"k<l l<u u<v", "s<a"}, {"k<u u<v", "s<a"},
        {"", "s<a"},        {NULL, "s<a t<u u<v"}, /* not even a SignedData: nobody knows */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wbuf token, signer;
        struct state s;

        wbuf_init(&token, LIMIT);
        wbuf_init(&signer, LIMIT);
        tiny_signer(&signer, "k<l", BYTES_NONE);
        if (rows[i].in_token) {
            tiny_signed_data(&token, &(struct tiny){OID_TST_INFO, rows[i].in_token, wbuf_bytes(&signer)});
        } else {
            der_put(&token, DER_SEQUENCE, BYTES_NONE);
        }
        start(&s, "s<a");
        put(&s, 0, "t<u", "t<u u<v");
        apply(&s, &(struct spc_change){.kind = SPC_STAMP_RFC3161, .value = wbuf_bytes(&token)});
        assert_set(&s, 0, rows[i].after);
        wbuf_clear(&s.now);
        wbuf_clear(&token);
        wbuf_clear(&signer);
    }
}

/* ---- several signers with one set ---- */

static void start_two(struct state *s, const char *certs, struct bytes attrs_of_second)
{
    struct wbuf signers;

    wbuf_init(&signers, LIMIT);
    wbuf_init(&s->now, LIMIT);
    tiny_signer(&signers, "s<a", BYTES_NONE);
    tiny_signer(&signers, "z<b", attrs_of_second);
    tiny_signed_data(&s->now, &(struct tiny){OID_DATA, certs, wbuf_bytes(&signers)});
    wbuf_clear(&signers);
}

static void another_signer_keeps_what_it_needs(void **state)
{
    struct state s;

    (void)state;
    start_two(&s, "s<a z<b", BYTES_NONE);
    put(&s, 0, "t<b", "t<b b<v v<v");
    drop(&s, 0);
    assert_set(&s, 0, "s<a z<b b<v v<v");
    wbuf_clear(&s.now);
    start_two(&s, "s<a z<b", BYTES_NONE);
    put(&s, 0, "t<u", "t<u u<v");
    put(&s, 1, "t<u", "t<u u<v");
    assert_set(&s, 1, "s<a z<b t<u u<v");
    drop(&s, 0);
    assert_set(&s, 0, "s<a z<b t<u u<v"); /* the second one's timestamp needs them */
    drop(&s, 1);
    assert_set(&s, 1, "s<a z<b");
    wbuf_clear(&s.now);
}

static void a_timestamp_that_can_not_be_read_keeps_all(void **state)
{
    static const enum oid types[] = {OID_COUNTER_SIGNATURE, OID_TIME_STAMP_TOKEN};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct wbuf attrs;
        struct state s;

        wbuf_init(&attrs, LIMIT);
        tiny_attribute(&attrs, types[i], bytes_of("\x30\x00", 2));
        start_two(&s, "s<a z<b", wbuf_bytes(&attrs));
        put(&s, 0, "t<u", "t<u u<v");
        drop(&s, 0);
        assert_set(&s, 0, "s<a z<b t<u u<v");
        drop(&s, 1);
        assert_set(&s, 0, "s<a z<b t<u u<v"); /* nothing says any more whose they were */
        wbuf_clear(&s.now);
        wbuf_clear(&attrs);
    }
}

/* ---- nested ---- */

static void a_nested_signature_has_a_set_of_its_own(void **state)
{
    struct wbuf inner, attrs;
    struct state s;

    (void)state;
    wbuf_init(&inner, LIMIT);
    wbuf_init(&attrs, LIMIT);
    wbuf_init(&s.now, LIMIT);
    tiny_signature(&inner, OID_SPC_INDIRECT_DATA, NULL, BYTES_NONE);
    tiny_attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&inner));
    tiny_signature(&s.now, OID_SPC_INDIRECT_DATA, "s<a", wbuf_bytes(&attrs));
    put(&s, 0, "t<u", "t<u u<v");
    put(&s, 1, "t<u", "t<u u<v");
    assert_set(&s, 0, "s<a t<u u<v");
    assert_set(&s, 1, "t<u u<v");
    drop(&s, 1);
    assert_set(&s, 0, "s<a t<u u<v");
    assert_set(&s, 1, NULL);
    drop(&s, 0);
    assert_set(&s, 0, "s<a");
    wbuf_clear(&s.now);
    wbuf_clear(&inner);
    wbuf_clear(&attrs);
}

/* ---- limits ---- */

/* num copies of the certificate; they count each. */
static void start_many(struct state *s, size_t num)
{
    char *text = calloc(num, 4);

    assert_non_null(text);
    for (size_t i = 0; i < num; i++) {
        memcpy(text + 4 * i, i + 1 < num ? "x<y " : "x<y", 4);
    }
    start(s, text);
    free(text);
}

static void a_set_has_a_limit(void **state)
{
    struct wbuf value, certs, out;
    struct state s;

    (void)state;
    wbuf_init(&value, LIMIT);
    wbuf_init(&certs, LIMIT);
    wbuf_init(&out, LIMIT);
    tiny_signer(&value, "t<u", BYTES_NONE);
    tiny_set(&certs, "t<u");
    start_many(&s, SPC_MAX_CERTIFICATES - 1);
    put(&s, 0, "t<u", "t<u");
    drop(&s, 0);
    wbuf_clear(&s.now);
    start_many(&s, SPC_MAX_CERTIFICATES);
    assert_int_equal(
        spc_change(wbuf_bytes(&s.now),
                   &(struct spc_change){0, SPC_STAMP_LEGACY, wbuf_bytes(&value), wbuf_bytes(&certs)}, &out),
        RC_TOO_LARGE);
    apply(&s,
          &(struct spc_change){.kind = SPC_STAMP_RFC3161, .value = wbuf_bytes(&value)}); /* not concerned */
    wbuf_clear(&s.now);
    wbuf_clear(&value);
    wbuf_clear(&certs);
    wbuf_clear(&out);
}

/* Every second one goes: as many edits as there can be. */
static void gaps_everywhere(void **state)
{
    char before[4 * SPC_MAX_CERTIFICATES] = "", after[4 * SPC_MAX_CERTIFICATES] = "";
    struct wbuf value, attrs;
    struct state s;

    (void)state;
    for (size_t i = 0; i < SPC_MAX_CERTIFICATES - 2; i += 2) {
        strcat(before, "t<u s<a ");
        strcat(after, "s<a ");
    }
    wbuf_init(&value, LIMIT);
    wbuf_init(&attrs, LIMIT);
    wbuf_init(&s.now, LIMIT);
    tiny_signer(&value, "t<u", BYTES_NONE);
    tiny_attribute(&attrs, OID_COUNTER_SIGNATURE, wbuf_bytes(&value));
    tiny_signature(&s.now, OID_SPC_INDIRECT_DATA, before, wbuf_bytes(&attrs));
    drop(&s, 0);
    assert_set(&s, 0, after);
    wbuf_clear(&s.now);
    wbuf_clear(&value);
    wbuf_clear(&attrs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_and_removed),
        cmocka_unit_test(replaced),
        cmocka_unit_test(replaced_by_a_token),
        cmocka_unit_test(another_signer_keeps_what_it_needs),
        cmocka_unit_test(a_timestamp_that_can_not_be_read_keeps_all),
        cmocka_unit_test(a_nested_signature_has_a_set_of_its_own),
        cmocka_unit_test(a_set_has_a_limit),
        cmocka_unit_test(gaps_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
