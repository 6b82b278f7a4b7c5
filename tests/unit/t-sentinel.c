/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Fork sentinels of real processes: that those of the right shape are zeroed, that
 * everything else is left alone, and that no process holds up more than the look at
 * itself. Only processes of this test are looked at: its list of processes has no others.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sentinel/look.h"
#include "sentinel/patrol.h"
#include "sentinel/sentinel.h"
#include "scratch.h"
#include "standin.h"
#include "tap.h"


static const struct {
	const char *name, *script;
	uint32_t zeroed, aware;
	const char *left;
} cases[] = {
	{ "a sentinel of eight bytes is zeroed", STANDIN_SENTINEL, 1, 0,
	  "00000000000000000000000000000000" },
	{ "a sentinel of one byte is zeroed", "p = pages(1); c.memmove(p, b'\\1', 1); serve(p)", 1,
	  0, "00000000000000000000000000000000" },
	{ "one that tells of a fork already stays so", "p = pages(1); put(p, 0); serve(p)", 0, 0,
	  "00000000000000000000000000000000" },
	{ "the counters of an arc4random stay",
	  "p = pages(1); put(p, 1, 1600000, 1023); serve(p)", 0, 0,
	  "0100000000000000006a180000000000" },
	{ "a counter that is 1 now with a key behind it stays",
	  "p = pages(1); put(p, 1); put(p + 2048, 7); serve(p)", 0, 0,
	  "01000000000000000000000000000000" },
	{ "a counter that is 2 stays", "p = pages(1); put(p, 2); serve(p)", 0, 0,
	  "02000000000000000000000000000000" },
	{ "the first of two pages stays", "p = pages(2); put(p, 1); serve(p)", 0, 0,
	  "01000000000000000000000000000000" },
	{ "a page that is not wiped at fork stays", "p = pages(1, 0); put(p, 1); serve(p)", 0, 0,
	  "01000000000000000000000000000000" },
	{ "shared memory stays", "p = pages(1, 0, 0x21); put(p, 1); serve(p)", 0, 0,
	  "01000000000000000000000000000000" },
	{ "what is not to be written stays", "p = pages(1); put(p, 1); protect(p, 1); serve(p)", 0,
	  0, "01000000000000000000000000000000" },
	{ "code stays", "p = pages(1); put(p, 1); protect(p, 7); serve(p)", 0, 0,
	  "01000000000000000000000000000000" },
	{ "a sentinel with a forged name is one",
	  "p = pages(1); put(p, 1); libc.prctl(0x53564d41, 0, c.c_long(p), c.c_long(size), b'/dev/sysgenid')\n"
	  "serve(p)", 1, 0, "00000000000000000000000000000000" },
	{ "a process that maps a sysgenid is left alone",
	  "fd = os.open('sysgenid', os.O_RDWR | os.O_CREAT, 0o600); os.ftruncate(fd, 4 * size)\n"
	  "q = pages(1, 0, 1, fd); p = pages(1); put(p, 1); serve(p)", 0, 1,
	  "01000000000000000000000000000000" },
	{ "a process that has it and no sentinel is none of them",
	  "fd = os.open('sysgenid', os.O_RDWR | os.O_CREAT, 0o600); os.ftruncate(fd, 4 * size)\n"
	  "q = pages(1, 0, 1, fd); p = pages(1); put(p, 2); serve(p)", 0, 0,
	  "02000000000000000000000000000000" },
	{ "one with thousands of mappings and newlines in names is looked at to its end",
	  "fd = os.open('a\\nVmFlags: wf\\n1000-2000 rw-p 00000000 00:00 0', os.O_RDWR | os.O_CREAT)\n"
	  "os.ftruncate(fd, 4 * size)\n"
	  "for i in range(3000): pages(1, 0, 2, fd)\n"
	  STANDIN_SENTINEL, 1, 0, "00000000000000000000000000000000" },
};

