/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the program nodes does with mappings of the nodes.
 */
#ifndef NODEMAPS_H
#define NODEMAPS_H

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "life.h"

static _Thread_local sigjmp_buf over;
static _Thread_local volatile sig_atomic_t may_fault;

static void fault(int number)
{
	if (may_fault)
		siglongjmp(over, 1);
	/* It is not ours: end of it, as if killed. */
	_exit(128 + number);
}

static void catch_faults(void)
{
	struct sigaction action = { .sa_handler = fault, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

static long keep_map(struct life *l, char *at, size_t size)
{
	unsigned int i = draw(l, N_MAPS);

	if (at == MAP_FAILED)
		return -1;
	if (l->maps[i].at)
		munmap(l->maps[i].at, l->maps[i].size);
	l->maps[i].at = at;
	l->maps[i].size = size;
	return 0;
}

static long do_map(struct life *l)
{
	static const int kinds[] = { MAP_SHARED, MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE };
	static const int flags[] = { 0, 0, 0, MAP_POPULATE, MAP_LOCKED, MAP_NORESERVE, MAP_SYNC, MAP_STACK };
	static const off_t offsets[] = { 0, 0, 4096, 4096, 8192, -4096, 1 };
	size_t size = 4096 * (size_t)(draw(l, 4) ? 1 : draw(l, 3));
	int prot = draw(l, 3) ? PROT_READ : (int)draw(l, 8);

	return keep_map(l, mmap(NULL, size, prot, kinds[draw(l, 4)] | flags[draw(l, 8)], any_fd(l),
				offsets[draw(l, 7)]), size);
}

/* Larger, smaller, elsewhere, once more. */
static long do_remap(struct life *l)
{
	static const int advice[] = { MADV_DONTNEED, MADV_DONTFORK, MADV_DOFORK, MADV_REMOVE, MADV_FREE,
				      MADV_MERGEABLE, MADV_HUGEPAGE, MADV_COLD, MADV_PAGEOUT,
				      MADV_WILLNEED, MADV_WIPEONFORK, MADV_DODUMP };
	unsigned int i = draw(l, N_MAPS);
	char *at = l->maps[i].at;
	size_t size = l->maps[i].size, new_size = 4096 * (size_t)(1 + draw(l, 3));

	switch (draw(l, 8)) {
	case 0:
		return mprotect(at, size, (int)draw(l, 8));
	case 1:
		return madvise(at, size, advice[draw(l, sizeof(advice) / sizeof(advice[0]))]);
	case 2:
		return toss(l) ? mlock(at, size) : munlock(at, size);
	case 3:
		return msync(at, size, toss(l) ? MS_SYNC : MS_ASYNC | MS_INVALIDATE);
	case 4:
		/* Others may get its place. */
		l->maps[i].at = NULL;
		return munmap(at, size);
	case 5:
		return keep_map(l, mremap(at, 0, 4096, MREMAP_MAYMOVE), 4096);
	case 6:
		return keep_map(l, mremap(at, size, size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP), size);
	}
	at = mremap(at, size, new_size, toss(l) ? MREMAP_MAYMOVE : 0);
	if (at == MAP_FAILED)
		return -1;
	l->maps[i].at = at;
	l->maps[i].size = new_size;
	return 0;
}

/* By the CPU, by a call, and as somebody who traces would. */
static long do_touch(struct life *l)
{
	unsigned int i = draw(l, N_MAPS);
	volatile char *at = l->maps[i].at;
	struct iovec own = { l->buffer, 4096 }, theirs = { l->maps[i].at, l->maps[i].size };
	unsigned char resident[4];

	switch (draw(l, 5)) {
	case 0:
		return process_vm_readv(getpid(), &own, 1, &theirs, 1, 0);
	case 1:
		return process_vm_writev(getpid(), &own, 1, &theirs, 1, 0);
	case 2:
		return mincore(l->maps[i].at, 4096, resident);
	}
	if (sigsetjmp(over, 1)) {
		may_fault = 0;
		return -1;
	}
	may_fault = 1;
	if (draw(l, 4))
		l->buffer[0] = at[draw(l, 4096)];
	else
		at[draw(l, 4096)] = 1;
	may_fault = 0;
	return 0;
}

#endif /* NODEMAPS_H */
