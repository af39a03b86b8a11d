#!/bin/bash
# Copies the agent's log to a file on a shared volume, and keeps at most one rotated file of the copy.
set -euo pipefail

readonly source=$1 target=$2 limit_in_characters=4194304

[ -w "$(dirname "$target")" ] || exit 0 # no such volume is mounted

written=$(stat -c %s "$target" 2>/dev/null || echo 0)
# Lines from before this start have already been copied.
tail --lines=0 --follow=name --retry "$source" 2>/dev/null | while IFS= read -r line; do
    printf '%s\n' "$line" >>"$target"
    written=$((written + ${#line} + 1))
    if [ "$written" -ge "$limit_in_characters" ]; then
        mv "$target" "$target.1"
        written=0
    fi
done
