"""Orders and their shipments as people look for them: the same on the command line and in the console."""
