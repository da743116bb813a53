"""One module for each provider's reports of usage and costs."""
