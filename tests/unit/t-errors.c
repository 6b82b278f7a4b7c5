/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Each error that libvmgen.h documents, of each function, provoked. tests/t-manual.sh
 * compares the table with the header.
 */
#include "base/compat.h"
#include "kernel.h"
#include "tap.h"

static int count(void *arg)
{
	++*(int *)arg;
	return 0;
}

static int fail_positively(void *arg)
{
	(void)arg;
	return 7;
}

static int change_always(void *arg)
{
	(void)arg;
	kernel_change();
	return 0;
}

static struct vmgen *world;
static struct vmgen_guard guard;

static int recurse(void *arg)
{
	int runs = 0;

	(void)arg;
	return vmgen_guard_run(world, &guard, 0, count, &runs);
}

static int (*run)(void *arg);

/* How each function is called; v: NULL, or a handle. */
static int call_event(struct vmgen *v)
{
	struct vmgen_event event;

	return vmgen_event(v, &event, sizeof(event));
}

static int call_read(struct vmgen *v)
{
	struct vmgen_event event;

	return vmgen_read(v, &event, sizeof(event));
}

static int call_wait(struct vmgen *v)
{
	uint64_t generation;

	return vmgen_wait(v, v ? vmgen_generation(v) : 1, 0, &generation);
}

static int call_wait_long(struct vmgen *v)
{
	uint64_t generation;

	return vmgen_wait(v, vmgen_generation(v), -1, &generation);
}

static int call_settled(struct vmgen *v)
{
	uint64_t generation;

	return vmgen_settled(v, &generation);
}

static int call_id(struct vmgen *v)
{
	uint8_t id[VMGEN_ID_SIZE];

	return vmgen_id(v, id);
}

static int call_info(struct vmgen *v)
{
	struct vmgen_info info;

	return vmgen_info(v, &info, sizeof(info));
}

static int call_info_small(struct vmgen *v)
{
	struct vmgen_info info;

	return vmgen_info(v, &info, sizeof(info) - 1);
}

static int call_random(struct vmgen *v)
{
	char bytes[8];

	return vmgen_getrandom(v, bytes, sizeof(bytes));
}

static int call_guard(struct vmgen *v)
{
	int runs = 0;

	world = v;
	guard = (struct vmgen_guard)VMGEN_GUARD_INIT;
	return vmgen_guard_run(v, &guard, 0, run ? run : count, &runs);
}

static int call_guard_null(struct vmgen *v)
{
	return vmgen_guard_run(v, NULL, 0, count, NULL);
}

static int call_fd(struct vmgen *v)
{
	return vmgen_fd(v);
}

/* Of a handle that is locked by this thread: as in a handler that interrupts the call. */
static int reopened_inside;

static void reopen_inside(int fd)
{
	kernel_opened(fd);
	reopened_inside = vmgen_reopen(world);
}

static int call_reopen(struct vmgen *v)
{
	return vmgen_reopen(v);
}

static int call_reopen_twice(struct vmgen *v)
{
	world = v;
	kernel.node.opened = reopen_inside;
	drop(vmgen_reopen(v));
	return reopened_inside;
}

/* What goes wrong after the handle was opened. */
static void be_closed(struct vmgen *v)
{
	close(vmgen_fd(v));
}

static void be_another(struct vmgen *v)
{
	int fd = vmgen_fd(v);

	close(fd);
	/* A low number is free after each row. */
	if (open("/dev/null", O_RDONLY | O_CLOEXEC) != fd)
		scratch_give_up("/dev/null");
}

static void be_replaced(struct vmgen *v)
{
	be_closed(v);
	calls.replaced++;
}

static void be_wedged(struct vmgen *v)
{
	(void)v;
	page_set32(kernel.node.bytes, CLOCK_SEQ, 3);
}

static void lose_counter(struct vmgen *v)
{
	(void)v;
	page_set64(kernel.node.bytes, CLOCK_FLAGS, 0);
}

static void lose_magic(struct vmgen *v)
{
	(void)v;
	page_set32(kernel.node.bytes, CLOCK_MAGIC, 0);
}

static void lose_id(struct vmgen *v)
{
	(void)v;
	kernel.info.flags &= ~(__u32)VMGENID_INFO_ID_VALID;
	kernel_set_flags(VMGENID_NO_ID);
}

static void be_stale(struct vmgen *v)
{
	(void)v;
	kernel_set_flags(VMGENID_RNG_STALE);
}

static void change_after_draw(void *buf, size_t size)
{
	(void)buf;
	(void)size;
	kernel_change();
}

static void change_draws(struct vmgen *v)
{
	(void)v;
	calls.after_draw = change_after_draw;
}

static void change_runs(struct vmgen *v)
{
	(void)v;
	run = change_always;
}

