// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMM's virtio devices behind their registers: a disk that a driver sets up and uses, then
 * drivers that do it wrong, then random ones.
 */
#define _GNU_SOURCE
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "unit.h"
#include "bus.h"
#include "loop.h"
#include "dev/virtio_blk.h"
#include "dev/virtio_console.h"
#include "dev/virtio_mmio.h"

#define SIZE		0x20000
#define NUM		16
#define DESC		0x0
#define AVAIL		0x1000
#define USED		0x2000
#define HEADER		0x3000
#define STATUS		0x3100
#define DATA		0x4000
#define SECTORS		64

static uint8_t memory[SIZE];
static struct guest_mem mem;
static struct virtio_disk disk;
static struct virtio_mmio t;
static int fd;

static uint32_t read32(unsigned int reg)
{
	uint8_t data[4];

	virtio_mmio_access(&t, reg, data, 4, false);
	return bus_get(data, 4);
}

static void write32(unsigned int reg, uint32_t value)
{
	uint8_t data[4];

	bus_put(data, 4, value);
	virtio_mmio_access(&t, reg, data, 4, true);
}

static void make_disk(bool read_only)
{
	uint8_t sector[512];
	unsigned int i;

	if (mem.n)
		close(fd), close(disk.dev.notify_fd[0]), close(disk.dev.irq_fd);
	memset(&mem, 0, sizeof(mem));
	memset(&disk, 0, sizeof(disk));
	memset(memory, 0, sizeof(memory));
	mem_add(&mem, 0, SIZE, memory);
	fd = memfd_create("disk", MFD_CLOEXEC);
	for (i = 0; i < SECTORS; i++) {
		memset(sector, i, sizeof(sector));
		expect_eq(write(fd, sector, sizeof(sector)), sizeof(sector));
	}
	virtio_blk_init(&disk, &mem, fd, SECTORS * 512 + 100, read_only, "serial");
	disk.dev.irq_fd = event_new();
	t = (struct virtio_mmio){ .dev = &disk.dev };
}

