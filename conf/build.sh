# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Sourced by conf/lab-up, tests/run and .ci/run. build_tree NAME TARGETS OPTION... configures build/NAME and
# builds TARGETS there ("all" or names). Quiet: what cmake and ninja say goes to build/NAME.log, of which
# the errors are shown when it fails. Two at a time wait for each other.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { echo "$(basename "$0"): $*" >&2; }

# Errors of compilers, linkers and cmake with the lines that explain them; else the end of the log.
show_build_errors() {
    grep -A 6 -E '(error:|CMake Error|undefined reference|multiple definition|^FAILED:)' "$1" | head -n 60 >&2 ||
        tail -n 30 "$1" >&2
}

build_tree() {
    local name=$1 targets=$2 dir=$top/build/$1 log=$top/build/$1.log
    shift 2
    mkdir -p "$top/build"
    if [ ! -f "$dir/build.ninja" ]; then say "first build into build/$name; this takes a minute"; fi
    if ! (
        flock 9
        cmake -G Ninja -S "$top" -B "$dir" "$@" >"$log" 2>&1 &&
            # shellcheck disable=SC2086
            cmake --build "$dir" --target $targets >>"$log" 2>&1
    ) 9>"$top/build/$name.lock"; then
        show_build_errors "$log"
        say "the build failed; all of its output is in build/$name.log"
        return 1
    fi
}
