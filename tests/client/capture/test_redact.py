"""LEAK-01: what names or looks like a secret never reaches a journal; what only looks alike is
left as it is.
"""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.client.capture.redact import MARK, redact_argv, redact_mapping, redact_text

_MIXED = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4"
_HEX40 = "0123456789abcdef0123456789abcdef01234567"

# (text around the secret, the secret). Tokens are put together here so that no scanner takes this
# file for a leak.
SECRETS = [
    ("aws_access_key_id = {}", "AKIA" + "IOSFODNN7EXAMPLE"),
    ("found {} in the log", "ASIA" + "IOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY={}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("remote: {}", "ghp_" + _MIXED[:36]),
    ("{}", "gho_" + _MIXED[:36]),
    ("{} is used", "ghs_" + _MIXED[:36]),
    ("{}", "github_pat_" + "11ABCDEFG0" + _MIXED[:40]),
    ("GitLab {}", "glpat-" + _MIXED[:20]),
    ("login(token='{}')", "hf_" + _MIXED[:34]),
    ("Using {}", "sk-" + _MIXED[:48]),
    ("Using {}", "sk-proj-" + _MIXED[:48]),
    ("Using {}", "sk-ant-api03-" + _MIXED[:48]),
    ("slack {}", "xoxb-" + "123456789012-" + _MIXED[:24]),
    ("maps {}", "AIza" + _MIXED[:35]),
    ("oauth {}", "ya29." + _MIXED[:40]),
    ("stripe {}", "sk_live_" + _MIXED[:24]),
    ("stripe {}", "rk_test_" + _MIXED[:24]),
    ("npm {}", "npm_" + _MIXED[:36]),
    ("twine {}", "pypi-" + "AgEIcHlwaS5vcmc" + _MIXED[:40]),
    ("mail {}", "SG." + _MIXED[:22] + "." + _MIXED[:43]),
    ("databricks {}", "dapi" + _HEX40[:32]),
    ("replicate {}", "r8_" + _MIXED[:37]),
    ("digitalocean {}", "dop_v1_" + (_HEX40 * 2)[:64]),
    ("telegram {}", "123456789:" + "AA" + _MIXED[:33]),
    (
        "id_token {}",
        "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVm",
    ),
    ("WANDB_API_KEY={}", _HEX40),
    ("wandb login {}", _HEX40),
    ("wandb login --relogin {}", _HEX40),
    ('{{"api_key": "{}"}}', "correct horse battery"),
    ('{{"password": "{}"}}', "fo(o"),
    ("{{'password': '{}'}}", "hunter2"),
    ('\\"clientSecret\\": \\"{}\\"', "s3cr3t"),
    ("password={}", "hunter2"),
    ("db_password: {}", "hunter2"),
    ("PGPASSWORD={} psql", "hunter2"),
    ("mysql --password={} -h db", "hunter2"),
    ("mysql --password {} -h db", "hunter2"),
    ("export HF_TOKEN={}", "abcdef"),
    ("SENTRY_AUTH_TOKEN={}", "abcdef"),
    ("MY_SERVICE_KEY={}", "abcdef"),
    ("Authorization: Bearer {}", _MIXED[:30]),
    ("curl -H 'Authorization: Basic {}'", "dXNlcjpwYXNzd29yZA=="),
    ("postgresql://{}@db:5432/x", "user:pa55"),
    ("https://{}@github.com/a/b.git", "x-access-token:abcdef"),
    ("https://{}@github.com/a/b.git", "ghx" + _MIXED[:30]),
    ("redis://{}@cache", ":pa55"),
    ("s3?X-Amz-Credential={}&x=1", "abc/20250101/us-east-1"),
    ("blob?se=1&sig={}", "abc%2Bdef"),
    ("https://hooks.slack.com/{}", "services/T000/B000/" + _MIXED[:24]),
    ("AccountKey={};EndpointSuffix=x", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsu=="),
    ("-----BEGIN PRIVATE KEY-----{}-----END PRIVATE KEY-----", "\nMIIEpAIBAAKCAQEA\nabcd\n"),
    ("credentials: {}", "abcdef"),
    ("COOKIE_SECRET={}", "abcdef"),
]

INNOCENT = [
    "tokenizer=gpt2-medium",
    "keyframes: 24",
    "tokenizer: bert-base-uncased",
    "KeyError: 'val/loss'",
    "Missing key(s) in state_dict: layer1.weight",
    "max_tokens=4096 num_tokens=128 tokens_per_second: 10321.5",
    "pad_token='<pad>' eos_token: </s>",
    "Unexpected token: ';'",
    "monitor key: val/acc",
    "primary_key=id sort_key=created",
    "monkey=banana turkey=1 keyboard=us",
    "author: Ada Lovelace",
    "authors=Ada,Grace",
    "password=None token=null api_key=",
    "api_key = os.environ['WANDB_API_KEY']",
    "token = get_token()",
    "password = args.password",
    "api_key=$WANDB_API_KEY",
    "def login(password: str, token: str | None) -> None:",
    "git@github.com:epochal/epochal.git",
    "ssh://git@github.com/epochal/epochal.git",
    "https://github.com/epochal/epochal?tab=readme",
    "commit 0123456789abcdef0123456789abcdef01234567",
    "sha256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "task-oriented-dialogue-with-long-name-v2",
    "sk-learn-compatible-pipeline-of-steps",
    "hf_hub_download finished",
    "Epoch 3:  42%|####2     | 42/100 [00:01<00:02, 27.1it/s, loss=0.123]",
    "if key == 'lr': pass",
    "bypass=1 compass: north passes=3",
    "secretary=Joan",
    "model_key=resnet50_imagenet_v2",
]


@pytest.mark.parametrize("around, secret", SECRETS)
def test_a_secret_in_text_is_replaced(around, secret):
    """Nothing of the secret is left, and replacing again changes nothing."""
    redacted = redact_text(around.format(secret))
    assert secret not in redacted
    assert MARK in redacted
    assert redact_text(redacted) == redacted


@pytest.mark.parametrize("text", INNOCENT)
def test_an_innocent_text_is_untouched(text):
    """What only looks like a secret stays readable."""
    assert redact_text(text) == text


def test_only_the_secret_is_replaced_and_not_its_surroundings():
    """A reader still sees which setting was given."""
    line = f"lr=0.1 WANDB_API_KEY={_HEX40} epochs=3"
    assert redact_text(line) == f"lr=0.1 WANDB_API_KEY={MARK} epochs=3"
    assert redact_text("postgresql://u:p@db:5432/x") == f"postgresql://{MARK}@db:5432/x"


@pytest.mark.parametrize(
    "key, value",
    [
        ("password", "x"),
        ("password", 1234),
        ("password", "$ecret(1"),
        ("password", "<b>"),
        ("db.password", "x"),
        ("api_key", "x"),
        ("apiKey", "x"),
        ("API-KEY", "x"),
        ("OPENAI_API_KEY", "x"),
        ("hf_token", "abc"),
        ("token", "abc"),
        ("HF_TOKEN", "abc"),
        ("secret", "x"),
        ("client_secret", b"x"),
        ("credentials", "x"),
        ("auth", "user-x"),
        ("aws_session_token", "x"),
        ("sshPrivateKey", "x"),
        ("some_key", _MIXED),
        ("MYAPP_KEY", "x"),
    ],
)
def test_a_secret_key_hides_its_value(key, value):
    """The name decides, in every spelling, at every depth."""
    assert redact_mapping({key: value}) == {key: MARK}
    assert redact_mapping({"a": [{"b": {key: value}}]}) == {"a": [{"b": {key: MARK}}]}


@pytest.mark.parametrize(
    "config",
    [
        {"tokenizer": "gpt2", "tokenizer_path": "a/b"},
        {"keyframes": [1, 2, 3], "keypoints": 17},
        {"key": "val/acc", "image_key": "jpg", "rng_key": 42},
        {"max_tokens": 4096, "tokens": 10, "key_dim": 64, "secret_length": 8},
        {"pad_token": "<pad>", "eos_token": "</s>", "bos_token_id": 1, "mask_token": "[MASK]"},
        {"use_auth_token": True, "token": None, "password": None},
        {"author": "Ada", "hotkey": "x", "monkey": "y"},
        {"PWD": "/home/ada", "path": "/data"},
    ],
)
def test_training_config_is_untouched(config):
    """Whole words count, and numbers, booleans and None are no tokens."""
    assert redact_mapping(config) == config


def test_everything_below_a_secret_key_is_hidden():
    """A mapping named ``credentials`` is secret in all its leaves."""
    result = redact_mapping({"credentials": {"user": "ada", "nested": {"pin": 7}, "list": ["x"]}})
    assert result == {"credentials": {"user": MARK, "nested": {"pin": MARK}, "list": [MARK]}}


def test_redacting_leaves_the_given_data_alone():
    """The user's own config object keeps its secrets: it is in use."""
    inner = {"password": "x"}
    data = {"db": inner}
    redact_mapping(data)
    assert data == {"db": {"password": "x"}}
    assert data["db"] is inner


def test_cyclic_data_ends():
    """A config that holds itself is cut, not followed forever."""
    data: dict[str, object] = {"lr": 0.1}
    data["self"] = data
    result = redact_mapping(data)
    assert result["lr"] == 0.1
    assert MARK in repr(result)


@pytest.mark.parametrize(
    "argv, expected",
    [
        (["t.py", "--password=x"], ["t.py", f"--password={MARK}"]),
        (["t.py", "--password", "x", "--lr", "1"], ["t.py", "--password", MARK, "--lr", "1"]),
        (["t.py", "--api-key", "x"], ["t.py", "--api-key", MARK]),
        (["t.py", "--token", "x"], ["t.py", "--token", MARK]),
        (["t.py", "+logger.api_key=x"], ["t.py", f"+logger.api_key={MARK}"]),
        (["curl", "-u", "ada:x"], ["curl", "-u", MARK]),
        (["t.py", "--hub", "hf_" + _MIXED[:34]], ["t.py", "--hub", MARK]),
        (["t.py", "--url=https://u:p@h/x"], ["t.py", f"--url=https://{MARK}@h/x"]),
        (["t.py", "--password"], ["t.py", "--password"]),
        (["t.py", "--tokenizer", "gpt2"], ["t.py", "--tokenizer", "gpt2"]),
        (["t.py", "--pad-token", "<pad>"], ["t.py", "--pad-token", "<pad>"]),
        (["t.py", "--max-tokens=512"], ["t.py", "--max-tokens=512"]),
        (["--user", "ada"], ["--user", "ada"]),
        (["t.py", "--key", "val/loss"], ["t.py", "--key", "val/loss"]),
        ([], []),
    ],
)
def test_a_command_line_keeps_its_words_and_loses_its_secrets(argv, expected):
    """As many words come out as went in."""
    assert redact_argv(argv) == expected


@given(st.text(alphabet=string.printable + "\u00e9\u4e2d\x1b\x00", max_size=400))
def test_any_text_is_accepted(text):
    """No text raises, and a replaced text is stable."""
    once = redact_text(text)
    assert redact_text(once) == once


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "a" * 300_000 + " key",
        "key=" * 75_000,
        "a.b-" * 75_000 + "key",
        "key='" + "\\a" * 150_000,
        "://" * 100_000,
        "a://" + "b" * 300_000,
        "key   " * 50_000,
        "-----BEGIN PRIVATE KEY-----" * 10_000,
        "sk-" * 100_000,
        "--a " * 75_000 + "key",
        "basic " * 50_000,
        "?sig=" * 60_000,
        'key="' * 60_000,
        "wandb login --a " * 20_000,
    ],
)
def test_hostile_text_costs_linear_time(text):
    """A console line made to hang a pattern ends like any other."""
    assert isinstance(redact_text(text), str)
