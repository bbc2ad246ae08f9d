"""Made-up secrets and places where people write them: what ``train_secret_model.py`` trains on beside real source.

Everything is drawn by a seed from forms written for this project; no value was ever anybody's.
"""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Sequence

NAMES = (
    "password", "db_password", "dbPassword", "DB_PASSWORD", "passwd", "pwd", "user_pass", "smtp_pass", "MYSQL_ROOT_PASSWORD",
    "redis.password", "passphrase", "pw", "PW", "admin-password", "sshPassword", "adminPwd",
)  # fmt: skip
KEY_NAMES = (
    "api_key", "apiKey", "API_KEY", "APIKEY", "secret", "client_secret", "clientSecret", "token", "access_token", "accessToken",
    "auth_token", "AUTH_TOKEN", "aws_secret_access_key", "private_key", "secret_key", "SECRET_KEY", "signing_key",
    "encryptionKey", "webhook_secret", "jwt_secret", "session_secret", "service.token", "airflow_token", "x-api-key",
    "refreshToken", "acme_api_token", "mapsKey", "consumer_secret", "bot_token", "deploy-key", "credentials", "auth", "key",
)  # fmt: skip
# {n} is the name, {s} the value.
FORMS = (
    '{n} = "{s}"', "{n} = '{s}'", "{n}={s}", "export {n}={s}", '{n}: "{s}",', '"{n}": "{s}",', "'{n}': '{s}'", "{n}: {s}",
    "- name: {n}\n  value: {s}", 'const {n} = "{s}";', "let {n} = `{s}`;", 'private static final String {n} = "{s}";',
    'var {n} string = "{s}"', '{n} := "{s}"', '$this->{n} = "{s}";', "define('{n}', '{s}');", "<{n}>{s}</{n}>",
    '<add key="{n}" value="{s}" />', '<property name="{n}" value="{s}"/>', 'os.environ["{n}"] = "{s}"', "--{n} {s}", "--{n}={s}",
    'System.setProperty("{n}", "{s}");', 'https://api.host.io/v1?{n}={s}&page=2', "{n} ?= {s}", '"{n}" => "{s}",', "# {n}: {s}",
    "The {n} is {s} for staging.", 'if ({n} == "{s}") {{', 'os.getenv("{n}", "{s}")', "ENV {n} {s}", '{{"config": "{n}={s}\\nX=1"}}',
    "login: master, {n}: {s}", "master / {n}: {s}", "id:master {n}:{s}", "({n}: {s})", "Server=db1;User Id=sa;{n}={s};Timeout=3",
    '"name": "{n}",\n  "value": "{s}"', 'connect(host, user, {n}="{s}")', "{n} {s}", 'set_{n}("{s}")', "{n}:{s}", "{n}[0] = \"{s}\"",
    'static char {n}[] = "{s}";', "user:master\n{n}:{s}", "mysql -u root --{n}={s} shop", "{n}= '{s}' -- set by hand", "* {n} = {s}",
)  # fmt: skip
# What people write where a secret will be.
STANDING_IN = (
    "your-api-key", "YOUR_TOKEN_HERE", "changeme", "change-me", "<token>", "<your password>", "${TOKEN}", "$PASSWORD",
    "{{ secret }}", "%(password)s", "xxxxxxxx", "XXXX-XXXX-XXXX", "********", "....", "password", "secret", "example", "test1234",
    "dummy-token", "fake_secret", "null", "undefined", "none", "required", "optional", "string", "process.env.TOKEN",
    "os.environ['KEY']", "config.get('secret')", "vault:secret/data/app#key", "arn:aws:secretsmanager:eu:1:secret:x",
    "/run/secrets/db_password", "./keys/private.pem", "file:///etc/token", "https://login.host.io/oauth/token", "request.token",
    "self.password", "user.getPassword()", "getToken()", "TokenType.IDENTIFIER", "application/json", "authorization_code",
    "access_token", "refresh_token", "client_credentials", "Enter your password", "Password is required", "must not be empty",
    "abcdefghijklmnop", "0123456789abcdef", "1234567890", "12345678", "foobar", "foo", "my-secret-name", "my_token", "hidden",
    "sha256-digest", "aes-256-cbc", "HS256", "bearer", "Basic", "keyword", "primary", "true", "false", "redacted", "insert-key-here",
    "replace_me", "TODO", "not-a-real-key", "sample-password", "00000000-0000-0000-0000-000000000000", "aaaaaaaaaaaaaaaaaaaa",
)  # fmt: skip


