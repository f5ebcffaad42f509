"""The tests with other Pythons and other versions: `python -m tests.pythons all oldest`.

all: every Python of this machine that the package takes; oldest: the oldest versions of what the
package needs, with the oldest Python; 3.12: that one. Each has a checkout of what is committed in
build/pythons, with a virtual environment of its own.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACE = ROOT / "build" / "pythons"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Its version, if it can build the package: it takes the tools and the headers.
ASK = """
import ensurepip, os, sys, sysconfig, venv
assert os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
print("%d.%d" % sys.version_info[:2])
"""
# What tests look for beside the checkout, by the variable that says where else it is.
BESIDE = {"BITMART_BOOK_DATA": "data", "BITMART_BOOK_FRAMES": "protocol/frames"}


def say(text):
    print(text, flush=True)


def minor(version):
    return int(version.partition(".")[2])


def candidates():
    """Commands that may be a Python: those on the path come first."""
    yield sys.executable
    for number in range(11, 20):
        found = shutil.which(f"python3.{number}")
        if found is not None:
            yield found
    yield from sorted(map(str, Path.home().glob(".pyenv/versions/3.*/bin/python")))


def found_pythons():
    """Version to command."""
    oldest = minor(re.fullmatch(r">=(3\.\d+)", PROJECT["requires-python"])[1])
    pythons = {}
    for command in candidates():
        asked = subprocess.run([command, "-c", ASK], capture_output=True, text=True)
        version = asked.stdout.strip()
        if asked.returncode == 0 and minor(version) >= oldest:
            pythons.setdefault(version, command)
    return dict(sorted(pythons.items(), key=lambda item: minor(item[0])))


def oldest_versions():
    """The lowest version of each dependency that is allowed, as pip writes it."""
    for requirement in PROJECT["dependencies"]:
        name, version = re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement).groups()
        yield f"{name}=={version}"


def check_out(checkout):
    """What is committed, with what was built there before."""
    if not checkout.exists():
        subprocess.run(["git", "clone", "--quiet", ROOT, checkout], check=True)
    subprocess.run(["git", "fetch", "--quiet", "origin", "HEAD"], cwd=checkout, check=True)
    subprocess.run(["git", "reset", "--quiet", "--hard", "FETCH_HEAD"], cwd=checkout, check=True)


def set_up(checkout, command, versions):
    """The virtual environment of a checkout, with the package built; returns its Python."""
    python = checkout / ".venv" / "bin" / "python"
    wanted = (checkout / "pyproject.toml").read_text() + command + " ".join(versions)
    stamp, digest = checkout / ".venv" / ".set-up", hashlib.sha256(wanted.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        subprocess.run([command, "-m", "venv", "--clear", checkout / ".venv"], check=True)
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)
        install = [*pip, "--editable", ".", "--group", "test", *versions]
        subprocess.run(install, cwd=checkout, check=True)
        stamp.write_text(digest)
    build = [python, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(build, cwd=checkout, check=True)
    return python


def passes(name, command, versions, arguments):
    """Run the tests in a checkout of that name."""
    checkout = PLACE / name
    say(f"--- {name}: {command} {' '.join(versions)}")
    check_out(checkout)
    python = set_up(checkout, command, versions)
    environment = dict(os.environ)
    for variable, folder in BESIDE.items():
        environment.setdefault(variable, str(ROOT.parent / "shared" / folder))
    options = ["-q", "-p", "no:cacheprovider", "-n", str(os.cpu_count()), "--dist", "worksteal"]
    run = [python, "-m", "pytest", *options, *arguments]
    return subprocess.run(run, cwd=checkout, env=environment).returncode == 0


def chosen(words):
    """(name, command, versions) for each of the words."""
    pythons = found_pythons()
    for word in words:
        if word == "oldest":
            yield word, next(iter(pythons.values())), tuple(oldest_versions())
        elif word == "all":
            yield from ((version, command, ()) for version, command in pythons.items())
        elif word in pythons:
            yield word, pythons[word], ()
        else:
            sys.exit(f"no Python {word} that can build the package; there is: {', '.join(pythons)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", nargs="+", metavar="all|oldest|3.12")
    parser.add_argument("--pytest", default="", metavar="ARGUMENTS", help="more for pytest")
    options = parser.parse_args()
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD"], cwd=ROOT).returncode
    if changed:
        say("uncommitted changes are not in it")
    results = {
        name: passes(name, command, versions, options.pytest.split())
        for name, command, versions in chosen(options.which)
    }
    for name, passed in results.items():
        say(f"{'ok    ' if passed else 'FAILED'} {name}")
    sys.exit(not all(results.values()))


if __name__ == "__main__":
    main()
