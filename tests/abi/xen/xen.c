/* SPDX-License-Identifier: MIT */
/*
 * The structures and numbers of backends/xen/abi and of Xen's doors against the headers of
 * libxen-dev. That this compiles is the test. Structures that were renamed are compared member by
 * member.
 */
#define __XEN_INTERFACE_VERSION__ 0x00040e00
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <xen/xen.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/callback.h>
#include <xen/elfnote.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/hvm_vcpu.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include "backends/xen/abi/console.h"
#include "backends/xen/abi/cpuid.h"
#include "backends/xen/abi/event_channel.h"
#include "backends/xen/abi/hvm.h"
#include "backends/xen/abi/hvm_vcpu.h"
#include "backends/xen/abi/hypercall.h"
#include "backends/xen/abi/memory.h"
#include "backends/xen/abi/physdev.h"
#include "backends/xen/abi/pv.h"
#include "backends/xen/abi/pv_vcpu.h"
#include "backends/xen/abi/sched.h"
#include "backends/xen/abi/shared_info.h"
#include "backends/xen/abi/vcpu.h"
#include "backends/xen/abi/version.h"
#include "backends/xen/abi/vm_assist.h"
#include "lib/boot/xen_pv.h"
#include "lib/doors/xen_notes.h"

#define SAME(ours, theirs)      _Static_assert((ours) == (theirs), #ours " is " #theirs)
#define SAME_SIZE(ours, theirs) SAME(sizeof(struct ours), sizeof(struct theirs))
#define SAME_MEMBER(ours, member, theirs, other)                         \
    SAME(offsetof(struct ours, member), offsetof(struct theirs, other)); \
    SAME(sizeof(((struct ours *)0)->member), sizeof(((struct theirs *)0)->other))

/* hypercall.h */
SAME(PV_XEN_HC_MEMORY_OP, __HYPERVISOR_memory_op);
SAME(PV_XEN_HC_XEN_VERSION, __HYPERVISOR_xen_version);
SAME(PV_XEN_HC_CONSOLE_IO, __HYPERVISOR_console_io);
SAME(PV_XEN_HC_VCPU_OP, __HYPERVISOR_vcpu_op);
SAME(PV_XEN_HC_SCHED_OP, __HYPERVISOR_sched_op);
SAME(PV_XEN_HC_EVENT_CHANNEL_OP, __HYPERVISOR_event_channel_op);
SAME(PV_XEN_HC_HVM_OP, __HYPERVISOR_hvm_op);
SAME(PV_XEN_DOMID_SELF, DOMID_SELF);
SAME(PV_XEN_EPERM, -XEN_EPERM);
SAME(PV_XEN_ENOSYS, -XEN_ENOSYS);

