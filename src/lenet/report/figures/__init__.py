"""The figures of the report; no function here touches global state."""
