// SPDX-License-Identifier: MIT
// The second of two translation units with the same call sites; see inline_sites.hpp.
#include "inline_sites.hpp"

uint64_t second_unit(pv_spinlock &lock)
{
    wait_for(lock);
    return later<uint64_t>(1) + later<uint32_t>(2);
}
