"""Findings of personal data and secrets over time: drawn, broken down, downloaded."""
