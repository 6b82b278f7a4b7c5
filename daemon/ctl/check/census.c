/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which processes have generators in them. A worker looks, in memory that it shares with
 * this process, which ends it when it hangs and lets the next one go on behind that.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/compat.h"
#include "census.h"
#include "mapped.h"
#include "program.h"
#include "roll.h"

enum {
	/* Of maps: a path and some more. */
	LINE_SIZE = 4352,
	/* The kernel lets a process have 65530 mappings, with short names mostly. */
	MAPS_LIMIT = 8 << 20,
	MOUNTS_LIMIT = 8 << 20,
	MAX_PROCESSES = 1 << 16,
	/* Between looks at the worker, and for its end. */
	POLL_MS = 20,
	END_MS = 100,
	PIPE_FD = 3,
};

const struct census_limits census_limits = {
	.total_ms = 1500, .programs_ms = 1000, .stall_ms = 250, .services_only = false,
};
const struct census_limits census_patient_limits = {
	.total_ms = 20000, .programs_ms = 15000, .stall_ms = 2000, .services_only = true,
};

/* What a worker has done stays when it is ended. */
struct shared {
	struct census census;
	struct programs programs;
	bool listed, done;
	int error;
	/* The first that is not counted yet, and the last that was begun with. */
	size_t next, begun;
	size_t n_pids, n_more;
	int pids[MAX_PROCESSES];
};

