#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What tsclient promises on the command line: which signatures it stamps and which it leaves, where it writes, what it prints, and the
# exit code of each. The authority is the test tool's (/good tells the truth); what it refuses stands in client_refuses.bats.

load liar

setup_file() { liar_start; }
teardown_file() { liar_stop; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp "$DIR/signed.sys" "$DIR/dual.sys" "$DIR/plain.sys" .
}

verify() { "$TSCLIENT" verify --ca "$DIR/root.pem" "$@"; }

# kinds FILE: the kind of each signature's timestamp, in order
kinds() { "$TSCLIENT" show --json "$1" | jq -r '[.signatures[] | .timestamp.kind // "none"] | join(" ")'; }

# ends CODE TEXT: of the last run
ends() {
    [ "$status" -eq "$1" ] || { echo "exit code $status, not $1: $output"; return 1; }
    [[ "$output" == *"$2"* ]] || { echo "no '$2' in: $output"; return 1; }
}

@test "a good timestamp of the wanted kind is skipped and told; the file stays" {
    stamp --tr "${URL}good" signed.sys
    cp -p signed.sys before
    run stamp --tr "${URL}good" signed.sys
    ends 0 "Already timestamped"
    # Nobody is even asked.
    run stamp --tr http://127.0.0.1:1/ signed.sys
    ends 0 "Already timestamped"
    cmp signed.sys before
}

@test "one of the other kind is left and told with 2, --replace makes a new one" {
    stamp -t "${URL}good" signed.sys
    cp signed.sys before
    run stamp --tr "${URL}good" signed.sys
    ends 2 "an Authenticode timestamp, which was left as it is"
    cmp signed.sys before
    run stamp --skip-stamped --tr "${URL}good" signed.sys
    ends 0 ""
    cmp signed.sys before
    stamp --replace --tr "${URL}good" signed.sys
    [ "$(kinds signed.sys)" = rfc3161 ]
    stamp --replace -t "${URL}good" signed.sys
    [ "$(kinds signed.sys)" = authenticode ]
    verify signed.sys
}

@test "a timestamp that is not good is left and told with 2" {
    stamp --no-chain --tr "${URL}stranger" signed.sys
    cp signed.sys before
    run stamp --tr "${URL}good" signed.sys
    ends 2 "its timestamp is not good"
    run stamp --skip-stamped --tr "${URL}good" signed.sys
    ends 2 "its timestamp is not good"
    cmp signed.sys before
    stamp --replace --tr "${URL}good" signed.sys
    verify --require-timestamp signed.sys
}

@test "remove gives back the octets of before, of either kind, of each signature alone" {
    for option in --tr -t; do
        for name in signed dual; do
            cp "$DIR/$name.sys" x.sys
            stamp "$option" "${URL}good" x.sys
            run "$TSCLIENT" remove x.sys
            ends 0 "Successfully removed timestamps: x.sys"
            cmp x.sys "$DIR/$name.sys"
        done
    done
    stamp -t "${URL}good" dual.sys
    cp dual.sys both.sys
    "$TSCLIENT" remove --tp 1 dual.sys
    [ "$(kinds dual.sys)" = "authenticode none" ]
    run "$TSCLIENT" remove --json -o clear.sys dual.sys
    ends 0 '"verdict":"removed"'
    [ "$(kinds dual.sys)" = "authenticode none" ]
    cmp clear.sys "$DIR/dual.sys"
    stamp -t "${URL}good" dual.sys
    cmp dual.sys both.sys || [ "$(kinds dual.sys)" = "authenticode authenticode" ]
}

@test "remove: nothing to take off is fine, no signature is not; --dry-run writes nothing" {
    run "$TSCLIENT" remove signed.sys
    ends 0 "Not timestamped: signed.sys (there is no timestamp)"
    cmp signed.sys "$DIR/signed.sys"
    run "$TSCLIENT" remove plain.sys
    ends 1 "the file has no signature"
    stamp --tr "${URL}good" signed.sys
    cp signed.sys before
    run "$TSCLIENT" remove --dry-run signed.sys
    ends 0 "Timestamps would be removed: signed.sys"
    cmp signed.sys before
    run "$TSCLIENT" remove --tp 3 signed.sys
    ends 1 "there is no signature 3"
    cmp signed.sys before
    # A timestamp that nobody trusts can go, too.
    stamp --replace --no-chain --tr "${URL}stranger" signed.sys
    "$TSCLIENT" remove signed.sys
    cmp signed.sys "$DIR/signed.sys"
}

