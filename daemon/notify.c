/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgend tells the service manager, by sd_notify(3). A message that is
 * lost cannot be mended here, so results are ignored.
 */
#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "notify.h"

void notify_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
	struct timespec now;

	/* By this the manager tells a READY of before from the one that answers. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
			 now.tv_sec * 1000000ULL + now.tv_nsec / 1000);
}

void notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

void notify_alive(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

void notify_status(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)sd_notifyf(0, "STATUS=%s", text);
}

void notify_extend_start(unsigned int seconds)
{
	(void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%llu", seconds * 1000000ULL);
}

uint64_t notify_alive_interval(void)
{
	uint64_t limit;

	/* Half of it, as sd_watchdog_enabled(3) recommends. */
	return sd_watchdog_enabled(0, &limit) > 0 ? limit / 2 : 0;
}
