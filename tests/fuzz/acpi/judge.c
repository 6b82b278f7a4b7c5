/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Stands between the module and what it calls, by the linker's --wrap.
 */
#include <linux/acpi.h>
#include <linux/io.h>
#include <sanitizer/allocator_interface.h>
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include "judge.h"
#include "vmgenc.h"

enum { HELD = 4096, LISTENERS = 64 };
#define PREFIX KBUILD_MODNAME ": "

static struct {
	struct judge_finding *finding;
	/* Lines of the log, and the newest one. */
	unsigned int n_lines;
	char line[512];
	unsigned int n_mapped;
	/* Memory of ACPICA that its caller has to free. */
	unsigned int n_held;
	const void *held[HELD];
	unsigned int n_listeners;
	struct listener {
		acpi_handle handle;
		acpi_notify_handler handler;
		/* Who hears that the handle goes. */
		acpi_object_handler forget;
		void *context;
		bool gone;
	} listeners[LISTENERS];
	acpi_sci_handler sci;
} judge;

void judge_fail(const char *what)
{
	fprintf(stderr, "judge: %s\njudge: the log's last line: %s\n", what, judge.line);
	abort();
}

/*
 * ACPICA has faults of its own, which tables of this kind find by the dozen. It is built so
 * that it goes on after one. So do functions of the C library, for any caller.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "halt_on_error=0:allocator_may_return_null=1:detect_leaks=0:quarantine_size_mb=64";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
	return "print_stacktrace=1";
}

/* Of the module, or of nobody that is known. */
static bool is_fault;

static void part_report(const char *report)
{
	const char *line;

	for (line = strstr(report, "\n    #"); line; line = strstr(line + 1, "\n    #")) {
		size_t length = strcspn(line + 1, "\n") + 1;

		if (memmem(line, length, "drivers/acpi/acpica/", 20))
			return;
		if (memmem(line, length, "kmod/", 5))
			break;
	}
	/* Here is no place to end: this is in the middle of the report. */
	is_fault = true;
}

static void log_line(void *context, const char *line)
{
	const char *c;

	(void)context;
	judge_demand(!strncmp(line, PREFIX, strlen(PREFIX)), "a line of the log is nobody's");
	line += strlen(PREFIX);
	snprintf(judge.line, sizeof(judge.line), "%s", line);
	judge.n_lines++;
	if (getenv("JUDGE_LOG"))
		fprintf(stderr, "%s\n", line);
	judge_demand(line[0] && strlen(line) < sizeof(judge.line), "a line of the log has no bound");
	for (c = line; *c; c++)
		judge_demand(*c >= ' ' && *c <= '~', "a line of the log is not text");
}

/* What the kernel says of a table helps to see why it is a finding. */
static void log_acpica(void *context, const char *line)
{
	(void)context;
	fprintf(stderr, "%s\n", line);
}

struct vmgenc_device *__real_vmgenc_device_offer(struct vmgenc *vg,
						 const struct vmgenc_firmware *firmware,
						 const char *path, const char *hid, u64 phys,
						 u64 room, const char *wrong);
struct vmgenc_device *__wrap_vmgenc_device_offer(struct vmgenc *vg,
						 const struct vmgenc_firmware *firmware,
						 const char *path, const char *hid, u64 phys,
						 u64 room, const char *wrong);
void *__real_memremap(resource_size_t offset, size_t size, unsigned long flags);
void *__wrap_memremap(resource_size_t offset, size_t size, unsigned long flags);
void __real_memunmap(void *memory);
void __wrap_memunmap(void *memory);
acpi_status __real_acpi_get_object_info(acpi_handle handle, struct acpi_device_info **ret);
acpi_status __wrap_acpi_get_object_info(acpi_handle handle, struct acpi_device_info **ret);
acpi_status __real_acpi_get_name(acpi_handle handle, u32 type, struct acpi_buffer *ret);
acpi_status __wrap_acpi_get_name(acpi_handle handle, u32 type, struct acpi_buffer *ret);
acpi_status __real_acpi_evaluate_object(acpi_handle handle, acpi_string path,
					struct acpi_object_list *arguments, struct acpi_buffer *ret);
acpi_status __wrap_acpi_evaluate_object(acpi_handle handle, acpi_string path,
					struct acpi_object_list *arguments, struct acpi_buffer *ret);
acpi_status __real_acpi_install_notify_handler(acpi_handle handle, u32 type,
					       acpi_notify_handler handler, void *context);
acpi_status __wrap_acpi_install_notify_handler(acpi_handle handle, u32 type,
					       acpi_notify_handler handler, void *context);
