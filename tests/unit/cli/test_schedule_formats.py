"""The texts of a schedule: read back by the readers that will read them, as far as Python has them."""

from __future__ import annotations

import plistlib
import shlex
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfsync.cli.schedule_formats import (
    Every,
    Job,
    agent,
    cron_line,
    in_crontab,
    job_name,
    service,
    timer,
)
from sfsync.errors import UsageError

ODD = '/opt/pen guin\'s/50% $HOME "x"\\y'


def job(every: str = "1h", folder: str = "/srv/mail", **more: object) -> Job:
    words = [f"{folder}/bin/sfsync", "sync", "--config", f"{folder}/sfsync.yaml"]
    return Job("sfsync", words, Path(folder), Every.parse(every), **more)  # type: ignore[arg-type]


def lines(unit: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{key}=")]


@pytest.mark.parametrize("text", ["1h", " 15M", "1d", "12h"])
def test_intervals_that_divide_the_hour_or_the_day_are_taken(text: str) -> None:
    assert str(Every.parse(text)) == text.strip().lower()


@pytest.mark.parametrize("text", ["7m", "5h", "2d", "0m", "1", "h", "", "1w", "-1h"])
def test_other_intervals_are_refused_with_those_that_are(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        Every.parse(text)
    assert "5m, 10m, 15m" in str(refused.value.hint)


def test_a_job_has_a_minute_of_its_own_and_keeps_it() -> None:
    assert job().minute == job().minute
    assert len({job(folder=f"/srv/{number}").minute for number in range(40)}) > 20


@pytest.mark.parametrize(
    ("every", "fields"),
    [("1h", "{m} * * * *"), ("6h", "{m} */6 * * *"), ("1d", "{m} 3 * * *")],
)
def test_cron_is_told_when(every: str, fields: str) -> None:
    line = cron_line(job(every), {})
    assert line.startswith(fields.format(m=job(every).minute) + " ")


def test_cron_is_told_every_so_many_minutes_from_the_jobs_own_on() -> None:
    minutes = [int(each) for each in cron_line(job("15m"), {}).split()[0].split(",")]
    assert [later - earlier for earlier, later in pairwise(minutes)] == [15, 15, 15]
    assert minutes[0] == job("15m").minute % 15


def test_what_the_shell_reads_back_from_a_crontab_is_what_was_meant() -> None:
    made = job(folder=ODD, environ={"SFSYNC_CLIENT_ID": "a b%c'd"})
    line = cron_line(made, {"SFSYNC_TOKEN_KEY_FILE": Path(ODD)})
    words = shlex.split(line.replace(r"\%", "%"))[5:]
    assert words == ["SFSYNC_CLIENT_ID=a b%c'd", f"SFSYNC_TOKEN_KEY_FILE={ODD}", *made.command]
    assert "%" not in line.replace(r"\%", ""), "a bare percent sign would end the command"


def test_a_line_end_cannot_smuggle_a_second_line_into_a_crontab() -> None:
    with pytest.raises(UsageError):
        cron_line(job(folder="/srv\n* * * * * rm"), {})


NAMES = st.sampled_from(["sfsync", "sfsync-eu"])
OTHERS = st.lists(
    st.sampled_from(["MAILTO=me", "1 * * * * other", "# sfsync: begin?", ""]), max_size=5
)


@given(OTHERS, NAMES, NAMES)
def test_a_crontab_keeps_everybody_elses_lines(others: list[str], one: str, two: str) -> None:
    crontab = "".join(f"{each}\n" for each in others)
    once = in_crontab(crontab, one, "5 * * * * a")
    assert in_crontab(once, one, "5 * * * * a") == once
    both = in_crontab(once, two, "6 * * * * b")
    assert both.count("* * * * b") == 1
    assert in_crontab(in_crontab(both, two, None), one, None) == crontab


def test_a_unit_says_percent_dollar_quotes_and_blanks_as_systemd_reads_them() -> None:
    unit = service(job(folder=ODD, environ={"A": "50% $x"}))
    assert r'"/opt/pen guin' in lines(unit, "ExecStart")[0]
    assert r"50%% $$HOME \"x\"\\y" in lines(unit, "ExecStart")[0]
    assert lines(unit, "Environment") == ['"A=50%% $x"'], (
        "a dollar means itself outside of commands"
    )
    assert lines(unit, "ReadWritePaths")[0].endswith(r'50%% $HOME \"x\"\\y"')


def test_a_unit_is_stopped_before_the_run_after_the_next_one() -> None:
    for every in ("15m", "1h", "1d"):
        seconds = int(lines(service(job(every)), "TimeoutStartSec")[0])
        assert timedelta(seconds=seconds) <= max(2 * Every.parse(every).length, timedelta(hours=2))


def test_secrets_travel_as_credentials_not_as_values() -> None:
    unit = service(job(credentials={"sfsync-token-key": Path("/etc/key")}))
    assert lines(unit, "LoadCredential") == ["sfsync-token-key:/etc/key"]
    assert lines(unit, "Environment") == []


def test_a_missed_run_is_made_up_for_and_not_at_the_same_second_everywhere() -> None:
    unit = timer(job("6h"))
    assert lines(unit, "Persistent") == ["true"]
    assert int(lines(unit, "RandomizedDelaySec")[0]) > 0
    assert lines(unit, "OnCalendar") == [f"*-*-* 00/6:{job('6h').minute:02d}:00"]


@pytest.mark.parametrize(("every", "times"), [("15m", 4), ("1h", 1), ("6h", 4), ("1d", 1)])
def test_an_agent_is_a_property_list_that_says_the_same(every: str, times: int) -> None:
    made = job(every, folder=ODD, environ={"A": "ü & <b>"})
    told = plistlib.loads(agent(made, {"SFSYNC_TOKEN_KEY_FILE": Path("/k")}).encode())
    assert told["ProgramArguments"] == list(made.command)
    assert told["EnvironmentVariables"] == {"A": "ü & <b>", "SFSYNC_TOKEN_KEY_FILE": "/k"}
    assert len(told["StartCalendarInterval"]) == times


@pytest.mark.parametrize("name", ["../x", "", "a b", "-x", "a/b"])
def test_a_name_that_could_leave_its_folder_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        job_name(name)
