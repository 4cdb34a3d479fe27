/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is written where to switch the machine off or to reset it; and where the clock has
 * its century.
 */
#ifndef X86_POWER_H
#define X86_POWER_H

#include "util.h"

#define S5_TYPE			5		/* the sleep type of "soft off"; any would do */
#define PM_CONTROL_SCI		BIT(0)	/* ACPI 6.4, 4.8.3.2.1 */
#define PM_CONTROL_TYPE(c)	((c) >> 10 & 7)
#define PM_CONTROL_SLEEP	BIT(13)

#define RESET_VALUE		6		/* at PORT_RESET: hard, now */
#define KEYBOARD_RESET		0xfe		/* at PORT_KEYBOARD_COMMAND: pulse the reset line */

#define RTC_CENTURY		0x32

#endif
