#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# tsclient against an authority that lies (tests/tools/lying_tsa.c): every lie is told from a good reply, the exit code says of
# what kind it was, and not an octet is written.

load liar

setup_file() { liar_start; }
teardown_file() { liar_stop; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    shopt -s nullglob dotglob
    PATIENCE=20s
    fresh
}

fresh() {
    rm -f driver.sys
    cp "$DIR/signed.sys" driver.sys
    chmod 640 driver.sys
    touch -d 2020-01-02T03:04:05.678901234Z driver.sys
}

state() { stat -c '%i %s %a %u %g %y %z' driver.sys; }

# refuses OPTION LIE CODE TEXT: exit code CODE, TEXT on standard error, and nothing written
refuses() {
    local before said rc=0 left
    before=$(state)
    said=$(stamp "$1" "$URL$2" driver.sys 2>&1 > out) || rc=$?
    [ "$rc" -eq "$3" ] || { echo "$1 $2: exit code $rc, not $3: $said $(cat out)"; return 1; }
    [[ $said == "driver.sys: error: "*"$4"* ]] || { echo "$1 $2: no '$4' in: $said"; return 1; }
    [ "$before" = "$(state)" ] || { echo "$1 $2: the file was touched"; return 1; }
    cmp driver.sys "$DIR/signed.sys" || { echo "$1 $2: the file was changed"; return 1; }
    left=(*)
    [ "${left[*]}" = "driver.sys out" ] || { echo "$1 $2: left something: ${left[*]}"; return 1; }
}

# takes OPTION LIE...: liberties, which are no lies
takes() {
    local option=$1 lie
    shift
    for lie in "$@"; do
        fresh
        stamp -q "$option" "$URL$lie" driver.sys || { echo "$option $lie was not taken"; return 1; }
        "$TSCLIENT" verify -q --ca "$DIR/root.pem" --require-timestamp driver.sys ||
            { echo "$option $lie: what was written does not verify"; return 1; }
    done
    fresh
}

@test "the authority that does not lie is believed, by both protocols" {
    for option in --tr -t; do
        fresh
        stamp "$option" "${URL}good" driver.sys
        run cmp -s driver.sys "$DIR/signed.sys"
        [ "$status" -eq 1 ]
        [ "$(stat -c '%a %.9Y' driver.sys)" = "640 1577934245.678901234" ]
        run "$TSCLIENT" verify --ca "$DIR/root.pem" --require-timestamp driver.sys
        [ "$status" -eq 0 ] || { echo "$output"; false; }
    done
}

@test "RFC 3161: a token for something else" {
    refuses --tr wrong-nonce 1 "nonce differs"
    refuses --tr no-nonce 1 "nonce differs"
    refuses --tr long-nonce 1 "nonce differs"
    refuses --tr wrong-imprint 1 "imprint differs"
    refuses --tr wrong-algorithm 1 "imprint differs"
    refuses --tr short-imprint 1 "digest has another length"
}

@test "RFC 3161: another policy than the one asked for" {
    run stamp --policy 2.999.3161.1 --tr "${URL}wrong-policy" driver.sys
    [ "$status" -eq 1 ]
    [[ "$output" == *"policy differs"* ]]
    cmp driver.sys "$DIR/signed.sys"
    stamp --policy 2.999.3161.1 --tr "${URL}good" driver.sys
}

@test "RFC 3161: a TSTInfo that breaks a rule" {
    refuses --tr version-2 1 "version is not 1"
    for lie in fraction-zero fraction-empty comma no-z offset second-60 no-seconds hour-24 month-13; do
        refuses --tr $lie 1 "a time is not in the form that DER and RFC 3161 ask for"
    done
    refuses --tr accuracy-negative 1 "INTEGER is empty, not minimal, negative"
    refuses --tr accuracy-millis 1 "accuracy is out of range"
    refuses --tr accuracy-type 1 "bytes follow the end of the DER element"
    refuses --tr critical-extension 1 "unknown critical extension"
    refuses --tr trailing-in-info 1 "bytes follow"
    refuses --tr trailing-behind-info 1 "bytes follow"
}

