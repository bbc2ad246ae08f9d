"""Rules for names of accounts: home folders, comments of public SSH keys, and tasks that name who is to do them.

Accounts of services and the stand-ins of manuals are nobody's. A home page that a comment cites was published by
its owner, and the owner of a task is meant to be read: their scores are below the default threshold.
"""

from __future__ import annotations

import re

from gristmill.annotate.findings.rule import USERNAME, Hit, Rule, literal
from gristmill.annotate.findings.thinning import spelled

_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_ACCOUNT = rb"(?P<name>[A-Za-z\x80-\xff][A-Za-z0-9_.\x80-\xff-]{0,31}+)"
_NOBODY = frozenset(
    b"""runner runneradmin ubuntu debian fedora centos alpine root user users usr username user-name user_name me you
    your yourname your-name your_name yourusername your_username myname myuser my-user vagrant jenkins circleci travis
    node app apps application builder build git svn shared public default guest admin administrator test tests tester
    testuser test-user test_user someone somebody someuser some-user nobody anonymous anyone docker pi ec2-user
    opc azureuser cloud-user core deploy deployer www www-data web webapp http nginx apache ftp mysql postgres redis
    oracle hadoop spark airflow jovyan jupyter conda gitpod codespace vscode coder cloudsdk dev developer devel ci cd
    buildbot buildkite appveyor vsts gitlab-runner github actions action agent worker worker1 service services server
    project projects repo repos src source code work workspace bin lib etc opt var tmp temp data foo bar baz qux foobar
    example name path dir directory folder home file files desktop documents downloads library config local cache logs
    log site sites static index index.html page pages main about contact login logout dashboard settings profile blog
    john jane doe johndoe janedoe john.doe jdoe alice bob carol eve joe jack fred whoever xxx abc user1 user2 user3
    linuxbrew homebrew nix nixos gentoo manylinux wheel python py rust cargo go java all people person account accounts
    owner member you-know-who blah something anything whatever myhome homedir current_user currentuser myusername
    username1 usern user_home system appdata documents sandbox kbuilder builds hostedtoolcache simple api img images
    assets js css components component views view controllers controller media hello html my mysite team ml-team team-ml future compiler windows
    linux macos typing musl follow-up followup follow_up refactor infer cleanup perf security upstream everyone to groups group celery staging production dist ray sweet hello distutils""".split()
)
_PUBLISHED, _TASK_OWNER = 0.45, 0.35
_NOBODY_WORDS = re.compile(
    rb"user|your|name|test|example|home|dummy|fake|foo|bar|project|site|server|django|images|\.(?:com|org|net)\Z",
    re.IGNORECASE,
)


def _account(match: re.Match[bytes] | None, score: float, rule: str) -> Hit | None:
    """The finding for the group ``name`` of a match, unless the account is nobody's."""
    if match is None:
        return None
    value = match["name"].rstrip(b".-_")
    folded = value.lower()
    if len(value) < 2 or folded in _NOBODY or folded.rstrip(b"0123456789") in _NOBODY:
        return None
    if _NOBODY_WORDS.search(folded):
        return None
    start = match.start("name")
    return Hit(start, start + len(value), USERNAME, score, rule)


_HOME = re.compile(rb"/(?:home|Users)/" + _ACCOUNT + rb"(?P<end>/|(?![\w$%{<(*]))")
_WINDOWS = re.compile(
    rb"(?P<bar>\\{1,4}|/)Users(?P=bar)" + _ACCOUNT + rb"(?P<end>\\|/|(?![\w$%{<(*]))", re.IGNORECASE
)
_DRIVE = re.compile(rb"[A-Za-z]:\\{0,3}\Z")
_OTHER_PATH = re.compile(rb"[\w.\-})\]>*]\Z")
_TILDE = re.compile(rb"~" + _ACCOUNT + rb"/")


def _find_home(text: bytes, at: int) -> Hit | None:
    match = _HOME.match(text, at)
    if match is None:
        return None
    before = text[max(0, at - 7) : at]
    if before.endswith(b"/"):
        if not before.endswith((b"file://", b"vfs://", b"ile:/")):
            return None
    elif _OTHER_PATH.search(before) and not before.endswith(b"/export"):
        # The end of a flag or an environment variable's name may touch a path; a route's host may not.
        return None
    # A route of a web site ends with its second part; a path of a file goes on.
    return _account(match, 0.7 if match["end"] else 0.4, "home-folder")


def _find_windows(text: bytes, at: int) -> Hit | None:
    while at > 0 and text[at - 1 : at] == b"\\" and text[at : at + 1] == b"\\":
        at -= 1
    match = _WINDOWS.match(text, at)
    if match is None or _DRIVE.search(text, max(0, at - 5), at) is None:
        return None
    return _account(match, 0.7 if match["end"] else 0.6, "home-folder")


def _find_tilde(text: bytes, at: int) -> Hit | None:
    sign = at + 1
    return _account(_TILDE.match(text, sign), _PUBLISHED, "home-tilde")


_KEY_COMMENT = re.compile(
    rb"(?:sh-(?:rsa|dss|ed25519)|2-nistp(?:256|384|521)|sh-ed25519@openssh\.com)[ \t]{1,4}"
    rb"AAAA[A-Za-z0-9+/]{30,3000}+={0,3}[ \t]{1,4}(?P<name>[A-Za-z][\w.+-]{1,40}@[A-Za-z][\w.-]{1,60}\w|[A-Za-z][\w.-]{2,40}\w)(?=[\s\"'<\\]|\Z)"
)
_TASK = re.compile(rb"(?:TODO|FIXME|XXX|HACK)\((?P<name>@?[a-z][a-z0-9_-]{2,20})\)")
_NO_TASK = re.compile(
    rb"(?:gh|bug|issue|crbug|pr|v|py|perf|opt|doc|next|soon|later|api|jira|fix|rfc)[-_]?\d*\Z|.*-\d+\Z"
)


def _find_key_comment(text: bytes, at: int) -> Hit | None:
    match = _KEY_COMMENT.match(text, at)
    if match is None:
        return None
    name, _, host = match["name"].partition(b"@")
    if name.lower() in _NOBODY or host.lower() in (b"example.com", b"example.org", b"example.net"):
        return None
    return Hit(match.start("name"), match.end("name"), USERNAME, 0.8 if host else 0.6, "ssh-key-comment")


def _find_task(text: bytes, at: int) -> Hit | None:
    match = _TASK.match(text, max(0, at - 1))
    if match is None or _NO_TASK.match(match["name"]):
        return None
    return _account(match, _TASK_OWNER, "task-owner")


RULES = (
    Rule((literal(b"/ho"), literal(b"/us")), _find_home, spelled([(0, b"/home/"), (0, b"/users/")])),
    Rule((literal(b"\\us"), literal(b"/us")), _find_windows, spelled([(0, b"\\users"), (0, b"/users/")])),
    Rule(((b"/ \t'\"=:", b"~", _LETTERS),), _find_tilde),
    Rule((literal(b"sh-"), literal(b"2-n")), _find_key_comment, spelled([(-1, b"ssh-"), (0, b"2-nistp")])),
    Rule((literal(b"odo"), literal(b"ixm")), _find_task, spelled([(-1, b"todo("), (-1, b"fixme(")])),
)
