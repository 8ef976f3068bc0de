"""Solve one linear or integer program with HiGHS in a process of its own; a script for `solvers.milp`.

Standard library, numpy and highspy only: it starts in a fraction of a second. What it finds it writes as it finds it,
so that nothing is lost when it is killed at the limit: each better solution as a file, each better bound as a line of
JSON.

    python worker.py FOLDER     with FOLDER/model.npz and FOLDER/options.json
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import highspy
import numpy as np


class Memory:
    """Keeps the best solution, the duals, the last bound and the end of a run."""

    def __init__(self) -> None:
        self.found: list[np.ndarray[Any, Any]] = []
        self.prices: np.ndarray[Any, Any] | None = None
        self.told: list[dict[str, Any]] = []

    def line(self, **values: Any) -> None:
        """Keep what is told of a run."""
        self.told.append(values)

    def solution(self, x: Any, _objective: float) -> None:
        """Keep a better solution."""
        self.found.append(np.array(x, dtype=float))

    def duals(self, values: Any) -> None:
        """Keep the duals of the rows."""
        self.prices = np.array(values, dtype=float)

    def better_bound(self, bound: float) -> None:
        """Keep a bound."""
        if np.isfinite(bound):
            self.line(bound=bound)


class _Told:
    """Writes incumbents, bounds and the end of a run into the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.number = folder, 0
        self.bound: float | None = None
        self.log = (folder / "log.jsonl").open("a", encoding="utf-8")

    def line(self, **values: Any) -> None:
        self.log.write(json.dumps(values) + "\n")
        self.log.flush()

    def solution(self, x: Any, objective: float) -> None:
        self.number += 1
        self._save(f"solution-{self.number}.npy", np.asarray(x, dtype=float))
        self.line(solution=self.number, objective=objective)

    def duals(self, values: Any) -> None:
        self._save("duals.npy", np.asarray(values, dtype=float))

    def better_bound(self, bound: float) -> None:
        if bound != self.bound and np.isfinite(bound):
            self.bound = bound
            self.line(bound=bound)

    def _save(self, name: str, values: Any) -> None:
        draft = self.folder / f"part-{name}"
        np.save(draft, values)
        draft.replace(self.folder / name)


def main(folder: Path) -> None:
    """Solve the program of a folder."""
    options = json.loads((folder / "options.json").read_text("utf-8"))
    with np.load(folder / "model.npz") as parts:
        solve(dict(parts), options, _Told(folder))


def solve(parts: dict[str, Any], options: dict[str, Any], told: Any) -> None:
    """Solve a program and tell what is found as it is found."""
    solver = _solver(options)
    solver.passModel(_model(parts, options))
    if "start" in parts:
        _give_start(solver, parts["start"])
    if not options["relax"]:
        _listen(solver, told)
    solver.run()
    _end(solver, told, options)


def _solver(options: dict[str, Any]) -> Any:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for name, value in {
        "output_flag": False,
        "threads": options["threads"],
        "random_seed": options["seed"],
        "time_limit": options["seconds"],
        "mip_rel_gap": 0.0,
        "mip_abs_gap": options["mip_abs_gap"],
        "solver": options["method"],
        "run_crossover": "off" if options["method"] == "ipm" else "on",
    }.items():
        solver.setOptionValue(name, value)
    return solver


def _model(parts: Any, options: dict[str, Any]) -> Any:
    model = highspy.HighsLp()
    rows, columns = len(parts["row_lower"]), len(parts["cost"])
    model.num_row_, model.num_col_ = rows, columns
    model.col_cost_, model.col_lower_, model.col_upper_ = parts["cost"], parts["lower"], parts["upper"]
    model.row_lower_, model.row_upper_ = parts["row_lower"], parts["row_upper"]
    matrix = model.a_matrix_
    matrix.format_ = highspy.MatrixFormat.kRowwise
    matrix.num_row_, matrix.num_col_ = rows, columns
    matrix.start_, matrix.index_, matrix.value_ = parts["indptr"], parts["indices"], parts["data"]
    model.sense_ = highspy.ObjSense.kMaximize if options["maximise"] else highspy.ObjSense.kMinimize
    if not options["relax"]:
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        model.integrality_ = [kinds[int(one)] for one in parts["integer"]]
    return model


def _give_start(solver: Any, start: Any) -> None:
    solution = highspy.HighsSolution()
    solution.col_value = start.tolist()
    solver.setSolution(solution)


def _listen(solver: Any, told: _Told) -> None:
    kinds = highspy.cb.HighsCallbackType

    def heard(kind: Any, _message: str, out: Any, _into: Any, _data: Any) -> None:
        if kind == kinds.kCallbackMipImprovingSolution:
            told.solution(out.mip_solution, out.objective_function_value)
        told.better_bound(out.mip_dual_bound)

    solver.setCallback(heard, None)
    for kind in (kinds.kCallbackMipImprovingSolution, kinds.kCallbackMipLogging, kinds.kCallbackMipInterrupt):
        solver.startCallback(kind)


def _end(solver: Any, told: _Told, options: dict[str, Any]) -> None:
    info, state = solver.getInfo(), solver.getModelStatus()
    solution = solver.getSolution()
    if solution.value_valid:
        told.solution(solution.col_value, info.objective_function_value)
    if options["relax"] and solution.dual_valid:
        told.duals(solution.row_dual)
    told.line(status=_word(state), bound=None if options["relax"] else info.mip_dual_bound)


def _word(state: Any) -> str:
    words = {
        highspy.HighsModelStatus.kOptimal: "optimal",
        highspy.HighsModelStatus.kModelEmpty: "optimal",
        highspy.HighsModelStatus.kInfeasible: "infeasible",
        highspy.HighsModelStatus.kUnboundedOrInfeasible: "infeasible",
    }
    return words.get(state, "limit")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)  # HiGHS may wait for threads of its own
