# SPDX-License-Identifier: MIT
"""Kernels differ in code model and flags, so one may compile the library's sources by itself: a
makefile does so from the list that meson wrote, with flags that meson never uses.
"""
import os
import pathlib
import shutil
import unittest

from toolbox import HERE, KERNEL_BASE, SCRATCH, Image, Ops, TestCase, headers_digest, run

MAKEFILE = pathlib.Path(os.environ.get('PVOPS_MAKEFILE', SCRATCH / 'pvops.mk'))
OPS = Ops()


class OwnBuildSystem(TestCase):
    def check(self, compiler, flags, base):
        folder = SCRATCH / '-'.join(['export', compiler, *(flag.strip('-') for flag in flags)])
        # This makefile does not know of headers.
        stamp = folder / 'headers'
        if folder.exists() and (not stamp.exists() or stamp.read_text() != headers_digest()):
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        stamp.write_text(headers_digest())
        run(['make', '-s', '-j2', '-f', HERE / 'kernel.mk', f'PVOPS_MAKEFILE={MAKEFILE}',
             f'HERE={HERE}', f'CC={compiler}', 'LD=ld', f'BASE={base:#x}',
             f'OWN_FLAGS={" ".join(flags)}'], cwd=folder)
        image = Image(folder / 'kernel.elf', OPS)
        if '-DPV_CONFIG_BIND_HEADER' in MAKEFILE.read_text():
            self.assertEqual(image.records, [])
            return
        self.assert_none(image.complaints_about_records(), 'wrong records')
        self.assertGreaterEqual(len(image.records), 20)
        self.assertEqual({record.address + record.length for record in image.records},
                         image.calls_through_hot_slots())

    def test_for_size_in_the_kernel_code_model(self):
        self.check('gcc', ['-Os', '-mcmodel=kernel', '-fno-pic'], KERNEL_BASE)

    def test_for_debugging_in_the_large_code_model_in_the_lower_half(self):
        self.check('clang', ['-O1', '-g', '-fno-omit-frame-pointer', '-mcmodel=large', '-fno-pic'],
                   1 << 40)


if __name__ == '__main__':
    unittest.main()
