#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# tsclient killed at every call that changes or syncs a file, and every such call failing: the file is the old or the new one, the exit code and
# the sentence say what happened, and the next run cleans up and succeeds. The calls are struck by tests/tools/fault_shim.c.

load liar
load crash

setup_file() { liar_start; }
teardown_file() { liar_stop; }

setup() { crash_setup; }

# struck AT WHAT ALWAYS: the scenario's command with one call struck; its exit code in rc, what it said in said
struck() {
    : > "$LOG"
    rc=0
    said=$(cd "$WORK" && FAULT_UNDER=$WORK FAULT_LOG=$LOG FAULT_AT=$1 FAULT_DO=$2 FAULT_ALWAYS=$3 \
        ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 LD_PRELOAD=$TSA_TOOLS/fault_shim.so \
        exec "$TSCLIENT" "${command[@]}" "${arguments[@]}" 2>&1) || rc=$?
}

names_target() {
    local file
    for file in "${targets[@]}"; do
        [[ $1 != *"$file: "* ]] || return 0
    done
    return 1
}

# check_told: rc and said fit what was done to the call of that number
check_told() {
    local cause
    case $2 in
    kill-*) [ "$rc" -eq 137 ] || { echo "exit code $rc"; return 1; }; return ;;
    short) [ "$rc" -eq 0 ] && [ "$num_new" -eq "${#targets[@]}" ] || { echo "a short write is no failure: $rc $said"; return 1; }; return ;;
    EIO) cause="Input/output error" ;;
    *) cause="No space left on device" ;;
    esac
    if [ "$rc" -eq 0 ]; then
        # Where a disk fills up after the last call that needs room, nobody is hurt.
        [ "$2" = full ] && [ "$num_new" -eq "${#targets[@]}" ] || { echo "it failed and exit code 0: $said"; return 1; }
    else
        [ "$rc" -eq 1 ] && [[ $said == *": error: can not "*": $cause"* ]] && names_target "$said" ||
            { echo "exit code $rc: $said"; return 1; }
    fi
}

# strike AT WHAT ALWAYS
strike() {
    fresh
    struck "$@"
    check_whole || return 1
    check_told "$@" || return 1
    # What failed once cleans up behind itself; what it could not take in hand stays.
    [[ $2 == kill-* || -n $3 || "$num_temp" -eq 0 || -e template/.driver.sys.tsa-new ]] || { echo "a temporary file stays"; return 1; }
    if [ "$num_temp" -gt 0 ] || [ $(($1 % 4)) -eq 0 ]; then check_next; fi
}

# exhaust WHAT...: every moment, struck in each way; WHAT+ means from that call on
exhaust() {
    local -A before
    local what at total num=0
    fresh
    struck 0 none ""
    [ "$rc" -eq 0 ] || { echo "$said"; return 1; }
    check_whole
    [ "$num_new" -eq "${#targets[@]}" ]
    [ "$num_temp" -eq 0 ]
    total=$(wc -l < "$LOG")
    [ "$total" -ge 5 ] || { echo "the shim sees only $total calls"; return 1; }
    cp "$LOG" all
    # A power cut forgets what was not synced: contents before the name, the name before success is told.
    [[ $(tail -n 3 all) == $'fsync\nrename\nfsync' ]] || { echo "not synced in order:"; cat all; return 1; }
    for what in "$@"; do
        for ((at = 1; at <= total; at++)); do
            case $what in
            *+) strike "$at" "${what%+}" 1 ;;
            *) strike "$at" "$what" "" ;;
            esac || { echo "$what at call $at of $total, $(sed -n "${at}p" all)"; return 1; }
            num=$((num + 1))
        done
    done
    echo "# $num strikes at $total calls: $(tr '\n' ' ' < all)" >&3
}

readonly ALL="kill-before kill-after ENOSPC ENOSPC+ EIO EIO+ short short+ full"
WAYS="kill-before ENOSPC EIO+ full"
if [ -n "${TSA_LONG-}" ]; then WAYS=$ALL; fi

@test "in place: every call killed, failing, or short" {
    put driver.sys 640
    if "$TSA_TOOLS/xattr" set template/driver.sys user.note kept; then xattrs=1; fi
    targets=(driver.sys) arguments=(--tr "${URL}good" driver.sys)
    exhaust $ALL
}

@test "in place, of a read-only file, in the Authenticode form" {
    put driver.sys 444
    targets=(driver.sys) arguments=(-t "${URL}good" driver.sys)
    exhaust $WAYS
}

@test "in place, with a temporary file that a killed run has left" {
    put driver.sys
    head -c 1000 "$DIR/signed.sys" > "template/.driver.sys.tsa-new"
    targets=(driver.sys) arguments=(--tr "${URL}good" driver.sys)
    exhaust kill-before ENOSPC EIO+
}

@test "extended attributes are kept, and a failure to keep them is told" {
    put driver.sys
    "$TSA_TOOLS/xattr" set template/driver.sys user.note kept || skip "this file system has no extended attributes"
    targets=(driver.sys) arguments=(--tr "${URL}good" driver.sys)
    local -A before
    fresh
    struck 0 none ""
    [ "$rc" -eq 0 ]
    [ "$("$TSA_TOOLS/xattr" get "$WORK/driver.sys" user.note)" = kept ]
    [ "$(grep -c fsetxattr "$LOG")" -eq 1 ]
}

@test "-o over another file: the source is not touched, the old target or the new" {
    put driver.sys
    cp "$DIR/plain.sys" template/out.sys
    targets=(out.sys) sources=(driver.sys) arguments=(--tr "${URL}good" -o out.sys driver.sys)
    exhaust $WAYS
}

@test "--out-dir: nothing or the new file" {
    put driver.sys
    mkdir "$BATS_TEST_TMPDIR/from"
    mv template/driver.sys from/
    touch -d 2020-01-02T03:04:05.678901234Z from
    meta=$(kept from/driver.sys)
    targets=(driver.sys) arguments=(--tr "${URL}good" --out-dir . "$BATS_TEST_TMPDIR/from/driver.sys")
    local state
    state=$(stat -c '%i %y %z %a' from/driver.sys from)
    exhaust $WAYS
    [ "$state" = "$(stat -c '%i %y %z %a' from/driver.sys from)" ]
}

@test "--detached: no .tsr or a whole one, the file not touched" {
    put driver.sys
    targets=(driver.sys.tsr) sources=(driver.sys) arguments=(--tr "${URL}good" --detached driver.sys)
    exhaust $WAYS
}

@test "remove: the file with its timestamp or without" {
    put driver.sys
    "$TSCLIENT" "${stamp[@]}" -q --tr "${URL}good" template/driver.sys
    command=(remove) wants=()
    targets=(driver.sys) arguments=(driver.sys)
    exhaust $WAYS
    cmp "$WORK/driver.sys" "$DIR/signed.sys"
}

@test "several files in one command: each is the old or the new one" {
    put a.sys 444
    put b.sys 640
    targets=(a.sys b.sys) arguments=(--tr "${URL}good" a.sys b.sys)
    exhaust kill-before
    local -A before
    fresh
    struck 3 ENOSPC ""
    check_whole
    [ "$rc" -eq 1 ]
    [ "$num_new" -eq 1 ]
    [[ $said == *"a.sys: error: "*"No space left"* ]]
}
