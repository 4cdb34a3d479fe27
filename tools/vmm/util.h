/* SPDX-License-Identifier: GPL-2.0-only */
/* Words of the kernel's that are handy in user space, too. */
#ifndef UTIL_H
#define UTIL_H

#include <assert.h>

#define BIT(n)		(1U << (n))
#define BIT_ULL(n)	(1ULL << (n))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Attributes, as the kernel's compiler_attributes.h has them. */
#ifndef __noreturn
# define __noreturn	__attribute__((__noreturn__))
#endif
#ifndef __printf
# define __printf(a, b)	__attribute__((__format__(printf, a, b)))
#endif

#endif
