/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the library makes of /dev/vmgenid, played by kernel.h: also of answers
 * that no kernel has given yet.
 */
#include <sys/wait.h>

#include "kernel.h"
#include "tap.h"

static struct vmgen *open_device(unsigned int flags)
{
	struct vmgen *v = NULL;

	if (vmgen_open(NULL, flags | VMGEN_VMGENID, &v))
		scratch_give_up("the device that the test plays");
	return v;
}

static uint32_t abilities(struct vmgen *v)
{
	struct vmgen_info info = { .flags = 0 };

	drop(vmgen_info(v, &info, sizeof(info)));
	return info.flags & (VMGEN_INFO_RAW | VMGEN_INFO_EXACT | VMGEN_INFO_EVENTS |
			     VMGEN_INFO_ID | VMGEN_INFO_SETTLES);
}

static unsigned int requests(void)
{
	return atomic_load(&calls.made[CALL_IOCTL]);
}

static void test_tiers(void)
{
	const uint32_t everyone = VMGEN_INFO_EXACT | VMGEN_INFO_EVENTS | VMGEN_INFO_SETTLES;
	struct vmgen *v = open_device(0);
	uint8_t id[VMGEN_ID_SIZE] = "untouched";
	/* CAP_SYS_ADMIN is missing; another mode, by a rule of udev; a device cgroup's is EPERM. */
	const int refusals[] = { -EPERM, -EACCES, -EROFS };
	size_t i;

	equal(abilities(v), everyone | VMGEN_INFO_RAW | VMGEN_INFO_ID, "who may write can do all");
	equal(vmgen_id(v, id), 0, "and has the ID");
	ok(!memcmp(id, "fifteen letters", sizeof(id)), "which is the device's");
	kernel.info.flags &= ~(__u32)VMGENID_INFO_ID_VALID;
	memcpy(id, "untouched", 10);
	equal(vmgen_id(v, id), -ENODATA, "unless there is none: ENODATA");
	kernel.info.flags |= VMGENID_INFO_COUNTER;
	equal(vmgen_id(v, id), -EOPNOTSUPP, "nor where the host counts restores: EOPNOTSUPP");
	kernel.info.flags &= ~(__u32)VMGENID_INFO_COUNTER;
	kernel.info.flags |= VMGENID_INFO_ID_VALID;
	vmgen_close(v);
	v = open_device(VMGEN_UNPRIVILEGED);
	equal(abilities(v), everyone, "who reads only can do less");
	equal(vmgen_id(v, id), -EPERM, "and has no ID: EPERM");
	ok(!strcmp((char *)id, "untouched"), "the result is untouched");
	vmgen_close(v);
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		kernel.node.unwritable = refusals[i];
		v = open_device(0);
		equal(abilities(v), everyone, "who may not write neither");
		equal(vmgen_id(v, id), -EPERM, "nor has he an ID: EPERM");
		vmgen_close(v);
	}
	kernel.node.unwritable = 0;
}

static void test_raw(void)
{
	struct vmgen *v = open_device(0);
	unsigned int before = requests();
	int i;

	for (i = 0; i < 1000; i++)
		if (vmgen_changed(v))
			break;
	equal(i, 1000, "nothing changed");
	equal(requests(), before, "the device is not asked for that");
	kernel_change();
	ok(vmgen_changed(v), "a new ID is a change at once");
	ok(vmgen_generation(v) == 2 && requests() == before + 1, "that has been settled");
	ok(!vmgen_changed(v) && requests() == before + 1, "once");
	kernel_change();
	kernel_notice();
	ok(vmgen_changed(v) && !vmgen_changed(v), "one that was noticed already is told once");
	kernel_set_id(1, 2);
	ok(vmgen_changed(v), "another");
	kernel_set_id(1, 3);
	ok(vmgen_changed(v), "that differs in its second half");
	kernel_set_id(2, 3);
	ok(vmgen_changed(v) && !vmgen_changed(v), "and in its first");
	kernel.more = 3;
	kernel_change();
	ok(vmgen_changed(v), "changes while one is settled");
	ok(!vmgen_changed(v) && !vmgen_changed_now(v), "are one");
	kernel.late = 1;
	kernel_change();
	ok(vmgen_changed(v), "a change, and another one as soon as the kernel has looked");
	ok(vmgen_changed(v) && !vmgen_changed(v), "which is told the next time");
	vmgen_close(v);
}

/* The page stays that of the device that was used when it was mapped. */
static void test_raw_left(void)
{
	static const uint64_t none[] = { 0, UINT64_MAX };
	struct vmgen *v = open_device(0);
	size_t i;

	for (i = 0; i < 2; i++) {
		kernel_set_id(none[i], none[i]);
		drop(vmgen_changed_now(v));
		/* Another device, which has the ID now, shows a new one. */
		memset(kernel.settled, 1, sizeof(kernel.settled));
		ok(vmgen_changed(v), "no ID in the page any more: the device is asked");
	}
	vmgen_close(v);
	kernel_change();
}

