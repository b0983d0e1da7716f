#!/bin/busybox sh
# SPDX-License-Identifier: MIT
#
# The nested rig's L1: loads KVM and serves the jobs, each of which is a QEMU.
. /bin/jobs
load_modules
[ -c /dev/kvm ] || broken "no /dev/kvm in L1"
serve
