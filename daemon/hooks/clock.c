/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Sets the clock by the host's: a machine that was restored goes on with the
 * time of its snapshot. The hooks of band 20 run it before they ask the network,
 * which takes longer and may not be there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/rtc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "pageclock.h"

#define PTP_CLASS	"/sys/class/ptp"
#define ADJTIME		"/etc/adjtime"

enum {
	NOT_APPLICABLE = 77,
	/* With a pause between them: two seconds, in which one must end. */
	LOOKS_AT_RTC = 400,
};

static const int64_t second = 1000000000;
/* What is off by less, slewing corrects. */
static const int64_t tolerance = 500000000;
/* A snapshot puts a clock back, never far ahead: then it is rather the host that is wrong. */
static const int64_t most_back = 24 * 3600 * 1000000000LL;
/* 2026: this program is no older. */
static const int64_t written = 1767225600 * 1000000000LL;
static const struct timespec pause_of_rtc = { .tv_nsec = 5000000 };

/* What the host says, and the clocks of this system at that moment; in ns. */
struct reading {
	const char *source;
	bool may_be_local;	/* time of a zone, and nobody has said so */
	bool copied;		/* by Linux, which sets it by the system's clock at times */
	int64_t host;
	int64_t system;
	int64_t monotonic;
};

/* Clocks of hosts that tell UTC. Of a VMClock see pageclock.h. */
static const struct {
	const char *name;	/* as the driver calls it */
	const char *source;
} ptp_clocks[] = {
	{ "KVM virtual PTP", "the clock of KVM" },
	{ "hyperv", "the clock of Hyper-V" },
};

static int read_clock(clockid_t id, int64_t *ret_ns)
{
	struct timespec now;

	if (clock_gettime(id, &now))
		return -errno;
	*ret_ns = now.tv_sec * second + now.tv_nsec;
	return 0;
}

/* Of those that every system has. */
static int64_t now_of(clockid_t id)
{
	int64_t now = 0;

	(void)read_clock(id, &now);
	return now;
}

static void read_system(struct reading *reading)
{
	reading->system = now_of(CLOCK_REALTIME);
	reading->monotonic = now_of(CLOCK_MONOTONIC);
}

/* ---- PTP clocks ---------------------------------------------------------- */

static const char *ptp_source(const char *ptp)
{
	char path[sizeof(PTP_CLASS) + NAME_MAX + sizeof("/clock_name")], name[64] = "";
	FILE *file;
	size_t i;

	snprintf(path, sizeof(path), PTP_CLASS "/%s/clock_name", ptp);
	file = fopen(path, "re");
	if (!file)
		return NULL;
	if (!fgets(name, sizeof(name), file))
		name[0] = '\0';
	fclose(file);
	name[strcspn(name, "\n")] = '\0';
	for (i = 0; i < sizeof(ptp_clocks) / sizeof(ptp_clocks[0]); i++)
		if (!strcmp(name, ptp_clocks[i].name))
			return ptp_clocks[i].source;
	return NULL;
}

static int read_ptp_device(const char *ptp, struct reading *ret_reading)
{
	char path[sizeof("/dev/") + NAME_MAX];
	struct reading reading = { .source = ptp_source(ptp) };
	int fd, r;

	snprintf(path, sizeof(path), "/dev/%s", ptp);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* The clock of a descriptor, see clock_gettime(2). */
	r = read_clock((clockid_t)(~(unsigned int)fd << 3 | 3), &reading.host);
	close(fd);
	if (r)
		return r;
	read_system(&reading);
	*ret_reading = reading;
	return 0;
}

static int read_ptp(struct reading *ret_reading)
{
	DIR *class = opendir(PTP_CLASS);
	struct dirent *entry;
	int r = -ENODEV;

	if (!class)
		return -ENODEV;
	while (r && (entry = readdir(class)))
		if (ptp_source(entry->d_name))
			r = read_ptp_device(entry->d_name, ret_reading);
	closedir(class);
	return r;
}

/* ---- VMClock ------------------------------------------------------------- */

static int read_vmclock(struct reading *ret_reading)
{
	struct reading reading = { .source = "the VMClock" };
	int r = pageclock_read(&reading.host);

	if (r)
		return r;
	read_system(&reading);
	*ret_reading = reading;
	return 0;
}

/* ---- RTC ----------------------------------------------------------------- */

/* The third line tells it, see hwclock(8). */
static bool rtc_is_local(void)
{
	FILE *file = fopen(ADJTIME, "re");
	char line[64] = "";
	int i;

	if (!file)
		return false;
	for (i = 0; i < 3; i++)
		if (!fgets(line, sizeof(line), file))
			line[0] = '\0';
	fclose(file);
	return !strncmp(line, "LOCAL", strlen("LOCAL"));
}

/* Then Linux sets the RTC every 11 minutes, also by a clock that is stale. */
static bool is_synchronized(void)
{
	struct timex state = { .modes = 0 };

	return adjtimex(&state) >= 0 && !(state.status & STA_UNSYNC);
}