static void test_without_raw(void)
{
	struct vmgen *v = open_device(VMGEN_UNPRIVILEGED);

	kernel_change();
	ok(!vmgen_changed(v), "without the page a new ID is not seen");
	ok(vmgen_changed_now(v), "but by asking");
	ok(!vmgen_changed(v) && !vmgen_changed_now(v), "once");
	kernel_change();
	kernel_notice();
	ok(vmgen_changed(v) && !vmgen_changed(v), "or when the module noticed");
	vmgen_close(v);
}

/* What INFO says is checked before it is used. */
static void test_offsets(void)
{
	static const struct {
		uint32_t offset;
		bool good;
	} offsets[] = {
		{ 0, true }, { 8, true }, { 4080, true }, { 4, false }, { 4088, false },
		{ 4096, false }, { 1U << 31, false }, { UINT32_MAX, false },
		/* Their end is in the page again, if computed in 32 bits. */
		{ UINT32_MAX - 7, false }, { UINT32_MAX - 15, false },
	};
	unsigned int before;
	struct vmgen *v;
	size_t i;

	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		kernel.info.id_offset = offsets[i].offset;
		v = open_device(0);
		ok(!!(abilities(v) & VMGEN_INFO_RAW) == offsets[i].good && !vmgen_changed(v),
		   "an ID at %#x: %s", offsets[i].offset, offsets[i].good ? "mapped" : "refused");
		before = requests();
		if (offsets[i].good)
			page_set64(kernel.raw, offsets[i].offset + 8, i + 1);
		ok(!vmgen_changed(v) && requests() - before == offsets[i].good, "%s",
		   offsets[i].good ? "and looked at" : "and not looked at");
		vmgen_close(v);
		kernel.info.id_offset = KERNEL_ID_OFFSET;
	}
}

static void test_info(void)
{
	struct vmgen *v = open_device(0);
	struct vmgen_info info = { .version = 99 };

	memset(kernel.info.hid, 'x', sizeof(kernel.info.hid));
	kernel.info.flags |= 1U << 30 | VMGENID_INFO_INTREE | VMGENID_INFO_ID_UNTRUSTED;
	kernel.info.changes = 11;
	kernel.info.lost_ids = 16;
	equal(vmgen_info(v, &info, sizeof(info)), 0, "the device is described");
	equal((long long)strlen(info.hid), 31, "a name without an end gets one");
	equal(info.flags & 0xffff, VMGEN_INFO_INTREE | VMGEN_INFO_NOTIFIES | VMGEN_INFO_ID_VALID |
	      VMGEN_INFO_ID_UNTRUSTED, "flags that nobody knows are left out");
	ok(!(info.flags & 1U << 30), "all of them");
	ok(info.changes == 11 && info.lost_ids == 16, "it has its counters");
	info.version = 99;
	kernel.info_error = -EPERM;
	equal(vmgen_info(v, &info, sizeof(info)), -EPERM, "what it fails with is returned");
	equal(info.version, 99, "the result is untouched");
	vmgen_close(v);
}

static void refused(int error, int want, const char *name)
{
	struct vmgen *v = (void *)&calls;

	kernel.info_error = error;
	equal(vmgen_open(NULL, VMGEN_VMGENID, &v), want, name);
	ok(v == (void *)&calls, "the result is untouched");
	kernel.info_error = 0;
}

static void test_strangers(void)
{
	struct vmgen *v = NULL;

	refused(-EINVAL, -ENOTTY, "another ABI under the name: ENOTTY");
	refused(-ENOTTY, -ENOTTY, "none at all: ENOTTY");
	refused(-EPERM, -EPERM, "forbidden: EPERM");
	kernel.read_size = 8;
	equal(vmgen_open(NULL, VMGEN_VMGENID, &v), -EPROTO, "a record cut short: EPROTO");
	kernel.read_size = 0;
	kernel.wait_error = -ENODEV;
	equal(vmgen_open(NULL, VMGEN_VMGENID, &v), -ENODEV, "a device that is gone: ENODEV");
	kernel.wait_error = 0;
	kernel.read_error = -EAGAIN;
	equal(vmgen_open(NULL, VMGEN_VMGENID, &v), -EPROTO, "one without a first record: EPROTO");
	kernel.read_error = 0;
	ok(!v, "no handle came of it");
}

