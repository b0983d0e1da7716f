// SPDX-License-Identifier: MIT
// Call sites in code that every translation unit has a copy of and the linker keeps one of: an
// inline function, a template, a member of a class. Their records must go with the copies.
#ifndef INLINE_SITES_HPP
#define INLINE_SITES_HPP

#include "pvops/pvops.h"

class irq_guard
{
  public:
    irq_guard() : flags(pv_irq_save())
    {
    }
    ~irq_guard()
    {
        pv_irq_restore(flags);
    }

  private:
    pv_irqflags flags;
};

template <typename Number> __attribute__((noinline)) Number later(Number ns)
{
    irq_guard guard;
    return static_cast<Number>(pv_clock_ns() + static_cast<uint64_t>(ns));
}

__attribute__((noinline)) inline void wait_for(pv_spinlock &lock)
{
    pv_spin_lock(&lock);
    pv_cpu_relax();
    pv_spin_unlock(&lock);
}

uint64_t first_unit(pv_spinlock &lock);
uint64_t second_unit(pv_spinlock &lock);

#endif
