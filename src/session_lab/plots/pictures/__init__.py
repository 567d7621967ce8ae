"""From a drawing to a picture: PNG, and SVG with marks that answer."""

__all__: list[str] = []