@test "RFC 3161: a SignedData that breaks a rule" {
    refuses --tr type-data 1 "not SignedData"
    refuses --tr content-type 1 "content has another type"
    refuses --tr no-octets 1 "content is not there"
    refuses --tr no-content 1 "content is not there"
    refuses --tr no-signer 1 "not exactly one SignerInfo"
    refuses --tr two-signers 1 "not exactly one SignerInfo"
    refuses --tr trailing-in-signed-data 1 "bytes follow"
    refuses --tr trailing-in-signer 1 "bytes follow"
    refuses --tr indefinite 1 "is indefinite"
}

@test "RFC 3161: signed attributes and a signature that break a rule" {
    refuses --tr no-attributes 1 "signed attributes are not there"
    refuses --tr no-content-type 1 "required attribute is not there"
    refuses --tr wrong-content-type 1 "contentType attribute differs"
    refuses --tr no-digest 1 "required attribute is not there"
    refuses --tr wrong-digest 1 "messageDigest attribute differs"
    refuses --tr digest-twice 1 "more than once or has several values"
    refuses --tr two-digests 1 "more than once or has several values"
    refuses --tr wrong-protection 1 "protected algorithms differ"
    refuses --tr wrong-signature 1 "signature does not verify"
    refuses --tr other-key 1 "signature does not verify"
    refuses --tr other-name 1 "signature does not verify"
    refuses --tr bare 1 "signature does not verify"
    refuses --tr other-signature-algorithm 1 "signature algorithm is not supported"
    refuses --tr md5 1 "its signature uses md5, which is too weak"
    refuses --tr sha1 1 "its signature uses sha1, which is too weak"
}

@test "RFC 3161: SHA-1 is taken where it was asked for" {
    stamp --td sha1 --tr "${URL}sha1" driver.sys
}

@test "RFC 3161: a token by somebody who must not make it" {
    refuses --tr eku-not-critical 1 "extended key usage"
    refuses --tr eku-not-alone 1 "extended key usage"
    refuses --tr eku-twice 1 "extended key usage"
    refuses --tr eku-missing 1 "extended key usage"
    refuses --tr eku-other 1 "extended key usage"
    refuses --tr key-usage 1 "certificate's key usage"
    refuses --tr ca 1 "certificate is a CA's"
    refuses --tr expired 1 "expired"
    refuses --tr not-yet 1 "not valid yet"
    refuses --tr stranger 1 "missing: 'Strange root'"
    refuses --tr misissued 1 "a CA of its certificate chain is not for timestamping"
    refuses --tr no-certs 1 "certificate is not there"
    refuses --tr certs-of-others 1 "certificate is not there"
    refuses --tr no-ess 1 "signingCertificate attribute is not there"
    refuses --tr wrong-ess 1 "names another certificate"
    refuses --tr ess-issuer-first 1 "names another certificate"
    refuses --tr ess-v1-wrong 1 "names another certificate"
    refuses --tr ess-empty 1 "names another certificate"
    refuses --tr ess-serial 1 "names another certificate"
}

@test "RFC 3161: a time that is not now" {
    refuses --tr late 1 "300 s from this machine's clock"
    refuses --tr early 1 "300 s from this machine's clock"
    stamp --allow-clock-skew 2h --tr "${URL}late" driver.sys
    # One of a time to come that is there already is told as one that is not good, unless that much is allowed.
    stamp --allow-clock-skew 2h --replace --tr "${URL}early" driver.sys
    run stamp --tr "${URL}good" driver.sys
    [ "$status" -eq 2 ] || { echo "$status: $output"; false; }
    [[ "$output" == *"its timestamp is of a time to come, and was left as it is; --replace makes a real one"* ]]
    run stamp --allow-clock-skew 2h --tr "${URL}good" driver.sys
    [ "$status" -eq 0 ] || { echo "$status: $output"; false; }
}

@test "RFC 3161: a refusal, and statuses that fit nothing" {
    refuses --tr refusal 4 "refused: rejection, badAlg: SHA-256 is not liked here"
    refuses --tr waiting 4 "refused: waiting"
    refuses --tr revocation-warning 4 "refused: revocationWarning"
    for lie in refusal-with-token revocation-warning-with-token revocation-with-token; do
        refuses --tr $lie 1 "refuses but holds a token"
    done
    for lie in status-6 status-256 failure-unknown failure-far failure-granted; do
        refuses --tr $lie 1 "PKIStatusInfo is malformed or has an unknown value"
    done
    refuses --tr status-negative 1 "negative"
    refuses --tr status-missing 1 "ends inside an element"
    refuses --tr status-trailing 1 "bytes follow"
    refuses --tr granted-without-token 1 "says granted but holds no token"
}

