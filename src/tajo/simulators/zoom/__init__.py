"""Zoom, simulated: the REST API and the token endpoint of one account, over an invented world."""

from tajo.simulators.zoom.app import ZoomSimulator
from tajo.simulators.zoom.switches import ZoomSwitches

__all__ = ["ZoomSimulator", "ZoomSwitches"]
