/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The look at all processes: what they map and are named, in a /proc that this program
 * makes up, and 5,000 real ones. Nothing of a stranger's may stop it.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#include "ctl/check/census.h"
#include "ctl/check/roll.h"
#include "scratch.h"
#include "tap.h"

#define TRACE	"crypto/rand/" "rand_lib.c"
#define BORING	"error:%08x:%s:OPENSSL_" "internal:%s"
#define SYSGENID	"/dev/" "sysgenid"
#define MAP	"7f2a1c000000-7f2a1c022000 r-xp 00000000 fe:00 247134   "

enum { CROWD = 5000, STACK_SIZE = 4096 };

/* Time is no matter here; what hangs, hangs for good. */
static const struct census_limits patient = {
	.total_ms = 600000, .programs_ms = 600000, .stall_ms = 60000,
};
static struct census census;
static struct census_aid aid = { .device = true };

/* Of a number that no process gets, or it could be this one's own, which is left out. */
static void process(int pid, const char *comm, const char *maps)
{
	char name[64];

	snprintf(name, sizeof(name), "proc/%d", pid);
	scratch_mkdir(name, 0755);
	snprintf(name, sizeof(name), "proc/%d/comm", pid);
	scratch_write(name, comm, 0644);
	snprintf(name, sizeof(name), "proc/%d/maps", pid);
	scratch_write(name, maps, 0644);
}

/* path: of its cgroup, as the kernel has it. */
static void belongs(int pid, const char *path)
{
	char name[64], text[256];

	snprintf(name, sizeof(name), "proc/%d/cgroup", pid);
	snprintf(text, sizeof(text), "0::%s\n", path);
	scratch_write(name, text, 0644);
}

/* A file with a hole of so many bytes, and then text. */
static void program(int pid, const char *name, off_t hole, const char *text)
{
	int fd = open(scratch_path("%s", name), O_RDWR | O_CREAT, 0755);

	if (fd < 0 || write(fd, "\177ELF", 4) != 4 ||
	    pwrite(fd, text, strlen(text), hole) != (ssize_t)strlen(text) ||
	    ftruncate(fd, hole + (1 << 20)))
		scratch_give_up(name);
	close(fd);
	if (symlink(scratch_path("%s", name), scratch_path("proc/%d/exe", pid)))
		scratch_give_up("symlink");
}

/* More text in the program of a process. */
static void add(int pid, off_t at, const char *text)
{
	int fd = open(scratch_path("proc/%d/exe", pid), O_WRONLY | O_CLOEXEC);

	if (pwrite(fd, text, strlen(text), at) != (ssize_t)strlen(text))
		scratch_give_up("a program");
	close(fd);
}

static void clean(void)
{
	char command[PATH_MAX + 16];

	snprintf(command, sizeof(command), "rm -rf '%s'", scratch_path("proc"));
	if (system(command))
		scratch_give_up("rm");
	scratch_mkdir("proc", 0755);
}

static void take(const struct census_limits *limits)
{
	memset(&census, 0, sizeof(census));
	equal(census_take(scratch_path("proc"), &aid, limits, &census), 0, "a look is taken");
}

static void shows(enum census_kind kind, const char *names)
{
	char found[CENSUS_NAMES_SIZE];

	(void)roll_names(&census, kind, true, found);
	if (!ok(!strcmp(found, names), "kind %d: %s", kind, names))
		printf("# %s\n", found);
}

static unsigned int sum(void)
{
	unsigned int n = 0, i;

	for (i = 0; i < CENSUS_KINDS; i++)
		n += census.kinds[i].count;
	return n;
}

