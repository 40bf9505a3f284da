"""``sfsync report``, and its page in a real browser."""

import base64
import json
import os
import shutil
import stat

import pytest

from tests.system.browser import open_browser
from tests.system.report_scene import FORMULA, LONG, MARKUP, prepare


@pytest.fixture(scope="module")
def workspace(new_workspace):
    workspace = new_workspace()
    prepare(workspace)
    return workspace


@pytest.fixture(scope="module")
def figures(workspace):
    return workspace.do_in_process("report")


def test_the_same_figures_as_data(workspace, figures):
    [told] = workspace.sql("SELECT count(*) AS n FROM events WHERE type = 'email_sent'")
    engagement = figures["engagement"]
    assert engagement["total"]["counts"]["sent"]["events"] == told["n"]
    assert sum(engagement["total"]["over_time"]["sent"]) == told["n"]
    assert {each["id"] for each in engagement["campaigns"]} == {"c-7", "c-8", "c-9"}
    assert len(figures["period"]["labels"]) == 30
    assert figures["conflicts"]["open"] == 4
    assert figures["conflicts"]["total"] == 5
    assert figures["quarantine"]["open"] == 4
    assert figures["quarantine"]["causes"][0]["code"] == "REQUIRED_FIELD_MISSING"
    assert figures["quarantine"]["causes"][0]["hint"] == "Fill in the field."
    [calls] = workspace.sql("SELECT sum(json_extract(report, '$.api_calls')) AS n FROM runs")
    assert figures["api"]["calls"] == calls["n"] > 0
    assert figures["runs"][0]["command"] == "sync"


def test_a_shorter_period_has_fewer_events_and_finer_steps(workspace):
    found = workspace.do_in_process("report", "--days", "7")
    assert len(found["period"]["labels"]) == 7
    later = workspace.do_in_process("report", "--since", "3d")
    assert (
        0
        < later["engagement"]["total"]["counts"]["sent"]["events"]
        < found["engagement"]["total"]["counts"]["sent"]["events"]
    )


def test_only_one_object(workspace):
    found = workspace.do_in_process("report", "--object", "lead")
    assert found["engagement"]["campaign_count"] == 0
    assert (found["conflicts"]["open"], found["quarantine"]["open"]) == (0, 0)
    assert "did you mean lead" in workspace.stderr_of("report", "--object", "leed", expect=2)


def test_the_page_is_written_for_its_owner_alone_and_takes_the_place_of_an_older_one(workspace):
    file = workspace.folder / "sfsync-report.html"
    file.write_text("old")
    file.chmod(0o644)
    ran = workspace.run_in_process("report")
    assert ran.code == 0
    assert "sfsync-report.html" in ran.out
    assert "it names people" in ran.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert text.startswith("<!doctype html>")
    assert LONG.strip() in text
    assert not list(workspace.folder.glob(".sfsync-report*"))


def test_the_page_goes_to_stdout_or_with_json_to_a_file_beside_the_figures(workspace):
    ran = workspace.run_in_process("report", "--out", "-")
    assert ran.out.startswith("<!doctype html>")
    assert ran.out.rstrip().endswith("</html>")
    told = workspace.do_in_process("report", "--out", "page.html")
    assert told["file"] == "page.html"
    assert (workspace.folder / "page.html").exists()
    assert "both want stdout" in workspace.stderr_of("report", "--json", "--out", "-", expect=2)


def test_what_cannot_be_is_refused(workspace):
    assert "--since" in workspace.stderr_of("report", "--days", "3", "--since", "2d", expect=2)
    assert "cannot be written" in workspace.stderr_of("report", "--out", "no/such.html", expect=2)


def test_people_are_left_out_on_request(workspace):
    file = workspace.folder / "plain.html"
    workspace.stderr_of("report", "--no-people", "--out", str(file), expect=0)
    text = file.read_text() + json.dumps(workspace.do_in_process("report", "--no-people"))
    for row in workspace.rows():
        assert row["email"] not in text
        assert row["last_name"] not in text
        assert row["salesforce_id"] not in text
    assert "Head of" not in text
    assert "lorem" not in text
    assert "job_title" in text
    assert "Fill in the field." in text


# -- in a browser ----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium = shutil.which("chromium")
    if chromium is None and os.environ.get("CI") == "true":
        pytest.fail("chromium is not installed, and in CI nothing may be skipped")
    if chromium is None:
        pytest.skip("chromium is not installed")
    with open_browser(chromium, tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(workspace):
    file = workspace.folder / "shown.html"
    workspace.stderr_of("report", "--out", str(file), expect=0)
    return file.as_uri()


def look(browser, page, width, scheme):
    browser.ask(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
    )
    browser.ask(
        "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
    )  # fmt: skip
    browser.open("about:blank")
    browser.open(page)
    browser.wait_for("document.readyState === 'complete' && document.querySelector('footer')")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_light_and_dark_wide_and_narrow(browser, page, tmp_path, width, scheme):
    look(browser, page, width, scheme)
    assert browser.tell("document.documentElement.scrollWidth <= innerWidth")
    ground, ink = (
        browser.tell(f"getComputedStyle(document.body).{what}") for what in ("backgroundColor", "color")
    )  # fmt: skip
    assert (brightness(ground) > brightness(ink)) == (scheme == "light")
    assert browser.tell("document.querySelectorAll('svg[role=img]').length") == 5
    assert browser.tell(
        "document.querySelector('svg[role=img]').getBoundingClientRect().height > 100"
    )
    # what it shows is neither cut at the side nor laid over something else
    browser.screenshot(tmp_path / f"{scheme}-{width}.png")


def brightness(colour):
    return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_runs_nothing_loads_nothing_and_prints(browser, page):
    look(browser, page, 1200, "light")
    loaded = browser.tell(
        "performance.getEntriesByType('resource').map(each => each.name)"
        ".filter(name => !name.startsWith('data:'))"
    )
    assert loaded == []
    assert browser.tell("document.title").startswith("sfsync report")
    assert browser.tell("document.querySelectorAll('script, img').length") == 0
    cells = browser.tell(
        "[...document.querySelectorAll('td, th, dd, bdi')].map(e => e.textContent)"
    )
    assert MARKUP in cells
    assert f"'{FORMULA}" in cells
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "@"))]
    browser.ask("Emulation.setEmulatedMedia", media="print")
    browser.ask(
        "Emulation.setDeviceMetricsOverride",
        width=688,
        height=900,
        deviceScaleFactor=1,
        mobile=False,
    )
    assert browser.tell(
        "document.documentElement.scrollWidth <= innerWidth"
    )  # A4, less its margins
    browser.ask("Emulation.setEmulatedMedia", media="")
    pdf = base64.b64decode(browser.ask("Page.printToPDF")["data"])
    assert pdf.startswith(b"%PDF")
    browser.tell("0")  # whatever it has logged has arrived
    assert browser.complaints == []
