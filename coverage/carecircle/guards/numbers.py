"""Numbers as binary formats write them."""


def seven_bits(content: bytes, at: int, most: int = 10) -> tuple[int, int]:
    r"""Return a number written in sevens of bits, the lowest first, and where the next one begins.

    So are the numbers of protobuf (https://protobuf.dev/programming-guides/encoding/) and of MS-XLSB.

    Examples
    --------
    >>> seven_bits(b"\xac\x02\x07", 0), seven_bits(b"\xff\xff", 0, most=1)
    ((300, 2), (127, 1))
    """
    value = 0
    for place, byte in enumerate(content[at : at + most]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    return value, at + most
