/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TimeStampReq, TSTInfo and TimeStampResp of RFC 3161. A request is read with the liberties that real clients need and no
 * others; a reply is read as other people's authorities write it; everything is written in DER. Nothing is decided here:
 * which policy, digest or time is served is the authority's business.
 */
#include "tsa/wire/tsp.h"

#define MILLION       1000000
#define NS_PER_SECOND 1000000000

/* ---- parts that requests and tokens share ---- */

static void put_version_1(struct wbuf *w)
{
    static const uint8_t version[] = {DER_INTEGER_TAG, 1, 1};

    wbuf_put(w, bytes_of(version, sizeof version));
}

/* Parameters of a digest algorithm that is not known may be anything; they are only skipped. */
static void read_imprint(struct der *d, struct tsp_imprint *out)
{
    der_enter(d, DER_SEQUENCE);
    der_enter(d, DER_SEQUENCE);
    out->alg_oid = der_get_oid(d);
    out->alg = digest_of_oid(oid_find(out->alg_oid));
    if (der_next_is(d, DER_NULL_TAG)) {
        out->alg_null = true;
        der_get_null(d);
    } else if (out->alg == DIGEST_NONE && der_more(d)) {
        (void)der_get(d, 0);
    }
    der_leave(d);
    out->hash = der_get(d, DER_OCTET_STRING_TAG);
    der_leave(d);
}

static void put_imprint(struct wbuf *w, const struct tsp_imprint *imprint)
{
    size_t whole = der_open(w, DER_SEQUENCE);
    size_t alg = der_open(w, DER_SEQUENCE);

    if (imprint->alg != DIGEST_NONE) {
        oid_put(w, digest_oid(imprint->alg));
    } else {
        der_put(w, DER_OID_TAG, imprint->alg_oid);
    }
    if (imprint->alg_null) {
        der_put_null(w);
    }
    der_close(w, alg);
    der_put(w, DER_OCTET_STRING_TAG, imprint->hash);
    der_close(w, whole);
}

static bool imprint_has_wrong_length(const struct tsp_imprint *imprint)
{
    return imprint->alg != DIGEST_NONE && imprint->hash.len != digest_len(imprint->alg);
}

/* Reads [tag] IMPLICIT Extensions (RFC 5280 4.2); returns its contents. */
static struct bytes read_extensions(struct der *d, uint8_t tag, bool *out_critical)
{
    struct bytes contents = BYTES_NONE;
    size_t start;

    *out_critical = false;
    der_enter(d, tag);
    start = d->at;
    while (der_more(d)) {
        der_enter(d, DER_SEQUENCE);
        (void)der_get_oid(d);
        if (der_next_is(d, DER_BOOLEAN_TAG) && der_get_bool(d)) {
            *out_critical = true;
        }
        (void)der_get(d, DER_OCTET_STRING_TAG);
        der_leave(d);
    }
    if (d->rc == RC_OK) {
        contents = bytes_of(d->in.data + start, d->at - start);
    }
    der_leave(d);
    return contents;
}

/* ---- TimeStampReq ---- */

/* What stands behind the version. */
static void read_request_fields(struct der *d, struct tsp_request *out)
{
    bool critical;

    read_imprint(d, &out->imprint);
    if (der_next_is(d, DER_OID_TAG)) {
        out->policy = der_get_oid(d);
    }
    if (der_next_is(d, DER_INTEGER_TAG)) {
        out->nonce = der_get_integer(d);
    }
    if (der_next_is(d, DER_BOOLEAN_TAG)) {
        out->cert_req = der_get_bool(d);
    }
    if (der_next_is(d, DER_CONTEXT_CONSTRUCTED(0))) {
        out->has_extensions = true;
        (void)read_extensions(d, DER_CONTEXT_CONSTRUCTED(0), &critical);
    }
}

/* The order is the header's promise. */
static enum rc judge_request(const struct tsp_request *request)
{
    if (request->imprint.alg == DIGEST_NONE) {
        return RC_DIGEST_UNKNOWN;
    }
    if (imprint_has_wrong_length(&request->imprint)) {
        return RC_DIGEST_LENGTH;
    }
    if (request->has_extensions) { /* RFC 3161 2.4.1: critical or not */
        return RC_TSP_EXTENSION;
    }
    if (request->nonce.len > TSP_NONCE_MAX) {
        return RC_TSP_NONCE_SIZE;
    }
    return request->policy.len > TSP_POLICY_MAX ? RC_TSP_POLICY : RC_OK;
}

