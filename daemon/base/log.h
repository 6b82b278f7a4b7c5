/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The log of vmgend: standard error, with the priority in front where that is
 * the journal, or syslog on request. Each call writes one whole line, so processes may share it.
 */
#ifndef LOG_H
#define LOG_H

#include <syslog.h>

#include "journal.h"

/* From now on lines go to syslog, by /dev/log. */
void log_to_syslog(void);

/* Finds out whether standard error is the journal. */
void log_init(void);

/*
 * Writes one line, made safe as text.h says. errno is left alone. Nobody is waited for: what
 * is not taken at once is lost, which the next line that is taken tells.
 */
void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, with fields for the journal. */
void log_event(int priority, const struct log_fields *fields, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(...)		log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...)	log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)		log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)		log_line(LOG_INFO, __VA_ARGS__)

#endif /* LOG_H */