static void run_wrongly(struct vmgen *v)
{
	(void)v;
	run = fail_positively;
}

static void run_inside(struct vmgen *v)
{
	(void)v;
	run = recurse;
}

/* No device has it. */
static void have_none(void)
{
	kernel_has_vmgenid();
	kernel.node.path = "/dev/another";
}

enum { NO_HANDLE = 1U << 31 };

#define ID	kernel_has_vmgenid, VMGEN_VMGENID
#define READER	kernel_has_vmgenid, VMGEN_VMGENID | VMGEN_UNPRIVILEGED
#define CLOCK	kernel_has_vmclock, VMGEN_VMCLOCK
#define SYSGEN	kernel_has_sysgenid, VMGEN_SYSGENID
#define NOTHING	kernel_has_vmgenid, NO_HANDLE

/* call: NULL is vmgen_open(), before which all goes wrong. */
static const struct row {
	const char *function;
	int error;
	void (*plug)(void);
	unsigned int flags;
	int (*call)(struct vmgen *v);
	void (*wrong)(struct vmgen *v);
	/* All of these system calls fail with that. */
	enum call kind;
	int with;
} rows[] = {
	{ "vmgen_open", ENOENT, have_none, 0, NULL, NULL, 0, 0 },
	{ "vmgen_open", ENXIO, ID, NULL, NULL, CALL_OPEN, ENXIO },
	{ "vmgen_open", ENODEV, ID, NULL, NULL, CALL_OPEN, ENODEV },
	{ "vmgen_open", EACCES, ID, NULL, NULL, CALL_OPEN, EACCES },
	{ "vmgen_open", EPERM, ID, NULL, NULL, CALL_IOCTL, EPERM },
	{ "vmgen_open", ENOTTY, ID, NULL, NULL, CALL_IOCTL, ENOTTY },
	{ "vmgen_open", EPROTO, CLOCK, NULL, lose_magic, 0, 0 },
	{ "vmgen_open", ENODATA, CLOCK, NULL, lose_counter, 0, 0 },
	{ "vmgen_open", ETIMEDOUT, CLOCK, NULL, be_wedged, 0, 0 },
	{ "vmgen_open", EINVAL, kernel_has_vmgenid, 1U << 3, NULL, NULL, 0, 0 },
	{ "vmgen_open", ENOMEM, ID, NULL, NULL, CALL_CALLOC, ENOMEM },
	{ "vmgen_open", EMFILE, ID, NULL, NULL, CALL_OPEN, EMFILE },
	{ "vmgen_open", ENFILE, ID, NULL, NULL, CALL_OPEN, ENFILE },
	{ "vmgen_reopen", ESTALE, ID, call_reopen, be_replaced, 0, 0 },
	{ "vmgen_reopen", EOPNOTSUPP, CLOCK, call_reopen, be_closed, 0, 0 },
	{ "vmgen_reopen", EBUSY, ID, call_reopen_twice, be_closed, 0, 0 },
	{ "vmgen_reopen", EINVAL, NOTHING, call_reopen, NULL, 0, 0 },
	{ "vmgen_settled", EOPNOTSUPP, SYSGEN, call_settled, NULL, 0, 0 },
	{ "vmgen_settled", EINVAL, NOTHING, call_settled, NULL, 0, 0 },
	{ "vmgen_event", EINVAL, NOTHING, call_event, NULL, 0, 0 },
	{ "vmgen_event", EBADF, ID, call_event, be_closed, 0, 0 },
	{ "vmgen_event", EBADF, ID, call_event, be_another, 0, 0 },
	{ "vmgen_event", EINTR, ID, call_event, NULL, CALL_IOCTL, EINTR },
	{ "vmgen_event", EPERM, ID, call_event, NULL, CALL_IOCTL, EPERM },
	{ "vmgen_event", ENODATA, CLOCK, call_event, lose_counter, 0, 0 },
	{ "vmgen_event", EPROTO, CLOCK, call_event, lose_magic, 0, 0 },
	{ "vmgen_event", ETIMEDOUT, CLOCK, call_event, be_wedged, 0, 0 },
	{ "vmgen_wait", ETIMEDOUT, ID, call_wait, NULL, 0, 0 },
	{ "vmgen_wait", ETIMEDOUT, SYSGEN, call_wait, NULL, 0, 0 },
	{ "vmgen_wait", EINTR, ID, call_wait_long, NULL, 0, 0 },
	{ "vmgen_wait", EINTR, SYSGEN, call_wait_long, NULL, CALL_NANOSLEEP, EINTR },
	{ "vmgen_wait", EINVAL, NOTHING, call_wait, NULL, 0, 0 },
	{ "vmgen_fd", EOPNOTSUPP, kernel_has_sysgenid, VMGEN_SYSGENID | VMGEN_UNPRIVILEGED, call_fd,
	  NULL, 0, 0 },
	{ "vmgen_fd", EINVAL, NOTHING, call_fd, NULL, 0, 0 },
	{ "vmgen_read", EAGAIN, ID, call_read, NULL, 0, 0 },
	{ "vmgen_read", EBADF, ID, call_read, be_closed, 0, 0 },
	{ "vmgen_read", EBADF, CLOCK, call_read, be_another, 0, 0 },
	{ "vmgen_read", EBADF, SYSGEN, call_read, be_another, 0, 0 },
	{ "vmgen_read", EPERM, ID, call_read, NULL, CALL_IOCTL, EPERM },
	{ "vmgen_read", EINVAL, NOTHING, call_read, NULL, 0, 0 },
	{ "vmgen_read", EPROTO, CLOCK, call_read, lose_magic, 0, 0 },
	{ "vmgen_read", ENODATA, CLOCK, call_read, lose_counter, 0, 0 },
	{ "vmgen_read", ETIMEDOUT, CLOCK, call_read, be_wedged, 0, 0 },
	{ "vmgen_id", EPERM, READER, call_id, NULL, 0, 0 },
	{ "vmgen_id", ENODATA, ID, call_id, lose_id, 0, 0 },
	{ "vmgen_id", EOPNOTSUPP, CLOCK, call_id, NULL, 0, 0 },
	{ "vmgen_id", EBADF, ID, call_id, be_another, 0, 0 },
	{ "vmgen_id", EINVAL, NOTHING, call_id, NULL, 0, 0 },
	{ "vmgen_info", EINVAL, ID, call_info_small, NULL, 0, 0 },
	{ "vmgen_info", EINVAL, NOTHING, call_info, NULL, 0, 0 },
	{ "vmgen_info, as vmgen_event", EBADF, ID, call_info, be_another, 0, 0 },
	{ "vmgen_info, as vmgen_event", EPERM, ID, call_info, NULL, CALL_IOCTL, EPERM },
	{ "vmgen_info, as vmgen_event", ETIMEDOUT, CLOCK, call_info, be_wedged, 0, 0 },
	{ "vmgen_wait, as vmgen_event", EBADF, ID, call_wait, be_another, 0, 0 },
	{ "vmgen_wait, as vmgen_event", EPROTO, CLOCK, call_wait, lose_magic, 0, 0 },
	{ "vmgen_settled, as vmgen_event", EBADF, READER, call_settled, be_another, 0, 0 },
	{ "vmgen_settled, as vmgen_event", ENODATA, CLOCK, call_settled, lose_counter, 0, 0 },
	{ "vmgen_getrandom", EIO, READER, call_random, be_stale, 0, 0 },
	{ "vmgen_getrandom", ENODATA, ID, call_random, lose_id, 0, 0 },
	{ "vmgen_getrandom", EAGAIN, ID, call_random, change_draws, 0, 0 },
	{ "vmgen_getrandom", EOPNOTSUPP, CLOCK, call_random, NULL, 0, 0 },
	{ "vmgen_getrandom", EBADF, READER, call_random, be_another, 0, 0 },
	{ "vmgen_getrandom", EINVAL, NOTHING, call_random, NULL, 0, 0 },
	{ "vmgen_guard_run", EBUSY, ID, call_guard, run_inside, 0, 0 },
	{ "vmgen_guard_run", EAGAIN, ID, call_guard, change_runs, 0, 0 },
	{ "vmgen_guard_run", EINVAL, ID, call_guard_null, NULL, 0, 0 },
	{ "vmgen_guard_run", EIO, ID, call_guard, run_wrongly, 0, 0 },
};

static int provoke(const struct row *row)
{
	struct vmgen *v = NULL;
	int r = 0;

	if (!row->call && row->wrong)
		row->wrong(NULL);
	if (!row->call)
		calls.fail_kind = row->kind, calls.fail_with = row->with;
	if (!(row->flags & NO_HANDLE))
		r = vmgen_open(NULL, row->flags, &v);
	if (row->call && r == 0) {
		if (row->wrong)
			row->wrong(v);
		calls.fail_kind = row->kind, calls.fail_with = row->with;
		r = row->call(v);
	}
	calls.fail_with = 0;
	vmgen_close(v);
	return r;
}

int main(void)
{
	const struct row *row;

	scratch_create();
	for (row = rows; row < rows + sizeof(rows) / sizeof(rows[0]); row++) {
		row->plug();
		equal(provoke(row), -row->error, row->function);
		/* The other file, and what could not be told from it. */
		close_range(3, (unsigned int)kernel.node.file - 1, 0);
		kernel_has_none();
		calls.after_draw = NULL;
		calls.replaced = 0;
		run = NULL;
	}
	return tap_done();
}
