"""The handlers, one module for each family of endpoints: a `Call` in, the JSON of the answer out."""
