"""Layers with geometry: files of maps, geodatabases, archives, PostGIS and grids; checked before GDAL opens them.

``reading`` is the way in: ``formats``, ``archives``, ``encodings``, ``markup`` and ``shapefiles`` make files safe and
readable, ``databases`` asks PostGIS, ``shapes`` mends polygons, ``grids`` reads population grids.
"""
