#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes down what another build system needs to compile the library by itself: kernels differ in
code model and flags, so a kernel may take the sources instead of libpvops.a.

    export-sources.py make|list OUTPUT ROOT [--sources FILE...] [--doors FILE...] [--flag=FLAG]...

`list` writes the paths of the sources, relative to the root, one a line, doors not among them.
`make` writes a makefile fragment that defines PVOPS_ROOT, PVOPS_SOURCES, PVOPS_DOORS,
PVOPS_INCLUDE (for the kernel), PVOPS_PRIVATE_INCLUDE (for the library's own files, in addition) and
PVOPS_FLAGS (for both).
"""
import argparse
import pathlib
import shlex


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('format', choices=('make', 'list'))
    parser.add_argument('output', type=pathlib.Path)
    parser.add_argument('root', type=pathlib.Path)
    parser.add_argument('--sources', nargs='*', type=pathlib.Path, default=[])
    parser.add_argument('--doors', nargs='*', type=pathlib.Path, default=[])
    parser.add_argument('--flag', action='append', default=[])
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    sources = [str(path.resolve().relative_to(root)) for path in arguments.sources]
    doors = [str(path.resolve().relative_to(root)) for path in arguments.doors]
    if arguments.format == 'list':
        arguments.output.write_text('\n'.join(sources) + '\n')
        return
    flags = ' '.join(shlex.quote(flag) for flag in arguments.flag)
    arguments.output.write_text(f'''\
# Made by pvops: what a makefile needs to compile the library by itself.
PVOPS_ROOT := {root}
PVOPS_SOURCES := {' '.join(sources)}
PVOPS_DOORS := {' '.join(doors)}
PVOPS_INCLUDE := -I$(PVOPS_ROOT)/include
PVOPS_PRIVATE_INCLUDE := -I$(PVOPS_ROOT)
PVOPS_FLAGS := {flags}
''')


if __name__ == '__main__':
    main()
