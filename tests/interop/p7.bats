#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Signatures that are files of their own, as openssl and osslsigncode make them: attached, detached, PEM, several signers, indefinite
# lengths, taken out of a driver, certificates alone. We read, stamp and judge them; openssl and osslsigncode still take the stamped
# ones; and taking the timestamps off gives the old octets.

load ../system/lab
load driver

setup_file() {
    lab_start
    cd "$BATS_FILE_TMPDIR" || return 1
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout second.key -out second.pem -days 30 \
        -subj "/CN=Second signer" -addext keyUsage=critical,digitalSignature -addext extendedKeyUsage=codeSigning
    cat "$LAB/root.pem" second.pem > anchors.pem
    openssl x509 -in "$LAB/codesign.pem" -out first.pem
    awk '/BEGIN/ { num++ } num > 1' "$LAB/codesign.pem" > others.pem
    export ANCHORS="$PWD/anchors.pem" FIRST="$PWD/first.pem" OTHERS="$PWD/others.pem" SECOND="$PWD/second"
}
teardown_file() { lab_stop; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    printf 'some text\nof two lines\n' > text
}

later=$(( $(date +%s) + 3653 * 86400 ))
later_iso=$(date -u -d "@$later" +%Y-%m-%dT%H:%M:%SZ)

# sign ARG...: by the lab's code signing identity
sign() { openssl cms -sign -in text -binary -md sha256 -certfile "$OTHERS" -signer "$FIRST" -inkey "$LAB/codesign.key" "$@"; }

stamp() { "$TSCLIENT" stamp --ca "$ANCHORS" --tr "$URL" "$@"; }

verify() { "$TSCLIENT" verify --ca "$ANCHORS" "$@"; }

# openssl_takes FILE FORM [ARG...]: openssl verifies it (of timestamps it knows nothing) and gives the content
openssl_takes() {
    local file=$1 form=$2
    shift 2
    openssl cms -verify -binary -in "$file" -inform "$form" -CAfile "$ANCHORS" -purpose any -out content "$@" || return 1
    cmp content text
}

# kinds FILE: the kind of each signature's timestamp, in order
kinds() { "$TSCLIENT" show --json "$1" | jq -r '[.signatures[] | .timestamp.kind // "none"] | join(" ")'; }

# format FILE: as it is told, with the file's verdict
format() { "$TSCLIENT" show --json "$1" | jq -r .format; }

# ends CODE TEXT: of the last run
ends() {
    [ "$status" -eq "$1" ] || { echo "exit code $status, not $1: $output"; return 1; }
    [[ "$output" == *"$2"* ]] || { echo "no '$2' in: $output"; return 1; }
}

# differs: the last run found that the content is not the signed one
differs() {
    [ "$status" -eq 1 ] || { echo "exit code $status: $output"; return 1; }
    [[ "$output" =~ digest-mismatch|messageDigest ]] || { echo "not for its digest: $output"; return 1; }
}

# there_and_back FILE FORM [VERIFY-ARG...]: stamped, judged by both, and with the timestamp off the old octets
there_and_back() {
    local file=$1 form=$2
    shift 2
    cp "$file" before
    [ "$(format "$file")" = p7 ] || return 1
    run verify --at "$later_iso" "$@" "$file"
    ends 1 expired-no-timestamp || return 1
    stamp "$file" || return 1
    [[ "$(kinds "$file")" != *none* ]] || return 1
    verify --require-timestamp "$@" "$file" || return 1
    verify --at "$later_iso" --require-timestamp "$@" "$file" || return 1
    if [ "${1:-}" = --data ]; then
        openssl_takes "$file" "$form" -content "$2" || return 1
    else
        openssl_takes "$file" "$form" || return 1
    fi
    cp "$file" stamped
    "$TSCLIENT" remove "$file" || return 1
    cmp "$file" before
}

@test "cms -sign: attached, DER" {
    sign -nodetach -outform DER -out text.p7
    there_and_back text.p7 DER
    # Plain CMS has an attribute of its own for tokens (RFC 3161, appendix A).
    run openssl cms -cmsout -print -noout -inform DER -in stamped
    [[ "$output" == *id-smime-aa-timeStampToken* ]]
}

@test "cms -sign: attached, DER, with a legacy timestamp" {
    sign -nodetach -outform DER -out text.p7
    "$TSCLIENT" stamp --ca "$ANCHORS" -t "$URL" text.p7
    [ "$(kinds text.p7)" = authenticode ]
    verify --at "$later_iso" --require-timestamp text.p7
    openssl_takes text.p7 DER
}

