#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# tsclient killed at every call that changes or syncs a file, and at random moments; every such call failing; disks that are full; several
# processes at one file. Whatever happens, a file is the old or the new one, whole, with its mode, owner and times, and at most the documented
# temporary file stays, which the next run removes. The calls are struck by tests/tools/fault_shim.c.

load liar

setup_file() { liar_start; }
teardown_file() { liar_stop; }

# The time and the owner that the files have; only root can give one away.
setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    shopt -s nullglob dotglob
    WORK=$(realpath .)/w
    LOG=$(realpath .)/calls
    mkdir template
    owner=$(id -u):$(id -g)
    if [ "$(id -u)" -eq 0 ]; then owner=12345:23456; fi
    # What a scenario says: the files that are written, and those that must stay as they are.
    targets=() sources=() arguments=()
}

# put FILE [MODE]: a driver under that name in the template of a scenario
put() {
    cp "${3-$DIR/signed.sys}" "template/$1"
    chmod "${2-640}" "template/$1"
    chown "$owner" "template/$1"
    touch -d 2020-01-02T03:04:05.678901234Z "template/$1"
}

# fresh: the scenario's files as they are in the beginning
fresh() {
    rm -rf "$WORK"
    cp -a template "$WORK"
    local file
    for file in "${targets[@]}" "${sources[@]}"; do before[$file]=$(state "$file"); done
}

# What nobody touches keeps all of it. The target may not be there.
state() { stat -c '%i %s %a %u %g %y %z' "$WORK/$1" 2> /dev/null || echo none; }

# What the new file keeps of the one that it is made of.
kept() { stat -c '%a %u %g %y' "$1"; }

client() { "$TSCLIENT" stamp --ca "$DIR/root.pem" --retry 0 --timeout 30s "$@"; }

# struck AT WHAT ALWAYS: the scenario's command with one call struck; its exit code in rc, what it said in said
struck() {
    : > "$LOG"
    rc=0
    said=$(cd "$WORK" && FAULT_UNDER=$WORK FAULT_LOG=$LOG FAULT_AT=$1 FAULT_DO=$2 FAULT_ALWAYS=$3 \
        ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 LD_PRELOAD=$TSA_TOOLS/fault_shim.so \
        exec "$TSCLIENT" stamp --ca "$DIR/root.pem" --retry 0 --timeout 30s "${arguments[@]}" 2>&1) || rc=$?
}

# is_new FILE: it is a whole new one. A .tsr is judged with the file beside it.
is_new() {
    "$TSCLIENT" verify --ca "$DIR/root.pem" --require-timestamp -q "$WORK/$1" > verdict 2>&1 ||
        { echo "$1 is neither the old nor a good new file:"; cat verdict; return 1; }
    [[ $1 == *.tsr ]] || [ "$(kept "$WORK/$1")" = "${meta-$(kept "template/${sources[0]-$1}")}" ] ||
        { echo "$1 has not kept mode, owner, times: $(kept "$WORK/$1")"; return 1; }
    [ -z "${xattrs-}" ] || [ "$("$TSA_TOOLS/xattr" get "$WORK/$1" user.note)" = kept ] ||
        { echo "$1 has lost its extended attribute"; return 1; }
}

is_temp() {
    local file
    for file in "${targets[@]}"; do
        [ "$1" != ".$file.tsa-new" ] || return 0
    done
    return 1
}

# check_whole: the old or the new file, each; the number of new ones in num_new, of temporary files in num_temp
check_whole() {
    local file name
    num_new=0 num_temp=0
    for file in "${targets[@]}"; do
        if [ "$(state "$file")" != "${before[$file]}" ]; then
            is_new "$file" || return 1
            num_new=$((num_new + 1))
        elif [ -e "template/$file" ]; then
            cmp -s "$WORK/$file" "template/$file" || { echo "$file was changed in place"; return 1; }
        fi
    done
    for file in "${sources[@]}"; do
        [ "$(state "$file")" = "${before[$file]}" ] && cmp -s "$WORK/$file" "template/$file" ||
            { echo "$file was touched: $(state "$file")"; return 1; }
    done
    for name in "$WORK"/*; do
        name=${name##*/}
        case " ${targets[*]} ${sources[*]} " in
        *" $name "*) ;;
        *) is_temp "$name" || { echo "this is left: $name"; return 1; }
            num_temp=$((num_temp + 1)) ;;
        esac
    done
}