acpi_status __real_acpi_attach_data(acpi_handle handle, acpi_object_handler handler, void *data);
acpi_status __wrap_acpi_attach_data(acpi_handle handle, acpi_object_handler handler, void *data);
acpi_status __real_acpi_detach_data(acpi_handle handle, acpi_object_handler handler);
acpi_status __wrap_acpi_detach_data(acpi_handle handle, acpi_object_handler handler);
acpi_status __real_acpi_install_sci_handler(acpi_sci_handler handler, void *context);
acpi_status __wrap_acpi_install_sci_handler(acpi_sci_handler handler, void *context);

/* A refusal is one sentence that begins with the path; whom the module takes, it is silent about. */
static void judge_lines(const char *path, unsigned int n_lines, bool used)
{
	size_t length = strlen(path);

	judge_demand(n_lines == !used, "a device is not refused with one sentence");
	if (!used)
		judge_demand(!strncmp(judge.line, path, length) &&
			     !strncmp(judge.line + length, ": ", 2) && judge.line[length + 2],
			     "a refusal does not name the path");
}

struct vmgenc_device *__wrap_vmgenc_device_offer(struct vmgenc *vg,
						 const struct vmgenc_firmware *firmware,
						 const char *path, const char *hid, u64 phys,
						 u64 room, const char *wrong)
{
	struct judge_finding *finding = judge.finding;
	unsigned int n_lines = judge.n_lines;
	struct vmgenc_device *dev = __real_vmgenc_device_offer(vg, firmware, path, hid, phys,
							       room, wrong);
	struct judge_offer *offer;

	judge_lines(path, judge.n_lines - n_lines, dev);
	judge_demand(vg->n_devices <= JUDGE_DEVICES, "too many devices are used");
	judge_demand(!dev || !wrong, "what acpi.c found wrong is used");
	finding->n_used += !!dev;
	if (finding->n_offers == JUDGE_OFFERS)
		return dev;
	offer = &finding->offers[finding->n_offers++];
	*offer = (struct judge_offer){
		.is_clock = firmware->kind == &vmgenc_vmclock, .used = dev, .phys = phys,
	};
	snprintf(offer->path, sizeof(offer->path), "%s", path);
	snprintf(offer->wrong, sizeof(offer->wrong), "%s", wrong ? wrong : "");
	if (!dev)
		snprintf(offer->line, sizeof(offer->line), "%.120s", judge.line + strlen(path) + 2);
	return dev;
}

void *__wrap_memremap(resource_size_t offset, size_t size, unsigned long flags)
{
	void *memory = __real_memremap(offset, size, flags);

	judge.n_mapped += !!memory;
	return memory;
}

void __wrap_memunmap(void *memory)
{
	judge_demand(judge.n_mapped, "more is unmapped than was mapped");
	judge.n_mapped--;
	__real_memunmap(memory);
}

static void hold(const void *memory)
{
	if (memory && judge.n_held < HELD)
		judge.held[judge.n_held++] = memory;
}

acpi_status __wrap_acpi_get_object_info(acpi_handle handle, struct acpi_device_info **ret)
{
	acpi_status status = __real_acpi_get_object_info(handle, ret);

	if (ACPI_SUCCESS(status))
		hold(*ret);
	return status;
}

acpi_status __wrap_acpi_get_name(acpi_handle handle, u32 type, struct acpi_buffer *ret)
{
	bool allocated = ret->length == ACPI_ALLOCATE_BUFFER;
	acpi_status status = __real_acpi_get_name(handle, type, ret);

	/* Also where it fails, the caller has to. */
	if (allocated)
		hold(ret->pointer);
	return status;
}

acpi_status __wrap_acpi_evaluate_object(acpi_handle handle, acpi_string path,
					struct acpi_object_list *arguments, struct acpi_buffer *ret)
{
	bool allocated = ret && ret->length == ACPI_ALLOCATE_BUFFER;
	acpi_status status = __real_acpi_evaluate_object(handle, path, arguments, ret);

	/* Also where it fails, the caller has to. */
	if (allocated)
		hold(ret->pointer);
	return status;
}

/* Of the module's own, or a new one. */
static struct listener *listener_of(acpi_handle handle)
{
	unsigned int i;

	for (i = 0; i < judge.n_listeners; i++)
		if (judge.listeners[i].handle == handle)
			return &judge.listeners[i];
	judge_demand(judge.n_listeners < LISTENERS, "too many devices are listened to");
	judge.listeners[judge.n_listeners].handle = handle;
	return &judge.listeners[judge.n_listeners++];
}

