"""Reached pieces of street: edges cut exactly where the limit is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from carecircle.legs import Direction
from carecircle.network import Floats, Ints, RoadNetwork
from carecircle.search import Block
from carecircle.snap import Places
from carecircle.sources.roads.streets import ranges


@dataclass(frozen=True)
class Pieces:
    """Pieces of edges, sorted by owner; those of one owner and edge do not overlap.

    Parameters
    ----------
    owner
        (p,) whose piece it is (position of the facility in its block).
    edge, start, end
        (p,) the edge and the two fractions along it, ``start <= end``.
    """

    owner: Ints
    edge: Ints
    start: Floats
    end: Floats

    def metres(self, network: RoadNetwork) -> Floats:
        """(p,) length on the ground."""
        return np.asarray((self.end - self.start) * network.metres[self.edge])


def touched_edges(network: RoadNetwork, block: Block, limit: float) -> tuple[Ints, Ints]:
    """Return (owner, edge) of every edge with at least one end reached within the limit, each once."""
    owner, node = np.nonzero(block.seconds[:, :-1] <= limit)
    indptr, edges = network.incident
    names = block.nodes[node]
    count = indptr[names + 1] - indptr[names]
    at = ranges(indptr[names], count)
    owner, edge = np.repeat(owner, count), edges[at]
    from_u = network.edge_u[edge] == np.repeat(names, count)
    loop = network.edge_u[edge] == network.edge_v[edge]
    u_reached = block.seconds[owner, block.local[network.edge_u[edge]]] <= limit
    keep = (from_u & ~loop) | ~u_reached
    rows = np.flatnonzero(loop)  # a loop is listed twice at its node, not always one behind the other
    keep[rows[np.unique(owner[rows] * network.n_edges + edge[rows], return_index=True)[1]]] = True
    return owner[keep], edge[keep]


def reached_pieces(
    network: RoadNetwork,
    block: Block,
    touched: tuple[Ints, Ints],
    to: Places,
    added: Floats,
    limit: float,
    direction: Direction,
) -> Pieces:
    """Cut the touched edges at the limit.

    A place at fraction f of an edge is reached through u when ``D(u) + f x seconds`` is within the limit, through v
    when ``D(v) + (1 - f) x seconds`` is, and on the facility's own edge directly.
    """
    owner, edge = touched
    toward_u, toward_v = network.backward_seconds[edge], network.forward_seconds[edge]
    if direction == "from":
        toward_u, toward_v = toward_v, toward_u
    left = limit - block.seconds[owner, block.local[network.edge_u[edge]]]
    right = limit - block.seconds[owner, block.local[network.edge_v[edge]]]
    upto, beyond = share_of_edge(left, toward_u), 1 - share_of_edge(right, toward_v)
    whole = upto >= beyond
    start = np.concatenate([np.zeros(len(edge)), beyond[~whole]])
    end = np.concatenate([np.where(whole, 1.0, upto), np.ones((~whole).sum())])
    owner, edge = np.concatenate([owner, owner[~whole]]), np.concatenate([edge, edge[~whole]])
    keep = end > start
    owner, edge, start, end = owner[keep], edge[keep], start[keep], end[keep]
    return _with_own(Pieces(owner, edge, start, end), _own_pieces(network, block, to, added, limit, direction))


def _with_own(pieces: Pieces, own: Pieces) -> Pieces:
    """Join each facility's piece of its own edge with what is reached of that edge through its ends."""
    at_home = pieces.edge == own.edge[pieces.owner]
    home = merged(
        *(
            np.concatenate(part)
            for part in zip(
                (pieces.owner[at_home], pieces.edge[at_home], pieces.start[at_home], pieces.end[at_home]),
                (own.owner, own.edge, own.start, own.end),
                strict=True,
            )
        )
    )
    owner = np.concatenate([pieces.owner[~at_home], home.owner])
    order = np.argsort(owner, kind="stable")
    return Pieces(
        owner[order],
        *(
            np.concatenate([getattr(pieces, name)[~at_home], getattr(home, name)])[order]
            for name in ("edge", "start", "end")
        ),
    )


