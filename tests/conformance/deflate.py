"""A client's half of permessage-deflate (RFC 7692, section 7.2), by zlib alone: other code than the echo's."""

import zlib

END_OF_BLOCK = b"\x00\x00\xff\xff"
WIDEST_WINDOW_BITS = 15


class Deflate:
    """Compresses what one connection sends, and inflates what it receives."""

    def __init__(self, agreed: str) -> None:
        """Follow the parameters of the handshake's answer, such as ``permessage-deflate; server_max_window_bits=9``."""
        words = [word.strip().partition("=") for word in agreed.split(";")[1:]]
        parameters = {name: value for name, _, value in words}
        self._client_window_bits = int(parameters.get("client_max_window_bits") or WIDEST_WINDOW_BITS)
        self._server_window_bits = int(parameters.get("server_max_window_bits") or WIDEST_WINDOW_BITS)
        self._client_forgets = "client_no_context_takeover" in parameters
        self._server_forgets = "server_no_context_takeover" in parameters
        self._compressor = zlib.compressobj(wbits=-self._client_window_bits)
        self._inflater = zlib.decompressobj(wbits=-self._server_window_bits)

    def compressed(self, payload: bytes) -> bytes:
        """The payload of a message that says ``payload``."""
        if self._client_forgets:
            self._compressor = zlib.compressobj(wbits=-self._client_window_bits)
        deflated = self._compressor.compress(payload) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        return deflated.removesuffix(END_OF_BLOCK)

    def inflated(self, payload: bytes) -> bytes:
        """What a message with this payload says; a window smaller than agreed shows as an error of zlib."""
        if self._server_forgets:
            self._inflater = zlib.decompressobj(wbits=-self._server_window_bits)
        return self._inflater.decompress(payload + END_OF_BLOCK)
