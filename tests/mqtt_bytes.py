"""MQTT 3.1.1 as bytes, for the brokers that are fakes."""


def remaining_length(size: int) -> bytes:
    """The length of the rest of a packet: seven bits a byte, the lowest first (MQTT 3.1.1, 2.2.3)."""
    encoded = bytearray()
    while True:
        size, low = divmod(size, 128)
        encoded.append(low | (0x80 if size else 0))
        if not size:
            return bytes(encoded)
