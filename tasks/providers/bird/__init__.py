"""The adapter of Bird (Channels API)."""
