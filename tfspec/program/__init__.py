"""The program: what runs. Expressions over values, storages, and one method per scope and mode."""
