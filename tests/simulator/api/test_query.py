"""The query route: the table of runs in ClickHouse's SQL."""

from __future__ import annotations

import builtins
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.simulator.api.lists.run_table import COLUMNS
from tests.api_lab import ApiLab, refusal


@pytest.fixture
def lab() -> ApiLab:
    lab = ApiLab(
        "2026-10",
        policy=sl.RunPolicy(),
        platform=sl.Platform(boot_time="2s", turn_duration="5s", deploys=["2026-01-01T00:30:00Z"]),
    )
    lab.start("a", triggerConfig={"basePayload": {"message": {}}, "tags": ["vip", "eu"]})
    lab.world.clock.advance("1h")
    lab.start("b", triggerConfig={"basePayload": {"message": {}}, "machine": "micro"})
    lab.world.clock.advance("10s")
    return lab


def ask(lab: ApiLab, sql: str, **fields: Any) -> Any:
    return lab.json("POST", "/api/v1/query", {"query": sql} | fields)


def test_a_run_has_every_column_with_what_it_did_and_cost(lab: ApiLab) -> None:
    lab.world.clock.advance("2h")
    (first, second) = ask(lab, "SELECT * FROM runs ORDER BY triggered_at")["results"]
    assert list(first) == list(COLUMNS)
    assert first["triggered_at"] == "2026-01-01 00:00:00.000"
    assert first["executed_at"] == "2026-01-01 00:00:02.000"
    assert first["completed_at"] == "2026-01-01 01:00:37.000"
    assert (first["status"], first["usage_duration"]) == ("Completed", 35_000)
    assert (first["tags"], first["machine"]) == (["vip", "eu"], "small-1x")
    assert first["compute_cost"] == pytest.approx(35 * 0.0000338)
    assert first["total_cost"] == pytest.approx(35 * 0.0000338 + 0.000025)
    assert second["compute_cost"] == pytest.approx(35 * 0.0000169)
    assert [first["task_version"], second["task_version"]] == ["20200101.1", "20260101.1"]


def test_the_runs_list_tells_the_same_of_a_run(lab: ApiLab) -> None:
    lab.world.clock.advance("2h")
    (row, _) = ask(lab, "SELECT * FROM runs ORDER BY triggered_at")["results"]
    run = lab.json("GET", f"/api/v3/runs/{row['run_id']}")
    assert run["durationMs"] == row["usage_duration"]
    assert run["costInCents"] == pytest.approx(100 * row["compute_cost"])
    assert run["baseCostInCents"] == pytest.approx(100 * row["invocation_cost"])
    assert run["version"] == row["task_version"]


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT count() AS n FROM runs", [{"n": 2}]),
        ("SELECT countIf(machine = 'micro') AS n FROM runs", [{"n": 1}]),
        ("SELECT uniq(run_id) AS n FROM runs WHERE has(tags, 'vip')", [{"n": 1}]),
        (
            "SELECT toStartOfHour(triggered_at) AS hour, count() AS n FROM runs GROUP BY 1 ORDER BY 1",
            [
                {"hour": "2026-01-01 00:00:00.000", "n": 1},
                {"hour": "2026-01-01 01:00:00.000", "n": 1},
            ],
        ),
        (
            "WITH few AS (SELECT machine FROM runs) SELECT machine FROM few ORDER BY machine",
            [{"machine": "micro"}, {"machine": "small-1x"}],
        ),
    ],
)
def test_clickhouse_is_spoken(lab: ApiLab, sql: str, rows: Any) -> None:
    assert ask(lab, sql) == {"format": "json", "results": rows}


def test_a_window_bounds_what_is_asked(lab: ApiLab) -> None:
    count = "SELECT count() AS n FROM runs"
    assert ask(lab, count, period="30m")["results"] == [{"n": 1}]
    assert ask(lab, count, to="2026-01-01T00:30:00.000Z")["results"] == [{"n": 1}]
    window = {"from": "2026-01-01T02:00:00Z", "to": "2026-01-02T00:00:00Z"}
    assert ask(lab, count, **window)["results"] == [{"n": 0}]
    lab.world.clock.advance("8d")
    assert ask(lab, count)["results"] == [{"n": 0}]


def test_csv_is_text(lab: ApiLab) -> None:
    reply = ask(lab, "SELECT machine, tags FROM runs ORDER BY machine", format="csv")
    assert reply["results"] == 'machine,tags\nmicro,[]\nsmall-1x,"[""vip"",""eu""]"\n'


def test_no_reply_has_more_than_ten_thousand_rows(lab: ApiLab) -> None:
    rows = ask(lab, "SELECT * FROM range(20000) AS r, runs")
    assert "error" in rows
    joined = " CROSS JOIN ".join(f"runs AS r{n}" for n in range(14))
    crossed = f"SELECT r0.run_id FROM {joined}"  # noqa: S608
    assert len(ask(lab, crossed)["results"]) == 10_000


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE runs",
        "SELECT 1; SELECT 2",
        "INSERT INTO runs VALUES (1)",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM llm_metrics",
        "SELECT nothing FROM runs",
        "SELECT 'half",
        "COPY runs TO 'x.csv'",
        "ATTACH 'x.db'",
        "SELECT " + "(" * 2_000 + "1" + ")" * 2_000,
        "SELECT 1/0 :: nothing FROM runs",
    ],
)
def test_what_is_not_one_select_of_runs_is_refused(lab: ApiLab, sql: str) -> None:
    status, error = refusal(lab.ask("POST", "/api/v1/query", {"query": sql}))
    assert status == 400
    assert "Traceback" not in error


@given(sql=st.text(min_size=1, max_size=40) | st.text("SELECT FROM runs*(),'\"1=;-", max_size=60))
def test_any_text_is_answered_or_refused(sql: str) -> None:
    response = ApiLab("2026-10").ask("POST", "/api/v1/query", {"query": sql or "x"})
    assert response.status in {200, 400}


def test_a_wider_scope_and_a_wrong_body_are_refused(lab: ApiLab) -> None:
    body = {"query": "SELECT 1", "scope": "organization"}
    assert lab.ask("POST", "/api/v1/query", body).status == 403
    assert lab.ask("POST", "/api/v1/query", {"query": 1}).status == 400
    assert lab.ask("POST", "/api/v1/query", {"query": "SELECT 1"}, key="x").status == 401


def test_without_its_packages_the_route_says_what_to_install(
    lab: ApiLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def missing(name: str, *arguments: Any) -> Any:
        if name.partition(".")[0] in {"duckdb", "sqlglot"}:
            raise ModuleNotFoundError(name=name.partition(".")[0])
        return real(name, *arguments)

    monkeypatch.setattr("importlib.import_module", missing)
    status, error = refusal(lab.ask("POST", "/api/v1/query", {"query": "SELECT 1"}))
    assert status == 501
    assert 'pip install "session-lab[query]"' in error