@test "every signature of a file, or one alone by --tp" {
    stamp --tp 1 --tr "${URL}good" dual.sys
    [ "$(kinds dual.sys)" = "none rfc3161" ]
    stamp --tp 0 -t "${URL}good" dual.sys
    [ "$(kinds dual.sys)" = "authenticode rfc3161" ]
    run stamp --tp 2 --tr "${URL}good" dual.sys
    ends 1 "there is no signature 2"
    cp "$DIR/dual.sys" .
    stamp -t "${URL}good" dual.sys
    [ "$(kinds dual.sys)" = "authenticode authenticode" ]
    run verify --json dual.sys
    ends 0 '"verdict":"good"'
}

@test "the rest of a file: octets, mode, owner, times, symbolic links" {
    chmod 604 signed.sys
    touch -d 2001-02-03T04:05:06Z signed.sys
    ln -s signed.sys link.sys
    stamp --tr "${URL}good" link.sys
    [ -L link.sys ]
    [ "$(stat -c '%a %Y' signed.sys)" = "604 981173106" ]
    [ "$(kinds signed.sys)" = rfc3161 ]
    # Up to the certificate table only the checksum and the table's size may differ.
    cmp -l -n 3520 signed.sys "$DIR/signed.sys" > differ || true
    awk '$1 <= 216 || ($1 > 220 && $1 <= 300) || $1 > 304 { bad = 1 } END { exit bad }' differ
    [ -z "$(find . -name '.*' -type f)" ]
}

@test "a file with several hard links is not torn apart" {
    ln signed.sys other.sys
    run stamp --tr "${URL}good" signed.sys
    ends 1 "hard links; replacing it would part it from the others; -o and --out-dir write elsewhere"
    cmp signed.sys "$DIR/signed.sys"
    stamp -o new.sys --tr "${URL}good" signed.sys
    verify --require-timestamp new.sys
}

@test "-o and --out-dir leave the source, also where nothing is to be done" {
    stamp -o new.sys --tr "${URL}good" signed.sys
    cmp signed.sys "$DIR/signed.sys"
    verify --require-timestamp new.sys
    mkdir out
    run stamp --out-dir out --tr "${URL}good" signed.sys new.sys
    ends 0 "Number of files successfully timestamped: 2"
    verify --require-timestamp out/signed.sys
    cmp out/new.sys new.sys
    run stamp --out-dir missing --tr "${URL}good" signed.sys
    ends 64 "--out-dir missing: there is no such folder"
    # A link may stand there, but not onto what is still to be done.
    mkdir linked
    ln -s ../signed.sys linked/dual.sys
    run stamp --out-dir linked --tr "${URL}good" dual.sys signed.sys
    ends 64 "linked/dual.sys is another one of the files, and would be lost"
    cmp signed.sys "$DIR/signed.sys"
    [ ! -e linked/signed.sys ]
    rm linked/dual.sys
    ln -s ../fresh.sys linked/dual.sys
    cp dual.sys fresh.sys
    stamp --out-dir linked --tr "${URL}good" dual.sys signed.sys
    verify --require-timestamp fresh.sys linked/signed.sys
    stamp --out-dir . --tr "${URL}good" dual.sys signed.sys
    verify --require-timestamp dual.sys signed.sys
}

@test "a countersignature by somebody who is no authority is not taken for a timestamp that may go" {
    for name in signer other; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.pem \
            -subj "/CN=$name" -days 30
    done
    sign() { openssl cms -sign -binary -nodetach -outform DER -signer "$1.pem" -inkey "$1.key" -in "$2" -out "$3"; }
    sign signer plain.sys signed.p7
    python3 -B "$BATS_TEST_DIRNAME/countersign.py" signed.p7 > value
    sign other value other.p7
    python3 -B "$BATS_TEST_DIRNAME/countersign.py" signed.p7 other.p7 both.p7
    cp both.p7 both
    told="it has a countersignature by somebody who is no timestamp authority, and was left as it is"
    run "$TSCLIENT" remove both.p7
    ends 2 "$told"
    for options in "--tr ${URL}good" "--replace --tr ${URL}good" "--replace -t ${URL}good"; do
        # shellcheck disable=SC2086 # several words
        run stamp $options both.p7
        ends 2 "$told"
    done
    cmp both.p7 both
    # One by an authority is.
    cp signed.p7 stamped.p7
    stamp -t "${URL}good" stamped.p7
    stamp --replace --tr "${URL}good" stamped.p7
    stamp --replace -t "${URL}good" stamped.p7
    "$TSCLIENT" remove stamped.p7
    cmp stamped.p7 signed.p7
}

