"""The configuration: found, layered, validated, and refused with a remedy."""

from __future__ import annotations

import pytest

from agents.home import home
from agents.settings import Settings, SettingsError, find, load

SHOP = """
[targets.shop]
public_url = "https://shop.example.org"
[targets.shop.regions.north]
url = "https://north.shop.example.org"
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(tmp_path, text):
    path = tmp_path / "my.toml"
    path.write_text(text)
    return path


def test_without_a_file_the_demo_is_the_target():
    settings = load(environ={})
    assert settings.with_demo
    assert settings.policy.threshold == 0.85


def test_a_target_of_one_s_own_takes_the_demo_away(tmp_path):
    settings = load(written(tmp_path, SHOP), environ={})
    assert not settings.with_demo
    assert settings.targets["shop"].actions() == frozenset()


def test_the_demo_can_be_kept_beside_it(tmp_path):
    assert load(written(tmp_path, SHOP + "[demo]\nenabled = true\n"), environ={}).with_demo


def test_the_file_in_the_current_folder_is_found(tmp_path):
    (tmp_path / "overwatch.toml").write_text("[policy]\nthreshold = 0.9\n")
    assert load(environ={}).policy.threshold == 0.9


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("OVERWATCH_POLICY__THRESHOLD", "0.95")
    settings = load(written(tmp_path, "[policy]\nthreshold = 0.9\nmax_attempts = 2\n"))
    assert settings.policy.threshold == 0.95
    assert settings.policy.max_attempts == 2


def test_a_secret_comes_from_dot_env_and_is_not_shown(tmp_path):
    (tmp_path / ".env").write_text("OVERWATCH_MODEL__API_KEY=sk-very-secret\nOTHER_PROGRAM=1\n")
    settings = load(environ={})
    assert settings.model.api_key is not None
    assert settings.model.api_key.get_secret_value() == "sk-very-secret"
    assert "sk-very-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[polcy]\nthreshold = 1\n", "did you mean 'policy'"),
        ("[policy]\ntreshold = 1\n", "did you mean 'threshold'"),
        (SHOP + "[targets.shop.regions.south]\nurl = 'https://x.example.org'\nhealth_pat = '/h'\n", "did you mean 'health_path'"),
        ("[policy]\nthreshold = 2\n", "policy.threshold"),
        ("[policy]\nthreshold = 'high'\n", "policy.threshold"),
        ("[policy]\nmax_replication_lag_s = inf\n", "policy.max_replication_lag_s"),
        ("[policy\n", "not valid TOML"),
        ("[targets.Shop]\n", "'Shop' can't be a name: use lower case letters, digits and dashes"),
        ("[policy]\nthreshold = 2\n", "not 2"),
        ("[targets.demo.regions.east]\nurl = 'http://127.0.0.1:9'\n[demo]\nenabled = true\n", "has the name of the demo"),
    ],
)
def test_what_is_wrong_is_named_with_the_remedy(tmp_path, text, said):
    with pytest.raises(SettingsError) as caught:
        load(written(tmp_path, text), environ={})
    assert said in str(caught.value)


def test_an_unknown_variable_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="did you mean 'OVERWATCH_POLICY'"):
        load(environ={"OVERWATCH_POLCY__THRESHOLD": "1"})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("OVERWATCH_POLCY__THRESHOLD=1", "of .env is not a setting; did you mean 'OVERWATCH_POLICY'"),
        ("OVERWATCH_HOME=/tmp/elsewhere", ".env sets 'OVERWATCH_HOME', which is read from the environment alone"),
    ],
)
def test_a_line_of_dot_env_that_would_do_nothing_is_refused(tmp_path, line, said):
    (tmp_path / ".env").write_text(line + "\n")
    with pytest.raises(SettingsError) as caught:
        load(environ={})
    assert said in str(caught.value)


def test_a_value_for_a_whole_table_is_refused_with_an_example(monkeypatch):
    monkeypatch.setenv("OVERWATCH_POLICY", "strict")
    with pytest.raises(SettingsError, match="OVERWATCH_POLICY__THRESHOLD"):
        load()


def test_an_empty_variable_is_as_if_it_were_not_there(tmp_path):
    (tmp_path / ".env").write_text("OVERWATCH_MODEL__BASE_URL=\nOVERWATCH_MODEL__API_KEY=\n")
    assert load(environ={}).model.base_url is None


def test_a_secret_comes_from_the_environment_beside_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("OVERWATCH_TARGETS__SHOP__CHAOS__TOKEN", "t0ken")
    shop = load(written(tmp_path, SHOP)).targets["shop"]
    assert shop.chaos is not None
    assert shop.chaos.token.get_secret_value() == "t0ken"
    assert list(shop.regions) == ["north"]


@pytest.mark.parametrize(
    "text",
    [
        SHOP + "[targets.shop.chaos]\ntoken = 1234567\n",
        "[model]\nbase_url = 'ftp://ada:1234567@models.example.org'\nmodel = 'm'\n",
        "[model]\napi_key = 1234567\n",
    ],
)
def test_what_may_be_a_secret_is_not_in_the_message(tmp_path, text):
    with pytest.raises(SettingsError) as caught:
        load(written(tmp_path, text), environ={})
    assert "1234567" not in str(caught.value)


def test_a_region_without_metrics_says_so_with_an_empty_path(tmp_path):
    text = SHOP + "metrics_path = ''\n"
    assert load(written(tmp_path, text), environ={}).targets["shop"].regions["north"].metrics_path is None


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"absent\.toml"):
        load(tmp_path / "absent.toml", environ={})


def test_regions_of_platform_and_target_must_agree(tmp_path):
    text = SHOP + (
        '[targets.shop.platform]\nsubscription_id = "s"\nresource_group = "g"\n'
        '[targets.shop.platform.container_apps]\nsouth = "shop-south"\n'
    )
    with pytest.raises(SettingsError, match=r"\['south'\].*\['north'\]"):
        load(written(tmp_path, text), environ={})


ON_AZURE = SHOP + (
    '[targets.shop.platform]\nsubscription_id = "s"\nresource_group = "g"\n'
    '[targets.shop.platform.container_apps]\nnorth = "shop-north"\n'
    "[targets.shop.platform.traffic]\n"
)
AZURE = 'subscription_id = "s"\nresource_group = "g"\ncontainer_apps = {north = "shop-north"}\n'
DOCKER = 'project = "shop"\nservices = {north = "north"}\n'
EDGES = [
    ('kind = "traffic_manager"\nprofile = "p"\nendpoints = {south = "s"}', r"platform\.traffic\.endpoints names \['south'\]"),
    ('kind = "traffic_manager"\nprofile = "p"\nendpoint = {}', "traffic.endpoint' is not a setting; did you mean 'endpoints'"),
    ('profile = "p"\norigin_grup = "o"', "traffic.origin_grup' is not a setting; did you mean 'origin_group'"),
    ('kind = "traffic_manager"\nprofile = "p"\nendpoints = {north = "n"}\naz_timeout_s = 5', "traffic.az_timeout_s'.*30"),
    ('kind = "dns"', r"^[^:]*: 'targets\.shop\.platform\.traffic\.kind': 'dns' is not one.*'front_door', 'traffic_manager'$"),
    ('origin_group = "o"\norigins = {north = "n"}', r"'targets\.shop\.platform\.traffic\.profile' is missing: set it"),
]
PLATFORMS = [
    ('kind = "azur"', r"^[^:]*: 'targets\.shop\.platform\.kind': 'azur' is not one of them; known: 'azure', 'docker'$"),
    ('images = "shop:"', r"platform\.images': give a list, such as \[\"…\"\], not 'shop:'"),
    ('images = [""]', r"platform\.images\.0'.*at least 1"),
    ("min_replicas = 6", r"'targets\.shop\.platform': min_replicas 6 is above max_replicas 5"),
]


@pytest.mark.parametrize(("edge", "words"), EDGES)
def test_a_wrong_edge_of_azure_is_said_in_the_words_of_its_kind(tmp_path, edge, words):
    with pytest.raises(SettingsError, match=words) as caught:
        load(written(tmp_path, ON_AZURE + edge), environ={})
    assert ".azure." not in str(caught.value)
    assert ".traffic_manager." not in str(caught.value)


@pytest.mark.parametrize(("kind", "more"), [("azure", AZURE), ("docker", DOCKER)])
@pytest.mark.parametrize(("bad", "words"), PLATFORMS)
def test_a_platform_that_the_hand_would_refuse_is_refused_at_the_start(tmp_path, kind, more, bad, words):
    kind = "" if bad.startswith("kind") else f'kind = "{kind}"\n'
    with pytest.raises(SettingsError, match=words):
        load(written(tmp_path, f"{SHOP}[targets.shop.platform]\n{kind}{bad}\n{more}"), environ={})


def test_a_platform_without_traffic_can_not_fail_over(tmp_path):
    text = SHOP + (
        '[targets.shop.platform]\nsubscription_id = "s"\nresource_group = "g"\n'
        '[targets.shop.platform.container_apps]\nnorth = "shop-north"\n'
    )
    assert load(written(tmp_path, text), environ={}).targets["shop"].actions() == {"restart_service", "scale_service"}


def test_the_home_is_the_variable_s_folder_or_the_platform_s(tmp_path):
    assert home({"OVERWATCH_HOME": str(tmp_path)}) == tmp_path
    assert home({}).name == "overwatch"


def test_the_named_file_wins_over_the_variable(tmp_path):
    assert find(tmp_path / "a.toml", {"OVERWATCH_CONFIG": "b.toml"}) == tmp_path / "a.toml"
    assert str(find(None, {"OVERWATCH_CONFIG": "b.toml"})) == "b.toml"


def undocumented(model, path=""):
    for name, field in model.model_fields.items():
        if not field.description:
            yield f"{path}{name}"
        annotation = field.annotation
        for inner in (annotation, *getattr(annotation, "__args__", ())):
            if isinstance(inner, type) and hasattr(inner, "model_fields"):
                yield from undocumented(inner, f"{path}{name}.")


def test_every_field_says_what_it_is_for():
    assert list(undocumented(Settings)) == []


@pytest.mark.parametrize("window", ["cool_down_s", "hold_down_s", "switch_window_s"])
def test_what_the_gate_looks_back_at_must_be_kept(tmp_path, window):
    text = f"[policy]\n{window} = {30 * 86_400}\n[journal]\nkeep_days = "
    with pytest.raises(SettingsError, match=rf"journal\.keep_days 29 is shorter than policy\.{window} .* keep 30 days or more"):
        load(written(tmp_path, f"{text}29"), environ={})
    for days in (0, 30):
        assert load(written(tmp_path, f"{text}{days}"), environ={}).journal.keep_days == days
