"""What only this checkout needs: its sample, its tiny model, its documents. Not in the wheel."""