static void test_kinds(void)
{
	clean();
	process(9000101, "nginx\n", MAP "/usr/sbin/nginx\n" MAP "/usr/lib/libcrypto.so.3\n");
	process(9000102, "old\n", MAP "/usr/lib/libcrypto.so.1.1 (deleted)\n");
	process(9000103, "new\n", MAP "/usr/lib/libcrypto.so.3\n" MAP "/usr/lib/ossl-modules/vmgen.so (deleted)\n"
		MAP "/dev/vmgenid\n");
	process(9000104, "early\n", MAP "/usr/lib/ossl-modules/vmgen.so\n");
	process(9000105, "none\n", MAP "/opt/libcrypto.so.d/other.so\n" MAP "[anon:/libcrypto.so.3]\n" MAP "\n"
		MAP "/lib/libcrypto.so.3/x\n");
	process(9000106, "kthread\n", "");
	process(9000107, "fake\n", MAP "/usr/lib/ossl-modules/vmgen.so\n" MAP "/home/x /dev/vmgenid\n");
	process(9000108, "strict\n", MAP "/usr/lib/ossl-modules/vmgen.so\n" MAP "/dev/vmgenid\n"
		MAP "/usr/lib/ossl-modules/fips.so\n");
	take(&patient);
	shows(CENSUS_UNPROTECTED, "nginx (9000101), old (9000102)");
	shows(CENSUS_FIPS, "strict (9000108)");
	shows(CENSUS_PROTECTED, "new (9000103)");
	shows(CENSUS_WITHOUT_DEVICE, "early (9000104), fake (9000107)");
	equal(census.kinds[CENSUS_WITHOUT].count, 2, "a name in a directory or in brackets is none");
	equal(sum(), 8, "each is counted once");
}

/* Each library by the file that the kernel has mapped to be executed. */
static const struct {
	const char *maps;
	enum census_kind kind;
} libraries[] = {
	{ MAP "/usr/lib/x86_64-linux-gnu/libgnutls.so.30.34.3\n", CENSUS_GNUTLS },
	{ MAP "/usr/lib64/libgnutls.so.30.40.1 (deleted)\n", CENSUS_GNUTLS },
	{ MAP "/usr/lib/x86_64-linux-gnu/nss/libfreeblpriv3.so\n", CENSUS_NSS },
	{ MAP "/usr/lib64/libfreebl3.so\n", CENSUS_NSS },
	{ MAP "/usr/lib/x86_64-linux-gnu/libgcrypt.so.20.4.1\n", CENSUS_GCRYPT },
	{ MAP "/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so\n", CENSUS_JAVA },
	{ MAP "/usr/lib/x86_64-linux-gnu/android/libcrypto.so.0\n", CENSUS_BORINGSSL },
	{ MAP "/opt/app/lib/libcrypto.so.1.1.1k\n", CENSUS_UNPROTECTED },
	{ MAP "/home/me/libcrypto.so.3\n", CENSUS_STATIC },
	{ MAP "/usr/lib/libcrypto.so.3\n" MAP "/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so\n"
	  MAP "/usr/lib/libssl.so.3\n", CENSUS_UNPROTECTED },
	{ MAP "/usr/lib/libgcrypt.so.20\n" MAP "/lib/libsystemd.so.0.35.0\n"
	  MAP "/usr/lib/libssh-gcrypt.so.4.9.0\n", CENSUS_GCRYPT },
	/* What draws nothing from the library that it brings along. */
	{ MAP "/usr/lib/libcrypto.so.3\n" MAP "/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so\n",
	  CENSUS_WITHOUT },
	{ MAP "/usr/lib/libcrypto.so.3\n" MAP "/usr/lib/python3.11/lib-dynload/_hashlib.cpython-311-x86_64-linux-gnu.so\n",
	  CENSUS_WITHOUT },
	{ MAP "/usr/lib/libcrypto.so.3\n" MAP "/usr/lib/x86_64-linux-gnu/libkmod.so.2.4.0\n", CENSUS_WITHOUT },
	{ MAP "/usr/lib/libgcrypt.so.20\n" MAP "/usr/lib/x86_64-linux-gnu/libsystemd.so.0.35.0\n", CENSUS_WITHOUT },
	/* Names that anybody can give a file. */
	{ MAP "/home/me/libgnutls.so.30\n", CENSUS_WITHOUT },
	{ MAP "/tmp/usr/lib/libgnutls.so.30\n", CENSUS_WITHOUT },
	{ MAP "/memfd:/usr/lib/libgnutls.so.30 (deleted)\n", CENSUS_WITHOUT },
	{ MAP "/usr/lib/libgnutls.so.30/x\n", CENSUS_WITHOUT },
	{ MAP "/usr/lib/libgnutls.so.30\\012\n", CENSUS_WITHOUT },
	{ MAP "/usr/lib/libgnutls.so.30 $(reboot)\n", CENSUS_WITHOUT },
	{ MAP "/usr/lib/libgnutlsxx.so.30\n", CENSUS_WITHOUT },
	{ "7f2a1c000000-7f2a1c022000 r--p 00000000 fe:00 247134   /usr/lib/libgnutls.so.30\n", CENSUS_WITHOUT },
	{ "7f2a1c000000-7f2a1c022000 rw-p 00000000 00:00 0   [anon:x r-xp /usr/lib/libgnutls.so.30]\n",
	  CENSUS_WITHOUT },
	{ MAP "/usr/lib/libcrypto.so.3.bak-of-mine/x\n", CENSUS_WITHOUT },
};

