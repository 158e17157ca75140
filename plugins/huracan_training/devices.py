"""Where boosting may compute: on a GPU only where there is one and the library was built for it."""

from __future__ import annotations

from pathlib import Path

from huracan.errors import UsageError

__all__ = ["has_gpu", "usable_device"]

GPU_FILES = (Path("/dev/nvidia0"), Path("/dev/dxg"))
"""The first NVIDIA device of Linux, and that of Windows' Linux."""


def has_gpu(files: tuple[Path, ...] = GPU_FILES) -> bool:
    """Whether the kernel shows an NVIDIA device; nothing is loaded to find out."""
    return any(file.exists() for file in files)


def usable_device(wanted: str, trainer: str, *, gpu: bool) -> str:
    """Return ``cpu`` or ``cuda`` for a trainer, ``auto`` being a GPU that can be used.

    Raises UsageError where ``cuda`` is asked for and there is no GPU, or the library cannot use it.
    """
    if wanted == "cpu" or (wanted == "auto" and not gpu):
        return "cpu"
    if not gpu:
        raise UsageError("training.device is cuda, but this machine shows no NVIDIA GPU; write auto or cpu")
    if _built_for_cuda(trainer):
        return "cuda"
    if wanted == "cuda":
        raise UsageError(
            f"training.device is cuda, but the installed library of trainer {trainer} was built without it; "
            "for xgboost: pip uninstall xgboost-cpu && pip install xgboost"
        )
    return "cpu"


def _built_for_cuda(trainer: str) -> bool:
    """LightGBM's wheels are built for CPUs, and small models are no faster on a GPU: only XGBoost is asked."""
    if trainer != "xgboost":
        return False
    import xgboost

    return bool(xgboost.build_info().get("USE_CUDA"))
