/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the facts of a certificate (RFC 5280 4.1, 4.2) by the rules for foreign DER, because real ones hold small sins: a
 * DEFAULT that is encoded, a serial that is negative or not minimal. What stands twice is refused: two readers could
 * choose differently.
 */
#include "tsa/wire/cert.h"

#include <string.h>

static struct gentime get_time(struct der *d)
{
    bool utc = der_next_is(d, DER_UTC_TIME_TAG);
    struct bytes text = der_get(d, utc ? DER_UTC_TIME_TAG : DER_GENERALIZED_TIME_TAG);
    struct gentime t = {0};

    if ((utc ? gentime_parse_utc(text, &t) : gentime_parse(text, &t)) != RC_OK) {
        der_fail(d, RC_TIME_FORM);
    }
    return t;
}

/* The OID at the front of an AlgorithmIdentifier; its parameters are skipped. */
static enum oid get_algorithm(struct der *d)
{
    enum oid oid;

    der_enter(d, DER_SEQUENCE);
    oid = oid_find(der_get_oid(d));
    der_leave_rest(d);
    return oid;
}

static enum oid key_type_of(struct bytes spki)
{
    struct der d;

    der_init(&d, spki, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    return get_algorithm(&d);
}

/* ---- extensions ---- */

/* Named bit 0 is the top bit of the first octet. Unused bits are masked, not judged. */
static void read_key_usage(struct der *d, struct cert *out)
{
    struct bytes b = der_get(d, DER_BIT_STRING_TAG);
    size_t num_bits;

    if (b.len == 0 || b.data[0] > 7 || (b.len == 1 && b.data[0] > 0)) {
        der_fail(d, RC_DER_BIT_STRING);
        return;
    }
    num_bits = (b.len - 1) * 8 - b.data[0];
    for (size_t i = 0; i < num_bits && i < 16; i++) {
        out->key_usage |= (unsigned)(b.data[1 + i / 8] >> (7 - i % 8) & 1) << i;
    }
    out->has_key_usage = true;
}

static unsigned eku_bit(enum oid oid)
{
    static const struct {
        enum oid oid;
        enum cert_eku bit;
    } table[] = {
        {OID_KP_TIME_STAMPING, CERT_EKU_TIME_STAMPING},
        {OID_KP_CODE_SIGNING, CERT_EKU_CODE_SIGNING},
        {OID_KP_LIFETIME_SIGNING, CERT_EKU_LIFETIME_SIGNING},
        {OID_KP_ANY, CERT_EKU_ANY},
        {OID_KP_WHQL, CERT_EKU_WHQL},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].oid == oid) {
            return table[i].bit;
        }
    }
    return CERT_EKU_OTHER;
}

static void read_eku(struct der *d, struct cert *out)
{
    der_enter(d, DER_SEQUENCE);
    while (der_more(d)) {
        out->eku |= eku_bit(oid_find(der_get_oid(d)));
        out->num_eku++;
    }
    der_leave(d);
    out->has_eku = true;
}

static void read_basic_constraints(struct der *d, struct cert *out)
{
    der_enter(d, DER_SEQUENCE);
    if (der_next_is(d, DER_BOOLEAN_TAG)) {
        out->is_ca = der_get_bool(d);
    }
    if (der_next_is(d, DER_INTEGER_TAG)) {
        (void)der_get_integer(d);
    }
    der_leave(d);
}

static const struct reader {
    enum oid oid;
    void (*read)(struct der *d, struct cert *out);
} readers[] = {
    {OID_CE_KEY_USAGE, read_key_usage},
    {OID_CE_EXT_KEY_USAGE, read_eku},
    {OID_CE_BASIC_CONSTRAINTS, read_basic_constraints},
};

#define NUM_READERS (sizeof readers / sizeof readers[0])

static void read_value(struct der *d, const struct reader *reader, struct bytes value, struct cert *out)
{
    struct der inner;

    der_init(&inner, value, DER_FOREIGN);
    reader->read(&inner, out);
    if (der_end(&inner) != RC_OK) {
        der_fail(d, RC_CERT_MALFORMED);
    }
}

