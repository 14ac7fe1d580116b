#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: scripts.sh FOLDER; every file that names its interpreter is executable, and a shell can read it whole.
set -eu
cd "${1:?usage: scripts.sh FOLDER}"
num=0
bad=0

complain() {
    echo "$1"
    bad=$((bad + 1))
}

list=$(mktemp)
trap 'rm -f "$list"' EXIT
find . \( -name .git -o -name build -o -name lab -o -name corpus -o -name vectors \) -prune -o -type f -print >"$list"
while read -r path; do
    IFS= read -r first <"$path" 2>/dev/null || continue
    case $first in
    '#!'*bats) continue ;;
    '#!'*bash) shell=bash ;;
    '#!'*/sh) shell=sh ;;
    '#!'*) shell= ;;
    *) continue ;;
    esac
    num=$((num + 1))
    [ -x "$path" ] || complain "$path: is not executable"
    if [ -n "$shell" ] && ! said=$("$shell" -n "$path" 2>&1); then complain "$path: $said"; fi
done <"$list"
echo "scripts: $num seen, $bad complaints"
[ "$num" -gt 0 ] && [ "$bad" -eq 0 ]
