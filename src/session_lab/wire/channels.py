"""What travels on a session's two channels, ``in`` and ``out``.

Two forms exist: the ``records`` route answers with finished records, and the event stream carries
batches of the stream store (S2), in whose records the data is JSON text inside JSON text.
(``packages/core/src/v3/sessionStreams/wireProtocol.ts``)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from session_lab.wire.base import Moment, WireModel

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "AppendReply",
    "BatchRecord",
    "ChannelName",
    "ChannelRecord",
    "RecordsReply",
    "StreamBatch",
]

ChannelName = Literal["in", "out"]
"""``in`` carries what users send, ``out`` what the agent answers."""

_CONTROL = "trigger-control"


class AppendReply(WireModel):
    """What an append answers; ``seq`` is absent where the part id was known already."""

    ok: bool
    seq: int | None = None


class ChannelRecord(WireModel):
    """One record of a channel.

    ``data`` of a record that came through an append is the appended text as it was; an agent's
    own records hold whatever JSON it wrote. A control record has no data: ``control`` says what it
    tells, such as ``"turn-complete"``, and ``headers`` hold the rest. Headers may carry a token and
    stay out of the repr.
    """

    seq_num: int
    id: str
    data: Any
    headers: list[tuple[str, str]] = Field(default_factory=list[tuple[str, str]], repr=False)
    timestamp: Moment | None = None

    @property
    def control(self) -> str | None:
        """What a control record tells; None for data."""
        return self.header(_CONTROL)

    def header(self, name: str) -> str | None:
        """Look a header up by its name; None where there is none."""
        return next((value for key, value in self.headers if key == name), None)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Add what a control record tells to the fields."""
        yield from super().__repr_args__()
        if self.control is not None:
            yield "control", self.control


class RecordsReply(WireModel):
    """Every retained record of a channel after a given one, in order, without paging."""

    records: list[ChannelRecord]


class _StoreModel(BaseModel):
    """Something of the stream store, which writes its names in snake_case."""

    model_config = ConfigDict(extra="allow", frozen=True)


class BatchRecord(_StoreModel):
    """One record as the stream store sends it; a control record has no ``body`` at all."""

    seq_num: int
    timestamp: Moment
    body: str = ""
    headers: list[tuple[str, str]] = Field(default_factory=list[tuple[str, str]], repr=False)

    @property
    def is_command(self) -> bool:
        """Whether this is an order to the store itself (a trim or a fence) and no content."""
        return bool(self.headers) and self.headers[0][0] == ""


class StreamTail(_StoreModel):
    """Where a channel ends: the number that its next record will have."""

    seq_num: int


class StreamBatch(_StoreModel):
    """The data of one ``batch`` event, or of a ``ping``, which has no records.

    ``tail`` comes near the end of what is there.
    """

    records: list[BatchRecord] = Field(default_factory=list[BatchRecord])
    tail: StreamTail | None = None

    def ends_at(self, seq_num: int) -> bool:
        """Return whether the record of this number is the last of the channel."""
        return self.tail is not None and seq_num + 1 >= self.tail.seq_num
