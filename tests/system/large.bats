#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Files of 4 GiB (holes, made by truncate): tsclient gives an answer, in bounded memory. The bound is on private writable memory
# (RLIMIT_DATA): a file that is mapped for reading does not count, however long it is.

load liar

setup_file() { liar_start; }
teardown_file() { liar_stop; }

GIB4=4294967296

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    if ! truncate -s "$GIB4" big.sys 2> /dev/null || [ "$(stat -c %b big.sys)" -gt 1000 ]; then
        skip "no holes of 4 GiB in the files of $BATS_TEST_TMPDIR"
    fi
}

teardown() { rm -f "$BATS_TEST_TMPDIR/big.sys"; }

# bounded COMMAND...: 256 MiB of its own memory (a sanitizer needs more for its own purposes), and a time that a slow machine has, too.
bounded() {
    (
        [ -n "${TSA_SANITIZED:-}" ] || ulimit -d 262144
        exec timeout 100 "$@"
    )
}

# answers CODE TEXT COMMAND...
answers() {
    local code="$1" text="$2"
    shift 2
    run bounded "$@"
    [ "$status" -eq "$code" ] || { echo "$*: exit code $status, not $code: $output"; return 1; }
    [[ "$output" == *"$text"* ]] || { echo "$*: no '$text' in: $output"; return 1; }
}

verify() { answers 1 "$1" "$TSCLIENT" verify --ca "$DIR/root.pem" big.sys; }

# stamp_refuses TEXT: and neither writes nor leaves anything
stamp_refuses() {
    local before
    before=$(stat -c '%i %Y %Z %s %b' big.sys)
    answers 1 "$1" "$TSCLIENT" stamp --ca "$DIR/root.pem" --retry 0 --tr "${URL}good" big.sys
    [ "$before" = "$(stat -c '%i %Y %Z %s %b' big.sys)" ]
    [ "$(find . -mindepth 1 | wc -l)" -eq 1 ]
}

# le32 FILE OFFSET [VALUE]: reads or writes a number in little endian
le32() {
    if [ $# -eq 2 ]; then
        od -An -tu4 --endian=little -j "$2" -N 4 "$1" | tr -d ' '
    else
        printf '%b' "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($3 & 255)) $(($3 >> 8 & 255)) $(($3 >> 16 & 255)) $(($3 >> 24 & 255)))" |
            dd of="$1" bs=1 seek="$2" conv=notrunc status=none
    fi
}

# Where the security directory of a PE32 or PE32+ file stands.
directory_of() {
    local e
    e=$(le32 "$1" 60)
    if [ $(($(le32 "$1" $((e + 24))) & 0xffff)) -eq $((0x20b)) ]; then
        echo $((e + 168))
    else
        echo $((e + 152))
    fi
}

# headers_only: big.sys begins as a PE file without signature
headers_only() {
    dd if="$DIR/signed.sys" of=big.sys bs=512 count=1 conv=notrunc status=none
    le32 big.sys "$(directory_of big.sys)" 0
    le32 big.sys $(($(directory_of big.sys) + 4)) 0
}

@test "the measure: memory of one's own counts, a mapped file does not" {
    [ -z "${TSA_SANITIZED:-}" ] || skip "a sanitizer's own memory is beyond any such limit"
    run bounded perl -e '$x = "a" x (1 << 29); print "had it\n"'
    [[ "$output" != *"had it"* ]]
    run bounded perl -e '$x = "a" x (1 << 26); print "had it\n"'
    [[ "$output" == *"had it"* ]]
}

@test "4 GiB of zeros" {
    answers 1 "unsupported-format" "$TSCLIENT" show big.sys
    verify "unsupported-format"
    stamp_refuses "no format that can hold a signature"
}

@test "a PE file of 4 GiB without signature" {
    headers_only
    answers 0 "not signed" "$TSCLIENT" show big.sys
    verify "unsigned"
    stamp_refuses "has no signature"
}

@test "a certificate table of zeros at the end of 4 GiB" {
    headers_only
    le32 big.sys "$(directory_of big.sys)" $((GIB4 - 4096))
    le32 big.sys $(($(directory_of big.sys) + 4)) 4096
    answers 1 "impossible length" "$TSCLIENT" show big.sys
    verify "impossible length"
    stamp_refuses "impossible length"
}

@test "a good signature, moved to the end of 4 GiB: all of it is hashed, and differs" {
    local at len
    dd if="$DIR/signed.sys" of=big.sys bs=512 count=1 conv=notrunc status=none
    at=$(le32 big.sys "$(directory_of big.sys)")
    len=$(le32 big.sys $(($(directory_of big.sys) + 4)))
    dd if="$DIR/signed.sys" of=big.sys bs=4096 iflag=skip_bytes oflag=seek_bytes skip="$at" seek=$((GIB4 - len)) conv=notrunc status=none
    [ "$(stat -c %s big.sys)" -eq "$GIB4" ]
    le32 big.sys "$(directory_of big.sys)" $((GIB4 - len))
    answers 0 "Test signer" "$TSCLIENT" show big.sys
    verify "digest-mismatch"
    stamp_refuses "differs from the signed one"
}

@test "a signature at the beginning, and 4 GiB behind it" {
    dd if="$DIR/signed.sys" of=big.sys bs=4096 conv=notrunc status=none
    answers 0 "Test signer" "$TSCLIENT" show big.sys
    verify "digest-mismatch"
    stamp_refuses "data follow the signature"
}

# Where that happens between two reads of the mapping nobody can tell; some tries may end before or be too late.
@test "a file that is cut short while it is read: an error, no verdict" {
    local try text=""
    for try in 1 2 3 4 5 6 7 8; do
        truncate -s "$GIB4" big.sys
        "$TSCLIENT" query -o big.tsq big.sys > out 2>&1 &
        sleep "0.$try"
        truncate -s 100 big.sys
        wait $! || [ $? -eq 1 ]
        text=$(cat out)
        [[ "$text" != *"cut short while it was read"* ]] || return 0
    done
    echo "never met: $text"
    return 1
}
