"""What a report says, in both forms, and that no text from outside becomes more than text."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from agents.events import (
    ApprovalDecided,
    ApprovalRequested,
    AutomationPaused,
    Event,
    IncidentClosed,
    IncidentResolved,
    IncidentUpdated,
    StrategyApproved,
    StrategyEdited,
)
from agents.facts import Basis, Finding
from agents.telemetry import RegionSample
from overwatch_tui.report import html, markdown
from overwatch_tui.report.content import document
from overwatch_tui.report.plots import picture
from overwatch_tui.report.times import moments
from tests.overwatch_tui import recorded, story


def both(case) -> tuple[str, str]:
    made = document(case, recorded.MADE, "0.2.0")
    return markdown.write(made), html.write(made, picture(case, moments(case)))


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        self.words += data


@pytest.mark.parametrize(
    "says",
    [
        "resolved, verified from outside",
        "up to 40 % of requests failed",
        "for 11 s, from 14:01:56 to 14:02:07",
        "dependency_down: the database of east refuses connections",
        "switch_traffic east 0, west 100",
        "by anna",
        "ruled out",
        "no new revision for 3 days",
        "not cited",
        "confidence 0.78 is not above 0.85",
        "switch_traffic east 100, west 0",
        "az afd origin update --profile-name demo",
        "users are served by west (5 of 5 probes)",
        "0 % of 40 requests failed, p95 39 ms",
        "a person was waited for 5.4 s",
        "number 1 to 9",
    ],
)
def test_it_answers_what_a_reader_comes_with(tmp_path, says):
    text, page = both(recorded.case(tmp_path, *story.RESOLVED))
    assert says in text.replace("\\", "")
    assert says in Page(page).words


def test_its_key_times_are_those_of_the_log(tmp_path):
    text, _ = both(recorded.case(tmp_path, *story.RESOLVED))
    took = dict(re.findall(r"^\| ([a-z ]+) \| ([^|]+) \|", text, re.MULTILINE))
    assert took["to detect"] == "2.0 s"
    assert took["to decide"] == "7.2 s"
    assert took["of which waiting"] == "5.4 s"
    assert took["to heal"] == "11 s"
    assert took["to verify"] == "3.0 s"
    assert took["in all"] == "14 s"


def test_what_was_tried_and_undone_is_told_with_the_page_that_followed(tmp_path):
    text, _ = both(recorded.case(tmp_path, *story.ESCALATED))
    assert "OPEN (a person was paged)" in text
    assert "undone by `switch_traffic east 100, west 0`" in text
    assert "did not pass, checked from outside" in text
    assert "taken back" in text
    assert "## Tried and given up" in text
    assert "nothing that is left to try would help" in text


def test_an_open_incident_can_be_reported_and_says_that_it_is_open(tmp_path):
    text, page = both(recorded.case(tmp_path, *story.AWAITING))
    assert "OPEN (waits for a person): this report tells what is known so far" in text
    assert "asks a person, until 14:11:59" in text
    assert 'class="state warn"' in page


def test_what_a_person_closed_is_told_as_theirs_and_not_as_symptoms_that_went_away(tmp_path):
    told = story.told(*story.AWAITING)
    closed = IncidentClosed(by="anna", reason="a drill that went wrong")
    end = Event(id="c", source="anna", incident="INC-7", data=closed, time=story.at(30))
    text, page = both(recorded.case(tmp_path, events=[*told, end]))
    assert "went away" not in text
    assert "symptoms are gone" not in text
    assert 'class="state ok"' not in page
    assert "closed by anna, not checked from outside" in text
    assert "by anna's word alone, nothing was checked from outside, 24 s after it began: a drill that went wrong" in text


def test_a_wish_that_saw_no_symptoms_ends_without_any_that_went_away(tmp_path):
    opened = story.told(*story.AWAITING)[0]
    wish = opened.model_copy(update={"data": opened.data.model_copy(update={"symptoms": (), "manual": True})})
    end = Event(id="c", source="Sentry", incident="INC-7", data=IncidentResolved(how="cleared", checks=()), time=story.at(30))
    text, _ = both(recorded.case(tmp_path, events=[wish, end]))
    assert "went away" not in text
    assert "resolved: no symptom is seen" in text
    assert "**Ended:** no symptom is seen, 24 s after it began" in text


def test_a_plan_that_is_made_anew_is_a_decision_with_its_reason(tmp_path):
    told = story.told(*story.AWAITING)
    seen = told[0].data
    why = "it was approved, but a freeze holds demo"
    anew = IncidentUpdated(symptoms=seen.symptoms, observations=seen.observations, anew=why)
    event = Event(id="n", source="Orchestrator", incident="INC-7", data=anew, time=story.at(30))
    text, _ = both(recorded.case(tmp_path, events=[*told, event]))
    assert "Orchestrator has the plan made anew" in text
    assert text.count(why) == 2


def test_an_edited_plan_is_told_with_who_edited_it_what_it_did_and_how_it_is_taken_back(tmp_path):
    told = list(story.told(*story.RESOLVED))
    (asked,) = [n for n, event in enumerate(told) if isinstance(event.data, ApprovalRequested)]
    plan = story.strategy()
    action = plan.actions[0]
    call = action.call.model_copy(update={"weights": {"east": 20, "west": 80}})
    changes = {"actions": (action.model_copy(update={"call": call}),), "id": "INC-7-edited", "edited_by": "bo"}
    new = plan.model_copy(update=changes)
    edit = StrategyEdited(approval=told[asked].data.approval, replaces=plan.id, strategy=new, by="bo")
    edited = Event(id="e", source="bo", incident="INC-7", data=edit, time=story.at(12))
    again = told[asked].data.model_copy(update={"approval": "again", "strategy": new.id, "binding": "b" * 64})
    later = []
    for event in told[asked + 1 :]:
        data = event.data.model_copy(update={"strategy": new if isinstance(event.data, StrategyApproved) else new.id})
        if isinstance(data, ApprovalDecided):
            data = data.model_copy(update={"approval": "again", "binding": "b" * 64})
        later.append(event.model_copy(update={"data": event.data if isinstance(event.data, IncidentResolved) else data}))
    asks = told[asked].model_copy(update={"id": "again", "data": again, "time": story.at(12.5)})
    text, _ = both(recorded.case(tmp_path, events=[*told[: asked + 1], edited, asks, *later]))
    assert "bo edits it: `switch_traffic east 20, west 80`" in text
    assert "anna approves `switch_traffic east 20, west 80`" in text
    assert "**Done:** `switch_traffic east 20, west 80`" in text
    assert "call: `switch_traffic east 20, west 80`" in text
    assert "undo: `switch_traffic east 100, west 0`" in text
    assert "a person was waited for 4.9 s" in text


def test_what_a_decision_rested_on_is_listed_rule_by_rule(tmp_path):
    told = list(story.told(*story.AWAITING))
    findings = (
        Finding(rule="confidence.threshold", effect="ask", text="0.78 is not above 0.85"),
        Finding(rule="budget.hourly", effect="allow", text="2 of 12 in this hour"),
    )
    basis = Basis(verdict="ask", findings=findings, at=story.at(9), given="{}")
    told[-1] = told[-1].model_copy(update={"data": told[-1].data.model_copy(update={"basis": basis})})
    text, _ = both(recorded.case(tmp_path, events=told))
    assert "| `confidence.threshold` | ask | 0.78 is not above 0.85 |" in text
    assert "| `budget.hourly` | allow | 2 of 12 in this hour |" in text


def test_an_incident_of_before_there_were_samples_is_told_without_them(tmp_path):
    case = recorded.case(tmp_path, *story.RESOLVED, looks=[])
    text, page = both(case)
    assert "Nothing was recorded around this incident" in text
    assert "<svg" not in page
    assert "they were failing" not in text


def test_what_was_lost_is_said(tmp_path):
    case = recorded.case(tmp_path, *story.RESOLVED)
    text, _ = both(replace(case, samples=replace(case.samples, lost=7, unread=1, step=3)))
    assert "7 samples could not be kept" in text
    assert "Only each 3th" not in text
    assert "one measurement of 3" in text
    assert "1 row could not be read" in text


def test_a_pause_meanwhile_is_in_the_timeline(tmp_path):
    told = story.told(*story.RESOLVED)
    pause = Event(id="p", source="anna", data=AutomationPaused(by="anna", reason="release"), time=story.at(10))
    text, _ = both(recorded.case(tmp_path, events=[*told[:4], pause, *told[4:]]))
    assert "automation paused by anna: release" in text


# Text from outside

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</code></td></table><h1>owned</h1>",
    "</style></svg><script>alert(1)</script>",
    "[click](https://evil.example/x)",
    "![pic](https://evil.example/p.png)",
    "[ref]: https://evil.example",
    "<https://evil.example>",
    "https://evil.example/path www.evil.example mail@evil.example",
    "`code` ``` fence ~~~ fence",
    "| a | b |",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "=====",
    "***bold*** __bold__ ~~gone~~ _it_",
    "&lt;b&gt; &#x3c;script&#x3e;",
    "$$x$$ {{ 7*7 }} {% raw %} ${7*7}",
    "\\<b>\\",
    "\x1b[31mred\x1b]0;title\x07",
    "a\n# b\n\n<hr>",
    "\u202eevil\u2066",
    "javascript:alert(1)",
    "<!-- comment --> --> <![CDATA[x]]>",
    "' onload='alert(1)' \" autofocus onfocus=alert(1) x=\"",
)
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "section", "h1", "h2", "h3", "p", "dl", "div", "dt", "dd",
    "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "svg", "text", "line", "path", "rect",
    "code", "strong",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "scope", "viewbox", "role", "aria-label", "x", "y", "x1", "x2",
    "y1", "y2", "d", "width", "height", "text-anchor",
}  # fmt: skip


FREE = {
    "title", "text", "cause", "why", "rationale", "expected_effect", "summary", "command", "detail", "reasons", "reason", "name",
    "metric", "fault_class",
}  # fmt: skip
DEEP = {"symptoms", "observations", "diagnosis", "hypotheses", "checks"}


def spoken(evil: str):
    """The story's incident with these words in every place that takes words."""
    told = list(story.told(*story.ESCALATED))

    def poison(value):
        if isinstance(value, str):
            return evil
        if isinstance(value, tuple):
            return tuple(poison(item) for item in value)
        if hasattr(value, "model_fields_set"):
            names = [n for n in type(value).model_fields if n in FREE | DEEP]
            return value.model_copy(update={n: poison(getattr(value, n)) for n in names})
        return value

    return [event.model_copy(update={"data": poison(event.data)}) for event in told]


