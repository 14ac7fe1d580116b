#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# tsclient killed at random moments, several processes at one file, and real full disks: the file is the old or the new one, whole.

load liar
load crash

setup_file() { liar_start; }
teardown_file() { liar_stop; }

setup() { crash_setup; }

now_us() { echo "${EPOCHREALTIME/[.,]/}"; }

# pause US: without a process of its own
pause() {
    local rest
    printf -v rest '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000))
    read -r -t "$rest" <> "$BATS_TEST_TMPDIR/never" || true
}

# start [OUT]: the scenario's command in the background
start() {
    (cd "$WORK" && exec "$TSCLIENT" "${command[@]}" "${arguments[@]}") > "${1-out}" 2>&1 3>&- &
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
            early=$((early + 1)) middle=$((middle < 5 * length ? middle + length / 40 : middle))
        fi
    done
    echo "# $times kills: $early before it wrote, $writing while it wrote, $late with the new file in place" >&3
    [ "$early" -gt 0 ]
    [ "$writing" -gt 0 ]
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
            start "out.$i"
            pids+=("$pid")
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
        [ "$num_new" -eq 1 ]
        [ "$num_temp" -eq 0 ]
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