@test "RFC 3161: replies that are none" {
    refuses --tr trailing 1 "bytes follow"
    refuses --tr trailing-in-response 1 "bytes follow"
    refuses --tr garbage 1 "malformed"
    refuses --tr empty 1 "malformed"
    refuses --tr html 1 "media type is 'text/html', not application/timestamp-reply"
    refuses --tr type-none 1 "names no media type"
    refuses --tr type-query 1 "media type is 'application/timestamp-query'"
}

# With modifications: all that was asked for is compared with the token. The tsa name is a hint (RFC 3161 2.4.2). The version of SignedData is
# covered by no signature, and known authorities wrote 1.
@test "RFC 3161: liberties that authorities have" {
    takes --tr granted-with-mods extension full fraction tsa-name signed-data-version-1 sibling-first \
        ess-chain ess-v1 ess-both long-length wrong-policy
}

# cuts OPTION STEP: the reply cut behind every STEPth octet, so many in one command as it takes URLs, until there is nothing left to cut (404)
cuts() {
    local option=$1 step=$2 at=0 urls i rc=1 before said
    before=$(state)
    while [ "$rc" -eq 1 ]; do
        urls=()
        for ((i = 0; i < 16; i++, at += step)); do urls+=("$option" "${URL}cut-$at"); done
        rc=0
        said=$(stamp "${urls[@]}" driver.sys 2>&1) || rc=$?
        [ "$rc" -eq 1 ] || [ "$rc" -eq 4 ] || { echo "exit code $rc at $at: $said"; return 1; }
        [ "$rc" -eq 4 ] || [[ $said == *": the reply is "* ]] || { echo "$at: $said"; return 1; }
        [ "$before" = "$(state)" ] || { echo "$at: the file was touched"; return 1; }
    done
    cmp driver.sys "$DIR/signed.sys"
    [ "$at" -gt 1200 ]
    echo "# $option: cut behind every $step. of more than $((at - 32 * step)) octets" >&3
}

@test "a reply cut anywhere is none, by both protocols" {
    local step=5
    if [ -n "${TSA_LONG-}" ]; then step=1; fi
    cuts --tr $step
    cuts -t $step
}

@test "HTTP: statuses and redirects" {
    for option in --tr -t; do
        for code in 201 204 206; do refuses $option http-$code 1 "HTTP status $code"; done
        for code in 301 302 303 307 308; do
            refuses $option http-$code 1 "redirects are not followed, ask this URL itself: ${URL}good"
        done
        refuses $option http-404 4 "HTTP status 404: there is no such unit"
        refuses $option http-429 3 "HTTP status 429: slower, please"
        refuses $option http-500 3 "HTTP status 500: it broke"
        refuses $option http-503 3 "HTTP status 503: the clock is not proven"
    done
}

@test "HTTP: broken in many ways" {
    for option in --tr -t; do
        refuses $option no-head 1 "no HTTP server, or a broken one"
        refuses $option banner 1 "no HTTP server, or a broken one"
        refuses $option http-7.5 1 "no HTTP server, or a broken one"
        refuses $option length-negative 1 "no HTTP server, or a broken one"
        refuses $option length-short 1 "the reply is "
        refuses $option compressed 1 "the reply is compressed"
        # What broke on the way is worth another try.
        refuses $option length-long 3 "100 bytes remaining"
        refuses $option chunks-no-end 3 "outstanding read data"
        refuses $option chunks-no-number 3 "chunked-encoding"
        refuses $option close 3 "Empty reply"
        refuses $option reset 3 "reset by peer"
        refuses $option reset-within 3 "reset by peer"
    done
}

@test "HTTP: a reply without an end takes neither memory nor time" {
    PATIENCE=30s
    # Sanitizers reserve addresses without end.
    [ -n "${TSA_SANITIZED-}" ] || ulimit -v 400000
    for option in --tr -t; do
        refuses $option oversize 1 "the reply is larger than 1048576 octets"
        refuses $option endless-body 1 "the reply is larger than 1048576 octets"
        refuses $option endless-head 1 "the reply's head is larger than 65536 octets"
        refuses $option endless-interim 1 "the reply's head is larger than 65536 octets"
    done
    [ "$SECONDS" -lt 30 ]
}

