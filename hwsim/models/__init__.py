"""Embedded networks with their data, shipped as package data."""
