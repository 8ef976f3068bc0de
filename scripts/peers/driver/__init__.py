"""What `scripts/bench` is made of: environments, runs and the printed table. Standard library only."""
