/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a hook prints, on its way to the log. What is over the limit is still
 * read, so that the hook does not block.
 */
#include <errno.h>
#include <unistd.h>

#include "log.h"
#include "output.h"

static void log_output(struct output *output)
{
	size_t used = output->used;

	output->used = 0;
	if (output->logged > OUTPUT_LIMIT)
		return;
	output->logged += used + 1;
	if (output->logged <= OUTPUT_LIMIT)
		/* Unlike what vmgend says of the hook. */
		log_info("%s| %.*s", output->name, (int)used, output->line);
	else
		log_warning("%s: prints more than %d bytes: the rest is not logged",
			    output->name, OUTPUT_LIMIT);
}

static void take(struct output *output, const char *data, size_t size)
{
	size_t i;

	for (i = 0; i < size && output->logged <= OUTPUT_LIMIT; i++) {
		if (data[i] != '\n')
			output->line[output->used++] = data[i] ? data[i] : '?';
		if (data[i] == '\n' || output->used == sizeof(output->line))
			log_output(output);
	}
}

bool output_pump(struct output *output, int fd, size_t limit)
{
	char data[4096];
	ssize_t n;

	while (limit) {
		n = read(fd, data, limit < sizeof(data) ? limit : sizeof(data));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (!n)
			return false;
		take(output, data, n);
		limit -= n;
	}
	return true;
}

void output_finish(struct output *output)
{
	if (output->used)
		log_output(output);
}