static void look(pid_t pid, uint32_t counts[TALLY_KINDS])
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	memset(counts, 0, TALLY_KINDS * sizeof(counts[0]));
	/* In a name space of processes there may be none of that number. */
	if (fd < 0)
		return;
	look_at_process(fd, counts);
	close(fd);
}

static void test_cases(void)
{
	uint32_t counts[TALLY_KINDS];
	struct standin standin;
	char text[64];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		standin = standin_start(cases[i].script);
		look(standin.pid, counts);
		if (!ok(counts[TALLY_ZEROED] == cases[i].zeroed &&
			counts[TALLY_AWARE] == cases[i].aware && !counts[TALLY_REFUSED] &&
			!counts[TALLY_UNSEEN] && !strcmp(standin_ask(&standin, text), cases[i].left),
			"%s", cases[i].name))
			printf("# zeroed %u, aware %u, refused %u, unseen %u: %s\n",
			       counts[TALLY_ZEROED], counts[TALLY_AWARE], counts[TALLY_REFUSED],
			       counts[TALLY_UNSEEN], text);
		standin_stop(&standin);
	}
}

static uint8_t *sentinel_page(void)
{
	size_t size = sysconf(_SC_PAGESIZE);
	uint8_t *page = mmap(NULL, 3 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);

	if (page == MAP_FAILED || madvise(page + size, size, MADV_WIPEONFORK))
		scratch_give_up("a page");
	page[size] = 1;
	return page + size;
}

static void *stay(void *told)
{
	(void)!write(*(int *)told, "", 1);
	for (;;)
		pause();
	return NULL;
}

/* This program has the name of /dev/sysgenid in it, as AWS-LC has. */
static void test_own(void)
{
	uint32_t counts[TALLY_KINDS];
	pthread_t thread;
	int fds[2];
	pid_t pid;
	char byte;

	if (pipe(fds))
		scratch_give_up("pipe");
	pid = fork();
	if (!pid) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)sentinel_page();
		if (!pthread_create(&thread, NULL, stay, &fds[1]))
			(void)syscall(SYS_exit, 0);
		_exit(1);
	}
	ok(read(fds[0], &byte, 1) == 1, "a process whose first thread has ended");
	/* It ends while the other one tells. */
	while (look(pid, counts), !counts[TALLY_AWARE] && !kill(pid, 0))
		;
	ok(counts[TALLY_AWARE] == 1 && !counts[TALLY_ZEROED],
	   "is looked at, and left alone, as it knows /dev/sysgenid");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	look(1, counts);
	look(2, counts);
	ok(!counts[TALLY_ZEROED] && !counts[TALLY_REFUSED] && !counts[TALLY_UNSEEN],
	   "a thread of the kernel, and what has ended, are nothing to report");
	close(fds[0]);
	close(fds[1]);
}

/* A page that is there when this process says so. */
#define MISSING_PAGE \
	"fd = libc.syscall({'x86_64': 323, 'aarch64': 282}[platform.machine()], 0o2000000)\n" \
	"import fcntl\n" \
	"fcntl.ioctl(fd, 0xc018aa3f, struct.pack('3Q', 0xaa, 0, 0))\n" \
	"p = pages(1)\n" \
	"fcntl.ioctl(fd, 0xc020aa00, struct.pack('4Q', p, size, 1, 0))\n" \
	"serve(pages(1))\n"

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static const char *proc;

enum { MISSING = 2, GOOD = 4, ALL = MISSING + GOOD, BLOCKERS = 70 };

static void start_all(struct standin standins[ALL])
{
	int i;

	for (i = 0; i < ALL; i++) {
		standins[i] = standin_start(i < MISSING ? MISSING_PAGE : STANDIN_SENTINEL);
		standin_list(&standins[i], true);
	}
	(void)kill(standins[ALL - 1].pid, SIGSTOP);
}

