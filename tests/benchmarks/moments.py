"""Bounds on ratios of seconds, tried in more than one moment.

What else runs on a machine spoils a moment, never all of them; code that became slower is slow in
each.
"""

MOMENTS = 5


def in_some_moment(measure, holds):
    """The first measurement that ``holds``, or the last of `MOMENTS`."""
    for _ in range(MOMENTS):
        found = measure()
        if holds(found):
            break
    return found


def at_least(goal):
    """Of seconds, ours first: whether the first peer takes ``goal`` times as long."""
    return lambda seconds: seconds[1] >= goal * seconds[0]
