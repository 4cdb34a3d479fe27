/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one door between the emulator and what it is compiled in.
 *
 * The emulator is plain C over fixed-width integers and memcpy. In the kernel those come from
 * kernel headers, in the unit tests from the C library; no other file of this directory includes
 * anything but its own headers. Nothing here touches the FPU: vector and x87 state are reached
 * through the ops of emulate.h alone.
 */
#ifndef KVM_X86_EMULATE_SHIM_H
#define KVM_X86_EMULATE_SHIM_H

#ifdef __KERNEL__

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>

#else

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <assert.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define __aligned(n)	__attribute__((__aligned__(n)))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#ifndef fallthrough
#define fallthrough	__attribute__((__fallthrough__))
#endif

#endif /* __KERNEL__ */

#endif
