"""Roads, from every source, as `streets.Streets`.

``reading`` is the way in: ``osm``, ``graphs``, ``lines`` and ``live`` read a kind of source each, ``store`` keeps what
was read; ``places`` reads facilities out of the same OpenStreetMap files.
"""