enum rc tsp_request_parse(struct bytes in, struct tsp_request *out)
{
    struct der d;
    uint64_t version;
    enum rc rc;

    *out = (struct tsp_request){0};
    der_init(&d, in, DER_REQUEST);
    der_enter(&d, DER_SEQUENCE);
    version = der_get_uint(&d);
    if (d.rc == RC_OK && version != 1) { /* nobody knows what follows in another version */
        der_leave_rest(&d);
        rc = der_end(&d);
        return rc == RC_OK ? RC_TSP_VERSION : rc;
    }
    read_request_fields(&d, out);
    der_leave(&d);
    rc = der_end(&d);
    return rc == RC_OK ? judge_request(out) : rc;
}

void tsp_request_build(struct wbuf *w, const struct tsp_request *request)
{
    size_t mark = der_open(w, DER_SEQUENCE);

    put_version_1(w);
    put_imprint(w, &request->imprint);
    if (request->policy.len > 0) {
        der_put(w, DER_OID_TAG, request->policy);
    }
    if (request->nonce.len > 0) {
        der_put_integer(w, DER_INTEGER_TAG, request->nonce);
    }
    if (request->cert_req) {
        der_put_bool(w, true);
    }
    der_close(w, mark);
}

/* ---- TSTInfo ---- */

static uint64_t read_accuracy_part(struct der *d, uint8_t tag, uint64_t min, uint64_t max)
{
    uint64_t v;

    if (!der_next_is(d, tag)) {
        return 0;
    }
    v = der_get_uint_as(d, tag);
    if (d->rc == RC_OK && (v < min || v > max)) {
        der_fail(d, RC_TSP_ACCURACY);
    }
    return v;
}

/* RFC 3161 2.4.2: millis and micros are 1..999; others' zeros do no harm. */
static void read_accuracy(struct der *d, struct tsp_accuracy *out)
{
    uint64_t min = d->rules == DER_FOREIGN ? 0 : 1;

    der_enter(d, DER_SEQUENCE);
    out->seconds = (uint32_t)read_accuracy_part(d, DER_INTEGER_TAG, 0, UINT32_MAX);
    out->millis = (uint16_t)read_accuracy_part(d, DER_CONTEXT(0), min, 999);
    out->micros = (uint16_t)read_accuracy_part(d, DER_CONTEXT(1), min, 999);
    der_leave(d);
}

static struct gentime read_time(struct der *d)
{
    struct gentime t = {0};
    struct bytes text = der_get(d, DER_GENERALIZED_TIME_TAG);
    enum rc rc;

    if (d->rc == RC_OK && (rc = gentime_parse(text, &t)) != RC_OK) {
        der_fail(d, rc);
    }
    return t;
}

static void read_ordering(struct der *d, bool *out)
{
    *out = der_get_bool(d);
    if (d->rc == RC_OK && !*out && d->rules == DER_STRICT) {
        der_fail(d, RC_DER_DEFAULT);
    }
}

static void read_tstinfo_options(struct der *d, struct tsp_tstinfo *out)
{
    if (der_next_is(d, DER_SEQUENCE)) {
        out->has_accuracy = true;
        read_accuracy(d, &out->accuracy);
    }
    if (der_next_is(d, DER_BOOLEAN_TAG)) {
        read_ordering(d, &out->ordering);
    }
    if (der_next_is(d, DER_INTEGER_TAG)) {
        out->nonce = der_get_integer(d);
    }
    if (der_next_is(d, DER_CONTEXT_CONSTRUCTED(0))) { /* GeneralName is a CHOICE, so the tag is explicit */
        der_enter(d, DER_CONTEXT_CONSTRUCTED(0));
        out->tsa_name = der_get_tlv(d, 0);
        der_leave(d);
    }
    if (der_next_is(d, DER_CONTEXT_CONSTRUCTED(1))) {
        out->extensions = read_extensions(d, DER_CONTEXT_CONSTRUCTED(1), &out->has_critical_extension);
    }
}

enum rc tsp_tstinfo_parse(struct bytes in, enum der_rules rules, struct tsp_tstinfo *out)
{
    struct der d;
    enum rc rc;

