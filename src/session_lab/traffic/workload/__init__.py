"""How people chat: a model of it, traffic drawn from it, and the model fitted to a log."""

from session_lab.traffic.workload.chat_workload import ChatWorkload
from session_lab.traffic.workload.closeness import Closeness, closeness
from session_lab.traffic.workload.fitting import fit
from session_lab.traffic.workload.generating import generate, generate_shards

__all__ = ["ChatWorkload", "Closeness", "closeness", "fit", "generate", "generate_shards"]
