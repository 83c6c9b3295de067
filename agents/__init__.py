"""The swarm: six agents that detect, diagnose, plan, judge, act and verify, meeting only on the bus."""
