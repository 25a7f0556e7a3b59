"""The contract: every event that travels on a topic, as pydantic models.

`json/` and `asyncapi.yaml` are generated from these models with `make schemas`; a store in any language needs only
those. This package imports nothing else of ours.
"""
