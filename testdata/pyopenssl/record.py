"""Record the public names of pyOpenSSL, for TestPorting to hold the guide to.

    python record.py                          those of the installed release
    python record.py REMOVED WHEEL... NEWEST  those that a release has removed
    python record.py TESTS SDIST              those of the tests in a release's source

A name is public if its module lists it in __all__ or binds it itself, without
an underscore in front; what a module only imports is not its own. Members of
classes are those that the class itself binds. The wheels are releases in order
of age, unpacked by nobody: their source is read, not run.
"""

import ast
import importlib
import json
import pathlib
import re
import sys
import tarfile
import types
import warnings
import zipfile

MODULES = ("crypto", "SSL", "rand", "tsafe", "version")

# For type checkers, or a helper that stands in a module by accident.
NOBODYS = {"F", "PassphraseCallableT", "StrOrBytesPath", "deprecated"}


def bound(body):
    """The names that statements bind, and the statement for each."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name, node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                parts = target.elts if isinstance(target, ast.Tuple) else [target]
                yield from ((part.id, node) for part in parts if isinstance(part, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node
        elif isinstance(node, (ast.If, ast.Try)):
            yield from bound(node.body + node.orelse)


def listed(tree):
    """What __all__ lists, wherever the module adds to it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "__all__" for t in node.targets):
            yield from ast.literal_eval(node.value)


def public(name):
    return not name.startswith("_") and name not in NOBODYS


def of_source(module, source):
    """The names of a module by its source alone."""
    tree = ast.parse(source)
    names = set(listed(tree))
    members = set()
    for name, node in bound(tree.body):
        if public(name):
            names.add(name)
        if public(name) and isinstance(node, ast.ClassDef):
            members |= {f"{name}.{member}" for member, _ in bound(node.body) if public(member)}
    return {f"{module}.{name}" for name in names | members}


def of_wheel(path):
    with zipfile.ZipFile(path) as wheel:
        files = {f"OpenSSL/{module}.py": module for module in MODULES}
        return set().union(*(of_source(files[f], wheel.read(f)) for f in wheel.namelist() if f in files))


def of_module(name):
    """The names of a module that is installed: dir(), without what is imported."""
    module = importlib.import_module(f"OpenSSL.{name}")
    own = set(getattr(module, "__all__", ())) | {n for n, _ in bound(ast.parse(pathlib.Path(module.__file__).read_text()).body) if public(n)}
    for attribute in dir(module):
        value = getattr(module, attribute)
        if attribute not in own or isinstance(value, types.ModuleType):
            continue
        yield f"{name}.{attribute}"
        if isinstance(value, type) and value.__module__ == module.__name__:
            yield from (f"{name}.{attribute}.{member}" for member in vars(value) if public(member))


def installed():
    import OpenSSL

    names = {name for module in MODULES if module != "tsafe" for name in of_module(module)}
    return {"version": OpenSSL.__version__, "names": sorted(names)}


def removed(wheels):
    gone = {}
    releases = [(re.search(r"-([\d.]+)-py", wheel).group(1), of_wheel(wheel)) for wheel in wheels]
    newest = set(installed()["names"])
    for (_, before), (release, after) in zip(releases, releases[1:]):
        gone |= {name: release for name in before - after}
    return dict(sorted((name, release) for name, release in gone.items() if name not in newest))


def tests(sdist):
    """The names of a release's tests, as module.Class.test: no line of theirs."""
    names = []
    with tarfile.open(sdist) as source:
        for member in source:
            found = re.search(r"/tests/(test_\w+)\.py$", member.name)
            if found:
                names += of_tests(found.group(1), ast.parse(source.extractfile(member).read()).body)
    return {"version": re.search(r"-([\d.]+)\.tar", sdist).group(1), "names": sorted(names)}


def of_tests(owner, body):
    for name, node in bound(body):
        if isinstance(node, ast.ClassDef):
            yield from of_tests(f"{owner}.{name}", node.body)
        elif isinstance(node, ast.FunctionDef) and name.startswith("test_"):
            yield f"{owner}.{name}"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    what, *files = sys.argv[1:] or [""]
    record = tests(*files) if what == "TESTS" else removed(files) if what == "REMOVED" else installed()
    print(json.dumps(record, indent=1))
