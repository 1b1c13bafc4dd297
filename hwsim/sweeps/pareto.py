"""Points that no other point beats: what is left to choose from.

A point **dominates** another where it is as good in every objective and better in one. Equal points
do not dominate each other, so both stay.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Flags = NDArray[np.bool_]


def non_dominated(table: ArrayLike, largest: Sequence[bool] = ()) -> Flags:
    """Which rows no other row dominates.

    ::

        i dominates j:  all_d x[i, d] <= x[j, d]  and  any_d x[i, d] < x[j, d]

    Parameters
    ----------
    table : float64 ndarray of shape (points, objectives)
        Without NaN. Counts below 2**53 are exact.
    largest : sequence of bool of length objectives, optional
        Objectives that are better the larger they are; by default none is.

    Returns
    -------
    bool ndarray of shape (points,)

    Notes
    -----
    Rows are met in ascending lexicographic order: what dominates a row comes before it, and if any
    row does, one that nothing dominates does (dominance is transitive), so each row is compared
    with the ones kept so far.

    Examples
    --------
    >>> non_dominated([[0.9, 20], [0.9, 18], [0.8, 16], [0.7, 16]], [True, False]).tolist()
    [False, True, True, False]
    """
    rows = np.array(table, np.float64)
    kept = np.zeros(len(rows), np.bool_)
    if not rows.size:
        return ~kept
    for objective, larger in enumerate(largest):
        if larger:
            rows[:, objective] *= -1
    front = np.empty_like(rows)
    count = 0
    for i in np.lexsort(rows.T[::-1]):
        as_good = np.all(front[:count] <= rows[i], axis=1)
        better = np.any(front[:count] < rows[i], axis=1)
        if not (as_good & better).any():
            kept[i] = True
            front[count] = rows[i]
            count += 1
    return kept