static void read_extension(struct der *d, unsigned *seen, struct cert *out)
{
    struct bytes value;
    bool critical;
    enum oid oid;

    der_enter(d, DER_SEQUENCE);
    oid = oid_find(der_get_oid(d));
    critical = der_next_is(d, DER_BOOLEAN_TAG) && der_get_bool(d);
    value = der_get(d, DER_OCTET_STRING_TAG);
    der_leave(d);
    for (size_t i = 0; i < NUM_READERS && oid != OID_NONE; i++) {
        if (readers[i].oid != oid) {
            continue;
        }
        if (*seen & 1u << i) {
            der_fail(d, RC_CERT_MALFORMED);
        }
        *seen |= 1u << i;
        read_value(d, &readers[i], value, out);
        out->eku_critical |= oid == OID_CE_EXT_KEY_USAGE && critical;
    }
}

static void read_extensions(struct der *d, struct cert *out)
{
    unsigned seen = 0;

    out->extensions = der_get(d, DER_SEQUENCE);
    if (d->rc == RC_OK) {
        struct der inner;

        der_init(&inner, out->extensions, DER_FOREIGN);
        while (der_more(&inner)) {
            read_extension(&inner, &seen, out);
        }
        if (der_end(&inner) != RC_OK) {
            der_fail(d, RC_CERT_MALFORMED);
        }
    }
}

/* ---- the certificate ---- */

static void read_version(struct der *d)
{
    if (der_next_is(d, DER_CONTEXT_CONSTRUCTED(0))) {
        der_enter(d, DER_CONTEXT_CONSTRUCTED(0));
        if (der_get_uint(d) > 2) {
            der_fail(d, RC_CERT_MALFORMED);
        }
        der_leave(d);
    }
}

static void read_tbs(struct der *d, struct cert *out)
{
    der_enter(d, DER_SEQUENCE);
    read_version(d);
    out->serial = der_get_integer(d);
    (void)get_algorithm(d);
    out->issuer = der_get_tlv(d, DER_SEQUENCE);
    der_enter(d, DER_SEQUENCE);
    out->not_before = get_time(d);
    out->not_after = get_time(d);
    der_leave(d);
    out->subject = der_get_tlv(d, DER_SEQUENCE);
    out->spki = der_get_tlv(d, DER_SEQUENCE);
    for (unsigned n = 1; n <= 2; n++) { /* issuerUniqueID, subjectUniqueID */
        if (der_next_is(d, DER_CONTEXT(n))) {
            (void)der_get(d, DER_CONTEXT(n));
        }
    }
    if (der_next_is(d, DER_CONTEXT_CONSTRUCTED(3))) {
        der_enter(d, DER_CONTEXT_CONSTRUCTED(3));
        read_extensions(d, out);
        der_leave(d);
    }
    der_leave(d);
}

enum rc cert_parse(struct bytes in, struct cert *out)
{
    struct der d;

    *out = (struct cert){.der = in};
    der_init(&d, in, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    read_tbs(&d, out);
    out->signature_alg = get_algorithm(&d);
    if (out->signature_alg == OID_RSA_SHA1_OIW) { /* as old tools for test certificates write it */
        out->signature_alg = OID_RSA_SHA1;
    }
    (void)der_get(&d, DER_BIT_STRING_TAG);
    der_leave(&d);
    if (der_end(&d) != RC_OK) {
        *out = (struct cert){0};
        return RC_CERT_MALFORMED;
    }
    out->key_type = key_type_of(out->spki);
    return RC_OK;
}

bool cert_get_extension(const struct cert *cert, enum oid type, struct bytes *out_value)
{
    struct der d;
    bool found = false;

    /* cert_parse has read the list once: its form is good, and no type stands twice. */
    der_init(&d, cert->extensions, DER_FOREIGN);
    while (!found && der_more(&d)) {
        der_enter(&d, DER_SEQUENCE);
        found = oid_find(der_get_oid(&d)) == type;
        if (der_next_is(&d, DER_BOOLEAN_TAG)) {
            (void)der_get_bool(&d);
        }
        *out_value = der_get(&d, DER_OCTET_STRING_TAG);
        der_leave(&d);
    }
    return found && d.rc == RC_OK;
}

/* ---- checks ---- */

enum rc cert_check_timestamping(const struct cert *cert)
{
    const unsigned signing = CERT_USAGE_DIGITAL_SIGNATURE | CERT_USAGE_NON_REPUDIATION;

