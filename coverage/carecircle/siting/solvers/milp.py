"""Linear and integer programs by HiGHS, under a wall clock that holds.

HiGHS looks at its clock between steps, and a step at the root can take minutes. So it runs in a process of its own
(`worker.py`), which is killed at the limit; the best solution and bound that it told before are kept.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from carecircle.siting.solvers import worker
from carecircle.siting.solvers.solution import Clock, Floats

Method = Literal["choose", "simplex", "ipm", "pdlp"]
MilpStatus = Literal["optimal", "feasible", "infeasible", "unknown"]
_WORKER = Path(__file__).with_name("worker.py")
_GRACE = 0.97  # share of the limit after which HiGHS is asked to stop by itself
_SMALL = 2_000
"""Entries up to which a program is solved without a process of its own: its steps are short, and its clock holds."""
_FEASIBLE = 1e-6  # tolerance of HiGHS for rows and whole numbers


@dataclass(frozen=True, eq=False)
class Milp:
    """``min (or max) cost @ x`` with ``row_lower <= matrix @ x <= row_upper`` and ``lower <= x <= upper``.

    Parameters
    ----------
    cost, lower, upper
        Of the columns, (n,).
    integer
        Which columns must be whole, (n,).
    matrix
        Rows by columns, (m, n).
    row_lower, row_upper
        (m,); infinite where there is no limit.
    maximise
        Whether the cost is to be large.
    """

    cost: Floats
    lower: Floats
    upper: Floats
    integer: NDArray[np.bool_]
    matrix: csr_array
    row_lower: Floats
    row_upper: Floats
    maximise: bool = False


@dataclass(frozen=True, eq=False)
class MilpResult:
    """What HiGHS found within the limit.

    Parameters
    ----------
    status
        ``"optimal"``, ``"feasible"`` (the limit struck), ``"infeasible"`` or ``"unknown"`` (nothing found in time).
    x
        Values of the columns, None where none were found.
    objective, bound
        NaN without a solution; infinite without a bound.
    seconds
        Wall-clock time.
    duals
        Of the rows, of a finished linear program only.
    """

    status: MilpStatus
    x: Floats | None
    objective: float
    bound: float
    seconds: float
    duals: Floats | None = None


def solve_milp(
    model: Milp,
    *,
    seconds: float,
    start: Floats | None = None,
    threads: int = 1,
    seed: int = 0,
    relax: bool = False,
    method: Method = "choose",
    mip_abs_gap: float = 1e-6,
) -> MilpResult:
    """Solve a program, or its linear relaxation, within a limit of wall-clock time.

    Parameters
    ----------
    model
        The program.
    seconds
        Limit; the process is killed when it has passed.
    start
        A whole solution to begin with, (n,). HiGHS would fill in a part of one, but tells bounds of the part then.
    threads, seed
        Of HiGHS.
    relax
        Leave out that columns are whole.
    method
        How linear programs are solved; ``"ipm"`` is without crossover: its duals are close, not exact.
    mip_abs_gap
        Distance of objective and bound at which a solution is called optimal; just below 1 for whole objectives.

    Examples
    --------
    >>> model = Milp(np.ones(2), np.zeros(2), np.ones(2), np.ones(2, bool), csr_array(np.ones((1, 2))),
    ...              np.ones(1), np.full(1, np.inf))
    >>> solve_milp(model, seconds=20).objective
    1.0
    """
    clock = Clock(seconds)
    if start is not None and not np.isfinite(start).all():
        raise ValueError("a solution to begin with has a value for each column")
    if not len(model.cost):
        return _without_columns(model)
    options = {
        "seconds": max(0.01, seconds * _GRACE),
        "threads": threads,
        "seed": seed,
        "relax": relax,
        "method": method,
        "maximise": model.maximise,
        "mip_abs_gap": mip_abs_gap,
    }
    parts = _parts(model, start)
    if model.matrix.nnz <= _SMALL:
        told = worker.Memory()
        worker.solve(parts, options, told)
        return _result(model, told, clock, relax=relax)
    with tempfile.TemporaryDirectory(prefix="carecircle-milp-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        np.savez(folder / "model.npz", **parts)
        (folder / "options.json").write_text(json.dumps(options), encoding="utf-8")
        _run(folder, clock)
        return _result(model, _read(folder), clock, relax=relax)


def _without_columns(model: Milp) -> MilpResult:
    fits = bool(np.all(model.row_lower <= 0) and np.all(model.row_upper >= 0))
    x = np.empty(0) if fits else None
    return MilpResult("optimal" if fits else "infeasible", x, 0.0 if fits else math.nan, 0.0, 0.0)


def _parts(model: Milp, start: Floats | None) -> dict[str, Any]:
    """Return a program as arrays."""
    parts: dict[str, Any] = {
        "cost": np.asarray(model.cost, float),
        "lower": np.asarray(model.lower, float),
        "upper": np.asarray(model.upper, float),
        "integer": np.asarray(model.integer, bool),
        "row_lower": np.asarray(model.row_lower, float),
        "row_upper": np.asarray(model.row_upper, float),
        "indptr": model.matrix.indptr.astype(np.int32),
        "indices": model.matrix.indices.astype(np.int32),
        "data": model.matrix.data.astype(float),
    }
    return parts if start is None else parts | {"start": np.asarray(start, float)}


def _run(folder: Path, clock: Clock) -> None:
    """Run the worker to its end or to the limit."""
    command = [sys.executable, str(_WORKER), str(folder)]
    with (folder / "errors.txt").open("wb") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)  # noqa: S603
        killed = False
        try:
            process.wait(clock.left())
        except subprocess.TimeoutExpired:
            killed = True
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
    if process.returncode > 0 and not killed:
        raise RuntimeError((folder / "errors.txt").read_text("utf-8", errors="replace"))


def _read(folder: Path) -> worker.Memory:
    """Gather what the worker told: its last solutions, its bounds, its duals, and how it ended."""
    memory = worker.Memory()
    memory.told = _lines(folder / "log.jsonl")
    numbers = [line["solution"] for line in memory.told if "solution" in line]
    memory.found = [np.load(folder / f"solution-{number}.npy") for number in numbers[-2:]]
    duals = folder / "duals.npy"
    memory.prices = np.load(duals) if duals.is_file() else None
    return memory


def _result(model: Milp, told: worker.Memory, clock: Clock, *, relax: bool) -> MilpResult:
    """Return the best solution told, the last bound, and how it ended."""
    status = next((line["status"] for line in told.told if "status" in line), "limit")
    x = _best(model, told.found[-2:], relax=relax)
    objective = math.nan if x is None else float(model.cost @ x)
    finished = status == "optimal" and x is not None
    bound = objective if relax and finished else _last_bound(told.told, maximise=model.maximise)
    word: MilpStatus = "infeasible" if status == "infeasible" else "feasible" if x is not None else "unknown"
    duals = told.prices if finished else None
    return MilpResult("optimal" if finished else word, x, objective, bound, clock.spent(), duals)


def _lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines that were written whole."""
    if not path.is_file():
        return []
    whole, _, _ = path.read_text("utf-8").rpartition("\n")
    return [json.loads(line) for line in whole.splitlines() if line]


def _last_bound(told: list[dict[str, Any]], *, maximise: bool) -> float:
    none = math.inf if maximise else -math.inf
    bounds = [line["bound"] for line in told if line.get("bound") is not None and math.isfinite(line["bound"])]
    return (min(bounds) if maximise else max(bounds)) if bounds else none


def _best(model: Milp, solutions: list[Floats], *, relax: bool) -> Floats | None:
    """Return the best solution that keeps all rows, whole columns rounded."""
    found: list[tuple[float, Floats]] = []
    for given in solutions:
        x = given if relax else np.where(model.integer, np.round(given), given)
        if relax or _keeps_rows(model, x):
            found.append((float(model.cost @ x) * (-1 if model.maximise else 1), x))
    return min(found, key=lambda one: one[0])[1] if found else None


def _keeps_rows(model: Milp, x: Floats) -> bool:
    rows = model.matrix @ x
    size = _FEASIBLE * (1 + np.abs(rows)) * 10
    inside = np.all(rows >= model.row_lower - size) and np.all(rows <= model.row_upper + size)
    return bool(inside and np.all(x >= model.lower - _FEASIBLE) and np.all(x <= model.upper + _FEASIBLE))
