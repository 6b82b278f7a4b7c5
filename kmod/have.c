// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * Only for the preprocessor, for which it includes compat.h: see have.awk.
 */
