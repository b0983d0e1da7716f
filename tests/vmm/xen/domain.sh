#!/bin/busybox sh
# SPDX-License-Identifier: MIT
#
# Runs job N's domU: its console to standard output, its result as exit status (pvrun/jobs.py), and
# in /run/N.why whatever the result does not say.
#
# The guest's result is its SCHEDOP_shutdown reason: poweroff is success, crash is failure. Xen also
# ends a guest by itself (a triple fault is a reset, a fault in PV is a crash) and says so in its
# own log, which is asked, so that such an end is not taken for the guest's word.
#
# xenconsoled holds what the guest prints until the terminal is opened here. Nobody but this script
# may clean up after the domain (xl create -e), so the reason can be read in peace. Each xl takes a
# quarter of a second under emulation; hence the detours to do without.
job=$1
name=job$job
SUCCESS=33
FAILURE=35
RIG_TROUBLE=1
# xenconsoled reads a guest that prints in many small pieces only so often in 200 ms.
DRAIN_MICROSECONDS=250000

give_up() {
    echo "$*" >"/run/$job.why"
    exit $RIG_TROUBLE
}

# The shutdown reason's number; "-" while the domain runs; empty when there is no domain.
reason() {
    xl list -v "$name" 2>/dev/null | awk 'NR == 2 { print $8 }'
}

# Waits, for ten seconds at most, until everything that xenconsoled took from the guest is shown.
await_console() {
    usleep $DRAIN_MICROSECONDS
    tries=0
    taken=-1
    while [ $tries -lt 200 ]; do
        before=$taken
        taken=$(stat -c %s "/run/console/guest-$name.log" || echo 0)
        shown=$(sed -n 's/^wchar: //p' "/proc/$reader/io")
        [ "$taken" = "$before" ] && [ "$taken" = "$shown" ] && return
        tries=$((tries + 1))
        usleep 20000
    done
}

# What Xen's log says first about the end of this domain.
xen_says() {
    xl dmesg | grep -E "(d${id}v[0-9]+|Domain $id ).*(Unhandled|Triple fault|crash)" | head -n 1 \
        | sed 's/^(XEN) *//'
}

# The first event comes at once, one more whenever a domain ends.
mkfifo "/run/$job.events"
xenstore-watch @releaseDomain >"/run/$job.events" &
echo $! >"/run/$job.helpers"
exec 3<"/run/$job.events"
read -r _ <&3

# A configuration that says what becomes of a soft reset wants an xl that stays to do it. It has to
# leave everything else alone (on_poweroff = "preserve" and so on).
leave=-e
grep -q '^on_soft_reset' "/job/$job/config" && leave=

# By dom0's clock, which a Linux has read from Xen.
sed -i "s/wall=now/wall=$(date +%s)/" "/job/$job/config"

# The last line says that it failed, the first one why; all of them are in the guest's log.
xl create -q $leave "/job/$job/config" >"/run/$job.create" 2>&1 || {
    cat "/run/$job.create" "/var/log/xen/qemu-dm-$name.log" 2>/dev/null
    give_up "xl create: $(grep -v '^Parsing' "/run/$job.create" | head -n 1)"
}
id=$(xenstore-list /local/domain | grep -v '^0$')
terminal=$(xenstore-read "/local/domain/$id/console/tty") || give_up "the domain has no console"
# When the domain goes, its terminal hangs up, and cat says so. A soft reset makes another terminal, but
# not another log.
if [ "$leave" ]; then
    cat "$terminal" 2>/dev/null &
else
    tail -n +1 -f "/run/console/guest-$name.log" &
fi
reader=$!
echo $reader >>"/run/$job.helpers"

code=-
while [ "$code" = - ] && read -r _ <&3; do
    code=$(reason)
    [ "$code$leave" = 5 ] && code=-
done
await_console

case $code in
    0) exit $SUCCESS ;;
    1) what="the guest reset without a result" ;;
    2) what="the guest suspended itself" ;;
    3) what="the guest crashed" ;;
    4) what="the guest's watchdog fired" ;;
    "") what="the domain vanished" ;;
    *) what="the guest shut down with the unknown reason $code" ;;
esac
said=$(xen_says)
[ "$code" = 3 ] && [ -z "$said" ] && exit $FAILURE
[ "$leave" ] || cat "/var/log/xen/xl-$name.log"
give_up "$what${said:+; Xen says: $said}"