/* pv.h */
SAME(PV_XEN_HC_SET_TRAP_TABLE, __HYPERVISOR_set_trap_table);
SAME(PV_XEN_HC_MMU_UPDATE, __HYPERVISOR_mmu_update);
SAME(PV_XEN_HC_SET_GDT, __HYPERVISOR_set_gdt);
SAME(PV_XEN_HC_STACK_SWITCH, __HYPERVISOR_stack_switch);
SAME(PV_XEN_HC_FPU_TASKSWITCH, __HYPERVISOR_fpu_taskswitch);
SAME(PV_XEN_HC_UPDATE_DESCRIPTOR, __HYPERVISOR_update_descriptor);
SAME(PV_XEN_HC_UPDATE_VA_MAPPING, __HYPERVISOR_update_va_mapping);
SAME(PV_XEN_HC_MULTICALL, __HYPERVISOR_multicall);
SAME_SIZE(pv_xen_multicall, multicall_entry);
SAME_MEMBER(pv_xen_multicall, number, multicall_entry, op);
SAME_MEMBER(pv_xen_multicall, result, multicall_entry, result);
SAME_MEMBER(pv_xen_multicall, arguments, multicall_entry, args);
SAME(PV_XEN_HC_IRET, __HYPERVISOR_iret);
SAME(PV_XEN_HC_SET_SEGMENT_BASE, __HYPERVISOR_set_segment_base);
SAME(PV_XEN_HC_MMUEXT_OP, __HYPERVISOR_mmuext_op);
SAME(PV_XEN_HC_CALLBACK_OP, __HYPERVISOR_callback_op);
SAME(PV_XEN_HC_PHYSDEV_OP, __HYPERVISOR_physdev_op);
SAME(PV_XEN_FLAT_CS, FLAT_KERNEL_CS);
SAME(PV_XEN_FLAT_CS, FLAT_USER_CS);
SAME(PV_XEN_FLAT_SS, FLAT_KERNEL_SS);
SAME(PV_XEN_FLAT_SS, FLAT_USER_SS);
SAME(PV_XEN_VIRT_START, HYPERVISOR_VIRT_START);
SAME(PV_XEN_VIRT_END, HYPERVISOR_VIRT_END);
SAME(PV_XEN_SEGBASE_FS, SEGBASE_FS);
SAME(PV_MMU_NORMAL, MMU_NORMAL_PT_UPDATE);
SAME(PV_MMU_PRESERVE_AD, MMU_PT_UPDATE_PRESERVE_AD);
SAME_SIZE(pv_xen_mmu_update, mmu_update);
SAME_MEMBER(pv_xen_mmu_update, where, mmu_update, ptr);
SAME_MEMBER(pv_xen_mmu_update, value, mmu_update, val);
SAME(PV_MMUEXT_PIN_L4_TABLE, MMUEXT_PIN_L4_TABLE);
SAME(PV_MMUEXT_UNPIN_TABLE, MMUEXT_UNPIN_TABLE);
SAME(PV_MMUEXT_NEW_BASEPTR, MMUEXT_NEW_BASEPTR);
SAME(PV_MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_TLB_FLUSH_LOCAL);
SAME(PV_MMUEXT_INVLPG_LOCAL, MMUEXT_INVLPG_LOCAL);
SAME(PV_MMUEXT_TLB_FLUSH_MULTI, MMUEXT_TLB_FLUSH_MULTI);
SAME(PV_MMUEXT_INVLPG_MULTI, MMUEXT_INVLPG_MULTI);
SAME(PV_XEN_SEGBASE_GS_KERNEL, SEGBASE_GS_KERNEL);
SAME(PV_MMUEXT_TLB_FLUSH_ALL, MMUEXT_TLB_FLUSH_ALL);
SAME(PV_MMUEXT_INVLPG_ALL, MMUEXT_INVLPG_ALL);
SAME(PV_MMUEXT_SET_LDT, MMUEXT_SET_LDT);
SAME(PV_MMUEXT_NEW_USER_BASEPTR, MMUEXT_NEW_USER_BASEPTR);
SAME_SIZE(pv_xen_mmuext, mmuext_op);
SAME_MEMBER(pv_xen_mmuext, command, mmuext_op, cmd);
SAME_MEMBER(pv_xen_mmuext, argument, mmuext_op, arg1.mfn);
SAME_MEMBER(pv_xen_mmuext, argument2, mmuext_op, arg2.src_mfn);
SAME(PV_UVMF_INVLPG_ALL, UVMF_INVLPG | UVMF_ALL);
SAME_SIZE(pv_xen_trap, trap_info);
SAME_MEMBER(pv_xen_trap, vector, trap_info, vector);
SAME_MEMBER(pv_xen_trap, flags, trap_info, flags);
SAME_MEMBER(pv_xen_trap, cs, trap_info, cs);
SAME_MEMBER(pv_xen_trap, address, trap_info, address);
SAME(PV_CALLBACKOP_REGISTER, CALLBACKOP_register);
SAME(PV_CALLBACKTYPE_EVENT, CALLBACKTYPE_event);
SAME(PV_CALLBACKTYPE_FAILSAFE, CALLBACKTYPE_failsafe);
SAME(PV_CALLBACKTYPE_SYSCALL, CALLBACKTYPE_syscall);
SAME(PV_CALLBACKTYPE_NMI, CALLBACKTYPE_nmi);
SAME(PV_CALLBACKF_MASK_EVENTS, CALLBACKF_mask_events);
SAME_SIZE(pv_xen_callback, callback_register);
SAME_MEMBER(pv_xen_callback, type, callback_register, type);
SAME_MEMBER(pv_xen_callback, flags, callback_register, flags);
SAME_MEMBER(pv_xen_callback, address, callback_register, address);
SAME(PV_PHYSDEVOP_SET_IOPL, PHYSDEVOP_set_iopl);
SAME_SIZE(pv_xen_iopl, physdev_set_iopl);
SAME(PV_VCPUOP_REGISTER_VCPU_INFO, VCPUOP_register_vcpu_info);
SAME_SIZE(pv_xen_register_vcpu_info, vcpu_register_vcpu_info);
SAME_MEMBER(pv_xen_register_vcpu_info, frame, vcpu_register_vcpu_info, mfn);
SAME_MEMBER(pv_xen_register_vcpu_info, offset, vcpu_register_vcpu_info, offset);
SAME(PV_XENMEM_MACHPHYS_MAPPING, XENMEM_machphys_mapping);
SAME_SIZE(pv_xen_machphys, xen_machphys_mapping);
SAME_MEMBER(pv_xen_machphys, start, xen_machphys_mapping, v_start);
SAME_MEMBER(pv_xen_machphys, end, xen_machphys_mapping, v_end);
SAME_MEMBER(pv_xen_machphys, max_frame, xen_machphys_mapping, max_mfn);
SAME(PV_EVTCHNOP_BIND_IPI, EVTCHNOP_bind_ipi);
SAME_SIZE(pv_evtchn_bind_ipi, evtchn_bind_ipi);
SAME_MEMBER(pv_evtchn_bind_ipi, port, evtchn_bind_ipi, port);

