/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every real signature below the folder that TSA_SAMPLES names, whatever kind of file holds it: each of its signatures changed, and
 * changed back. What has a timestamp loses it and gets it back; what has none gets one of each kind and loses it again.
 * Without the folder the test is skipped, and says so.
 */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_tiny.h"
#include "tsa/wire/ber.h"
#include "tsclient/container/container.h"
#include "tsclient/container/spc.h"

static struct {
    size_t files, signatures, nested, legacy, tokens, bare, indefinite;
} seen;

/* By what the test puts itself. */
static struct wbuf token, countersignature, certificates;

static enum rc apply(struct wbuf *out, struct bytes in, const struct spc_change *change)
{
    wbuf_init(out, in.len + 20000);
    return spc_change(in, change, out);
}

/* One of each kind on what has none, and off again. An empty certificate set would go with a legacy one: that is left out. */
static void assert_there_and_back(const char *name, struct bytes in, size_t index, bool empty_set)
{
    const struct spc_change changes[] = {
        {index, SPC_STAMP_RFC3161, wbuf_bytes(&token), BYTES_NONE},
        {index, SPC_STAMP_LEGACY, wbuf_bytes(&countersignature), wbuf_bytes(&certificates)},
    };
    struct wbuf out, back;

    for (size_t i = 0; i < (empty_set ? 1 : 2); i++) {
        assert_int_equal(apply(&out, in, &changes[i]), RC_OK);
        assert_int_equal(apply(&back, wbuf_bytes(&out), &(struct spc_change){.index = index}), RC_OK);
        if (!bytes_equal(wbuf_bytes(&back), in)) {
            fail_msg("%s: signature %zu does not come back", name, index);
        }
        wbuf_clear(&out);
        wbuf_clear(&back);
    }
}

static bool has_certificate(struct bytes set, const struct spc_signature *signature)
{
    struct cert cert;

    return cms_signer_find_cert(&signature->cms.signer, set, &cert) == RC_OK;
}

/* What everybody signed is there as before, and its certificate with it. */
static void assert_kept(const char *name, const struct spc *before, struct bytes after)
{
    struct spc *spc = calloc(1, sizeof *spc);

    assert_non_null(spc);
    assert_int_equal(spc_parse(after, spc), RC_OK);
    assert_int_equal(spc->num, before->num);
    for (size_t i = 0; i < spc->num; i++) {
        const struct spc_signature *a = &before->signatures[i], *b = &spc->signatures[i];

        if (!bytes_equal(a->cms.content_tlv, b->cms.content_tlv) ||
            !bytes_equal(a->cms.signer.signed_attrs, b->cms.signer.signed_attrs) ||
            !bytes_equal(a->cms.signer.signature, b->cms.signer.signature) ||
            has_certificate(a->cms.certificates, a) != has_certificate(b->cms.certificates, b)) {
            fail_msg("%s: signature %zu is not what it was", name, i);
        }
    }
    free(spc);
}

/* Off, and on again: as long as before, since the certificates that went come back, if at the end of their set. */
static void assert_off_and_on(const char *name, struct bytes in, const struct spc *spc, size_t index)
{
    const struct spc_signature *signature = &spc->signatures[index];
    const struct spc_change on = {index, signature->stamps[0].kind, signature->stamps[0].value,
                                  signature->cms.certificates};
    struct wbuf off, back, again;

    assert_int_equal(apply(&off, in, &(struct spc_change){.index = index}), RC_OK);
    assert_true(off.len < in.len);
    assert_kept(name, spc, wbuf_bytes(&off));
    assert_there_and_back(name, wbuf_bytes(&off), index, false);
    assert_int_equal(apply(&back, wbuf_bytes(&off), &on), RC_OK);
    assert_int_equal(apply(&again, wbuf_bytes(&back), &(struct spc_change){.index = index}), RC_OK);
    if (back.len != in.len || !bytes_equal(wbuf_bytes(&off), wbuf_bytes(&again))) {
        fail_msg("%s: timestamp of signature %zu does not come back", name, index);
    }
    wbuf_clear(&off);
    wbuf_clear(&back);
    wbuf_clear(&again);
}

static void check_signature(const char *name, struct bytes in, const struct spc *spc, size_t index)
{
    const struct spc_signature *signature = &spc->signatures[index];

    seen.signatures++;
    seen.nested += signature->depth > 0;
    if (signature->num_stamps == 0) {
        seen.bare++;
        assert_there_and_back(name, in, index,
                              signature->cms.has_certificates && signature->cms.certificates.len == 0);
    } else {
        seen.legacy += signature->stamps[0].kind == SPC_STAMP_LEGACY;
        seen.tokens += signature->stamps[0].kind == SPC_STAMP_RFC3161;
        assert_off_and_on(name, in, spc, index);
    }
}

static void check_blob(const char *name, struct bytes blob)
{
    struct spc *spc = calloc(1, sizeof *spc);
    struct wbuf out;
    enum rc rc;

    assert_non_null(spc);
    rc = spc_parse(blob, spc);
    if (rc == RC_OK) {
        for (size_t i = 0; i < spc->num; i++) {
            check_signature(name, blob, spc, i);
        }
    } else if (ber_is_indefinite(blob)) {
        seen.indefinite++;
        assert_int_equal(apply(&out, blob, &(struct spc_change){.index = 0}), RC_SPC_INDEFINITE);
        wbuf_clear(&out);
    } else {
        print_message("%s: %s\n", name, rc_text(rc));
    }
    free(spc);
}

static void check_octets(const char *name, struct bytes file)
{
    const struct container_ops *ops = container_detect(file);
    struct container_blobs blobs = {.num = 0};
    const char *why;

    if (!ops || ops->check(file, &why) != RC_OK) {
        return;
    }
    if (ops->get(file, &blobs) == RC_OK) {
        seen.files++;
        for (size_t i = 0; i < blobs.num; i++) {
            check_blob(name, blobs.list[i]);
        }
    }
    container_blobs_clear(&blobs);
}

static int check_file(const char *path, const struct stat *st, int kind)
{
    size_t len = (size_t)st->st_size;
    uint8_t *data;
    FILE *in;

    if (kind != FTW_F || len == 0) {
        return 0;
    }
    in = fopen(path, "rb");
    data = malloc(len);
    assert_non_null(in);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, len, in), len);
    fclose(in);
    check_octets(path, bytes_of(data, len));
    free(data);
    return 0;
}

static void every_signature(void **state)
{
    const char *folder = getenv("TSA_SAMPLES");

    (void)state;
    if (!folder || !*folder) {
        print_message("skipped: TSA_SAMPLES names no folder\n");
        skip();
    }
    wbuf_init(&token, 10000);
    wbuf_init(&countersignature, 10000);
    wbuf_init(&certificates, 10000);
    tiny_signature(&token, OID_TST_INFO, "k<l", BYTES_NONE);
    tiny_signer(&countersignature, "t<u", BYTES_NONE);
    tiny_set(&certificates, "t<u u<v v<v");
    assert_int_equal(ftw(folder, check_file, 16), 0);
    print_message("%zu files, %zu signatures (%zu nested): %zu with a legacy timestamp, %zu with a token, "
                  "%zu with none; %zu in BER\n",
                  seen.files, seen.signatures, seen.nested, seen.legacy, seen.tokens, seen.bare,
                  seen.indefinite);
    assert_true(seen.files >= 40 && seen.nested >= 5 && seen.legacy >= 10 && seen.tokens >= 10);
    wbuf_clear(&token);
    wbuf_clear(&countersignature);
    wbuf_clear(&certificates);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_signature),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
