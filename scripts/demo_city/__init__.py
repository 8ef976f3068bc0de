"""The maker of carecircle's built-in demo city: a made-up place, drawn from a seed.

The city grows in one direction, each step reading only what earlier steps made::

    lattice -> areas -> urban, mountain -> people -> facilities -> formats

Everything is drawn on a flat map in metres (`frame`) and turned into degrees only when a file is written.
Nothing here describes a real place: see `names`.
"""