static int read_rtc_second(int fd, bool local, time_t *ret_time)
{
	struct rtc_time rtc;
	struct tm tm;

	if (ioctl(fd, RTC_RD_TIME, &rtc))
		return -errno;
	tm = (struct tm){
		.tm_sec = rtc.tm_sec, .tm_min = rtc.tm_min, .tm_hour = rtc.tm_hour,
		.tm_mday = rtc.tm_mday, .tm_mon = rtc.tm_mon, .tm_year = rtc.tm_year,
		.tm_isdst = -1,
	};
	*ret_time = local ? mktime(&tm) : timegm(&tm);
	return 0;
}

/* It tells whole seconds, so the moment is awaited at which one begins. */
static int read_rtc_device(int fd, struct reading *ret_reading)
{
	bool local = rtc_is_local();
	struct reading reading = {
		.source = "the RTC", .may_be_local = !local, .copied = is_synchronized(),
	};
	time_t first, now;
	int i, r;

	r = read_rtc_second(fd, local, &first);
	for (i = 0; !r && i < LOOKS_AT_RTC; i++) {
		nanosleep(&pause_of_rtc, NULL);
		r = read_rtc_second(fd, local, &now);
		read_system(&reading);
		if (!r && now != first) {
			reading.host = now * second;
			*ret_reading = reading;
			return 0;
		}
	}
	return r ? r : -EIO;
}

static int read_rtc(struct reading *ret_reading)
{
	int fd = open("/dev/rtc0", O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return errno == ENXIO || errno == ENOENT ? -ENODEV : -errno;
	r = read_rtc_device(fd, ret_reading);
	close(fd);
	return r;
}

/* ---- the decision -------------------------------------------------------- */

static bool is_zone(int64_t off)
{
	time_t now = time(NULL);
	struct tm local;
	int64_t rest;

	if (!localtime_r(&now, &local) || !local.tm_gmtoff)
		return false;
	rest = off - local.tm_gmtoff * second;
	return llabs(rest) < 2 * second;
}

/* Why the host is not believed, or NULL. */
static const char *doubt(const struct reading *reading)
{
	int64_t off = reading->host - reading->system;

	if (reading->host < written)
		return "it is before vmgen was written";
	if (off < -most_back)
		return "it is more than a day behind the system's";
	if (reading->may_be_local && is_zone(off))
		return "it differs by the time zone, as if it were local time; if it is, write LOCAL into the third line of " ADJTIME;
	return NULL;
}

static int set_clock(const struct reading *reading)
{
	struct timespec to;
	int64_t ns;

	/* By the clock that nobody sets: another one may set this one at the same time. */
	ns = reading->host + now_of(CLOCK_MONOTONIC) - reading->monotonic;
	to.tv_sec = ns / second;
	to.tv_nsec = ns % second;
	return clock_settime(CLOCK_REALTIME, &to) ? -errno : 0;
}

static int correct(const struct reading *reading, bool drill)
{
	const char *why = doubt(reading);
	double off = (double)(reading->host - reading->system) / second;
	int r;

	if (llabs(reading->host - reading->system) <= tolerance) {
		printf("the clock agrees with %s: off by %+.3f s%s\n", reading->source, off,
		       reading->copied ? "; if Linux has set the RTC by it since the resume, both are stale, and only the network can tell" : "");
		return 0;
	}
	if (why) {
		printf("%s differs by %+.3f s and is not believed: %s\n", reading->source, off, why);
		return 1;
	}
	if (drill) {
		printf("would step the clock by %+.3f s, to %s\n", off, reading->source);
		return 0;
	}
	r = set_clock(reading);
	if (r) {
		printf("cannot step the clock by %+.3f s, to %s: %s\n", off, reading->source,
		       strerror(-r));
		return 1;
	}
	printf("stepped the clock by %+.3f s, to %s\n", off, reading->source);
	return 0;
}

/* The first that tells the time is believed; the RTC, which tells the least, is the last. */
static int (*const clocks[])(struct reading *) = { read_ptp, read_vmclock, read_rtc };

int main(int argc, char **argv)
{
	const char *event = getenv("VMGEN_EVENT");
	struct reading reading = { .source = NULL };
	size_t i;
	int r;

	if (argc > 1) {
		fprintf(stderr, "usage: %s\n", argv[0]);
		return 2;
	}
	for (i = 0, r = -ENODEV; r && i < sizeof(clocks) / sizeof(clocks[0]); i++)
		r = clocks[i](&reading);
	if (r == -ENODEV) {
		printf("the host shows no clock: neither that of KVM or Hyper-V, nor a VMClock that tells the time, nor an RTC\n");
		return NOT_APPLICABLE;
	}
	if (r) {
		printf("cannot read the RTC: %s\n", strerror(-r));
		return 1;
	}
	return correct(&reading, event && !strcmp(event, "test"));
}
