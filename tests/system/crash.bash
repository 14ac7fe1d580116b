# SPDX-License-Identifier: Apache-2.0
#
# For tests that kill tsclient or starve it: files to work on, and whether each is the old or the new one afterwards, whole, with mode, owner and
# times; at most the documented temporary file may stay. crash_setup in setup.

# The time and the owner that the files have; only root can give one away.
crash_setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    shopt -s nullglob dotglob
    WORK=$(realpath .)/w
    LOG=$(realpath .)/calls
    mkdir template
    owner=$(id -u):$(id -g)
    if [ "$(id -u)" -eq 0 ]; then owner=12345:23456; fi
    # What a scenario says: the files that are written, and those that must stay as they are.
    targets=() sources=() arguments=()
    stamp=(stamp --ca "$DIR/root.pem" --retry 0 --timeout 30s)
    command=("${stamp[@]}") wants=(--require-timestamp)
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

# is_new FILE: it is a whole new one. A .tsr is judged with the file beside it.
is_new() {
    "$TSCLIENT" verify --ca "$DIR/root.pem" "${wants[@]}" -q "$WORK/$1" > verdict 2>&1 ||
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
    (cd "$WORK" && "$TSCLIENT" "${command[@]}" -q "${arguments[@]}") || { echo "the next run failed"; return 1; }
    check_whole || return 1
    [ "$num_temp" -eq 0 ] || { echo "the next run left a temporary file"; return 1; }
    [ "$num_new" -eq "${#targets[@]}" ] || { echo "the next run did not do all"; return 1; }
}
