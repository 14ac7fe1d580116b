#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Where cmake --install puts things: below the prefix; into /etc only for the prefixes of the system, below DESTDIR, and never over a
# configuration that stands there.

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    BUILD=$(dirname "$TSA")
    [ -f "$BUILD/cmake_install.cmake" ] || skip "the program under test stands in no build folder"
}

@test "a prefix of one's own leaves /etc alone and says so" {
    local before after
    before=$(stat -c '%i %Z' /etc/tsa/tsa.conf 2> /dev/null || true)
    run cmake --install "$BUILD" --prefix "$PWD/own"
    [ "$status" -eq 0 ]
    [[ "$output" == *"Left alone: /etc/tsa/tsa.conf"*"$PWD/own/share/tsa/tsa.conf"* ]]
    after=$(stat -c '%i %Z' /etc/tsa/tsa.conf 2> /dev/null || true)
    [ "$before" = "$after" ]
    [ -x own/sbin/tsa ] && [ -x own/bin/tsclient ] && [ -f own/share/tsa/tsa.conf ]
    grep -q "^ExecStart=$PWD/own/sbin/tsa " own/lib/systemd/system/tsa.service
}

@test "the system's prefix, below DESTDIR, gets a configuration once" {
    export DESTDIR=$PWD/root
    cmake --install "$BUILD" --prefix /usr
    cmp root/etc/tsa/tsa.conf root/usr/share/tsa/tsa.conf
    grep -q "^ExecStart=/usr/sbin/tsa " root/usr/lib/systemd/system/tsa.service
    echo "# mine" > root/etc/tsa/tsa.conf
    run cmake --install "$BUILD" --prefix /usr
    [[ "$output" == *"Kept: $DESTDIR/etc/tsa/tsa.conf"* ]]
    [ "$(cat root/etc/tsa/tsa.conf)" = "# mine" ]
}