/* lib/boot/xen_pv.h; the command line follows ours, and is part of theirs */
SAME(sizeof(struct pv_xen_start_info), offsetof(struct start_info, cmd_line));
SAME(PV_XEN_START_CMDLINE_BYTES, MAX_GUEST_CMDLINE);
SAME(PV_XEN_START_CMDLINE_BYTES, sizeof(((struct start_info *)0)->cmd_line));
SAME_MEMBER(pv_xen_start_info, magic, start_info, magic);
SAME_MEMBER(pv_xen_start_info, nr_pages, start_info, nr_pages);
SAME_MEMBER(pv_xen_start_info, shared_info, start_info, shared_info);
SAME_MEMBER(pv_xen_start_info, flags, start_info, flags);
SAME_MEMBER(pv_xen_start_info, store_mfn, start_info, store_mfn);
SAME_MEMBER(pv_xen_start_info, store_evtchn, start_info, store_evtchn);
SAME_MEMBER(pv_xen_start_info, console_mfn, start_info, console.domU.mfn);
SAME_MEMBER(pv_xen_start_info, console_evtchn, start_info, console.domU.evtchn);
SAME_MEMBER(pv_xen_start_info, pt_base, start_info, pt_base);
SAME_MEMBER(pv_xen_start_info, nr_pt_frames, start_info, nr_pt_frames);
SAME_MEMBER(pv_xen_start_info, mfn_list, start_info, mfn_list);
SAME_MEMBER(pv_xen_start_info, mod_start, start_info, mod_start);
SAME_MEMBER(pv_xen_start_info, mod_len, start_info, mod_len);
SAME(PV_XEN_START_INITIAL_DOMAIN, SIF_INITDOMAIN);
SAME(PV_XEN_START_MODULE_IS_LIST, SIF_MULTIBOOT_MOD);
SAME(PV_XEN_START_MODULE_IS_FRAME, SIF_MOD_START_PFN);

/* lib/doors/xen_notes.h */
SAME(PV_XEN_NOTE_ENTRY, XEN_ELFNOTE_ENTRY);
SAME(PV_XEN_NOTE_VIRT_BASE, XEN_ELFNOTE_VIRT_BASE);
SAME(PV_XEN_NOTE_PADDR_OFFSET, XEN_ELFNOTE_PADDR_OFFSET);
SAME(PV_XEN_NOTE_XEN_VERSION, XEN_ELFNOTE_XEN_VERSION);
SAME(PV_XEN_NOTE_GUEST_OS, XEN_ELFNOTE_GUEST_OS);
SAME(PV_XEN_NOTE_GUEST_VERSION, XEN_ELFNOTE_GUEST_VERSION);
SAME(PV_XEN_NOTE_LOADER, XEN_ELFNOTE_LOADER);
SAME(PV_XEN_NOTE_PHYS32_ENTRY, XEN_ELFNOTE_PHYS32_ENTRY);

/* pv_vcpu.h */
SAME(PV_VCPUOP_SEND_NMI, VCPUOP_send_nmi);
SAME(PV_VGCF_IN_KERNEL, VGCF_in_kernel);
SAME_SIZE(pv_xen_user_regs, cpu_user_regs);
SAME_MEMBER(pv_xen_user_regs, rip, cpu_user_regs, rip);
SAME_MEMBER(pv_xen_user_regs, cs, cpu_user_regs, cs);
SAME_MEMBER(pv_xen_user_regs, rsp, cpu_user_regs, rsp);
SAME(offsetof(struct pv_xen_user_regs, ss), offsetof(struct cpu_user_regs, ss));
SAME_SIZE(pv_xen_vcpu_context, vcpu_guest_context);
SAME_MEMBER(pv_xen_vcpu_context, flags, vcpu_guest_context, flags);
SAME_MEMBER(pv_xen_vcpu_context, regs, vcpu_guest_context, user_regs);
SAME_MEMBER(pv_xen_vcpu_context, traps, vcpu_guest_context, trap_ctxt);
SAME_MEMBER(pv_xen_vcpu_context, gdt_frames, vcpu_guest_context, gdt_frames);
SAME_MEMBER(pv_xen_vcpu_context, kernel_sp, vcpu_guest_context, kernel_sp);
SAME_MEMBER(pv_xen_vcpu_context, control, vcpu_guest_context, ctrlreg);
SAME_MEMBER(pv_xen_vcpu_context, event_entry, vcpu_guest_context, event_callback_eip);
SAME_MEMBER(pv_xen_vcpu_context, gs_base_kernel, vcpu_guest_context, gs_base_kernel);

/* hvm_vcpu.h */
SAME(PV_VCPU_HVM_MODE_64B, VCPU_HVM_MODE_64B);
SAME_SIZE(pv_xen_hvm_context, vcpu_hvm_context);
SAME_MEMBER(pv_xen_hvm_context, mode, vcpu_hvm_context, mode);
SAME_MEMBER(pv_xen_hvm_context, zero, vcpu_hvm_context, pad);
SAME_MEMBER(pv_xen_hvm_context, rax, vcpu_hvm_context, cpu_regs.x86_64.rax);
SAME_MEMBER(pv_xen_hvm_context, rdi, vcpu_hvm_context, cpu_regs.x86_64.rdi);
SAME_MEMBER(pv_xen_hvm_context, rsp, vcpu_hvm_context, cpu_regs.x86_64.rsp);
SAME_MEMBER(pv_xen_hvm_context, rip, vcpu_hvm_context, cpu_regs.x86_64.rip);
SAME_MEMBER(pv_xen_hvm_context, rflags, vcpu_hvm_context, cpu_regs.x86_64.rflags);
SAME_MEMBER(pv_xen_hvm_context, cr0, vcpu_hvm_context, cpu_regs.x86_64.cr0);
SAME_MEMBER(pv_xen_hvm_context, cr3, vcpu_hvm_context, cpu_regs.x86_64.cr3);
SAME_MEMBER(pv_xen_hvm_context, cr4, vcpu_hvm_context, cpu_regs.x86_64.cr4);
SAME_MEMBER(pv_xen_hvm_context, efer, vcpu_hvm_context, cpu_regs.x86_64.efer);

