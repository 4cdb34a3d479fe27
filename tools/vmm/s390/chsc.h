/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CHANNEL SUBSYSTEM CALL: a page of the guest's, of which the first half is a request and what is
 * behind it the response. There is one that is served: which facilities the channel subsystem has,
 * none of them.
 */
#ifndef S390_CHSC_H
#define S390_CHSC_H

#include "memory.h"

/* False: the request cannot be read, or not be answered. @page: an absolute address. */
bool chsc_serve(const struct guest_mem *mem, uint64_t page);

#endif
