"""The demo: packages from the index and this project's history through the whole mill.

Run it with ``make demo`` (about three minutes on two cores) or ``make demo-short``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from gristmill.collect.reader import Context, Limits
from gristmill.collect.sources import READERS, parse_source
from gristmill.errors import GristmillError

HERE = Path(__file__).resolve().parent
WORKSPACE = HERE.parent / "demo-workspace"


def main() -> int:
    """Run the demo and show what to try next."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer packages")
    short = parser.parse_args().short
    recipe = HERE / ("short.toml" if short else "recipe.toml")
    if not index_answers():
        print(
            "no package index within reach: the demo uses this project and the Python of this machine instead"
        )
        folders = [sysconfig.get_path("stdlib") + "/json", sysconfig.get_path("stdlib") + "/email"]
        folders.append(sysconfig.get_path("stdlib") + "/asyncio")
        (HERE / "python-folders.txt").write_text("\n".join(folders) + "\n")
        recipe = HERE / "offline.toml"
    started = time.perf_counter()
    say(f"gristmill build {recipe.relative_to(HERE.parent)} -w {WORKSPACE.name}")
    run("build", str(recipe), "-w", str(WORKSPACE), "--replace")
    print(f"\nbuilt in {time.perf_counter() - started:.0f} s")
    subject = a_near_duplicate() or a_dropped_file()
    if subject:
        say(f"gristmill explain {subject} -w {WORKSPACE.name} --limit 1")
        run("explain", subject, "-w", str(WORKSPACE), "--limit", "1")
    query = (
        "SELECT origin_kind, language, count(*) AS files, round(avg(num_lines)) AS mean_lines "
        "FROM files GROUP BY ALL ORDER BY files DESC LIMIT 8"
    )
    say(f'gristmill query "{query}" -w {WORKSPACE.name}')
    run("query", query, "-w", str(WORKSPACE))
    labels = (
        "SELECT path, label, score FROM labels JOIN files USING (content_id) WHERE set = 'topic' "
        "QUALIFY row_number() OVER (PARTITION BY content_id ORDER BY score DESC, path) = 1 "
        "ORDER BY score DESC, path LIMIT 8"
    )
    if "labels" in recipe.read_text("utf-8"):
        say(f'gristmill query "{labels}" -w {WORKSPACE.name}')
        run("query", labels, "-w", str(WORKSPACE))
    text = "The new driver crashes when the laptop wakes up"
    asked = "bug report,feature request,question"
    say(f'gristmill classify "{text}" --labels "{asked}"')
    run("classify", text, "--labels", asked)
    release = WORKSPACE / "releases" / json.loads((WORKSPACE / "runs" / "last.json").read_text())["release"]
    shown = release.relative_to(HERE.parent)
    say(f"gristmill verify {shown}")
    run("verify", str(release))
    print(
        f"""
next:
  gristmill explain click -w {WORKSPACE.name}             why files of a repository are in or out
  gristmill query "SELECT reason, count(*) FROM stubs GROUP BY ALL" -w {WORKSPACE.name}
  python -c "from datasets import load_dataset; print(next(iter(load_dataset('{shown}', split='train', streaming=True))))"
  gristmill init my-recipe.toml                    a commented recipe to start your own
  (the commands are in .venv/bin; run the build again to see that nothing is done twice)"""
    )
    return 0


def index_answers() -> bool:
    """Whether one small package can be resolved at the index that this machine is set up for."""
    reader = READERS["pypi"]
    (WORKSPACE.parent / WORKSPACE.name).mkdir(exist_ok=True) if WORKSPACE.exists() else None
    cache = WORKSPACE / "cache" if WORKSPACE.exists() else HERE.parent / ".demo-cache"
    try:
        reader.resolve(parse_source("pypi:markupsafe==2.1.5", HERE), Context(cache, Limits(), None))
        return True
    except (GristmillError, OSError):
        return False


def a_near_duplicate() -> str | None:
    """The content of one file that was left out as a near duplicate."""
    return ask(
        "SELECT content_id FROM verdicts WHERE reason = 'near_duplicate' ORDER BY similarity, content_id LIMIT 1"
    )


def a_dropped_file() -> str | None:
    """The content of one file that was left out."""
    return ask("SELECT content_id FROM verdicts WHERE NOT kept ORDER BY content_id LIMIT 1")


def ask(query: str) -> str | None:
    """The first value of a query's answer."""
    command = [sys.executable, "-m", "gristmill", "query", query, "-w", str(WORKSPACE), "--format", "json"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return f"swh:1:cnt:{json.loads(lines[0])['content_id']}" if lines else None


def run(*arguments: str) -> None:
    """Run the command line as a user would."""
    subprocess.run([sys.executable, "-m", "gristmill", *arguments], check=True)


def say(command: str) -> None:
    """Show the command that comes next."""
    print(f"\n$ {command}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
