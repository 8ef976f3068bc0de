"""What each command of `carecircle` does; `carecircle.cli` only lists them."""
