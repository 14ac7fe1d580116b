#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: format.sh FOLDER; every C file is as .clang-format wants it. 77 (skipped) without clang-format.
set -eu
root=${1:?usage: format.sh FOLDER}

tool=$(command -v clang-format-14 || command -v clang-format) || {
    echo "format: skipped, no clang-format here (conf/install-deps test)"
    exit 77
}
cd "$root"
find . \( -name .git -o -name build -o -name lab \) -prune -o -type f -name '*.[ch]' -print0 |
    xargs -0 -r -n 1 sh -c '
        faults=$("$0" --style=file --dry-run -Werror "$1" 2>&1) && exit 0
        num=$(printf "%s\n" "$faults" | grep -c "error:") || true
        printf "%s: %s places differ: %s -i %s\n" "$1" "$num" "$0" "$1"
        exit 1' "$tool" || exit 1
echo "format: clean"