static void test_events(void)
{
	struct vmgen *v = open_device(0);
	struct vmgen_event event = { .generation = 99 };
	uint64_t generation = 99;

	ok(vmgen_fd(v) >= 0, "there is a descriptor");
	equal(vmgen_read(v, &event, sizeof(event)), -EAGAIN, "nothing to read: EAGAIN");
	equal(vmgen_wait(v, kernel.record.generation, 0, &generation), -ETIMEDOUT,
	      "nothing to wait for: ETIMEDOUT");
	equal(vmgen_wait(v, kernel.record.generation, -1, &generation), -EINTR,
	      "an interrupted wait: EINTR");
	ok(event.generation == 99 && generation == 99, "the results are untouched");
	kernel_set_flags(VMGENID_RNG_STALE | VMGENID_RNG_OTHER | 1U << 9);
	kernel_change();
	equal(vmgen_read(v, &event, sizeof(event)), 0, "a change is read");
	equal((long long)event.generation, (long long)kernel.record.generation, "its generation");
	ok(event.changed_boottime_ns == 1234567890 && event.source == VMGENID_SOURCE_CALL,
	   "when and how it was noticed");
	equal(event.flags, VMGEN_RNG_STALE | VMGEN_RNG_OTHER, "its flags, but none that nobody knows");
	kernel.read_size = 23;
	kernel_change();
	event.generation = 99;
	equal(vmgen_read(v, &event, sizeof(event)), -EPROTO, "half a record: EPROTO");
	equal((long long)event.generation, 99, "the result is untouched");
	kernel.wait_error = -ENODEV;
	equal(vmgen_event(v, &event, sizeof(event)), -ENODEV, "the device is gone while it is in use: ENODEV");
	equal(vmgen_wait(v, 1, -1, &generation), -ENODEV, "waiting ends: ENODEV");
	kernel_set_flags(0);
	kernel.wait_error = 0;
	kernel.read_size = 0;
	vmgen_close(v);
}

static int count(void *arg)
{
	++*(int *)arg;
	return 0;
}

/* The number of the descriptor is another file's, of the same kind or not. */
static void test_closed(void)
{
	struct vmgen_guard guard = VMGEN_GUARD_INIT;
	struct vmgen *v = open_device(0);
	struct vmgen_event event;
	char bytes[8] = "abcdefg", vouched[8];
	int fd = vmgen_fd(v);
	int runs = 0;

	scratch_write("other", "other", 0600);
	equal(vmgen_guard_run(v, &guard, 0, count, &runs), 1, "a guard was run");
	close(fd);
	ok(open(scratch_path("other"), O_RDWR | O_CLOEXEC) == fd, "another file has the number");
	ok(!vmgen_changed(v), "what is mapped goes on");
	equal(vmgen_getrandom(v, bytes, sizeof(bytes)), 0, "and vouches for random bytes");
	memcpy(vouched, bytes, sizeof(bytes));
	equal(vmgen_guard_run(v, &guard, 0, count, &runs), 0, "nothing happened");
	kernel_change();
	ok(vmgen_changed(v) && vmgen_changed(v), "a change that cannot be settled is told always");
	ok(vmgen_changed_now(v), "surely");
	equal(vmgen_guard_run(v, &guard, 0, count, &runs), 1, "the guard is run");
	equal(vmgen_guard_run(v, &guard, 0, count, &runs), 1, "by every call");
	equal(vmgen_read(v, &event, sizeof(event)), -EBADF, "reading: EBADF");
	equal(vmgen_event(v, &event, sizeof(event)), -EBADF, "asking: EBADF");
	equal(vmgen_getrandom(v, bytes, sizeof(bytes)), -EBADF, "random bytes: EBADF");
	ok(memcmp(bytes, vouched, 8) && memcmp(bytes, "\0\0\0\0\0\0\0", 8), "there are fresh ones");
	vmgen_close(v);
	equal(lseek(fd, 0, SEEK_CUR), 0, "the other file was not read");
	ok(!strcmp(scratch_read("other"), "other"), "nor written");
	equal(close(fd), 0, "nor closed");
}

static struct {
	int changes;
	int draws;
	/* The kernel reseeds after a draw, where it could not before. */
	bool heals;
	unsigned char last[32];
} draw;

static void change_after_draw(void *buf, size_t size)
{
	memcpy(draw.last, buf, size < sizeof(draw.last) ? size : sizeof(draw.last));
	draw.draws++;
	if (draw.changes > 0) {
		draw.changes--;
		kernel_change();
	}
	if (draw.heals)
		kernel_set_flags(0);
}

static void draws(struct vmgen *v, int changes, int want, const char *name)
{
	unsigned char bytes[32] = "world";
	int r;

	draw.changes = changes;
	draw.draws = 0;
	r = vmgen_getrandom(v, bytes, sizeof(bytes));
	equal(r, want, name);
	ok(!memcmp(bytes, draw.last, sizeof(bytes)), "%s",
	   r ? "what is there is fresh" : "they were drawn last");
}

