/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the page looks: two sets of colours, each pair of text and ground with a contrast of 4.5 at least (WCAG 2.1, 1.4.3); one column that fits a
 * phone; ink saved on paper. The policy that goes with it names this sheet by its hash, so nothing else can style the page. Private to page.
 */
#include "tsa/front/page_parts.h"

#include "tsa/wire/base64.h"

/* clang-format off */
#define LIGHT                                                                                                \
    "--text:#1b1f24;--soft:#55606c;--back:#ffffff;--panel:#f4f6f8;--line:#d3d9df;--link:#0b57a4;"            \
    "--good:#0b5c2b;--good-back:#e6f4ea;--bad:#8f1515;--bad-back:#fdecea;--warn:#6b4300;--warn-back:#ffefc7"
#define DARK                                                                                                 \
    "--text:#e4e7ea;--soft:#a4aeb9;--back:#14171a;--panel:#1e2328;--line:#363d45;--link:#8fbcf7;"            \
    "--good:#82d9a0;--good-back:#12291b;--bad:#ffa198;--bad-back:#34191a;--warn:#f2c063;--warn-back:#33260d"

const char page_style[] =
    ":root{color-scheme:light dark;" LIGHT "}\n"
    "@media(prefers-color-scheme:dark){:root{" DARK "}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:54rem;padding:2rem 1.25rem 3rem;font:1rem/1.55 system-ui,sans-serif;"
    "color:var(--text);background:var(--back);overflow-wrap:anywhere}\n"
    "h1{margin:0;font-size:1.75rem;line-height:1.25;font-weight:650}\n"
    "h2{margin:2.75rem 0 .75rem;padding-bottom:.3rem;font-size:1.25rem;font-weight:650;"
    "border-bottom:1px solid var(--line)}\n"
    "h3{margin:1.5rem 0 .4rem;font-size:1rem;font-weight:650}\n"
    "p{margin:.5rem 0}\n"
    "header p,caption,footer{color:var(--soft)}\n"
    "a{color:var(--link)}\n"
    "a:focus-visible,pre:focus-visible{outline:2px solid var(--link);outline-offset:2px}\n"
    "code,pre{font:.875rem/1.6 ui-monospace,monospace}\n"
    "pre{margin:0;padding:.75rem 1rem;white-space:normal;background:var(--panel);"
    "border:1px solid var(--line);border-radius:.4rem}\n"
    "pre code{display:block;padding-left:1.5rem;text-indent:-1.5rem;white-space:pre-wrap}\n"
    "table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}\n"
    "caption{padding:.25rem 0;text-align:left}\n"
    "th,td{padding:.4rem 1rem .4rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}\n"
    "th{font-weight:500}\n"
    "tbody th{width:14rem;color:var(--soft)}\n"
    ".sums{margin-top:1.5rem}.sums td,.sums thead th+th{width:8rem;text-align:right;padding-right:0}\n"
    ".good,.warn,.bad{padding:.7rem 1rem;border-radius:.4rem;font-weight:600}\n"
    ".good{color:var(--good);background:var(--good-back)}\n"
    ".warn{color:var(--warn);background:var(--warn-back)}\n"
    ".bad{color:var(--bad);background:var(--bad-back)}\n"
    ".lab{position:sticky;top:0;margin:0 0 1.5rem;padding:.7rem 1rem;font-size:1.125rem;border:.35rem double #111111;"
    "color:#111111;background:#ffd400}\n"
    ".files{display:flex;flex-wrap:wrap;gap:.4rem 1.25rem;margin:.75rem 0;padding:0;list-style:none}\n"
    "footer{margin-top:3rem;padding-top:.75rem;border-top:1px solid var(--line);font-size:.875rem}\n"
    "@media(max-width:34rem){body{padding:1.25rem 1rem 2rem}th,td{padding-right:.5rem}tbody th{width:7.5rem}"
    ".sums td,.sums thead th+th{width:5.5rem}}\n"
    "@media print{:root{color-scheme:light;" LIGHT "}body{max-width:none;padding:0;font-size:10pt}"
    "pre,table,.good,.warn,.bad,.lab{break-inside:avoid}pre{background:none}.good,.warn,.bad{border:1px solid}.lab{position:static}a{color:inherit}}\n";
/* clang-format on */

void page_put_policy(struct wbuf *out)
{
    uint8_t hash[DIGEST_MAX];
    const struct bytes sheet = bytes_str(page_style);
    enum rc rc = digest_compute(DIGEST_SHA256, &sheet, 1, hash);

    wbuf_put_text(out, "Content-Security-Policy: default-src 'none'; style-src 'sha256-");
    if (rc == RC_OK) {
        base64_encode(out, bytes_of(hash, digest_len(DIGEST_SHA256)));
    }
    wbuf_put_text(out, "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
                       "Referrer-Policy: no-referrer\r\n");
}