    *out = (struct tsp_tstinfo){.time_digits = 9};
    der_init(&d, in, rules);
    der_enter(&d, DER_SEQUENCE);
    if (der_get_uint(&d) != 1) {
        der_fail(&d, RC_TSP_VERSION); /* latches behind what der_get_uint found */
    }
    out->policy = der_get_oid(&d);
    read_imprint(&d, &out->imprint);
    out->serial = der_get_integer(&d);
    out->time = read_time(&d);
    read_tstinfo_options(&d, out);
    der_leave(&d);
    rc = der_end(&d);
    if (rc == RC_OK && imprint_has_wrong_length(&out->imprint)) {
        rc = RC_DIGEST_LENGTH;
    }
    return rc;
}

static void put_time(struct wbuf *w, struct gentime t, unsigned digits)
{
    char text[GENTIME_TEXT_MAX];
    uint32_t unit = 1;
    size_t len;
    enum rc rc;

    for (unsigned i = digits; i < 9; i++) {
        unit *= 10;
    }
    t.nsec -= t.nsec % unit;
    rc = gentime_build(t, text, &len);
    if (rc != RC_OK) {
        wbuf_fail(w, rc);
        return;
    }
    der_put(w, DER_GENERALIZED_TIME_TAG, bytes_of(text, len));
}

static void put_accuracy(struct wbuf *w, struct tsp_accuracy accuracy)
{
    size_t mark;

    if (accuracy.seconds == 0 && accuracy.millis == 0 && accuracy.micros == 0) {
        return;
    }
    if (accuracy.millis > 999 || accuracy.micros > 999) {
        wbuf_fail(w, RC_TSP_ACCURACY);
        return;
    }
    mark = der_open(w, DER_SEQUENCE);
    if (accuracy.seconds > 0) {
        der_put_uint(w, DER_INTEGER_TAG, accuracy.seconds);
    }
    if (accuracy.millis > 0) {
        der_put_uint(w, DER_CONTEXT(0), accuracy.millis);
    }
    if (accuracy.micros > 0) {
        der_put_uint(w, DER_CONTEXT(1), accuracy.micros);
    }
    der_close(w, mark);
}

void tsp_tstinfo_build(struct wbuf *w, const struct tsp_tstinfo *info)
{
    size_t mark = der_open(w, DER_SEQUENCE);

    put_version_1(w);
    der_put(w, DER_OID_TAG, info->policy);
    put_imprint(w, &info->imprint);
    der_put_integer(w, DER_INTEGER_TAG, info->serial);
    put_time(w, info->time, info->time_digits);
    if (info->has_accuracy) {
        put_accuracy(w, info->accuracy);
    }
    if (info->ordering) {
        der_put_bool(w, true);
    }
    if (info->nonce.len > 0) {
        der_put_integer(w, DER_INTEGER_TAG, info->nonce);
    }
    if (info->tsa_name.len > 0) {
        der_put(w, DER_CONTEXT_CONSTRUCTED(0), info->tsa_name);
    }
    der_close(w, mark);
}

int64_t tsp_accuracy_ns(struct tsp_accuracy accuracy)
{
    return (int64_t)accuracy.seconds * NS_PER_SECOND + (int64_t)accuracy.millis * MILLION +
           (int64_t)accuracy.micros * 1000;
}

struct tsp_accuracy tsp_accuracy_of_ns(int64_t ns)
{
    int64_t seconds = ns / NS_PER_SECOND;
    int64_t micros = ns % NS_PER_SECOND / 1000;

    if (ns <= 0) {
        return (struct tsp_accuracy){0};
    }
    if (seconds > UINT32_MAX) {
        return (struct tsp_accuracy){UINT32_MAX, 999, 999};
    }
    return (struct tsp_accuracy){(uint32_t)seconds, (uint16_t)(micros / 1000), (uint16_t)(micros % 1000)};
}

/* ---- TimeStampResp ---- */

static const char *const status_names[] = {
    "granted", "grantedWithMods", "rejection", "waiting", "revocationWarning", "revocationNotification",
};
#define NUM_STATUS (sizeof status_names / sizeof *status_names)

static const struct {
    enum tsp_failure failure;
    const char *name;
} failures[] = {
    {TSP_NO_FAILURE, "none"},
    {TSP_BAD_ALG, "badAlg"},
    {TSP_BAD_REQUEST, "badRequest"},
    {TSP_BAD_DATA_FORMAT, "badDataFormat"},
    {TSP_TIME_NOT_AVAILABLE, "timeNotAvailable"},
    {TSP_UNACCEPTED_POLICY, "unacceptedPolicy"},
    {TSP_UNACCEPTED_EXTENSION, "unacceptedExtension"},
    {TSP_ADD_INFO_NOT_AVAILABLE, "addInfoNotAvailable"},
    {TSP_SYSTEM_FAILURE, "systemFailure"},
};
#define NUM_FAILURES (sizeof failures / sizeof *failures)

