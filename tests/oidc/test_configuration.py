"""Identity providers in the configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from keystead import config

GOOD = """
[[oidc-issuers]]
issuer = "https://token.actions.githubusercontent.com"
audiences = ["sts.amazonaws.com"]

[[oidc-issuers]]
issuer = "https://kubernetes.default.svc.cluster.local"
audiences = ["keystead", "sts.amazonaws.com"]
jwks-file = "/etc/keystead/cluster.jwks"
accounts = ["111122223333"]
"""


def load(tmp_path: Path, text: str) -> config.Config:
    file = tmp_path / "keystead.toml"
    file.write_text(text)
    return config.load(file, {}, {"data": str(tmp_path / "data"), "root_key": str(tmp_path / "root.key")})


def test_issuers_are_read_from_the_file(tmp_path: Path) -> None:
    github, cluster = load(tmp_path, GOOD).oidc_issuers
    assert (github.host, github.audiences) == ("token.actions.githubusercontent.com", ("sts.amazonaws.com",))
    assert (github.jwks_file, github.jwks_url, github.accounts) == (None, None, ())
    assert cluster.jwks_file == Path("/etc/keystead/cluster.jwks")
    assert cluster.accounts == ("111122223333",)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("https://token", "http://token", "must be an https:// address"),
        ('audiences = ["sts.amazonaws.com"]', "audiences = []", "needs audiences"),
        ('audiences = ["sts.amazonaws.com"]', "", "audiences"),
        ("jwks-file", "jwks-fil", "jwks-fil"),
        ("111122223333", "1111", "twelve digits"),
        ("kubernetes.default.svc.cluster.local", "token.actions.githubusercontent.com", "once"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(
    tmp_path: Path, before: str, after: str, sentence: str
) -> None:
    assert before in GOOD
    with pytest.raises(config.ConfigError, match=sentence):
        load(tmp_path, GOOD.replace(before, after, 1))


def test_the_environment_cannot_name_issuers() -> None:
    with pytest.raises(config.ConfigError, match=r"write \[\[oidc-issuers\]\] into the file"):
        config.load(None, {"KEYSTEAD_OIDC_ISSUERS": "x"}, {})
