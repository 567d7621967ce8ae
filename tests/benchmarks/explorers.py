"""Explorers in JupyterLab and headless Chromium: from an input to the frame with its picture.

``python -m tests.benchmarks.explorers --sessions 1000000`` makes a log of about so many chats,
replays it, and opens all explorers over it in a notebook of its own, without a network. In every
view a control or a mark is moved a dozen times, each time to a state that was not shown before.
The clock is the browser's: it starts at the time stamp of the input event and stops after the frame
in which the changed picture is painted. Beside it stand the processor time of the kernel and the
bytes that it sent, each for one move. Then follow the table of rows, hovering, what 200 gestures
leave in memory, and every address that the page asked for.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import nbformat

import session_lab as sl
from tests.browser.jupyter import chromium, started_lab

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playwright.sync_api import Locator, Page

__all__ = ["main", "replayed"]

ROOT = Path(__file__).parents[2]
CHATS = 1_000_000
"""What a rate of 1,400 chats an hour makes in 30 days, roughly."""
CELLS = (
    """import session_lab as sl
from tests.benchmarks.explorers import replayed
events, replay = replayed({sessions})""",
    "sl.explore(replay, events=events)",
)
MOVES = 12
GESTURES = 200
WARM_UP = 20
HOVERS = 20
PATIENCE = 60_000
HEAD = """| view | moves | median ms | worst ms | kernel's CPU ms | kB | load |
|---|---|---|---|---|---|---|"""

TIMING = """() => {
    const timing = window.timing = {};
    // A pointer on its way to a click hovers too, so each is armed for by its own name.
    timing.arm = hovers => Object.assign(timing, { hovers, start: null, end: null });
    timing.arm(false);
    const begin = ({ type, timeStamp }) => {
        if (timing.hovers === /pointer(over|move)/.test(type)) timing.start ??= timeStamp;
    };
    for (const name of ['change', 'click', 'keydown', 'pointerup', 'pointerover', 'pointermove'])
        document.addEventListener(name, begin, true);
    const painted = () => requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => { timing.end ??= performance.now(); };
        channel.port2.postMessage(0);
    });
    const isDrawn = ({ type, target, addedNodes }) =>
        timing.hovers ? target.matches('.sl-tip')
        : type === 'attributes' ? target.matches('.sl-view, .sl-rows')
        : [...addedNodes].some(one => one.querySelector?.('.sl-view svg'));
    new MutationObserver(changes => {
        if (timing.start !== null && changes.some(isDrawn)) painted();
    }).observe(document.body,
        { subtree: true, childList: true, attributes: true, attributeFilter: ['data-drawn'] });
}"""
IDLE = """() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.status
    === 'idle'"""
RUN = """code => new Promise(done => {
    const context = window.jupyterapp.shell.currentWidget.context;
    const future = context.sessionContext.session.kernel.requestExecute({code});
    let text = '';
    future.onIOPub = message => { text += message.content.text ?? ''; };
    future.done.then(() => done(text));
})"""
CHOOSE = """(list, names) => {
    // At once: the numbers follow each choice, and with them the texts.
    for (const option of list.options)
        option.selected = names.includes(option.text.replace(/\\s\\([\\d,]+\\)$/, ''));
    list.dispatchEvent(new Event('change', { bubbles: true }));
}"""
MEMORY = """
import gc, os, ipywidgets
gc.collect()
pages = int(open('/proc/self/statm').read().split()[1])
print(os.getpid(), pages * os.sysconf('SC_PAGE_SIZE'),
      len(ipywidgets.Widget.get_manager_state()['state']))
"""


def replayed(sessions: int) -> tuple[Any, sl.Replay]:
    """Return the log of about so many chats with ten thousand topics, and its replay."""
    workload = sl.ChatWorkload(
        duration="30d",
        chats_per_hour=1_400 * sessions / CHATS,
        topics=10_000,
        expires_after="6h",
        expires_share=0.4,
    )
    events = sl.traffic.generate(workload, seed=11)
    replay = sl.replay(
        events,
        sl.RunPolicy(idle_timeout="60s"),
        sl.Platform(boot_time="3s", resume_time="1s"),
        until="2026-02-01T00:00:00Z",
    )
    return events, replay


Moves: TypeAlias = "Callable[[Session], Sequence[Sequence[Callable[[], object]]]]"
"""Groups of moves, each made from no filter on."""


class View(NamedTuple):
    """A view of a tab, and what moves it."""

    tab: str
    options: dict[str, str]
    moves: Moves
    how: str = "filters"

    @property
    def name(self) -> str:
        """The tab, its options, and how it is moved."""
        return ", ".join([self.tab, *self.options.values(), self.how])


class Move(NamedTuple):
    """What one move took: milliseconds in the browser, of the kernel's processor, and bytes."""

    wall: float
    cpu: float
    received: int


