#!/bin/bash
# Copies the agent's log to a file on a shared volume, and keeps at most one rotated file of the copy.
#
# Other containers write to the volume too, so no name there is trusted: a link in place of the copy would lead to any
# file of this container.  The copy is opened, checked by its descriptor, and only that descriptor is written to.
set -euo pipefail

readonly source=$1 target=$2 limit_in_characters=4194304

refuse() {
    echo "mirror-log: $target $*: the agent's log is not copied" >&2
    exit 1
}

is_ours() { # descriptor 3 is the file with the target's name: regular, no link, without other names
    [ "$(stat -L -c '%d:%i:%h' /proc/self/fd/3)" = "$(stat -c '%d:%i:1' "$target" 2>/dev/null)" ] && [ ! -L "$target" ]
}

open_target() {
    [ ! -L "$target" ] || refuse "is a symbolic link"
    [ ! -e "$target" ] || [ -f "$target" ] || refuse "is not a regular file"
    exec 3>>"$target"
    { [ -f /proc/self/fd/3 ] && is_ours; } || refuse "is not a regular file of its own"
    written=$(stat -L -c %s /proc/self/fd/3)
}

rotate() { # a rename follows no link, and -T replaces one instead of moving into its directory
    if is_ours; then
        mv -T -- "$target" "$target.1" || refuse "cannot be renamed"
    fi
    open_target
}

[ -w "$(dirname "$target")" ] || exit 0 # no such volume is mounted

open_target
# Lines from before this start have already been copied.
tail --lines=0 --follow=name --retry "$source" 2>/dev/null | while IFS= read -r line; do
    printf '%s\n' "$line" >&3
    written=$((written + ${#line} + 1))
    [ "$written" -lt "$limit_in_characters" ] || rotate
done