    if (cert->is_ca) {
        return RC_CERT_IS_CA;
    }
    /* RFC 3161 2.3: one purpose, critical. */
    if (!cert->eku_critical || cert->num_eku != 1 || cert->eku != CERT_EKU_TIME_STAMPING) {
        return RC_CERT_EKU;
    }
    if (cert->has_key_usage && (cert->key_usage == 0 || cert->key_usage & ~signing)) {
        return RC_CERT_KEY_USAGE;
    }
    return RC_OK;
}

enum rc cert_check_time(const struct cert *cert, struct gentime t)
{
    if (gentime_compare(t, cert->not_before) < 0) {
        return RC_CERT_NOT_YET_VALID;
    }
    return gentime_compare(t, cert->not_after) > 0 ? RC_CERT_EXPIRED : RC_OK;
}

bool cert_matches(const struct cert *cert, struct bytes issuer, struct bytes serial)
{
    return bytes_equal(cert->serial, serial) && bytes_equal(cert->issuer, issuer);
}

/* ---- names as text ---- */

struct text {
    char *out;
    size_t len, size;
    bool full;
};

/* What moves the cursor or turns the direction of writing could make a name look like another one. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/* Writes a whole character or, where it does not fit, none from there on. */
static void put_char(struct text *text, uint32_t c)
{
    uint8_t octets[4];
    size_t num;

    c = is_control(c) ? '?' : c;
    num = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    text->full |= num >= text->size - text->len;
    if (text->full) {
        return;
    }
    for (size_t i = num; i > 1; i--, c >>= 6) {
        octets[i - 1] = (uint8_t)(0x80 | (c & 0x3f));
    }
    octets[0] = (uint8_t)(num == 1 ? c : (0xf00u >> num & 0xff) | c);
    memcpy(text->out + text->len, octets, num);
    text->len += num;
    text->out[text->len] = '\0';
}

#define REPLACEMENT 0xfffdu

static uint32_t scalar(uint32_t c)
{
    return c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? REPLACEMENT : c;
}

/* One character of UTF-8 (RFC 3629); what is malformed costs one octet and gives the replacement character. */
static uint32_t take_utf8(struct bytes *b)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = b->data[0];
    size_t num = first < 0x80 ? 1 : first >= 0xc0 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : 4;
    uint32_t c = num == 1 ? first : first & (0x7fu >> num);
    size_t at = 1;

    for (; at < num && at < b->len && (b->data[at] & 0xc0) == 0x80; at++) {
        c = c << 6 | (b->data[at] & 0x3f);
    }
    if (at < num || c < least[num] || (num == 4 && (first & 0xf8) != 0xf0)) {
        c = REPLACEMENT;
        num = 1;
    }
    *b = bytes_of(b->data + num, b->len - num);
    return scalar(c);
}

/* One character of a fixed width: 1 octet Latin-1, 2 UTF-16 without pairs (BMPString), 4 UTF-32. */
static uint32_t take_wide(struct bytes *b, size_t width)
{
    uint32_t c = 0;

    width = width > b->len ? b->len : width;
    for (size_t i = 0; i < width; i++) {
        c = c << 8 | b->data[i];
    }
    *b = bytes_of(b->data + width, b->len - width);
    return scalar(c);
}

#define UNIVERSAL_STRING_TAG 0x1c

static void put_string(struct text *text, uint8_t tag, struct bytes value)
{
    size_t width = tag == DER_BMP_STRING_TAG ? 2 : tag == UNIVERSAL_STRING_TAG ? 4 : 1;

    while (value.len > 0) {
        put_char(text, tag == DER_UTF8_STRING_TAG ? take_utf8(&value) : take_wide(&value, width));
    }
}

struct attribute {
    int rank; /* 0: none yet */
    uint8_t tag;
    struct bytes value;
};

