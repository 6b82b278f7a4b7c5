/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Devices for calls.h that behave as <vmgen/vmgenid.h>, <vmgen/sysgenid.h> and
 * Linux say, so far as the library can tell, and wrongly on demand. What real
 * kernels do is tested in tests/vm.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <dirent.h>
#include <pthread.h>
#include <vmgen/sysgenid.h>
#include <vmgen/vmgenid.h>

#include "calls.h"
#include "page.h"

enum {
	/* Where QEMU has its ID in the page. */
	KERNEL_ID_OFFSET = 0x28,	/* also if INFO says otherwise */
	/* Descriptors of the device have lower numbers. */
	KERNEL_FILES = 1024,
};

static struct kernel {
	pthread_mutex_t lock;
	struct node node;
	/* /dev/vmgenid */
	struct vmgenid_page *page;
	/* The hypervisor's, and what has been settled of it. */
	unsigned char *raw;
	unsigned char settled[VMGENID_ID_SIZE];
	struct vmgenid_info info;
	struct vmgenid_record record;
	/* Open files, by their descriptors. */
	struct kernel_file {
		uint64_t cookie, last_read;
	} files[KERNEL_FILES];
	/* An error of each read. */
	int read_error;
	/* Bytes that a read returns; 0: as many as it should. */
	size_t read_size;
	int info_error, wait_error;
	/* Changes that come while one is being settled, and when the kernel has looked. */
	int more, late;
	/* /dev/sysgenid */
	uint32_t acked;
	int tracking_error;
} kernel = { .lock = PTHREAD_MUTEX_INITIALIZER };

static inline void kernel_make(const char *path, size_t pages)
{
	struct node *node = &kernel.node;
	int fd = memfd_create("vmgen-test", MFD_CLOEXEC);

	*node = (struct node){ .path = path, .size = pages * page_size() };
	/* Out of the way of the numbers that handles get. */
	node->file = fcntl(fd, F_DUPFD_CLOEXEC, 500);
	if (node->file < 0 || ftruncate(node->file, (off_t)node->size))
		scratch_give_up("memfd");
	close(fd);
	node->bytes = mmap(NULL, node->size, PROT_READ | PROT_WRITE, MAP_SHARED, node->file, 0);
	if (node->bytes == MAP_FAILED)
		scratch_give_up("mmap");
	calls.node = node;
}

static inline void kernel_set_id(uint64_t low, uint64_t high)
{
	page_set64(kernel.raw, KERNEL_ID_OFFSET, low);
	page_set64(kernel.raw, KERNEL_ID_OFFSET + 8, high);
}

/* The host restores the machine. */
static inline void kernel_change(void)
{
	static _Atomic uint64_t id = 0x1000;
	uint64_t low = atomic_fetch_add(&id, 1);

	kernel_set_id(low, ~low);
}

/* Takes the ID of now; false: it has been taken already. */
static inline bool kernel_take_id(void)
{
	const uint64_t *id = (const void *)(kernel.raw + KERNEL_ID_OFFSET);
	uint64_t now[2] = {
		__atomic_load_n(&id[0], __ATOMIC_ACQUIRE),
		__atomic_load_n(&id[1], __ATOMIC_ACQUIRE),
	};

	if (!memcmp(kernel.settled, now, sizeof(now)))
		return false;
	memcpy(kernel.settled, now, sizeof(now));
	return true;
}

/* What the module does in stage 2. */
static inline void kernel_settle(void)
{
	while (kernel_take_id()) {
		if (kernel.more > 0) {
			kernel.more--;
			kernel_change();
			continue;
		}
		kernel.record.generation++;
		kernel.record.source = VMGENID_SOURCE_CALL;
		kernel.record.changed_boottime_ns = 1234567890;
		kernel.info.generation = kernel.record.generation;
		__atomic_store_n(&kernel.page->flags, kernel.record.flags, __ATOMIC_RELAXED);
		__atomic_store_n(&kernel.page->generation, kernel.record.generation,
				 __ATOMIC_RELEASE);
	}
}