/* physdev.h */
SAME(PV_PHYSDEVOP_IRQ_STATUS_QUERY, PHYSDEVOP_irq_status_query);
SAME(PV_PHYSDEVOP_EOI, PHYSDEVOP_eoi);
SAME(PV_PHYSDEVOP_MAP_PIRQ, PHYSDEVOP_map_pirq);
SAME(PV_PHYSDEVOP_UNMAP_PIRQ, PHYSDEVOP_unmap_pirq);
SAME(PV_PHYSDEVOP_SETUP_GSI, PHYSDEVOP_setup_gsi);
SAME(PV_PHYSDEVOP_PCI_DEVICE_ADD, PHYSDEVOP_pci_device_add);
SAME(PV_XENIRQSTAT_NEEDS_EOI, XENIRQSTAT_needs_eoi);
SAME(PV_MAP_PIRQ_TYPE_GSI, MAP_PIRQ_TYPE_GSI);
SAME(PV_MAP_PIRQ_TYPE_MSI_SEG, MAP_PIRQ_TYPE_MSI_SEG);
SAME_SIZE(pv_xen_irq_status, physdev_irq_status_query);
SAME_MEMBER(pv_xen_irq_status, flags, physdev_irq_status_query, flags);
SAME_SIZE(pv_xen_pirq_eoi, physdev_eoi);
SAME_SIZE(pv_xen_map_pirq, physdev_map_pirq);
SAME_MEMBER(pv_xen_map_pirq, domain, physdev_map_pirq, domid);
SAME_MEMBER(pv_xen_map_pirq, type, physdev_map_pirq, type);
SAME_MEMBER(pv_xen_map_pirq, index, physdev_map_pirq, index);
SAME_MEMBER(pv_xen_map_pirq, pirq, physdev_map_pirq, pirq);
SAME_MEMBER(pv_xen_map_pirq, bus, physdev_map_pirq, bus);
SAME_MEMBER(pv_xen_map_pirq, devfn, physdev_map_pirq, devfn);
SAME_MEMBER(pv_xen_map_pirq, entry, physdev_map_pirq, entry_nr);
SAME_MEMBER(pv_xen_map_pirq, table_base, physdev_map_pirq, table_base);
SAME_SIZE(pv_xen_unmap_pirq, physdev_unmap_pirq);
SAME_MEMBER(pv_xen_unmap_pirq, pirq, physdev_unmap_pirq, pirq);
SAME_SIZE(pv_xen_setup_gsi, physdev_setup_gsi);
SAME_MEMBER(pv_xen_setup_gsi, is_level, physdev_setup_gsi, triggering);
SAME_MEMBER(pv_xen_setup_gsi, is_active_low, physdev_setup_gsi, polarity);
SAME_MEMBER(pv_xen_pci_device, segment, physdev_pci_device_add, seg);
SAME_MEMBER(pv_xen_pci_device, bus, physdev_pci_device_add, bus);
SAME_MEMBER(pv_xen_pci_device, devfn, physdev_pci_device_add, devfn);
SAME_MEMBER(pv_xen_pci_device, flags, physdev_pci_device_add, flags);

/* version.h */
SAME(PV_XENVER_VERSION, XENVER_version);
SAME(PV_XENVER_GET_FEATURES, XENVER_get_features);
SAME(PV_XENFEAT_HVM_CALLBACK_VECTOR, XENFEAT_hvm_callback_vector);
SAME(PV_XENFEAT_HVM_SAFE_PVCLOCK, XENFEAT_hvm_safe_pvclock);
SAME(PV_XENFEAT_DOM0, XENFEAT_dom0);
SAME_SIZE(pv_xen_feature_info, xen_feature_info);
SAME_MEMBER(pv_xen_feature_info, submap_index, xen_feature_info, submap_idx);
SAME_MEMBER(pv_xen_feature_info, submap, xen_feature_info, submap);

