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

static const uint8_t small[] = {0x30, 0x05, 0x04, 0x03, 'a', 'b', 'c'};
static const uint8_t indefinite[] = {0x30, 0x80, 0x04, 0x03, 'a', 'b', 'c', 0, 0};

static void make_pe_kinds(const char *dir)
{
    static const struct make_pe kinds[] = {{.body_len = 9},
                                           {.plus = true, .body_len = 24, .right_checksum = true}};
    static const char *const names[] = {"pe32", "pe32plus"};
    char name[40];
    struct wbuf w;

    for (size_t i = 0; i < 2; i++) {
        wbuf_init(&w, LIMIT);
        make_pe(&w, &kinds[i]);
        (void)snprintf(name, sizeof name, "%s-unsigned", names[i]);
        write_file(dir, name, wbuf_bytes(&w));
        put(&w, bytes_of(small, sizeof small));
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

static void make_pe_tables(const char *dir)
{
    const struct make_pe m = {.e = 4, .body_len = 16, .right_checksum = true};
    const struct bytes der = bytes_of(small, sizeof small);
    const struct bytes ber = bytes_of(indefinite, sizeof indefinite);
    const struct make_pe_entry several[] = {
        {.der = der}, {.type = 1, .der = der}, {.der = der, .revision = 0x0100}};
    const struct make_pe_entry odd[] = {{.der = ber, .unpadded = true},
                                        {.der = ber, .tail = bytes_str("tail")}};
    struct wbuf w;

    make_pe_signed(&w, LIMIT, &m, several, 3);
    write_file(dir, "pe32-several", wbuf_bytes(&w));
    wbuf_clear(&w);
    make_pe_signed(&w, LIMIT, &m, odd, 2);
    write_file(dir, "pe32-odd-entries", wbuf_bytes(&w));
    wbuf_clear(&w);
}

/* SHA-1 of the parts and of zeros up to the length of a page. */
static void put_page(struct wbuf *list, size_t offset, const struct bytes *parts, size_t num, size_t len)
{
    static const uint8_t zeros[4096];
    struct bytes all[4] = {BYTES_NONE};
    uint8_t octets[DIGEST_MAX];

    memcpy(all, parts, num * sizeof *parts);
    all[3] = bytes_of(zeros, sizeof zeros - len);
    make_pe_set(octets, (uint32_t)offset, 4);
    wbuf_put(list, bytes_of(octets, 4));
    MAKE_CERT_MUST(digest_compute(DIGEST_SHA1, all, 4, octets) == RC_OK);
    wbuf_put(list, bytes_of(octets, 20));
}

/* An unsigned file of one section whose page hashes stand at its end, as fuzz_pe looks for them. */
static void make_pe_pages(const char *dir)
{
    const struct make_pe m = {.body_len = 30};
    size_t own = make_pe_checksum_at(&m), directory = make_pe_directory_at(&m),
           end = MAKE_PE_HEADERS + m.body_len;
    struct wbuf w, list;

    wbuf_init(&w, LIMIT);
    wbuf_init(&list, LIMIT);
    make_pe(&w, &m);
    const struct bytes headers[] = {bytes_of(w.data, own), bytes_of(w.data + own + 4, directory - own - 4),
                                    bytes_of(w.data + directory + 8, MAKE_PE_HEADERS - directory - 8)};
    const struct bytes body = bytes_of(w.data + MAKE_PE_HEADERS, m.body_len);
    put_page(&list, 0, headers, 3, MAKE_PE_HEADERS);
    put_page(&list, MAKE_PE_HEADERS, &body, 1, m.body_len);
    make_pe_set(wbuf_reserve(&list, 4), (uint32_t)end, 4);
    memset(wbuf_reserve(&list, 20), 0, 20);
    wbuf_put(&w, wbuf_bytes(&list));
    wbuf_put_u8(&w, 3);
    write_file(dir, "pe32-pages", wbuf_bytes(&w));
    wbuf_clear(&w);
    wbuf_clear(&list);
}

static void make_pe_corpus(const char *dir)
{
    make_pe_kinds(dir);
    make_pe_tables(dir);
    make_pe_pages(dir);
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
