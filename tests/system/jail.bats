#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The jails as the kernel shows them: account, no new privileges, filter, no dump, capabilities, and which files and sockets a role holds.

load lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }

field() { # PID NAME
    sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

# descriptors PID: what each one is
descriptors() { find "/proc/$1/fd" -type l -printf '%l\n'; }

@test "every role has no new privileges and a filter" {
    for role in front issuer clock; do
        pid=$(lab_pid $role)
        [ "$(field "$pid" NoNewPrivs)" = 1 ]
        [ "$(field "$pid" Seccomp)" = 2 ]
    done
}

@test "every role is an account of its own, without capabilities and groups" {
    [ "$(id -u)" -eq 0 ] || skip "accounts are changed where it is started as root"
    local uid=60931
    for role in front issuer clock; do
        pid=$(lab_pid $role)
        [ "$(field "$pid" Uid | tr -s '\t' ' ')" = "$uid $uid $uid $uid" ] || { echo "$role: $(field "$pid" Uid)"; false; }
        [ "$(field "$pid" Gid | tr -s '\t' ' ')" = "$uid $uid $uid $uid" ]
        [ "$(field "$pid" Groups | tr -d ' ')" = "$uid" ]
        [ "$(field "$pid" CapPrm)" = 0000000000000000 ]
        [ "$(field "$pid" CapEff)" = 0000000000000000 ]
        uid=$((uid + 1))
    done
}

@test "no role can be dumped or looked into" {
    [ -z "${TSA_SANITIZED-}" ] || skip "sanitizers look into the process at its end"
    for role in front issuer clock; do
        pid=$(lab_pid $role)
        # What belongs to a process that can not be dumped belongs to root (proc(5)).
        [ "$(stat -c %u "/proc/$pid/mem")" = 0 ]
        [ "$(sed -n 's/^Max core file size *\([^ ]*\) *\([^ ]*\).*/\1 \2/p' "/proc/$pid/limits")" = "0 0" ]
        if [ "$(id -u)" -ne 0 ]; then
            refute cat "/proc/$pid/environ" > /dev/null 2>&1
        fi
    done
}

@test "the issuer can not be dumped while it starts either: its keys are loaded by then" {
    [ -z "${TSA_SANITIZED-}" ] || skip "sanitizers look into the process at its end"
    local dir=$BATS_TEST_TMPDIR/lab pid issuer holder
    cp -r "$LAB" "$dir"
    # Whoever holds the record makes the issuer wait between its keys and its jail.
    flock -F "$dir/ledger/records" sleep 20 3>&- &
    holder=$!
    "$TSA" lab --dir "$dir" --listen 127.0.0.1:0 > /dev/null 2>&1 3>&- &
    pid=$!
    for _ in $(seq 200); do
        issuer=$(pgrep -f '^tsa @issuer' -P $pid || true)
        if [ -n "$issuer" ]; then break; fi
        sleep 0.05
    done
    sleep 1
    [ "$(sed -n 's/^Seccomp:\t//p' "/proc/$issuer/status")" = 0 ]
    [ "$(stat -c %u "/proc/$issuer/mem")" = 0 ]
    [ "$(sed -n 's/^Max core file size *\([^ ]*\) *\([^ ]*\).*/\1 \2/p' "/proc/$issuer/limits")" = "0 0" ]
    kill -TERM $pid $holder
    wait $pid
}

@test "the front holds no file at all, the issuer no network" {
    [ "$(id -u)" -eq 0 ] || skip "only root sees what they hold"
    cd "$BATS_TEST_TMPDIR"
    for role in front issuer clock; do descriptors "$(lab_pid $role)" > $role.fds; done
    refute grep -F "$LAB/" front.fds
    grep -qF "$LAB/ledger" issuer.fds
    refute grep -F tsa.key issuer.fds
    refute grep -F "$LAB/ledger" clock.fds
    refute grep -F tsa.key clock.fds

    # Sockets by inode: listening or connected ones are in the tables of TCP.
    for role in front issuer clock; do sed -n 's/^socket:\[\(.*\)\]$/\1/p' $role.fds > $role.sockets; done
    refute grep -hwf issuer.sockets /proc/net/tcp /proc/net/udp
    refute grep -hwf clock.sockets /proc/net/tcp /proc/net/udp
    grep -hwf front.sockets /proc/net/tcp | grep -q ' 0A '
}

@test "the name of a role stands where ps and top look" {
    for role in front issuer clock; do
        [ "$(field "$(lab_pid $role)" Name)" = "tsa-$role" ]
    done
}

# sweep ROLE: every number of a system call in a child, behind the very list of that role
sweep() {
    [ -z "${TSA_SANITIZED-}" ] || skip "an instrumented build has wider jails"
    "$TSA_TOOLS/jail_sweep" "$1"
}

@test "front: what is on its list lives, every other system call kills" { sweep front; }
@test "issuer: what is on its list lives, every other system call kills" { sweep issuer; }
@test "clock: what is on its list lives, every other system call kills" { sweep clock; }
@test "trial of a reload: what is on its list lives, every other system call kills" { sweep trial; }

@test "a role that is started by hand is refused" {
    run "$TSA" @issuer
    [ "$status" -ne 0 ]
    run "$TSA" @nothing
    [ "$status" -eq 64 ]
    [[ "$output" == *"by tsa itself only"* ]]
}
