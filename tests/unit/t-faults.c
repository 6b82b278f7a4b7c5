/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Every system call that the library makes fails once, with each errno of
 * calls.h: nothing is left behind, no result is touched, nothing is worse
 * afterwards than an answer of "changed".
 */
#include "base/compat.h"
#include "kernel.h"
#include "tap.h"

/* A device, and a way to use all of the library on it. */
struct device {
	const char *name;
	void (*plug)(void);
	void (*change)(void);
	unsigned int flags;
};

/* What went wrong first in a run; runs in which something did. */
static char complaint[128];
static unsigned int bad_runs;

static void __attribute__((format(printf, 1, 2))) complain(const char *format, ...)
{
	va_list args;

	if (complaint[0])
		return;
	bad_runs++;
	va_start(args, format);
	vsnprintf(complaint, sizeof(complaint), format, args);
	va_end(args);
}

/* Kinds of calls that have failed, as bits. */
static unsigned int kinds;

static bool has_failed(void)
{
	return calls.failed != CALLS;
}

/* With any failure: it returned an errno and left the result alone, or neither. */
static void judge(const char *name, int r, bool touched)
{
	/* Nothing new, nothing waited for, not on this device, not of this tier. */
	bool usual = r == -EAGAIN || r == -ETIMEDOUT || r == -EOPNOTSUPP || r == -EPERM;

	if (r < 0 && touched)
		complain("%s returned %d and a result", name, r);
	if (r < 0 && !usual && !has_failed())
		complain("%s returned %d though nothing failed", name, r);
}

static int renew(void *arg)
{
	++*(int *)arg;
	return 0;
}

static void use_random(struct vmgen *v)
{
	static const unsigned char none[64];
	unsigned char bytes[64];
	int r;

	memset(bytes, 0, sizeof(bytes));
	r = vmgen_getrandom(v, bytes, sizeof(bytes));
	judge("vmgen_getrandom", r, false);
	if (!memcmp(bytes, none, sizeof(bytes)) && calls.failed != CALL_GETRANDOM)
		complain("vmgen_getrandom left zeros");
}

static void use_results(struct vmgen *v)
{
	struct vmgen_event event = { .generation = 99 };
	struct vmgen_info info = { .device = 99 };
	uint8_t id[VMGEN_ID_SIZE] = "untouched";
	uint64_t generation = 99;
	int r;

	r = vmgen_event(v, &event, sizeof(event));
	judge("vmgen_event", r, event.generation != 99);
	event.generation = 99;
	r = vmgen_read(v, &event, sizeof(event));
	judge("vmgen_read", r, event.generation != 99);
	r = vmgen_info(v, &info, sizeof(info));
	judge("vmgen_info", r, info.device != 99);
	r = vmgen_id(v, id);
	judge("vmgen_id", r, strcmp((char *)id, "untouched") != 0);
	generation = 99;
	r = vmgen_settled(v, &generation);
	judge("vmgen_settled", r, generation != 99);
	generation = 99;
	/* Long enough that it has to sleep also under memcheck on a slow machine: 5 ms. */
	r = vmgen_wait(v, vmgen_generation(v), 5000000, &generation);
	judge("vmgen_wait", r, generation != 99);
}

/* A change is told, now or, where its settling failed, again. */
static void use_checks(struct vmgen *v, const struct device *d)
{
	struct vmgen_guard guard = VMGEN_GUARD_INIT;
	struct vmgen_event event = { .generation = 99 };
	int runs = 0;
	int saved;

	judge("vmgen_guard_run", vmgen_guard_run(v, &guard, 0, renew, &runs), false);
	errno = 4711;
	d->change();
	saved = errno;
	if (!vmgen_changed_now(v))
		complain("vmgen_changed_now missed a change");
	drop(vmgen_changed(v));
	judge("vmgen_guard_run", vmgen_guard_run(v, &guard, VMGEN_GUARD_NOWAIT, renew, &runs), false);
	use_random(v);
	if (errno != saved)
		complain("errno was left at %d", errno);
	if (runs < 2)
		complain("a guard was run %d times", runs);
	judge("vmgen_read", vmgen_read(v, &event, sizeof(event)), event.generation != 99);
}

