"""Which area a row belongs to, by code or by name, and which facilities stand in a list twice.

``areas`` is the way in, over a ``gazetteer`` of names, its ``lookup`` and the ``likeness`` of names; ``duplicates``
compares facilities.
"""
