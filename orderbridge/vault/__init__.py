"""The vault: bytes sealed under keys that die at a known moment.

- ``keys``: the installation's key, and how keys are written in the environment
- ``jwe``: the one form in which anything is encrypted here (RFC 7516, ``dir`` and ``A256GCM``)
- ``key_ring``: a key per moment of death, in a folder; ``moments`` names keys, ``marks`` remembers single orders,
  ``files`` writes and overwrites, ``rotation`` changes the installation's key
- ``seal``: seal and open the personal data of one order
- ``secrets_box``: secrets that lie in the database, such as Amazon's refresh tokens

It knows nothing of databases, Kafka or what the bytes mean.
"""
