"""The figures of the report and of single runs; no function here touches global state."""