@test "cms -sign: detached, with its file, without it, with another" {
    sign -outform DER -out text.sig
    there_and_back text.sig DER --data text
    run verify --json text.sig
    [ "$status" -eq 1 ]
    [ "$(jq -r '.reasons | join(" ")' <<< "$output")" != "" ]
    echo more >> text
    run verify --data text text.sig
    differs
}

@test "cms -sign: NAME.p7s finds NAME by itself" {
    sign -outform DER -out text.p7s
    stamp text.p7s
    verify --require-timestamp text.p7s
    echo more >> text
    run verify text.p7s
    differs
}

@test "cms -sign: PEM, attached and detached, and the text around it stays" {
    sign -nodetach -outform PEM -out text.pem
    there_and_back text.pem PEM
    sign -outform PEM -out detached.pem
    there_and_back detached.pem PEM --data text
    { echo "before it"; sed 's/$/\r/' text.pem; printf 'behind it'; } > around.pem
    there_and_back around.pem PEM
    [ "$(head -n 1 stamped)" = "before it" ]
    [ "$(tail -n 1 stamped)" = "behind it" ]
    # Every line of the block ends in CR LF, and none but the last is shorter than the first.
    [ "$(grep -c $'\r$' stamped)" -eq "$(($(wc -l < stamped) - 1))" ]
    [ "$(grep -E '^[A-Za-z0-9+/=]+.$' stamped | sed '$d' | awk '{ print length }' | sort -u)" = 65 ]
}

@test "cms -sign: two signers are two signatures, and both are stamped" {
    sign -nodetach -signer "$SECOND.pem" -inkey "$SECOND.key" -outform DER -out two.p7
    [ "$(kinds two.p7)" = "none none" ]
    there_and_back two.p7 DER
    stamp --tp 1 two.p7
    [ "$(kinds two.p7)" = "none rfc3161" ]
    openssl_takes two.p7 DER
}

@test "cms -sign -stream: indefinite lengths are read and judged, never changed" {
    for form in DER PEM; do
        sign -stream -nodetach -outform "$form" -out stream.p7
        cp stream.p7 before
        [ "$(format stream.p7)" = p7 ]
        verify stream.p7
        run stamp stream.p7
        ends 1 BER
        cmp stream.p7 before
    done
}

@test "smime -sign: DER and PEM" {
    for form in DER PEM; do
        openssl smime -sign -in text -binary -nodetach -certfile "$OTHERS" -signer "$FIRST" \
            -inkey "$LAB/codesign.key" -outform "$form" -out "smime.$form"
        there_and_back "smime.$form" "$form"
        openssl smime -verify -in stamped -inform "$form" -CAfile "$ANCHORS" -purpose any -out content
        cmp content text
    done
}

@test "a changed content is refused" {
    sign -nodetach -outform DER -out text.p7
    LC_ALL=C sed -i 's/some text/SOME text/' text.p7
    run verify text.p7
    differs
    run stamp text.p7
    [ "$status" -eq 1 ]
}

@test "octets behind the signature: told, and nothing is written in front of them" {
    sign -nodetach -outform DER -out text.p7
    printf '\0\0\0' >> text.p7
    stamp text.p7
    verify --require-timestamp text.p7
    echo more >> text.p7
    cp text.p7 before
    run stamp --replace text.p7
    ends 1 "follow the signature"
    cmp text.p7 before
}

@test "certificates alone are no signature, and it is said" {
    openssl crl2pkcs7 -nocrl -certfile "$LAB/codesign.pem" -outform DER -out chain.p7b
    openssl crl2pkcs7 -nocrl -certfile "$LAB/codesign.pem" -outform PEM -out chain.spc
    for file in chain.p7b chain.spc; do
        cp "$file" before
        run verify "$file"
        ends 1 unsigned
        ends 1 "certificates alone"
        run stamp "$file"
        ends 1 "certificates alone"
        cmp "$file" before
    done
    run verify --json chain.p7b
    [ "$(jq -c '[.format, .reasons, .signatures]' <<< "$output")" = '["p7",["unsigned"],[]]' ]
}

