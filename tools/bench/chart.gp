# SPDX-License-Identifier: GPL-2.0-only
#
# The chart of tools/bench/run: a bar for each row, ours as a part of the distribution's.
# Variables: data, chart.

stats data using 0 nooutput
rows = int(STATS_records)
set terminal svg size 860, 22 * rows + 70 font "sans-serif,11" background "white" noenhanced
set output chart
set datafile separator "\t"
set title "Instructions as a part of what the kernel's own modules need"
set xrange [-0.85:1.25]
set yrange [rows - 0.4:-0.6]
set xtics 0, 0.2, 1.2 nomirror out
unset ytics
set grid xtics linetype 1 linecolor "#dddddd"
unset border
set lmargin 1
set arrow from 1, graph 0 to 1, graph 1 nohead linewidth 1.5 linecolor "#aa3333" front
plot data using (0):0:(0):4:($0 - 0.33):($0 + 0.33) with boxxyerror \
	notitle fillstyle solid 1.0 noborder linecolor "#4477aa", \
     data using 4:0:(sprintf(" %d : %d", $3, $2)) with labels left font ",9" notitle, \
     data using (-0.01):0:6 with labels right notitle
