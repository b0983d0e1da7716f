#!/bin/busybox sh
# SPDX-License-Identifier: MIT
#
# What a guest of the nested rig can learn from outside itself, over its COM2: this runs in L1 beside
# the guest's QEMU (process $1) and answers one word a line with lines that end at ".":
#   counters   what L1's KVM has counted since the guest began (Linux, Documentation/virt/kvm/
#              api.rst, KVM_GET_STATS_FD; here by debugfs)
#   waited     what L1's scheduler says of the guest's first CPU: for how long it waited for a
#              processor, in ns (Linux, Documentation/scheduler/sched-stats.rst)
#   busy, idle something else wants the processor too, or no longer
#   pause      the guest stood still for a moment: QEMU's monitor, stop and cont
# Only the shell's own commands, as far as possible: a new process takes L1 milliseconds.
export PATH=/bin
qemu=$1
[ -d /sys/kernel/debug/kvm ] || mount -t debugfs debug /sys/kernel/debug

cpu=
find_cpu() {
    [ -n "$cpu" ] && return
    for cpu in /proc/"$qemu"/task/*; do
        read -r name <"$cpu/comm"
        [ "$name" = "CPU 0/KVM" ] && return
    done
    cpu=
}

counters() {
    for counter in exits io_exits mmio_exits halt_exits halt_wakeup hypercalls irq_injections \
        preemption_reported; do
        value=
        read -r value </sys/kernel/debug/kvm/$counter && echo "$counter $value"
    done
    while read -r file _; do
        [ "$file" != Filename ] && echo "swap 1"
    done </proc/swaps
}

waited() {
    find_cpu
    [ -n "$cpu" ] && read -r _ ns _ <"$cpu/schedstat" && echo "waited_ns $ns"
}

burden=
idle() {
    [ -n "$burden" ] && kill "$burden"
    burden=
}

busy() {
    idle
    while :; do :; done &
    burden=$!
}

pause() {
    echo stop >/run/monitor.in
    usleep 200000
    echo cont >/run/monitor.in
    usleep 50000
}

cat /run/monitor.out >/dev/null &
while read -r word; do
    case $word in
    counters | waited | busy | idle | pause) $word ;;
    *) echo "unknown" ;;
    esac
    echo .
done </run/outside.out >/run/outside.in
idle
