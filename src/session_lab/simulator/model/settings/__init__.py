"""What a world is made with: policy, platform, profile, prices."""

__all__: list[str] = []