acpi_status __wrap_acpi_install_notify_handler(acpi_handle handle, u32 type,
					       acpi_notify_handler handler, void *context)
{
	acpi_status status = __real_acpi_install_notify_handler(handle, type, handler, context);

	if (ACPI_SUCCESS(status))
		listener_of(handle)->handler = handler;
	return status;
}

static void forget(acpi_handle handle, void *context)
{
	struct listener *listener = context;

	listener->gone = true;
	listener->forget(handle, listener->context);
}

acpi_status __wrap_acpi_attach_data(acpi_handle handle, acpi_object_handler handler, void *data)
{
	struct listener *listener = listener_of(handle);

	listener->forget = handler;
	listener->context = data;
	return __real_acpi_attach_data(handle, forget, listener);
}

acpi_status __wrap_acpi_detach_data(acpi_handle handle, acpi_object_handler handler)
{
	judge_demand(!listener_of(handle)->gone, "a handle is used that is gone");
	(void)handler;
	return __real_acpi_detach_data(handle, forget);
}

acpi_status __wrap_acpi_install_sci_handler(acpi_sci_handler handler, void *context)
{
	judge.sci = handler;
	return __real_acpi_install_sci_handler(handler, context);
}

static void judge_listener(const struct listener *listener)
{
	void *data;

	if (listener->gone)
		return;
	judge_demand(!listener->handler ||
		     ACPI_FAILURE(acpi_remove_notify_handler(listener->handle, ACPI_DEVICE_NOTIFY,
							     listener->handler)),
		     "a handler of notifications is left");
	judge_demand(ACPI_FAILURE(acpi_get_data(listener->handle, forget, &data)),
		     "data is left attached");
}

/* ACPICA itself is asked: it has no handler to remove any more. */
static void judge_rest(void)
{
	unsigned int i;

	judge_demand(!judge.n_mapped, "memory is left mapped");
	for (i = 0; i < judge.n_listeners; i++)
		judge_listener(&judge.listeners[i]);
	if (judge.sci)
		judge_demand(ACPI_FAILURE(acpi_remove_sci_handler(judge.sci)),
			     "a handler of the interrupt is left");
	for (i = 0; i < judge.n_held; i++)
		judge_demand(!__sanitizer_get_ownership(judge.held[i]),
			     "memory of ACPICA's is not freed");
}

/* Changes that the firmware announces, by the names that the tests' tables use. */
static void announce(void)
{
	char path[300];
	unsigned int i;

	if (machine_device()) {
		snprintf(path, sizeof(path), "%s.FIRE", machine_device());
		machine_evaluate(path, NULL);
	}
	for (i = 0; i < MACHINE_GPES; i += 5)
		machine_raise_gpe(i);
	machine_settle();
}

void judge_machine(const struct machine *given, void (*prepare)(void *context),
		   struct judge_finding *ret_finding)
{
	struct machine machine = *given;
	int err;

	memset(&judge, 0, sizeof(judge));
	memset(ret_finding, 0, sizeof(*ret_finding));
	judge.finding = ret_finding;
	__asan_set_error_report_callback(part_report);
	machine.log = log_line;
	if (getenv("JUDGE_LOG"))
		machine.acpica_log = log_acpica;
	if (machine_start(&machine) < 0)
		return;
	ret_finding->started = true;
	if (prepare)
		prepare(machine.context);
	err = machine_find();
	judge_demand((err == 0) == (ret_finding->n_used > 0), "what is found does not count");
	judge_demand(machine_devices() == ret_finding->n_used, "what is used does not count");
	if (!err && machine_listen() == 0)
		announce();
	machine_release();
	judge_demand(!is_fault, "AddressSanitizer has a report of the module");
	judge_rest();
	machine_stop();
}

const struct judge_offer *judge_find(const struct judge_finding *finding, const char *path,
				     bool is_clock)
{
	const struct judge_offer *offer;

	for (offer = finding->offers; offer < finding->offers + finding->n_offers; offer++)
		if (offer->is_clock == is_clock && !strcmp(offer->path, path))
			return offer;
	return NULL;
}

/* Byte by byte, and with numbers that do not wrap. */
bool judge_address(uint64_t phys, unsigned int size, unsigned int phys_bits,
		   const struct judge_range *ranges, unsigned int n_ranges)
{
	const struct judge_range *range;
	unsigned int i;
	__uint128_t at;

	if (phys == 0 || phys % 8 != 0)
		return false;
	for (i = 0; i < size; i++) {
		at = (__uint128_t)phys + i;
		if (at >= (__uint128_t)1 << phys_bits)
			return false;
		for (range = ranges; range < ranges + n_ranges; range++)
			if (range->is_ram && at >= range->first && at <= range->last)
				return false;
	}
	return true;
}
