"""NVML's answers are passed on; what it refuses is left out.

Machines without a GPU run these against a stand-in for the binding that answers like an H100, and
refuses like a MIG device; where there is a real driver the last test asks it.
"""

from __future__ import annotations

import importlib
import os
from types import SimpleNamespace

import pytest

from epochal.client.capture.gpu import GpuInfo, Gpus, open_gpus

GB = 2**30


class Refusal(Exception):
    """Stands for ``NVMLError``."""


def binding(**changes):
    """A stand-in for the module ``pynvml`` with two devices."""

    def process(pid, size):
        return SimpleNamespace(pid=pid, usedGpuMemory=size)

    answers = {
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda handle: "NVIDIA H100 80GB HBM3",
        "nvmlDeviceGetUUID": lambda handle: f"GPU-{handle}".encode(),
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=80 * GB, used=20 * GB),
        "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=87, memory=12),
        "nvmlDeviceGetComputeRunningProcesses": lambda handle: [
            process(1, 2 * GB), process(2, None), process(3, GB), process(4, 4 * GB)
        ],
        "nvmlDeviceGetPowerUsage": lambda handle: 350_000,
        "nvmlDeviceGetEnforcedPowerLimit": lambda handle: 700_000,
        "nvmlDeviceGetTemperature": lambda handle, sensor: 61,
        "nvmlDeviceGetClockInfo": lambda handle, clock: 1980,
        "nvmlSystemGetDriverVersion": lambda: "550.54.15",
        "nvmlSystemGetCudaDriverVersion": lambda: 12040,
        "nvmlShutdown": lambda: None,
    }  # fmt: skip
    constants = {"NVMLError": Refusal, "NVML_TEMPERATURE_GPU": 0, "NVML_CLOCK_SM": 1}
    return SimpleNamespace(**(answers | constants | changes))


def refuse(*arguments):
    raise Refusal("Not Supported")


def test_every_value_of_every_device_is_named_and_scaled():
    """Milliwatts become watts, bytes become GB of 2^30, own processes are summed."""
    values = Gpus(binding()).sample({1, 3, 99})
    one = {
        "utilization": 87.0,
        "memory.percent": 25.0,
        "memory.used_gb": 20.0,
        "memory.process_gb": 3.0,
        "power_watts": 350.0,
        "power.percent": 50.0,
        "temperature_c": 61.0,
        "clock.sm_mhz": 1980.0,
    }
    assert values == {f"system/gpu.{i}.{key}": value for i in (0, 1) for key, value in one.items()}


def test_a_container_that_sees_no_process_of_ours_has_no_such_key():
    """Zero would be a lie."""
    values = Gpus(binding()).sample({12345})
    assert "system/gpu.0.memory.process_gb" not in values


@pytest.mark.parametrize(
    "question, missing",
    [
        ("nvmlDeviceGetUtilizationRates", {"utilization"}),
        ("nvmlDeviceGetMemoryInfo", {"memory.percent", "memory.used_gb"}),
        ("nvmlDeviceGetComputeRunningProcesses", {"memory.process_gb"}),
        ("nvmlDeviceGetPowerUsage", {"power_watts", "power.percent"}),
        ("nvmlDeviceGetEnforcedPowerLimit", {"power.percent"}),
        ("nvmlDeviceGetTemperature", {"temperature_c"}),
        ("nvmlDeviceGetClockInfo", {"clock.sm_mhz"}),
    ],
)
def test_a_refused_question_costs_its_keys_only(question, missing):
    """MIG devices and virtual GPUs refuse some."""
    complete = Gpus(binding()).sample({1})
    values = Gpus(binding(**{question: refuse})).sample({1})
    gone = {key.split(".", 2)[2] for key in set(complete) - set(values)}
    assert gone == missing


def test_a_lost_device_leaves_the_others():
    """A GPU that fell off the bus keeps its number; the next one keeps its own."""

    def handle(index):
        if index == 0:
            raise Refusal("GPU is lost")
        return index

    values = Gpus(binding(nvmlDeviceGetHandleByIndex=handle)).sample(set())
    assert {key.split(".")[1] for key in values} == {"1"}


def test_a_driver_that_refuses_everything_gives_nothing():
    """Nothing is raised."""
    nothing = binding()
    for name in list(vars(nothing)):
        if name.startswith("nvml"):
            setattr(nothing, name, refuse)
    gpus = Gpus(nothing)
    assert gpus.sample({1}) == {}
    assert gpus.describe() == []
    assert (gpus.driver_version(), gpus.cuda_version()) == ("", "")
    gpus.close()


def test_devices_are_described():
    """Names may be bytes in old bindings."""
    gpus = Gpus(binding())
    info = GpuInfo("NVIDIA H100 80GB HBM3", 80.0, "GPU-0")
    assert gpus.describe()[0] == info
    assert (gpus.driver_version(), gpus.cuda_version()) == ("550.54.15", "12.4")


def test_the_binding_has_every_name_that_is_asked_for():
    """The stand-in and the real ``pynvml`` agree on names."""
    nvml = importlib.import_module("pynvml")
    for name in vars(binding()):
        assert hasattr(nvml, name), name


def test_the_real_driver_is_asked_where_there_is_one():
    """Without a driver there is nothing to open, and no error."""
    gpus = open_gpus()
    if gpus is None:
        assert not os.path.exists("/dev/nvidiactl")
        return
    values = gpus.sample({os.getpid()})
    assert "system/gpu.0.memory.used_gb" in values
    assert gpus.describe()[0].memory_gb > 0
    gpus.close()
