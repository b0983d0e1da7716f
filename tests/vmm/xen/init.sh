#!/bin/busybox sh
# SPDX-License-Identifier: MIT
#
# The Xen rig's dom0: starts the toolstack's daemons and serves the jobs, each of which is a domU.
. /bin/jobs
mkdir /dev/pts
mount -t devpts devpts /dev/pts
# libxl opens these; devtmpfs has no such links.
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
mkdir -p /run/xen /run/xenstored
ip link set lo up
load_modules
mount -t xenfs xenfs /proc/xen
grep -q control_d /proc/xen/capabilities || broken "this is no dom0"

# Waits, for ten seconds at most, until a command succeeds.
until_true() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || return 1
        usleep 50000
    done
}

xenstored --pid-file /run/xenstored.pid
until_true xenstore-read -s / || broken "xenstored does not answer"
xen-init-dom0 || broken "xen-init-dom0 failed"
# Its log shows how much it has taken from a guest, which is how domain.sh misses nothing.
mkdir /run/console
xenconsoled --log=guest --log-dir=/run/console --pid-file /run/xenconsoled.pid || broken "xenconsoled does not start"
until_true test -e /run/xenconsoled.pid || broken "xenconsoled is not up"

# Whatever became of a job, nothing of its domain is left when the next one begins.
after_job() {
    for helper in $(cat "/run/$1.helpers"); do
        kill -KILL "$helper"
    done
    for id in $(xenstore-list /local/domain); do
        [ "$id" = 0 ] || xl destroy "$id"
    done
}
serve