/* shared_info.h; Xen may make the page's structure longer at any time */
SAME(PV_XEN_SHARED_VCPUS, XEN_LEGACY_MAX_VCPUS);
SAME(PV_XEN_EVENT_PORTS, EVTCHN_2L_NR_CHANNELS);
SAME_SIZE(pv_xen_vcpu_info, vcpu_info);
SAME_MEMBER(pv_xen_vcpu_info, upcall_pending, vcpu_info, evtchn_upcall_pending);
SAME_MEMBER(pv_xen_vcpu_info, upcall_mask, vcpu_info, evtchn_upcall_mask);
SAME_MEMBER(pv_xen_vcpu_info, pending_selector, vcpu_info, evtchn_pending_sel);
SAME_MEMBER(pv_xen_vcpu_info, arch_cr2, vcpu_info, arch.cr2);
SAME_MEMBER(pv_xen_vcpu_info, time, vcpu_info, time);
SAME_SIZE(pv_pvclock_record, vcpu_time_info);
SAME_MEMBER(pv_pvclock_record, version, vcpu_time_info, version);
SAME_MEMBER(pv_pvclock_record, tsc_timestamp, vcpu_time_info, tsc_timestamp);
SAME_MEMBER(pv_pvclock_record, system_time, vcpu_time_info, system_time);
SAME_MEMBER(pv_pvclock_record, tsc_to_system_mul, vcpu_time_info, tsc_to_system_mul);
SAME_MEMBER(pv_pvclock_record, tsc_shift, vcpu_time_info, tsc_shift);
SAME_MEMBER(pv_pvclock_record, flags, vcpu_time_info, flags);
SAME(PV_PVCLOCK_STABLE, XEN_PVCLOCK_TSC_STABLE_BIT);
SAME(PV_PVCLOCK_STOPPED, XEN_PVCLOCK_GUEST_STOPPED);
SAME_MEMBER(pv_xen_shared_info, vcpu, shared_info, vcpu_info);
SAME_MEMBER(pv_xen_shared_info, pending, shared_info, evtchn_pending);
SAME_MEMBER(pv_xen_shared_info, mask, shared_info, evtchn_mask);
SAME_MEMBER(pv_xen_shared_info, wall.version, shared_info, wc_version);
SAME_MEMBER(pv_xen_shared_info, wall.sec, shared_info, wc_sec);
SAME_MEMBER(pv_xen_shared_info, wall.nsec, shared_info, wc_nsec);
SAME_MEMBER(pv_xen_shared_info, wall_sec_high, shared_info, wc_sec_hi);