@test "--dry-run asks, tells the places, and writes nothing" {
    run stamp --dry-run --tr "${URL}good" signed.sys
    ends 0 "(certificate table)"
    [[ "$output" == *"(size of the certificate table)"* ]]
    cmp signed.sys "$DIR/signed.sys"
    run stamp --dry-run --tr "${URL}wrong-nonce" signed.sys
    ends 1 nonce
    run stamp --dry-run --detached --tr "${URL}good" plain.sys
    ends 0 "Would be timestamped"
    [ ! -e plain.sys.tsr ]
}

@test "digests and policies are asked for as told" {
    for digest in sha256 sha384 sha512 sha1; do
        stamp --replace --td "$digest" --tr "${URL}good" signed.sys
        [ "$("$TSCLIENT" show --json signed.sys | jq -r '.signatures[0].timestamp.digest')" = "$digest" ]
    done
    stamp --replace --policy 1.2.840.113549 --tr "${URL}good" signed.sys
    [ "$("$TSCLIENT" show --json signed.sys | jq -r '.signatures[0].timestamp.policy')" = 1.2.840.113549 ]
}

@test "JSON: one object per file and line, as it is promised" {
    run stamp --json --tr "${URL}good" signed.sys dual.sys
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 2 ]
    for line in "${lines[@]}"; do
        jq -e '(["file", "format", "reasons", "signatures", "verdict"] - keys == []) and .verdict == "stamped" and .format == "pe" and
            (["digest", "index", "reasons", "signer", "timestamp", "verdict"] - (.signatures[0] | keys) == []) and
            (["authority", "digest", "kind", "policy", "serial", "time"] - (.signatures[0].timestamp | keys) == []) and
            .signatures[0].timestamp.kind == "rfc3161" and .signatures[0].timestamp.authority == "Good TSA" and
            (.signatures[0].timestamp.time | test("^20[0-9-]+T[0-9:]+Z$"))' <<< "$line"
    done
    run verify --json plain.sys
    [ "$status" -eq 1 ]
    jq -e '.verdict == "bad" and .reasons == ["unsigned"] and .signatures == []' <<< "$output"
    run "$TSCLIENT" show --json dual.sys
    jq -e '.verdict == null and (.signatures | length) == 2 and .signatures[1].index == 1' <<< "$output"
    echo text > text
    run verify --json text
    jq -e '.format == null and .reasons == ["unsupported-format"]' <<< "$output"
    run verify --json nothing
    jq -e '.reasons == ["io-error"]' <<< "$output"
    # That a file has no format or no signature is nothing against a timestamp beside it.
    for name in text plain.sys; do
        stamp --detached --json --tr "${URL}good" "$name" > line
        jq -e '.verdict == "stamped" and .reasons == []' line
    done
}

@test "JSON of --dry-run says so, and where octets would change" {
    stamp --dry-run --json --tr "${URL}good" signed.sys > line
    jq -e '.dry_run and (.changes[-1] | .what == "certificate table" and .insert > .remove and .at > 0)' line
    stamp --json --tr "${URL}good" signed.sys > line
    jq -e '(has("dry_run") or has("changes")) | not' line
    "$TSCLIENT" remove --dry-run --json signed.sys > line
    jq -e '.dry_run and (.changes[-1] | .what == "certificate table" and .insert < .remove)' line
    stamp --dry-run --json --tr "${URL}good" signed.sys > line
    jq -e '.verdict == "already-stamped" and .dry_run and .changes == []' line
}

@test "what can not be read is told once, and an empty file as one" {
    for command in "verify" "show" "remove" "stamp --tr ${URL}good"; do
        read -ra words <<< "$command"
        run "$TSCLIENT" "${words[@]}" nothing
        [ "$status" -eq 1 ]
        [[ "${lines[0]}" =~ ^nothing:\ error:\ (io-error:\ )?can\ not\ open\ nothing:\ No\ such\ file\ or\ directory$ ]] ||
            { echo "$command: $output"; false; }
        : > empty
        run "$TSCLIENT" "${words[@]}" empty
        ends 1 "of no format that can hold a signature: it is empty"
    done
}

