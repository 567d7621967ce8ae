"""What stands beside the API: the store of streams and the store of objects, to which it sends agents."""

__all__: list[str] = []
