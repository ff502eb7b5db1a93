"""The bundled model folders, each with its model card."""
