/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the corpora of fuzz_pe and fuzz_spc from nothing. usage: mkpe PE-DIR SPC-DIR. The files are small: EC keys, short bodies; the
 * signatures inside the PE files are stand-ins, those of their own are real ones with throw-away keys.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/tsclient/make_pe.h"
#include "tests/unit/tsclient/make_signature.h"
#include "tests/unit/tsclient/make_stamp.h"
#include "tests/unit/tsclient/one_blob.h"
#include "tsclient/container/pe.h"
#include "tsclient/container/spc.h"

#define LIMIT (1u << 16)

static void write_file(const char *dir, const char *name, struct bytes contents)
{
    char path[4096];
    FILE *out;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    out = fopen(path, "wb");
    MAKE_CERT_MUST(out && fwrite(contents.data, 1, contents.len, out) == contents.len && fclose(out) == 0);
}

/* ---- PE ---- */

static void put(struct wbuf *file, struct bytes signature)
{
    struct edits edits;
    struct wbuf out;

    edits_init(&edits);
    wbuf_init(&out, LIMIT);
    MAKE_CERT_MUST(one_blob_put(&pe_ops, wbuf_bytes(file), signature, &edits) == RC_OK);
    MAKE_CERT_MUST(edits_apply(&edits, wbuf_bytes(file), &out) == RC_OK);
    edits_clear(&edits);
    wbuf_clear(file);
    *file = out;
}

/* A second entry behind the first, of another type. */
static void add_entry(struct wbuf *file, const struct make_pe *m)
{
    uint8_t *size = file->data + make_pe_directory_at(m) + 4;
    uint32_t len = (uint32_t)size[0] | (uint32_t)size[1] << 8;

    wbuf_put(file, bytes_of("\x10\0\0\0\0\2\1\0othertyp", 16));
    make_pe_set(file->data + make_pe_directory_at(m) + 4, len + 16, 4);
}

static void make_pe_corpus(const char *dir)
{
    static const uint8_t signature[] = {0x30, 0x05, 0x04, 0x03, 'a', 'b', 'c'};
    static const struct make_pe kinds[] = {{.body_len = 9}, {.plus = true, .body_len = 24}};
    static const char *const names[] = {"pe32", "pe32plus"};
    char name[40];
    struct wbuf w;

    for (size_t i = 0; i < 2; i++) {
        wbuf_init(&w, LIMIT);
        make_pe(&w, &kinds[i]);
        (void)snprintf(name, sizeof name, "%s-unsigned", names[i]);
        write_file(dir, name, wbuf_bytes(&w));
        put(&w, bytes_of(signature, sizeof signature));
        (void)snprintf(name, sizeof name, "%s-signed", names[i]);
        write_file(dir, name, wbuf_bytes(&w));
        add_entry(&w, &kinds[i]);
        (void)snprintf(name, sizeof name, "%s-two-entries", names[i]);
        write_file(dir, name, wbuf_bytes(&w));
        wbuf_put_text(&w, "behind");
        (void)snprintf(name, sizeof name, "%s-trailer", names[i]);
        write_file(dir, name, wbuf_bytes(&w));
        wbuf_clear(&w);
    }
}

/* ---- signatures ---- */

static void change(struct wbuf *signature, const struct spc_change *wanted)
{
    struct wbuf out;

    wbuf_init(&out, LIMIT);
    MAKE_CERT_MUST(spc_change(wbuf_bytes(signature), wanted, &out) == RC_OK);
    wbuf_clear(signature);
    *signature = out;
}

static void make_spc_corpus(const char *dir)
{
    struct made_cert key = make_cert(&(struct make_cert){.name = "A", .from = 1577836800, .to = 2000000000});
    struct bytes der = made_cert_der(&key);
    struct make_signature m = {.signer = &key, .certs = &der, .num_certs = 1, .file_digest = {der.data, 32}};
    struct make_stamp stamp = {.authority = &key, .blob = bytes_of(der.data, 64), .at = 1700000000};
    struct wbuf bare, stamped, reply, attrs;
    struct cms cms;

    wbuf_init(&bare, LIMIT);
    wbuf_init(&stamped, LIMIT);
    wbuf_init(&reply, LIMIT);
    wbuf_init(&attrs, LIMIT);
    make_signature(&bare, &m);
    write_file(dir, "bare", wbuf_bytes(&bare));
    make_token(&reply, &stamp);
    wbuf_put(&stamped, wbuf_bytes(&bare));
    change(&stamped, &(struct spc_change){.kind = SPC_STAMP_RFC3161, .value = wbuf_bytes(&reply)});
    write_file(dir, "token", wbuf_bytes(&stamped));
    make_attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&bare));
    m.unsigned_attrs = wbuf_bytes(&attrs);
    wbuf_reset(&stamped);
    make_signature(&stamped, &m);
    write_file(dir, "nested", wbuf_bytes(&stamped));
    wbuf_reset(&reply);
    make_legacy_reply(&reply, &stamp);
    MAKE_CERT_MUST(cms_parse(wbuf_bytes(&reply), DER_STRICT, &cms) == RC_OK);
    change(&stamped, &(struct spc_change){.index = 1, .kind = SPC_STAMP_LEGACY, .value = cms.signer.tlv});
    write_file(dir, "nested-legacy", wbuf_bytes(&stamped));
    wbuf_clear(&bare);
    wbuf_clear(&stamped);
    wbuf_clear(&reply);
    wbuf_clear(&attrs);
    made_cert_clear(&key);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fprintf(stderr, "usage: mkpe PE-DIR SPC-DIR\n");
        return 64;
    }
    make_pe_corpus(argv[1]);
    make_spc_corpus(argv[2]);
    return 0;
}