/* event_channel.h */
SAME(PV_EVTCHNOP_BIND_INTERDOMAIN, EVTCHNOP_bind_interdomain);
SAME(PV_EVTCHNOP_BIND_VIRQ, EVTCHNOP_bind_virq);
SAME(PV_EVTCHNOP_BIND_PIRQ, EVTCHNOP_bind_pirq);
SAME(PV_EVTCHNOP_CLOSE, EVTCHNOP_close);
SAME(PV_EVTCHNOP_SEND, EVTCHNOP_send);
SAME(PV_EVTCHNOP_STATUS, EVTCHNOP_status);
SAME(PV_EVTCHNSTAT_CLOSED, EVTCHNSTAT_closed);
SAME(PV_EVTCHNSTAT_INTERDOMAIN, EVTCHNSTAT_interdomain);
SAME(PV_EVTCHNSTAT_IPI, EVTCHNSTAT_ipi);
SAME_SIZE(pv_evtchn_status, evtchn_status);
SAME_MEMBER(pv_evtchn_status, port, evtchn_status, port);
SAME_MEMBER(pv_evtchn_status, status, evtchn_status, status);
SAME_MEMBER(pv_evtchn_status, remote_domain, evtchn_status, u.interdomain.dom);
SAME_MEMBER(pv_evtchn_status, remote_port, evtchn_status, u.interdomain.port);
SAME(PV_EVTCHNOP_ALLOC_UNBOUND, EVTCHNOP_alloc_unbound);
SAME(PV_EVTCHNOP_BIND_VCPU, EVTCHNOP_bind_vcpu);
SAME(PV_EVTCHNOP_UNMASK, EVTCHNOP_unmask);
SAME(PV_EVTCHNOP_RESET, EVTCHNOP_reset);
SAME(PV_EVTCHNOP_INIT_CONTROL, EVTCHNOP_init_control);
SAME(PV_EVTCHNOP_EXPAND_ARRAY, EVTCHNOP_expand_array);
SAME(PV_EVTCHNOP_SET_PRIORITY, EVTCHNOP_set_priority);
SAME(PV_VIRQ_TIMER, VIRQ_TIMER);
SAME_SIZE(pv_evtchn_bind_interdomain, evtchn_bind_interdomain);
SAME_MEMBER(pv_evtchn_bind_interdomain, remote_domain, evtchn_bind_interdomain, remote_dom);
SAME_MEMBER(pv_evtchn_bind_interdomain, remote_port, evtchn_bind_interdomain, remote_port);
SAME_MEMBER(pv_evtchn_bind_interdomain, port, evtchn_bind_interdomain, local_port);
SAME_SIZE(pv_evtchn_bind_virq, evtchn_bind_virq);
SAME_MEMBER(pv_evtchn_bind_virq, virq, evtchn_bind_virq, virq);
SAME_MEMBER(pv_evtchn_bind_virq, vcpu, evtchn_bind_virq, vcpu);
SAME_MEMBER(pv_evtchn_bind_virq, port, evtchn_bind_virq, port);
SAME_SIZE(pv_evtchn_bind_pirq, evtchn_bind_pirq);
SAME_MEMBER(pv_evtchn_bind_pirq, pirq, evtchn_bind_pirq, pirq);
SAME_MEMBER(pv_evtchn_bind_pirq, flags, evtchn_bind_pirq, flags);
SAME_MEMBER(pv_evtchn_bind_pirq, port, evtchn_bind_pirq, port);
SAME(PV_BIND_PIRQ_SHARE, BIND_PIRQ__WILL_SHARE);
SAME_SIZE(pv_evtchn_alloc_unbound, evtchn_alloc_unbound);
SAME_MEMBER(pv_evtchn_alloc_unbound, domain, evtchn_alloc_unbound, dom);
SAME_MEMBER(pv_evtchn_alloc_unbound, remote_domain, evtchn_alloc_unbound, remote_dom);
SAME_MEMBER(pv_evtchn_alloc_unbound, port, evtchn_alloc_unbound, port);
SAME_SIZE(pv_evtchn_bind_vcpu, evtchn_bind_vcpu);
SAME_MEMBER(pv_evtchn_bind_vcpu, port, evtchn_bind_vcpu, port);
SAME_MEMBER(pv_evtchn_bind_vcpu, vcpu, evtchn_bind_vcpu, vcpu);
SAME_SIZE(pv_evtchn_port, evtchn_close);
SAME_SIZE(pv_evtchn_port, evtchn_send);
SAME_SIZE(pv_evtchn_port, evtchn_unmask);
SAME_MEMBER(pv_evtchn_port, port, evtchn_close, port);
SAME_MEMBER(pv_evtchn_port, port, evtchn_send, port);
SAME_MEMBER(pv_evtchn_port, port, evtchn_unmask, port);
SAME_SIZE(pv_evtchn_reset, evtchn_reset);
SAME_MEMBER(pv_evtchn_reset, domain, evtchn_reset, dom);
SAME_SIZE(pv_evtchn_init_control, evtchn_init_control);
SAME_MEMBER(pv_evtchn_init_control, frame, evtchn_init_control, control_gfn);
SAME_MEMBER(pv_evtchn_init_control, offset, evtchn_init_control, offset);
SAME_MEMBER(pv_evtchn_init_control, vcpu, evtchn_init_control, vcpu);
SAME_MEMBER(pv_evtchn_init_control, link_bits, evtchn_init_control, link_bits);
SAME_SIZE(pv_evtchn_expand_array, evtchn_expand_array);
SAME_MEMBER(pv_evtchn_expand_array, frame, evtchn_expand_array, array_gfn);
SAME_SIZE(pv_evtchn_set_priority, evtchn_set_priority);
SAME_MEMBER(pv_evtchn_set_priority, port, evtchn_set_priority, port);
SAME_MEMBER(pv_evtchn_set_priority, priority, evtchn_set_priority, priority);
SAME(PV_EVENT_PENDING, 1u << EVTCHN_FIFO_PENDING);
SAME(PV_EVENT_MASKED, 1u << EVTCHN_FIFO_MASKED);
SAME(PV_EVENT_LINKED, 1u << EVTCHN_FIFO_LINKED);
SAME(PV_EVENT_BUSY, 1u << EVTCHN_FIFO_BUSY);
SAME(PV_EVENT_LINK_BITS, EVTCHN_FIFO_LINK_BITS);
SAME(PV_EVENT_LINK, EVTCHN_FIFO_LINK_MASK);
SAME(PV_EVENT_QUEUES, EVTCHN_FIFO_MAX_QUEUES);
SAME(PV_EVENT_PRIORITY_DEFAULT, EVTCHN_FIFO_PRIORITY_DEFAULT);
SAME_SIZE(pv_xen_control_block, evtchn_fifo_control_block);
SAME_MEMBER(pv_xen_control_block, ready, evtchn_fifo_control_block, ready);
SAME_MEMBER(pv_xen_control_block, head, evtchn_fifo_control_block, head);

/* memory.h */
SAME(PV_XENMEM_POPULATE_PHYSMAP, XENMEM_populate_physmap);
SAME(PV_XENMEM_INCREASE_RESERVATION, XENMEM_increase_reservation);
SAME(PV_XENMEM_DECREASE_RESERVATION, XENMEM_decrease_reservation);
SAME(PV_XENMEM_CURRENT_RESERVATION, XENMEM_current_reservation);
SAME(PV_XENMEM_MAXIMUM_RESERVATION, XENMEM_maximum_reservation);
SAME(sizeof(uint16_t), sizeof(domid_t));
SAME(PV_XENMEM_ADD_TO_PHYSMAP, XENMEM_add_to_physmap);
SAME(PV_XENMEM_MEMORY_MAP, XENMEM_memory_map);
SAME(PV_XENMEM_MACHINE_MEMORY_MAP, XENMEM_machine_memory_map);
SAME(PV_XENMEM_REMOVE_FROM_PHYSMAP, XENMEM_remove_from_physmap);
SAME(PV_XENMAPSPACE_SHARED_INFO, XENMAPSPACE_shared_info);
SAME_SIZE(pv_xen_memory_reservation, xen_memory_reservation);
SAME_MEMBER(pv_xen_memory_reservation, extents, xen_memory_reservation, extent_start);
SAME_MEMBER(pv_xen_memory_reservation, count, xen_memory_reservation, nr_extents);
SAME_MEMBER(pv_xen_memory_reservation, order, xen_memory_reservation, extent_order);
SAME_MEMBER(pv_xen_memory_reservation, flags, xen_memory_reservation, mem_flags);
SAME_MEMBER(pv_xen_memory_reservation, domain, xen_memory_reservation, domid);
SAME_SIZE(pv_xen_add_to_physmap, xen_add_to_physmap);
SAME_MEMBER(pv_xen_add_to_physmap, domain, xen_add_to_physmap, domid);
SAME_MEMBER(pv_xen_add_to_physmap, size, xen_add_to_physmap, size);
SAME_MEMBER(pv_xen_add_to_physmap, space, xen_add_to_physmap, space);
SAME_MEMBER(pv_xen_add_to_physmap, index, xen_add_to_physmap, idx);
SAME_MEMBER(pv_xen_add_to_physmap, frame, xen_add_to_physmap, gpfn);
SAME_SIZE(pv_xen_remove_from_physmap, xen_remove_from_physmap);
SAME_MEMBER(pv_xen_remove_from_physmap, domain, xen_remove_from_physmap, domid);
SAME_MEMBER(pv_xen_remove_from_physmap, frame, xen_remove_from_physmap, gpfn);
SAME_SIZE(pv_xen_memory_map, xen_memory_map);
SAME_MEMBER(pv_xen_memory_map, count, xen_memory_map, nr_entries);
SAME_MEMBER(pv_xen_memory_map, entries, xen_memory_map, buffer);
/* The entries have no structure in the headers: "the same format as ... INT 0x15 EAX=0xE820". */
SAME(sizeof(struct pv_xen_memory_map_entry), 20);