class Session:
    """A notebook in a browser, whose explorers are moved."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.received = 0
        self.frames = 0
        self.asked: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", self._follow)
        page.goto(url)
        page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.context")
        page.wait_for_selector("text=Python 3 (ipykernel) | Idle")
        page.evaluate(TIMING)

    def _follow(self, socket: Any) -> None:
        self.asked.append(socket.url)

        def received(payload: str | bytes) -> None:
            self.received += len(payload)
            self.frames += 1

        def sent(_: str | bytes) -> None:
            self.frames += 1

        socket.on("framereceived", received)
        socket.on("framesent", sent)

    def run(self, code: str) -> str:
        """Run code in the kernel; return what it prints."""
        printed: str = self.page.evaluate(RUN, code)
        return printed

    def open(self) -> float:
        """Run the cells; return the milliseconds from running the second to its picture.

        The first cell makes the data, the second explores them.
        """
        self.page.locator(".jp-CodeCell").first.click()
        self.page.keyboard.press("Shift+Enter")
        prompt = self.page.locator(".jp-CodeCell .jp-InputPrompt").first
        prompt.get_by_text("[1]:").wait_for(timeout=600_000)
        self.rest()
        self.received = 0
        self.page.evaluate("timing.arm(false)")
        self.page.keyboard.press("Shift+Enter")
        self.page.wait_for_function("timing.end !== null", timeout=PATIENCE)
        wall: float = self.page.evaluate("timing.end - timing.start")
        self.rest()
        self.pid = int(self.run(MEMORY).split()[0])
        self.explorer = self.page.locator(".jp-OutputArea-output:has(.widget-tab)").first
        return wall

    def rest(self) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.wait_for_timeout(60)
        self.page.wait_for_function(IDLE, timeout=PATIENCE)

    def time(self, move: Callable[[], object]) -> Move:
        """Make a move, and return what it took until its picture was painted."""
        self.rest()
        before, cpu = self.received, cpu_of(self.pid)
        self.page.evaluate("timing.arm(false)")
        move()
        self.page.wait_for_function("timing.end !== null", timeout=PATIENCE)
        wall: float = self.page.evaluate("timing.end - timing.start")
        self.rest()
        return Move(wall, cpu_of(self.pid) - cpu, self.received - before)

    def show(self, view: View) -> None:
        """Show a view, without any filter."""
        self.rest()
        self.explorer.get_by_role("tab", name=view.tab).click()
        self.rest()
        for label, option in view.options.items():
            self.list(label).select_option(label=option)
            self.rest()
        self.reset()

    def reset(self) -> None:
        """Take every filter away."""
        button = self.explorer.get_by_role("button", name="Take every filter away")
        button.and_(self.explorer.locator(":visible")).click()
        self.rest()

    def list(self, label: str) -> Locator:
        """Find a list that is shown by its label."""
        lists = self.explorer.locator("select:visible")
        return lists.and_(self.explorer.get_by_label(label, exact=True))

    def choose(self, label: str, *options: str) -> None:
        """Choose options of a list by their names; behind each stand how many sessions it leaves."""
        self.list(label).evaluate(CHOOSE, list(options))

    def press(self, label: str, key: str) -> None:
        """Press a key on the first handle of a slider."""
        shown = self.explorer.locator(".widget-slider:visible, .widget-hslider:visible")
        shown.filter(has_text=label).locator(".noUi-handle").first.press(key)

    def pick(self, number: int) -> None:
        """Click on a mark of the picture."""
        self.explorer.locator(".sl-mark:visible").nth(number).click()

    def brush(self, start: float, end: float) -> None:
        """Drag over shares of the picture's axis; the clock starts when the button is let go."""
        box = self.explorer.locator(".sl-area:visible").bounding_box()
        assert box
        y = box["y"] + box["height"] / 2
        mouse = self.page.mouse
        mouse.move(box["x"] + start * box["width"], y)
        mouse.down()
        mouse.move(box["x"] + end * box["width"], y, steps=4)
        self.page.evaluate("timing.arm(false)")
        mouse.up()


