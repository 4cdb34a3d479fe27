// SPDX-License-Identifier: GPL-2.0-only
/* The one object in which the tracepoints of s390 come into being. */
#include "s390.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
#include "trace_s390.h"
