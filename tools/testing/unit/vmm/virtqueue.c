// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMM's virtqueues, against a driver that keeps no rule.
 *
 * The queue's memory is a mapping with an inaccessible page on each side: what reads or writes
 * beyond it does not go unnoticed.
 */
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/mman.h>
#include "unit.h"
#include "util.h"
#include "dev/virtqueue.h"

#define BASE		0x80000000ULL
#define SIZE		0x10000
#define PAGE		0x1000
#define NUM		8
#define DESC		0x0
#define AVAIL		0x1000
#define USED		0x2000
#define DATA		0x4000

static uint8_t *memory;
static struct guest_mem mem;
static struct virtqueue vq;
static struct vq_chain chain;

static void start(void)
{
	if (!memory) {
		memory = mmap(NULL, SIZE + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memory += PAGE;
		mprotect(memory, SIZE, PROT_READ | PROT_WRITE);
		mem_add(&mem, BASE, SIZE, memory);
	}
	memset(memory, 0, SIZE);
	vq.mem = &mem;
	vq_reset(&vq);
	vq.num = NUM;
	vq.desc_gpa = BASE + DESC;
	vq.avail_gpa = BASE + AVAIL;
	vq.used_gpa = BASE + USED;
}

static struct vring_desc *desc(unsigned int i)
{
	return (struct vring_desc *)(memory + DESC) + i;
}

static uint16_t *avail(void)
{
	return (uint16_t *)(memory + AVAIL);
}

static void put(unsigned int i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	*desc(i) = (struct vring_desc){ addr, len, flags, next };
}

static void offer(uint16_t head)
{
	avail()[2 + avail()[1] % NUM] = head;
	avail()[1]++;
}

TEST(a_chain_goes_and_comes_back)
{
	const struct vring_used_elem *used;

	start();
	expect(vq_enable(&vq));
	expect(!vq_pop(&vq, &chain));
	put(3, BASE + DATA, 16, VRING_DESC_F_NEXT, 5);
	put(5, BASE + DATA + 0x100, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	put(1, BASE + DATA + 0x400, 1, VRING_DESC_F_WRITE, 0);
	offer(3);
	expect(vq_pop(&vq, &chain));
	expect_eq(chain.head, 3);
	expect_eq(chain.n_out, 1);
	expect_eq(chain.n_in, 2);
	expect_eq(chain.out_bytes, 16);
	expect_eq(chain.in_bytes, 513);
	expect(chain.iov[2].iov_base == memory + DATA + 0x400);
	expect(vq_push(&vq, &chain, 513));
	used = (void *)(memory + USED + 4);
	expect_eq(used->id, 3);
	expect_eq(used->len, 513);
	expect_eq(memory[USED + 2], 1);
	expect(!vq_pop(&vq, &chain));
	expect(!vq.broken);
	avail()[0] = VRING_AVAIL_F_NO_INTERRUPT;
	offer(3);
	expect(vq_pop(&vq, &chain));
	expect(!vq_push(&vq, &chain, 0));
}

TEST(indices_wrap)
{
	unsigned int i;

	start();
	expect(vq_enable(&vq));
	for (i = 0; i < 200000; i++) {
		put(i % NUM, BASE + DATA, 1, 0, 0);
		offer(i % NUM);
		if (!vq_pop(&vq, &chain) || chain.head != i % NUM)
			break;
		vq_push(&vq, &chain, i);
	}
	expect_eq(i, 200000);
	expect_eq(*(uint16_t *)(memory + USED + 2), (uint16_t)200000);
}

TEST(sizes_that_cannot_be)
{
	static const uint16_t bad[] = { 0, 3, 7, 255, 257, 512, 0x8000, 0xffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		start();
		vq.num = bad[i];
		expect(!vq_enable(&vq));
		expect(vq.broken);
		expect(!vq_pop(&vq, &chain));
	}
	start();
	vq.num = VQ_MAX;
	expect(vq_enable(&vq));
}

TEST(rings_outside_memory_or_crooked)
{
	static const uint64_t bad[] = {
		0, BASE - 16, BASE + SIZE, BASE + SIZE - 16, UINT64_MAX & ~15ULL, UINT64_MAX,
		BASE + 1, 1ULL << 63,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		start();
		vq.desc_gpa = bad[i];
		expect(!vq_enable(&vq));
		start();
		vq.avail_gpa = bad[i];
		expect(!vq_enable(&vq));
		start();
		vq.used_gpa = bad[i];
		expect(!vq_enable(&vq));
	}
	/* To the last byte. */
	start();
	vq.used_gpa = BASE + SIZE - (4 + 8 * NUM);
	expect(vq_enable(&vq));
}

/* @expected_broken chains, each by one rule that it breaks. */
static void broken(void)
{
	offer(0);
	expect(!vq_pop(&vq, &chain));
	expect(vq.broken);
	/* And it stays so. */
	put(0, BASE + DATA, 1, 0, 0);
	expect(!vq_pop(&vq, &chain));
}

TEST(loops)
{
	start();
	vq_enable(&vq);
	put(0, BASE + DATA, 1, VRING_DESC_F_NEXT, 0);
	broken();
	start();
	vq_enable(&vq);
	put(0, BASE + DATA, 1, VRING_DESC_F_NEXT, 1);
	put(1, BASE + DATA, 1, VRING_DESC_F_NEXT, 2);
	put(2, BASE + DATA, 1, VRING_DESC_F_NEXT, 1);
	broken();
}

TEST(the_longest_chain)
{
	unsigned int i;

	start();
	vq_enable(&vq);
	for (i = 0; i < NUM; i++)
		put(i, BASE + DATA, 1, i < NUM - 1 ? VRING_DESC_F_NEXT : 0, i + 1);
	offer(0);
	expect(vq_pop(&vq, &chain));
	expect_eq(chain.n_out, NUM);
}

TEST(indices_beyond_the_queue)
{
	start();
	vq_enable(&vq);
	put(0, BASE + DATA, 1, VRING_DESC_F_NEXT, NUM);
	broken();
	start();
	vq_enable(&vq);
	put(0, BASE + DATA, 1, VRING_DESC_F_NEXT, 0xffff);
	broken();
	start();
	vq_enable(&vq);
	offer(NUM);
	expect(!vq_pop(&vq, &chain));
	expect(vq.broken);
	start();
	vq_enable(&vq);
	avail()[1] = NUM + 1;
	expect(!vq_pop(&vq, &chain));
	expect(vq.broken);
}

TEST(buffers_outside_memory)
{
	static const struct { uint64_t addr; uint32_t len; } bad[] = {
		{ BASE + DATA, 0 }, { BASE + DATA, UINT32_MAX }, { BASE + SIZE - 1, 2 },
		{ BASE + SIZE, 1 }, { BASE - 1, 2 }, { 0, 1 }, { UINT64_MAX, 1 }, { UINT64_MAX, 2 },
		{ UINT64_MAX - 0xfff, UINT32_MAX },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		start();
		vq_enable(&vq);
		put(0, bad[i].addr, bad[i].len, 0, 0);
		broken();
	}
}

TEST(order_and_flags)
{
	start();
	vq_enable(&vq);
	put(0, BASE + DATA, 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	put(1, BASE + DATA, 1, 0, 0);
	broken();
	start();
	vq_enable(&vq);
	put(0, BASE + DATA, 16, VRING_DESC_F_INDIRECT, 0);
	broken();
}

/* Rings of random bytes: whatever is given out lies in memory. */
TEST(random_rings)
{
	unsigned int round, i, popped = 0;

	for (round = 0; round < 20000; round++) {
		start();
		vq_enable(&vq);
		for (i = 0; i < NUM; i++)
			put(i, BASE + (int64_t)(unit_random() % (SIZE + 0x800)) - 0x400,
			    unit_random() % 0x200, unit_random() % (unit_random() % 8 ? 4 : 8),
			    unit_random() % (NUM + (round & 1)));
		for (i = 0; i < NUM; i++)
			offer(unit_random() % (NUM + !(round & 7)));
		while (vq_pop(&vq, &chain)) {
			popped++;
			expect(chain.n_out + chain.n_in <= NUM);
			for (i = 0; i < chain.n_out + chain.n_in; i++) {
				uint8_t *at = chain.iov[i].iov_base;

				expect(at >= memory);
				expect(at + chain.iov[i].iov_len <= memory + SIZE);
			}
			vq_push(&vq, &chain, 0);
		}
	}
	expect(popped > 1000);
}
