"""The best path through a small graph, by trying everything: what the search must find when nothing is cut off."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from openfst_files import Arc, Graph

from neurolect.text.alphabet import Alphabet

Costs = dict[tuple[int, int], float]
"""By state and, where the topology is applied by the search, by the class emitted last and one (0: a blank)."""

_SCALE, _BLANK_PENALTY = 0.325, 90.0


class NegativeCycleError(Exception):
    """The best path would go round for ever."""


def best_total(graph: Graph, logits: np.ndarray, alphabet: Alphabet) -> float:
    """Score of the best path with the default scale and blank penalty, −∞ if there is none.

    Args:
        graph: with sound labels and states.
        logits: (frames, classes), all finite.
        alphabet: the classes.

    Raises:
        NegativeCycleError: a cycle of epsilons has a negative cost.
    """
    n, blank = len(alphabet), alphabet.blank
    has_topology = any(arc[0] == blank + 1 for arc in graph.arcs[graph.start])

    def is_epsilon(arc: Arc) -> bool:
        return arc[0] == 0 or (not has_topology and arc[0] > n)

    costs = _close({(graph.start, 0): 0.0}, graph, is_epsilon)
    for row in np.asarray(logits, dtype=np.float64):
        acoustic = _SCALE * (np.log(np.exp(row - row.max()).sum()) + row.max() - row)
        acoustic[blank] += _SCALE * math.log(_BLANK_PENALTY)
        after: Costs = {}

        def add(place: tuple[int, int], cost: float, after: Costs = after) -> None:
            after[place] = min(cost, after.get(place, math.inf))

        for (state, last), cost in costs.items():
            if not has_topology:
                add((state, 0), cost + acoustic[blank])
                if last:
                    add((state, last), cost + acoustic[last - 1])
            for arc in graph.arcs[state]:
                if not is_epsilon(arc) and arc[0] <= n and (has_topology or arc[0] != last):
                    add((arc[3], 0 if has_topology else arc[0]), cost + acoustic[arc[0] - 1] + arc[2])
        costs = _close(after, graph, is_epsilon)
    finals = [cost + graph.finals[state] for (state, _), cost in costs.items()]
    finals = finals if min(finals, default=math.inf) < math.inf else list(costs.values())
    return -min(finals, default=math.inf)


def _close(costs: Costs, graph: Graph, is_epsilon: Callable[[Arc], bool]) -> Costs:
    """The same costs after any number of epsilons."""
    for _ in range(2 * len(graph.arcs) + 2):
        better = {}
        for (state, last), cost in costs.items():
            for arc in filter(is_epsilon, graph.arcs[state]):
                place, found = (arc[3], last), cost + arc[2]
                if found < min(costs.get(place, math.inf), better.get(place, math.inf)):
                    better[place] = found
        if not better:
            return costs
        costs = costs | better
    raise NegativeCycleError
