/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a hook prints, on its way to the log. All of it is read, so that the
 * hook does not block, and why it failed mostly stands at the end.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "output.h"

/* Logs size bytes of the line. Made safe, they may be longer than a line. */
static void log_part(struct output *output, size_t size)
{
	char safe[OUTPUT_LINE_SIZE];
	size_t taken = 0, length;

	do {
		taken += text_escape(TEXT_LINE, output->line + taken, size - taken, safe,
				     sizeof(safe), &length);
		/* Unlike what vmgend says of the hook. */
		log_info("%s| %.*s", output->name, (int)length, safe);
	} while (taken < size);
	output->used -= size;
	memmove(output->line, output->line + size, output->used);
}

/* Returns whether a line was logged. */
static bool take(struct output *output, char byte)
{
	output->taken++;
	if (byte != '\n') {
		output->line[output->used++] = byte;
		if (output->used < sizeof(output->line))
			return false;
		log_part(output, text_whole(output->line, output->used));
		return true;
	}
	log_part(output, output->used);
	return true;
}

static void take_head(struct output *output, const char *data, size_t size)
{
	size_t i;

	for (i = 0; i < size && !output->head_done; i++)
		output->head_done = take(output, data[i]) && output->taken >= OUTPUT_HEAD;
	if (output->head_done) {
		/* The beginning of a character. */
		output->taken -= output->used;
		output->used = 0;
	}
}

/* Only copied, because it can be a lot. */
static void keep(struct output *output, const char *data, size_t size)
{
	if (output->n_kept + size > sizeof(output->kept)) {
		memmove(output->kept, output->kept + output->n_kept - OUTPUT_TAIL, OUTPUT_TAIL);
		output->n_kept = OUTPUT_TAIL;
	}
	memcpy(output->kept + output->n_kept, data, size);
	output->n_kept += size;
	output->total += size;
}

bool output_pump(struct output *output, int fd, size_t limit)
{
	char data[OUTPUT_CHUNK_SIZE];
	ssize_t n;

	while (limit) {
		n = read(fd, data, limit < sizeof(data) ? limit : sizeof(data));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (!n)
			return false;
		if (!output->head_done)
			take_head(output, data, n);
		keep(output, data, n);
		limit -= n;
	}
	return true;
}

/* Returns a place not far from there where a line begins, or at least a character. */
static const char *beginning(const char *text, const char *end)
{
	size_t size = end - text;
	const char *line = memchr(text, '\n', size < OUTPUT_LINE_SIZE ? size : OUTPUT_LINE_SIZE);
	int i;

	if (line && line + 1 < end)
		return line + 1;
	/* No more of them are of one. */
	for (i = 0; i < 3 && text < end && (*text & 0xc0) == 0x80; i++)
		text++;
	return text;
}

void output_finish(struct output *output)
{
	const char *end = output->kept + output->n_kept, *from = end - (output->total - output->taken);
	uint64_t left_out = 0;

	if (output->total - output->taken > OUTPUT_TAIL) {
		from = beginning(end - OUTPUT_TAIL, end);
		left_out = output->total - output->taken - (end - from);
		log_warning("%s: %" PRIu64 " bytes of its output are left out here", output->name,
			    left_out);
	}
	while (from < end)
		take(output, *from++);
	if (output->used)
		log_part(output, output->used);
}

void output_tail(const struct output *output, char ret_text[static OUTPUT_EXCERPT_SIZE])
{
	const char *end = output->kept + output->n_kept, *from = output->kept;
	size_t size, fits;

	if (from < end && end[-1] == '\n')
		end--;
	if (end - from >= OUTPUT_EXCERPT_SIZE)
		from = beginning(end - OUTPUT_EXCERPT_SIZE, end);
	/* Safe, it may have become too long. */
	for (;;) {
		size = end - from;
		fits = text_escape(TEXT_LINES, from, size, ret_text, OUTPUT_EXCERPT_SIZE, NULL);
		if (fits == size)
			return;
		from = beginning(from + 1, end);
	}
}
