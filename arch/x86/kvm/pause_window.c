// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loops of PAUSEs: for how long a guest may spin before it exits.
 *
 * A guest that spins waits for another of its vCPUs; if that one has lost its CPU, the spinning one
 * had better give up its own, and the hardware ends the guest when a window of PAUSEs is over.
 * Where nobody can be helped such exits are in vain: so the window of a vCPU grows with each, and
 * its guest spins for longer and longer undisturbed. That the vCPU has itself been off its CPU says
 * that CPUs are short, and so its window shrinks when it is put on one again.
 *
 * A parameter says by how much: 0 does not grow at all, or shrinks to the base at once; a number
 * below the base is a factor; any other is an amount. The result stays between base and limit,
 * whatever the parameters are.
 *
 * Only arithmetic is here: unit tests run it in user space.
 */
#include "pause_window.h"

static unsigned int within(const struct pause_rule *rule, u64 window)
{
	if (window > rule->max)
		window = rule->max;
	return window < rule->base ? rule->base : window;
}

/**
 * pause_window_grown - the window after an exit for PAUSEs
 * @rule: the backend's
 * @window: of the vCPU
 */
unsigned int pause_window_grown(const struct pause_rule *rule, unsigned int window)
{
	u64 wide = window;	/* for a product of two numbers of 32 bits */

	if (!rule->grow)
		return rule->base;
	return within(rule, rule->grow < rule->base ? wide * rule->grow : wide + rule->grow);
}

/**
 * pause_window_shrunk - the window of a vCPU that was off its CPU
 * @rule: the backend's
 * @window: of the vCPU
 */
unsigned int pause_window_shrunk(const struct pause_rule *rule, unsigned int window)
{
	if (!rule->shrink)
		return rule->base;
	if (rule->shrink < rule->base)
		return within(rule, window / rule->shrink);
	return within(rule, window > rule->shrink ? window - rule->shrink : 0);
}