@test "what goes wrong is told in its place between what is printed" {
    run "$TSCLIENT" show signed.sys nothing dual.sys
    [ "$status" -eq 1 ]
    [ "$(grep -E '^(signed|nothing|dual)' <<< "$output" | cut -d: -f1 | paste -sd' ')" = "signed.sys nothing dual.sys" ]
    run stamp --json --tr "${URL}good" signed.sys nothing dual.sys
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 4 ]
    [[ "${lines[1]}" == "nothing: error: "* ]]
    jq -e '.file == "signed.sys"' <<< "${lines[0]}"
    jq -e '.file == "nothing" and .verdict == "failed"' <<< "${lines[2]}"
}

@test "verify: now, later, required, lifetime" {
    later=2060-01-01
    verify signed.sys
    run verify --require-timestamp signed.sys
    ends 2 not-timestamped
    run verify --at "$later" signed.sys
    ends 1 expired-no-timestamp
    stamp --tr "${URL}good" signed.sys
    verify --at "$later" --require-timestamp signed.sys
    run verify --at "$later" --lifetime signed.sys
    ends 1 lifetime-signing
    run "$TSCLIENT" verify signed.sys
    ends 1 "missing: 'Test root'"
    run "$TSCLIENT" verify --json signed.sys
    [ "$(jq -r '.signatures[0] | .missing_root + "," + .timestamp.missing_root' <<< "$output")" = "Test root,Test root" ]
    run "$TSCLIENT" verify --json absent.sys
    [[ "$(jq -r .why <<< "$output")" == *"absent.sys: No such file"* ]]
    run "$TSCLIENT" verify --ca "$DIR/root.pem" --tsa-ca /etc/ssl/certs signed.sys
    ends 2 untrusted-tsa
}

@test "--ca and --tsa-ca may be given several times, and each must give a certificate" {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -days 10 -subj /CN=Other 2> /dev/null
    for roots in "$DIR/root.pem other.pem" "other.pem $DIR/root.pem" "$DIR/root.pem $DIR/root.pem"; do
        read -r one two <<< "$roots"
        cp "$DIR/signed.sys" x.sys
        "$TSCLIENT" stamp --ca "$one" --ca "$two" --tr "${URL}good" x.sys
        "$TSCLIENT" verify --ca "$one" --ca "$two" --require-timestamp x.sys
        "$TSCLIENT" verify --ca "$DIR/root.pem" --tsa-ca "$one" --tsa-ca "$two" --require-timestamp x.sys
    done
    echo text > text
    stamp --detached --tr "${URL}good" text
    run verify text
    ends 1 "text: what a catalog signs is verified with --catalog FILE.cat, a timestamp beside a file by the name of the .tsr"
    "$TSCLIENT" reply --ca other.pem --ca "$DIR/root.pem" text.tsr
    run "$TSCLIENT" verify --ca "$DIR/root.pem" --ca text x.sys
    ends 64 "--ca text: there is no certificate to trust"
}

@test "verify -v has signtool's layout" {
    stamp --tr "${URL}good" signed.sys
    run verify -v signed.sys
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "Verifying: signed.sys" ]
    for line in "Signing Certificate Chain:" "    Issued to: Test root" "        Issued to: Test signer" \
        "        Issued by: Test root" "Timestamp Verified by:" "        Issued to: Good TSA" \
        "Successfully verified: signed.sys" "Number of files successfully Verified: 1" "Number of warnings: 0" \
        "Number of errors: 0"; do
        grep -qxF -- "$line" <<< "$output" || { echo "no line '$line' in: $output"; false; }
    done
    grep -qE '^    SHA1 hash: [0-9A-F]{40}$' <<< "$output"
    grep -qE "^The signature is timestamped: [A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} 20[0-9]{2}$" <<< "$output"
    run verify -q signed.sys
    [ -z "$output" ]
}

@test "verify -v never calls a timestamp verified that is not" {
    stamp --tr "${URL}good" signed.sys
    echo "any file" > text
    stamp --detached --tr "${URL}good" text
    for file in signed.sys text.tsr; do
        run "$TSCLIENT" verify -v --ca "$DIR/root.pem" --tsa-ca /etc/ssl/certs "$file"
        [[ "$output" == *"a timestamp that is not good, of: "*"Timestamp Claimed by:"* ]]
        [[ "$output" != *"Timestamp Verified by:"* && "$output" != *"timestamped: "* ]]
    done
}

