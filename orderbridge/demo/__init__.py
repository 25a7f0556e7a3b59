"""The demo: the whole loop, small but real, watched live."""