/* As the specification's 3.1.1 wants it. */
static void set_up(uint32_t features_high)
{
	write32(VIRTIO_MMIO_STATUS, 0);
	write32(VIRTIO_MMIO_STATUS, 1);
	write32(VIRTIO_MMIO_STATUS, 3);
	write32(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	write32(VIRTIO_MMIO_DRIVER_FEATURES, features_high);
	write32(VIRTIO_MMIO_STATUS, 11);
	write32(VIRTIO_MMIO_QUEUE_SEL, 0);
	write32(VIRTIO_MMIO_QUEUE_NUM, NUM);
	write32(VIRTIO_MMIO_QUEUE_DESC_LOW, DESC);
	write32(VIRTIO_MMIO_QUEUE_AVAIL_LOW, AVAIL);
	write32(VIRTIO_MMIO_QUEUE_USED_LOW, USED);
	write32(VIRTIO_MMIO_QUEUE_READY, 1);
	write32(VIRTIO_MMIO_STATUS, 15);
}

/*
 * One request through the queue: header, data, status; returns the status byte, 0xee if none
 * came.
 */
static uint8_t request(uint32_t type, uint64_t sector, uint32_t len, bool in)
{
	struct virtio_blk_outhdr header = { .type = type, .sector = sector };
	struct vring_desc *d = (struct vring_desc *)(memory + DESC);
	uint16_t *avail = (uint16_t *)(memory + AVAIL);

	memcpy(memory + HEADER, &header, sizeof(header));
	memory[STATUS] = 0xee;
	d[0] = (struct vring_desc){ HEADER, sizeof(header), VRING_DESC_F_NEXT, len ? 1 : 2 };
	d[1] = (struct vring_desc){ DATA, len, VRING_DESC_F_NEXT, 2 };
	if (in)
		d[1].flags |= VRING_DESC_F_WRITE;
	d[2] = (struct vring_desc){ STATUS, 1, VRING_DESC_F_WRITE, 0 };
	avail[2 + avail[1] % NUM] = 0;
	avail[1]++;
	virtio_kick(&disk.dev, 0);
	return memory[STATUS];
}

TEST(what_a_driver_probes)
{
	uint8_t config[8];

	make_disk(false);
	expect_eq(read32(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	expect_eq(read32(VIRTIO_MMIO_VERSION), 2);
	expect_eq(read32(VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_BLOCK);
	write32(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	expect_eq(read32(VIRTIO_MMIO_DEVICE_FEATURES), 1);
	write32(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	expect_eq(read32(VIRTIO_MMIO_DEVICE_FEATURES), 0);
	expect_eq(read32(VIRTIO_MMIO_QUEUE_NUM_MAX), VQ_MAX);
	write32(VIRTIO_MMIO_QUEUE_SEL, 1);
	expect_eq(read32(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	write32(VIRTIO_MMIO_QUEUE_SEL, UINT32_MAX);
	expect_eq(read32(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	virtio_mmio_access(&t, VIRTIO_MMIO_CONFIG, config, 8, false);
	expect_eq(bus_get(config, 8), SECTORS);
	virtio_mmio_access(&t, VIRTIO_MMIO_SIZE - 8, config, 8, false);
	expect_eq(bus_get(config, 8), 0);
}

TEST(read_write_flush_id)
{
	make_disk(false);
	set_up(1);
	expect_eq(read32(VIRTIO_MMIO_STATUS), 15);
	expect_eq(request(VIRTIO_BLK_T_IN, 5, 1024, true), VIRTIO_BLK_S_OK);
	expect_eq(memory[DATA], 5);
	expect_eq(memory[DATA + 1023], 6);
	expect_eq(read32(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	write32(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	expect_eq(read32(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	memset(memory + DATA, 0x77, 512);
	expect_eq(request(VIRTIO_BLK_T_OUT, SECTORS - 1, 512, false), VIRTIO_BLK_S_OK);
	memset(memory + DATA, 0, 512);
	expect_eq(request(VIRTIO_BLK_T_IN, SECTORS - 1, 512, true), VIRTIO_BLK_S_OK);
	expect_eq(memory[DATA + 511], 0x77);
	expect_eq(request(VIRTIO_BLK_T_FLUSH, 0, 0, false), VIRTIO_BLK_S_OK);
	expect_eq(request(VIRTIO_BLK_T_GET_ID, 0, 20, true), VIRTIO_BLK_S_OK);
	expect(!strcmp((char *)memory + DATA, "serial"));
	expect_eq(request(VIRTIO_BLK_T_GET_ID, 0, 19, true), VIRTIO_BLK_S_IOERR);
	expect_eq(request(99, 0, 0, false), VIRTIO_BLK_S_UNSUPP);
}

TEST(sectors_that_are_not_there)
{
	make_disk(false);
	set_up(1);
	expect_eq(request(VIRTIO_BLK_T_IN, SECTORS, 512, true), VIRTIO_BLK_S_IOERR);
	expect_eq(request(VIRTIO_BLK_T_IN, SECTORS - 1, 1024, true), VIRTIO_BLK_S_IOERR);
	expect_eq(request(VIRTIO_BLK_T_IN, UINT64_MAX, 512, true), VIRTIO_BLK_S_IOERR);
	expect_eq(request(VIRTIO_BLK_T_IN, UINT64_MAX / 512 + 1, 512, true), VIRTIO_BLK_S_IOERR);
	expect_eq(request(VIRTIO_BLK_T_OUT, SECTORS, 512, false), VIRTIO_BLK_S_IOERR);
	expect_eq(request(VIRTIO_BLK_T_IN, 0, 100, true), VIRTIO_BLK_S_IOERR);
	expect_eq(lseek(fd, 0, SEEK_END), SECTORS * 512);
	expect_eq(ftruncate(fd, 0), 0);
	expect_eq(request(VIRTIO_BLK_T_IN, 0, 512, true), VIRTIO_BLK_S_IOERR);
}

TEST(a_read_only_disk)
{
	make_disk(true);
	write32(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	expect(read32(VIRTIO_MMIO_DEVICE_FEATURES) & 1 << VIRTIO_BLK_F_RO);
	set_up(1);
	expect_eq(request(VIRTIO_BLK_T_OUT, 0, 512, false), VIRTIO_BLK_S_IOERR);
	expect_eq(request(VIRTIO_BLK_T_IN, 0, 512, true), VIRTIO_BLK_S_OK);
}

TEST(features_decide)
{
	make_disk(false);
	set_up(0);
	expect(!(read32(VIRTIO_MMIO_STATUS) &
		 (VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)));
	expect_eq(request(VIRTIO_BLK_T_IN, 0, 512, true), 0xee);
	set_up(3);
	expect(!(read32(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK));
	set_up(1);
	expect_eq(request(VIRTIO_BLK_T_IN, 0, 512, true), VIRTIO_BLK_S_OK);
}

/* A chain without a status byte, or without a whole header, ends the device until it is reset. */
TEST(no_request_at_all)
{
	struct vring_desc *d = (struct vring_desc *)(memory + DESC);
	uint16_t *avail = (uint16_t *)(memory + AVAIL);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		make_disk(false);
		set_up(1);
		d[0] = (struct vring_desc){ HEADER, i ? 15 : 16, i ? VRING_DESC_F_NEXT : 0, 1 };
		d[1] = (struct vring_desc){ STATUS, 1, i == 1 ? VRING_DESC_F_WRITE : 0, 0 };
		avail[1] = 1;
		virtio_kick(&disk.dev, 0);
		expect(read32(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
		expect_eq(read32(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
		expect_eq(*(uint16_t *)(memory + USED + 2), 0);
		/* The driver cannot talk it away. */
		write32(VIRTIO_MMIO_STATUS, 15);
		expect(read32(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
		memset(memory, 0, SIZE);
		set_up(1);
		expect_eq(read32(VIRTIO_MMIO_STATUS), 15);
		expect_eq(request(VIRTIO_BLK_T_IN, 0, 512, true), VIRTIO_BLK_S_OK);
	}
}

/* Header and status byte wherever the driver cuts them. */
TEST(a_header_in_pieces)
{
	struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_IN, .sector = 7 };
	struct vring_desc *d = (struct vring_desc *)(memory + DESC);
	uint16_t *avail = (uint16_t *)(memory + AVAIL);
	unsigned int i;

	make_disk(false);
	set_up(1);
	memcpy(memory + HEADER, &header, sizeof(header));
	for (i = 0; i < 8; i++)
		d[i] = (struct vring_desc){ HEADER + 2 * i, 2, VRING_DESC_F_NEXT, i + 1 };
	d[8] = (struct vring_desc){ DATA, 513, VRING_DESC_F_WRITE, 0 };
	memory[DATA + 512] = 0xee;
	avail[1] = 1;
	virtio_kick(&disk.dev, 0);
	expect_eq(memory[DATA + 512], VIRTIO_BLK_S_OK);
	expect_eq(memory[DATA], 7);
	expect_eq(memory[DATA + 511], 7);
}

TEST(a_queue_in_use_is_closed)
{
	make_disk(false);
	set_up(1);
	write32(VIRTIO_MMIO_QUEUE_NUM, 3);
	write32(VIRTIO_MMIO_QUEUE_DESC_HIGH, 1);
	expect_eq(disk.dev.vq[0].num, NUM);
	expect_eq(request(VIRTIO_BLK_T_IN, 1, 512, true), VIRTIO_BLK_S_OK);
	write32(VIRTIO_MMIO_QUEUE_READY, 0);
	expect_eq(read32(VIRTIO_MMIO_QUEUE_READY), 0);
	expect_eq(request(VIRTIO_BLK_T_IN, 1, 512, true), 0xee);
}

TEST(odd_accesses)
{
	uint8_t data[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	make_disk(false);
	set_up(1);
	virtio_mmio_access(&t, VIRTIO_MMIO_STATUS, data, 1, true);
	virtio_mmio_access(&t, VIRTIO_MMIO_STATUS, data, 8, true);
	virtio_mmio_access(&t, VIRTIO_MMIO_STATUS + 2, data, 4, true);
	virtio_mmio_access(&t, VIRTIO_MMIO_CONFIG, data, 8, true);
	expect_eq(read32(VIRTIO_MMIO_STATUS), 15);
	virtio_mmio_access(&t, VIRTIO_MMIO_STATUS, data, 1, false);
	expect_eq(data[0], 0);
}

/*
 * Anything into any register, over rings of anything. The sanitizers and memory's end are
 * the judges.
 */
TEST(random_drivers)
{
	unsigned int round, i;

	make_disk(false);
	for (round = 0; round < 3000; round++) {
		for (i = 0; i < 0x3000; i += 8)
			*(uint64_t *)(memory + i) = unit_random() &
						    (unit_random() % 4 ? 0x3001f : ~0ULL);
		if (round & 1)
			set_up(1);
		for (i = 0; i < 30; i++) {
			unsigned int reg = unit_random() % VIRTIO_MMIO_SIZE & ~3;

			if (unit_random() & 1)
				write32(reg, unit_random() >> unit_random() % 64);
			else
				read32(reg);
			virtio_kick(&disk.dev, 0);
		}
		memory[AVAIL + 2]++;
		virtio_kick(&disk.dev, 0);
	}
	set_up(1);
	memset(memory, 0, SIZE);
	set_up(1);
	expect_eq(request(VIRTIO_BLK_T_FLUSH, 0, 0, false), VIRTIO_BLK_S_OK);
}

/* ---- the console ----------------------------------------------------------------------------- */

static struct virtio_console console;
static char sent[64];
static unsigned int n_sent, n_room;

static void send(const uint8_t *data, size_t n)
{
	memcpy(sent + n_sent, data, n);
	n_sent += n;
}

static void room(void)
{
	n_room++;
}

TEST(console_both_ways)
{
	struct vring_desc *d = (struct vring_desc *)(memory + DESC);
	uint16_t *avail = (uint16_t *)(memory + AVAIL);
	struct virtqueue *vq;

	make_disk(false);
	virtio_console_init(&console, &mem, send, room);
	console.dev.irq_fd = event_new();
	t.dev = &console.dev;
	expect_eq(virtio_console_input(&console, (uint8_t *)"x", 1), 0);
	set_up(1);
	/* The receive queue: two buffers of three bytes, then one. */
	d[0] = (struct vring_desc){ DATA, 3, VRING_DESC_F_WRITE, 0 };
	d[1] = (struct vring_desc){ DATA + 16, 3, VRING_DESC_F_WRITE, 0 };
	avail[3] = 1;
	avail[1] = 2;
	virtio_kick(&console.dev, 0);
	expect_eq(n_room, 1);
	expect_eq(virtio_console_input(&console, (uint8_t *)"abcdefgh", 8), 6);
	expect(!memcmp(memory + DATA, "abc", 3));
	expect(!memcmp(memory + DATA + 16, "def", 3));
	/* A queue that breaks takes nothing. */
	avail[1] = 100;
	expect_eq(virtio_console_input(&console, (uint8_t *)"x", 1), 0);
	expect(read32(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);

	memset(memory, 0, SIZE);
	set_up(1);
	vq = &console.dev.vq[1];
	vq->num = NUM;
	vq->desc_gpa = 0x8000;
	vq->avail_gpa = 0x9000;
	vq->used_gpa = 0xa000;
	expect(vq_enable(vq));
	memcpy(memory + DATA, "hello", 5);
	*(struct vring_desc *)(memory + 0x8000) = (struct vring_desc){ DATA, 5, 0, 0 };
	memory[0x9002] = 1;
	virtio_kick(&console.dev, 1);
	expect_eq(n_sent, 5);
	expect(!memcmp(sent, "hello", 5));
}
