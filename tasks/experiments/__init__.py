"""Experiments: pre-registration, assignment, the decision and the roll-out, as pure functions over one row per arm.

The method is in docs/statistics.md. The way through the room: `registration` (what is fixed beforehand) ->
`feasibility` (can the test answer its question) -> `assignment` (who gets what) -> `decision` (health, guardrails,
verdict) -> `rollout` (waves, realised lift, incrementality).
"""
