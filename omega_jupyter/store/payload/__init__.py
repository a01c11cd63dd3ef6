"""What passes between codecs and the store: bytes under keys, whole or in order."""
