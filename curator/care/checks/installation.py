"""Python, packages and GPU: what holds for every project on this machine."""

import os
import platform
import re
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from integrations.findings import Finding, fail, ok, warn

DISTRIBUTION = "curator"
_NAMED = ("torch", "faiss-cpu", "label-studio-sdk", "modAL-python", "scikit-learn")  # shown when all is well
_DRIVER = Path("/proc/driver/nvidia/version")
_CPU_INFO = Path("/proc/cpuinfo")
_ARITHMETIC = ("numpy", "scipy", "scikit-learn", "torch", "numba", "faiss-cpu")
# What a person can set that changes the last bits.
_TOLD = (
    "OPENBLAS_CORETYPE",
    "NPY_DISABLE_CPU_FEATURES",
    "ATEN_CPU_CAPABILITY",
    "MKL_CBWR",
    "NUMBA_CPU_NAME",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)


def check_installation() -> list[Finding]:
    """Whether the versions here are those that this curator says it works with; nothing is loaded for it."""
    return [*check_python(), *check_packages()]


def check_libraries() -> list[Finding]:
    """Whether torch, faiss and numba start here, and on what they compute; loading them takes seconds."""
    return [check_gpu(), check_compiled(), check_arithmetic()]


def check_python() -> list[Finding]:
    """The version of Python against the package's own requirement."""
    version = platform.python_version()
    wanted = metadata.metadata(DISTRIBUTION)["Requires-Python"]
    if SpecifierSet(wanted).contains(version, prereleases=True):
        return [ok("python", version)]
    return [
        fail(
            "python",
            f"{version}, but {wanted} is needed",
            "Install curator into an environment of that Python.",
        )
    ]


def check_packages(requirements: list[str] | None = None) -> list[Finding]:
    """Every installed package against curator's requirements; those of extras only where they are installed.

    Args:
        requirements: as in a package's metadata; None = curator's own.
    """
    wanted = metadata.requires(DISTRIBUTION) or [] if requirements is None else requirements
    problems: list[Finding] = []
    found: dict[str, str] = {}
    for requirement in map(Requirement, wanted):
        extra = requirement.marker is not None and "extra" in str(requirement.marker)
        if requirement.marker is not None and not extra and not requirement.marker.evaluate():
            continue
        version = _installed(requirement.name)
        if version is None and extra:
            continue
        if version is not None and requirement.specifier.contains(version, prereleases=True):
            found[requirement.name] = version
            continue
        has = "not installed" if version is None else f"{version} is installed"
        needed = f"{requirement.name}{requirement.specifier}"
        make = warn if extra else fail
        problems.append(
            make("packages", f"{requirement.name}: {has}, {needed} is needed", f"pip install '{needed}'")
        )
    if problems:
        return problems
    named = ", ".join(f"{name} {found[name]}" for name in _NAMED if name in found)
    return [ok("packages", f"{len(found)} fit: {named}")]


def check_gpu() -> Finding:
    """What torch computes on. No GPU is fine; one that cannot be used is worth a word."""
    name = "gpu"
    try:
        # a driver that is too old is only a warning of torch's, and then the CPU is used without a word
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            import torch

            usable = torch.cuda.is_available()
            devices = (
                [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if usable else []
            )
    except (ImportError, OSError, RuntimeError) as exc:
        return fail(
            name,
            f"torch cannot be used: {_line(exc)}",
            "Reinstall torch in the version that constraints.txt pins.",
        )
    if usable:
        return ok(name, f"{', '.join(devices)} (CUDA {torch.version.cuda})")
    if not _DRIVER.exists():
        return ok(name, "none; the CPU is used")
    if torch.version.cuda is None:
        return warn(
            name,
            "there is an NVIDIA driver, but this torch is built for the CPU only",
            "Install a CUDA build of torch.",
        )
    why = _line(said[-1].message) if said else "torch gives no reason"
    return warn(
        name,
        f"there is an NVIDIA driver, but torch cannot use it ({why}); the CPU is used",
        "Fix the driver.",
    )


def check_arithmetic() -> Finding:
    """What decides the last bits of every number here, in one line: worth sending along with whatever looks wrong."""
    return ok("arithmetic", describe_arithmetic())


def describe_arithmetic() -> str:
    """Processor, the kernels that each library has chosen for it, threads, versions, and what overrules them."""
    import faiss  # noqa: F401  its OpenBLAS is one of those that are listed
    import numpy as np
    import scipy.linalg  # noqa: F401  so is this one's
    import torch
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    from strategies.kernels.parallel import cores

    blas = sorted(
        {
            f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '?')} x{pool['num_threads']}"
            for pool in threadpool_info()
            if pool["user_api"] == "blas"
        }
    )
    versions = [f"{name} {_installed(name)}" for name in _ARITHMETIC]
    built: Any = np.show_config(mode="dicts")
    simd = built.get("SIMD Extensions", {}).get("found", [])
    told = [f"{name}={os.environ[name]}" for name in _TOLD if name in os.environ]
    parts = [
        f"{_processor()} ({platform.machine()}, {platform.system()})",
        f"{cores()} cores",
        *blas,
        f"numpy up to {simd[-1] if simd else 'its baseline'}",
        f"torch {torch.backends.cpu.get_cpu_capability()} x{torch.get_num_threads()}",
        f"python {platform.python_version()}",
        *versions,
        *told,
    ]
    return "; ".join(parts)


def _processor() -> str:
    """Its name, as the system has it."""
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return named.get("model name") or platform.processor() or "processor unknown"


def check_compiled() -> Finding:
    """Where numba keeps what it compiles. Nowhere is fine, but every command compiles anew."""
    name = "compiled code"
    try:
        from strategies.kernels.compiled import kept_in

        folder = kept_in()
    except (ImportError, OSError, RuntimeError) as exc:
        return fail(
            name,
            f"numba cannot be used: {_line(exc)}",
            "Reinstall numba in the version that constraints.txt pins.",
        )
    if folder is None:
        return warn(
            name,
            "not cached, since neither curator's own folder nor the user's cache folder is writable: every `curator round` "
            "spends ten seconds or more compiling",
            "Set NUMBA_CACHE_DIR to a folder that only you can write to.",
        )
    return ok(name, f"cached in {folder}")


def _installed(name: str) -> str | None:
    try:
        about = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    # metadata.version() would parse the whole file: for all that we need, a tenth of what the command takes
    text = about.read_text("METADATA") or about.read_text("PKG-INFO") or ""
    found = re.search(r"^Version: *(\S+)", text, re.MULTILINE)
    return None if found is None else found[1]


def _line(said: object) -> str:
    return " ".join(str(said).split())[:200]
