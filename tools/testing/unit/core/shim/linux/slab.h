/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory, in user space; the next allocation but @unit_allocs_left fails, if that is not negative. */
#include <stdlib.h>

#define GFP_KERNEL_ACCOUNT	0

extern int unit_allocs_left;

static inline void *kvcalloc(size_t n, size_t size, int flags)
{
	if (!unit_allocs_left)
		return NULL;
	if (unit_allocs_left > 0)
		unit_allocs_left--;
	return calloc(n, size);
}

static inline void *kvzalloc(size_t size, int flags)
{
	return kvcalloc(1, size, flags);
}

static inline void kvfree(void *p)
{
	free(p);
}
