/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A lock whose holder may be a thread that fork() left behind.
 */
#include "lock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	/* What any page of Linux aligns to, and the largest page of it that is served. */
	PAGE_MIN = 4096,
	PAGE_MAX = 65536,
	/*
	 * Where in its page the word is. Pages that are wiped and hold a 1 at their
	 * beginning are fork detectors of other libraries, which vmgend clears.
	 */
	WORD = 256,
	/* So that a neighbour's page of that kind never lies at ours. */
	PAGES = 2,
};

/*
 * In it, a word that the kernel wipes in a child. Not mapped on demand: what a thread
 * may be using cannot be unmapped at exit, and would be left by dlclose().
 */
static unsigned char room[(PAGES + 1) * PAGE_MAX] __attribute__((aligned(PAGE_MIN)));

/* Some emulators let every advice pass and do nothing. */
static bool is_wiped_by_fork(void *page, size_t size)
{
	return madvise(page, size, -1) < 0 && madvise(page, size, MADV_WIPEONFORK) == 0;
}

/* Returns NULL where nothing is wiped (before Linux 4.14, or emulated). */
static _Atomic uint32_t *word_of_process(void)
{
	static _Atomic enum { UNKNOWN, WIPED, KEPT } state;
	size_t size = source_page_size();
	unsigned char *page = room + (-(uintptr_t)room & (size - 1));
	int saved = errno;

	if (atomic_load(&state) == UNKNOWN) {
		/* Threads that come at the same time do the same. */
		atomic_store(&state, size <= PAGE_MAX && is_wiped_by_fork(page, PAGES * size) ?
					     WIPED : KEPT);
		errno = saved;
	}
	return atomic_load(&state) == WIPED ? (void *)(page + WORD) : NULL;
}

/*
 * Unlike that of every process that this one was forked from: process IDs are not, for
 * a child in a name space of its own may have the same. Not 0.
 */
static uint32_t this_process(void)
{
	/* What sentinels hold comes first. */
	static _Atomic uint32_t latest = 1;
	_Atomic uint32_t *word = word_of_process();
	uint32_t process, none = 0;

	if (!word)
		return (uint32_t)getpid();
	process = atomic_load(word);
	if (process)
		return process;
	/* Before the word: what a child goes on counting from is never behind it. */
	process = atomic_fetch_add(&latest, 1) + 1;
	return atomic_compare_exchange_strong(word, &none, process) ? process : none;
}

static uint64_t this_thread(void)
{
	return (uint64_t)this_process() << 32 | (uint32_t)gettid();
}

static void futex(uint32_t *word, int operation, uint32_t value)
{
	int saved = errno;

	(void)syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL);
	errno = saved;
}

int lock_take(word64 *owner, uint32_t *turn, bool wait)
{
	uint32_t before = __atomic_load_n(turn, __ATOMIC_ACQUIRE);
	uint64_t self = this_thread();
	word64 holder = 0;

	if (__atomic_compare_exchange_n(owner, &holder, self, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return 0;
	/* It was held when the process forked, by a thread that is not here. */
	if (holder >> 32 != self >> 32)
		return !__atomic_compare_exchange_n(owner, &holder, self, false,
						    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	if (holder == self || !wait)
		return -EBUSY;
	/* Pairs with lock_release(): a turn that is over is not waited for. */
	futex(turn, FUTEX_WAIT, before);
	return 1;
}

void lock_release(word64 *owner, uint32_t *turn)
{
	__atomic_store_n(owner, 0, __ATOMIC_RELEASE);
	/* Pairs with lock_take(). */
	__atomic_add_fetch(turn, 1, __ATOMIC_RELEASE);
	futex(turn, FUTEX_WAKE, INT_MAX);
}