/* vcpu.h */
SAME(PV_VCPUOP_INITIALISE, VCPUOP_initialise);
SAME(PV_VCPUOP_UP, VCPUOP_up);
SAME(PV_VCPUOP_DOWN, VCPUOP_down);
SAME(PV_VCPUOP_IS_UP, VCPUOP_is_up);
SAME(PV_VCPUOP_GET_RUNSTATE_INFO, VCPUOP_get_runstate_info);
SAME(PV_VCPUOP_STOP_PERIODIC_TIMER, VCPUOP_stop_periodic_timer);
SAME(PV_VCPUOP_SET_SINGLESHOT_TIMER, VCPUOP_set_singleshot_timer);
SAME(PV_VCPUOP_STOP_SINGLESHOT_TIMER, VCPUOP_stop_singleshot_timer);
SAME_SIZE(pv_xen_singleshot, vcpu_set_singleshot_timer);
SAME_MEMBER(pv_xen_singleshot, timeout_ns, vcpu_set_singleshot_timer, timeout_abs_ns);
SAME_MEMBER(pv_xen_singleshot, flags, vcpu_set_singleshot_timer, flags);
SAME(PV_RUNSTATE_RUNNING, RUNSTATE_running);
SAME(PV_RUNSTATE_RUNNABLE, RUNSTATE_runnable);
SAME(PV_RUNSTATE_BLOCKED, RUNSTATE_blocked);
SAME(PV_RUNSTATE_OFFLINE, RUNSTATE_offline);
SAME_SIZE(pv_xen_runstate, vcpu_runstate_info);
SAME_MEMBER(pv_xen_runstate, state, vcpu_runstate_info, state);
SAME_MEMBER(pv_xen_runstate, since_ns, vcpu_runstate_info, state_entry_time);
SAME_MEMBER(pv_xen_runstate, time_ns, vcpu_runstate_info, time);

SAME(PV_VCPUOP_REGISTER_RUNSTATE_AREA, VCPUOP_register_runstate_memory_area);
SAME(PV_XEN_RUNSTATE_UPDATE, XEN_RUNSTATE_UPDATE);
SAME(PV_XEN_RUNSTATE_STATE, offsetof(struct vcpu_runstate_info, state));
SAME_SIZE(pv_xen_runstate_area, vcpu_register_runstate_memory_area);

/* vm_assist.h */
SAME(PV_XEN_HC_VM_ASSIST, __HYPERVISOR_vm_assist);
SAME(PV_VMASST_ENABLE, VMASST_CMD_enable);
SAME(PV_VMASST_DISABLE, VMASST_CMD_disable);
SAME(PV_VMASST_WRITABLE_PAGETABLES, VMASST_TYPE_writable_pagetables);
SAME(PV_VMASST_RUNSTATE_UPDATE_FLAG, VMASST_TYPE_runstate_update_flag);
SAME(PV_VMASST_M2P_STRICT, VMASST_TYPE_m2p_strict);

/* sched.h */
SAME(PV_SCHEDOP_YIELD, SCHEDOP_yield);
SAME(PV_SCHEDOP_BLOCK, SCHEDOP_block);
SAME(PV_SCHEDOP_SHUTDOWN, SCHEDOP_shutdown);
SAME(PV_SCHEDOP_POLL, SCHEDOP_poll);
SAME_SIZE(pv_xen_poll, sched_poll);
SAME_MEMBER(pv_xen_poll, ports, sched_poll, ports);
SAME_MEMBER(pv_xen_poll, count, sched_poll, nr_ports);
SAME_MEMBER(pv_xen_poll, timeout_ns, sched_poll, timeout);
SAME(PV_SHUTDOWN_POWEROFF, SHUTDOWN_poweroff);
SAME(PV_SHUTDOWN_CRASH, SHUTDOWN_crash);
SAME(PV_SHUTDOWN_SOFT_RESET, SHUTDOWN_soft_reset);
SAME_SIZE(pv_xen_shutdown, sched_shutdown);
SAME_MEMBER(pv_xen_shutdown, reason, sched_shutdown, reason);

