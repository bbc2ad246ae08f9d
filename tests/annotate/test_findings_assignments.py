from __future__ import annotations

import pyarrow as pa
import pytest

from gristmill.annotate.findings import patterns

KEY = "q7Zk" + "2Lw9Xv" + "B4mN8tRy" + "6Hc3"
PASSWORD = "vK9#" + "mQ2xL"
UUID = "3f2b8c1e-" + "9d4a-4e6f-8b7c-" + "2a1d0e9f8c7b"


def found(text: str) -> list[tuple[str, str]]:
    data = text.encode()
    hits = patterns.find(pa.array([data], pa.binary()))
    return [(hit.type, data[hit.start : hit.end].decode()) for _, hit in hits if hit.score >= 0.5]


@pytest.mark.parametrize(
    "frame",
    [
        'api_key = "{}"',
        "apiKey: '{}',",
        '{{"apiKey": "{}"}}',
        '"{{\\"apiKey\\":\\"{}\\"}}"',
        "const apiKey: string = `{}`;",
        "api_key: str = '{}'",
        "config['api_key'] = b\"{}\"",
        "'api_key' => '{}',",
        'apiKey := "{}"',
        "API_KEY={}\n",
        "export API_KEY={}",
        "  api_key: {}\n",
        "api_key = {} # of the host\n",
        "//registry.host.org:4873/x/:_authToken={}\n",
        "<apiKey>{}</apiKey>",
        "https://host.org/x?api_key={}&y=1",
        "GET /x?y=1&api_key={} HTTP",
        'if api_key == "{}":',
        'if ("{}" == apiKey) {{',
        'System.setProperty("API_KEY", "{}");',
        'os.getenv("API_KEY", "{}")',
        'var apiKey string = "{}"',
        "api_key ?= {}\n",
        "- name: API_KEY\n  value: {}\n",
        '<add key="ApiKey" value="{}" />',
        "run --api-key {} --fast",
        "run --api-key={} --fast",
        "The api_key is {} for staging.",
        "| user | root |\n| api_key | {} |\n",
        'setApiKey("{}")',
        '{{"env": "API_KEY={}\\nDEBUG=1"}}',
        "ENV API_KEY {}\n",
        "Server=db1;Uid=sa;apikey={};Timeout=3",
    ],
)
def test_forms_of_assignment(frame: str) -> None:
    assert found(frame.format(KEY)) == [("key", KEY)]
    assert found("é\n" + frame.format(KEY) + "\r\né") == [("key", KEY)]


def test_passwords_are_told_from_keys() -> None:
    assert found(f'password = "{PASSWORD}"') == [("password", PASSWORD)]
    assert found(f"DB_PASS={PASSWORD}x1\n") == [("password", PASSWORD + "x1")]


@pytest.mark.parametrize(
    "text",
    [
        f'monkey = "{KEY}"',
        f'tokenizer: "{KEY}"',
        f'public_key = "{KEY}"',
        'password = "short1"',
        'password = "' + "aB3$" * 60 + '"',
        'password = os.environ["DB_PASSWORD"]',
        "password = getpass.getpass()\n",
        'password: "${DB_PASSWORD}"',
        'token = "{{ secrets.TOKEN }}"',
        'password = "changeme123"',
        "token = self.tokens[index2]\n",
        "token = next_token2\n",
        f"api_key = {KEY} + suffix\n",
        "apiKey = config.values.apiKey2;\n",
        "auth_key = rust_openssl.hpke.MLKEM768X25519\n",
        'secret = "correct horse 1 battery"',
        'password: "At least 8 characters"',
        'secret_path = "/etc/x9/k3y"',
        'token_url = "https://host9.org/t0ken"',
        '"integrity": "sha512-' + KEY * 3 + '=="',
        "commit = 'd670460b4b4aece5915caf5c68d12f560a9fe3e4'",
        "md5 = 'd670460b4b4aece5915caf5c68d12f56'",
        "id: " + UUID,
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "token: 'eyes' | 'q9z8x7w6v5u4t3' extends",
        "?api_key=abc&y=1",
    ],
)
def test_what_is_no_secret(text: str) -> None:
    assert found(text) == []


def test_people_write_passwords_beside_user_names() -> None:
    for text in (
        "id:master pw:{}",
        "login: ann, password: {}",
        "(ann / pwd: {})",
        "PW={}",
        "user ann password {}\n",
    ):
        assert found(text.format(PASSWORD + "x1")) == [("password", PASSWORD + "x1")]


def test_a_uuid_has_a_rule_of_its_own() -> None:
    hits = patterns.find(pa.array([f'api_key = "{UUID}"'.encode()], pa.binary()))
    assert [hit.rule for _, hit in hits] == ["assignment-uuid"]


def test_what_the_name_denies_is_no_finding_whatever_the_value() -> None:
    for name in ("public_key", "csrf_token", "primaryKey", "password_hash_url", "tokenType"):
        hits = patterns.find(pa.array([f'{name} = "{KEY}"'.encode()], pa.binary()))
        assert all(hit.score < 0.5 for _, hit in hits), name
