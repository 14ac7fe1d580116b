#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: units.sh FOLDER; what systemd thinks of the units, sysusers and tmpfiles: it must say nothing.
# The programs are not installed where a test runs, so /usr/sbin/tsa is replaced by one that is there.
# 77 (skipped) without systemd.
set -eu
root=${1:?usage: units.sh FOLDER}
root=$(cd "$root" && pwd)

command -v systemd-analyze >/dev/null || {
    echo "units: skipped, no systemd here (conf/install-deps test)"
    exit 77
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for unit in "$root"/systemd/*.service "$root"/systemd/*.socket; do
    sed 's#/usr/sbin/tsa#/bin/true#' "$unit" >"$dir/$(basename "$unit")"
done

said=$(cd "$dir" && systemd-analyze verify --man=no --recursive-errors=one ./*.service ./*.socket 2>&1) || {
    echo "$said"
    echo "units: refused"
    exit 1
}
[ -z "$said" ] || {
    echo "$said"
    echo "units: not silent"
    exit 1
}

# An own, empty root: nothing of this machine is read or written.
mkdir -p "$dir/root/etc"
said=$(systemd-sysusers --root="$dir/root" "$root/systemd/tsa.sysusers" 2>&1) || {
    echo "$said"
    echo "sysusers: refused"
    exit 1
}
for name in tsa-front tsa-issuer tsa-clock; do
    grep -q "^$name:" "$dir/root/etc/passwd" || { echo "sysusers: no account $name"; exit 1; }
done
said=$(systemd-tmpfiles --root="$dir/root" --create "$root/systemd/tsa.tmpfiles" 2>&1) || {
    echo "$said"
    echo "tmpfiles: refused"
    exit 1
}
[ -d "$dir/root/var/lib/tsa/ledger" ] || { echo "tmpfiles: no ledger folder"; echo "$said"; exit 1; }
echo "units: accepted"
