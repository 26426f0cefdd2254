"""What NVML says of the machine's GPUs.

Promise: nothing here raises, and nothing touches CUDA. Without the package ``nvidia-ml-py``,
without a driver, or where a device does not answer a question (MIG, virtual GPUs), the answer is
left out. Indices are NVML's: all GPUs of the machine in PCI order, whatever
``CUDA_VISIBLE_DEVICES`` says.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any, Final

import msgspec

_GB: Final = 2**30
_MAX_GPUS: Final = 64
# The driver's control device, its place under WSL, and those of Jetson boards.
_DEVICES: Final = ("/dev/nvidiactl", "/dev/dxg", "/dev/nvhost-gpu", "/dev/nvgpu")


class GpuInfo(msgspec.Struct, frozen=True):
    """One GPU as the environment page shows it."""

    name: str = ""
    memory_gb: float = 0.0
    uuid: str = ""


class Gpus:
    """An open connection to NVML. Open with `open_gpus`; it belongs to one thread.

    Args:
        nvml: the module ``pynvml``, initialized.
    """

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        count = self._ask(nvml.nvmlDeviceGetCount) or 0
        handles = [
            self._ask(nvml.nvmlDeviceGetHandleByIndex, index)
            for index in range(min(count, _MAX_GPUS))
        ]
        self._handles = {i: handle for i, handle in enumerate(handles) if handle is not None}

    def _ask(self, question: Callable[..., Any], *arguments: Any) -> Any:
        """The answer, or None: drivers refuse single questions, bindings stumble on bytes."""
        try:
            return question(*arguments)
        except (self._nvml.NVMLError, ValueError, TypeError, AttributeError, OSError):
            return None

    def describe(self) -> list[GpuInfo]:
        """Names and memory of all GPUs."""
        nvml = self._nvml
        return [
            GpuInfo(
                name=_text(self._ask(nvml.nvmlDeviceGetName, handle)),
                memory_gb=_memory(self._ask(nvml.nvmlDeviceGetMemoryInfo, handle), "total"),
                uuid=_text(self._ask(nvml.nvmlDeviceGetUUID, handle)),
            )
            for handle in self._handles.values()
        ]

    def driver_version(self) -> str:
        """Version of the display driver, such as ``550.54.15``, or ""."""
        return _text(self._ask(self._nvml.nvmlSystemGetDriverVersion))

    def cuda_version(self) -> str:
        """Newest CUDA version that the driver supports, such as ``12.4``, or ""."""
        number = self._ask(self._nvml.nvmlSystemGetCudaDriverVersion)
        return f"{number // 1000}.{number % 1000 // 10}" if number else ""

    def sample(self, pids: set[int]) -> dict[str, float]:
        """Present values of all GPUs.

        Args:
            pids: processes that count as ours.

        Returns:
            ``system/gpu.<index>.<what>``: ``utilization`` (percent of time busy),
            ``memory.percent``, ``memory.used_gb`` and ``memory.process_gb`` (GB of 2^30 bytes),
            ``power_watts``, ``power.percent`` of the limit, ``temperature_c``, ``clock.sm_mhz``.
            In a container that does not see the host's process ids ``memory.process_gb`` is
            missing.
        """
        values: dict[str, float] = {}
        for index, handle in self._handles.items():
            for name, value in self._sample_one(handle, pids).items():
                values[f"system/gpu.{index}.{name}"] = float(value)
        return values

    def _sample_one(self, handle: Any, pids: set[int]) -> dict[str, float]:
        nvml = self._nvml
        values: dict[str, float] = {}
        rates = self._ask(nvml.nvmlDeviceGetUtilizationRates, handle)
        if rates is not None:
            values["utilization"] = rates.gpu
        memory = self._ask(nvml.nvmlDeviceGetMemoryInfo, handle)
        if memory is not None and memory.total:
            values["memory.percent"] = 100.0 * memory.used / memory.total
            values["memory.used_gb"] = memory.used / _GB
        processes = self._ask(nvml.nvmlDeviceGetComputeRunningProcesses, handle) or []
        own = [p.usedGpuMemory for p in processes if p.pid in pids and p.usedGpuMemory]
        if own:
            values["memory.process_gb"] = sum(own) / _GB
        power = self._ask(nvml.nvmlDeviceGetPowerUsage, handle)
        limit = self._ask(nvml.nvmlDeviceGetEnforcedPowerLimit, handle)
        if power is not None:
            values["power_watts"] = power / 1000.0
            if limit:
                values["power.percent"] = 100.0 * power / limit
        temperature = self._ask(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU)
        if temperature is not None:
            values["temperature_c"] = temperature
        clock = self._ask(nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_SM)
        if clock is not None:
            values["clock.sm_mhz"] = clock
        return values

    def close(self) -> None:
        """Let NVML go; other users of it in this process are not disturbed: NVML counts them."""
        self._handles = {}
        self._ask(self._nvml.nvmlShutdown)


def open_gpus() -> Gpus | None:
    """Connect to NVML, or None where there is none. The first connection takes up to 0.1 s."""
    if sys.platform == "linux" and not any(map(os.path.exists, _DEVICES)):
        return None  # no driver: spare the import
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
    except (nvml.NVMLError, AttributeError, OSError):
        return None
    return Gpus(nvml)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def _memory(info: Any, field: str) -> float:
    return round(getattr(info, field, 0) / _GB, 2) if info is not None else 0.0