# check_next: the command goes through as if nothing had happened
check_next() {
    (cd "$WORK" && client -q "${arguments[@]}") || { echo "the next run failed"; return 1; }
    check_whole
    [ "$num_temp" -eq 0 ] || { echo "the next run left a temporary file"; return 1; }
    [ "$num_new" -eq "${#targets[@]}" ]
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
    [ "$num_new" -eq "${#targets[@]}" ] && [ "$num_temp" -eq 0 ]
    total=$(wc -l < "$LOG")
    [ "$total" -ge 5 ] || { echo "the shim sees only $total calls"; return 1; }
    cp "$LOG" all
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
WAYS="kill-before kill-after ENOSPC EIO+ short full"
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
    exhaust kill-before kill-after ENOSPC EIO EIO+
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

@test "several files in one command: each is the old or the new one" {
    put a.sys 444
    put b.sys 640
    put c.sys 600
    targets=(a.sys b.sys c.sys) arguments=(--tr "${URL}good" a.sys b.sys c.sys)
    exhaust kill-before
    local -A before
    fresh
    struck 3 ENOSPC ""
    check_whole
    [ "$rc" -eq 1 ] && [ "$num_new" -eq 2 ] && [[ $said == *"a.sys: error: "*"No space left"* ]]
}

# ---- by the clock ----------------------------------------------------------------------------------

now_us() { echo "${EPOCHREALTIME/[.,]/}"; }

# pause US: without a process of its own
pause() {
    local rest
    printf -v rest '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000))
    read -r -t "$rest" <> "$BATS_TEST_TMPDIR/never" || true
}

# start: the scenario's command in the background
start() {
    (cd "$WORK" && exec "$TSCLIENT" stamp --ca "$DIR/root.pem" --retry 0 --timeout 30s "${arguments[@]}") > out 2>&1 3>&- &
    pid=$!
}

# measure: how long a run takes, in microseconds; the shortest of three
measure() {
    local since i took
    length=999999999
    for i in 1 2 3; do
        fresh
        since=$(now_us)
        start
        wait "$pid"
        took=$(($(now_us) - since))
        length=$((took < length ? took : length))
    done
}

# draw BELOW: into drawn; in this very shell, whose seed is known
draw() { drawn=$(((RANDOM << 15 | RANDOM) % $1)); }

@test "killed at random moments" {
    local -A before
    local times=200 seed=${TSA_SEED:-$RANDOM} early=0 writing=0 late=0 length pid i at middle drawn
    if [ -n "${TSA_LONG-}" ]; then times=2000; fi
    mkfifo never
    put driver.sys 640 "$DIR/big.sys"
    targets=(driver.sys) arguments=(--tr "${URL}good" driver.sys)
    measure
    check_whole && [ "$num_new" -eq 1 ] || { cat out; false; }
    RANDOM=$seed
    echo "# seed $seed, $length us a run" >&3
    middle=$((length * 3 / 4))
    fresh
    for ((i = 0; i < times; i++)); do
        # Every fourth at any moment, the others about when it writes, which is found out on the way.
        draw $((i % 4 ? length / 8 : length))
        at=$((i % 4 ? middle - length / 16 + drawn : drawn))
        start
        pause "$at"
        kill -9 "$pid" 2> /dev/null || true
        wait "$pid" 2> /dev/null || true
        check_whole || { echo "kill $i after $at us, seed $seed"; false; }
        if [ "$num_temp" -gt 0 ]; then
            writing=$((writing + 1))
            # The temporary file of the last one is there while the next is killed, but not always.
            if [ $((i % 8)) -eq 0 ]; then
                check_next
                fresh
            fi
        elif [ "$num_new" -gt 0 ]; then
            late=$((late + 1)) middle=$((middle > length / 4 ? middle - length / 40 : length / 4))
            fresh
        else
            early=$((early + 1)) middle=$((middle < length ? middle + length / 40 : length))
        fi
    done
    echo "# $times kills: $early before it wrote, $writing while it wrote, $late with the new file in place" >&3
    [ "$early" -gt 0 ] && [ "$writing" -gt 0 ]
    check_next
}

# ---- several processes -----------------------------------------------------------------------------

@test "several processes at one file: one wins, the others are told or do the same" {
    local -A before
    local round i rc pids won=0 told=0 rounds=15
    if [ -n "${TSA_LONG-}" ]; then rounds=300; fi
    put driver.sys 640 "$DIR/big.sys"
    targets=(driver.sys)
    for ((round = 0; round < rounds; round++)); do
        fresh
        pids=()
        for i in 1 2 3 4; do
            case $((i % 2)) in
            0) arguments=(--replace --tr "${URL}good" driver.sys) ;;
            1) arguments=(--replace -t "${URL}good" driver.sys) ;;
            esac
            start
            pids+=("$pid")
            cp --remove-destination /dev/null "out.$i" && mv out "out.$i"
        done
        for i in 1 2 3 4; do
            rc=0
            wait "${pids[$((i - 1))]}" || rc=$?
            case $rc in
            0) won=$((won + 1)) ;;
            1) told=$((told + 1))
                case $(cat "out.$i") in
                *"another process is writing it"* | *"has changed meanwhile"*) ;;
                *) cat "out.$i"; return 1 ;;
                esac ;;
            *) echo "exit code $rc: $(cat "out.$i")"; return 1 ;;
            esac
        done
        check_whole
        [ "$num_new" -eq 1 ] && [ "$num_temp" -eq 0 ]
    done
    echo "# $((4 * rounds)) processes: $won stamped the file, $told were told of another" >&3
    [ "$won" -ge "$rounds" ]
}