def hostile_case(tmp_path, evil: str):
    looks = [recorded.hostile(look, evil) if isinstance(look, RegionSample) else look for look in recorded.measured()]
    case = recorded.case(tmp_path, *story.ESCALATED, looks=looks)
    return recorded.case_of_events(case, spoken(evil))


@pytest.mark.parametrize("evil", HOSTILE)
def test_no_text_becomes_markup_in_the_page(tmp_path, evil):
    page = Page(both(hostile_case(tmp_path, evil))[1])
    assert {tag for tag, _ in page.found} <= ALLOWED
    assert {name for _, attributes in page.found for name in attributes} <= ATTRIBUTES
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page.words)


@pytest.mark.parametrize("evil", HOSTILE)
def test_no_text_becomes_markup_in_markdown(tmp_path, evil):
    """Outside of code spans nothing stands that begins markup, a link or HTML, but what the report itself wrote."""
    text = both(hostile_case(tmp_path, evil))[0]
    calm = both(hostile_case(tmp_path, "calm"))[0]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert shape(text) == shape(calm)


def shape(text: str) -> list[tuple[str, int]]:
    """Each line's kind and, for a table's row, its number of cells; and every piece of live markup within."""
    lines = []
    for line in text.splitlines():
        bare = re.sub(r"(?<!\\)(`+)(?!`).*?(?<!`)\1(?!`)", "C", re.sub(r"\\\|", "", line))
        live = re.sub(r"\\[!-/:-@\[-`{-~]", "", bare)
        live = re.sub(r"(?<=[0-9A-Za-z])_(?=[0-9A-Za-z])", "", live)
        assert not re.search(r"[<>\[\]`~$#&](?!# )", re.sub(r"^#+ ", "", live)), line
        assert not re.search(r"https?://|www\.|\S@\S", live), line
        kind = re.match(r"#+ |- |\| |\*|$", live)
        lines.append((kind[0] if kind else "", live.count("|")))
    return lines


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("1. item", r"1\. item"),
        ("1.5 s", "1.5 s"),
        ("- item", r"\- item"),
        ("-5 ms", "-5 ms"),
        ("switch_traffic", "switch_traffic"),
        ("_it_", r"\_it\_"),
        ("a|b", r"a\|b"),
        ("http://x", r"http\://x"),
        ("14:02:11", "14:02:11"),
        ("www.x.org", r"www\.x.org"),
        ("a@b", r"a\@b"),
    ],
)
def test_words_are_escaped_where_they_would_mean_more_and_only_there(words, written):
    assert markdown.escape(words) == written


@pytest.mark.parametrize(
    ("words", "written"),
    [("a", "`a`"), ("a`b", "``a`b``"), ("`a", "`` `a ``"), ("a|b", r"`a\|b`"), ("", ""), ("a``b`", "``` a``b` ```")],
)
def test_code_stands_in_a_fence_that_it_can_not_end(words, written):
    assert markdown.code(words) == written


def test_the_page_loads_nothing_and_allows_nothing(tmp_path):
    page = both(recorded.case(tmp_path, *story.RESOLVED))[1]
    policy = next(a["content"] for tag, a in Page(page).found if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert not re.search(r"https?://|url\(|@import|src=|href=|<script", page)
