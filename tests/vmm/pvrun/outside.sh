#!/bin/busybox sh
# SPDX-License-Identifier: MIT
#
# What a guest of the nested rig can learn from outside itself, over its COM2: this runs in L1 beside
# the guest's QEMU (process $1) and answers one word a line with lines that end at ".":
#   counters   what L1's KVM has counted since the guest began (Linux, Documentation/virt/kvm/
#              api.rst, KVM_GET_STATS_FD; here by debugfs)
#   waited     what L1's scheduler says of the guest's CPUs: for how long each waited for a
#              processor, in ns (Linux, Documentation/scheduler/sched-stats.rst)
#   time       L1's wall clock, in seconds
#   poll       KVM may poll for up to 5 ms when a CPU halts (Linux, Documentation/virt/kvm/
#              halt-polling.rst)
#   busy, idle something else wants the processor too, or no longer
#   pause      the guest stood still for a moment: QEMU's monitor, stop and cont
#   nmi        the guest has an NMI, as by a button: QEMU's monitor, nmi
#   mce        the guest's first CPU has a machine check: QEMU's monitor, mce; uncorrected, in bank 1
#              (Intel SDM vol. 3B, 16.3.2.2: VAL, UC, EN, and a code of no meaning)
# It runs before the guest's CPUs do, or its answers would come late; so does the thread of QEMU's that
# hands them on, since a CPU that waits for one spins. Only the shell's own commands, as far as
# possible: a new process takes L1 milliseconds.
export PATH=/bin
qemu=$1
renice -15 $$
[ -d /sys/kernel/debug/kvm ] || mount -t debugfs debug /sys/kernel/debug

cpus=
find_cpus() {
    [ -n "$cpus" ] && return
    for task in /proc/"$qemu"/task/*; do
        read -r word number <"$task/comm"
        [ "$word" = CPU ] && cpus="$cpus ${number%/KVM}:$task"
    done
}

counters() {
    for counter in exits io_exits halt_exits halt_attempted_poll hypercalls \
        directed_yield_attempted; do
        value=
        read -r value </sys/kernel/debug/kvm/$counter && echo "$counter $value"
    done
    while read -r file _; do
        [ "$file" != Filename ] && echo "swap 1"
    done </proc/swaps
}

waited() {
    find_cpus
    for cpu in $cpus; do
        read -r _ ns _ <"${cpu#*:}/schedstat" && echo "waited_ns ${cpu%%:*} $ns"
    done
}

time() {
    echo "time $(date +%s)"
}

poll() {
    echo 5000000 >/sys/module/kvm/parameters/halt_poll_ns
}

burden=
idle() {
    # Its end is waited for: a signal would cut short the next word that is read.
    [ -n "$burden" ] && kill "$burden" && wait "$burden"
    burden=
}

busy() {
    idle
    while :; do :; done &
    burden=$!
    renice 0 $burden # no more than the guest's CPUs have
}

pause() {
    echo stop >/run/monitor.in
    usleep 200000
    echo cont >/run/monitor.in
    usleep 50000
}

nmi() {
    echo nmi >/run/monitor.in
    usleep 50000
}

mce() {
    echo "mce 0 1 0xb000000000000136 0x5 0 0" >/run/monitor.in
    usleep 50000
}

cat /run/monitor.out >/dev/null &
eager=
while read -r word; do
    # Not before the CPUs' threads are there, which would have that too.
    [ -n "$eager" ] || eager=$(renice -10 "$qemu" && echo yes)
    case $word in
    counters | waited | time | poll | busy | idle | pause | nmi | mce) $word ;;
    *) echo "unknown" ;;
    esac
    echo .
done </run/outside.out >/run/outside.in
idle