const char *tsp_failure_name(enum tsp_failure failure)
{
    for (size_t i = 0; i < NUM_FAILURES; i++) {
        if (failures[i].failure == failure) {
            return failures[i].name;
        }
    }
    return "unknown";
}

static bool failure_is_known(enum tsp_failure failure)
{
    for (size_t i = 0; i < NUM_FAILURES; i++) {
        if (failures[i].failure == failure) {
            return true;
        }
    }
    return false;
}

const char *tsp_status_name(enum tsp_status status)
{
    return (unsigned)status < NUM_STATUS ? status_names[status] : "unknown";
}

/* PKIFreeText: the first UTF8String; whatever else others put there is passed over. */
static struct bytes read_free_text(struct der *d)
{
    struct bytes text = BYTES_NONE;

    der_enter(d, DER_SEQUENCE);
    while (der_more(d)) {
        if (text.len == 0 && der_next_is(d, DER_UTF8_STRING_TAG)) {
            text = der_get(d, DER_UTF8_STRING_TAG);
        } else {
            (void)der_get(d, 0);
        }
    }
    der_leave(d);
    return text;
}

/* The list may carry trailing zero bits, and may be empty (RFC 3161 2.4.2 names no other bits than those of the table). */
static enum tsp_failure read_failure(struct der *d)
{
    unsigned unused;
    struct bytes bits = der_get_bit_string(d, &unused);

    for (size_t i = 0; i < bits.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            if (bits.data[i] & 0x80 >> bit) {
                return (enum tsp_failure)(int)(i * 8 + (size_t)bit);
            }
        }
    }
    return TSP_NO_FAILURE;
}

static void read_status(struct der *d, struct tsp_response *out)
{
    uint64_t status;

    der_enter(d, DER_SEQUENCE);
    status = der_get_uint(d);
    if (status >= NUM_STATUS) {
        der_fail(d, RC_TSP_STATUS);
    }
    out->status = d->rc == RC_OK ? (enum tsp_status)status : TSP_REJECTION;
    if (der_next_is(d, DER_SEQUENCE)) {
        out->status_string = read_free_text(d);
    }
    if (der_next_is(d, DER_BIT_STRING_TAG)) {
        out->failure = read_failure(d);
    }
    der_leave(d);
}

/* A token is there exactly when granted; a client that meets a value it does not know must fail (RFC 3161 2.4.2). */
static enum rc judge_response(const struct tsp_response *response)
{
    bool granted = response->status == TSP_GRANTED || response->status == TSP_GRANTED_WITH_MODS;

    if (!failure_is_known(response->failure) || (granted && response->failure != TSP_NO_FAILURE)) {
        return RC_TSP_STATUS;
    }
    if (granted && response->token.len == 0) {
        return RC_TSP_TOKEN_MISSING;
    }
    return !granted && response->token.len > 0 ? RC_TSP_TOKEN_UNEXPECTED : RC_OK;
}

enum rc tsp_response_parse(struct bytes in, struct tsp_response *out)
{
    struct der d;
    enum rc rc;

