"""Where things are: coordinates in every shape people write them, and the datum they are in.

``points`` is the way in: ``written`` reads coordinates, ``shifts`` brings them to WGS 84, by what is said or by what
``datums`` and ``alignment`` judge from the streets and areas around.
"""