# ---- real full disks -------------------------------------------------------------------------------

# in_namespace COMMAND...: where this one may mount
in_namespace() {
    if [ "$(id -u)" -eq 0 ]; then unshare -m "$@"; else unshare -rm "$@"; fi
}

@test "a disk with a little more room each time: nothing is done until there is enough" {
    in_namespace mount -t tmpfs -o size=64k tmpfs "$BATS_TEST_TMPDIR/template" ||
        skip "a file system can not be mounted here, not even in a namespace of users"
    put driver.sys
    arguments=(--tr "${URL}good" driver.sys)
    cat > fill << 'END'
set -eu
shopt -s nullglob dotglob
mkdir disk
failed=0 done=0
for pages in $(seq 2 12); do
    mount -t tmpfs -o "size=$((pages * 4))k" tmpfs disk
    cp -p template/driver.sys disk/ 2> /dev/null || { umount disk; continue; }
    old=$(stat -c '%i %s %a %y %z' disk/driver.sys) rc=0
    said=$("$TSCLIENT" stamp --ca "$DIR/root.pem" --retry 0 --tr "${URL}good" disk/driver.sys 2>&1) || rc=$?
    [ -z "$(echo disk/.*)" ] || { echo "left: $(ls -A disk)"; exit 1; }
    if [ "$rc" -eq 0 ]; then
        "$TSCLIENT" verify --ca "$DIR/root.pem" --require-timestamp -q disk/driver.sys
        done=1
        break
    fi
    [ "$rc" -eq 1 ] && [[ $said == *"driver.sys: No space left on device"* ]] || { echo "$rc $said"; exit 1; }
    cmp disk/driver.sys template/driver.sys
    [ "$old" = "$(stat -c '%i %s %a %y %z' disk/driver.sys)" ] || { echo "touched"; exit 1; }
    failed=$((failed + 1))
    umount disk
done
echo "# $failed times too full, then done" >&3
[ "$failed" -ge 2 ] && [ "$done" -eq 1 ]
END
    in_namespace bash fill
}