/* The module detected it without a notification. */
static inline void kernel_notice(void)
{
	pthread_mutex_lock(&kernel.lock);
	kernel_settle();
	pthread_mutex_unlock(&kernel.lock);
}

/* A reseed that failed, say; flags of page and record. */
static inline void kernel_set_flags(uint32_t flags)
{
	kernel.record.flags = flags;
	__atomic_store_n(&kernel.page->flags, flags, __ATOMIC_RELEASE);
}

static inline int kernel_info(int fd, struct vmgenid_info *info, bool writable)
{
	if (kernel.info_error)
		return kernel.info_error;
	if (info->size != sizeof(*info) || info->flags)
		return -EINVAL;
	*info = kernel.info;
	info->cookie = kernel.files[fd].cookie;
	if (!writable) {
		info->flags &= ~(__u32)(VMGENID_INFO_ID_SHOWN | VMGENID_INFO_RAW_PAGE);
		memset(info->id, 0, sizeof(info->id));
	}
	return 0;
}

/* Time-outs are the kernel's matter: here everybody waits until it is interrupted. */
static inline int kernel_wait(int fd, struct vmgenid_wait *wait)
{
	if (kernel.wait_error)
		return kernel.wait_error;
	if (wait->cookie && wait->cookie != kernel.files[fd].cookie)
		return -ESTALE;
	kernel_settle();
	if (wait->known == kernel.record.generation)
		return wait->timeout_ns < 0 ? -EINTR : -ETIMEDOUT;
	wait->record = kernel.record;
	if (kernel.late > 0) {
		kernel.late--;
		kernel_change();
	}
	return 0;
}

static inline int kernel_ioctl(int fd, unsigned long request, void *argument, bool writable)
{
	int r;

	pthread_mutex_lock(&kernel.lock);
	if (request == VMGENID_INFO)
		r = kernel_info(fd, argument, writable);
	else
		r = request == VMGENID_WAIT ? kernel_wait(fd, argument) : -ENOTTY;
	pthread_mutex_unlock(&kernel.lock);
	return r;
}

static inline ssize_t kernel_read(int fd, void *buf, size_t size)
{
	uint64_t *last_read = &kernel.files[fd].last_read;
	ssize_t r = sizeof(kernel.record);

	if (kernel.read_error)
		return kernel.read_error;
	if (size != sizeof(kernel.record))
		return -EINVAL;
	pthread_mutex_lock(&kernel.lock);
	kernel_settle();
	if (*last_read == kernel.record.generation)
		r = -EAGAIN;
	else
		memcpy(buf, &kernel.record, size);
	if (r > 0 && kernel.read_size)
		r = (ssize_t)kernel.read_size;
	*last_read = kernel.record.generation;
	pthread_mutex_unlock(&kernel.lock);
	return r;
}

static inline void kernel_opened(int fd)
{
	static uint64_t cookie = 0x10000;

	kernel.files[fd] = (struct kernel_file){ .cookie = cookie++ };
}

static inline void kernel_has_vmgenid(void)
{
	kernel_make("/dev/vmgenid", 2);
	kernel.node.opened = kernel_opened;
	kernel.node.ioctl = kernel_ioctl;
	kernel.node.read = kernel_read;
	kernel.page = (void *)kernel.node.bytes;
	kernel.raw = kernel.node.bytes + page_size();
	kernel.info = (struct vmgenid_info){
		.size = sizeof(kernel.info),
		.flags = VMGENID_INFO_NOTIFIES | VMGENID_INFO_ID_VALID | VMGENID_INFO_ID_SHOWN |
			 VMGENID_INFO_RAW_PAGE,
		.version = VMGENID_ABI_VERSION,
		.id_offset = KERNEL_ID_OFFSET,
		.generation = 1,
		.hid = "QEMUVGID",
		.id = "fifteen letters",
	};
	kernel.record = (struct vmgenid_record){ .generation = 1 };
	kernel.page->version = VMGENID_ABI_VERSION;
	kernel.page->generation = 1;
	kernel.read_size = 0;
	kernel.info_error = kernel.wait_error = kernel.read_error = kernel.more = kernel.late = 0;
	kernel_change();
	kernel_take_id();
}

