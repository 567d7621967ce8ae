"""The simulator behind a port: an ASGI application, and what serves and keeps it.

Needs the extra ``server``. No decision is taken here: requests become values, the simulator
answers them one after the other, and the answers go out.
"""

from session_lab.extras import require

__all__: list[str] = []

for _module in ("h2", "httptools", "starlette", "uvicorn"):
    require(_module, extra="server", feature="serving the simulator")
