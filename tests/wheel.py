"""The wheel and the source distribution, as users get them: `make wheel`.

Builds both of what is committed, looks at what is in them, installs the wheel into an empty
environment where no compiler is to be found, and lets what was installed be looked at there
(`tests/installed.py`), by mypy and by pyright too.
"""

import argparse
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACE = ROOT / "build" / "wheel"
LARGEST = 1_000_000
IMPORT_WITHIN = "0.12"
# A user's program, all of whose types are said.
PROGRAM = ROOT / "tests" / "typing" / "faces.py"


def run(*command, **options):
    command = [str(word) for word in command]
    if subprocess.run(command, **options).returncode:
        sys.exit(f"failed: {' '.join(command)}")


def build():
    """The source distribution of what is committed, and the wheel that is built of it."""
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    checkout = PLACE / "checkout"
    run("git", "clone", "--quiet", ROOT, checkout)
    run(sys.executable, "-m", "build", "--outdir", PLACE, checkout, stdout=subprocess.DEVNULL)
    (archive,), (wheel,) = PLACE.glob("*.tar.gz"), PLACE.glob("*.whl")
    return archive, wheel


def look_into(archive, wheel):
    """At what is in them, with the tools of the package index."""
    size = wheel.stat().st_size
    print(f"wheel          {size / 1e6:.2f} MB, {wheel.name}")
    print(f"source         {archive.stat().st_size / 1e6:.2f} MB, {archive.name}")
    if size > LARGEST:
        sys.exit(f"a wheel of more than {LARGEST / 1e6:g} MB")
    names = zipfile.ZipFile(wheel).namelist()
    outside = [n for n in names if not n.startswith(("bitmart_book/", "bitmart_book-"))]
    if outside or "bitmart_book/py.typed" not in names:
        sys.exit(f"not as it should be: {outside or 'no py.typed'}")
    run(sys.executable, "-m", "twine", "check", "--strict", archive, wheel)
    run(sys.executable, "-m", "check_wheel_contents", wheel)


def install(wheel):
    """Its Python, of an environment that has nothing else, and a path without any compiler."""
    folder = PLACE / "environment"
    venv.create(folder, with_pip=True)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    environment = {k: v for k, v in os.environ.items() if k not in ("CC", "PYTHONPATH")}
    environment["PATH"] = str(scripts)
    python = scripts / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run(*pip, "--only-binary", ":all:", wheel, env=environment)
    return python, environment


def check_types(python):
    """The user's program, against what was installed and nothing else."""
    folder = PLACE / "types"
    folder.mkdir()
    shutil.copy(PROGRAM, folder / "program.py")
    environment = {k: v for k, v in os.environ.items() if k not in ("MYPYPATH", "PYTHONPATH")}
    words = ["--strict", "--python-executable", python, "program.py"]
    run(sys.executable, "-m", "mypy", *words, cwd=folder, env=environment)
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    words = ["--pythonpath", python, "program.py"]
    run(sys.executable, "-m", "basedpyright", *words, cwd=folder, env=environment)


def main():
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    if subprocess.run(["git", "diff", "--quiet", "HEAD"], cwd=ROOT).returncode:
        print("uncommitted changes are not in it", flush=True)
    archive, wheel = build()
    look_into(archive, wheel)
    python, environment = install(wheel)
    words = [ROOT / "README.md", "--import-within", IMPORT_WITHIN]
    run(python, ROOT / "tests" / "installed.py", *words, env=environment)
    check_types(python)


if __name__ == "__main__":
    main()