@test "HTTP: silence, and an octet now and then, until the time is over" {
    PATIENCE=1s
    for option in --tr -t; do
        for lie in slow slow-head slow-body; do refuses $option $lie 3 "timed out after 1"; done
    done
}

@test "HTTP: nobody there" {
    run stamp --tr http://127.0.0.1:1/ driver.sys
    [ "$status" -eq 3 ]
    run stamp --tr http://name.invalid/ driver.sys
    [ "$status" -eq 3 ]
    cmp driver.sys "$DIR/signed.sys"
}

@test "HTTP: liberties that servers have" {
    for option in --tr -t; do
        takes $option http-1.0 to-end interim chunked octets identity type-parameter type-upper
    done
}

@test "Authenticode: a countersignature for something else, or by somebody else" {
    refuses -t wrong-imprint 1 "for other data"
    refuses -t other-content 1 "for other data"
    refuses -t wrong-digest 1 "for other data"
    refuses -t wrong-signature 1 "signature does not verify"
    refuses -t other-key 1 "signature does not verify"
    refuses -t other-name 1 "signature does not verify"
    refuses -t eku-not-critical 1 "extended key usage"
    refuses -t eku-not-alone 1 "extended key usage"
    refuses -t eku-twice 1 "extended key usage"
    refuses -t eku-missing 1 "extended key usage"
    refuses -t eku-other 1 "extended key usage"
    refuses -t key-usage 1 "certificate's key usage"
    refuses -t ca 1 "certificate is a CA's"
    refuses -t expired 1 "expired"
    refuses -t not-yet 1 "not valid yet"
    refuses -t stranger 1 "missing: 'Strange root'"
    refuses -t misissued 1 "a CA of its certificate chain is not for timestamping"
    refuses -t no-certs 1 "certificate is not there"
    refuses -t certs-of-others 1 "certificate is not there"
}

@test "Authenticode: times" {
    refuses -t late 1 "300 s from this machine's clock"
    refuses -t early 1 "300 s from this machine's clock"
    refuses -t no-time 1 "has no signingTime"
    for lie in fraction comma no-z offset second-60 no-seconds hour-24 month-13; do
        refuses -t $lie 1 "a time is not in the form"
    done
    stamp --allow-clock-skew 2h -t "${URL}early" driver.sys
}

@test "Authenticode: a SignedData that breaks a rule" {
    refuses -t type-data 1 "not SignedData"
    refuses -t content-type 1 "content has another type"
    refuses -t no-octets 1 "content is not there"
    refuses -t no-content 1 "content is not there"
    refuses -t no-signer 1 "not exactly one SignerInfo"
    refuses -t two-signers 1 "not exactly one SignerInfo"
    refuses -t trailing-in-signed-data 1 "bytes follow"
    refuses -t trailing-in-signer 1 "bytes follow"
    refuses -t indefinite 1 "is indefinite"
    refuses -t no-attributes 1 "signed attributes are not there"
    refuses -t wrong-content-type 1 "contentType attribute differs"
    refuses -t no-digest 1 "required attribute is not there"
    refuses -t digest-twice 1 "more than once or has several values"
    refuses -t two-digests 1 "more than once or has several values"
    refuses -t wrong-protection 1 "protected algorithms differ"
    refuses -t other-signature-algorithm 1 "signature algorithm is not supported"
    refuses -t md5 1 "its signature uses md5, which is too weak"
    refuses -t bare 1 "the old form without DigestInfo"
}

@test "Authenticode: refusals and replies that are none" {
    refuses -t refusal 4 "HTTP status 400"
    refuses -t trailing 1 "bytes follow"
    refuses -t garbage 1 "not base64"
    refuses -t form-padding 1 "not base64"
    refuses -t form-letters 1 "not base64"
    refuses -t empty 1 "the reply is wrong"
    refuses -t html 1 "media type is 'text/html', not application/octet-stream"
    refuses -t type-none 1 "names no media type"
    refuses -t type-query 1 "media type is 'application/timestamp-query'"
}

# contentType may be missing in a countersignature (RFC 5652 11.4). The authority chooses its digest.
@test "Authenticode: liberties that authorities have" {
    takes -t form-lf form-crlf form-nul form-lf-nul form-raw no-content-type sibling-first long-length sha1
}