@test "a file's name writes no lines of its own" {
    name=$'a\nSuccessfully verified: b.tsr'
    echo "any file" > "${name%.tsr}"
    stamp --detached --tr "${URL}good" "${name%.tsr}"
    run verify -v "$name"
    ends 0 "Successfully verified: a?Successfully verified: b.tsr"
    run verify -v --data text "$name"
    ends 1 io-error
    mv "$name" $'c\nSuccessfully verified: d.tsr'
    run verify -v $'c\nSuccessfully verified: d.tsr'
    ends 1 "Successfully verified: d"
    for line in "${lines[@]}"; do
        [[ "$line" != "Successfully verified: "* ]]
    done
}

@test "--detached, and verify of a .tsr against its file" {
    echo "any file" > text
    stamp --detached --tr "${URL}good" text
    [ "$(cat text)" = "any file" ]
    verify text.tsr
    run openssl ts -verify -data text -in text.tsr -CAfile "$DIR/root.pem"
    [[ "$output" == *"Verification: OK"* ]]
    run stamp --detached --tr http://127.0.0.1:1/ text
    ends 0 "is there already"
    mv text.tsr moved.tsr
    run verify moved.tsr
    ends 1 io-error
    verify --data text moved.tsr
    run "$TSCLIENT" verify --data text moved.tsr
    ends 1 untrusted-tsa
    mv moved.tsr text.tsr
    echo "changed" >> text
    run stamp --detached --tr "${URL}good" text
    ends 2 "is not good"
    stamp --detached --replace --tr "${URL}good" text
    verify text.tsr
    stamp --detached --replace --td sha1 --tr "${URL}good" text
    run verify --json text.tsr
    ends 0 '"verdict":"good","reasons":["weak-digest"]'
}

@test "a file size limit is an error that is told, and leaves nothing" {
    cp -p signed.sys before
    run bash -c 'ulimit -f 1; exec "$TSCLIENT" stamp --ca "$DIR/root.pem" --tr "${URL}good" signed.sys'
    ends 1 "File too large"
    cmp signed.sys before
    run find . -name '*.tsa-new'
    [ -z "$output" ]
}

@test "--detached never takes a file away: neither its own nor one that is no timestamp" {
    head -c 2000000 /dev/zero > big
    ln -s big link
    for target in big link; do
        run stamp --detached --tr "${URL}good" -o "$target" big
        ends 1 "the file itself"
        run stamp --detached --replace --tr "${URL}good" -o "$target" big
        ends 1 "the file itself"
    done
    run stamp --detached --tr "${URL}good" -o big plain.sys
    ends 2 "is not good"
    [ "$(stat -c %s big)" -eq 2000000 ]
    mkfifo pipe
    mkdir folder
    for target in pipe folder /dev/null; do
        run timeout 20 "$TSCLIENT" stamp --ca "$DIR/root.pem" --detached --tr "${URL}good" -o "$target" big
        ends 1 "$target: it is not a regular file"
    done
    # What can not even be looked at is no timestamp that was left.
    printf -v long '%0253d' 0
    cp plain.sys "$long"
    run stamp --detached --tr "${URL}good" "$long"
    ends 1 "File name too long"
}

@test "a file that bears the name of the result's temporary file is not taken for a leftover" {
    cp "$DIR/signed.sys" .new.sys.tsa-new
    run stamp --tr "${URL}good" -o new.sys .new.sys.tsa-new
    ends 1 ".new.sys.tsa-new beside it is in use"
    cmp .new.sys.tsa-new "$DIR/signed.sys"
    cp .new.sys.tsa-new .new.tsr.tsa-new
    run stamp --detached --tr "${URL}good" -o new.tsr .new.tsr.tsa-new
    ends 1 ".new.tsr.tsa-new beside it is in use"
    cmp .new.tsr.tsa-new "$DIR/signed.sys"
    [ ! -e new.sys ] && [ ! -e new.tsr ]
}

