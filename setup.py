"""Builds fastpath/, the only compiled package.  FILTERD_BUILD = release | checked | asan | none.

release   what is shipped
checked   Cython checks every index, the C library its buffers
asan      the same under AddressSanitizer and UndefinedBehaviorSanitizer; run it with libasan preloaded (`make checked`)
none      nothing is compiled: the Makefile's editable install, which compiles in a step of its own

Invariant: C files lie under build/, one directory a flavour, so that no flavour is built from another one's C.
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SANITIZERS = ["-fsanitize=address,undefined"]
CHECKS = ["-O1", "-g", "-fno-omit-frame-pointer", "-U_FORTIFY_SOURCE"]
FLAVOURS: dict[str, tuple[list[str], list[str]]] = {
    "release": (["-O3", "-fno-strict-aliasing"], []),
    "checked": ([*CHECKS, "-D_FORTIFY_SOURCE=2", "-fno-strict-aliasing"], []),
    "asan": ([*CHECKS, "-fno-strict-aliasing", *SANITIZERS], SANITIZERS),
}
# AES and SHA-256 of OpenSSL, whose low-level names are deprecated: quic_initial says why it uses them all the same.
CRYPTO = {"fastpath.wire.quic_initial", "fastpath.wire.ja4"}
PARALLEL = min(2, os.cpu_count() or 1)  # one C compiler takes up to 500 MB here


def extensions(modules: list[str] | None = None) -> list[Extension]:
    """The extension modules of fastpath/, or only those named, in the flavour of FILTERD_BUILD."""
    flavour = os.environ.get("FILTERD_BUILD", "release")
    if flavour == "none":
        return []
    compile_args, link_args = FLAVOURS[flavour]
    names = modules or sorted(".".join(path.with_suffix("").parts) for path in Path("fastpath").rglob("*.pyx"))
    found = [
        Extension(
            name,
            [name.replace(".", "/") + ".pyx"],
            libraries=["crypto"] if name in CRYPTO else [],
            define_macros=[("OPENSSL_SUPPRESS_DEPRECATED", None)] if name in CRYPTO else [],
            extra_compile_args=compile_args,
            extra_link_args=link_args,
        )
        for name in names
    ]
    built: list[Extension] = cythonize(
        found,
        build_dir=f"build/c-{flavour}",
        nthreads=PARALLEL,
        compiler_directives={
            "language_level": 3,
            "boundscheck": flavour != "release",
            "cdivision": True,
            "embedsignature": True,
            "autotestdict": False,
            "auto_pickle": False,
        },
    )
    return built


if __name__ == "__main__":
    setup(ext_modules=extensions(), options={"build_ext": {"parallel": PARALLEL}})
