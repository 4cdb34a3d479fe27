// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small devices at fixed ports: the clock with its memory, the ACPI timer and sleep control, and
 * the ways to switch off or to reset.
 *
 * Most have no state; the rest is behind one lock, since any vCPU may come.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "bus.h"
#include "x86/machine.h"
#include "x86/power.h"

#define RTC_STATUS_A	0x0a
#define RTC_STATUS_B	0x0b
#define RTC_STATUS_D	0x0d
#define RTC_24_HOURS	0x02
#define RTC_VALID	0x80
#define RTC_32768	0x26	/* divider and rate at power-on */

#define PM_TIMER_HZ	3579545

static struct vmm *machine;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* guards all below */
static uint8_t rtc_index;
static uint8_t rtc_memory[128];
static uint16_t pm_enable, pm_control;
static const char shutdown_word[] = "Shutdown";
static unsigned int shutdown_seen;

static uint8_t bcd(unsigned int n)
{
	return n / 10 % 10 << 4 | n % 10;
}

/* Time cannot be set: registers always tell the host's, in UTC, BCD and 24 hours. */
static uint8_t rtc_read(uint8_t index)
{
	const time_t now = time(NULL);
	struct tm t;

	gmtime_r(&now, &t);
	switch (index) {
	case 0x00:		return bcd(t.tm_sec);
	case 0x02:		return bcd(t.tm_min);
	case 0x04:		return bcd(t.tm_hour);
	case 0x06:		return bcd(t.tm_wday + 1);
	case 0x07:		return bcd(t.tm_mday);
	case 0x08:		return bcd(t.tm_mon + 1);
	case 0x09:		return bcd(t.tm_year);
	case RTC_CENTURY:	return bcd(19 + t.tm_year / 100);
	case RTC_STATUS_A:	return RTC_32768;
	case RTC_STATUS_B:	return RTC_24_HOURS;
	case RTC_STATUS_D:	return RTC_VALID;
	default:		return rtc_memory[index];
	}
}

static void rtc_access(void *dev, uint64_t offset, uint8_t *data, unsigned int len, bool write)
{
	pthread_mutex_lock(&lock);
	if (!offset && write)
		rtc_index = data[0] & 0x7f;
	else if (!offset)
		data[0] = 0xff;
	else if (write)
		rtc_memory[rtc_index] = data[0];
	else
		data[0] = rtc_read(rtc_index);
	pthread_mutex_unlock(&lock);
}

static void restart(void)
{
	vm_end(machine, VM_OK, "the guest asked for a reset");
}

static void switch_off(void)
{
	vm_end(machine, VM_OK, "the guest switched itself off");
}

/* Of the keyboard controller there is but this. */
static void keyboard_access(void *dev, uint64_t offset, uint8_t *data, unsigned int len, bool write)
{
	if (!write)
		memset(data, 0, len);
	else if (data[0] == KEYBOARD_RESET)
		restart();
}

static void reset_access(void *dev, uint64_t offset, uint8_t *data, unsigned int len, bool write)
{
	if (!write)
		memset(data, 0, len);
	else if ((data[0] & RESET_VALUE) == RESET_VALUE)
		restart();
}

/* Emulators' way for a guest without ACPI: the word, letter by letter. */
static void shutdown_access(void *dev, uint64_t offset, uint8_t *data, unsigned int len, bool write)
{
	if (!write) {
		memset(data, 0, len);
		return;
	}
	pthread_mutex_lock(&lock);
	if (data[0] == shutdown_word[shutdown_seen])
		shutdown_seen++;
	else
		shutdown_seen = data[0] == shutdown_word[0];
	if (!shutdown_word[shutdown_seen]) {
		shutdown_seen = 0;
		switch_off();
	}
	pthread_mutex_unlock(&lock);
}

/* PM1 status, enable, control (4.8.3.1, 4.8.3.2): no event ever comes. */
static void pm_access(void *dev, uint64_t offset, uint8_t *data, unsigned int len, bool write)
{
	const uint64_t value = bus_get(data, len);

	pthread_mutex_lock(&lock);
	if (!write)
		bus_put(data, len, offset == 4 ? pm_control | PM_CONTROL_SCI :
				   offset == 2 ? pm_enable : 0);
	else if (offset == 2)
		pm_enable = value;
	else if (offset == 4)
		pm_control = value & ~(PM_CONTROL_SLEEP | PM_CONTROL_SCI);
	if (write && offset == 4 && (value & PM_CONTROL_SLEEP) && PM_CONTROL_TYPE(value) == S5_TYPE)
		switch_off();
	pthread_mutex_unlock(&lock);
}

/* 4.8.3.3 */
static void pm_timer_access(void *dev, uint64_t offset, uint8_t *data, unsigned int len, bool write)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	if (!write)
		bus_put(data, len, (t.tv_sec * (uint64_t)PM_TIMER_HZ +
				    t.tv_nsec * (uint64_t)PM_TIMER_HZ / 1000000000) >> offset * 8);
}

static const struct legacy_row {
	uint16_t	port, n;
	bus_fn		fn;
} rows[] = {
	{ PORT_RTC,			2,	rtc_access },
	{ PORT_KEYBOARD_COMMAND,	1,	keyboard_access },
	{ PORT_PM_EVENT,		6,	pm_access },
	{ PORT_PM_TIMER,		4,	pm_timer_access },
	{ PORT_RESET,			1,	reset_access },
	{ PORT_SHUTDOWN,		1,	shutdown_access },
};

void legacy_init(struct vmm *vm, struct bus *ports)
{
	unsigned int i;

	machine = vm;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (bus_add(ports, rows[i].port, rows[i].n, rows[i].fn, NULL))
			die(VM_SETUP, "port 0x%x is taken", rows[i].port);
}
