"""A folder in the operator's Grafana for each organization, made by Grafana's HTTP API (docs/grafana.md)."""
