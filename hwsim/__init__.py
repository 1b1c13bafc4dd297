"""Bit-accurate and cycle-accurate simulator of MAC-array accelerators."""
