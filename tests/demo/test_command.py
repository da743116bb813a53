import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_management_command_serves_and_stops_on_sigterm() -> None:
    command = [sys.executable, "manage.py", "demo_provider", "--port", "0", "--pace", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        announced = process.stdout.readline()
        process.terminate()
        assert process.wait(10) == 0
    assert announced.startswith("demo provider on http://127.0.0.1:")


def test_taken_port_gets_a_clear_message() -> None:
    command = [sys.executable, "-m", "orbit.demo.provider", "--pace", "0", "--port"]
    with subprocess.Popen([*command, "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = process.stdout.readline().rpartition(":")[2].split("/")[0]
        second = subprocess.run([*command, port], cwd=ROOT, capture_output=True, text=True, timeout=10)
        process.terminate()
    assert second.returncode == 1
    assert f"cannot listen on port {port}" in second.stderr
