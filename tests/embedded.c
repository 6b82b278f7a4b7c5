/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * embedded [LIBRARY]: uses the library on a file that stands for a device: the one that
 * it was linked with, and LIBRARY, which is loaded and unloaded again and again. That
 * must leave nothing behind, and nothing of before in a guard. t-library.sh builds it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libvmgen.h>

enum {
	ROUNDS = 50,
	PAGE = 65536,
	/* In struct vmclock_abi of Linux. */
	COUNTER = 0x68,
};

static struct vmgen_guard guard = VMGEN_GUARD_INIT;
static unsigned char *page;
static char path[32];
static int failed;

/* What is loaded or linked. */
static struct functions {
	int (*open)(const char *path, unsigned int flags, struct vmgen **ret_v);
	struct vmgen *(*close)(struct vmgen *v);
	bool (*changed)(struct vmgen *v);
	uint64_t (*generation)(const struct vmgen *v);
	int (*settled)(struct vmgen *v, uint64_t *ret_generation);
	int (*event)(struct vmgen *v, struct vmgen_event *ret_event, size_t size);
	int (*guard_run)(struct vmgen *v, struct vmgen_guard *g, unsigned int flags,
			 int (*run)(void *arg), void *arg);
} f;

static void check(int passed, const char *what)
{
	if (!passed)
		printf("embedded: %s\n", what);
	failed |= !passed;
}

static void set(size_t offset, const void *value, size_t size)
{
	memcpy(page + offset, value, size);
}

/* A VMClock that counts. */
static int make_clock(void)
{
	const uint32_t magic = 0x4b4c4356, size = 112;
	const uint64_t flags = 1 << 8, counter = 5;
	const uint16_t version = 1;
	int fd = memfd_create("clock", 0);

	if (fd < 0 || ftruncate(fd, PAGE))
		return -1;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return -1;
	set(0x00, &magic, sizeof(magic));
	set(0x04, &size, sizeof(size));
	set(0x08, &version, sizeof(version));
	set(0x18, &flags, sizeof(flags));
	set(COUNTER, &counter, sizeof(counter));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return 0;
}

static int count(void *arg)
{
	++*(int *)arg;
	return 0;
}

static void use(void)
{
	const uint64_t five = 5, six = 6;
	uint64_t generation = 0;
	struct vmgen_event event;
	struct vmgen *v = NULL;
	int runs = 0;

	set(COUNTER, &five, sizeof(five));
	check(f.open(path, VMGEN_VMCLOCK | VMGEN_REGULAR_FILE, &v) == 0, "vmgen_open");
	check(f.generation(v) == 6 && !f.changed(v), "a generation of 64 bits");
	check(f.guard_run(v, &guard, 0, count, &runs) == 1, "a guard of an earlier handle");
	check(f.guard_run(v, &guard, 0, count, &runs) == 0, "a fresh guard");
	set(COUNTER, &six, sizeof(six));
	check(f.changed(v) && !f.changed(v), "a change");
	check(f.settled(v, &generation) == 0 && generation == 7, "vmgen_settled");
	check(f.event(v, &event, sizeof(event)) == 0 && event.generation == 7, "vmgen_event");
	check(f.guard_run(v, &guard, 0, count, &runs) == 1 && runs == 2, "a guard after it");
	check(!f.close(v), "vmgen_close");
}

static unsigned int mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	unsigned int n = 0;
	int c;

	while (file && (c = getc(file)) != EOF)
		n += c == '\n';
	if (file)
		fclose(file);
	return n;
}

static void *load(const char *library)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

	if (!handle) {
		printf("embedded: %s\n", dlerror());
		return NULL;
	}
	*(void **)&f.open = dlsym(handle, "vmgen_open");
	*(void **)&f.close = dlsym(handle, "vmgen_close");
	*(void **)&f.changed = dlsym(handle, "vmgen_changed");
	*(void **)&f.generation = dlsym(handle, "vmgen_generation");
	*(void **)&f.settled = dlsym(handle, "vmgen_settled");
	*(void **)&f.event = dlsym(handle, "vmgen_event");
	*(void **)&f.guard_run = dlsym(handle, "vmgen_guard_run");
	return handle;
}

static void use_loaded(const char *library)
{
	unsigned int before = 0;
	void *handle;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		handle = load(library);
		if (!handle) {
			failed = 1;
			return;
		}
		use();
		check(dlclose(handle) == 0 && !dlopen(library, RTLD_NOW | RTLD_NOLOAD), "dlclose");
		if (i == 2)
			before = mappings();
	}
	check(mappings() == before, "mappings that stay");
}

int main(int argc, char **argv)
{
	if (make_clock()) {
		perror("embedded");
		return 1;
	}
	f = (struct functions){ vmgen_open, vmgen_close, vmgen_changed, vmgen_generation,
				vmgen_settled, vmgen_event, vmgen_guard_run };
	use();
	/* Another handle. */
	use();
	if (argc > 1)
		use_loaded(argv[1]);
	return failed;
}
