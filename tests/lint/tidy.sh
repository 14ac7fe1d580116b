#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tidy.sh FOLDER BUILD [PART]; clang-tidy over every C file below FOLDER/PART (default: all but tests).
# Takes minutes, so it is no part of the normal run: tests/run --tidy. BUILD holds compile_commands.json.
set -eu
root=$(cd "${1:?usage: tidy.sh FOLDER BUILD [PART]}" && pwd)
build=$(cd "${2:?usage: tidy.sh FOLDER BUILD [PART]}" && pwd)
part=${3:-}

tool=$(command -v clang-tidy-14 || command -v clang-tidy) || {
    echo "tidy: no clang-tidy here (conf/install-deps test)"
    exit 1
}
cd "$root"
if [ -n "$part" ]; then set -- "$part"; else set -- tsa tsclient certs; fi
find "$@" -name '*.c' -print0 | xargs -0 -r -n 1 -P "$(nproc)" "$tool" -p "$build" --quiet 2>/dev/null
echo "tidy: clean"
