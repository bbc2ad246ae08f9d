"""Made-up secrets, put together when they are asked for, so that no file holds one."""

from __future__ import annotations

import random
import string

from gristmill.annotate.findings.sensitivity import THRESHOLDS
from gristmill.secrets.detect import SECRETS, Wanted

WANTED = Wanted(dict.fromkeys(SECRETS, THRESHOLDS["medium"]))


def token(seed: int) -> str:
    """What looks like an access token of GitLab."""
    letters = string.ascii_letters + string.digits
    return "gl" + "pat-" + "".join(random.Random(seed).choices(letters, k=20))


def password(seed: int) -> str:
    """A password such as a person might choose."""
    draw = random.Random(seed)
    return "".join(draw.choices(string.ascii_letters, k=7)) + "!" + "".join(draw.choices(string.digits, k=4))
