// SPDX-License-Identifier: GPL-2.0-only
/* The VMM's serial port: registers, interrupts, FIFO, and what is typed too early. */
#include <linux/serial_reg.h>
#include <string.h>
#include "unit.h"
#include "dev/serial.h"

static struct serial s;
static char sent[64];
static unsigned int n_sent, n_room, edges;
static bool line;

static void set_irq(void *ctx, bool level)
{
	expect(level != line);
	line = level;
	edges++;
}

static void send(const uint8_t *data, size_t n)
{
	memcpy(sent + n_sent, data, n);
	n_sent += n;
}

static void room(void)
{
	n_room++;
}

static void start(void)
{
	memset(&s, 0, sizeof(s));
	s.set_irq = set_irq;
	s.send = send;
	s.room = room;
	n_sent = 0;
	n_room = 0;
	edges = 0;
	line = false;
	serial_init(&s);
}

static uint8_t in(unsigned int reg)
{
	uint8_t value;

	serial_access(&s, reg, &value, 1, false);
	return value;
}

static void out(unsigned int reg, uint8_t value)
{
	serial_access(&s, reg, &value, 1, true);
}

static size_t type(const char *text)
{
	return serial_input(&s, (const uint8_t *)text, strlen(text));
}

TEST(a_driver_finds_a_16550a)
{
	start();
	out(UART_IER, 0);
	expect_eq(in(UART_IER), 0);
	out(UART_IER, 0xff);
	expect_eq(in(UART_IER), 0x0f);
	out(UART_IER, 0);
	out(UART_SCR, 0x5a);
	expect_eq(in(UART_SCR), 0x5a);
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	expect_eq(in(UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	out(UART_MCR, 0);
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	expect_eq(in(UART_IIR) >> 6, 3);
	out(UART_LCR, UART_LCR_DLAB);
	out(UART_DLL, 12);
	out(UART_DLM, 1);
	expect_eq(in(UART_DLL), 12);
	expect_eq(in(UART_DLM), 1);
	out(UART_LCR, UART_LCR_WLEN8);
	expect_eq(in(UART_IER), 0);
	expect_eq(n_sent, 0);
}

TEST(what_is_sent_goes_out)
{
	start();
	out(UART_TX, 'a');
	out(UART_TX, 'b');
	expect(!memcmp(sent, "ab", 2));
	expect_eq(in(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	out(UART_MCR, UART_MCR_LOOP);
	out(UART_TX, 'c');
	expect_eq(n_sent, 2);
	expect_eq(in(UART_LSR) & UART_LSR_DR, UART_LSR_DR);
	expect_eq(in(UART_RX), 'c');
}

TEST(transmit_interrupt)
{
	start();
	out(UART_MCR, UART_MCR_OUT2);
	out(UART_IER, UART_IER_THRI);
	expect(line);
	expect_eq(in(UART_IIR) & 0xf, UART_IIR_THRI);
	expect(!line);
	expect_eq(in(UART_IIR) & 0xf, UART_IIR_NO_INT);
	out(UART_TX, 'a');
	expect(line);
	out(UART_IER, 0);
	expect(!line);
}

TEST(receive_interrupt)
{
	start();
	out(UART_MCR, UART_MCR_OUT2);
	out(UART_IER, UART_IER_RDI);
	expect_eq(n_room, 1);
	expect_eq(type("hi"), 2);
	expect(line);
	expect_eq(in(UART_IIR) & 0xf, UART_IIR_RDI);
	expect(line);
	expect_eq(in(UART_RX), 'h');
	expect(line);
	expect_eq(in(UART_RX), 'i');
	expect(!line);
	expect_eq(n_room, 2);
	expect_eq(in(UART_RX), 0);
	expect_eq(n_room, 2);
}

TEST(out2_opens_the_line)
{
	start();
	out(UART_IER, UART_IER_RDI);
	expect_eq(type("x"), 1);
	expect(!line);
	out(UART_MCR, UART_MCR_OUT2);
	expect(line);
	out(UART_MCR, UART_MCR_OUT2 | UART_MCR_LOOP);
	expect(!line);
}

TEST(typed_ahead_waits)
{
	start();
	expect_eq(type("early"), 0);
	out(UART_IER, UART_IER_RDI);
	expect_eq(n_room, 1);
	expect_eq(type("0123456789abcdefXYZ"), SERIAL_FIFO);
	expect_eq(type("X"), 0);
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	expect_eq(in(UART_LSR) & UART_LSR_DR, 0);
	expect_eq(type("X"), 1);
}

TEST(overrun_in_the_loop)
{
	unsigned int i;

	start();
	out(UART_MCR, UART_MCR_LOOP);
	for (i = 0; i <= SERIAL_FIFO; i++)
		out(UART_TX, i);
	expect_eq(in(UART_LSR) & UART_LSR_OE, UART_LSR_OE);
	expect_eq(in(UART_LSR) & UART_LSR_OE, 0);
	for (i = 0; i < SERIAL_FIFO; i++)
		expect_eq(in(UART_RX), i);
}

/* Any register, any value: the line follows, each change told once (set_irq looks). */
TEST(random_drivers)
{
	unsigned int i;

	start();
	for (i = 0; i < 200000; i++) {
		n_sent = 0;
		if (unit_random() & 1)
			out(unit_random() % SERIAL_PORTS, unit_random());
		else
			in(unit_random() % SERIAL_PORTS);
		if (!(i & 7))
			type("some words");
		expect(s.n_fifo <= SERIAL_FIFO);
	}
	expect(edges > 100);
}
