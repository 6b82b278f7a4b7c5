/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The reseed, on the real random number generator. What the kernel is asked
 * for is noted on the way, because it does not show afterwards.
 */
#include <errno.h>
#include <linux/random.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/compat.h"
#include "rng/random.h"
#include "scratch.h"
#include "tap.h"

static const uint8_t id[VMGEN_ID_SIZE] = "0123456789abcde";
static char asked[256];
/* What the kernel's pool holds before and after; 0: the kernel is asked. */
static int pool_bits[2];
static unsigned int n_counts;
/* This request fails. */
static unsigned long refused;

/* Instead of libc's. */
int ioctl(int fd, ioctl_request number, ...)
{
	unsigned int request = number;
	struct rand_pool_info *pool;
	char *end = asked + strlen(asked);
	va_list args;

	va_start(args, number);
	pool = va_arg(args, void *);
	va_end(args);
	if (request == RNDADDENTROPY)
		sprintf(end, "add %d bytes for %d bits%s, ", pool->buf_size, pool->entropy_count,
			memcmp(pool->buf, id, sizeof(id)) ? "" : ": the ID");
	else if (request == RNDRESEEDCRNG)
		strcpy(end, "reseed");
	if (request == refused) {
		errno = EIO;
		return -1;
	}
	if (!pool_bits[0] || request == RNDADDENTROPY)
		return syscall(SYS_ioctl, fd, request, pool);
	if (request == RNDGETENTCNT)
		*(int *)pool = pool_bits[n_counts++ % 2];
	return 0;
}

#define CLOCKS	"add 40 bytes for 0 bits, "

static void reseed(const char *device, const char *hardware, const uint8_t *the_id, int want,
		   size_t want_hardware, const char *want_asked, const char *name)
{
	size_t got_hardware = 99;

	asked[0] = '\0';
	equal(random_reseed(device, hardware, the_id, &got_hardware), want, name);
	equal(got_hardware, want_hardware, "so many bytes of hardware");
	if (!ok(!strcmp(asked, want_asked), "asked for: %s", want_asked))
		printf("# %s\n", asked);
}

/*
 * vmgend is killed while the hardware makes its child wait. Everybody's child
 * is this program's in the end.
 */
static void test_killed(void)
{
	char path[PATH_MAX];
	int lock, fifo = -1, status, i;
	size_t hardware;
	pid_t pid;

	strcpy(path, scratch_path("lock"));
	scratch_write("lock", "", 0600);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = fork();
	if (!pid) {
		lock = open(path, O_RDONLY);
		(void)flock(lock, LOCK_EX);
		for (;;)
			(void)random_reseed(RANDOM_DEVICE, scratch_path("fifo"), id, &hardware);
	}
	/* Opens as soon as the child does, which then reads for ever. */
	for (i = 0; i < SCRATCH_LOOKS && fifo < 0; i++) {
		fifo = open(scratch_path("fifo"), O_WRONLY | O_NONBLOCK);
		usleep(10000);
	}
	ok(fifo >= 0, "a child reads the hardware");
	(void)kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	/* The FIFO would be readable for ever by a child that lives on. */
	for (i = 0; i < SCRATCH_LOOKS && waitpid(-1, &status, WNOHANG) >= 0; i++)
		usleep(10000);
	ok(i < SCRATCH_LOOKS, "it dies with its parent");
	lock = open(path, O_RDONLY);
	equal(flock(lock, LOCK_EX | LOCK_NB), 0, "and keeps no lock of it");
	close(lock);
	close(fifo);
}

static void test_refused(void)
{
	refused = RNDRESEEDCRNG;
	reseed(RANDOM_DEVICE, "/nonexistent", NULL, -EIO, 0, CLOCKS "reseed", "a failed reseed: told");
	refused = RNDGETENTCNT;
	reseed(RANDOM_DEVICE, "/nonexistent", NULL, -EIO, 0, CLOCKS, "a pool that cannot be asked: told");
	refused = RNDADDENTROPY;
	reseed(RANDOM_DEVICE, scratch_path("short"), id, -EIO, 0, CLOCKS, "nothing can be added: told");
	refused = 0;
}

/* Large ones are those of kernels before 5.17; since 5.18 one that was full stays full. */
static void test_pool(void)
{
	static const struct {
		int before, after, want;
		const char *name;
	} pools[] = {
		{ 256, 256, 0, "a full pool: reseeds" },
		{ 3000, 2744, 0, "a large pool: reseeds" },
		{ 200, 8, 0, "a pool with enough: reseeds" },
		{ 200, 200, -EAGAIN, "a pool with too little of what is wanted: told" },
		{ 90, 96, -EAGAIN, "a pool with too little: told" },
	};

	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		pool_bits[0] = pools[i].before;
		pool_bits[1] = pools[i].after;
		reseed(RANDOM_DEVICE, "/nonexistent", NULL, pools[i].want, 0, CLOCKS "reseed", pools[i].name);
	}
	pool_bits[0] = 0;
}

int main(void)
{
	size_t hardware;
	int status;
	pid_t pid;

	scratch_create();
	scratch_write("short", "0123456789", 0600);
	if (mkfifo(scratch_path("fifo"), 0600))
		scratch_give_up("fifo");
	reseed(RANDOM_DEVICE, "/nonexistent", id, 0, 0,
	       CLOCKS "add 16 bytes for 0 bits: the ID, reseed", "reseeds without hardware");
	reseed(RANDOM_DEVICE, scratch_path("short"), NULL, 0, 10,
	       CLOCKS "add 10 bytes for 40 bits, reseed", "reseeds without an ID");
	reseed(RANDOM_DEVICE, scratch_path("short"), id, 0, 10,
	       CLOCKS "add 10 bytes for 40 bits, add 16 bytes for 0 bits: the ID, reseed", "reseeds with both");
	reseed(RANDOM_DEVICE, scratch_path("fifo"), id, 0, 0,
	       CLOCKS "add 16 bytes for 0 bits: the ID, reseed", "reseeds with hardware that hangs");
	reseed("/nonexistent", "/nonexistent", id, -ENOENT, 0, "", "no device: told");
	reseed("/dev/null", "/nonexistent", id, -ENOTTY, 0, CLOCKS, "another device: told");
	test_refused();
	test_pool();
	pid = fork();
	if (!pid)
		_exit(setuid(65534) || random_reseed(RANDOM_DEVICE, "/nonexistent", id, &hardware) != -EPERM);
	ok(waitpid(pid, &status, 0) == pid && !status, "without rights: told");
	ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no child is left");
	test_killed();
	return tap_done();
}