@test "what has another ASN.1 type is of no format" {
    openssl x509 -in "$FIRST" -outform DER -out one.cer
    openssl pkcs12 -export -in "$FIRST" -inkey "$LAB/codesign.key" -passout pass: -out one.pfx
    openssl cms -EncryptedData_encrypt -in text -outform DER -secretkey 000102030405060708090a0b0c0d0e0f -aes128 -out one.enc
    "$TSCLIENT" query --no-nonce -o one.tsq text
    : > index
    printf '[ca]\ndefault_ca=a\n[a]\ndatabase=index\ndefault_md=sha256\n' > ca.cnf
    openssl ca -gencrl -config ca.cnf -keyfile "$SECOND.key" -cert "$SECOND.pem" -crldays 1 -out crl.pem
    openssl crl -in crl.pem -outform DER -out one.crl
    curl -fsS -o one.reply -H "Content-Type: application/timestamp-query" --data-binary @one.tsq "$URL"
    for file in one.cer one.crl one.pfx one.enc one.tsq one.reply; do
        run verify --json "$file"
        [ "$status" -eq 1 ]
        [ "$(jq -c '[.format, .reasons]' <<< "$output")" = '[null,["unsupported-format"]]' ] || { echo "$file: $output"; false; }
    done
}

@test "a signature taken out of a driver: stamped apart, put back, and all of it holds" {
    command -v osslsigncode > /dev/null || skip "osslsigncode is not installed (conf/install-deps interop)"
    driver_find
    cp "$DRIVER" driver.sys
    osslsigncode sign -certs "$LAB/codesign.pem" -key "$LAB/codesign.key" -h sha256 -in driver.sys -out signed.sys
    osslsigncode extract-signature -in signed.sys -out driver.p7
    osslsigncode extract-signature -pem -in signed.sys -out driver.pem
    for file in driver.p7 driver.pem; do
        # 2.5 writes the whole entry of the certificate table, header and all, where it should write DER.
        if [ "$(head -c 1 "$file")" != 0 ] && [ "$(head -c 1 "$file")" != - ]; then
            run "$TSCLIENT" show "$file"
            [ "$status" -eq 1 ]
            continue
        fi
        [ "$(format "$file")" = p7 ]
        verify --data signed.sys "$file"
        run verify --data text "$file"
        [ "$status" -eq 1 ]
        cp "$file" before
        stamp "$file"
        verify --at "$later_iso" --require-timestamp --data signed.sys "$file"
        rm -f again.sys
        osslsigncode attach-signature -sigin "$file" -CAfile "$LAB/root.pem" -TSA-CAfile "$LAB/root.pem" -in driver.sys -out again.sys
        [ "$(kinds again.sys)" = rfc3161 ]
        verify --at "$later_iso" --require-timestamp again.sys
        osslsigncode verify -in again.sys -CAfile "$LAB/root.pem" -TSA-CAfile "$LAB/root.pem" -time "$later"
        "$TSCLIENT" remove "$file"
        cmp "$file" before
    done
}

@test "a catalog: known by its octets, unsigned and signed, stamped for osslsigncode too" {
    command -v osslsigncode > /dev/null || skip "osslsigncode is not installed (conf/install-deps interop)"
    "$TSA_TOOLS/mkcat" -o bare text
    [ "$(format bare)" = cat ]
    run verify bare
    ends 1 unsigned
    [[ "$output" != *"certificates alone"* ]]
    # osslsigncode goes by the name.
    mv bare bare.cat
    osslsigncode sign -certs "$LAB/codesign.pem" -key "$LAB/codesign.key" -h sha256 -in bare.cat -out signed.cat
    cp signed.cat before
    [ "$(format before)" = cat ]
    stamp signed.cat
    [ "$(kinds signed.cat)" = rfc3161 ]
    verify --at "$later_iso" --require-timestamp signed.cat
    osslsigncode verify -in signed.cat -CAfile "$LAB/root.pem" -TSA-CAfile "$LAB/root.pem" -time "$later"
    run stamp --replace --dry-run signed.cat
    ends 0 signature
    "$TSCLIENT" remove signed.cat
    cmp signed.cat before
}

@test "an attached signature beside a file: another content than the file's is told" {
    sign -nodetach -outform DER -out text.p7s
    verify text.p7s
    echo "something else" > text
    run verify text.p7s
    [ "$status" -eq 2 ] || { echo "$output"; return 1; }
    [[ "$output" == *"content-differs: "*": text"* ]] || { echo "$output"; return 1; }
}
