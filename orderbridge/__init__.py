"""What the services share: Amazon's API, the bus, the database, the vault, and the command line."""

__version__ = "0.1.0"
