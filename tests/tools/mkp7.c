/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the corpus of fuzz_p7 from nothing. usage: mkp7 DIR. Small SignedData of every content, in every encoding and form of text; their
 * signatures are stand-ins.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tsclient/make_signed_data.h"

#define LIMIT (1u << 16)

static const char *dir;

static void write_file(const char *name, const char *form, struct bytes contents)
{
    char path[4096];
    FILE *out;

    (void)snprintf(path, sizeof path, "%s/%s-%s", dir, name, form);
    out = fopen(path, "wb");
    if (!out || fwrite(contents.data, 1, contents.len, out) != contents.len || fclose(out) != 0) {
        perror(path);
        exit(1);
    }
}

static void write_text(const char *name, const char *form, struct bytes der, const struct make_pem *pem)
{
    struct wbuf w;

    wbuf_init(&w, LIMIT);
    make_pem(&w, der, pem);
    write_file(name, form, wbuf_bytes(&w));
    wbuf_clear(&w);
}

static void write_ber(const char *name, const char *form, struct bytes der, bool indefinite)
{
    struct wbuf w;

    wbuf_init(&w, LIMIT);
    make_ber(&w, der, indefinite);
    write_file(name, form, wbuf_bytes(&w));
    wbuf_clear(&w);
}

static void write_forms(const char *name, const struct make_signed_data *m)
{
    struct wbuf der, w;

    wbuf_init(&der, LIMIT);
    wbuf_init(&w, LIMIT);
    make_signed_data(&der, m);
    write_file(name, "der", wbuf_bytes(&der));
    write_ber(name, "indefinite", wbuf_bytes(&der), true);
    write_ber(name, "long-lengths", wbuf_bytes(&der), false);
    wbuf_put_text(&w, "PKCX");
    wbuf_put(&w, wbuf_bytes(&der));
    write_file(name, "p7x", wbuf_bytes(&w));
    write_text(name, "pem", wbuf_bytes(&der), &(struct make_pem){.label = "CMS", .end = "\n", .width = 64});
    write_text(name, "pem-crlf", wbuf_bytes(&der),
               &(struct make_pem){.label = "PKCS7", .end = "\r\n", .before = "a: b\r\n", .after = ""});
    wbuf_put(&der, bytes_of("\0\0\0", 3));
    write_file(name, "padded", wbuf_bytes(&der));
    wbuf_put_u8(&der, 1);
    write_file(name, "tail", wbuf_bytes(&der));
    wbuf_clear(&der);
    wbuf_clear(&w);
}

int main(int argc, char **argv)
{
    static const char octets[] = "\x04\x03"
                                 "abc";
    static const char sequence[] = "\x30\x05\x04\x03"
                                   "abc";
    static const char cert[] = "\x30\x03\x02\x01\x05";
    static const char stamp[] =
        "\x30\x13\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x03\x03\x01\x31\x05\x30\x03\x02\x01\x07";
    struct make_signed_data m = {.content_type = OID_DATA, .content = bytes_str(octets), .num_signers = 1};

    if (argc != 2) {
        (void)fprintf(stderr, "usage: mkp7 DIR\n");
        return 64;
    }
    dir = argv[1];
    write_forms("data", &m);
    m.content = BYTES_NONE;
    m.num_signers = 2;
    m.unsigned_attrs = bytes_str(stamp);
    write_forms("detached-two", &m);
    m = (struct make_signed_data){.content_type = OID_CTL,
                                  .content = bytes_str(sequence),
                                  .certificates = bytes_str(cert),
                                  .num_signers = 1,
                                  .unsigned_attrs = bytes_str(stamp)};
    write_forms("cat", &m);
    m.num_signers = 0;
    m.certificates = m.unsigned_attrs = BYTES_NONE;
    write_forms("cat-unsigned", &m);
    m = (struct make_signed_data){.content_type = OID_DATA, .certificates = bytes_str(cert)};
    write_forms("certificates", &m);
    return 0;
}
