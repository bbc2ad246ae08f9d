from __future__ import annotations

import pyarrow as pa
import pytest

from gristmill.annotate.findings import assignments, patterns

KEY = "q7Zk" + "2Lw9Xv" + "B4mN8tRy" + "6Hc3"
PASSWORD = "vK9#" + "mQ2xL"
UUID = "3f2b8c1e-" + "9d4a-4e6f-8b7c-" + "2a1d0e9f8c7b"


def found(text: str) -> list[tuple[str, str]]:
    data = text.encode()
    hits = patterns.find(pa.array([data], pa.binary()))
    return [(hit.type, data[hit.start : hit.end].decode()) for _, hit in hits if hit.score >= 0.5]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(
            (name, "password")
            for name in ("password", "DB_PASSWORD", "dbPassword", "db.pass", "passwd", "PWD", "pass")
        ),
        *((name, "password") for name in ("password2", "PASSWORD_PROD", "sshPassphrase", "userpassword")),
        *(
            (name, "key")
            for name in ("secret", "client_secret", "AWS_SECRET_ACCESS_KEY", "apiKey", "API_KEY", "apikey")
        ),
        *(
            (name, "key")
            for name in ("authToken", "token", "X-Auth-Token", "access_key_id", "encryptionKey", "_auth")
        ),
        *(
            (name, None)
            for name in ("monkey", "keyboard", "keyPress", "tokenizer", "tokens", "public_key", "key")
        ),
        *(
            (name, None)
            for name in ("primary_key", "sort-key", "cacheKey", "compass", "bypass", "class", "author")
        ),
        *(
            (name, None)
            for name in ("password_field", "tokenType", "secretName", "passwordHash", "api_key_url")
        ),
        *(
            (name, None)
            for name in (
                "next_token",
                "csrf_token",
                "hashed_password",
                "num_tokens",
                "first_pass",
                "apiVersion",
            )
        ),
    ],
)
def test_kind_of_name(name: str, kind: str | None) -> None:
    assert assignments.kind_of_name(name.encode()) == kind


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
        f'api_key == "{KEY}"',
        f'api_key != "{KEY}"',
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
        f"return api_key = {KEY}\n",
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
        f"<apiKey>{KEY}</other>",
        "?api_key=abc&y=1",
    ],
)
def test_what_is_no_secret(text: str) -> None:
    assert found(text) == []


def test_a_uuid_is_a_fact_below_the_default_threshold() -> None:
    hits = patterns.find(pa.array([f'api_key = "{UUID}"'.encode()], pa.binary()))
    assert [(hit.rule, hit.score) for _, hit in hits] == [("assignment-uuid", 0.4)]
