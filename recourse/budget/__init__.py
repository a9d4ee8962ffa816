"""Retry and hedge budgets: back-pressure, so that retries do not amplify an outage."""
