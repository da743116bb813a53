"""Personal data and secrets: found by rules, walked to in every shape of body, replaced and restored. Pure: no models, no I/O."""
