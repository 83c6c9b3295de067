"""The Traffic Controller: moves users between regions, and never to one that can't carry them."""

from agents.traffic_controller.agent import TrafficController

__all__ = ["TrafficController"]
