# SPDX-License-Identifier: MIT
"""What the rigs have in common: Debian packages as raw material, and what is made of them.

Packages are resolved, downloaded and unpacked below the build folder; nothing is installed on the
user's system.
"""