static void test_random(void)
{
	unsigned int asked;
	struct vmgen *v;
	int i;

	calls.after_draw = change_after_draw;
	for (i = 0; i < 2; i++) {
		v = open_device(i ? VMGEN_UNPRIVILEGED : 0);
		draws(v, 0, 0, "random bytes");
		equal(draw.draws, 1, "drawn once");
		asked = calls.made[CALL_IOCTL];
		draws(v, 0, 0, "again");
		equal(calls.made[CALL_IOCTL] - asked, i, "which asks the device once at most");
		draws(v, 3, 0, "random bytes while the world changes");
		equal(draw.draws, 4, "drawn after each change");
		draws(v, 1000, -EAGAIN, "while it never ends changing: EAGAIN");
		kernel.wait_error = -EPERM;
		draws(v, 1, -EPERM, "nobody can say whether it changed: EPERM");
		kernel.wait_error = 0;
		ok(vmgen_changed_now(v), "it did");
		kernel_set_flags(VMGENID_RNG_STALE);
		draws(v, 0, -EIO, "the kernel could not reseed: EIO");
		draw.heals = true;
		draws(v, 0, -EIO, "nor before it drew, although after it: EIO");
		draw.heals = false;
		draws(v, 0, 0, "then it could");
		kernel_set_flags(VMGENID_RNG_OTHER);
		draws(v, 0, -EOPNOTSUPP, "getrandom(2) may not be what was reseeded: EOPNOTSUPP");
		kernel_set_flags(VMGENID_NO_ID | VMGENID_RNG_STALE);
		draws(v, 0, -ENODATA, "the host provides no ID: ENODATA");
		kernel_set_flags(0);
		vmgen_close(v);
	}
	calls.after_draw = NULL;
}

/* A filter of system calls may choose any errno, but two of them are what the device says. */
static void test_filtered(void)
{
	static const int verdicts[] = { ENODATA, EOPNOTSUPP };
	struct vmgen *v = open_device(0);
	unsigned char bytes[8];
	size_t i;

	calls.fail_kind = CALL_GETRANDOM;
	for (i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		calls.fail_with = verdicts[i];
		equal(vmgen_getrandom(v, bytes, sizeof(bytes)), -ENOSYS, "no random bytes at all: ENOSYS");
	}
	calls.fail_with = 0;
	vmgen_close(v);
}

static void test_guard(void)
{
	struct vmgen_guard guard = VMGEN_GUARD_INIT;
	struct vmgen *v = open_device(0);
	int runs = 0;

	equal(vmgen_guard_run(v, &guard, 0, count, &runs), 1, "a guard runs at first");
	equal(vmgen_guard_run(v, &guard, 0, count, &runs), 0, "not again");
	kernel_change();
	equal(vmgen_guard_run(v, &guard, 0, count, &runs), 1, "at the first instruction after");
	equal(vmgen_guard_run(v, &guard, 0, count, &runs), 0, "once");
	ok(vmgen_changed(v), "the handle's own position is another");
	kernel.more = 2;
	kernel_change();
	equal(vmgen_guard_run(v, &guard, 0, count, &runs), 1, "changes while one is settled");
	/* The ID that it noted before is not the one that was settled. */
	ok(runs == 3 || runs == 4, "are one, or two to be sure");
	equal(vmgen_guard_run(v, &guard, 0, count, &runs), 0, "then nothing happened");
	vmgen_close(v);
}

static void test_errno(void)
{
	struct vmgen_guard guard = VMGEN_GUARD_INIT;
	struct vmgen *v = open_device(0);
	char bytes[8];
	int runs = 0;
	int i;

	errno = 4711;
	for (i = 0; i < 3; i++) {
		drop(vmgen_changed(v));
		drop(vmgen_changed_now(v));
		drop(vmgen_fd(v));
		drop(vmgen_getrandom(v, bytes, sizeof(bytes)));
		drop(vmgen_guard_run(v, &guard, VMGEN_GUARD_NOWAIT, count, &runs));
		kernel_change();
		kernel.wait_error = i ? 0 : -EPERM;
	}
	equal(errno, 4711, "errno is left alone, also where the device fails");
	vmgen_close(v);
}

int main(void)
{
	scratch_create();
	kernel_has_vmgenid();
	test_tiers();
	test_raw();
	test_raw_left();
	test_without_raw();
	test_offsets();
	test_strangers();
	test_events();
	test_closed();
	test_random();
	test_filtered();
	test_guard();
	test_errno();
	test_info();
	return tap_done();
}
