// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * A VMClock (UAPI.13 1.1, Linux 7.0) that counts the restores of the machine. It
 * stands for an ID here, so that nothing else has to know.
 *
 * The kernel's own driver, where there is one, does not reseed the generator and
 * tells user space by a node of its own; both work side by side.
 */
#include <asm/barrier.h>
#include <linux/build_bug.h>
#include <linux/processor.h>
#include <linux/stddef.h>
#include "vmgenc.h"

/* UAPI.13 1.0 has the two bits one lower than Linux, which 1.1 follows. */
enum {
	VMCLOCK_MAGIC		= 0x4b4c4356,
	VMCLOCK_VERSION		= 1,
	VMCLOCK_COUNTS		= 1 << 8,
	VMCLOCK_NOTIFIES	= 1 << 9,
};

/* A host writes a few words: what takes longer is one that died meanwhile. */
enum { SAMPLE_TRIES = 64 };

/* What is not named is about clocks. */
struct vmclock {
	__le32 magic;
	/* Bytes that the host keeps, from the beginning. */
	__le32 size;
	__le16 version;
	u8 clock[2];
	/* Odd while the host writes. */
	__le32 seq;
	__le64 disruption;
	__le64 flags;
	u8 times[72];
	__le64 generation;
};

static const char *check_content(const struct vmclock *clock)
{
	if (le32_to_cpu(READ_ONCE(clock->magic)) != VMCLOCK_MAGIC)
		return "its memory is not that of a VMClock";
	if (le16_to_cpu(READ_ONCE(clock->version)) != VMCLOCK_VERSION)
		return "its version is not 1";
	if (le32_to_cpu(READ_ONCE(clock->size)) < sizeof(*clock) ||
	    !(le64_to_cpu(READ_ONCE(clock->flags)) & VMCLOCK_COUNTS))
		return "it does not count the restores of the machine";
	return NULL;
}

static const char *check(const void *memory, u64 room)
{
	const struct vmclock *clock = memory;
	const char *wrong = check_content(clock);

	BUILD_BUG_ON(offsetof(struct vmclock, seq) != 0x0c);
	BUILD_BUG_ON(offsetof(struct vmclock, flags) != 0x18);
	BUILD_BUG_ON(offsetof(struct vmclock, generation) != 0x68);
	BUILD_BUG_ON(sizeof(*clock) != 0x70);
	if (!wrong && le32_to_cpu(READ_ONCE(clock->size)) > room)
		wrong = "it is longer than its memory";
	return wrong;
}

/*
 * Counter and complement: never an ID that is none, and both halves move. A host that
 * does not stop writing is believed word by word: none of these tears, and a counter
 * that moves early moves anyway.
 */
static struct vmgenc_id sample(const void *memory)
{
	const struct vmclock *clock = memory;
	u64 generation;
	bool counts;
	int tries;
	u32 seq;

	for (tries = 0; tries < SAMPLE_TRIES; tries++) {
		seq = le32_to_cpu(READ_ONCE(clock->seq));
		/* Pairs with the host's write barrier before what it writes. */
		virt_rmb();
		counts = !check_content(clock);
		generation = le64_to_cpu(READ_ONCE(clock->generation));
		/* Pairs with the one after it. */
		virt_rmb();
		if (!(seq % 2) && le32_to_cpu(READ_ONCE(clock->seq)) == seq)
			break;
		cpu_relax();
	}
	return counts ? (struct vmgenc_id){ { generation, ~generation } } :
			(struct vmgenc_id){ };
}

static bool notifies(const void *memory)
{
	const struct vmclock *clock = memory;

	return le64_to_cpu(READ_ONCE(clock->flags)) & VMCLOCK_NOTIFIES;
}

const struct vmgenc_kind vmgenc_vmclock = {
	.size = sizeof(struct vmclock),
	.too_short = "its memory is shorter than 112 bytes",
	.counts = true,
	.check = check,
	.sample = sample,
	.notifies = notifies,
};
