# Runs a command and ends with it. With `attached`, ends the command when standard input closes, which it does when the
# parent dies in any way. Prints the command's process id; the command's own output goes to standard error.
#
# guard.sh attached|detached SIGNAL GRACE_SECONDS REMOVE_DIR_OR_EMPTY COMMAND...
mode=$1 signal=$2 grace=$3 remove=$4
shift 4
unset GUARD
# The closing of a terminal is the parent's business: it stops its children in order.
trap '' HUP
exec 3<&0 </dev/null
"$@" >&2 3<&- &
command=$!
echo "$command"
exec >&2
[ "$mode" = detached ] && exit 0

(
    read -r _ <&3
    # From here on the main shell waits for us instead of ending us.
    trap '' TERM
    kill -s "$signal" "$command" 2>/dev/null
    kill -s CONT "$command" 2>/dev/null
    turns=$((grace * 10))
    while [ "$turns" -gt 0 ] && kill -0 "$command" 2>/dev/null; do
        sleep 0.1
        turns=$((turns - 1))
    done
    kill -s KILL "$command" 2>/dev/null
    exit 0
) &
watcher=$!

wait "$command"
code=$?
kill -s TERM "$watcher" 2>/dev/null
if wait "$watcher" 2>/dev/null && [ -n "$remove" ]; then
    rm -rf -- "$remove"
fi
exit "$code"