static int rank_of(enum oid oid)
{
    return oid == OID_AT_COMMON_NAME ? 3 : oid == OID_AT_ORGANIZATION ? 2 : 1;
}

/* Of the same rank the last one counts: names go from the general to the special. */
static void read_attribute(struct der *d, struct attribute *best)
{
    struct attribute a;
    struct bytes tlv;
    struct der inner;

    der_enter(d, DER_SEQUENCE);
    a.rank = rank_of(oid_find(der_get_oid(d)));
    tlv = der_get_tlv(d, 0);
    der_leave(d);
    if (d->rc != RC_OK || a.rank < best->rank) {
        return;
    }
    a.tag = tlv.data[0];
    der_init(&inner, tlv, DER_FOREIGN);
    a.value = der_get(&inner, 0);
    *best = a;
}

char *cert_name(struct bytes name, char *out, size_t out_size)
{
    struct text text = {.out = out, .size = out_size};
    struct attribute best = {0};
    struct der d;

    if (out_size == 0) {
        return out;
    }
    out[0] = '\0';
    der_init(&d, name, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    while (der_more(&d)) {
        der_enter(&d, DER_SET);
        while (der_more(&d)) {
            read_attribute(&d, &best);
        }
        der_leave(&d);
    }
    der_leave(&d);
    if (der_end(&d) == RC_OK) {
        put_string(&text, best.tag, best.value);
    }
    return out;
}

/* ---- what others need of a certificate ---- */

enum rc cert_hash(const struct cert *cert, enum digest alg, uint8_t out[DIGEST_MAX])
{
    return digest_compute(alg, &cert->der, 1, out);
}

void cert_put_issuer_and_serial(struct wbuf *w, const struct cert *cert)
{
    size_t mark = der_open(w, DER_SEQUENCE);

    wbuf_put(w, cert->issuer);
    der_put_integer(w, DER_INTEGER_TAG, cert->serial);
    der_close(w, mark);
}

enum rc cert_put_ess_v2(struct wbuf *w, const struct cert *cert, enum digest alg)
{
    size_t value, certs, id;
    uint8_t hash[DIGEST_MAX];
    enum rc rc = cert_hash(cert, alg, hash);

    if (rc != RC_OK) {
        wbuf_fail(w, rc);
        return rc;
    }
    value = der_open(w, DER_SEQUENCE); /* SigningCertificateV2 */
    certs = der_open(w, DER_SEQUENCE);
    id = der_open(w, DER_SEQUENCE); /* ESSCertIDv2; issuerSerial is the signer identifier's (RFC 5035 4) */
    if (alg != DIGEST_SHA256) {
        digest_put_algorithm(w, alg, false);
    }
    der_put(w, DER_OCTET_STRING_TAG, bytes_of(hash, digest_len(alg)));
    der_close(w, id);
    der_close(w, certs);
    der_close(w, value);
    return wbuf_rc(w);
}

/* ---- certificate sets ---- */

/* The other choices of RFC 5652 10.2.2: extendedCertificate, attribute certificates, other. */
static bool is_other_choice(uint8_t tag)
{
    return tag >= DER_CONTEXT_CONSTRUCTED(0) && tag <= DER_CONTEXT_CONSTRUCTED(3);
}

bool cert_next(struct bytes *rest, struct bytes *out_cert)
{
    struct bytes element;
    size_t len;

    while (der_tlv_len(*rest, &len) == RC_OK) {
        element = bytes_of(rest->data, len);
        if (element.data[0] != DER_SEQUENCE && !is_other_choice(element.data[0])) {
            break;
        }
        *rest = bytes_of(rest->data + len, rest->len - len);
        if (element.data[0] == DER_SEQUENCE) {
            *out_cert = element;
            return true;
        }
    }
    *out_cert = BYTES_NONE;
    return false;
}

enum rc cert_find(struct bytes set, struct bytes issuer, struct bytes serial, struct cert *out)
{
    struct bytes der;

    while (cert_next(&set, &der)) {
        if (cert_parse(der, out) == RC_OK && cert_matches(out, issuer, serial)) {
            return RC_OK;
        }
    }
    *out = (struct cert){0};
    return RC_CERT_NOT_FOUND;
}