struct look {
	const char *proc;
	struct census_aid aid;
	bool services_only;
	pid_t caller;
	int64_t deadline_ns, programs_deadline_ns;
	struct mounts mounts;
	struct shared *shared;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Returns bits of kinds by what is mapped. ret_any: anything is; ret_openssl: OpenSSL is. */
static unsigned int read_maps(const struct look *look, FILE *file, bool *ret_any, bool *ret_openssl)
{
	size_t limit = MAPS_LIMIT, length;
	unsigned int mapped = 0;
	char line[LINE_SIZE];

	while (fgets(line, sizeof(line), file)) {
		look->shared->programs.steps++;
		length = strlen(line);
		/* No name that a program needs is that long. */
		if (length > limit || !length || line[length - 1] != '\n')
			return 1U << CENSUS_UNKNOWN;
		limit -= length;
		*ret_any = true;
		mapped |= mapped_take(line);
	}
	if (ferror(file))
		/* It may have ended meanwhile. */
		return errno == ESRCH ? 0 : 1U << CENSUS_UNKNOWN;
	*ret_openssl = mapped_openssl(mapped);
	return mapped_kinds(mapped, &look->aid);
}

static unsigned int look_at(const struct look *look, int proc_fd)
{
	const unsigned int kinds_of_programs[] = {
		[PROGRAM_WITHOUT] = 0,
		[PROGRAM_OPENSSL] = 1U << CENSUS_STATIC,
		[PROGRAM_BORINGSSL] = 1U << (look->aid.sentinels ? CENSUS_SENTINEL : CENSUS_BORINGSSL),
		/* It has not got the device, or it would be in its maps. */
		[PROGRAM_AWSLC] = 1U << CENSUS_BORINGSSL,
		[PROGRAM_STRANGE] = 1U << CENSUS_STRANGE,
		[PROGRAM_UNKNOWN] = 1U << CENSUS_UNKNOWN,
	};
	int fd = openat(proc_fd, "maps", O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	bool any = false, openssl = false;
	unsigned int kinds;

	if (!file) {
		kinds = errno == EACCES || errno == EPERM ? 1U << CENSUS_FORBIDDEN :
			errno == ENOENT || errno == ESRCH ? 0 : 1U << CENSUS_UNKNOWN;
		if (fd >= 0)
			close(fd);
		return kinds;
	}
	kinds = read_maps(look, file, &any, &openssl);
	fclose(file);
	if (openssl || !any || kinds & 1U << CENSUS_UNKNOWN)
		return kinds;
	return kinds | kinds_of_programs[program_look(&look->shared->programs, &look->mounts,
						      proc_fd, look->programs_deadline_ns)];
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static int list(struct shared *shared, const char *proc, pid_t caller)
{
	const struct dirent *entry;
	DIR *directory = opendir(proc);
	int pid;

	if (!directory)
		return -errno;
	while ((entry = readdir(directory))) {
		shared->programs.steps++;
		pid = isdigit((unsigned char)*entry->d_name) ? atoi(entry->d_name) : 0;
		if (!pid || pid == caller || pid == getpid())
			continue;
		if (shared->n_pids < MAX_PROCESSES)
			shared->pids[shared->n_pids++] = pid;
		else
			shared->n_more++;
	}
	closedir(directory);
	qsort(shared->pids, shared->n_pids, sizeof(shared->pids[0]), compare);
	return 0;
}

static bool is_asked(const struct look *look, const char *service)
{
	return *service ? strcmp(service, "vmgend.service") : !look->services_only;
}

static void look_at_next(const struct look *look, int dir_fd)
{
	struct shared *shared = look->shared;
	size_t i = shared->next;
	char name[16], service[NAME_MAX + 1];
	unsigned int kinds = 0;
	int proc_fd;

	snprintf(name, sizeof(name), "%d", shared->pids[i]);
	/* It stays this process's, also if another gets its number. */
	proc_fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	roll_service(proc_fd, service);
	if (!is_asked(look, service)) {
		shared->census.kinds[CENSUS_WITHOUT].count++;
		shared->next = i + 1;
		close(proc_fd);
		return;
	}
	/* The worker before this one hung there. */
	if (shared->begun == i + 1 || now_ns() >= look->deadline_ns) {
		kinds = 1U << CENSUS_UNKNOWN;
	} else if (proc_fd >= 0) {
		shared->begun = i + 1;
		kinds = look_at(look, proc_fd);
	}
	roll_count(&shared->census, kinds, service, shared->pids[i], proc_fd);
	shared->next = i + 1;
	if (proc_fd >= 0)
		close(proc_fd);
}

static int work(struct look *look)
{
	struct shared *shared = look->shared;
	int dir_fd = open(look->proc, O_PATH | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (dir_fd < 0)
		return -errno;
	if (!shared->listed)
		r = list(shared, look->proc, look->caller);
	shared->listed = !r;
	/* Without them no program's file is trusted. */
	(void)mounts_read_own(MOUNTS_LIMIT, &look->mounts);
	while (!r && shared->next < shared->n_pids)
		look_at_next(look, dir_fd);
	return r;
}

/* It keeps nothing open that others wait for, should it hang for good. */
static void __attribute__((noreturn)) become_worker(struct look *look, int pipe_fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), fd;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (fd = 0; fd < PIPE_FD; fd++)
		(void)dup2(null_fd, fd);
	if (pipe_fd != PIPE_FD)
		(void)dup2(pipe_fd, PIPE_FD);
	if (close_range(PIPE_FD + 1, ~0U, 0) || getppid() != look->caller)
		_exit(1);
	look->shared->error = work(look);
	look->shared->done = !look->shared->error;
	_exit(0);
}

/* One that is only kept from running by others has not hung. */
static bool is_starved(const char *proc, pid_t pid)
{
	char path[PATH_MAX], text[128] = "";
	const char *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%d/stat", proc, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	end = strrchr(text, ')');
	return end && end[1] == ' ' && end[2] == 'R';
}

/* Waits until the worker has ended, hangs, or the time is over. */
static void watch(const struct look *look, const struct census_limits *limits, pid_t pid, int fd)
{
	struct pollfd end = { .fd = fd };
	int64_t since = now_ns(), now;
	uint64_t steps = 0, seen;

	while (!poll(&end, 1, POLL_MS)) {
		now = now_ns();
		seen = __atomic_load_n(&look->shared->programs.steps, __ATOMIC_RELAXED) +
		       __atomic_load_n(&look->shared->next, __ATOMIC_RELAXED);
		if (seen != steps || is_starved(look->proc, pid))
			since = now;
		steps = seen;
		/* It stops by itself at the deadline, if it can. */
		if (now >= look->deadline_ns + END_MS * INT64_C(1000000) ||
		    now - since >= limits->stall_ms * INT64_C(1000000))
			break;
	}
	kill(pid, SIGKILL);
	/* What waits for a server in the kernel may not even end then. */
	if (poll(&end, 1, END_MS) > 0)
		(void)waitpid(pid, NULL, 0);
}

static int run_worker(struct look *look, const struct census_limits *limits)
{
	int fds[2], error;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		become_worker(look, fds[1]);
	error = errno;
	close(fds[1]);
	if (pid > 0)
		watch(look, limits, pid, fds[0]);
	close(fds[0]);
	return pid < 0 ? -error : 0;
}

int census_take(const char *proc, const struct census_aid *aid, const struct census_limits *limits,
		struct census *ret_census)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int64_t now = now_ns();
	struct look look = {
		.proc = proc, .aid = *aid, .services_only = limits->services_only,
		.caller = getpid(), .shared = shared,
		.deadline_ns = now + limits->total_ms * INT64_C(1000000),
		.programs_deadline_ns = now + limits->programs_ms * INT64_C(1000000),
	};
	int r = 0;

	if (shared == MAP_FAILED)
		return -errno;
	do
		r = run_worker(&look, limits);
	while (!r && shared->listed && !shared->done && now_ns() < look.deadline_ns);
	if (!r && !shared->listed)
		r = shared->error ?: -ETIMEDOUT;
	if (!r) {
		shared->census.kinds[CENSUS_UNKNOWN].count +=
			shared->n_pids - shared->next + shared->n_more;
		shared->census.bytes = shared->programs.bytes;
		*ret_census = shared->census;
	}
	munmap(shared, sizeof(*shared));
	return r;
}
