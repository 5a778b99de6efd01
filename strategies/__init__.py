"""Which items to ask about: pure functions on arrays.

`registry.get(name)` finds a strategy by name, `batch.choose_batch` turns strategies into a batch. Nothing heavy is
imported here, so that `import strategies` costs nothing.
"""