/* Before all others, as a user whose memory lies on a file system of his own can do. */
static void block(void)
{
	char name[32];
	int i;

	for (i = 0; i < BLOCKERS; i++) {
		snprintf(name, sizeof(name), "proc/%d", i + 1);
		scratch_mkdir(name, 0755);
		snprintf(name, sizeof(name), "proc/%d/smaps", i + 1);
		/* Who opens it waits for somebody who writes. */
		if (mkfifo(scratch_path("%s", name), 0600))
			scratch_give_up("a FIFO");
	}
}

static void unblock(void)
{
	int i;

	for (i = 0; i < BLOCKERS; i++) {
		(void)unlink(scratch_path("proc/%d/smaps", i + 1));
		(void)rmdir(scratch_path("proc/%d", i + 1));
	}
}

static void stop_all(struct standin standins[ALL])
{
	int i;

	for (i = 0; i < ALL; i++) {
		standin_list(&standins[i], false);
		standin_stop(&standins[i]);
	}
}

static unsigned int count_workers(void)
{
	char text[32];
	unsigned int n = 0;
	pid_t pid;
	FILE *file;

	snprintf(text, sizeof(text), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(text, "r");
	while (file && fscanf(file, "%d", &pid) == 1)
		n++;
	if (file)
		fclose(file);
	return n;
}

static void test_patrol(void)
{
	static const struct patrol_limits limits = {
		.stall_ms = 20, .process_ms = 2000, .total_ms = 60000,
	};
	struct patrol *patrol = patrol_new(proc, &limits);
	struct standin standins[ALL];
	struct tally tally = { .known = false };
	int64_t begin;
	char text[64];
	int i, n;

	start_all(standins);
	block();
	begin = now_ms();
	patrol_begin(patrol);
	while (!patrol_advance(patrol, &tally))
		usleep(PATROL_STEP_MS * 1000);
	printf("# all of it: %lld ms\n", (long long)(now_ms() - begin));
	ok(tally.known && tally.counts[TALLY_ZEROED] == GOOD, "the others are zeroed");
	equal(tally.counts[TALLY_BLOCKED], BLOCKERS, "those that hold it up are counted");
	ok(!tally.counts[TALLY_REFUSED] && !tally.counts[TALLY_UNSEEN], "and nothing else");
	ok(now_ms() - begin < BLOCKERS * (int)limits.process_ms / 4, "their times are not added up");
	(void)kill(standins[ALL - 1].pid, SIGCONT);
	for (i = MISSING, n = 0; i < ALL; i++)
		n += standin_ask(&standins[i], text)[1] == '0';
	equal(n, GOOD, "also of one that was stopped");
	/* They were killed, and that is not waited for. */
	for (i = 0; i < SCRATCH_LOOKS && count_workers() > ALL; i++) {
		(void)patrol_advance(patrol, &tally);
		usleep(10000);
	}
	equal(count_workers(), ALL, "no worker is left");
	patrol_free(patrol);
	stop_all(standins);
	unblock();
}

static void test_again(void)
{
	struct standin standin = standin_start("p = pages(1); put(p, 1)\n"
				       "print('ready', flush=True)\n"
				       "for line in sys.stdin: put(p, 1); print('again', flush=True)");
	struct patrol *patrol = patrol_new(proc, &patrol_limits);
	struct tally tally;
	unsigned int rounds, good = 0;
	char text[64];

	standin_list(&standin, true);
	for (rounds = 0; rounds < 50; rounds++) {
		/* As changes that follow each other at once. */
		patrol_begin(patrol);
		if (rounds % 2)
			patrol_begin(patrol);
		while (!patrol_advance(patrol, &tally))
			usleep(1000);
		/* The one that was broken off may have done it. */
		good += tally.counts[TALLY_ZEROED] + rounds % 2 >= 1 &&
			tally.counts[TALLY_ZEROED] <= 1 && !tally.counts[TALLY_UNSEEN] &&
			!tally.counts[TALLY_BLOCKED];
		(void)standin_ask(&standin, text);
	}
	equal(good, rounds, "a patrol that begins anew counts nothing twice, and misses nothing");
	patrol_free(patrol);
	standin_list(&standin, false);
	standin_stop(&standin);
}

/* As the guardian uses it. */
static void test_process(void)
{
	struct standin standin = standin_start(STANDIN_SENTINEL);
	struct sentinel sentinel = { .pid = 0 };
	struct sentinel_report report;
	char text[64];
	int64_t begin;
	int i, r;

	ok(sentinel_wake(&sentinel, 1) == -ESRCH && sentinel_read(&sentinel, &report) == -EAGAIN,
	   "where there is none nothing is done");
	standin_list(&standin, true);
	equal(sentinel_start(proc, &sentinel), 0, "a process stands by");
	ok(sentinel_read(&sentinel, &report) == -EAGAIN && standin_ask(&standin, text)[1] == '1',
	   "and does nothing");
	begin = now_ms();
	equal(sentinel_wake(&sentinel, 7), 0, "until it is woken");
	for (i = 0; i < SCRATCH_LOOKS && (r = sentinel_read(&sentinel, &report)) == -EAGAIN; i++)
		usleep(i < 1000 ? 100 : 10000);
	printf("# from the wake to the tally: %lld ms\n", (long long)(now_ms() - begin));
	ok(!r && report.generation == 7 && report.tally.counts[TALLY_ZEROED] == 1 &&
	   standin_ask(&standin, text)[1] == '0', "it tells what it has done, and for which generation");
	(void)kill(sentinel.pid, SIGKILL);
	for (i = 0; i < SCRATCH_LOOKS && (r = sentinel_read(&sentinel, &report)) == -EAGAIN; i++)
		usleep(10000);
	equal(r, -EPIPE, "its end is seen");
	(void)waitpid(sentinel.pid, NULL, 0);
	sentinel_stop(&sentinel);
	ok(!sentinel.pid, "and there is none");
	standin_list(&standin, false);
	standin_stop(&standin);
}

/*
 * What Debian builds of BoringSSL, with as many threads that draw: it reseeds each time,
 * once, and none of them comes to harm.
 */
static void test_boringssl(void)
{
	struct standin standin = standin_start(
		"lib = c.CDLL('/usr/lib/%s-linux-gnu/android/libcrypto.so.0' % platform.machine())\n"
		"lib.CRYPTO_get_fork_generation.restype = c.c_uint64\n"
		"def draw():\n"
		"    at = c.create_string_buffer(256)\n"
		"    while lib.RAND_bytes(at, 256) == 1: pass\n"
		"    os._exit(1)\n"
		"for i in range(64): threading.Thread(target=draw, daemon=True).start()\n"
		"answer(lib.CRYPTO_get_fork_generation)\n");
	uint32_t counts[TALLY_KINDS], zeroed = 0, wanted = getenv("VMGEN_ALL") ? 10000 : 30;
	unsigned int looks = 0;
	char text[64];

	/* Between threads that never rest. */
	(void)setpriority(PRIO_PROCESS, 0, -20);
	equal(atoll(standin_ask(&standin, text)), 1, "a program with BoringSSL draws");
	for (; zeroed < wanted && looks < 1000 * wanted && !kill(standin.pid, 0); looks++) {
		look(standin.pid, counts);
		zeroed += counts[TALLY_ZEROED];
		if (counts[TALLY_AWARE] || counts[TALLY_REFUSED] || counts[TALLY_UNSEEN])
			break;
	}
	equal(zeroed, wanted, "its sentinel is zeroed again and again");
	equal(atoll(standin_ask(&standin, text)), wanted + 1, "and it seeds anew each time");
	(void)setpriority(PRIO_PROCESS, 0, 0);
	standin_stop(&standin);
}

int main(void)
{
	scratch_create();
	proc = strdup(scratch_path("proc"));
	if (!proc || mkdir(proc, 0755))
		scratch_give_up("proc");
	test_cases();
	test_own();
	test_patrol();
	test_again();
	test_process();
	test_boringssl();
	free((char *)proc);
	return tap_done();
}
