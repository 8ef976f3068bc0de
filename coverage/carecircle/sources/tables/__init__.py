"""Tables without geometry: from the bytes of a file, through the sheet as an office lays it out, to plain cells.

``reading`` is the way in: ``workbooks``, ``webtables`` and ``delimited`` open files, ``layout`` and ``headings`` find
the table in a sheet (``sheets``, ``marks``), ``personal`` drops what names people, ``cells`` makes values of the cells.
"""