def cpu_of(pid: int) -> float:
    """Return the processor time of a process in milliseconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return 1_000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


SUBSETS = {
    "Status": (("ACTIVE",), ("CLOSED",), ("EXPIRED",), ("ACTIVE", "CLOSED"),
               ("ACTIVE", "EXPIRED"), ("CLOSED", "EXPIRED")),
    "Ended by": (("open",), ("closed",), ("expired",), ("open", "closed"),
                 ("open", "expired"), ("closed", "expired")),
}  # fmt: skip


def filtered(*names: str) -> Moves:
    """Return moves of the lists named, or of the window of creation; each from no filter on."""

    def moves(session: Session) -> list[list[Callable[[], object]]]:
        return [
            [partial(session.press, name, "ArrowRight")] * (MOVES // len(names))
            if name == "Created"
            else [partial(session.choose, name, *some) for some in SUBSETS[name]]
            for name in names
        ]

    return moves


def picked(session: Session) -> list[list[Callable[[], object]]]:
    """Return clicks on marks."""
    return [[partial(session.pick, number) for number in range(MOVES)]]


def brushed(session: Session) -> list[list[Callable[[], object]]]:
    """Return stretches that are dragged over."""
    return [[partial(session.brush, 0.05 + 0.02 * n, 0.4 + 0.04 * n) for n in range(MOVES)]]


def slid(label: str) -> Moves:
    """Return moves of a slider from its beginning on."""

    def moves(session: Session) -> list[list[Callable[[], object]]]:
        session.press(label, "Home")
        session.rest()
        return [[partial(session.press, label, "ArrowRight")] * (MOVES // 2)]

    return moves


TIME_AND_END = filtered("Created", "Ended by")
VIEWS = (
    View("Tags", {"Show": "How often"}, TIME_AND_END),
    View("Tags", {"Show": "How often"}, picked, "clicks"),
    View("Tags", {"Show": "Together"}, TIME_AND_END),
    View("Tags", {"Show": "By namespace"}, TIME_AND_END),
    View("Tags", {"Show": "By status"}, TIME_AND_END),
    View("Tags", {"Show": "Over time"}, filtered("Status", "Ended by")),
    View("Tags", {"Show": "Over time"}, brushed, "brushes"),
    View("Lifetimes", {"Show": "still open, by age"}, TIME_AND_END),
    View("Lifetimes", {"Show": "still open, by age"}, brushed, "brushes"),
    View("Lifetimes", {"Show": "closed and expired, by age"}, filtered("Created", "Status")),
    View("Lifetimes", {"Show": "still open, by age", "Group by": "task_identifier"}, TIME_AND_END),
    View("Lifetimes", {"Show": "still open, by age", "Group by": "tags"}, TIME_AND_END),
    View(
        "Lifetimes",
        {"Show": "closed and expired, by age", "Group by": "tags"},
        filtered("Created", "Status"),
    ),
    *(
        View("Churn", {"Show": name}, TIME_AND_END)
        for name in (
            "Runs per session",
            "Gaps between runs",
            "Reasons and ends",
            "From end to reason",
            "Rate over time",
            "Who comes back",
        )
    ),
    View("What if", {}, slid("Idle timeout"), "idle timeout"),
    View("What if", {}, slid("Turn timeout"), "turn timeout"),
    View("What if", {}, filtered("Ended by")),
)  # fmt: skip


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--sessions", type=int, default=CHATS)
    parser.add_argument("--only", default="", help="only views whose name holds this text")
    arguments = parser.parse_args()
    views = [view for view in VIEWS if arguments.only in view.name]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    with tempfile.TemporaryDirectory() as home:
        cells = [
            nbformat.v4.new_code_cell(one.format(sessions=arguments.sessions)) for one in CELLS
        ]
        # Without a kernel's name JupyterLab would ask for one.
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
        nbformat.write(notebook, Path(home) / "page.ipynb")
        with started_lab(Path(home)) as lab, chromium() as browser:
            page = browser.new_page(viewport={"width": 1_100, "height": 1_800})
            page.set_default_timeout(60_000)
            session = Session(page, f"{lab.url}/doc/tree/page.ipynb?token={lab.token}")
            opened = session.open()
            print(session.explorer.get_by_text(" sessions").first.inner_text())
            print(f"shown after {opened:.0f} ms, {session.received / 1_000:.0f} kB received")
            print(HEAD, flush=True)
            for view in views:
                print(_line(*_measured(session, view)), flush=True)
            for rest in (_hovered, _read, _remembered):
                print(rest(session), flush=True)
            host = urlsplit(lab.url).netloc
            away = [
                one
                for one in session.asked
                if urlsplit(one).scheme not in {"data", "blob"} and urlsplit(one).netloc != host
            ]
            print(f"{len(session.asked)} requests, away from this machine: {away or 'none'}")


def _measured(session: Session, view: View) -> tuple[View, list[Move], float]:
    session.show(view)
    moves = []
    for group in view.moves(session):
        session.reset()
        moves += [session.time(move) for move in group]
    return view, moves, os.getloadavg()[0]


def _line(view: View, moves: Sequence[Move], load: float) -> str:
    walls = [move.wall for move in moves]
    cells = (
        view.name,
        len(moves),
        round(statistics.median(walls)),
        round(max(walls)),
        round(statistics.fmean(move.cpu for move in moves)),
        round(statistics.fmean(move.received for move in moves) / 1_000),
        f"{load:.1f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def _hovered(session: Session) -> str:
    """Move the pointer over marks and along a curve."""
    lines = []
    for view, target in ((VIEWS[0], ".sl-mark:visible"), (VIEWS[7], ".sl-area:visible")):
        session.show(view)
        box = session.explorer.locator(target).first.bounding_box()
        assert box
        session.rest()
        frames, times = session.frames, []
        for n in range(HOVERS):
            session.page.mouse.move(box["x"] - 20, box["y"] - 20)
            session.page.evaluate("timing.arm(true)")
            session.page.mouse.move(
                box["x"] + (0.05 + 0.9 * n / HOVERS) * box["width"], box["y"] + box["height"] / 2
            )
            session.page.wait_for_function("timing.end !== null")
            times.append(session.page.evaluate("timing.end - timing.start"))
        lines.append(
            f"hover, {view.name}: median {statistics.median(times):.1f} ms, worst {max(times):.1f} "
            f"of {HOVERS}, {session.frames - frames} messages"
        )
    return "\n".join(lines)


def _read(session: Session) -> str:
    """Open the table of rows, sort it, and scroll."""
    session.show(VIEWS[0])
    title = session.explorer.get_by_text("Sessions selected, as a table")
    first = session.time(title.click)
    box = session.explorer.locator(".sl-rows")
    # The clock starts at an input; a key scrolls as a wheel does.
    box.focus()
    scrolled = [session.time(lambda: session.page.keyboard.press("PageDown")) for _ in range(10)]
    column = box.get_by_role("button", name="created at")
    sorts = [session.time(column.click) for _ in range(3)]
    title.click()
    return (
        f"table: first rows {first.wall:.0f} ms; scrolled by a page "
        f"{statistics.median(one.wall for one in scrolled):.0f} ms, worst "
        f"{max(one.wall for one in scrolled):.0f}; sorted first {sorts[0].wall:.0f} ms, again "
        f"{max(one.wall for one in sorts[1:]):.0f}"
    )


def _remembered(session: Session) -> str:
    """Make many gestures, and compare memory before and after."""
    session.show(VIEWS[0])
    before = None
    for n in range(WARM_UP + GESTURES):
        if n == WARM_UP:
            before = _memory(session)
        if n % 3 == 0:
            session.press("Created", "ArrowRight" if n % 240 < 120 else "ArrowLeft")
        elif n % 3 == 1:
            session.choose("Ended by", *SUBSETS["Ended by"][n % 6])
        else:
            session.pick(n % 10)
        session.rest()
    assert before
    after = _memory(session)
    told = ", ".join(
        f"{name} {old:,.1f} to {new:,.1f}"
        for name, (old, new) in {name: (before[name], after[name]) for name in before}.items()
    )
    return f"{GESTURES} gestures after {WARM_UP}: {told}"


def _memory(session: Session) -> dict[str, float]:
    _, rss, widgets = map(int, session.run(MEMORY).split())
    tools = session.page.context.new_cdp_session(session.page)
    tools.send("HeapProfiler.collectGarbage")
    heap = tools.send("Runtime.getHeapUsage")["usedSize"]
    nodes = tools.send("Memory.getDOMCounters")["nodes"]
    tools.detach()
    return {"kernel MB": rss / 1e6, "widgets": widgets, "browser MB": heap / 1e6, "nodes": nodes}


if __name__ == "__main__":
    main()