/* As a daemon does that closes what it does not know. */
static void use_reopen(struct vmgen *v)
{
	struct vmgen_event event = { .generation = 99 };
	int fd = vmgen_fd(v);

	if (fd >= 0)
		close(fd);
	judge("vmgen_reopen", vmgen_reopen(v), false);
	judge("vmgen_event", vmgen_event(v, &event, sizeof(event)), event.generation != 99);
}

static void use(const struct device *d)
{
	struct vmgen *v = (void *)&complaint;
	int r = vmgen_open(kernel.node.path, d->flags, &v);

	judge("vmgen_open", r, v != (void *)&complaint);
	if (r < 0)
		return;
	use_results(v);
	use_checks(v, d);
	use_reopen(v);
	vmgen_close(v);
}

static void find_leftovers(unsigned int at, int descriptors_before, unsigned long mapped_before)
{
	int left = kernel_descriptors() - descriptors_before;
	/* A descriptor that cannot be looked at may be anybody's, and is left alone, if it is there. */
	bool unknown = (calls.failed == CALL_FSTAT || calls.failed == CALL_IOCTL) && calls.seen == at;

	if (left < 0 || left > unknown)
		complain("%d descriptors are left", left);
	if (kernel_mapped() != mapped_before)
		complain("%ld bytes stay mapped", (long)(kernel_mapped() - mapped_before));
	if (unknown)
		close(3);
}

/* Returns whether there was a call to fail. */
static bool fail_once(const struct device *d, unsigned int at, unsigned int variant)
{
	unsigned long mapped_before;
	int descriptors_before;

	d->plug();
	descriptors_before = kernel_descriptors();
	mapped_before = kernel_mapped();
	complaint[0] = '\0';
	calls.failed = CALLS;
	calls.seen = 0;
	calls.variant = variant;
	calls.fail_at = at;
	use(d);
	calls.fail_at = 0;
	find_leftovers(at, descriptors_before, mapped_before);
	if (complaint[0])
		printf("# %s, call %u (kind %d) failed with errno %d: %s\n", d->name, at,
		       (int)calls.failed, has_failed() ? calls_errnos[calls.failed][variant] : 0,
		       complaint);
	kernel_has_none();
	kinds |= 1U << calls.failed;
	return has_failed();
}

static void test_device(const struct device *d)
{
	unsigned int variant, at, runs = 0;

	bad_runs = 0;
	for (variant = 0; variant < CALLS_ERRNOS; variant++) {
		for (at = 1; fail_once(d, at, variant); at++)
			runs++;
		/* The last one, in which nothing failed, shows that all is used. */
		ok(at > 10, "%s, errno %u: each of %u calls failed", d->name, variant + 1, at - 1);
	}
	equal(bad_runs, 0, "nothing bad came of it");
}

static void change_sysgenid(void)
{
	page_set32(kernel.node.bytes, 0, kernel_counter() + 1);
}

static void change_vmclock(void)
{
	static uint64_t counter = 2;

	page_set64(kernel.node.bytes, CLOCK_GENERATION, counter++);
}

/* Who does not see the raw page learns of it from the module. */
static void change_noticed(void)
{
	kernel_change();
	kernel_notice();
}

int main(void)
{
	static const struct device devices[] = {
		{ "vmgenid", kernel_has_vmgenid, kernel_change, 0 },
		{ "vmgenid, reading", kernel_has_vmgenid, change_noticed, VMGEN_UNPRIVILEGED },
		{ "vmclock", kernel_has_vmclock, change_vmclock, VMGEN_VMCLOCK },
		{ "sysgenid", kernel_has_sysgenid, change_sysgenid, VMGEN_SYSGENID },
		{ "sysgenid, reading", kernel_has_sysgenid, change_sysgenid,
		  VMGEN_SYSGENID | VMGEN_UNPRIVILEGED },
	};
	size_t i;

	scratch_create();
	/* What was inherited would be in the way of the lowest numbers. */
	if (close_range(3, ~0U, 0))
		scratch_give_up("close_range");
	/* So that each descriptor has to be moved. */
	close(STDIN_FILENO);
	for (i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		test_device(&devices[i]);
	equal(kinds, (2U << CALLS) - 1, "each kind of call has failed");
	return tap_done();
}
