"""The ground floor: settings, clock, keys, campaign model, stores and providers; nothing of Prefect in it."""
