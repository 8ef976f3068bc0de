"""Deliberately bad files: a tiny town's good files with one thing wrong in each, and what must come of it.

`town` is the good town, `writers` and `layers_on_disk` put it into files, `case` says what a case is, the other modules
hold the cases by kind, `registry` gathers them, `judge` reads them and says what is not as it should be, and `worker`
does that in a process of its own, so that not even a crash of a native library ends the tests.
"""