@test "query and reply, the way of those who carry them by hand" {
    echo "any file" > text
    "$TSCLIENT" query --policy 2.999.3161.1 text
    run openssl ts -query -in text.tsq -text
    [[ "$output" == *"Hash Algorithm: sha256"* && "$output" == *"Certificate required: yes"* && "$output" == *"Policy OID: 2.999.3161.1"* ]]
    curl -sS --fail -H 'Content-Type: application/timestamp-query' --data-binary @text.tsq -o text.tsr "${URL}good"
    run "$TSCLIENT" reply --queryfile text.tsq --data text --ca "$DIR/root.pem" text.tsr
    ends 0 "Status: granted"
    run "$TSCLIENT" reply --json text.tsr
    ends 0 '"kind":"rfc3161"'
    "$TSCLIENT" query -o other.tsq text
    run "$TSCLIENT" reply --queryfile other.tsq text.tsr
    ends 1 nonce
    echo "other" > other
    run "$TSCLIENT" reply --data other text.tsr
    ends 1 digest-mismatch
    curl -sS -H 'Content-Type: application/timestamp-query' --data-binary @text.tsq -o refused.tsr "${URL}refusal"
    run "$TSCLIENT" reply refused.tsr
    ends 1 "SHA-256 is not liked here"
    run "$TSCLIENT" reply text.tsr
    ends 0 "Not checked: chain (--ca), what it is for"
    run "$TSCLIENT" reply --queryfile text.tsq --ca "$DIR/root.pem" text.tsr
    ends 0 "Good: signature, query, chain"
    [[ "$output" != *"Not checked"* ]]
    run "$TSCLIENT" show text.tsr
    ends 1 "tsclient reply"
    cp text.tsr lone.tsr
    run verify lone.tsr
    ends 1 "--data FILE says which file"
    cp other other.tsr
    run verify other.tsr
    ends 1 "it is no timestamp reply"
    "$TSCLIENT" query --digest "$(sha384sum text | cut -c1-96)" --td sha384 --nonce 00ff --no-cert -o digest.tsq
    run openssl ts -query -in digest.tsq -text
    [[ "$output" == *"Hash Algorithm: sha384"* && "$output" == *"Certificate required: no"* && "$output" == *"Nonce: 0xFF"* ]]
    "$TSCLIENT" query --no-nonce -o - text > piped.tsq
    run openssl ts -query -in piped.tsq -text
    [[ "$output" == *"Nonce: unspecified"* ]]
}

@test "what is left to do is said: an unsigned file, a root that nobody named" {
    cp /dev/null empty
    run "$TSCLIENT" show empty absent
    ends 1 "absent: error"
    [[ "$output" != *"absent: no"* ]]
    stamp --tr "${URL}good" signed.sys
    run "$TSCLIENT" stamp --tr "${URL}good" signed.sys
    ends 2 "name its root with --ca"
    run "$TSCLIENT" show plain.sys
    ends 0 "plain.sys: pe, not signed"
    [[ "$output" != *error* ]]
    run stamp --tr "${URL}good" plain.sys
    ends 1 "sign it first"
}

@test "wrong usage ends with 64, says why, and touches nothing" {
    cp signed.sys ./-signed.sys
    while IFS='|' read -r line text; do
        # shellcheck disable=SC2086
        run "$TSCLIENT" $line
        ends 64 "$text"
    done << 'END'
stamp signed.sys|which authority
stamp --tr http://a/|which file
stamp -t http://a/ --tr http://b/ signed.sys|exclude each other
stamp --tr ftp://a/ signed.sys|scheme must be http or https
stamp --tr file:///etc/passwd signed.sys|scheme must be http or https
stamp -t http://a/ --td sha384 signed.sys|the authority chooses
stamp -t http://a/ --detached signed.sys|--detached needs --tr
stamp --tr http://a/ --td md5 signed.sys|it may be sha256
stamp --tr http://a/ --policy x signed.sys|an OID looks like
stamp --tr http://a/ -o x signed.sys dual.sys|one file
stamp --tr http://a/ --replace --skip-stamped signed.sys|exclude each other
stamp --tr http://a/ --ca /nonexistent signed.sys|--ca /nonexistent: No such file
stamp --tr http://a/ --tp 99 signed.sys|a whole number
stamp --tr http://a/ --timeout 0 signed.sys|--timeout wants some time
stamp --tr http://a/ -o x -o y signed.sys|-output is given twice
stamp -signed.sys|there is no option -s; a file of that name wants ./
stamp --tr http://a/ --out-dir out signed.sys ./signed.sys|several files are called signed.sys
stamp --tr http://a/ -o - signed.sys|-o -: it writes files alone
remove -o - signed.sys|-o -: it writes files alone
stamp --relpace signed.sys|did you mean --replace
verify|which file
verify --at soon signed.sys|2031-02-03T04:05:06Z
verify --data x signed.sys dual.sys|--data goes with one
verfy signed.sys|did you mean verify
query|give one file
query --digest 00 -o x|64 hex digits
reply|one .tsr file
END
    cmp signed.sys "$DIR/signed.sys"
}
