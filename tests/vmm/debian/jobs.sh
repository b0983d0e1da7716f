# SPDX-License-Identifier: MIT
#
# What the init of every rig's L1 has in common: L1's first and only process sources this, prepares
# its hypervisor, runs the jobs below /job one after the other, and powers off.
#
# The kernel's messages go to COM1, the jobs' consoles to COM2, where the runner reads them. Frames
# that begin with a nonce no guest knows say which job is speaking:
#   @@NONCE ready                    the hypervisor is there
#   @@NONCE begin N                  job N's console follows
#   @@NONCE end N STATUS KILL [WHY]  it ended; KILL is - or timeout (this side's) or asked (the
#                                    runner's); WHY is what the rig itself has to say
#   @@NONCE done                     all jobs ran
#   @@NONCE broken WHY               L1 cannot run jobs
# The runner may write `kill N` to COM2: under instruction counting this side's clock is virtual, so
# only the runner can tell how long a guest has really been running.
export PATH=/bin
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
busybox --install -s /bin
LINE=/dev/ttyS1
stty -F $LINE raw -echo
# The shell's own remarks ("Killed") would look like a guest's; jobs get their stderr back below.
exec </dev/null >$LINE 2>/dev/null

nonce=
for word in $(cat /proc/cmdline); do
    case $word in pvops.nonce=*) nonce=${word#*=} ;; esac
done

frame() {
    echo "@@$nonce $*"
}

leave() {
    poweroff -f
    sleep 1000
}

broken() {
    frame broken "$*"
    leave
}

load_modules() {
    while read -r module; do
        insmod "/lib/modules/$module.ko" || broken "module $module does not load"
    done </lib/modules/order
}

# A rig whose jobs leave something behind defines its own.
after_job() {
    :
}

# A guest may change nothing while it hangs, so the killers act from outside its loop.
kill_job() {
    [ -e "/run/$1.pid" ] || return
    echo "$2" >"/run/$1.killed"
    kill -KILL "$(cat "/run/$1.pid")"
}

obey() {
    while read -r verb job; do
        [ "$verb" = kill ] && kill_job "$job" asked
    done
}

watch_time() {
    trap 'kill $nap; exit' TERM
    sleep "$2" &
    nap=$!
    wait $nap
    kill_job "$1" timeout
}

run_job() {
    job=$1
    sh "/job/$job/run" </dev/null 2>&1 &
    pid=$!
    echo $pid >"/run/$job.pid"
    watch_time "$job" "$(cat "/job/$job/limit")" >/dev/null 2>&1 &
    watcher=$!
    wait $pid
    status=$?
    rm -f "/run/$job.pid"
    kill $watcher
    wait $watcher
    after_job "$job"
    killed=-
    [ -e "/run/$job.killed" ] && killed=$(cat "/run/$job.killed")
    frame end "$job" $status "$killed" "$(cat "/run/$job.why")"
}

serve() {
    obey <$LINE >/dev/null 2>&1 &
    frame ready
    for job in $(cat /job/list); do
        frame begin "$job"
        run_job "$job"
    done
    frame done
    leave
}