@test "--no-chain skips the chain alone" {
    run stamp --no-chain --tr "${URL}wrong-signature" driver.sys
    [ "$status" -eq 1 ]
    run stamp --no-chain --tr "${URL}expired" driver.sys
    [ "$status" -eq 1 ]
    cmp driver.sys "$DIR/signed.sys"
    stamp --no-chain --tr "${URL}stranger" driver.sys
    run "$TSCLIENT" verify --ca "$DIR/root.pem" --json driver.sys
    [ "$status" -eq 2 ]
    [[ "$output" == *untrusted-tsa* ]]
}

@test "several URLs are tried in order; a lie among them does not hide behind a refusal" {
    stamp --tr "${URL}http-503" --tr "${URL}wrong-nonce" --tr "${URL}good" driver.sys
    cp "$DIR/signed.sys" driver.sys
    run stamp --tr "${URL}http-503" --tr "${URL}refusal" driver.sys
    [ "$status" -eq 4 ]
    run stamp --tr "${URL}refusal" --tr "${URL}wrong-nonce" driver.sys
    [ "$status" -eq 1 ]
    cmp driver.sys "$DIR/signed.sys"
}

@test "--retry asks again when nobody could be reached, and for nothing else" {
    run "$TSCLIENT" stamp --ca "$DIR/root.pem" --retry 1 --retry-pause 10ms --tr "${URL}flaky" driver.sys
    [ "$status" -eq 3 ]
    # That was the second time; the third is good.
    "$TSCLIENT" stamp --ca "$DIR/root.pem" --retry 0 --tr "${URL}flaky" driver.sys
    "$TSCLIENT" stamp --replace --ca "$DIR/root.pem" --retry 2 --retry-pause 10ms --tr "${URL}flaky" driver.sys
    run timeout 5 "$TSCLIENT" stamp --replace --ca "$DIR/root.pem" --retry 5 --retry-pause 60s --tr "${URL}refusal" driver.sys
    [ "$status" -eq 4 ]
}

@test "several files: 3 and 4 only where every failure was of that kind" {
    cp "$DIR/signed.sys" a.sys
    cp "$DIR/plain.sys" b.sys
    run stamp --tr "${URL}http-503" a.sys driver.sys
    [ "$status" -eq 3 ]
    run stamp --tr "${URL}http-503" a.sys b.sys
    [ "$status" -eq 1 ]
    [[ "$output" == *"the file has no signature"* ]]
    run stamp --tr "${URL}refusal" a.sys driver.sys
    [ "$status" -eq 4 ]
    cmp a.sys "$DIR/signed.sys"
    cmp b.sys "$DIR/plain.sys"
}

@test "what a server says can not control the terminal" {
    run stamp --tr "${URL}refusal" driver.sys
    # ESC, C1's CSI, the override of the direction of writing
    [[ $output == *"not liked here"* ]]
    for octets in $'\033' $'\302\233' $'\342\200\256'; do [[ $output != *"$octets"* ]]; done
}

@test "an expired signer, a broken signature and an unsigned file get no timestamp" {
    cp "$DIR/expired.sys" expired.sys
    run stamp --tr "${URL}good" expired.sys
    [ "$status" -eq 1 ]
    [[ "$output" == *"outside the validity of the signer's certificate"* ]]
    cmp expired.sys "$DIR/expired.sys"
    printf 'U' | dd of=driver.sys bs=1 seek=1000 conv=notrunc status=none
    cp driver.sys broken.sys
    run stamp --tr "${URL}good" driver.sys
    [ "$status" -eq 1 ]
    [[ "$output" == *"was changed after it had been signed"* ]]
    cmp driver.sys broken.sys
    echo "a text" > text
    run stamp --tr "${URL}good" text
    [ "$status" -eq 1 ]
    [[ "$output" == *--detached* ]]
}

@test "--detached writes nothing either" {
    echo "a text" > text
    for lie in wrong-nonce wrong-imprint wrong-signature no-ess stranger late garbage; do
        run stamp --detached --tr "$URL$lie" text
        [ "$status" -eq 1 ] || { echo "$lie: $status $output"; false; }
        [ ! -e text.tsr ]
    done
    stamp --detached --tr "${URL}good" text
    "$TSCLIENT" verify --ca "$DIR/root.pem" text.tsr
    echo "another text" > text
    run "$TSCLIENT" verify --ca "$DIR/root.pem" --json text.tsr
    [ "$status" -eq 1 ]
    [[ "$output" == *digest-mismatch* ]]
}
