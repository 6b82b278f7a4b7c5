/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Answers to those who ask by OSSL_PARAM(3), as far as we have any.
 */
#include <stdint.h>
#include <string.h>

#include "vmgen_provider.h"

static int store(OSSL_PARAM *param, const void *value, size_t size)
{
	param->return_size = size;
	/* A caller without a buffer asks how much it takes. */
	if (!param->data)
		return 1;
	if (param->data_size < size)
		return 0;
	memcpy(param->data, value, size);
	return 1;
}

int param_set_number(OSSL_PARAM *param, uint64_t value)
{
	uint32_t small = (uint32_t)value;
	uint64_t limit;

	if (param->data_type != OSSL_PARAM_INTEGER &&
	    param->data_type != OSSL_PARAM_UNSIGNED_INTEGER)
		return 0;
	limit = param->data_size == sizeof(small) ? UINT32_MAX : UINT64_MAX;
	if (param->data_type == OSSL_PARAM_INTEGER)
		limit /= 2;
	if (value > limit)
		return 0;
	if (param->data_size == sizeof(small))
		return store(param, &small, sizeof(small));
	if (param->data && param->data_size != sizeof(value))
		return 0;
	return store(param, &value, sizeof(value));
}

int param_set_text(OSSL_PARAM *param, const char *text)
{
	size_t size = strlen(text);
	int r;

	if (param->data_type == OSSL_PARAM_UTF8_PTR) {
		/* Its data_size is the text's, if anybody's. */
		if (param->data)
			*(const char **)param->data = text;
		r = 1;
	} else if (param->data_type == OSSL_PARAM_UTF8_STRING) {
		/* With the NUL where there is room for it, as OpenSSL does. */
		r = store(param, text, size + (param->data_size > size));
	} else {
		return 0;
	}
	param->return_size = size;
	return r;
}