    *out = (struct tsp_response){.status = TSP_REJECTION, .failure = TSP_NO_FAILURE};
    der_init(&d, in, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    read_status(&d, out);
    if (der_next_is(&d, DER_SEQUENCE)) {
        out->token = der_get_tlv(&d, DER_SEQUENCE);
    }
    der_leave(&d);
    rc = der_end(&d);
    return rc == RC_OK ? judge_response(out) : rc;
}

size_t tsp_response_open_granted(struct wbuf *w)
{
    static const uint8_t granted[] = {0x30, 0x03, 0x02, 0x01, 0x00};
    size_t mark = der_open(w, DER_SEQUENCE);

    wbuf_put(w, bytes_of(granted, sizeof granted));
    return mark;
}

/* A named-bit list without trailing zero bits (X.690 11.2.2). */
static void put_failure(struct wbuf *w, enum tsp_failure failure)
{
    uint8_t bits[1 + TSP_SYSTEM_FAILURE / 8 + 1] = {0};
    size_t octet = 1 + (size_t)failure / 8;

    bits[0] = (uint8_t)(7 - (int)failure % 8);
    bits[octet] = (uint8_t)(0x80 >> (int)failure % 8);
    der_put(w, DER_BIT_STRING_TAG, bytes_of(bits, octet + 1));
}

void tsp_response_build_refusal(struct wbuf *w, enum tsp_failure failure, const char *text)
{
    size_t whole = der_open(w, DER_SEQUENCE);
    size_t info = der_open(w, DER_SEQUENCE);
    size_t free_text;

    der_put_uint(w, DER_INTEGER_TAG, TSP_REJECTION);
    if (text && *text) {
        free_text = der_open(w, DER_SEQUENCE);
        der_put(w, DER_UTF8_STRING_TAG, bytes_str(text));
        der_close(w, free_text);
    }
    if (failure != TSP_NO_FAILURE && failure_is_known(failure)) {
        put_failure(w, failure);
    }
    der_close(w, info);
    der_close(w, whole);
}

/* What is not listed is our own trouble. */
static const struct {
    enum rc rc;
    enum tsp_failure failure;
} failure_of_rc[] = {
    {RC_OK, TSP_NO_FAILURE},
    {RC_DIGEST_UNKNOWN, TSP_BAD_ALG},
    {RC_TSP_DIGEST_REFUSED, TSP_BAD_ALG},
    {RC_TSP_VERSION, TSP_BAD_REQUEST},
    {RC_TSP_NONCE_SIZE, TSP_BAD_REQUEST},
    {RC_UNIT_UNKNOWN, TSP_BAD_REQUEST},
    {RC_UNIT_PROTOCOL, TSP_BAD_REQUEST},
    {RC_DER_TRUNCATED, TSP_BAD_DATA_FORMAT},
    {RC_DER_TRAILING, TSP_BAD_DATA_FORMAT},
    {RC_DER_TAG, TSP_BAD_DATA_FORMAT},
    {RC_DER_LENGTH, TSP_BAD_DATA_FORMAT},
    {RC_DER_DEPTH, TSP_BAD_DATA_FORMAT},
    {RC_DER_INTEGER, TSP_BAD_DATA_FORMAT},
    {RC_DER_BOOLEAN, TSP_BAD_DATA_FORMAT},
    {RC_DER_BIT_STRING, TSP_BAD_DATA_FORMAT},
    {RC_DER_OID, TSP_BAD_DATA_FORMAT},
    {RC_DER_NULL, TSP_BAD_DATA_FORMAT},
    {RC_DER_DEFAULT, TSP_BAD_DATA_FORMAT},
    {RC_DIGEST_LENGTH, TSP_BAD_DATA_FORMAT},
    {RC_BASE64, TSP_BAD_DATA_FORMAT},
    {RC_MSAUTH_FORM, TSP_BAD_DATA_FORMAT},
    {RC_TSP_POLICY, TSP_UNACCEPTED_POLICY},
    {RC_TSP_EXTENSION, TSP_UNACCEPTED_EXTENSION},
    {RC_CLOCK_BACKWARDS, TSP_TIME_NOT_AVAILABLE},
    {RC_CLOCK_UNKNOWN, TSP_TIME_NOT_AVAILABLE},
    {RC_CLOCK_STALE, TSP_TIME_NOT_AVAILABLE},
    {RC_CLOCK_UNREACHABLE, TSP_TIME_NOT_AVAILABLE},
    {RC_CLOCK_UNSYNCHRONISED, TSP_TIME_NOT_AVAILABLE},
    {RC_CLOCK_LOCAL, TSP_TIME_NOT_AVAILABLE},
    {RC_CLOCK_OLD, TSP_TIME_NOT_AVAILABLE},
    {RC_CLOCK_BOUND, TSP_TIME_NOT_AVAILABLE},
    {RC_CLOCK_DISAGREES, TSP_TIME_NOT_AVAILABLE},
    {RC_CLOCK_UNCONFIRMED, TSP_TIME_NOT_AVAILABLE},
    {RC_CLOCK_STEPPED, TSP_TIME_NOT_AVAILABLE},
    {RC_CLOCK_LEAP, TSP_TIME_NOT_AVAILABLE},
};

enum tsp_failure tsp_failure_of_rc(enum rc rc)
{
    for (size_t i = 0; i < sizeof failure_of_rc / sizeof *failure_of_rc; i++) {
        if (failure_of_rc[i].rc == rc) {
            return failure_of_rc[i].failure;
        }
    }
    return TSP_SYSTEM_FAILURE;
}
