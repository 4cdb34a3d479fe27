// SPDX-License-Identifier: GPL-2.0-only
/* The serial port: see serial.h. Names of bits are those of <linux/serial_reg.h>. */
#include <linux/serial_reg.h>
#include <string.h>
#include "serial.h"

void serial_init(struct serial *s)
{
	pthread_mutex_init(&s->lock, NULL);
	s->dll = 1;		/* 115200 bit/s */
	s->lcr = UART_LCR_WLEN8;
}

/* The most urgent interrupt, as IIR shows it (16550 data sheet, table of interrupt priorities). */
static uint8_t pending(const struct serial *s)
{
	if (s->overrun && (s->ier & UART_IER_RLSI))
		return UART_IIR_RLSI;
	if (s->n_fifo && (s->ier & UART_IER_RDI))
		return UART_IIR_RDI;
	if (s->thr_empty_event && (s->ier & UART_IER_THRI))
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

/* On a PC, OUT2 connects the port with its interrupt line. */
static void update_irq(struct serial *s)
{
	bool level = pending(s) != UART_IIR_NO_INT && (s->mcr & UART_MCR_OUT2) &&
		     !(s->mcr & UART_MCR_LOOP);

	if (level != s->irq) {
		s->irq = level;
		s->set_irq(s->ctx, level);
	}
}

static void push(struct serial *s, uint8_t byte)
{
	if (s->n_fifo == SERIAL_FIFO)
		s->overrun = true;
	else
		s->fifo[s->n_fifo++] = byte;
}

static uint8_t pull(struct serial *s)
{
	uint8_t byte = s->fifo[0];

	if (!s->n_fifo)
		return 0;
	memmove(s->fifo, s->fifo + 1, --s->n_fifo);
	if (!s->n_fifo && s->room)
		s->room();
	return byte;
}

static void transmit(struct serial *s, uint8_t byte)
{
	if (s->mcr & UART_MCR_LOOP)
		push(s, byte);
	else
		s->send(&byte, 1);
	s->thr_empty_event = true;
}

/* The other side is always there; in loop mode it is our own lines, crossed. */
static uint8_t modem_status(const struct serial *s)
{
	if (!(s->mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	return (s->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) |
	       (s->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
	       (s->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
	       (s->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0);
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t iir = pending(s);

	/* To be told is to have seen it, for this one (and for this one alone). */
	if (iir == UART_IIR_THRI)
		s->thr_empty_event = false;
	return iir | (s->fcr & UART_FCR_ENABLE_FIFO ? 0xc0 : 0);
}

static uint8_t read_lsr(struct serial *s)
{
	uint8_t lsr = UART_LSR_THRE | UART_LSR_TEMT;

	if (s->n_fifo)
		lsr |= UART_LSR_DR;
	if (s->overrun)
		lsr |= UART_LSR_OE;
	s->overrun = false;
	return lsr;
}

static uint8_t read_register(struct serial *s, unsigned int reg)
{
	bool dlab = s->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_RX:
		return dlab ? s->dll : pull(s);
	case UART_IER:
		return dlab ? s->dlm : s->ier;
	case UART_IIR:
		return read_iir(s);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		return read_lsr(s);
	case UART_MSR:
		return modem_status(s);
	default:
		return s->scratch;
	}
}

static void write_ier(struct serial *s, uint8_t value)
{
	/* The transmitter is empty, and to enable its interrupt is to be told so. */
	if (!(s->ier & UART_IER_THRI) && (value & UART_IER_THRI))
		s->thr_empty_event = true;
	if (!(s->ier & UART_IER_RDI) && (value & UART_IER_RDI) && s->room)
		s->room();
	s->ier = value & 0x0f;
}

static void write_fcr(struct serial *s, uint8_t value)
{
	if (value & UART_FCR_CLEAR_RCVR)
		s->n_fifo = 0;
	s->fcr = value & ~(UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
}

static void write_register(struct serial *s, unsigned int reg, uint8_t value)
{
	bool dlab = s->lcr & UART_LCR_DLAB;

	if (reg == UART_TX && dlab)
		s->dll = value;
	else if (reg == UART_TX)
		transmit(s, value);
	else if (reg == UART_IER && dlab)
		s->dlm = value;
	else if (reg == UART_IER)
		write_ier(s, value);
	else if (reg == UART_FCR)
		write_fcr(s, value);
	else if (reg == UART_LCR)
		s->lcr = value;
	else if (reg == UART_MCR)
		s->mcr = value & 0x1f;
	else if (reg == UART_SCR)
		s->scratch = value;
}

void serial_access(void *dev, uint64_t offset, uint8_t *data, unsigned int len, bool write)
{
	struct serial *s = dev;
	unsigned int i;

	pthread_mutex_lock(&s->lock);
	for (i = 0; i < len; i++) {
		if (write)
			write_register(s, offset + i, data[i]);
		else
			data[i] = read_register(s, offset + i);
	}
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
}

size_t serial_input(void *dev, const uint8_t *data, size_t n)
{
	struct serial *s = dev;
	size_t taken = 0;

	pthread_mutex_lock(&s->lock);
	if ((s->ier & UART_IER_RDI) && !(s->mcr & UART_MCR_LOOP))
		while (taken < n && s->n_fifo < SERIAL_FIFO)
			push(s, data[taken++]);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
	return taken;
}
