"""Builds fastpath/, the only compiled package.  FILTERD_BUILD = release | checked | asan | none.

release   what is shipped: optimised, hardened, without debugging information
tested    the same with all modules, for the tests: `make compilers`
checked   Cython checks every index, the C library its buffers
asan      the same under AddressSanitizer and UndefinedBehaviorSanitizer; run it with libasan preloaded (`make checked`)
none      nothing is compiled: the Makefile's editable install, which compiles in a step of its own

Invariant: C files lie under build/, one directory a flavour, so that no flavour is built from another one's C.
Invariant: a wheel is a release without BUILT_IN_PLACE; every other build has all modules.
"""

import os
import platform
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

BUILT_IN_PLACE = ("fastpath.bench.", "fastpath.testing.")  # measurements and test doubles
# These follow the flags that Python itself was built with (-g -O2), and win.
HARDENED = ["-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3"]
if platform.machine() == "x86_64":
    HARDENED.append("-fcf-protection")
BOUND = ["-Wl,-z,relro", "-Wl,-z,now"]
# What a compiler doubts is an error in a checkout, where we see it. It stays a warning where someone builds the sdist
# with a compiler that we have never tried.
WARNINGS = ["-Wall", "-Wextra", "-Wsign-compare", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined"]
CHECKS = ["-O1", "-g", "-fno-omit-frame-pointer", "-U_FORTIFY_SOURCE"]
RELEASE = (["-O3", "-g0", "-fno-strict-aliasing", *HARDENED], BOUND)
FLAVOURS: dict[str, tuple[list[str], list[str]]] = {
    "release": RELEASE,
    "tested": RELEASE,
    "checked": ([*CHECKS, "-D_FORTIFY_SOURCE=2", "-fno-strict-aliasing"], []),
    "asan": ([*CHECKS, "-fno-strict-aliasing", *SANITIZERS], SANITIZERS),
}
# AES and SHA-256 of OpenSSL, whose low-level names are deprecated: quic_initial says why they are used all the same.
CRYPTO = {f"fastpath.{name}" for name in ("wire.quic_initial", "wire.ja4", "report.ledger_rows", "report.record_tree")}
PARALLEL = min(2, os.cpu_count() or 1)  # one C compiler takes up to 500 MB here
FLAVOUR = os.environ.get("FILTERD_BUILD", "release")
IS_OURS = FLAVOUR != "release" or "--inplace" in sys.argv


class BuildExtensions(build_ext):
    """Leaves out of a wheel what only measures or tests."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if FLAVOUR == "release" and not self.inplace:
            self.extensions = [each for each in self.extensions if not each.name.startswith(BUILT_IN_PLACE)]


def extensions() -> list[Extension]:
    """The extension modules of fastpath/ in the flavour of FILTERD_BUILD."""
    if FLAVOUR == "none":
        return []
    compile_args, link_args = FLAVOURS[FLAVOUR]
    names = sorted(".".join(path.with_suffix("").parts) for path in Path("fastpath").rglob("*.pyx"))
    found = [
        Extension(
            name,
            [name.replace(".", "/") + ".pyx"],
            depends=["setup.py"],  # other flags make other modules
            libraries=["crypto"] if name in CRYPTO else [],
            define_macros=[("OPENSSL_SUPPRESS_DEPRECATED", None)] if name in CRYPTO else [],
            extra_compile_args=[*compile_args, *WARNINGS] if IS_OURS else compile_args,
            extra_link_args=link_args,
        )
        for name in names
    ]
    built: list[Extension] = cythonize(
        found,
        build_dir=f"build/c-{FLAVOUR}",
        nthreads=PARALLEL,
        compiler_directives={
            "language_level": 3,
            "boundscheck": FLAVOUR != "release",
            "cdivision": True,
            "embedsignature": True,
            "autotestdict": False,
            "auto_pickle": False,
        },
    )
    return built


if __name__ == "__main__":
    setup(
        ext_modules=extensions(),
        cmdclass={"build_ext": BuildExtensions},
        options={"build_ext": {"parallel": PARALLEL}},
    )
