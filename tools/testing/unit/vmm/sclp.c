// SPDX-License-Identifier: GPL-2.0-only
/*
 * Input of the s390 machine's consoles: what is typed becomes events. Blocks are in this computer's
 * byte order here, which is the guest's where the VMM runs.
 */
#include <string.h>
#include "unit.h"
#include "s390/ebcdic.h"
#include "s390/sclp.h"

#define AT		0x1000
#define EVENT		(memory + AT + 8)
#define READ_EVENTS	0x00770005
#define WRITE_MASK	0x00780005
#define NO_EVENTS	0x60f0

static uint8_t memory[0x4000];
static struct guest_mem mem;
static struct sclp sclp;
static unsigned int told;

static void attention(void *ctx)
{
	told++;
}

static void room(void)
{
}

static uint16_t half(unsigned int at)
{
	uint16_t value;

	memcpy(&value, memory + AT + at, sizeof(value));
	return value;
}

static void put_half(unsigned int at, uint16_t value)
{
	memcpy(memory + AT + at, &value, sizeof(value));
}

static uint16_t serve(uint32_t command, uint16_t length)
{
	put_half(0, length);
	expect_eq(sclp_service(&sclp, command, AT), 0);
	return half(6);
}

/* The guest has told that it takes events of both types. */
static void start(bool operator)
{
	static const uint64_t both = 1ULL << 63 | 1ULL << (64 - 0x1a);
	static const struct sclp none;

	if (!mem.n)
		mem_add(&mem, 0, sizeof(memory), memory);
	memset(memory, 0, sizeof(memory));
	sclp = none;
	sclp.mem = &mem;
	sclp.operator = operator;
	sclp.room = room;
	sclp.attention = attention;
	sclp_init(&sclp);
	told = 0;
	put_half(10, 8);
	memcpy(memory + AT + 12, &both, 8);
	expect_eq(serve(WRITE_MASK, 44), 0x20);
}

static size_t type(const char *text)
{
	return sclp_input(&sclp, (const uint8_t *)text, strlen(text));
}

/* The next event is a line, and it is this one. */
static void expect_line(const char *text)
{
	uint8_t line[256];
	const size_t n = strlen(text);

	expect_eq(serve(READ_EVENTS, 4096), 0x20);
	expect_eq(half(8), 22 + n);
	expect_eq(EVENT[2], 1);
	expect_eq(half(14), 16 + n);
	expect_eq(half(16), 0x1310);
	expect_eq(half(18), 12 + n);
	expect_eq(half(20), 0x1212);
	expect_eq(half(22), 8 + n);
	expect_eq(half(24), 0x1320);
	expect_eq(EVENT[18], 4 + n);
	expect_eq(EVENT[19], 0x31);
	expect_eq(EVENT[20], 2 + n);
	expect_eq(EVENT[21], 0x30);
	memcpy(line, EVENT + 22, n);
	ebcdic_to_ascii(line, n);
	expect(!memcmp(line, text, n));
	expect_eq(EVENT[22 + n], 0);
}

static void expect_none(void)
{
	expect(!sclp_pending(&sclp));
	expect_eq(serve(READ_EVENTS, 4096), NO_EVENTS);
}

/* A mask of the events that may come: the fourth of the block's. */
static uint64_t sources(void)
{
	uint64_t mask;

	memcpy(&mask, memory + AT + 36, sizeof(mask));
	return mask;
}

TEST(one_source)
{
	start(false);
	expect_eq(sources(), 1ULL << (64 - 0x1a));
	start(true);
	expect_eq(sources(), 1ULL << 63);
}

TEST(session)
{
	start(false);
	expect_eq(type("ab"), 2);
	expect_eq(told, 1);
	expect(sclp_pending(&sclp));
	expect_eq(serve(READ_EVENTS, 4096), 0x20);
	expect_eq(half(8), 9);
	expect_eq(EVENT[2], 0x1a);
	expect(!memcmp(EVENT + 6, "\0ab", 4));
	expect_none();
}

TEST(lines)
{
	start(true);
	expect_eq(type("ls -l"), 5);
	expect_eq(told, 0);
	expect_none();
	type(" /\n\rx");
	expect_eq(told, 1);
	expect_line("ls -l /");
	expect(sclp_pending(&sclp));
	expect_line("");
	expect_none();
	type("y\r");
	expect_eq(told, 2);
	expect_line("xy");
}

TEST(bytes_taken_back)
{
	start(true);
	type("\b\177ab\b\b\bc\n\b\n");
	expect_line("c");
	expect_line("");
	expect_none();
}

TEST(control_characters)
{
	start(true);
	type("\004half\003\n");
	expect_line("^d");
	expect_line("half^n");
	expect_line("^c");
	expect_line("");
	expect_none();
}

TEST(a_long_line)
{
	char text[600], piece[241];

	start(true);
	memset(text, 'z', 500);
	strcpy(text + 500, "\n");
	expect_eq(type(text), 501);
	memset(piece, 'z', 238);
	strcpy(piece + 238, "^n");
	expect_line(piece);
	expect_line(piece);
	piece[24] = 0;
	expect_line(piece);
	expect_none();
}

/* More than there is room for waits outside; what is in has pieces that can go. */
TEST(no_room)
{
	char text[SCLP_INPUT + 10];

	start(true);
	memset(text, 'z', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	expect_eq(type(text), SCLP_INPUT);
	expect_eq(type("\n"), 0);
	expect(sclp_pending(&sclp));
	expect_eq(serve(READ_EVENTS, 4096), 0x20);
	expect_eq(type("\n"), 1);
}

/* A block that the longest line does not fit in takes none, and loses none. */
TEST(a_short_block)
{
	start(true);
	type("a\n");
	expect_eq(serve(READ_EVENTS, 8 + 22 + 239), 0x300);
	expect_eq(serve(READ_EVENTS, 8 + 22 + 240), 0x20);
	start(false);
	type("a");
	expect_eq(serve(READ_EVENTS, 8 + 7), 0x300);
	expect_eq(serve(READ_EVENTS, 8 + 8), 0x20);
}

/* What the guest does not want yet is not taken. */
TEST(no_receiver)
{
	static const uint64_t ascii = 1ULL << (64 - 0x1a);

	start(true);
	memcpy(memory + AT + 12, &ascii, 8);
	put_half(10, 8);
	serve(WRITE_MASK, 44);
	expect_eq(type("a\n"), 0);
	expect_none();
}