def secret(dice: random.Random) -> str:
    """A value as a machine issues it."""
    letters, digits = string.ascii_letters, string.digits
    kind = dice.randrange(10)
    if kind == 0:
        return _of("0123456789abcdef", dice.choice((20, 24, 32, 32, 40, 48, 64, 64)), dice)
    if kind == 1:
        return _of(letters + digits + "+/", dice.choice((22, 27, 40, 43, 64, 86)), dice) + dice.choice(
            ("", "=", "==")
        )
    if kind == 2:
        return _of(string.ascii_lowercase + digits, dice.randint(12, 40), dice)
    if kind == 3:
        return _of(string.ascii_uppercase + digits, dice.randint(16, 40), dice)
    if kind == 4:
        prefix = _of(string.ascii_lowercase, dice.randint(2, 5), dice) + dice.choice("_-")
        return prefix + _of(letters + digits, dice.randint(16, 40), dice)
    if kind == 5:
        return str(uuid.UUID(int=dice.getrandbits(128), version=4))
    if kind == 6:
        return "-".join(_of(string.ascii_uppercase + digits, 5, dice) for _ in range(dice.randint(3, 6)))
    if kind == 7:
        return _of(letters + digits + "-_", dice.randint(20, 86), dice)
    return _of(letters + digits, dice.randint(10, 64), dice)


def password(words: Sequence[str], dice: random.Random) -> str:
    """A value as a person chooses it."""
    kind = dice.randrange(6)
    sign = dice.choice("!@#$%&*.?-_+")
    if kind == 0:
        return dice.choice(words).capitalize() + str(dice.randint(1, 2029)) + dice.choice(("", sign))
    if kind == 1:
        return (
            dice.choice(words)
            + dice.choice("-_.")
            + dice.choice(words).capitalize()
            + str(dice.randint(1, 99))
        )
    if kind == 2:
        swapped = dice.choice(words).translate(
            str.maketrans("aeios", dice.choice(("43105", "@3!0$", "4e1os")))
        )
        return swapped.capitalize() + dice.choice(("", sign)) + str(dice.randint(0, 999))
    if kind == 3:
        return _of(string.ascii_letters + string.digits + "!@#$%^&*-_+=?.", dice.randint(8, 24), dice)
    if kind == 4:
        return _of(string.ascii_letters + string.digits, dice.randint(8, 16), dice)
    half = dice.choice(words)[: dice.randint(3, 5)]
    return (
        half
        + _of(string.ascii_letters, dice.randint(2, 4), dice)
        + str(dice.randint(0, 999))
        + dice.choice(("", sign))
    )


def stand_in(dice: random.Random) -> str:
    """What is written where a secret will be: words that say so, or the shape of a secret without its chance."""
    kind = dice.randrange(6)
    if kind > 2:
        return dice.choice(STANDING_IN)
    prefix = dice.choice(
        ("", "", "sk-", "pk_", "hf_", "api-", "key_", "v1.", _of(string.ascii_lowercase, 3, dice) + "_")
    )
    if kind == 0:
        return (
            prefix + dice.choice("xxxxXXX0019.*a-") * dice.randint(6, 48) + dice.choice(("", "", "=", "12"))
        )
    if kind == 1:
        run = dice.choice(
            (
                "abcdefghijklmnopqrstuvwxyz",
                "ABCDEFGHIJKLMNOP",
                "0123456789",
                "abcdef0123456789",
                "1234567890abcdef",
            )
        )
        return prefix + (run * 3)[: dice.randint(8, 40)]
    return (
        prefix
        + _of(string.ascii_letters + string.digits, dice.randint(3, 8), dice)
        + dice.choice(("...", "xxxxxxxxxxxxxxxx", "XXXXXXXX", "****"))
    )


def written(form: str, name: str, value: str) -> str:
    """A form with its name and value."""
    return (
        form.replace("{{", "\0")
        .replace("}}", "\1")
        .replace("{n}", name)
        .replace("{s}", value)
        .replace("\0", "{")
        .replace("\1", "}")
    )


def _of(alphabet: str, size: int, dice: random.Random) -> str:
    return "".join(dice.choices(alphabet, k=size))