static void test_libraries(void)
{
	size_t i;

	for (i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		clean();
		process(9000101, "program\n", libraries[i].maps);
		memset(&census, 0, sizeof(census));
		ok(!census_take(scratch_path("proc"), &aid, &patient, &census) &&
		   census.kinds[libraries[i].kind].count == 1 && sum() == 1, "library %zu: kind %d", i,
		   libraries[i].kind);
	}
	clean();
	process(9000101, "both\n", MAP "/usr/lib/libgnutls.so.30\n" MAP "/usr/lib/libcrypto.so.3\n");
	take(&patient);
	ok(census.kinds[CENSUS_GNUTLS].count == 1 && census.kinds[CENSUS_UNPROTECTED].count == 1,
	   "one that has two counts for both");
	clean();
	process(9000101, "awslc\n", MAP "/usr/lib/x86_64-linux-gnu/android/libcrypto.so.0\n" MAP "/dev/sysgenid\n");
	take(&patient);
	equal(census.kinds[CENSUS_WITHOUT].count, 1, "what asks /dev/sysgenid needs nothing");
	clean();
	process(9000101, "boring\n", MAP "/usr/lib/x86_64-linux-gnu/android/libcrypto.so.0\n");
	belongs(9000101, "/system.slice/boring.service");
	take(&patient);
	shows(CENSUS_BORINGSSL, "boring.service");
	aid.sentinels = true;
	take(&patient);
	shows(CENSUS_SENTINEL, "boring.service");
	shows(CENSUS_BORINGSSL, "");
	equal(census.n_members, 0, "a sentinel that vmgend zeroes leaves nothing to be restarted");
	aid.sentinels = false;
}

/* A service is named by the kernel's cgroup, not by what its processes call themselves. */
static void test_units(void)
{
	struct census_limits services = patient;

	services.services_only = true;
	clean();
	process(9000101, "mail\n", MAP "/usr/lib/libgnutls.so.30\n");
	belongs(9000101, "/system.slice/exim4.service");
	process(9000102, "mail\n", MAP "/usr/lib/libgnutls.so.30\n" MAP "/usr/lib/libcrypto.so.3\n");
	belongs(9000102, "/system.slice/exim4.service/worker");
	process(9000103, "exim4.service\n", MAP "/usr/lib/libgnutls.so.30\n");
	belongs(9000103, "/user.slice/user-1000.slice/user@1000.service/app.slice/exim4.service");
	process(9000104, "sh\n", MAP "/usr/lib/libgnutls.so.30\n");
	belongs(9000104, "/user.slice/user-1000.slice/session-3.scope");
	process(9000105, "hook\n", MAP "/usr/lib/libgnutls.so.30\n" MAP "/usr/lib/libcrypto.so.3\n");
	belongs(9000105, "/system.slice/vmgend.service/hook-80-mine");
	take(&patient);
	shows(CENSUS_GNUTLS, "exim4.service, exim4.service (9000103), sh (9000104)");
	shows(CENSUS_UNPROTECTED, "exim4.service");
	equal(census.kinds[CENSUS_WITHOUT].count, 1, "what vmgend has begun ends by itself");
	ok(census.n_units == 1 && census.n_members == 2 && census.members[0].pid == 9000101 &&
	   census.members[1].kinds == (1U << CENSUS_UNPROTECTED | 1U << CENSUS_GNUTLS), "with its processes");
	take(&services);
	shows(CENSUS_GNUTLS, "exim4.service");
	equal(census.kinds[CENSUS_WITHOUT].count, 3, "of others nothing is asked for a restart");
}

