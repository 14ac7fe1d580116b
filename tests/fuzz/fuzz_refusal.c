/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the issuer says to the front becomes an answer to a stranger. The input is the body of a MSG_STAMPED and what it says of itself (MSG_FACTS), as an
 * issuer that was taken over would send them. A refusal is one well-formed TimeStampResp with the reason and what stands behind it, or one line of
 * text with a Retry-After that is kept to; facts are a page without a tag of theirs, JSON without a control character, and metrics.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/front/page.h"
#include "tsa/front/stamp_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char name[] = "main", policy[] = "1.2.3.4";
static const struct settings_unit settings = {.name = name,
                                              .policy = policy,
                                              .protocols = SETTINGS_RFC3161,
                                              .digests = 1u << DIGEST_SHA256,
                                              .digest = DIGEST_SHA256};
static const uint8_t policy_octets[] = {0x2a, 0x03, 0x04};
static struct unit unit = {.settings = &settings, .num_policies = 1};
static struct stamp_answer answer;
static struct wbuf text;

static void start(void)
{
    if (answer.body.cap == 0) {
        unit.policy = unit.policies[0] = bytes_of(policy_octets, sizeof(policy_octets));
        wbuf_init(&answer.body, STAMP_ANSWER_MAX);
        wbuf_init(&text, METRICS_TEXT_MAX);
        assert(wbuf_reserve(&answer.body, 1));
    }
}

/* ---- refusals -------------------------------------------------------------------------------------- */

static bool holds(struct bytes all, struct bytes part)
{
    return part.len == 0 || memmem(all.data, all.len, part.data, part.len) != NULL;
}

static void check_retry(const struct http_reply *reply)
{
    unsigned s;

    if (reply->fields) {
        assert(sscanf(reply->fields, "Retry-After: %u\r\n", &s) == 1 && s >= 1 && s <= 30);
    }
    assert(!reply->keeps || reply->fields);
}

static void check_line(const struct http_reply *reply, enum rc rc, struct bytes why)
{
    assert(reply->status >= 400 && reply->text &&
           strncmp(reply->text, rc_text(rc), strlen(rc_text(rc))) == 0);
    assert(reply->text[strcspn(reply->text, "\r\n")] == 0);
    assert(holds(bytes_str(reply->text), why));
    check_retry(reply);
}

static void check_response(const struct http_reply *reply, enum rc rc, struct bytes why)
{
    struct tsp_response response;

    assert(reply->status == 200 && tsp_response_parse(reply->body, &response) == RC_OK);
    assert(response.status == TSP_REJECTION && response.failure == tsp_failure_of_rc(rc));
    assert(response.status_string.len >= strlen(rc_text(rc)) &&
           memcmp(response.status_string.data, rc_text(rc), strlen(rc_text(rc))) == 0);
    assert(holds(response.status_string, why));
}

static void on_stamped(struct bytes body)
{
    struct msg_stamped stamped;

    if (msg_get_stamped(body, &stamped) != RC_OK || stamped.rc == RC_OK) {
        return;
    }
    for (unsigned kind = MSG_RFC3161; kind <= MSG_AUTHENTICODE; kind++) {
        const struct stamp_verdict v = {.unit = &unit,
                                        .kind = kind,
                                        .rc = stamped.rc,
                                        .why = stamped.why,
                                        .retry_ns = (int64_t)stamped.id};
        const struct http_reply reply = stamp_answer_build(&answer, &v);

        assert(strcmp(reply.result, rc_word(stamped.rc)) == 0);
        if (reply.status == 503 && kind == MSG_RFC3161) {
            check_line(&reply, stamped.rc, BYTES_NONE); /* "come again": how long is all there is to say */
        } else if (kind == MSG_RFC3161) {
            check_response(&reply, stamped.rc, stamped.why);
        } else {
            check_line(&reply, stamped.rc,
                       strncmp(reply.text + strlen(rc_text(stamped.rc)), "; try again in", 14) == 0
                           ? BYTES_NONE
                           : stamped.why);
        }
    }
}

/* ---- facts ----------------------------------------------------------------------------------------- */

static void check_text(const char *what, void (*build)(struct wbuf *, const struct page *),
                       const struct page *page)
{
    wbuf_reset(&text);
    build(&text, page);
    assert(wbuf_rc(&text) == RC_OK);
    for (size_t i = 0; i < text.len; i++) {
        assert(text.data[i] >= 0x20 || text.data[i] == '\n' || what[0] == 'h');
    }
}

static void on_facts(struct bytes body)
{
    struct msg_facts m;
    char sentence[PAGE_SENTENCE_MAX];
    struct page page = {.units = &unit, .num_units = 1, .now = {1700000000, 0}};

    if (msg_get_facts(body, &m) != RC_OK) {
        return;
    }
    page.facts = &m.facts;
    page.reason = page_ready_reason(&m.facts, true);
    assert(page.reason < RC_NUM && (page.reason == RC_OK) == (m.facts.ready != 0));
    assert(strlen(page_ready_sentence(&m.facts, page.reason, sentence)) > 0);
    check_text("html", page_build_html, &page);
    wbuf_put_u8(&text, 0);
    assert(!strstr((const char *)text.data, "<script") && strstr((const char *)text.data, "</html>\n"));
    assert((page_lab_time(&page) != NULL) == (strstr((const char *)text.data, "id=\"lab-time\"") != NULL));
    check_text("json", page_build_json, &page);
    assert(text.data[0] == '{' && text.data[text.len - 2] == '}');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    start();
    on_stamped(bytes_of(data, len));
    on_facts(bytes_of(data, len));
    return 0;
}
