/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What include/kvm/types.h gives, in user space: enough for the headers and files of the core that
 * are pure logic. Found before the kernel's.
 */
#ifndef KVM_TYPES_H
#define KVM_TYPES_H

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef u64 gpa_t;
typedef u64 gfn_t;
typedef unsigned long hva_t;
typedef u64 hpa_t;
typedef u64 kvm_pfn_t;

struct kvm;
struct kvm_vcpu;
struct kvm_slot;
struct kvm_slots;

#define PAGE_SHIFT		12
#define U16_MAX			UINT16_MAX
#define U32_MAX			UINT32_MAX
#define BITS_PER_LONG		((int)(8 * sizeof(long)))
#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK_ULL(h, l)	((~0ULL >> (63 - (h))) & (~0ULL << (l)))
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#endif
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define round_down(n, d)	((n) / (d) * (d))
#define min(a, b)		((a) < (b) ? (a) : (b))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define likely(x)		(x)
#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, v)	((x) = (v))
#define le64_to_cpu(x)		le64toh(x)
#define le32_to_cpu(x)		le32toh(x)
#define __force
#define __read_mostly

static inline hpa_t pfn_to_hpa(kvm_pfn_t pfn)
{
	return pfn << PAGE_SHIFT;
}

#endif