static inline uint32_t kernel_counter(void)
{
	return __atomic_load_n((uint32_t *)kernel.node.bytes, __ATOMIC_ACQUIRE);
}

static inline int kernel_sysgenid_ioctl(int fd, unsigned long request, void *argument,
					bool writable)
{
	(void)fd;
	if (kernel.tracking_error)
		return kernel.tracking_error;
	if (request != SYSGENID_SET_WATCHER_TRACKING || argument)
		return -EINVAL;
	return writable ? 0 : -EACCES;
}

static inline ssize_t kernel_sysgenid_read(int fd, void *buf, size_t size)
{
	uint32_t counter = kernel_counter();

	(void)fd;
	if (size < sizeof(counter))
		return -EINVAL;
	if (kernel.acked == counter)
		return -EAGAIN;
	memcpy(buf, &counter, sizeof(counter));
	if (kernel.more > 0) {
		kernel.more--;
		page_set32(kernel.node.bytes, 0, counter + 1);
	}
	return kernel.read_size ? (ssize_t)kernel.read_size : (ssize_t)sizeof(counter);
}

static inline ssize_t kernel_sysgenid_write(const void *buf, size_t size)
{
	uint32_t counter;

	if (size != sizeof(counter))
		return -ENOBUFS;
	memcpy(&counter, buf, sizeof(counter));
	if (counter != kernel_counter())
		return -EINVAL;
	kernel.acked = counter;
	return sizeof(counter);
}

static inline void kernel_sysgenid_opened(int fd)
{
	(void)fd;
	kernel.acked = kernel_counter();
}

static inline void kernel_has_sysgenid(void)
{
	kernel_make("/dev/./sysgenid", 1);
	kernel.node.opened = kernel_sysgenid_opened;
	kernel.node.ioctl = kernel_sysgenid_ioctl;
	kernel.node.read = kernel_sysgenid_read;
	kernel.node.write = kernel_sysgenid_write;
	kernel.read_size = 0;
	kernel.tracking_error = kernel.more = 0;
}

static inline void kernel_has_vmclock(void)
{
	kernel_make("/dev/vmclock0", 1);
	page_set_clock(kernel.node.bytes, 1);
	page_set64(kernel.node.bytes, CLOCK_FLAGS, CLOCK_COUNTS | CLOCK_NOTIFIES);
}

/* Of this process, all of them. */
static inline int kernel_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (!d)
		scratch_give_up("/proc/self/fd");
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* 0 to 2 are free until they are opened again, and nothing is printed meanwhile. */
static inline void kernel_close_standard(int saved[3])
{
	int i;

	fflush(stdout);
	for (i = 0; i < 3; i++) {
		saved[i] = dup3(i, 600 + i, O_CLOEXEC);
		if (saved[i] < 0)
			scratch_give_up("dup3");
		close(i);
	}
}

static inline void kernel_open_standard(const int saved[3])
{
	int i;

	for (i = 0; i < 3; i++) {
		if (dup2(saved[i], i) < 0)
			_exit(1);
		close(saved[i]);
	}
}

/* Bytes of the devices that are mapped; neighbours share a line. */
static inline unsigned long kernel_mapped(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long sum = 0, from, to;
	char line[512];

	if (!f)
		scratch_give_up("/proc/self/maps");
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "vmgen-test") && sscanf(line, "%lx-%lx", &from, &to) == 2)
			sum += to - from;
	fclose(f);
	return sum;
}

/* It is unplugged; who has it open keeps what is mapped. */
static inline void kernel_has_none(void)
{
	calls.node = NULL;
	close(kernel.node.file);
	munmap(kernel.node.bytes, kernel.node.size);
}

#endif /* KERNEL_H */
