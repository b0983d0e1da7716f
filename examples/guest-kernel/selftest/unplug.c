/* SPDX-License-Identifier: MIT */
/*
 * Emulated devices of an HVM guest that are taken away: looked at before and after, where a kernel
 * would look for them. Disks go at boot, if the command line says so; network cards when this file
 * asks for it. The drive is that behind the second channel's registers: ATA/ATAPI-6, 7.9 and 7.15.
 */
#include "unplug.h"
#include "backends/xen/hvm/hvm.h"
#include "selftest.h"
#include "../cpu.h"
#include "../pci.h"
#include "../string.h"

#define IDE_DEVICE  0x176
#define IDE_STATUS  0x177
#define FIRST_DRIVE 0xa0

/* No drive has no status, and no channel at all is all ones. */
#define DRIVE_IS_READY 0x40

struct disks {
    unsigned scsi;
    bool ide;
};

static struct disks before;
static bool looked;

static bool has_ide_drive(void)
{
    pv_io_out8(IDE_DEVICE, FIRST_DRIVE);
    uint8_t status = pv_io_in8(IDE_STATUS);
    return status != UINT8_MAX && (status & DRIVE_IS_READY) != 0;
}

static struct disks look(void)
{
    return (struct disks){pci_count(PCI_CLASS_OF_SCSI), has_ide_drive()};
}

void unplug_look_before(void)
{
    looked = privileged() && pv_command_line_has("unplug=disks");
    if (looked)
        before = look();
}

static bool skip_elsewhere(struct check *check)
{
    struct pv_facts facts;
    pv_facts(&facts);
    bool elsewhere = !same_text(facts.backend, "xen-hvm");
    if (elsewhere)
        skip(check, "no device is taken away here: the backend is %s", facts.backend);
    return elsewhere;
}

static void disks_have_gone(struct check *check)
{
    if (skip_elsewhere(check))
        return;
    if (!looked) {
        skip(check, "the command line does not ask for it");
        return;
    }
    struct disks after = look();
    print("# before pv_init() there were %u SCSI controllers and %s IDE drive\n", before.scsi,
          before.ide ? "an" : "no");
    EXPECT(check, before.scsi != 0 || before.ide, "there was no disk from the start");
    EXPECT(check, after.scsi == 0, "%u SCSI controllers of %u", after.scsi, before.scsi);
    EXPECT(check, !after.ide, "an IDE drive answers");
}

static void cards_go(struct check *check)
{
    if (skip_elsewhere(check))
        return;
    unsigned there = pci_count(PCI_CLASS_OF_ETHERNET);
    if (there == 0 || !pv_xen_hvm_unplug(PV_XEN_UNPLUG_NICS)) {
        skip(check, "there is no emulated network card, or nobody who takes it away");
        return;
    }
    unsigned left = pci_count(PCI_CLASS_OF_ETHERNET);
    print("# there were %u network cards, and are %u\n", there, left);
    EXPECT(check, left == 0, "%u of %u are still there", left, there);
}

static const struct test unplug_tests[] = {
    {"emulated disks that were there at boot are gone where the command line says so",
     disks_have_gone},
    {"emulated network cards go when they are asked to", cards_go},
};

const struct test_group unplug_group = TEST_GROUP(unplug);
