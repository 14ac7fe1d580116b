#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Requests recorded from real clients (the folder that TSA_SAMPLES names), sent byte for byte: each gets a grant or the right refusal.

load ../system/lab
load ../system/skip

setup_file() {
    [ -n "${TSA_SAMPLES:-}" ] && [ -d "$TSA_SAMPLES/tsp" ] || { skip_file "TSA_SAMPLES names no folder of recorded requests"; return; }
    lab_start
}
teardown_file() { lab_stop; }

setup() { skip_if_told; cd "$BATS_TEST_TMPDIR" || return 1; }

# What the lab's unit must answer to each recorded RFC 3161 request; a file that is not named here must be granted.
refusal_for() {
    case $1 in
    signserver_sample.tsq | bc_sha1Request.tsq | bc_sha1noNonce.tsq | clocklock_sha1.tsq | uts-server_example.tsq | asn1crypto_tsp_request.tsq)
        echo "unrecognized or unsupported algorithm identifier" ;; # SHA-1 imprints
    bc_ripemd160Request.tsq) echo "unrecognized or unsupported algorithm identifier" ;;
    # The beginning of a request, made as a fuzzer's seed.
    seed_rfc3161test_3003020101.tsq) echo "the data submitted has the wrong format" ;;
    esac
}

@test "every recorded RFC 3161 request is granted or refused for its reason" {
    count=0
    for file in "$TSA_SAMPLES"/tsp/*.tsq; do
        name=$(basename "$file")
        code=$(curl -sS -H 'Content-Type: application/timestamp-query' --data-binary "@$file" -o reply.tsr -w '%{http_code} %{content_type}' "$URL")
        [ "$code" = "200 application/timestamp-reply" ] || { echo "$name: $code"; false; }
        text=$(openssl ts -reply -in reply.tsr -text 2>&1)
        expected=$(refusal_for "$name")
        if [ -n "$expected" ]; then
            [[ "$text" == *"Rejected."* && "$text" == *"$expected"* ]] || { echo "$name: $text"; false; }
        else
            [[ "$text" == *"Status: Granted."* ]] || { echo "$name: $text"; false; }
            # openssl wants the certificates in the token for -queryfile alone; the chain helps where certReq was not set.
            run openssl ts -verify -queryfile "$file" -in reply.tsr -CAfile "$LAB/root.pem" -untrusted "$LAB/chain.pem"
            [[ "$output" == *"Verification: OK"* ]] || { echo "$name: $output"; false; }
        fi
        count=$((count + 1))
    done
    [ "$count" -ge 14 ]
}

# countersign BODY TYPE BLOB: posts and checks the countersignature with libcrypto and the blob that must be inside
countersign() {
    code=$(curl -sS -H "Content-Type: $2" -H 'User-Agent: Transport' -H 'Accept: application/octet-stream' -H 'Cache-Control: no-cache' \
        --data-binary "@$1" -o reply.b64 -w '%{http_code} %{content_type}' "$URL")
    [ "$code" = "200 application/octet-stream" ] || { echo "$1: $code $(head -c 300 reply.b64)"; return 1; }
    [ "$(wc -l < reply.b64)" -eq 0 ] || { echo "$1: the reply is not one line without a line end"; return 1; }
    base64 -d reply.b64 > reply.der
    openssl cms -verify -inform DER -in reply.der -CAfile "$LAB/root.pem" -purpose timestampsign -out content > cms.log 2>&1 ||
        { cat cms.log; return 1; }
    cmp content "$3"
}

# blob_of REQUEST.der: the signature value, the last OCTET STRING
blob_of() {
    local line
    line=$(openssl asn1parse -inform DER -in "$1" | grep 'OCTET STRING' | tail -n 1)
    tail -c "$(sed -n 's/.* l= *\([0-9]*\) .*/\1/p' <<< "$line")" "$1" > blob
}

@test "signtool's own /t request, as recorded" {
    file=$TSA_SAMPLES/tsp/legacy/signserver_signtool_request.b64
    tr -d '\0' < "$file" | base64 -d > request.der
    blob_of request.der
    countersign "$file" application/octet-stream blob
    # Some of its versions append a NUL.
    { cat "$file"; printf '\0'; } > with_nul
    countersign with_nul application/octet-stream blob
}

@test "every legacy request in the four forms that clients send" {
    count=0
    for file in "$TSA_SAMPLES"/tsp/legacy/*.req.der; do
        blob_of "$file"
        countersign "$file" application/octet-stream blob
        base64 -w 0 "$file" > one_line
        countersign one_line application/octet-stream blob
        base64 -w 64 "$file" > lines
        countersign lines application/octet-stream blob
        { base64 -w 0 "$file"; printf '\0'; } > nul
        countersign nul application/octet-stream blob
        count=$((count + 1))
    done
    [ "$count" -ge 13 ]
}

@test "recorded replies of other authorities are read by tsclient" {
    for file in "$TSA_SAMPLES"/tsp/*.tsr; do
        run timeout 10 "$TSCLIENT" reply --json "$file"
        # 0 read, 1 malformed or a check failed, 2 with warnings; nothing else, and never a crash
        [ "$status" -le 2 ] || { echo "$file: $status $output"; false; }
    done
}
