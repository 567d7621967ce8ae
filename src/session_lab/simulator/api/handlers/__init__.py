"""What each endpoint of the API does with a request that got past the checks.

One module for each family of endpoints.
"""

__all__: list[str] = []
