"""``python -m carecircle`` is the `carecircle` command."""

from carecircle.cli import main

main()
