# SPDX-License-Identifier: GPL-2.0-only
#
# Count the results in one program's output: prints "passed failed skipped". Set status to the program's exit status.
#
# Every KTAP line at the outermost level counts. A program without such lines is one result by its exit status, of which
# 4 means skipped. So that none can pass by saying little: a plan (1..N) has to be met, and a program that says nothing
# of a failure and yet ends with a bad status is a failure more.

/^1\.\.[0-9]+/			{ planned += substr($1, 4); has_plan = 1; if (/# *SKIP/) skipped_all = 1 }
/^ok [0-9]+.*# *SKIP/		{ skipped++; next }
/^ok [0-9]+/			{ passed++; next }
/^not ok [0-9]+.*# *(TODO|SKIP)/	{ skipped++; next }
/^not ok [0-9]+/		{ failed++; next }

END {
	seen = passed + failed + skipped
	if (!seen) {
		skipped = status == 4 || (skipped_all && status == 0)
		failed = !skipped && (status != 0 || has_plan)
		passed = !skipped && !failed
	} else {
		if (has_plan && seen != planned)
			failed++
		if (status != 0 && status != 4 && !failed)
			failed++
	}
	print passed + 0, failed + 0, skipped + 0
}