def share_of_edge(seconds: Floats, whole: Floats) -> Floats:
    """Return what share of an edge some seconds last for: 0 when negative, at most 1."""
    share = np.divide(seconds, whole, out=np.full(len(whole), np.inf), where=(whole > 0) & (seconds >= 0))
    return np.where(seconds >= 0, np.minimum(share, 1.0), 0.0)


def _own_pieces(
    network: RoadNetwork,
    block: Block,
    to: Places,
    added: Floats,
    limit: float,
    direction: Direction,
) -> Pieces:
    """Return the piece around each facility on its own edge."""
    edge, fraction = to.edge[block.rows], to.fraction[block.rows]
    left = limit - added[block.rows]
    up, down = network.forward_seconds[edge], network.backward_seconds[edge]
    if direction == "from":
        up, down = down, up
    return Pieces(
        np.arange(len(edge)),
        edge,
        np.maximum(fraction - share_of_edge(left, up), 0.0),
        np.minimum(fraction + share_of_edge(left, down), 1.0),
    )


def merged(owner: Ints, edge: Ints, start: Floats, end: Floats) -> Pieces:
    """Join pieces of one owner and edge that overlap or touch, and drop empty ones."""
    keep = end > start
    owner, edge, start, end = owner[keep], edge[keep], start[keep], end[keep]
    order = np.lexsort((start, edge, owner))
    owner, edge, start, end = owner[order], edge[order], start[order], end[order]
    same = np.zeros(len(edge), bool)
    same[1:] = (edge[1:] == edge[:-1]) & (owner[1:] == owner[:-1])
    if not same.any():
        return Pieces(owner, edge, start, end)
    # Running end of the pieces so far on each edge: fractions are in [0, 1], so a step of 2 an edge keeps edges apart.
    lane = 2.0 * np.cumsum(~same)
    so_far = np.maximum.accumulate(end + lane) - lane
    fresh = np.ones(len(edge), bool)
    fresh[1:] = ~same[1:] | (start[1:] > so_far[:-1])
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], len(edge)) - 1
    return Pieces(owner[first], edge[first], start[first], so_far[last])


def piece_lines(network: RoadNetwork, pieces: Pieces) -> NDArray[np.object_]:
    """Return the pieces as shapely lines in metres of the network's system."""
    lines = network.lines()[pieces.edge]
    part = (pieces.start > 0) | (pieces.end < 1)
    if part.any():
        lines[part] = substrings(lines[part], pieces.start[part], pieces.end[part])
    return np.asarray(lines)


def substrings(lines: NDArray[np.object_], start: Floats, end: Floats) -> NDArray[np.object_]:
    """Return the parts of lines between two fractions of their lengths."""
    if len(lines) == 0:
        return lines
    xy, owner = shapely.get_coordinates(lines, return_index=True)
    first = np.searchsorted(owner, np.arange(len(lines)))
    step = np.append(0.0, np.hypot(*np.diff(xy, axis=0).T))
    step[first] = 0.0
    along = np.cumsum(step)
    along -= along[first][owner]
    total = np.maximum.reduceat(along, first) if len(first) else along
    share = np.divide(along, total[owner], out=np.zeros(len(xy)), where=total[owner] > 0)
    inside = (share > start[owner]) & (share < end[owner])
    cut = np.concatenate(
        [shapely.get_coordinates(shapely.line_interpolate_point(lines, f, normalized=True)) for f in (start, end)]
    )
    row = np.concatenate([np.arange(len(lines)), np.arange(len(lines)), owner[inside]])
    position = np.concatenate([start, end, share[inside]])
    order = np.lexsort((position, row))
    return np.asarray(shapely.linestrings(np.concatenate([cut, xy[inside]])[order], indices=row[order]))