static void test_names(void)
{
	char maps[256];
	int i;

	clean();
	process(9000101, "\033]0;PWNED\a\n", MAP "/lib/libcrypto.so.3\n");
	process(9000102, "\xff\xfe\x9b" "31m\n", MAP "/lib/libcrypto.so.3\n");
	process(9000103, "sshd (1), x\n", MAP "/lib/libcrypto.so.3\n");
	process(9000104, "a\nb\u202e\n", MAP "/lib/libcrypto.so.3\n");
	process(9000105, "\n", MAP "/lib/libcrypto.so.3\n");
	take(&patient);
	shows(CENSUS_UNPROTECTED, "\\x1b]0;PWNED\\x07 (9000101), \\xff\\xfe\\x9b31m (9000102), "
	      "\"sshd (1), x\" (9000103), a\\x0ab\\u202e (9000104), ? (9000105)");
	snprintf(maps, sizeof(maps), MAP "/lib/libcrypto.so.3\n");
	for (i = 9000200; i < 9000300; i++)
		process(i, "\001\001\001\001\001\001\001\001\001\001\001\001\001\001\001\n", maps);
	take(&patient);
	i = strlen(census.kinds[CENSUS_UNPROTECTED].names);
	ok(i < CENSUS_NAMES_SIZE && !strcmp(census.kinds[CENSUS_UNPROTECTED].names + i - 5, ", ..."),
	   "a long list ends with dots");
	equal(census.kinds[CENSUS_UNPROTECTED].count, 105, "and all are counted");
}

static void test_programs(void)
{
	static const char longer[] = MAP "/opt/program\n";
	struct census_limits hasty = patient;

	clean();
	process(9000101, "plain\n", longer);
	program(9000101, "plain", 1 << 20, "nothing");
	process(9000102, "own\n", longer);
	/* Across the chunks in which it is read. */
	program(9000102, "own", (1 << 18) - 7, TRACE);
	process(9000103, "sparse\n", longer);
	program(9000103, "sparse", INT64_C(1) << 40, TRACE);
	process(9000107, "boring\n", longer);
	program(9000107, "boring", 1 << 18, BORING);
	process(9000108, "aws\n", longer);
	/* Before it, far from it. */
	program(9000108, "aws", 1 << 19, BORING);
	add(9000108, (1 << 18) - 5, SYSGENID);
	process(9000104, "empty\n", longer);
	program(9000104, "empty", INT64_C(1) << 40, "x");
	process(9000105, "fifo\n", longer);
	if (mkfifo(scratch_path("proc/9000105/exe"), 0644))
		scratch_give_up("fifo");
	process(9000106, "node\n", longer);
	if (symlink("/proc/self/stat", scratch_path("proc/9000106/exe")))
		scratch_give_up("symlink");
	take(&patient);
	shows(CENSUS_STATIC, "own (9000102), sparse (9000103)");
	shows(CENSUS_BORINGSSL, "boring (9000107), aws (9000108)");
	ok(census.bytes < 4 << 20, "of files with a hole of 1 TiB no more is read than they have: %llu bytes",
	   (unsigned long long)census.bytes);
	equal(census.kinds[CENSUS_WITHOUT].count, 2, "those without one are known to be");
	shows(CENSUS_UNKNOWN, "fifo (9000105)");
	shows(CENSUS_STRANGE, "node (9000106)");
	hasty.programs_ms = 0;
	take(&hasty);
	equal(census.kinds[CENSUS_UNKNOWN].count, 7, "without time none counts as well");
	equal(sum(), 8, "and each is counted once");
	aid.sentinels = true;
	take(&patient);
	shows(CENSUS_SENTINEL, "boring (9000107)");
	/* vmgend leaves its sentinel alone. */
	shows(CENSUS_BORINGSSL, "aws (9000108)");
	aid.sentinels = false;
}