/* hvm.h */
SAME(PV_HVMOP_SET_PARAM, HVMOP_set_param);
SAME(PV_HVMOP_GET_PARAM, HVMOP_get_param);
SAME(PV_HVMOP_SET_EVTCHN_UPCALL_VECTOR, HVMOP_set_evtchn_upcall_vector);
SAME(PV_HVM_PARAM_CALLBACK_IRQ, HVM_PARAM_CALLBACK_IRQ);
SAME(PV_HVM_CALLBACK_VECTOR >> 56, HVM_PARAM_CALLBACK_TYPE_VECTOR);
SAME(PV_HVM_CALLBACK_VECTOR & ~HVM_PARAM_CALLBACK_IRQ_TYPE_MASK, 0);
SAME(PV_HVM_PARAM_CONSOLE_PFN, HVM_PARAM_CONSOLE_PFN);
SAME(PV_HVM_PARAM_STORE_EVTCHN, HVM_PARAM_STORE_EVTCHN);
SAME(PV_HVM_PARAM_CONSOLE_EVTCHN, HVM_PARAM_CONSOLE_EVTCHN);
SAME_SIZE(pv_xen_hvm_param, xen_hvm_param);
SAME_MEMBER(pv_xen_hvm_param, domain, xen_hvm_param, domid);
SAME_MEMBER(pv_xen_hvm_param, index, xen_hvm_param, index);
SAME_MEMBER(pv_xen_hvm_param, value, xen_hvm_param, value);
SAME_SIZE(pv_xen_upcall_vector, xen_hvm_evtchn_upcall_vector);
SAME_MEMBER(pv_xen_upcall_vector, vcpu, xen_hvm_evtchn_upcall_vector, vcpu);
SAME_MEMBER(pv_xen_upcall_vector, vector, xen_hvm_evtchn_upcall_vector, vector);

/* console.h */
SAME(PV_CONSOLEIO_WRITE, CONSOLEIO_write);
SAME(PV_CONSOLEIO_READ, CONSOLEIO_read);
SAME_SIZE(pv_xen_console, xencons_interface);
SAME_MEMBER(pv_xen_console, in, xencons_interface, in);
SAME_MEMBER(pv_xen_console, out, xencons_interface, out);
SAME_MEMBER(pv_xen_console, in_consumer, xencons_interface, in_cons);
SAME_MEMBER(pv_xen_console, in_producer, xencons_interface, in_prod);
SAME_MEMBER(pv_xen_console, out_consumer, xencons_interface, out_cons);
SAME_MEMBER(pv_xen_console, out_producer, xencons_interface, out_prod);

/* cpuid.h; leaves are counted from 1 in the headers' comments and from 0 in their numbers */
SAME(PV_XEN_HVM_VCPU_ID_PRESENT, XEN_HVM_CPUID_VCPU_ID_PRESENT);
SAME(PV_XEN_HVM_APIC_VIRTUAL, XEN_HVM_CPUID_APIC_ACCESS_VIRT);
SAME(PV_XEN_HVM_X2APIC_VIRTUAL, XEN_HVM_CPUID_X2APIC_VIRT);
SAME(PV_XEN_HVM_EXT_DEST_ID, XEN_HVM_CPUID_EXT_DEST_ID);
SAME(PV_XEN_HVM_UPCALL_VECTOR, XEN_HVM_CPUID_UPCALL_VECTOR);
SAME(PV_XEN_LEAF_TIME < XEN_CPUID_MAX_NUM_LEAVES, 1);
SAME(PV_XEN_LEAF_HVM < XEN_CPUID_MAX_NUM_LEAVES, 1);

/* The signature as the processor gives it, in three little-endian words. */
#define WORD_OF(text, at)                                                                        \
    ((uint32_t)(text)[at] | (uint32_t)(text)[(at) + 1] << 8 | (uint32_t)(text)[(at) + 2] << 16 | \
     (uint32_t)(text)[(at) + 3] << 24)

int main(void)
{
    static const char signature[] = PV_XEN_SIGNATURE;

    if (WORD_OF(signature, 0) != XEN_CPUID_SIGNATURE_EBX ||
        WORD_OF(signature, 4) != XEN_CPUID_SIGNATURE_ECX ||
        WORD_OF(signature, 8) != XEN_CPUID_SIGNATURE_EDX) {
        puts("the signature is not Xen's");
        return 1;
    }
    struct trap_info trap = {0};
    TI_SET_DPL(&trap, PV_XEN_TRAP_ANYBODY);
    TI_SET_IF(&trap, 1);
    if (trap.flags != (PV_XEN_TRAP_ANYBODY | PV_XEN_TRAP_EVENTS_OFF)) {
        puts("the flags of a trap are not Xen's");
        return 1;
    }
    puts("structures and numbers are the same");
    return 0;
}
