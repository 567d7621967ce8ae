"""Lists as users iterate over them: rows over all pages, or page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from session_lab.client.pages import paging

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator

    from session_lab.client.requests import Operation
    from session_lab.client.responses import RawResponse

__all__ = ["AsyncListing", "AsyncPage", "Listing", "Page"]

T = TypeVar("T")
Row = TypeVar("Row", bound=paging.Listed)


class _Caller(Protocol):
    def call(self, operation: Operation[T]) -> RawResponse[T]: ...


class _AsyncCaller(Protocol):
    def call(self, operation: Operation[T]) -> Awaitable[RawResponse[T]]: ...


class Page(paging.PageView[Row]):
    """One page of a list, and the way to its neighbours."""

    def __init__(self, listing: Listing[Row], leaf: paging.Leaf[Row]) -> None:
        super().__init__(leaf)
        self._listing = listing

    def next_page(self) -> Page[Row] | None:
        """Fetch the page of older rows; None at the end of the list."""
        return self._listing.page(self._leaf.next_visit())

    def previous_page(self) -> Page[Row] | None:
        """Fetch the page of newer rows; None at the beginning of the list."""
        return self._listing.page(self._leaf.previous_visit())


class Listing(Generic[Row]):
    """The rows of a list, fetched page by page while they are iterated over."""

    def __init__(self, caller: _Caller, plan: paging.ListPlan[Row]) -> None:
        self._caller = caller
        self._plan = plan

    def __repr__(self) -> str:
        """Show what it asks for; nothing is fetched before it is iterated over."""
        return f"{type(self).__name__}({self._plan})"

    def __iter__(self) -> Iterator[Row]:
        """Iterate over the rows of all pages."""
        for page in self._batches():
            yield from page.data

    def pages(self) -> Iterator[Page[Row]]:
        """Iterate over pages.

        Where filters with several values are merged, a page is the rows that became certain
        together; such pages have no cursors and no neighbours.
        """
        if self._plan.is_merged:
            yield from self._batches()
            return
        walk = self._plan.walk(self._plan.queries[0])
        while walk.visit is not None:
            leaf = self._fetch(walk.visit)
            walk.receive(leaf)
            yield Page(self, leaf)

    def plain_pages(self) -> Iterator[paging.PlainPage]:
        """Iterate over pages as the server sent them: the fast way to very many rows.

        Where filters with several values take several requests, the pages of one request follow
        those of another, and a row comes with the first that has it.
        """
        plan = self._plan.plain
        seen: set[str] = set()
        for query in plan.queries:
            walk = plan.walk(query)
            while walk.visit is not None:
                reply = self._caller.call(plan.ask(walk.visit.query))
                leaf = paging.Leaf[Any].read(walk.visit, reply.parse())
                rows = [row for row in leaf.data if row.get("id") not in seen]
                if plan.is_merged:
                    seen.update(row["id"] for row in rows if "id" in row)
                walk.receive(leaf)
                yield paging.PlainPage(rows, reply.headers, walk.cursor)

    def page(self, visit: paging.Visit | None) -> Page[Row] | None:
        """Fetch one page."""
        return None if visit is None else Page(self, self._fetch(visit))

    def _batches(self) -> Iterator[Page[Row]]:
        merge = paging.Merge(self._plan)
        while (visit := merge.wanted()) is not None:
            merge.receive(self._fetch(visit))
            if rows := list(merge.ready()):
                yield Page(self, paging.Leaf(visit, rows))

    def _fetch(self, visit: paging.Visit) -> paging.Leaf[Row]:
        page = self._caller.call(self._plan.ask(visit.query)).parse()
        return paging.Leaf[Row].read(visit, page)


class AsyncPage(paging.PageView[Row]):
    """One page of a list, and the way to its neighbours."""

    def __init__(self, listing: AsyncListing[Row], leaf: paging.Leaf[Row]) -> None:
        super().__init__(leaf)
        self._listing = listing

    async def next_page(self) -> AsyncPage[Row] | None:
        """Fetch the page of older rows; None at the end of the list."""
        return await self._listing.page(self._leaf.next_visit())

    async def previous_page(self) -> AsyncPage[Row] | None:
        """Fetch the page of newer rows; None at the beginning of the list."""
        return await self._listing.page(self._leaf.previous_visit())


class AsyncListing(Generic[Row]):
    """The rows of a list, fetched page by page while they are iterated over."""

    def __init__(self, caller: _AsyncCaller, plan: paging.ListPlan[Row]) -> None:
        self._caller = caller
        self._plan = plan

    def __repr__(self) -> str:
        """Show what it asks for; nothing is fetched before it is iterated over."""
        return f"{type(self).__name__}({self._plan})"

    async def __aiter__(self) -> AsyncIterator[Row]:
        """Iterate over the rows of all pages."""
        async for page in self._batches():
            for row in page.data:
                yield row

    async def pages(self) -> AsyncIterator[AsyncPage[Row]]:
        """Iterate over pages.

        Where filters with several values are merged, a page is the rows that became certain
        together; such pages have no cursors and no neighbours.
        """
        if self._plan.is_merged:
            async for batch in self._batches():
                yield batch
            return
        walk = self._plan.walk(self._plan.queries[0])
        while walk.visit is not None:
            leaf = await self._fetch(walk.visit)
            walk.receive(leaf)
            yield AsyncPage(self, leaf)

    async def page(self, visit: paging.Visit | None) -> AsyncPage[Row] | None:
        """Fetch one page."""
        return None if visit is None else AsyncPage(self, await self._fetch(visit))

    async def _batches(self) -> AsyncIterator[AsyncPage[Row]]:
        merge = paging.Merge(self._plan)
        while (visit := merge.wanted()) is not None:
            merge.receive(await self._fetch(visit))
            if rows := list(merge.ready()):
                yield AsyncPage(self, paging.Leaf(visit, rows))

    async def _fetch(self, visit: paging.Visit) -> paging.Leaf[Row]:
        reply = await self._caller.call(self._plan.ask(visit.query))
        return paging.Leaf[Row].read(visit, reply.parse())
