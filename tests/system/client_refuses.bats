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
    cp "$DIR/signed.sys" driver.sys
    touch -d 2020-01-02T03:04:05Z driver.sys
}

# refuses OPTION LIE CODE TEXT: exit code CODE, TEXT on standard error, and nothing written
refuses() {
    local before after
    before=$(stat -c '%i %Y %Z %s' driver.sys)
    run stamp "$1" "$URL$2" driver.sys
    after=$(stat -c '%i %Y %Z %s' driver.sys)
    [ "$status" -eq "$3" ] || { echo "$1 $2: exit code $status, not $3: $output"; return 1; }
    [[ "$output" == *"$4"* ]] || { echo "$1 $2: no '$4' in: $output"; return 1; }
    [ "$before" = "$after" ] || { echo "$1 $2: the file was touched"; return 1; }
    cmp driver.sys "$DIR/signed.sys" || { echo "$1 $2: the file was changed"; return 1; }
    [ "$(find . -mindepth 1 | wc -l)" -eq 1 ] || { echo "$1 $2: left something: $(ls -A)"; return 1; }
}

@test "the authority that does not lie is believed, by both protocols" {
    for option in --tr -t; do
        cp "$DIR/signed.sys" driver.sys
        touch -d 2020-01-02T03:04:05Z driver.sys
        chmod 640 driver.sys
        stamp "$option" "${URL}good" driver.sys
        run cmp -s driver.sys "$DIR/signed.sys"
        [ "$status" -eq 1 ]
        [ "$(stat -c '%a %Y' driver.sys)" = "640 1577934245" ]
        run "$TSCLIENT" verify --ca "$DIR/root.pem" --require-timestamp driver.sys
        [ "$status" -eq 0 ] || { echo "$output"; false; }
    done
}

@test "RFC 3161: a token for something else" {
    refuses --tr wrong-nonce 1 "nonce differs"
    refuses --tr no-nonce 1 "nonce differs"
    refuses --tr wrong-imprint 1 "imprint differs"
    refuses --tr wrong-algorithm 1 "imprint differs"
}

@test "RFC 3161: another policy than the one asked for" {
    run stamp --policy 2.999.3161.1 --tr "${URL}wrong-policy" driver.sys
    [ "$status" -eq 1 ]
    [[ "$output" == *"policy differs"* ]]
    cmp driver.sys "$DIR/signed.sys"
    stamp --policy 2.999.3161.1 --tr "${URL}good" driver.sys
}

@test "RFC 3161: a token by somebody who must not make it" {
    refuses --tr wrong-signature 1 "signature does not verify"
    refuses --tr eku-not-critical 1 "extended key usage"
    refuses --tr eku-not-alone 1 "extended key usage"
    refuses --tr eku-missing 1 "extended key usage"
    refuses --tr eku-other 1 "extended key usage"
    refuses --tr expired 1 "expired"
    refuses --tr stranger 1 "missing: 'Strange root'"
    refuses --tr no-ess 1 "signingCertificate attribute is not there"
    refuses --tr wrong-ess 1 "names another certificate"
    refuses --tr no-certs 1 "certificate is not there"
}

@test "RFC 3161: a time that is not now" {
    refuses --tr late 1 "300 s from this machine's clock"
    refuses --tr early 1 "300 s from this machine's clock"
    stamp --allow-clock-skew 2h --tr "${URL}late" driver.sys
}

@test "RFC 3161: a refusal, and replies that are none" {
    refuses --tr refusal 4 "refused: rejection, badAlg: SHA-256 is not liked here"
    refuses --tr waiting 4 "waiting"
    refuses --tr granted-without-token 1 "says granted but holds no token"
    refuses --tr trailing 1 "malformed"
    refuses --tr cut 1 "malformed"
    refuses --tr garbage 1 "malformed"
    refuses --tr empty 1 "malformed"
    refuses --tr oversize 1 "larger than"
    refuses --tr html 1 "text/html"
}

@test "HTTP: statuses, redirects, silence, nobody there" {
    for option in --tr -t; do
        refuses $option http-201 1 "HTTP status 201"
        refuses $option http-404 4 "there is no such unit"
        refuses $option http-500 3 "HTTP status 500: it broke"
        refuses $option http-503 3 "the clock is not proven"
        refuses $option redirect 1 "redirects are not followed"
        refuses $option slow 3 "imed out"
    done
    run stamp --tr http://127.0.0.1:1/ driver.sys
    [ "$status" -eq 3 ]
    run stamp --tr http://name.invalid/ driver.sys
    [ "$status" -eq 3 ]
    cmp driver.sys "$DIR/signed.sys"
}

@test "Authenticode: a countersignature for something else, or by somebody else" {
    refuses -t wrong-imprint 1 "for other data"
    refuses -t wrong-signature 1 "signature does not verify"
    refuses -t eku-not-critical 1 "extended key usage"
    refuses -t eku-not-alone 1 "extended key usage"
    refuses -t eku-missing 1 "extended key usage"
    refuses -t eku-other 1 "extended key usage"
    refuses -t expired 1 "expired"
    refuses -t stranger 1 "missing: 'Strange root'"
    refuses -t late 1 "300 s from this machine's clock"
    refuses -t early 1 "300 s from this machine's clock"
}

@test "Authenticode: refusals and replies that are none" {
    refuses -t refusal 4 "HTTP status 400"
    refuses -t trailing 1 "the reply is wrong"
    refuses -t cut 1 "the reply is wrong"
    refuses -t garbage 1 "not base64"
    refuses -t empty 1 "the reply is wrong"
    refuses -t oversize 1 "larger than"
    refuses -t html 1 "text/html"
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
    [[ "$output" != *$'\033'* ]]
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
