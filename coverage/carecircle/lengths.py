"""Metres of quickest ways, from the predecessors of a search."""

from __future__ import annotations

import numpy as np

from carecircle.legs import Direction, ends_of
from carecircle.network import Floats, Ints, RoadNetwork
from carecircle.snap import Places


def tree_metres(
    network: RoadNetwork, seconds: Floats, before: Ints, nodes: Ints, direction: Direction, to: Places
) -> Floats:
    """Return the metres of the quickest way between each node and the facility it was reached from.

    Lengths are added up along the tree by pointer doubling: after k rounds every node has gone 2**k steps back.

    Parameters
    ----------
    network, direction
        What was searched.
    seconds, before
        (b, k + facilities) result of the search on `nodes` (k), the facilities behind them.
    nodes
        (k,) nodes of the network that were searched.
    to
        Places of the facilities.

    Returns
    -------
    ndarray
        (b, k + facilities) metres with the facility's access leg; inf where it is not reached.
    """
    k = len(nodes)
    head = np.broadcast_to(np.arange(before.shape[1]), before.shape)
    known = before >= 0
    step = np.zeros(before.shape)
    inner = known & (before < k)
    step[inner] = _arc_metres(network, nodes[before[inner]], nodes[head[inner]], direction)
    first = known & (before >= k)
    step[first] = _first_metres(network, nodes[head[first]], before[first] - k, direction, to)
    back = np.where(known, before, head)
    while True:
        further = np.take_along_axis(step, back, axis=1)
        if not further.any():
            return np.where(np.isfinite(seconds), step, np.inf)
        step = step + further
        back = np.take_along_axis(back, back, axis=1)


def _arc_metres(network: RoadNetwork, tail: Ints, head: Ints, direction: Direction) -> Floats:
    """Return the length of the quickest edge of each arc of the search graph."""
    pair, metres = _arc_table(network, direction)
    return np.asarray(metres[np.searchsorted(pair, tail * network.n_nodes + head)])


def _arc_table(network: RoadNetwork, direction: Direction) -> tuple[Ints, Floats]:
    forward, backward = network.forward_seconds, network.backward_seconds
    if direction == "to":
        forward, backward = backward, forward
    tail = np.concatenate([network.edge_u, network.edge_v])
    head = np.concatenate([network.edge_v, network.edge_u])
    seconds, metres = np.concatenate([forward, backward]), np.tile(network.metres, 2)
    pair = tail * network.n_nodes + head
    order = np.lexsort((seconds, pair))
    first = np.concatenate([[True], np.diff(pair[order]) > 0])
    return pair[order][first], metres[order][first]


def _first_metres(network: RoadNetwork, node: Ints, source: Ints, direction: Direction, to: Places) -> Floats:
    """Return the metres between a facility and the end of its edge where a way enters the network."""
    edge, fraction = to.edge[source], to.fraction[source]
    in_u, in_v = ends_of(network, to, leaving=direction == "from")
    at_u = (network.edge_u[edge] == node) & ((network.edge_v[edge] != node) | (in_u[source] <= in_v[source]))
    return np.asarray(np.where(at_u, fraction, 1 - fraction) * network.metres[edge] + to.metres[source])
