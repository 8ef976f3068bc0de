"""Solvers: numbers only. Rows are what is to be reached, columns are sites; nothing here knows of tables or names."""