/* What blocks or has no end. The kernel's own files may: of a process that hangs. */
static void test_bounds(void)
{
	static char many[9 << 20];
	struct census_limits hasty = patient;
	size_t used = 0;

	hasty.stall_ms = 2000;
	clean();
	process(9000101, "first\n", MAP "/lib/libcrypto.so.3\n");
	process(9000102, "hung\n", "");
	unlink(scratch_path("proc/9000102/maps"));
	if (mkfifo(scratch_path("proc/9000102/maps"), 0644))
		scratch_give_up("fifo");
	while (used + sizeof(MAP) + 1 < sizeof(many))
		used += sprintf(many + used, MAP "\n");
	process(9000103, "huge\n", many);
	memset(many, 'x', 10000);
	memcpy(many, MAP "/", sizeof(MAP));
	strcpy(many + 10000, "/libcrypto.so.3\n");
	process(9000104, "long\n", many);
	process(9000105, "last\n", MAP "/lib/libcrypto.so.3\n");
	take(&hasty);
	shows(CENSUS_UNPROTECTED, "first (9000101), last (9000105)");
	shows(CENSUS_UNKNOWN, "hung (9000102), huge (9000103), long (9000104)");
	hasty.total_ms = 0;
	take(&hasty);
	equal(census.kinds[CENSUS_UNKNOWN].count, 5, "when the time is over the rest counts as unknown");
	equal(census_limits.total_ms, 1500, "vmgenctl check takes no longer than its manual says");
	ok(census_take(scratch_path("nowhere"), &aid, &patient, &census) == -ENOENT, "no /proc is no look");
}

static int sleeper(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return 0;
}

/* In a PID name space of its own, so that it ends with its first process. */
static int be_crowded(const char *proc)
{
	char *stacks = malloc((size_t)CROWD * STACK_SIZE);
	struct timespec start, end;
	int i, r, n = 0;

	if (!stacks || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", proc, "proc", 0, NULL))
		return 1;
	for (i = 0; i < CROWD; i++)
		n += clone(sleeper, stacks + (size_t)(i + 1) * STACK_SIZE, CLONE_VM | SIGCHLD, NULL) > 0;
	equal(n, CROWD, "5,000 processes are begun");
	clock_gettime(CLOCK_MONOTONIC, &start);
	r = census_take(proc, &aid, &patient, &census);
	clock_gettime(CLOCK_MONOTONIC, &end);
	equal(r, 0, "and looked at");
	equal(sum(), CROWD, "all of them");
	equal(census.kinds[CENSUS_STATIC].count, CROWD, "and into their program, to the end");
	printf("# it took %.0f ms\n", (end.tv_sec - start.tv_sec) * 1e3 +
	       (end.tv_nsec - start.tv_nsec) / 1e6);
	printf("# %llu bytes of programs were read\n", (unsigned long long)census.bytes);
	ok(census.bytes < 64 << 20, "and their program is read once");
	fflush(stdout);
	_exit(tap_failures ? 1 : 0);
}

static void test_crowd(void)
{
	char count[16], self[PATH_MAX] = "";
	int status = -1;
	pid_t pid;

	clean();
	snprintf(count, sizeof(count), "%u", tap_count);
	(void)!readlink("/proc/self/exe", self, sizeof(self) - 1);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		/* Nothing can be forked any more when the first one there has ended. */
		if (unshare(CLONE_NEWPID | CLONE_NEWNS))
			_exit(1);
		pid = fork();
		if (!pid)
			/* From a mount of that name space. */
			execl(self, "t-census", scratch_path("proc"), count, NULL);
		_exit(waitpid(pid, &status, 0) != pid || status);
	}
	(void)waitpid(pid, &status, 0);
	/* Those of the child. */
	tap_count += 5;
	equal(status, 0, "and none stopped the look");
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		/* After those of test_crowd()'s caller. */
		tap_count = atoi(argv[2]);
		return be_crowded(argv[1]);
	}
	scratch_create();
	test_kinds();
	test_libraries();
	test_units();
	test_names();
	test_programs();
	test_bounds();
	test_crowd();
	return tap_done();
}
